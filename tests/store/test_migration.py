from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from churn.documents.plan import PlanInputs
from churn.errors import ConfigError
from churn.store import migration, open_store
from churn.store.programme_tables import schema
from churn.store.tables import campaign_plans
from tests.documents.samples import plan_record

_OPEN = "import sys; from churn.store import open_store; open_store(sys.argv[1]).close()"


def test_the_migrations_build_exactly_the_tables_described(empty_url: str) -> None:
    with open_store(empty_url) as store, store.database.read() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "target_metadata": schema,
                "include_object": lambda item, *_: not _is_of_lists(connection, getattr(item, "table", item)),
            },
        )
        assert compare_metadata(context, schema) == []


def test_the_constraints_and_indexes_bear_the_names_described(empty_url: str) -> None:
    with open_store(empty_url) as store, store.database.read() as connection:
        inspector = sa.inspect(connection)
        for table in schema.sorted_tables:
            if _is_of_lists(connection, table):
                continue
            described = {str(index.name) for index in table.indexes}
            # PostgreSQL lists the index behind a unique constraint too.
            own = [i for i in inspector.get_indexes(table.name) if "duplicates_constraint" not in i]
            assert {index["name"] for index in own} == described
            # SQLite keeps no name for the key of a table that counts by itself.
            assert inspector.get_pk_constraint(table.name)["name"] in {f"pk_{table.name}", None}
        assert {key["name"] for key in inspector.get_foreign_keys("model_changes")} == {
            "fk_model_changes_version",
            "fk_model_changes_replaced_version",
        }


def test_the_file_names_of_the_revisions_are_the_chain_alembic_reads() -> None:
    config = Config()
    config.set_main_option("script_location", str(migration.FOLDER))
    script = ScriptDirectory.from_config(config)
    chain = [revision.revision for revision in script.walk_revisions()][::-1]
    assert tuple(chain) == migration.revisions()
    assert script.get_heads() == [migration.revisions()[-1]]


@pytest.mark.slow
def test_opening_a_store_again_does_not_load_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    open_store(url).close()
    code = f"{_OPEN}; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code, url], check=False).returncode == 0


@pytest.mark.slow
def test_importing_the_store_loads_neither_alembic_nor_polars() -> None:
    code = "import sys, churn.store; sys.exit(bool({'alembic', 'polars'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_several_processes_that_open_an_empty_store_at_once_migrate_it_once(empty_url: str) -> None:
    started = [subprocess.Popen([sys.executable, "-c", _OPEN, empty_url], stderr=subprocess.PIPE) for _ in range(3)]
    results = [(process.communicate(timeout=120)[1], process.returncode) for process in started]
    assert results == [(b"", 0)] * 3
    with open_store(empty_url) as store, store.database.read() as connection:
        assert connection.execute(sa.text("select version_num from alembic_version")).all() == [
            (migration.revisions()[-1],)
        ]


def test_a_store_of_a_newer_version_is_refused_and_left_alone(store_url: str) -> None:
    with open_store(store_url) as store, store.database.write() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    try:
        with pytest.raises(ConfigError, match="newer version of churn") as caught:
            open_store(store_url)
        assert "9999" in str(caught.value)
        assert "pg-s3cret-word" not in str(caught.value)
    finally:
        with _any_database(store_url).begin() as connection:
            connection.execute(sa.text(f"update alembic_version set version_num = '{migration.revisions()[-1]}'"))


def test_a_killed_migration_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.sqlite"

    def die(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("alembic.op.create_index", die)
    with pytest.raises(KeyboardInterrupt):
        open_store(f"sqlite:///{path}")
    monkeypatch.undo()
    with sqlite3.connect(path) as connection:
        assert connection.execute("select count(*) from sqlite_master").fetchone() == (0,)
    connection.close()
    open_store(f"sqlite:///{path}").close()


def test_an_sqlite_store_is_in_wal_mode_with_foreign_keys_on(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'deep' / 'store.sqlite'}") as store, store.database.raw() as cursor:
        found = [cursor.execute(f"pragma {name}").fetchone()[0] for name in ("journal_mode", "foreign_keys")]
        waits = cursor.execute("pragma busy_timeout").fetchone()[0]
    assert found == ["wal", 1]
    assert waits == 30_000


def test_a_store_in_memory_lives_as_long_as_it_is_open() -> None:
    with open_store("sqlite://") as store:
        assert store.models.list() == []


@pytest.mark.parametrize(("inputs", "own", "expected"), [({"window_days": 45}, 60, 45), ({}, 60, 60), ({}, None, 30)])
def test_a_plan_of_an_older_store_gets_its_window_from_what_was_kept_with_it(
    empty_url: str, inputs: dict[str, int], own: int | None, expected: int
) -> None:
    written = plan_record(inputs=PlanInputs(campaigns=("support_call",), budget=None, window_days=7))
    with _any_database(empty_url).begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(migration.FOLDER))
        config.attributes["connection"] = connection
        command.upgrade(config, "0009")
        old = {
            column.name: getattr(written, column.name) for column in campaign_plans.c if column.name != "window_days"
        }
        old |= {"definition": written.definition.as_json() | {"window_days": own}, "result": written.result.as_json()}
        old["inputs"] = {"campaigns": ["support_call"], "budget": None, **inputs}
        connection.execute(sa.insert(campaign_plans).values(old))
    with open_store(empty_url) as store, store.database.read() as connection:
        assert connection.execute(sa.select(campaign_plans.c.window_days)).scalar_one() == expected


def _is_of_lists(connection: sa.Connection, item: object) -> bool:
    """Say whether this is of the score lists on PostgreSQL, a view and its partitions: test_score_lists.py looks at those."""
    name = str(getattr(item, "name", ""))
    return connection.dialect.name == "postgresql" and (name == "scores" or name.startswith("score_list"))


def _any_database(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)

from __future__ import annotations

import importlib
import sqlite3
import time
import traceback
from pathlib import Path

import pytest
import sqlalchemy as sa

from churn.errors import AuthFailed, ChurnError, ConfigError, ResourceError, StoreBusy, Unreachable
from churn.store import Store, database, open_store
from tests.postgres import PostgresServer
from tests.store.builders import NOON, model, run, score_list

_SECRET = "pg-s3cret-word"


def _told(error: BaseException) -> str:
    """Everything a user, a log or `--debug` could show of an error."""
    return "".join(traceback.format_exception(error)) + repr(error) + str(error)


def test_no_password_shows_in_the_store_or_its_parts(postgres_url: str) -> None:
    assert _SECRET in postgres_url
    with open_store(postgres_url) as store:
        shown = repr(store) + str(store) + repr(store.database) + repr(store.scores) + store.address
    assert _SECRET not in shown
    assert "127.0.0.1" in shown


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_usual_spelling_of_a_postgresql_address_is_understood(postgres_url: str, scheme: str) -> None:
    open_store(postgres_url.replace("postgresql", scheme, 1)).close()


def test_the_password_may_come_from_the_environment(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", postgres_server.password)
    open_store(postgres_server.url("postgres", with_password=False)).close()


def test_a_wrong_password_is_told_without_it(postgres_server: PostgresServer) -> None:
    url = postgres_server.url("postgres").replace(_SECRET, "wr0ng-guess")
    with pytest.raises(AuthFailed, match=f":{postgres_server.port}/") as caught:
        open_store(url)
    assert "wr0ng-guess" not in _told(caught.value)
    assert caught.value.exit_code == 6


def test_a_server_that_does_not_answer_is_named_without_the_password() -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1/") as caught:
        open_store(f"postgresql://churn:{_SECRET}@127.0.0.1:1/churn")
    assert _SECRET not in _told(caught.value)
    assert caught.value.exit_code == 6


def test_a_database_that_does_not_exist_is_a_configuration_error(postgres_server: PostgresServer) -> None:
    with pytest.raises(ConfigError, match="no such database"):
        open_store(postgres_server.url("nowhere"))


def test_a_user_who_may_not_create_tables_is_told_what_is_needed(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("drop role if exists reader")
        admin.execute(f"create role reader login password '{_SECRET}'")
    with pytest.raises(ConfigError, match="must be allowed to create") as caught:
        open_store(postgres_url.replace("churn:", "reader:", 1))
    assert _SECRET not in _told(caught.value)


def test_without_the_driver_the_extra_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def missing(name: str, package: str | None = None) -> object:
        if name == "psycopg":
            raise ModuleNotFoundError(name)
        return real(name, package)

    monkeypatch.setattr(database.importlib, "import_module", missing)
    with pytest.raises(ConfigError, match=r"pip install 'churn\[postgres\]'"):
        open_store(f"postgresql://churn:{_SECRET}@127.0.0.1/churn")


@pytest.mark.parametrize(
    "url",
    [
        "not an address",
        "",
        f"mysql://root:{_SECRET}@host/churn",
        f"postgresql://churn:{_SECRET}@host:port/churn",
        f"oracle+{_SECRET}",
    ],
)
def test_an_address_we_cannot_use_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError, match="sqlite:///path") as caught:
        open_store(url)
    assert _SECRET not in _told(caught.value)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, not a database\n" * 100)
    with pytest.raises(ConfigError, match="not a store") as caught:
        open_store(f"sqlite:///{path}")
    assert str(path) in str(caught.value)
    assert path.read_text().startswith("these are notes")


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="cannot be written or read"):
        open_store(f"sqlite:///{tmp_path}")


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(ResourceError, match="cannot be made"):
        open_store(f"sqlite:///{tmp_path / 'home' / 'store.sqlite'}")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)


def test_a_locked_sqlite_store_is_busy(impatient: None, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with open_store(f"sqlite:///{path}") as store:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("begin immediate")
        with pytest.raises(StoreBusy) as caught:
            store.models.register(model())
        assert store.models.list() == []  # readers go on
        holder.close()
        store.models.register(model())
    assert caught.value.exit_code == 5


def test_a_locked_postgresql_store_is_busy(monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> None:
    import psycopg

    monkeypatch.setattr(database, "BUSY_SECONDS", 1)
    with open_store(postgres_url) as store, psycopg.connect(postgres_url) as holder:
        holder.execute("lock table scores in share row exclusive mode")
        began = time.monotonic()
        with pytest.raises(StoreBusy):
            store.scores.publish(run(), score_list(2))
        assert time.monotonic() - began < 15, "removing old lists waited once more for each try"
        assert store.scores.current_run() is None
        holder.rollback()
        store.scores.publish(run(), score_list(2))


def test_a_server_that_goes_away_is_told_and_the_next_use_connects_anew(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    with open_store(postgres_url) as store:
        store.models.register(model("m1"))
        with pytest.raises(Unreachable):
            _delete_while_the_server_hangs_up(store, postgres_server)
        assert [m.version for m in store.models.list()] == ["m1"]


def _delete_while_the_server_hangs_up(store: Store, server: PostgresServer) -> None:
    import psycopg

    with store.database.write() as connection:
        number = connection.exec_driver_sql("select pg_backend_pid()").scalar()
        with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
            admin.execute("select pg_terminate_backend(%s)", [number])
        connection.exec_driver_sql("delete from model_versions")


def test_a_full_disk_is_told_and_the_old_list_stays(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'store.sqlite'}") as store:
        store.scores.publish(run("run-1"), score_list(50))
        with store.database.raw() as cursor:
            pages = cursor.execute("pragma page_count").fetchone()[0]
            cursor.execute(f"pragma max_page_count = {pages + 5}")  # SQLite reports this limit as a full disk
        with pytest.raises(ResourceError, match="the disk is full") as caught:
            store.scores.publish(run("run-2"), score_list(5_000))
        current = store.scores.current_run()
        assert current is not None
        assert current.run_id == "run-1"
        assert store.scores.current().height == 50
    assert caught.value.exit_code == 7


def test_a_customers_data_is_in_no_message(store: Store) -> None:
    store.models.register(model())
    with pytest.raises(ChurnError) as caught, store.database.write() as open_connection:
        open_connection.exec_driver_sql("insert into job_runs (workflow) values ('jane.doe@example.com')")
    assert "jane.doe" not in str(caught.value)


def test_a_store_is_closed_at_the_end_of_its_block(store_url: str) -> None:
    with open_store(store_url) as store:
        store.runs.start("score", started_at=NOON)
    assert store.database.engine.pool.checkedin() == 0  # type: ignore[attr-defined]


def test_what_was_compiled_for_one_store_serves_the_next(tmp_path: Path) -> None:
    statement, compiled = sa.select(sa.literal("x") + sa.literal("y")), []
    for name in ("one", "other"):
        opened = database.connect(f"sqlite:///{tmp_path / name}")
        with opened.read() as connection:
            result = connection.execute(statement)
            compiled.append(result.context.compiled)
            assert result.scalar_one() == "xy"
        opened.close()
    assert compiled[0] is compiled[1]

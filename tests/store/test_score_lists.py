"""The score lists of a PostgreSQL store, which are partitions behind the view `scores`."""

from __future__ import annotations

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from churn.store import Store, migration, open_store
from churn.store.score_lists import LISTS, partition_names
from churn.store.tables import scores
from tests.store.builders import run, score_list


@pytest.fixture
def lists(empty_postgres: str):
    with open_store(empty_postgres) as store:
        yield store


def _partitions(store: Store) -> frozenset[str]:
    with store.database.read() as connection:
        return partition_names(connection)


def test_a_list_has_the_columns_keys_and_indexes_that_the_tables_page_describes(lists: Store) -> None:
    lists.scores.publish(run(), score_list())
    described = [(column.name, str(column.type), column.nullable) for column in scores.columns]
    with lists.database.read() as connection:
        inspector = sa.inspect(connection)
        assert [column["name"] for column in inspector.get_columns("scores")] == [name for name, _, _ in described]
        newest = max(partition_names(connection), key=lambda name: int(name.rpartition("_")[2]))
        for table in (LISTS, newest):
            own = {column["name"]: column for column in inspector.get_columns(table)}
            del own["list_number"]
            assert {(n, c["nullable"]) for n, c in own.items()} == {(n, nullable) for n, _, nullable in described}
            assert {n: str(c["type"]) for n, c in own.items()} == {n: _on_postgres(n) for n, _, _ in described}
        assert inspector.get_pk_constraint(newest)["constrained_columns"] == ["customer_id"]
        assert {index["name"] for index in inspector.get_indexes(newest)} == {
            str(index.name).replace("scores", newest) for index in scores.indexes
        }
        statement = "select indexdef from pg_indexes where tablename = :table order by indexname"
        definitions = connection.execute(sa.text(statement), {"table": newest}).scalars().all()
    assert [definition.partition(" USING ")[2] for definition in definitions] == [
        "btree (churn_probability DESC, customer_id)",
        "btree (expected_profit DESC, customer_id)",
        "btree (customer_id)",
    ]


def _on_postgres(name: str) -> str:
    kind = str(scores.c[name].type.compile(sa.dialects.postgresql.dialect()))
    return kind.replace("DOUBLE", "DOUBLE PRECISION").replace("PRECISION PRECISION", "PRECISION")


def test_a_reader_who_began_before_two_publications_sees_the_first_list_to_the_end(lists: Store) -> None:
    lists.scores.publish(run("run-1"), score_list(5))
    with lists.database.fetching() as fetch:
        assert fetch("select run_id from score_runs where is_current", {}) == [("run-1",)]
        lists.scores.publish(run("run-2"), score_list(3))
        lists.scores.publish(run("run-3"), score_list(2))  # would drop the first list if nobody could read it
        assert fetch("select count(*) from scores", {}) == [(5,)]
        lists.scores.publish(run("run-4"), score_list(4))
        assert fetch("select count(*) from scores", {}) == [(5,)]
    assert lists.scores.current().height == 4
    lists.scores.publish(run("run-5"), score_list(1))
    assert len(_partitions(lists)) == 2  # the current one and the one before


def test_a_publication_waits_for_no_reader_and_readers_wait_for_none(lists: Store, empty_postgres: str) -> None:
    lists.scores.publish(run("run-1"), score_list(5))
    lists.scores.publish(run("run-2"), score_list(5))
    with psycopg.connect(empty_postgres) as reader, psycopg.connect(empty_postgres) as writer:
        reader.execute("set lock_timeout = '1ms'")
        assert reader.execute("select count(*) from scores").fetchone() == (5,)  # and holds its lock from here on
        writer.execute("lock table score_list_state in share row exclusive mode")  # as one who publishes
        assert reader.execute("select count(*) from scores").fetchone() == (5,)
        writer.rollback()
        lists.scores.publish(run("run-3"), score_list(2))
        assert reader.execute("select count(*) from scores").fetchone() == (2,)  # each statement has its own snapshot


def test_old_lists_go_in_a_moment_without_readers(
    lists: Store, empty_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists.scores.publish(run("run-1"), score_list(5))
    lists.scores.publish(run("run-2"), score_list(5))
    before = _partitions(lists)
    with psycopg.connect(empty_postgres) as reader:
        reader.execute("select count(*) from scores")
        monkeypatch.setattr("churn.store.score_lists.sleep", lambda _: reader.rollback())
        lists.scores.publish(run("run-3"), score_list(2))
    after = _partitions(lists)
    assert len(after) == 2
    assert len(after & before) == 1, "the list that was current"


def test_a_list_that_is_refused_leaves_the_one_before_and_no_partition(
    lists: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists.scores.publish(run("run-1"), score_list(5))
    before = _partitions(lists)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("churn.store.score_lists.end_list", die)
    with pytest.raises(KeyboardInterrupt):
        lists.scores.publish(run("run-2"), score_list(3))
    monkeypatch.undo()
    assert _partitions(lists) <= before
    assert lists.scores.current().height == 5
    lists.scores.publish(run("run-3"), score_list(2))
    assert lists.scores.current().height == 2


def test_an_erasure_reaches_the_list_before_too(lists: Store) -> None:
    for name in ("run-1", "run-2"):
        lists.scores.publish(run(name), score_list(5))
    assert lists.privacy.erase("c1", at=run().scored_at) == {"scores": 2}
    with lists.database.read() as connection:
        assert connection.execute(sa.text("select count(*) from score_lists where customer_id = 'c1'")).scalar() == 0
    assert lists.scores.current().height == 4


def test_text_comes_back_as_it_was_given(lists: Store) -> None:
    odd = ['a "quoted", one', "two\nlines\r\n", "\\.", "", "\\N", " spaces "]
    lists.scores.publish(run(), score_list(6, customer_id=odd, plan=["", None, "\\N", "NULL", '"', "ü"]))
    rows = lists.scores.current().sort("customer_id")
    assert dict(zip(rows["customer_id"], rows["plan"], strict=True)) == dict(
        zip(odd, ["", None, "\\N", "NULL", '"', "ü"], strict=True)
    )


def test_a_list_of_an_older_store_is_kept_with_the_rights_of_those_who_read_it(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)
    reader = postgres_url.rpartition("/")[2] + "_reader"
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(migration.FOLDER))
        config.attributes["connection"] = connection
        command.upgrade(config, "0021")
        frame = score_list(4)
        for row in frame.iter_rows(named=True):
            connection.execute(sa.insert(scores).values(**row))
        connection.exec_driver_sql(f'create role "{reader}"')
        connection.exec_driver_sql(f'grant select on scores to "{reader}"')
    with open_store(postgres_url) as store:
        assert store.scores.current().sort("customer_id")["customer_id"].to_list() == sorted(frame["customer_id"])
        with store.database.read() as connection:
            allowed = connection.execute(
                sa.text("select has_table_privilege(:reader, 'scores', 'select')"), {"reader": reader}
            )
            assert allowed.scalar() is True
        store.scores.publish(run(), score_list(3))
        assert store.scores.current().height == 3
    with engine.begin() as connection:
        connection.exec_driver_sql(f'drop owned by "{reader}"')
        connection.exec_driver_sql(f'drop role "{reader}"')

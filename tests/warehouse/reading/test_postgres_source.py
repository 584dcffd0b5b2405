"""A PostgreSQL source: Arrow batches in, whole or by what is new, and its faults in our words."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from time import sleep
from typing import Any

import pytest

from churn.config import SourceSettings
from churn.errors import AuthFailed, ConfigError, ContractBroken, Unreachable
from churn.warehouse import Warehouse
from churn.warehouse.loading.ingest import LoadResult, ingest
from churn.warehouse.reading.postgres import address
from tests.postgres import PostgresServer
from tests.warehouse.conftest import NOW

pytestmark = pytest.mark.xdist_group("postgres")
Run = Callable[..., LoadResult]


@pytest.fixture
def database(postgres_url: str) -> Iterator[Any]:
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "create table payments (id bigint, customer_id bigint, at timestamptz, amount numeric(10, 2), status text,"
            " note jsonb, updated_at timestamptz default '2026-01-01 00:00+00')"
        )
        for number in (1, 2):
            connection.execute(
                "insert into payments values (%s, 7, '2026-01-05 10:00+02', 12.50, 'succeeded', '{}')", [number]
            )
        yield connection


@pytest.fixture
def load(warehouse: Warehouse, postgres_url: str, database: Any) -> Run:
    def run(table: str = "payments", *, full: bool = False, **settings: Any) -> LoadResult:
        columns = {"payment_id": "id", "attempted_at": "at"}
        source = SourceSettings(**{"query": f"select * from {table}", "columns": columns} | settings)
        secrets = {f"CHURN_SOURCE_{table.upper()}_DSN": postgres_url}
        return ingest(warehouse, {table: source}, now=NOW, secrets=secrets, full=full)[0]

    return run


def test_rows_arrive_typed_in_utc(warehouse: Warehouse, load: Run) -> None:
    load()
    assert warehouse.rows("select payment_id, customer_id, attempted_at, amount, status, note from raw.payments") == [
        ("1", "7", datetime(2026, 1, 5, 8), 12.5, "succeeded", "{}"),
        ("2", "7", datetime(2026, 1, 5, 8), 12.5, "succeeded", "{}"),
    ]


def test_the_table_of_the_source_s_name_is_read_unless_a_query_is_given(
    warehouse: Warehouse, postgres_url: str, database: Any
) -> None:
    source = SourceSettings(dsn="postgresql://nobody@nowhere/x", columns={"payment_id": "id", "attempted_at": "at"})
    secrets = {"CHURN_SOURCE_PAYMENTS_DSN": postgres_url}
    assert ingest(warehouse, {"payments": source}, now=NOW, secrets=secrets)[0].rows == 2


def test_a_query_that_suddenly_gives_little_is_refused_and_its_rows_stay(
    warehouse: Warehouse, load: Run, database: Any
) -> None:
    database.execute(
        "insert into payments select n, 7, '2026-01-05 10:00+02', 1, 'succeeded' from generate_series(3, 200) as n"
    )
    assert load().rows == 200
    database.execute("delete from payments where id > 50")
    with pytest.raises(ContractBroken, match="query gave 200 rows before and 50 now"):
        load()
    assert warehouse.rows("select count(*) from raw.payments") == [(200,)]
    assert load(most_shrink=1).rows == 50


def test_loading_again_loads_nothing_and_a_changed_result_keeps_what_was_known(
    warehouse: Warehouse, load: Run, database: Any
) -> None:
    load()
    assert load().files_unchanged == 1
    database.execute("update payments set status = 'refunded' where id = 1")
    database.execute("delete from payments where id = 2")
    assert load().rows == 1
    found = warehouse.rows("select payment_id, status from raw.payments order by load_id")
    assert found == [("1", "succeeded"), ("1", "refunded")]
    before = warehouse.rows("select * from raw.payments order by load_id")
    assert load(full=True).rows == 1
    assert warehouse.rows("select * from raw.payments order by load_id") == before


def test_a_column_that_is_added_brings_no_row_twice(warehouse: Warehouse, load: Run, database: Any) -> None:
    database.execute("create table events (customer_id int, event_type text, occurred_at timestamptz, at timestamptz)")
    row = "insert into events values ({}, 'login', '2026-02-01', '2026-02-01 10:00')"
    by_update: dict[str, Any] = {"options": {"updated": "at"}, "columns": {}}
    database.execute(row.format(1))
    load("events", **by_update)
    database.execute("alter table events add column device text default 'web'")
    database.execute(row.format(2))
    assert [load("events", **by_update).rows for _ in range(2)] == [1, 0]
    assert warehouse.rows("select customer_id, device from raw.events order by 1") == [("1", None), ("2", "web")]


def test_a_query_of_the_last_days_forgets_nothing_from_before_them(
    warehouse: Warehouse, load: Run, database: Any
) -> None:
    insert = "insert into payments values ({0}, 7, '2026-01-0{0}', 1, 'failed')"
    database.execute(insert.format(6))
    load()
    database.execute("delete from payments where id < 3")
    database.execute(insert.format(7))
    assert load().rows == 2
    assert warehouse.rows("select payment_id from raw.payments order by 1") == [("1",), ("2",), ("6",), ("7",)]


def test_a_full_load_forgets_no_version_that_came_bit_by_bit(warehouse: Warehouse, load: Run, database: Any) -> None:
    by_update: dict[str, Any] = {
        "options": {"updated": "updated_at"},
        "columns": {"payment_id": "id", "attempted_at": "at", "known_at": "updated_at"},
    }
    load(**by_update)
    database.execute("update payments set status = 'refunded', updated_at = '2026-02-01' where id = 1")
    assert load(**by_update).rows == 1
    before = warehouse.rows("select * from raw.payments order by payment_id, load_id")
    assert [(row[0], row[4]) for row in before] == [("1", "succeeded"), ("1", "refunded"), ("2", "succeeded")]
    load(**by_update, full=True)
    assert warehouse.rows("select * from raw.payments order by payment_id, load_id") == before


@pytest.mark.parametrize("odd", ["null", "'infinity'", "'-infinity'", "'2099-12-31'"])
def test_a_stamp_that_is_none_or_yet_to_come_keeps_no_row_out(
    warehouse: Warehouse, load: Run, database: Any, odd: str
) -> None:
    database.execute("create table contacts (customer_id int, contacted_at timestamptz, updated_at timestamptz)")
    row = "insert into contacts values ({}, '2026-02-01', {})"
    database.execute(row.format(1, odd))
    database.execute(row.format(2, "'2026-02-01'"))
    by_update: dict[str, Any] = {"options": {"updated": "updated_at"}, "columns": {}}
    load("contacts", **by_update)
    database.execute(row.format(3, odd))
    database.execute(row.format(4, "'2026-02-02'"))
    assert [load("contacts", **by_update).rows for _ in range(3)] == [2, 0, 0]
    found = warehouse.rows("select customer_id from raw.contacts order by 1")
    assert found == [("1",), ("2",), ("3",), ("4",)]


def test_with_an_updated_column_only_what_is_new_is_asked_for(warehouse: Warehouse, load: Run, database: Any) -> None:
    by_update: dict[str, Any] = {
        "options": {"updated": "updated_at"},
        "columns": {"payment_id": "id", "attempted_at": "at", "known_at": "updated_at"},
    }
    load(**by_update)
    assert load(**by_update).rows == 0
    database.execute("insert into payments values (3, 8, '2026-02-01', 1, 'failed', null, '2026-02-01')")
    assert load(**by_update).rows == 1
    assert load(**by_update).files_unchanged == 1
    database.execute("insert into payments values (4, 8, '2026-02-01', 1, 'failed', null, '2026-02-01')")
    load(**by_update)
    found = warehouse.rows("select payment_id, count(*) from raw.payments group by 1 order by 1")
    assert found == [("1", 1), ("2", 1), ("3", 1), ("4", 1)]


def test_a_row_that_was_committed_late_is_loaded_and_no_row_twice(
    warehouse: Warehouse, load: Run, database: Any
) -> None:
    by_update: dict[str, Any] = {
        "options": {"updated": "updated_at"},
        "columns": {"payment_id": "id", "attempted_at": "at", "known_at": "updated_at"},
    }
    database.execute("insert into payments values (3, 8, '2026-07-01', 1, 'failed', null, '2026-07-01 09:05')")
    load(**by_update)
    # A transaction that began earlier commits a row whose stamp lies below the newest seen.
    database.execute("insert into payments values (4, 8, '2026-07-01', 1, 'failed', null, '2026-07-01 09:02')")
    assert load(**by_update).rows == 1
    assert load(**by_update).rows == 0
    # The newest row changes under the same stamp: that is another version of it.
    database.execute("update payments set status = 'succeeded' where id = 3")
    assert load(**by_update).rows == 1
    found = warehouse.rows("select payment_id, count(*) from raw.payments group by 1 order by 1")
    assert found == [("1", 1), ("2", 1), ("3", 2), ("4", 1)]


def test_rows_numbered_by_a_sequence_may_be_committed_late_too(warehouse: Warehouse, load: Run, database: Any) -> None:
    by_number: dict[str, Any] = {"options": {"updated": "id", "overlap": 10}}
    database.execute("insert into payments values (30, 8, '2026-07-01', 1, 'failed', null)")
    load(**by_number)
    database.execute("insert into payments values (25, 8, '2026-07-01', 1, 'failed', null)")
    database.execute("insert into payments values (5, 8, '2026-07-01', 1, 'failed', null)")
    load(**by_number)
    assert [key for (key,) in warehouse.rows("select payment_id from raw.payments order by 1")] == [
        "1",
        "2",
        "25",
        "30",
    ]


@pytest.mark.parametrize(
    ("column", "kind", "value", "read"),
    [
        ("amount", "money", "$1,029.99", 1029.99),
        ("amount", "numeric", "NaN", None),
        ("amount", "float8", "NaN", None),
        ("amount", "numeric(30, 10)", "12.5", 12.5),
        ("status", "char(12)", "failed", "failed"),
        ("note", "interval", "1 day", "1 day"),
        ("note", "inet", "10.0.0.1", "10.0.0.1"),
        ("note", "int4range", "[1,5)", "[1,5)"),
        ("note", "bit(3)", "101", "101"),
        ("note", "timetz", "10:00+02", "10:00:00+02"),
        ("note", "uuid", "6f9619ff-8b86-d011-b42d-00c04fc964ff", "6f9619ff-8b86-d011-b42d-00c04fc964ff"),
        ("note", "date", "infinity", None),
        ("note", "timestamptz", "-infinity", None),
        ("note", "timestamptz", "294276-12-31 23:59:59", None),
        ("note", "timestamp", "294276-12-31 23:59:59", None),
        ("note", "integer[]", "{1,2}", [1, 2]),
        ("note", "money[]", "{$5.00,NULL}", "{5.00,NULL}"),
        ("note", "timestamp[]", "{2026-01-01,infinity}", '{"2026-01-01 00:00:00",infinity}'),
        ("amount", "money", "-$5.00", -5.0),
        ("amount", "numeric", "1e400", None),
        ("amount", "text", "€5", 5.0),
        ("status", '"char"', "f", "f"),
        ("note", "xml", "<a/>", "<a/>"),
        ("note", "macaddr", "08:00:2b:01:02:03", "08:00:2b:01:02:03"),
        ("note", "point", "(1,2)", "(1,2)"),
        ("note", "nummultirange", "{[1,2)}", "{[1,2)}"),
        ("note", "cidr", "10.0.0.0/8", "10.0.0.0/8"),
        ("note", "regclass", "pg_class", "pg_class"),
        ("note", "jsonb", '{"a": 1}', '{"a": 1}'),
    ],
)
def test_every_type_of_the_database_is_read(
    warehouse: Warehouse, load: Run, database: Any, column: str, kind: str, value: str, read: object
) -> None:
    database.execute(
        f"create table bills as select 1 as id, 7 as customer_id, now() as at, cast('{value}' as {kind}) as {column}"
    )
    try:
        load(query="select * from bills")
        assert warehouse.rows(f"select {column} from raw.payments") == [(read,)]
    finally:
        database.execute("drop table bills")


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        ("numeric(10, 2)", "17.00", "17"),
        ("bigint", "9007199254740993", "9007199254740993"),
        ("char(8)", "017", "017"),
        ("text", "  17 ", "17"),
        ("uuid", "6F9619FF-8B86-D011-B42D-00C04FC964FF", "6f9619ff-8b86-d011-b42d-00c04fc964ff"),
        ("json", '"a"', "a"),
        ("text[]", "{a}", None),
        ("numeric(20, 0)", "12345678901234567890", "12345678901234567890"),
    ],
)
def test_an_id_of_every_type_is_one_thing_or_refused(
    warehouse: Warehouse, load: Run, database: Any, kind: str, value: str, read: str | None
) -> None:
    query = f"select 1 as id, cast('{value}' as {kind}) as customer_id, now() as at"
    if read is None:
        with pytest.raises(ContractBroken, match="customer_id"):
            load(query=query)
    else:
        load(query=query)
        assert warehouse.rows("select customer_id from raw.payments") == [(read,)]


def test_enums_and_domains_are_read_as_what_they_are_made_of(warehouse: Warehouse, load: Run, database: Any) -> None:
    database.execute("create type mood as enum ('failed', 'succeeded'); create domain fee as numeric(10, 2)")
    database.execute(
        "create table bills as select 1 as id, 7 as customer_id, now() as at, cast('failed' as mood) as status, cast(12.5 as fee) as amount"
    )
    load(query="select * from bills")
    assert warehouse.rows("select status, amount from raw.payments") == [("failed", 12.5)]


def test_a_numeric_is_an_id_to_its_last_digit_and_a_comment_may_end_the_query(
    warehouse: Warehouse, load: Run, database: Any
) -> None:
    database.execute("create table contacts (who numeric, contacted_at date)")
    database.execute("insert into contacts values (9007199254740993, '2026-02-01'), (17.00, '2026-02-01')")
    load("contacts", columns={"customer_id": "who"}, query="select * from contacts -- all of them")
    assert warehouse.rows("select customer_id from raw.contacts order by 1") == [("17",), ("9007199254740993",)]


def test_a_query_that_fails_on_the_way_says_what_the_database_said(load: Run) -> None:
    with pytest.raises(ContractBroken, match="stopped the query: division by zero"):
        load(query="select *, 1 / (2 - id) as share from payments")


def test_a_connection_that_is_lost_is_told_and_leaves_what_was_there(load: Run, database: Any) -> None:
    def kill() -> None:
        asleep = "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'"
        while not database.execute(asleep).fetchall():
            sleep(0.02)

    killing = threading.Thread(target=kill)
    killing.start()
    with pytest.raises(Unreachable, match="connection was lost while rows arrived"):
        load(query="select *, case when id = 2 then pg_sleep(60)::text end as slow from payments")
    killing.join()
    assert load().rows == 2


def test_an_updated_column_that_is_not_there_is_named(load: Run) -> None:
    with pytest.raises(ContractBroken, match=r"no column `changed`.*updated_at"):
        load(options={"updated": "changed"})


def test_an_unknown_option_is_refused(load: Run) -> None:
    with pytest.raises(ConfigError, match="no option `delim`"):
        load(options={"delim": ";"})


def test_bad_rows_are_kept_aside(warehouse: Warehouse, load: Run, database: Any) -> None:
    database.execute("insert into payments values (3, null, now(), 1, 'failed')")
    assert load().rejected == 1
    assert warehouse.rows("select reason from raw.rejected_rows") == [("customer_id is missing",)]


def test_an_empty_table_is_noted(load: Run, database: Any) -> None:
    database.execute("delete from payments")
    assert "No rows for payments" in str(load().note)


def test_a_query_the_database_refuses_is_told(load: Run) -> None:
    with pytest.raises(ContractBroken, match="no_such"):
        load(query="select * from no_such")


def test_a_wrong_password_is_refused_without_telling_it(
    warehouse: Warehouse, postgres_server: PostgresServer, postgres_url: str
) -> None:
    secrets = {"CHURN_SOURCE_PAYMENTS_DSN": postgres_url.replace(postgres_server.password, "wr0ng-word")}
    with pytest.raises(AuthFailed) as caught:
        ingest(warehouse, {"payments": SourceSettings(query="select 1")}, now=NOW, secrets=secrets)
    assert "wr0ng-word" not in str(caught.value)


def test_a_server_that_is_not_there_is_unreachable(warehouse: Warehouse) -> None:
    source = SourceSettings(dsn="postgresql://nobody@127.0.0.1:1/x")
    with pytest.raises(Unreachable, match="does not answer"):
        ingest(warehouse, {"payments": source}, now=NOW)


def test_the_password_comes_from_the_environment_only() -> None:
    source = SourceSettings(dsn="postgresql://ada@db.example:5433/crm?sslmode=require")
    assert address("payments", source, {"PGPASSWORD": "p@ss/word"}) == (
        "postgresql://ada:p%40ss%2Fword@db.example:5433/crm?sslmode=require"
    )
    assert address("payments", SourceSettings(dsn="host=db user=ada"), {"PGPASSWORD": "it's"}) == (
        "host=db user=ada password='it\\'s'"
    )
    given = {"CHURN_SOURCE_PAYMENTS_DSN": "postgresql://a:b@c/d", "PGPASSWORD": "x"}
    assert address("payments", source, given) == "postgresql://a:b@c/d"


def test_a_query_without_address_is_a_configuration_error(warehouse: Warehouse) -> None:
    with pytest.raises(ConfigError, match="CHURN_SOURCE_PAYMENTS_DSN"):
        ingest(warehouse, {"payments": SourceSettings(query="select 1")}, now=NOW)


def test_without_its_package_the_remedy_is_to_install_it(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    with pytest.raises(ConfigError, match=r"pip install 'churn\[postgres\]'"):
        ingest(warehouse, {"payments": SourceSettings(dsn="postgresql://a@b/c")}, now=NOW)

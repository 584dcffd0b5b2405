"""A source in MySQL or MariaDB, against a real server: every type right or refused, whole or by what is new."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from datetime import date, datetime
from time import sleep
from typing import Any
from urllib.parse import urlsplit

import pytest

from churn.config import SourceSettings, load_settings
from churn.errors import AuthFailed, ConfigError, ContractBroken, Unreachable
from churn.warehouse import Warehouse
from churn.warehouse.loading.ingest import LoadResult, ingest
from churn.warehouse.reading.mysql import address
from tests.mariadb import MariadbServer, run
from tests.warehouse.conftest import NOW

pytestmark = pytest.mark.xdist_group("mariadb")
Run = Callable[..., LoadResult]
Execute = Callable[..., None]
PAYMENTS = (
    "create table payments (id bigint unsigned primary key, customer_id int, at datetime, amount decimal(10, 2),"
    " status varchar(20), updated_at timestamp(6) not null default '2026-01-01 00:00:00')"
)


@pytest.fixture
def execute(mariadb_server: MariadbServer, mariadb_url: str) -> Execute:
    def statements(*texts: str, charset: str = "utf8mb4") -> None:
        run(mariadb_server, *texts, database=urlsplit(mariadb_url).path[1:], charset=charset)

    return statements


@pytest.fixture
def load(warehouse: Warehouse, mariadb_url: str, execute: Execute) -> Run:
    execute(PAYMENTS)
    execute(
        "insert into payments (id, customer_id, at, amount, status) values"
        " (1, 7, '2026-01-05 10:00:00', 12.5, 'succeeded'), (2, 7, '2026-01-05 10:00:00', 29.99, 'failed')"
    )

    def run_it(table: str = "payments", *, full: bool = False, **settings: Any) -> LoadResult:
        columns = {"payment_id": "id", "attempted_at": "at"} if table == "payments" else {}
        source = SourceSettings(**{"query": f"select * from {table}", "columns": columns} | settings)
        secrets = {f"CHURN_SOURCE_{table.upper()}_DSN": mariadb_url}
        return ingest(warehouse, {table: source}, now=NOW, secrets=secrets, full=full)[0]

    return run_it


def test_rows_arrive_typed(warehouse: Warehouse, load: Run) -> None:
    assert load().rows == 2
    assert warehouse.rows(
        "select payment_id, customer_id, attempted_at, amount, status, source_file from raw.payments order by 1"
    ) == [
        ("1", "7", datetime(2026, 1, 5, 10), 12.5, "succeeded", "mysql:payments"),
        ("2", "7", datetime(2026, 1, 5, 10), 29.99, "failed", "mysql:payments"),
    ]


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        ("tinyint(1)", "1", 1),
        ("tinyint(1)", "2", 2),
        ("boolean", "true", 1),
        ("tinyint unsigned", "255", 255),
        ("mediumint", "-8388608", -8388608),
        ("bigint unsigned", "18446744073709551615", 18446744073709551615),
        ("bigint", "-9223372036854775808", -9223372036854775808),
        ("decimal(20, 4)", "1234.5678", 1234.5678),
        ("float", "29.99", 29.99),
        ("double", "0.1", 0.1),
        ("date", "'0000-00-00'", None),
        ("date", "'2026-02-03'", date(2026, 2, 3)),
        ("datetime", "'0000-00-00 00:00:00'", None),
        ("datetime(6)", "'2026-02-03 04:05:06.123456'", datetime(2026, 2, 3, 4, 5, 6, 123456)),
        ("timestamp null", "'0000-00-00 00:00:00'", None),
        ("timestamp null", "from_unixtime(1770076800)", datetime(2026, 2, 3)),
        ("time", "'-838:59:59'", "-838:59:59"),
        ("year", "2026", 2026),
        ("year", "0", None),
        ("enum('a', 'b')", "'b'", "b"),
        ("set('a', 'b')", "'a,b'", "a,b"),
        ("bit(1)", "b'1'", 1),
        ("bit(12)", "b'101000000001'", 2561),
        ("json", "'{\"a\": 1}'", '{"a": 1}'),
        ("char(8)", "'ab'", "ab"),
        ("binary(4)", "x'00ff10'", "00ff1000"),
        ("varbinary(16)", "x'0a0b'", "0a0b"),
        ("blob", "x'0a'", "0a"),
        ("text character set utf8mb4", "'  é€😀 '", "  é€😀 "),
        ("varchar(20) character set latin1", "'Müller'", "Müller"),
        ("uuid", "'6f9619ff-8b86-d011-b42d-00c04fc964ff'", "6f9619ff-8b86-d011-b42d-00c04fc964ff"),
        ("inet6", "'2001:db8::1'", "2001:db8::1"),
        ("int", "null", None),
    ],
)
def test_every_type_of_the_database_is_read(
    warehouse: Warehouse, load: Run, execute: Execute, kind: str, value: str, read: object
) -> None:
    execute(f"create table things (customer_id int, thing {kind})", f"insert into things values (7, {value})")
    load("things")
    assert warehouse.rows("select thing from raw.things") == [(read,)]


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("date", "'2024-05-00'", "2024-05-00"),
        ("datetime", "'2024-00-01 10:00:00'", "2024-00-01"),
        ("geometry", "point(1, 2)", "geometry"),
    ],
)
def test_what_has_no_plain_form_is_refused_by_name(
    load: Run, execute: Execute, kind: str, value: str, words: str
) -> None:
    execute(f"create table things (customer_id int, thing {kind})", f"insert into things values (7, {value})")
    with pytest.raises(ContractBroken, match="thing") as caught:
        load("things")
    assert words in caught.value.what


def test_a_flag_that_is_neither_0_nor_1_is_refused_and_not_taken_for_a_yes(load: Run, execute: Execute) -> None:
    execute(
        "create table customer_snapshots (customer_id int, has_churned tinyint(1))",
        "insert into customer_snapshots values (1, 0), (2, 1), (3, 2)",
    )
    with pytest.raises(ContractBroken, match="has_churned"):
        load("customer_snapshots")


def test_a_datetime_is_of_the_zone_that_the_source_declares_and_a_timestamp_is_not(
    warehouse: Warehouse, load: Run, execute: Execute
) -> None:
    execute(
        "create table sessions (customer_id int, started_at datetime, known_at timestamp null)",
        "set time_zone = '+05:00'",
    )
    execute("insert into sessions values (1, '2026-07-01 00:15:00', from_unixtime(1782864900))")
    load("sessions", zone="Europe/Madrid")
    assert warehouse.rows("select started_at, known_at from raw.sessions") == [
        (datetime(2026, 6, 30, 22, 15), datetime(2026, 7, 1, 0, 15))
    ]


def test_a_decimal_is_an_id_to_its_last_digit_and_a_comment_may_end_the_query(
    warehouse: Warehouse, load: Run, execute: Execute
) -> None:
    execute(
        "create table contacts (who decimal(20, 2), contacted_at datetime)",
        "insert into contacts values (9007199254740993, '2026-02-01'), (17, '2026-02-01')",
    )
    load("contacts", columns={"customer_id": "who"}, query="select * from contacts -- all of them")
    assert warehouse.rows("select customer_id from raw.contacts order by 1") == [("17",), ("9007199254740993",)]


def waited_for(server: MariadbServer, query: str) -> int:
    import pymysql

    with pymysql.connect(host="127.0.0.1", port=server.port, user=server.user, password=server.password) as connection:
        while True:
            with connection.cursor() as cursor:
                if cursor.execute(query):
                    return int(cursor.fetchall()[0][0])
            sleep(0.02)


def test_a_connection_that_is_lost_is_told_and_leaves_what_was_there(
    mariadb_server: MariadbServer, load: Run, execute: Execute
) -> None:
    execute(
        "create table contacts (customer_id int, contacted_at datetime, pad varchar(300))",
        "insert into contacts select seq, '2026-02-01', repeat('x', 300) from seq_1_to_60000",
    )
    asleep = "select id from information_schema.processlist where state = 'User sleep'"
    killing = threading.Thread(target=lambda: run(mariadb_server, f"kill {waited_for(mariadb_server, asleep)}"))
    killing.start()
    with pytest.raises(Unreachable, match=r"Lost connection|was killed"):
        load("contacts", query="select *, case when customer_id = 50000 then sleep(60) end as slow from contacts")
    killing.join()
    assert load("contacts").rows == 60_000


def test_many_rows_arrive_in_batches_and_keep_their_number(
    warehouse: Warehouse, load: Run, monkeypatch: pytest.MonkeyPatch, execute: Execute
) -> None:
    monkeypatch.setattr("churn.warehouse.reading.mysql._BATCH", 7)
    execute(
        "create table sessions as select seq as customer_id, cast('2026-01-01' as datetime) as started_at from seq_1_to_50"
    )
    assert load("sessions").rows == 50
    assert warehouse.rows("select count(distinct row_number), max(row_number) from raw.sessions") == [(50, 50)]


def test_an_empty_table_is_an_ordinary_day(load: Run, execute: Execute) -> None:
    execute("create table sessions (customer_id int, started_at datetime)")
    assert load("sessions").rows == 0


def test_loading_again_loads_nothing_and_a_changed_result_keeps_what_was_known(
    warehouse: Warehouse, load: Run, execute: Execute
) -> None:
    load()
    assert load().files_unchanged == 1
    execute("update payments set status = 'refunded' where id = 1", "delete from payments where id = 2")
    assert load().rows == 1
    found = warehouse.rows("select payment_id, status from raw.payments order by load_id")
    assert found == [("1", "succeeded"), ("1", "refunded")]


def test_a_row_that_was_committed_late_is_loaded_and_no_row_twice(
    warehouse: Warehouse, load: Run, execute: Execute
) -> None:
    by_update: dict[str, Any] = {
        "options": {"updated": "updated_at"},
        "columns": {"payment_id": "id", "attempted_at": "at", "known_at": "updated_at"},
    }
    row = "insert into payments values ({}, 8, '2026-02-01', 1, 'failed', '2026-02-01 {}')"
    execute("set time_zone = '+00:00'", row.format(3, "09:05"))
    load(**by_update)
    assert load(**by_update).files_unchanged == 1
    execute("set time_zone = '+00:00'", row.format(4, "09:02"), row.format(5, "07:00"))
    assert load(**by_update).rows == 1  # the one before the overlap was asked for too late
    assert load(**by_update).rows == 0
    execute("update payments set status = 'succeeded', updated_at = updated_at where id = 3")
    assert load(**by_update).rows == 1
    found = warehouse.rows("select payment_id, count(*) from raw.payments group by 1 order by 1")
    assert found == [("1", 1), ("2", 1), ("3", 2), ("4", 1)]


def test_rows_without_a_stamp_and_beside_one_that_is_yet_to_come_are_loaded_once(
    warehouse: Warehouse, load: Run, execute: Execute
) -> None:
    execute(
        "create table contacts (customer_id int, contacted_at datetime, updated_at datetime null)",
        "insert into contacts values (1, '2026-02-01', null), (2, '2026-02-01', '2099-12-31'), (3, '2026-02-01', 0)",
    )
    by_update: dict[str, Any] = {"options": {"updated": "updated_at"}}
    load("contacts", **by_update)
    execute("insert into contacts values (4, '2026-02-02', null), (5, '2026-02-02', now()), (6, '2026-02-02', 0)")
    assert [load("contacts", **by_update).rows for _ in range(3)] == [3, 0, 0]
    found = warehouse.rows("select customer_id from raw.contacts order by 1")
    assert found == [(str(number),) for number in range(1, 7)]


def test_rows_numbered_by_a_sequence_may_be_committed_late_too(
    warehouse: Warehouse, load: Run, execute: Execute
) -> None:
    by_number: dict[str, Any] = {"options": {"updated": "id", "overlap": 10}}
    row = "insert into payments (id, customer_id, at) values ({}, 8, '2026-07-01')"
    execute(row.format(30))
    load(**by_number)
    execute(row.format(25), row.format(5))
    load(**by_number)
    keys = [key for (key,) in warehouse.rows("select payment_id from raw.payments order by cast(payment_id as int)")]
    assert keys == ["1", "2", "25", "30"]


def test_a_number_that_grows_past_its_digits_goes_on_telling_new_from_old(
    warehouse: Warehouse, load: Run, execute: Execute
) -> None:
    by_number: dict[str, Any] = {"options": {"updated": "id", "overlap": 3}}
    row = "insert into payments (id, customer_id, at) values ({}, 8, '2026-07-01')"
    execute(row.format(9))
    load(**by_number)
    for first in (10, 14, 18):
        execute(*(row.format(number) for number in range(first, first + 4)))
        assert load(**by_number).rows == 4
    assert warehouse.rows("select count(*), count(distinct payment_id) from raw.payments") == [(15, 15)]


def test_faults_are_told_in_our_words_and_no_password_appears(
    load: Run, warehouse: Warehouse, mariadb_server: MariadbServer, mariadb_url: str
) -> None:
    with pytest.raises(ContractBroken, match="no_such"):
        load(query="select * from no_such")
    with pytest.raises(ContractBroken, match="cannot run the query"):
        load(query="select from where")
    with pytest.raises(ContractBroken, match="updated"):
        load(options={"updated": "nothing"})
    wrong = mariadb_url.replace(mariadb_server.password, "wrong-word")
    for dsn, expected in (
        (wrong, AuthFailed),
        ("mariadb://churn:wrong-word@127.0.0.1:1/x", Unreachable),
        ("oracle://churn@db/x", ConfigError),
        (f"{mariadb_url}?ssl_mode=x", ConfigError),
    ):
        with pytest.raises(expected) as caught:
            ingest(
                warehouse,
                {"payments": SourceSettings(query="select 1")},
                now=NOW,
                secrets={"CHURN_SOURCE_PAYMENTS_DSN": dsn},
            )
        assert "wrong-word" not in f"{caught.value} {caught.value.remedy}"
        assert mariadb_server.password not in f"{caught.value} {caught.value.remedy}"


def test_the_password_comes_from_the_environment(
    warehouse: Warehouse, load: Run, mariadb_server: MariadbServer, mariadb_url: str
) -> None:
    dsn = mariadb_server.url(urlsplit(mariadb_url).path[1:], with_password=False, scheme="mysql")
    source = SourceSettings(dsn=dsn, columns={"payment_id": "id", "attempted_at": "at"})
    results = ingest(warehouse, {"payments": source}, now=NOW, secrets={"MYSQL_PWD": mariadb_server.password})
    assert results[0].rows == 2  # the table of the source's name is read
    assert address("payments", SourceSettings(dsn="mysql://a@b/c"), {"MYSQL_PWD": "p@ss"}) == "mysql://a:p%40ss@b/c"


def test_a_password_in_the_file_is_refused(tmp_path: Any) -> None:
    (tmp_path / "churn.toml").write_text("[sources.payments]\ndsn = 'mysql://ada:secret@db/x'\n")
    with pytest.raises(ConfigError, match="MYSQL_PWD"):
        load_settings(config=tmp_path / "churn.toml", home=tmp_path, environ={})


def test_without_the_extra_package_its_name_is_told(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)
    with pytest.raises(ConfigError) as caught:
        ingest(warehouse, {"payments": SourceSettings(dsn="mysql://a@b/c")}, now=NOW)
    assert caught.value.remedy == "pip install 'churn[mysql]'"

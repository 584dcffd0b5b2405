"""Loading: typed, incremental, idempotent, and nothing dropped in silence."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn.config import ResourceSettings, SourceSettings
from churn.errors import ConfigError, ContractBroken
from churn.warehouse import Warehouse, open_warehouse
from churn.warehouse.loading.contracts import TABLES
from churn.warehouse.loading.ingest import LoadResult, ingest
from tests.warehouse.conftest import NOW

Load = Callable[..., LoadResult]
Put = Callable[[str, str], Path]
SESSIONS = "customer_id,started_at,duration_minutes\n"


def test_every_canonical_table_exists_though_nothing_is_declared(warehouse: Warehouse) -> None:
    assert ingest(warehouse, {}, now=NOW) == []
    for table in TABLES:
        assert warehouse.rows(f"select count(*) from raw.{table}") == [(0,)]


def test_a_row_keeps_when_it_was_loaded_and_where_it_came_from(warehouse: Warehouse, load: Load, put: Put) -> None:
    path = put("s.csv", SESSIONS + "C1,2026-01-01 10:00:00,5\nC2,2026-01-02 10:00:00,\n")
    load("sessions", "s.csv")
    assert warehouse.rows("select * from raw.sessions order by row_number") == [
        ("C1", datetime(2026, 1, 1, 10), 5.0, None, 1, NOW, str(path), 1, None),
        ("C2", datetime(2026, 1, 2, 10), None, None, 1, NOW, str(path), 2, None),
    ]


def test_a_zoned_clock_is_kept_as_utc(warehouse: Warehouse, tmp_path: Path, put: Put) -> None:
    put("s.csv", SESSIONS + "C1,2026-01-01,5\n")
    source = SourceSettings(path=str(tmp_path / "s.csv"))
    ingest(warehouse, {"sessions": source}, now=datetime(2026, 3, 1, 2, tzinfo=UTC))
    assert warehouse.rows("select loaded_at from raw.sessions") == [(datetime(2026, 3, 1, 2),)]


def test_ids_keep_their_leading_zeros(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", SESSIONS + "0007,2026-01-01,5\n")
    load("sessions", "s.csv")
    assert warehouse.rows("select customer_id from raw.sessions") == [("0007",)]


def test_times_with_an_offset_become_utc_whatever_the_format(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("a.csv", SESSIONS + "C1,2026-01-01T00:00:00+02:00,5\nC2,2026-01-01T00:00:00Z,5\n")
    put("b.ndjson", '{"customer_id": "C3", "started_at": "2026-01-01T00:00:00+02:00"}\n')
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    pl.DataFrame({"customer_id": ["C4"], "started_at": [moment]}).write_parquet(put("c.parquet", ""))
    load("sessions", "a.csv")
    first = warehouse.rows("select customer_id, started_at from raw.sessions order by 1")
    load("sessions", "b.ndjson")
    load("sessions", "c.parquet")
    later = warehouse.rows("select customer_id, started_at from raw.sessions where customer_id > 'C2' order by 1")
    assert first == [("C1", datetime(2025, 12, 31, 22)), ("C2", datetime(2026, 1, 1))]
    assert later == [("C3", datetime(2025, 12, 31, 22)), ("C4", datetime(2026, 1, 1))]


def test_a_naive_time_among_zoned_ones_is_utc(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", SESSIONS + "C1,2026-01-01 00:00:00,5\nC2,2026-01-01 00:00:00+01,5\n")
    load("sessions", "s.csv")
    assert warehouse.rows("select started_at from raw.sessions order by customer_id") == [
        (datetime(2026, 1, 1),),
        (datetime(2025, 12, 31, 23),),
    ]


def test_a_date_form_of_one_s_own_is_read_by_an_option(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", SESSIONS + "C1,02/03/2026,5\n")
    load("sessions", "s.csv", options={"dateformat": "%d/%m/%Y", "types": {"started_at": "DATE"}})
    assert warehouse.rows("select started_at from raw.sessions") == [(datetime(2026, 3, 2),)]


def test_a_column_map_renames_and_reckons(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("p.csv", "Kunde;Datum;Netto;USt;region\n7;20260105;10;2;north\n")
    columns = {
        "payment_id": "row_number",
        "customer_id": "kunde",
        "attempted_at": "strptime(Datum::varchar, '%Y%m%d')",
        "amount": "Netto + USt",
        "status": "'succeeded'",
        "area": "upper(region)",
    }
    load("payments", "p.csv", columns=columns)
    frame = warehouse.frame("select * exclude (loaded_at, source_file, unknown_until) from raw.payments").to_dicts()
    assert frame == [
        {
            "payment_id": "1",
            "customer_id": "7",
            "attempted_at": datetime(2026, 1, 5),
            "amount": 12.0,
            "status": "succeeded",
            "method": None,
            "known_at": None,
            "load_id": 1,
            "row_number": 1,
            "area": "NORTH",
            "Netto": 10,
            "USt": 2,
        }
    ]


def test_rows_outside_the_condition_are_left_out(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", SESSIONS + "C1,2026-01-01,5\nC2,2026-01-01,500\n")
    assert load("sessions", "s.csv", where="duration_minutes < 60").rows == 1


def test_blank_separated_columns_need_options_only(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("p.txt", " customer_id  date cds  value\r\n 00001 19970101  1   11.77\r\n 00002 19970112  5   77.00\r\n")
    columns = {"payment_id": "row_number", "attempted_at": "date", "amount": "value"}
    load("payments", "p.txt", options={"delim": "whitespace"}, columns=columns)
    assert warehouse.rows("select customer_id, attempted_at, amount, cds from raw.payments order by 1") == [
        ("00001", datetime(1997, 1, 1), 11.77, 1),
        ("00002", datetime(1997, 1, 12), 77.0, 5),
    ]


def test_files_of_one_header_may_differ_in_quotes_and_types(warehouse: Warehouse, load: Load, put: Put) -> None:
    head = "customer_id,started_at,note,score\n"
    put("a/1.csv", head + "C1,2026-01-01,plain,1\n")
    put("a/2.csv", head + 'C2,2026-01-02,"with, comma",2\n')
    put("a/3.csv", head + "C3,2026-01-03,plain,2.5\n")
    put("a/4.csv", head + "C4,2026-01-04T00:00:00+01:00,plain,many\n")
    load("sessions", "a/*.csv")
    assert warehouse.rows("select started_at, note, score from raw.sessions order by customer_id") == [
        (datetime(2026, 1, 1), "plain", "1"),
        (datetime(2026, 1, 2), "with, comma", "2"),
        (datetime(2026, 1, 3), "plain", "2.5"),
        (datetime(2026, 1, 3, 23), "plain", "many"),
    ]


def test_decimals_that_come_late_are_not_rounded(warehouse: Warehouse, load: Load, put: Put) -> None:
    rows = "".join(f"C{n},2026-01-01 00:00:{n % 60:02d},7,8\n" for n in range(25_000))
    put("s.csv", "customer_id,started_at,duration_minutes,score\n" + rows + "C0,2026-01-02,2.5,3.5\n")
    load("sessions", "s.csv")
    assert warehouse.rows("select duration_minutes, score from raw.sessions where started_at = '2026-01-02'") == [
        (2.5, 3.5)
    ]


def test_whole_numbers_stay_whole_and_long_ones_exact(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("c.csv", "customer_id,visits,code,device\nC1,7,9007199254740993,9007199254740993\nC2,8,1,1\n")
    load("customers", "c.csv", options={"types": {"code": "BIGINT"}})
    assert warehouse.rows("select visits, code, device from raw.customers order by customer_id") == [
        (7, 9007199254740993, "9007199254740993"),
        (8, 1, "1"),
    ]
    assert warehouse.columns("raw.customers")["visits"] == "BIGINT"


def test_a_time_of_day_that_comes_late_is_kept(warehouse: Warehouse, load: Load, put: Put) -> None:
    rows = "".join(f"C{n},2026-01-{1 + n % 28:02d},2026-01-01\n" for n in range(25_000))
    put("s.csv", "customer_id,started_at,seen\n" + rows + "C0,2026-03-01 10:30:00+01,2026-03-01 11:00:00\n")
    load("sessions", "s.csv")
    found = warehouse.rows("select started_at, cast(seen as varchar) from raw.sessions where started_at > '2026-02-01'")
    assert found == [(datetime(2026, 3, 1, 9, 30), "2026-03-01 11:00:00")]


def test_a_quote_that_comes_late_is_still_a_quote(warehouse: Warehouse, load: Load, put: Put) -> None:
    rows = "".join(f"C{n},2026-01-01 00:00:{n % 60:02d},x\n" for n in range(25_000))
    put("s.csv", "customer_id,started_at,note\n" + rows + 'C0,2026-01-02,"a, ""b"""\n')
    load("sessions", "s.csv")
    assert warehouse.rows("select note from raw.sessions where started_at = '2026-01-02'") == [('a, "b"',)]


def test_an_extra_column_of_numbers_and_blanks_holds_numbers(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("c.csv", 'customer_id,total,code,note\nC1," 12.5",007,7\nC2, ,008,x\n')
    load("customers", "c.csv", options={"types": {"code": "VARCHAR"}})
    assert warehouse.rows("select total, code, note from raw.customers order by 1") == [
        (12.5, "007", "7"),
        (None, "008", "x"),
    ]


def test_an_expression_that_needs_a_number_says_how_text_becomes_one(load: Load, put: Put) -> None:
    put("s.csv", "subscription_id,customer_id,started_at,days,price\nS1,C1,2026-01-02,30,149\n")
    columns = {"plan": "days", "monthly_fee": "price * 30 / days"}
    with pytest.raises(ConfigError, match=r"columns.monthly_fee") as refused:
        load("subscriptions", "s.csv", columns=columns, options={"types": {"days": "VARCHAR"}})
    assert "`cast(NAME as double)` makes a number of a column that is text" in str(refused.value.remedy)
    load("subscriptions", "s.csv", columns=columns | {"monthly_fee": "price * 30 / cast(days as double)"})


def test_all_varchar_leaves_every_column_text(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", "customer_id,day,score\nC1,20260102,7\n")
    columns = {"started_at": "strptime(day, '%Y%m%d')"}
    load("sessions", "s.csv", options={"all_varchar": True}, columns=columns)
    assert warehouse.rows("select started_at, score from raw.sessions") == [(datetime(2026, 1, 2), "7")]


def test_extra_columns_are_kept_and_new_ones_join_later(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("a/1.csv", "customer_id,started_at,device,score\nC1,2026-01-01,ios,1\n")
    put("a/2.csv", "customer_id,started_at,score,country\nC2,2026-01-02,2.5,DE\n")
    load("sessions", "a/*.csv")
    found = warehouse.rows("select customer_id, device, score, country from raw.sessions order by 1")
    assert found == [("C1", "ios", 1.0, None), ("C2", None, 2.5, "DE")]


def test_an_extra_column_that_bears_a_name_of_ours_is_kept_under_another(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    put("s.csv", "customer_id,started_at,available_at,row_number\nC1,2026-01-01,x,9\n")
    load("sessions", "s.csv")
    assert warehouse.rows("select available_at_delivered, row_number_delivered, row_number from raw.sessions") == [
        ("x", 9, 1)
    ]


def test_loading_again_loads_nothing(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", SESSIONS + "C1,2026-01-01,5\n")
    load("sessions", "s.csv")
    again = load("sessions", "s.csv")
    assert (again.files_loaded, again.files_unchanged, again.rows, again.total_rows) == (0, 1, 0, 1)


def test_a_file_touched_but_not_changed_is_not_loaded_again(warehouse: Warehouse, load: Load, put: Put) -> None:
    path = put("s.csv", SESSIONS + "C1,2026-01-01,5\n")
    load("sessions", "s.csv")
    os.utime(path, (1, 1))
    assert load("sessions", "s.csv").files_loaded == 0


def test_a_changed_file_replaces_exactly_the_rows_that_came_from_it(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("a/1.csv", SESSIONS + "C1,2026-01-01,5\n,2026-01-01,5\nC1,2026-01-03,5\n")
    put("a/2.csv", SESSIONS + "C2,2026-01-02,5\n")
    load("sessions", "a/*.csv")
    put("a/1.csv", SESSIONS + "C9,2026-01-02,5\n")
    load("sessions", "a/*.csv", now=NOW + timedelta(days=1))
    assert warehouse.rows("select customer_id, loaded_at from raw.sessions order by 1") == [
        ("C2", NOW),
        ("C9", NOW + timedelta(days=1)),
    ]
    assert warehouse.rows("select count(*) from raw.rejected_rows") == [(0,)]


def test_a_new_file_is_added_and_a_vanished_one_is_reported_but_kept(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    first = put("a/1.csv", SESSIONS + "C1,2026-01-01,5\n")
    load("sessions", "a/*.csv")
    first.unlink()
    put("a/2.csv", SESSIONS + "C2,2026-01-02,5\n")
    result = load("sessions", "a/*.csv")
    assert result.vanished == (str(first),)
    assert (result.rows, result.total_rows) == (1, 2)


def test_a_file_moved_elsewhere_is_not_loaded_again(warehouse: Warehouse, load: Load, put: Put) -> None:
    first = put("a/1.csv", SESSIONS + "C1,2026-01-01,5\n,2026-01-01,5\n")
    load("sessions", "a/*.csv")
    before = warehouse.rows("select * exclude (source_file) from raw.sessions")
    first.rename(first.parent / "2.csv")
    result = load("sessions", "a/*.csv")
    assert warehouse.rows("select * exclude (source_file) from raw.sessions") == before
    assert (result.files_loaded, result.files_unchanged, result.vanished) == (0, 1, ())
    for query in (
        "select source_file from raw.sessions",
        "select file from raw.rejected_rows",
        "select file from raw.loads",
    ):
        assert warehouse.rows(query) == [(str(first.parent / "2.csv"),)]
    assert load("sessions", "a/*.csv").files_unchanged == 1


def test_a_large_folder_that_was_moved_fits_into_little_memory(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    days = pl.datetime_range(NOW - timedelta(days=399), NOW, "1d", eager=True).alias("started_at")
    rows = pl.DataFrame({"customer_id": [f"C{n:07d}" for n in range(2_000)]}).join(days.to_frame(), how="cross")
    rows.write_parquet(tmp_path / "a" / "1.parquet")
    little = ResourceSettings(memory_limit="40MB", threads=1, temp_directory=tmp_path / "spill")
    with open_warehouse(tmp_path / "w.duckdb", holder="test", resources=little) as warehouse:
        for folder in ("a", "b"):
            if folder == "b":
                (tmp_path / "a").rename(tmp_path / "b")
            source = SourceSettings(path=str(tmp_path / folder / "*.parquet"))
            done = ingest(warehouse, {"sessions": source}, now=NOW)[0]
        assert (done.files_loaded, done.files_unchanged, done.total_rows) == (0, 1, rows.height)
        assert warehouse.rows("select distinct source_file from raw.sessions") == [(str(tmp_path / "b" / "1.parquet"),)]


def test_a_copy_of_a_file_that_is_still_there_is_a_file_of_its_own(warehouse: Warehouse, load: Load, put: Put) -> None:
    for name in ("a/1.csv", "a/2.csv"):
        put(name, SESSIONS + "C1,2026-01-01,5\n")
        load("sessions", "a/*.csv")
    assert warehouse.rows("select count(*) from raw.sessions") == [(2,)]


def test_changed_settings_load_the_source_afresh(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", SESSIONS + "C1,2026-01-01,5\n")
    load("sessions", "s.csv")
    load("sessions", "s.csv", columns={"duration_minutes": "duration_minutes * 60"})
    assert warehouse.rows("select duration_minutes from raw.sessions") == [(300.0,)]


def test_a_full_load_reads_unchanged_files_again(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", SESSIONS + "C1,2026-01-01,5\n")
    load("sessions", "s.csv")
    assert load("sessions", "s.csv", full=True).files_loaded == 1
    assert warehouse.rows("select count(*) from raw.sessions") == [(1,)]


def test_a_later_version_of_a_row_stays_beside_the_earlier_one(warehouse: Warehouse, load: Load, put: Put) -> None:
    head = "subscription_id,customer_id,started_at,canceled_at\n"
    put("a/1.csv", head + "S1,C1,2026-01-01,\n")
    load("subscriptions", "a/*.csv")
    put("a/2.csv", head + "S1,C1,2026-01-01,2026-02-01\n")
    load("subscriptions", "a/*.csv")
    assert warehouse.rows("select count(*) from raw.subscriptions where subscription_id = 'S1'") == [(2,)]


@pytest.mark.parametrize("ending", ["csv", "parquet", "ndjson", "json", "csv.gz"])
def test_every_format_gives_the_same_rows(warehouse: Warehouse, load: Load, tmp_path: Path, ending: str) -> None:
    frame = pl.DataFrame(
        {
            "payment_id": ["P1", "P2"],
            "customer_id": ["C1", "C2"],
            "attempted_at": [datetime(2026, 1, 1, 8, 30), datetime(2026, 1, 2)],
            "amount": [12.5, None],
            "status": ["failed", "succeeded"],
            "attempt": [1, 2],
        }
    )
    path = tmp_path / f"p.{ending}"
    text = frame.with_columns(pl.col("attempted_at").dt.strftime("%Y-%m-%d %H:%M:%S"))
    if ending == "csv":
        text.write_csv(path)
    elif ending == "csv.gz":
        import gzip

        path.write_bytes(gzip.compress(text.write_csv().encode()))
    elif ending == "parquet":
        frame.write_parquet(path)
    elif ending == "json":
        text.write_json(path)
    else:
        text.write_ndjson(path)
    load("payments", f"p.{ending}")
    names = ", ".join(frame.columns)
    assert warehouse.rows(f"select {names} from raw.payments order by 1") == frame.rows()


def test_a_file_of_an_unknown_kind_needs_its_format_said(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.dat", SESSIONS + "C1,2026-01-01,5\n")
    with pytest.raises(ConfigError, match="format"):
        load("sessions", "s.dat")
    assert load("sessions", "s.dat", format="csv").rows == 1


def test_only_one_source_can_be_asked_for(warehouse: Warehouse, tmp_path: Path, put: Put) -> None:
    put("s.csv", SESSIONS + "C1,2026-01-01,5\n")
    sources = {name: SourceSettings(path=str(tmp_path / "s.csv")) for name in ("sessions", "visits")}
    assert [one.source for one in ingest(warehouse, sources, now=NOW, only="visits")] == ["visits"]
    with pytest.raises(ConfigError, match="Declared: sessions, visits"):
        ingest(warehouse, sources, now=NOW, only="visit")


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(
        st.lists(st.tuples(st.sampled_from(["C1", "C2", ""]), st.integers(1, 28)), min_size=4, max_size=8).filter(
            lambda rows: sum(not name for name, _ in rows) <= len(rows) // 2
        ),
        min_size=1,
        max_size=3,
    )
)
def test_loading_twice_is_loading_once(
    parts: list[list[tuple[str, int]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    for number, rows in enumerate(parts):
        lines = "".join(f"{name},2026-01-{day:02d},5\n" for name, day in rows)
        (folder / f"{number}.csv").write_text(SESSIONS + lines)
    source = {"sessions": SourceSettings(path=str(folder / "*.csv"))}
    with open_warehouse(None, holder="test") as warehouse:
        states = []
        for _ in range(2):
            ingest(warehouse, source, now=NOW)
            states.append(
                [warehouse.rows(f"select * from raw.{t} order by all") for t in ("sessions", "rejected_rows", "loads")]
            )
        delivered = sum(len(rows) for rows in parts)
        assert states[0] == states[1]
        assert len(states[0][0]) + len(states[0][1]) == delivered


def test_a_source_without_required_column_names_file_columns_and_remedy(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    path = put("s.csv", "customer,start\nC1,2026-01-01\n")
    with pytest.raises(ContractBroken) as caught:
        load("sessions", "s.csv")
    text = str(caught.value)
    assert str(path) in text
    assert "found customer, start" in text
    assert 'columns = { customer_id = "customer" }' in text


def test_an_expression_runs_on_a_file_in_which_a_column_of_it_is_empty(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    header = "customer_id,started_at,created_at,updated_at\n"
    put("s-1.csv", header + "A,2026-01-01,2026-01-02 10:00,\n")
    put("s-2.csv", header + "B,2026-01-01,2026-01-02 10:00,2026-01-03 10:00\n")
    load("sessions", "s-*.csv", columns={"known_at": "coalesce(updated_at, created_at)"})
    found = warehouse.rows("select customer_id, known_at, updated_at::varchar from raw.sessions order by 1")
    assert found == [("A", datetime(2026, 1, 2, 10), None), ("B", datetime(2026, 1, 3, 10), "2026-01-03 10:00:00")]

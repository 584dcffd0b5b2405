"""Facts in files: kept as delivered where they can be, found again, cleaned up after, and never shared with a writer."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from churn.config import SourceSettings
from churn.errors import DataError
from churn.warehouse import Warehouse, load_models, open_warehouse
from churn.warehouse.facts import parts
from churn.warehouse.loading.ingest import LoadResult, ingest
from churn.warehouse.models.build import build
from churn.warehouse.personal import erase, rewrite
from tests.warehouse.conftest import NOW
from tests.warehouse.placing import place

Load = Callable[..., LoadResult]
DAY = datetime(2026, 1, 1)


def sessions(rows: int, *, first: int = 0, step: int = 1) -> pl.DataFrame:
    numbers = range(first, first + rows * step, step)
    return pl.DataFrame(
        {
            "customer_id": [f"C{number % 7}" for number in numbers],
            "started_at": [DAY + timedelta(minutes=number) for number in numbers],
            "duration_minutes": [float(number % 50) for number in numbers],
        }
    )


def files_of(warehouse: Warehouse) -> list[Path]:
    return sorted(warehouse.facts.rglob("*.parquet*"))


def test_a_delivered_file_that_needs_no_reading_is_kept_byte_for_byte(
    warehouse: Warehouse, load: Load, tmp_path: Path
) -> None:
    sessions(500).write_parquet(tmp_path / "1.parquet")
    load("sessions", "*.parquet")
    (kept,) = files_of(warehouse)
    assert kept.read_bytes() == (tmp_path / "1.parquet").read_bytes()
    assert kept.stat().st_ino != (tmp_path / "1.parquet").stat().st_ino  # who overwrites it, overwrites theirs alone
    rows = warehouse.rows("select customer_id, row_number, load_id, source_file from raw.sessions where row_number < 3")
    assert rows == [("C0", 1, 1, str(tmp_path / "1.parquet")), ("C1", 2, 1, str(tmp_path / "1.parquet"))]


@pytest.mark.parametrize(
    ("column", "value", "stored"),
    [
        ("customer_id", " C9 ", ("C9", 3.0)),
        ("customer_id", "17.0", ("17", 3.0)),
        ("duration_minutes", float("nan"), ("C3", None)),
        ("device", "N/A", ("C3", 3.0)),
    ],
)
def test_a_file_with_one_value_that_is_read_as_another_is_converted_and_its_neighbours_are_not(
    column: str, value: object, stored: tuple[object, ...], warehouse: Warehouse, load: Load, tmp_path: Path
) -> None:
    for number in (1, 2):
        frame = sessions(10, first=100 * (number - 1)).with_columns(device=pl.lit("ios"))
        if number == 1:
            frame = frame.with_columns(
                pl.when(pl.int_range(pl.len()) == 3).then(pl.lit(value)).otherwise(column).alias(column)
            )
        frame.write_parquet(tmp_path / f"{number}.parquet")
    load("sessions", "*.parquet")
    copies = warehouse.rows("select source_file, is_copy from facts.parts order by 1")
    assert copies == [(str(tmp_path / "1.parquet"), False), (str(tmp_path / "2.parquet"), True)]
    file = str(tmp_path / "1.parquet")
    rows = warehouse.rows(
        "select customer_id, duration_minutes, device from raw.sessions where row_number = 4 and source_file = ?",
        [file],
    )
    assert rows == [(*stored, None if column == "device" else "ios")]


def test_rows_that_are_refused_stay_out_of_the_file(warehouse: Warehouse, load: Load, tmp_path: Path) -> None:
    frame = sessions(10).with_columns(
        customer_id=pl.when(pl.int_range(pl.len()) == 4).then(None).otherwise("customer_id")
    )
    frame.write_parquet(tmp_path / "1.parquet")
    result = load("sessions", "*.parquet")
    assert (result.rows, result.rejected) == (9, 1)
    assert warehouse.rows("select row_number, reason from raw.rejected_rows") == [(5, "customer_id is missing")]
    assert warehouse.rows("select list(row_number order by row_number) from raw.sessions") == [
        ([1, 2, 3, 4, 6, 7, 8, 9, 10],)
    ]


def test_converted_rows_are_put_in_order_of_time(warehouse: Warehouse, load: Load, tmp_path: Path) -> None:
    frame = sessions(400_000).sample(fraction=1, shuffle=True, seed=3)
    frame.with_columns(customer_id=pl.lit(" ") + pl.col("customer_id")).write_parquet(tmp_path / "1.parquet")
    load("sessions", "*.parquet")
    times = pl.read_parquet(files_of(warehouse)[0])["started_at"]
    assert times.is_sorted()
    numbers = dict(warehouse.rows("select row_number, started_at from raw.sessions where row_number in (1, 400000)"))
    assert numbers == {1: frame["started_at"][0], 400_000: frame["started_at"][-1]}


def test_what_no_part_lists_is_removed_when_the_warehouse_is_opened(tmp_path: Path) -> None:
    home = tmp_path / "home"
    sessions(50).write_parquet(tmp_path / "1.parquet")
    source = {"sessions": SourceSettings(path=str(tmp_path / "1.parquet"))}
    with open_warehouse(home / "warehouse.duckdb", holder="test") as warehouse:
        ingest(warehouse, source, now=NOW)
        kept = files_of(warehouse)
    for name in ("00000099.parquet", "00000098.parquet.mixed"):  # a load was killed while it wrote them
        (home / "facts" / "sessions" / name).write_bytes(b"half a file")
    with open_warehouse(home / "warehouse.duckdb", holder="test") as warehouse:
        assert files_of(warehouse) == kept
        assert warehouse.rows("select count(*) from raw.sessions") == [(50,)]


def test_a_load_that_fails_leaves_no_file_behind(warehouse: Warehouse, load: Load, tmp_path: Path) -> None:
    sessions(50).write_parquet(tmp_path / "1.parquet")
    load("sessions", "*.parquet")
    before = files_of(warehouse)
    sessions(50).write_parquet(tmp_path / "2.parquet")
    (tmp_path / "3.parquet").write_bytes(b"PAR1 no file PAR1")
    with pytest.raises(Exception, match=r"3\.parquet"):
        load("sessions", "*.parquet")
    assert files_of(warehouse) == before
    assert warehouse.rows("select count(*) from raw.sessions") == [(50,)]


def test_a_home_that_was_moved_finds_its_facts_and_one_without_them_says_so(tmp_path: Path) -> None:
    sessions(50).write_parquet(tmp_path / "1.parquet")
    source = {"sessions": SourceSettings(path=str(tmp_path / "1.parquet"))}
    with open_warehouse(tmp_path / "old [1]" / "warehouse.duckdb", holder="test") as warehouse:
        ingest(warehouse, source, now=NOW)
        build(warehouse, load_models(tmp_path), schemas=["staging"])
    (tmp_path / "old [1]").rename(tmp_path / "new")
    with open_warehouse(tmp_path / "new" / "warehouse.duckdb", holder="test") as warehouse:
        assert warehouse.rows("select count(*) from staging.sessions") == [(50,)]
    with duckdb.connect(str(tmp_path / "new" / "warehouse.duckdb"), read_only=True) as by_hand:
        assert by_hand.execute("select count(*) from staging.sessions").fetchall() == [(50,)]
    shutil.rmtree(tmp_path / "new" / "facts")
    (tmp_path / "new").rename(tmp_path / "newer")
    with open_warehouse(tmp_path / "newer" / "warehouse.duckdb", holder="test") as warehouse:
        with pytest.raises(DataError, match="facts"):
            warehouse.rows("select count(customer_id) from raw.sessions")
        ingest(warehouse, source, now=NOW, full=True)
        assert warehouse.rows("select count(customer_id) from raw.sessions") == [(50,)]


def test_a_home_of_an_earlier_version_is_turned_into_files_once_with_nothing_changed(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    for number in (1, 2):
        sessions(60, first=30 * number).with_columns(device=pl.lit("ios")).write_parquet(tmp_path / f"{number}.parquet")
    source = {"sessions": SourceSettings(path=str(tmp_path / "*.parquet"))}
    with open_warehouse(path, holder="test") as warehouse:
        ingest(warehouse, source, now=NOW)
        build(warehouse, load_models(tmp_path), schemas=["staging", "totals"])
        raw, staged = (warehouse.rows(f"select * from {s}.sessions order by all") for s in ("raw", "staging"))
        for name in parts.kept_tables(warehouse):
            for schema in ("raw", "staging"):  # as earlier versions kept them
                warehouse.execute(f"create table {schema}.old as select * from {schema}.{name}")
                warehouse.execute(f"drop view {schema}.{name}")
                warehouse.execute(f"alter table {schema}.old rename to {name}")
        warehouse.execute("drop schema facts cascade")
    shutil.rmtree(tmp_path / "facts")
    with open_warehouse(path, holder="test") as warehouse:
        (result,) = ingest(warehouse, source, now=NOW)
        assert (result.files_loaded, result.files_unchanged) == (0, 2)
        build(warehouse, load_models(tmp_path), schemas=["staging", "totals"])
        assert parts.is_view(warehouse, "raw.sessions")
        assert warehouse.rows("select * from raw.sessions order by all") == raw
        assert warehouse.rows("select * from staging.sessions order by all") == staged


def test_erasing_rewrites_the_files_that_hold_somebody_and_keeps_repeats_in_step(tmp_path: Path) -> None:
    for number in (1, 2):
        sessions(70, first=35 * number).write_parquet(tmp_path / f"{number}.parquet")
    pl.concat([sessions(30, first=700, step=7)] * 2).write_parquet(tmp_path / "3.parquet")  # C0 alone, all twice
    source = {"sessions": SourceSettings(path=str(tmp_path / "?.parquet"))}
    models = load_models(tmp_path)
    with open_warehouse(tmp_path / "w.duckdb", holder="test") as warehouse:
        ingest(warehouse, source, now=NOW)
        build(warehouse, models, schemas=["staging", "totals"])
        kept = "select * from staging.sessions where customer_id <> 'C3' order by all"
        before, untouched = (
            warehouse.rows(kept),
            warehouse.rows("select path from facts.parts where source_file like '%3.parquet'"),
        )
        removed = erase(warehouse, models, "C3")
        assert removed["raw.sessions"] == 20
        assert warehouse.rows(kept) == before
        assert warehouse.rows("select path from facts.parts where source_file like '%3.parquet'") == untouched
        assert parts.count(warehouse, "staging.sessions") == len(before)
        rewrite(warehouse)
    with open_warehouse(tmp_path / "w.duckdb", holder="test") as warehouse:
        assert all(b"C3" not in path.read_bytes() for path in files_of(warehouse))
        assert warehouse.rows(kept) == before
        sessions(10, first=40).write_parquet(tmp_path / "4.parquet")
        ingest(warehouse, source, now=NOW)
        build(warehouse, models, schemas=["staging", "totals"])
        assert warehouse.rows("select full_builds from raw.builds where model = 'staging.sessions'") == [(1,)]


def test_a_fact_told_in_files_of_overlapping_times_counts_once_whenever_they_come(tmp_path: Path) -> None:
    models = load_models(tmp_path)
    source = {"sessions": SourceSettings(path=str(tmp_path / "*.parquet"))}
    with open_warehouse(None, holder="test") as nightly, open_warehouse(None, holder="test") as once:
        for number, first in enumerate((0, 500, 90, 480, 2_000, 10)):
            sessions(120, first=first).write_parquet(tmp_path / f"{number}.parquet")
            ingest(nightly, source, now=NOW + timedelta(days=number))
            build(nightly, models, schemas=["staging", "totals"])
        ingest(once, {}, now=NOW)
        place(once, "sessions", nightly.frame("select * from raw.sessions"))
        build(once, models, schemas=["staging", "totals"])
        for name in ("staging.sessions", "totals.session_months"):
            assert nightly.rows(f"select * from {name} order by all") == once.rows(f"select * from {name} order by all")
        assert nightly.rows("select count(*), count(distinct (customer_id, occurred_at)) from staging.sessions") == [
            (470, 470)
        ]
        assert nightly.rows("select max(full_builds) from raw.builds") == [(1,)]

"""Many small files of facts become few, with the same rows, the same versions, and everything that could be done to them before."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from churn.config import SourceSettings
from churn.warehouse import Warehouse, load_models, open_warehouse
from churn.warehouse.facts import parts
from churn.warehouse.facts.compacting import MOST_SMALL_PARTS, compact
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models.build import build
from churn.warehouse.personal import erase
from tests.warehouse.conftest import NOW

NIGHTS = MOST_SMALL_PARTS + 3
DAY = datetime(2026, 1, 1)


def night(number: int) -> pl.DataFrame:
    """Sessions of a night, the first of which says of one of the night before that it was longer."""
    again = max(number - 1, 0)
    return pl.DataFrame(
        {
            "customer_id": [f"C{again % 5}", *(f"C{n % 5}" for n in range(20))],
            "started_at": [
                DAY + timedelta(days=again),
                *(DAY + timedelta(days=number, minutes=7 * n + 1) for n in range(20)),
            ],
            "duration_minutes": [float(100 + number), *(float(n) for n in range(20))],
        }
    )


def hashed(warehouse: Warehouse) -> list[str]:
    names = ("raw.sessions", "staging.sessions", "totals.session_months")
    return [
        hashlib.sha256(repr(warehouse.rows(f"select * from {name} order by all")).encode()).hexdigest()
        for name in names
    ]


@pytest.fixture
def nights(tmp_path: Path) -> Warehouse:
    warehouse = open_warehouse(tmp_path / "w.duckdb", holder="test")
    for number in range(NIGHTS):
        night(number).write_parquet(tmp_path / f"{number:03}.parquet")
        refresh(warehouse, tmp_path, number)
    return warehouse


def refresh(warehouse: Warehouse, folder: Path, number: int, *, full: bool = False) -> None:
    source = {"sessions": SourceSettings(path=str(folder / "*.parquet"))}
    ingest(warehouse, source, now=NOW + timedelta(days=number), full=full)
    build(warehouse, load_models(folder), schemas=["staging", "totals"])


def small_parts(warehouse: Warehouse) -> int:
    return len(parts.parts_of(warehouse, "sessions"))


def test_many_small_files_become_one_with_the_same_rows(nights: Warehouse, tmp_path: Path) -> None:
    before = hashed(nights)
    assert compact(nights) == NIGHTS - 1
    assert (small_parts(nights), hashed(nights)) == (1, before)
    assert len(list(nights.facts.rglob("*.parquet"))) == 1
    assert compact(nights) == 0
    refresh(nights, tmp_path, NIGHTS)  # nothing new
    assert hashed(nights) == before


def test_what_comes_later_is_added_as_to_files_of_their_own(nights: Warehouse, tmp_path: Path) -> None:
    with open_warehouse(None, holder="test") as apart:
        for number in range(NIGHTS):
            refresh_one(apart, tmp_path, number)
        compact(nights)
        for number in range(NIGHTS, NIGHTS + 3):
            night(number).write_parquet(tmp_path / f"{number:03}.parquet")
            refresh(nights, tmp_path, number)
            refresh(apart, tmp_path, number)
        staged = "select * exclude (load_id, loaded_at) from staging.sessions order by all"
        columns = nights.columns("staging.sessions")
        if "load_id" not in columns:
            staged = "select * from staging.sessions order by all"
        assert nights.rows(staged) == apart.rows(staged)
    assert nights.rows("select max(full_builds) from raw.builds where model = 'staging.sessions'") == [(1,)]


def refresh_one(warehouse: Warehouse, folder: Path, number: int) -> None:
    """Load the nights so far, one by one."""
    files = [str(folder / f"{n:03}.parquet") for n in range(number + 1)]
    ingest(warehouse, {"sessions": SourceSettings(path=files)}, now=NOW + timedelta(days=number))
    build(warehouse, load_models(folder), schemas=["staging", "totals"])


def test_a_file_among_the_merged_ones_can_be_replaced_and_moved(nights: Warehouse, tmp_path: Path) -> None:
    compact(nights)
    rows = nights.rows("select count(*) from raw.sessions")[0][0]
    night(3).with_columns(duration_minutes=pl.lit(1.0)).head(11).write_parquet(tmp_path / "003.parquet")
    (tmp_path / "005.parquet").rename(tmp_path / "905.parquet")
    refresh(nights, tmp_path, NIGHTS)
    assert nights.rows("select count(*) from raw.sessions where source_file like '%/905.parquet'") == [(21,)]
    assert nights.rows("select count(*) from raw.sessions where source_file like '%/005.parquet'") == [(0,)]
    ours = nights.rows("select customer_id, occurred_at, duration_minutes from staging.sessions order by all")
    newest = nights.rows(
        "select count(*), count(distinct row_number) from raw.sessions where source_file like '%/003.parquet'"
    )
    assert newest[0][1] <= 21
    assert nights.rows("select count(*) from raw.sessions")[0][0] <= rows + 11
    assert len(ours) == parts.count(nights, "staging.sessions")


def test_whoever_is_in_merged_files_is_erased_from_them(nights: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "004.parquet").rename(tmp_path / "of-C9.parquet")  # a file may be named after somebody
    refresh(nights, tmp_path, NIGHTS)
    compact(nights)
    assert nights.rows("select count(*) > 0 from raw.sessions where source_file like '%of-C9%'") == [(True,)]
    rest = "select * from staging.sessions where customer_id <> 'C3' order by all"
    before = nights.rows(rest)
    erase(nights, load_models(tmp_path), "C3")
    assert nights.rows("select count(*) from raw.sessions where customer_id = 'C3'") == [(0,)]
    erase(nights, load_models(tmp_path), "of-C9")
    assert nights.rows("select count(*) from raw.sessions where source_file like '%of-C9%'") == [(0,)]
    assert nights.rows(rest) == before
    assert all(b"C3" not in path.read_bytes() for path in nights.facts.rglob("*.parquet"))


def test_a_merge_that_fails_leaves_every_file(nights: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    before = hashed(nights)

    def broken(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(parts, "show", broken)
    with pytest.raises(OSError, match="no space"):
        compact(nights)
    monkeypatch.undo()
    assert (small_parts(nights), hashed(nights)) == (NIGHTS, before)

"""Many small files of facts become few, with the same rows, the same versions, and everything that could be done to them before."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose nights were loaded one by one; `kept` beside it brings it back: the files know their own path."""
    folder = tmp_path_factory.mktemp("nights") / "company"
    folder.mkdir()
    with open_warehouse(folder / "warehouse" / "w.duckdb", holder="test") as warehouse:
        for number in range(NIGHTS):
            night(number).write_parquet(folder / f"{number:03}.parquet")
            refresh(warehouse, folder, number)
    shutil.copytree(folder, folder.with_name("kept"))
    return folder


@pytest.fixture
def folder(loaded: Path) -> Path:
    """The folder as it was when its nights had been loaded."""
    shutil.rmtree(loaded)
    shutil.copytree(loaded.with_name("kept"), loaded)
    return loaded


@pytest.fixture
def nights(folder: Path) -> Iterator[Warehouse]:
    with open_warehouse(folder / "warehouse" / "w.duckdb", holder="test") as warehouse:
        yield warehouse


def refresh(warehouse: Warehouse, folder: Path, number: int, *, full: bool = False) -> None:
    source = {"sessions": SourceSettings(path=str(folder / "*.parquet"))}
    ingest(warehouse, source, now=NOW + timedelta(days=number), full=full)
    build(warehouse, load_models(folder), schemas=["staging", "totals"])


def small_parts(warehouse: Warehouse) -> int:
    return len(parts.parts_of(warehouse, "sessions"))


def test_many_small_files_become_one_with_the_same_rows(nights: Warehouse, folder: Path) -> None:
    before = hashed(nights)
    assert compact(nights) == NIGHTS - 1
    assert (small_parts(nights), hashed(nights)) == (1, before)
    assert len(list(nights.facts.rglob("*.parquet"))) == 1
    assert compact(nights) == 0
    refresh(nights, folder, NIGHTS)  # nothing new
    assert hashed(nights) == before


def test_what_comes_later_is_added_as_to_files_of_their_own(nights: Warehouse, folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder / "warehouse", tmp_path / "apart")
    with open_warehouse(copy / "w.duckdb", holder="test") as apart:
        assert hashed(apart) == hashed(nights)
        compact(nights)
        for number in range(NIGHTS, NIGHTS + 3):
            night(number).write_parquet(folder / f"{number:03}.parquet")
            refresh(nights, folder, number)
            refresh(apart, folder, number)
        staged = "select * exclude (load_id, loaded_at) from staging.sessions order by all"
        columns = nights.columns("staging.sessions")
        if "load_id" not in columns:
            staged = "select * from staging.sessions order by all"
        assert nights.rows(staged) == apart.rows(staged)
    assert nights.rows("select max(full_builds) from raw.builds where model = 'staging.sessions'") == [(1,)]


def test_a_file_among_the_merged_ones_can_be_replaced_and_moved(nights: Warehouse, folder: Path) -> None:
    compact(nights)
    rows = nights.rows("select count(*) from raw.sessions")[0][0]
    night(3).with_columns(duration_minutes=pl.lit(1.0)).head(11).write_parquet(folder / "003.parquet")
    (folder / "005.parquet").rename(folder / "905.parquet")
    refresh(nights, folder, NIGHTS)
    assert nights.rows("select count(*) from raw.sessions where source_file like '%/905.parquet'") == [(21,)]
    assert nights.rows("select count(*) from raw.sessions where source_file like '%/005.parquet'") == [(0,)]
    ours = nights.rows("select customer_id, occurred_at, duration_minutes from staging.sessions order by all")
    newest = nights.rows(
        "select count(*), count(distinct row_number) from raw.sessions where source_file like '%/003.parquet'"
    )
    assert newest[0][1] <= 21
    assert nights.rows("select count(*) from raw.sessions")[0][0] <= rows + 11
    assert len(ours) == parts.count(nights, "staging.sessions")


def test_whoever_is_in_merged_files_is_erased_from_them(nights: Warehouse, folder: Path) -> None:
    (folder / "004.parquet").rename(folder / "of-C9.parquet")  # a file may be named after somebody
    refresh(nights, folder, NIGHTS)
    compact(nights)
    assert nights.rows("select count(*) > 0 from raw.sessions where source_file like '%of-C9%'") == [(True,)]
    rest = "select * from staging.sessions where customer_id <> 'C3' order by all"
    before = nights.rows(rest)
    erase(nights, load_models(folder), "C3")
    assert nights.rows("select count(*) from raw.sessions where customer_id = 'C3'") == [(0,)]
    erase(nights, load_models(folder), "of-C9")
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

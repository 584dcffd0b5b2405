"""Loading everything again ends where loading piece by piece has ended."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from churn.config import SourceSettings
from churn.warehouse import Warehouse, load_models, open_warehouse
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models.build import build

NOW = datetime(2026, 7, 1, 2)
HEADER = "subscription_id,customer_id,plan,monthly_fee,started_at,canceled_at"


def _load(warehouse: Warehouse, folder: Path, *, full: bool = False) -> list[tuple[object, ...]]:
    ingest(warehouse, {"subscriptions": SourceSettings(path=str(folder / "*.csv"))}, now=NOW, full=full)
    build(warehouse, load_models(folder), schemas=["staging"])
    return warehouse.rows(
        "select subscription_id, event_type, occurred_at from staging.subscription_events order by all"
    )


def _write(folder: Path, name: str, *rows: str) -> None:
    (folder / name).write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")


def test_of_two_deliveries_the_later_load_still_counts_whatever_the_files_are_called(tmp_path: Path) -> None:
    with open_warehouse(None, holder="test") as warehouse:
        _write(tmp_path, "subscriptions.csv", "s1,anna,basic,25,2026-01-01,")
        _load(warehouse, tmp_path)
        # By name this file comes before the first one.
        _write(tmp_path, "subscriptions-2026-06.csv", "s1,anna,basic,25,2026-01-01,2026-06-01")
        piece_by_piece = _load(warehouse, tmp_path)
        assert ("s1", "canceled", datetime(2026, 6, 1)) in piece_by_piece
        assert _load(warehouse, tmp_path, full=True) == piece_by_piece
        assert _load(warehouse, tmp_path, full=True) == piece_by_piece


def test_a_folder_that_was_moved_is_loaded_again_once(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    with open_warehouse(None, holder="test") as warehouse:
        _write(before, "1.csv", "s1,anna,basic,25,2026-01-01,")
        _write(before, "2.csv", "s2,bob,basic,25,2026-01-02,")
        found = _load(warehouse, before)
        shutil.move(before, after)
        assert _load(warehouse, after, full=True) == found
        assert warehouse.rows("select count(*) from raw.subscriptions") == [(2,)]
        assert warehouse.rows("select count(*) from raw.loads") == [(2,)]

"""Checks feature files, above all a user's: no facts of the future, and exactly the rows of the spine."""

from __future__ import annotations

from collections.abc import Mapping

from churn.errors import ContractBroken, FutureLeak
from churn.resources import bundled
from churn.warehouse import SqlModel, Warehouse

_WITHOUT_TIME = frozenset({"staging.customer_snapshots"})  # its rows have the snapshot date themselves


def check_time(models: Mapping[str, SqlModel]) -> None:
    """Refuse a feature file that reads facts without asking when they were known.

    A file that names `available_at` may still get it wrong: `churn check` tries what it returns by adding facts that must
    not count (snapshots/point_in_time.py), and a test tries ours. Raises FutureLeak.
    """
    for name, model in sorted(models.items()):
        facts = sorted(table for table in model.depends_on - _WITHOUT_TIME if table.startswith(("staging.", "totals.")))
        if name.startswith("features.") and facts and "available_at" not in model.sql:
            raise FutureLeak(
                f"reads {facts[0]} without `available_at`, so it would see facts from after the snapshot date",
                where=str(model.path),
                remedy="Join facts on `f.occurred_at < s.snapshot_date and f.available_at < s.snapshot_date`.",
            )


def check_rows(warehouse: Warehouse, models: Mapping[str, SqlModel], rows: Mapping[str, int]) -> None:
    """Refuse a feature table that has not exactly one row per spine row; `rows` counts those built. Raises ContractBroken."""
    spine = rows["snapshots.spine"]
    shipped = bundled("sql")
    for name in sorted(name for name in rows if name.startswith("features.")):
        matched = spine
        if not models[name].path.is_relative_to(shipped):  # tests check ours
            table = models[name].table.replace('"', '""')
            matched = warehouse.rows(
                f'select count(*) from snapshots.spine as s semi join features."{table}" as f '
                "on s.customer_id = f.customer_id and s.snapshot_date = f.snapshot_date"
            )[0][0]
        if not rows[name] == matched == spine:
            raise ContractBroken(
                f"{rows[name]:,} rows for the {spine:,} rows of the spine, {matched:,} of which it has",
                where=str(models[name].path),
                remedy="A feature table has exactly one row per spine row: begin at snapshots.spine and join left.",
            )

"""The exploration of 1.4 million rows: every column profiled, insights searched and tested, the page drawn."""

from __future__ import annotations

from datetime import date, timedelta

from benchmarks.company import company
from benchmarks.features import build_all, months_before, plain_aggregate
from benchmarks.measuring import Result, in_process, in_turns, told
from churn.progress import Progress
from churn.warehouse.connection import Warehouse

BAR_SECONDS = 20.0


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure reading, counting, searching and drawing of twelve dates and the newest one, features built before."""
    found = company(customers, 18, progress)
    dates = [*months_before(found.cutoff - timedelta(days=40), 12), found.cutoff]
    with found.context().open_warehouse("bench") as warehouse:
        if not _stand(warehouse, dates):
            progress.step("explore: building the features of 13 dates, which is not measured")
            build_all(warehouse, found, dates)
    progress.step("explore: exploring")
    runs = [in_process("explore", customers=customers, months=18) for _ in range(max(1, repeats - 2))]
    middle = sorted(runs, key=lambda each: float(each["seconds"]))[len(runs) // 2]
    with found.context().open_warehouse("bench") as warehouse:
        reference = in_turns(lambda: None, lambda: plain_aggregate(warehouse), repeats=1).reference_median
    return [
        Result(
            bench="P21",
            work=f"profile, {middle['insights']} insights, page of {middle['columns']} columns x {middle['rows']:,} rows",
            figure=float(middle["seconds"]),
            unit="s",
            goal="at most",
            bar=BAR_SECONDS * max(1.0, customers / 120_000),
            aim=None,
            ours=f"{told(float(middle['seconds']))}, peak {float(middle['peak_mb']):,.0f} MB",
            reference=f"plain group by customer_id of the fact tables, for scale: {told(reference)}",
            repeats=len(runs),
            details={"runs": runs},
        )
    ]


def _stand(warehouse: Warehouse, dates: list[date]) -> bool:
    """Say whether an earlier bench has built the features of just these dates."""
    tables = ("snapshots.spine", "features.usage_trend")
    found = [
        warehouse.rows(f"select distinct snapshot_date from {name}") for name in tables if warehouse.has_table(name)
    ]
    return len(found) == len(tables) and all({row[0] for row in rows} == set(dates) for rows in found)

"""P1 to P3: all features from loaded tables, beside one plain aggregate of the same fact columns."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from benchmarks.company import BenchCompany, company
from benchmarks.measuring import Result, in_process, in_turns, told
from churn.progress import Progress

if TYPE_CHECKING:
    from churn.warehouse.connection import Warehouse

# Every fact column that any feature reads, once, by customer.
PLAIN = {
    "sessions": "count(*), sum(duration_minutes), min(occurred_at), max(occurred_at), max(available_at)",
    "payments": "count(*), sum(amount), max(occurred_at), max(available_at), max(status), max(method)",
    "support_tickets": "count(*), max(occurred_at), max(available_at), max(closed_at), max(category)",
    "contacts": "count(*), max(occurred_at), max(available_at), max(campaign), max(channel)",
    "subscription_events": "count(*), max(event_type), max(occurred_at), max(available_at), max(plan), max(monthly_fee)",
}


def months_before(day: date, count: int) -> list[date]:
    """Return `count` firsts of months, the last being that of `day`."""
    index = day.year * 12 + day.month - 1
    return [date(i // 12, i % 12 + 1, 1) for i in range(index - count + 1, index + 1)]


def plain_aggregate(warehouse: Warehouse) -> None:
    """Group every fact table by customer, the reference of P1 to P3."""
    for table, columns in PLAIN.items():
        warehouse.execute(
            f"create or replace temp table plain_{table} as select customer_id, {columns} from staging.{table} group by customer_id"
        )


def build_all(warehouse: Warehouse, found: BenchCompany, dates: list[date]) -> int:
    """Build every feature table for `dates` and return the rows of one."""
    from churn.snapshots.dataset import build_snapshots, data_cutoff
    from churn.snapshots.policy import SnapshotPolicy
    from churn.warehouse.models.sql_models import load_models

    policy = SnapshotPolicy.from_settings(found.context().settings)
    build_snapshots(warehouse, load_models(found.home), policy, dates, data_cutoff=data_cutoff(warehouse))
    return int(warehouse.rows("select count(*) from features.usage")[0][0])


def run_one(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure one date (P1)."""
    return [_measure("P1", 1, 6.0, 3.0, customers, repeats, progress)]


def run_twelve(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure twelve monthly dates (P2)."""
    return [_measure("P2", 12, 40.0, 15.0, customers, max(1, repeats - 3), progress)]


def _measure(
    bench: str, count: int, bar: float, aim: float, customers: int, repeats: int, progress: Progress
) -> Result:
    found = company(customers, 18, progress)
    dates = months_before(found.cutoff, count)
    rows: list[int] = []
    with found.context().open_warehouse("bench") as warehouse:
        progress.step(f"{bench}: features of {count} date(s)")
        taken = in_turns(
            lambda: rows.append(build_all(warehouse, found, dates)),
            lambda: plain_aggregate(warehouse),
            repeats=repeats,
            warm=count == 1,
        )
        facts = warehouse.rows("select count(*) from staging.sessions")[0][0]
        columns = len(warehouse.rows("select 1 from information_schema.columns where table_schema = 'features'"))
    return Result(
        bench=bench,
        work=f"all features ({columns} columns), {count} date(s), {rows[-1]:,} rows from {facts:,} sessions",
        figure=taken.ratio,
        unit="x",
        goal="at most",
        bar=bar,
        aim=aim,
        ours=told(taken.ours_median),
        reference=f"plain group by customer_id of the same fact columns: {told(taken.reference_median)}",
        repeats=repeats,
        details={"ours": taken.ours, "reference": taken.reference, "rows": rows[-1]},
    )


def run_large(customers: int, months: int, _repeats: int, progress: Progress) -> list[Result]:
    """Measure ten times the customers under 4 GB (P3), against the smaller company over the same months."""
    taken: dict[int, dict[str, float]] = {}
    for size in (customers, 10 * customers):
        company(size, months, progress)
        progress.step(f"P3: features of {size:,} customers under 4 GB")
        runs = [in_process("features", customers=size, months=months) for _ in range(2)]
        taken[size] = {key: min(run[key] for run in runs) for key in ("seconds", "peak_mb")}
    small, large = taken[customers], taken[10 * customers]
    return [
        Result(
            bench="P3",
            work=f"all features, 1 date, {10 * customers:,} customers x {months} months, memory limit 4 GB",
            figure=large["seconds"] / small["seconds"],
            unit="x",
            goal="at most",
            bar=12,
            aim=10,
            ours=f"{told(large['seconds'])}, peak {large['peak_mb']:,.0f} MB",
            reference=f"the same for {customers:,} customers: {told(small['seconds'])}",
            repeats=2,
            details={str(size): value for size, value in taken.items()},
        )
    ]

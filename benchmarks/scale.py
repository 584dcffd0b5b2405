"""P23 and P24: features of one date by the tasks of a Spark, beside the embedded engine over the same loaded tables; and cutting by customer."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.company import company
from benchmarks.measuring import Result, in_process
from churn.progress import Progress

BUCKETS = 8
MANY = 64
LARGE = 100_000
OVERHEAD_MB = 400


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure processor seconds: of tasks that build, of cutting, of the driver; and the memory of a task."""
    company(customers, 18, progress)
    embedded: list[dict[str, Any]] = []
    spark: list[dict[str, Any]] = []
    for turn in range(min(repeats, 3)):
        progress.step(f"P23: turn {turn + 1}")
        embedded.append(in_process("features_on", customers=customers, months=18, buckets=None))
        spark.append(in_process("features_on", customers=customers, months=18, buckets=BUCKETS))

    def median(runs: list[dict[str, Any]], name: str) -> float:
        return float(statistics.median(run[name] for run in runs))

    ours, whole = median(spark, "task_cpu"), median(embedded, "cpu")
    first, again, cut = median(spark, "spark_cpu"), median(spark, "spark_cpu_again"), median(spark, "cut_cpu")
    driver, driver_again = median(spark, "driver_cpu"), median(spark, "driver_cpu_again")
    peak, most = median(spark, "task_mb"), median(embedded, "peak_mb") / BUCKETS + OVERHEAD_MB
    note = "" if customers == 120_000 else f"{customers:,} customers"

    def result(work: str, figure: float, unit: str, bar: float, aim: float | None, shown: tuple[str, str]) -> Result:
        return Result("P23", work, figure, unit, "at most", bar, aim, *shown, repeats=len(spark), note=note)

    progress.step(f"P23: the same bytes in {MANY} buckets")
    compared = in_process("tables_that_differ", customers=customers, months=18, buckets=MANY)
    beside = f"embedded: {whole:.1f} s"
    return [
        result(
            f"features of a date in {BUCKETS} buckets, processor seconds of the tasks that build and of Spark, "
            "facts cut before",
            (ours + again) / whole,
            "x",
            1.3,
            1.1,
            (f"{ours:.1f} s in Python, {again:.1f} s in Java, {driver_again:.1f} s on the driver", beside),
        ),
        result(
            "the same with cutting the facts that it sees by customer, which the driver does, as after a first load",
            (ours + cut + first) / whole,
            "x",
            1.3,
            1.1,
            (
                f"{cut:.1f} s to cut, {ours:.1f} s in Python, {first:.1f} s in Java, {driver:.1f} s on the driver beside",
                beside,
            ),
        ),
        result(
            "memory of a task",
            peak,
            "MB",
            most,
            None,
            (f"{peak:,.0f} MB", f"whole / {BUCKETS} + 400 MB: {most:,.0f} MB"),
        ),
        result(
            f"tables of snapshots and features that differ in any byte, built in {MANY} buckets",
            len(compared["differ"]),
            "tables",
            0,
            None,
            (f"{compared['tables']} tables, {compared['values']:,} values", "the embedded engine's"),
        ),
    ]


def run_cutting(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure the rate of cutting sessions by customer, in MB of Parquet for each processor second."""
    company(customers, 18, progress)
    return [_cutting(customers, repeats, progress, is_monthly=is_monthly) for is_monthly in (True, False)]


def _cutting(customers: int, repeats: int, progress: Progress, *, is_monthly: bool) -> Result:
    runs = []
    for turn in range(min(repeats, 3)):
        progress.step(f"P24: turn {turn + 1}")
        # Of more rows, what Java compiles is a small part.
        how = {"is_monthly": is_monthly, "is_warm": customers < LARGE}
        runs.append(in_process("cut_sessions", customers=customers, months=18, buckets=MANY, **how))
    size, rows = runs[0]["mb"], runs[0]["rows"]
    ours, theirs = (size / float(statistics.median(run[name] for run in runs)) for name in ("ours", "theirs"))
    parts = "month by month" if is_monthly else "in one part"
    return Result(
        bench="P24",
        work=f"cutting {rows:,} sessions ({size:,.0f} MB of Parquet) into {MANY} buckets {parts}: rate",
        figure=ours / theirs,
        unit="x",
        goal="at least",
        bar=0.8,
        aim=None,
        ours=f"{ours:.1f} MB for each processor second",
        reference=f"Spark's repartition().write of the same rows: {theirs:.1f} MB",
        repeats=len(runs),
        note="" if customers == 120_000 else f"{customers:,} customers",
    )

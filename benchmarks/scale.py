"""P23: features of one date by the tasks of a Spark cluster, beside the embedded engine over the same loaded tables."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.company import company
from benchmarks.measuring import Result, in_process
from churn.progress import Progress

BUCKETS = 8
OVERHEAD_MB = 400


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure processor seconds: of tasks that build, of cutting, of the driver; and the memory of a task."""
    company(customers, 18, progress)
    embedded: list[dict[str, Any]] = []
    spark: list[dict[str, Any]] = []
    for turn in range(max(2, min(repeats, 3))):
        progress.step(f"P23: turn {turn + 1}")
        embedded.append(in_process("features_on", customers=customers, months=18, buckets=None))
        spark.append(in_process("features_on", customers=customers, months=18, buckets=BUCKETS))

    def median(runs: list[dict[str, Any]], name: str) -> float:
        return float(statistics.median(run[name] for run in runs))

    ours, whole = median(spark, "task_cpu"), median(embedded, "cpu")
    first, again, driver = median(spark, "spark_cpu"), median(spark, "spark_cpu_again"), median(spark, "driver_cpu")
    peak, most = median(spark, "task_mb"), median(embedded, "peak_mb") / BUCKETS + OVERHEAD_MB
    note = "" if customers == 120_000 else f"{customers:,} customers"

    def result(work: str, figure: float, unit: str, bar: float, aim: float | None, shown: tuple[str, str]) -> Result:
        return Result("P23", work, figure, unit, "at most", bar, aim, *shown, repeats=len(spark), note=note)

    beside = f"embedded: {whole:.1f} s"
    return [
        result(
            f"features of a date in {BUCKETS} buckets, processor seconds of the tasks that build and of Spark, "
            "facts cut before",
            (ours + again) / whole,
            "x",
            1.3,
            1.1,
            (f"{ours:.1f} s in Python, {again:.1f} s in Java", beside),
        ),
        result(
            "the same with cutting all facts by customer, as after a first load",
            (ours + first) / whole,
            "x",
            1.3,
            1.1,
            (f"{ours:.1f} s in Python, {first:.1f} s in Java, {driver:.1f} s on the driver", beside),
        ),
        result(
            "memory of a task",
            peak,
            "MB",
            most,
            None,
            (f"{peak:,.0f} MB", f"whole / {BUCKETS} + 400 MB: {most:,.0f} MB"),
        ),
    ]

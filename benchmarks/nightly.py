"""P5: the nightly run end to end after a day's delivery, beside loading and grouping the same files from nothing."""

from __future__ import annotations

import statistics

from benchmarks.company import BenchCompany, as_it_was, company, deliver_last_day, trained
from benchmarks.measuring import Result, in_process, told
from churn.progress import Progress


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure wall seconds and peak memory of load, checks, features, scores, reasons, publishing, and history."""
    found = company(customers, 18, progress)
    trained(found, progress)
    runs = [one_night(found, progress, turn) for turn in range(max(2, repeats - 2))]
    progress.step("P5: the reference, loading and grouping all files")
    plain = [in_process("load_and_group", customers=customers, months=18)["seconds"] for _ in range(2)]
    middle = statistics.median(run["seconds"] for run in runs)
    peak = max(run["peak_mb"] for run in runs)
    last = runs[-1]
    parts = f"load and checks {told(last['load'])}, score and publish {told(last['score'])}"
    return [
        Result(
            bench="P5",
            work=f"nightly run after one day's files, {last['customers']:,} customers scored with reasons",
            figure=middle,
            unit="s",
            goal="at most",
            bar=20 * customers / 120_000,
            aim=15 * customers / 120_000,
            ours=f"{told(middle)} ({parts})",
            reference=f"load all files anew and group them: {told(statistics.median(plain))}",
            repeats=len(runs),
            details={"runs": runs, "reference": plain},
        ),
        Result(
            bench="P5",
            work="its peak memory",
            figure=peak,
            unit="MB",
            goal="at most",
            bar=2048,
            aim=None,
            ours=f"{peak:,.0f} MB",
            reference="",
            repeats=len(runs),
        ),
    ]


def one_night(found: BenchCompany, progress: Progress, turn: int = 0) -> dict[str, float]:
    """Deliver the last day and run the night; the home is put back after."""
    with as_it_was(found) as home:
        deliver_last_day(found, home)
        progress.step(f"P5: night {turn + 1}")
        return in_process("nightly", customers=found.customers, months=found.months, home=str(home))

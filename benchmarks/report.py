"""P13: the monthly report of a large company, in a process of its own as the command runs, from the warehouse to the page."""

from __future__ import annotations

import statistics
from datetime import timedelta

from benchmarks.company import as_it_was, company, trained
from benchmarks.measuring import Result, in_process, told
from churn.progress import Progress


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure the last whole month's report, after that month's end was scored as the night before it does."""
    found = company(customers, 18, progress)
    trained(found, progress)
    with as_it_was(found) as home:
        from churn.workflows.score import score_customers

        day = (found.cutoff - timedelta(days=1)).replace(day=1)  # the data end a day before the cutoff
        progress.step(f"P13: scoring {day}, which is not measured")
        score_customers(found.context(home, day=day), snapshot_date=day)
        runs = []
        for turn in range(repeats):
            progress.step(f"P13: report {turn + 1}")
            runs.append(in_process("report", customers=customers, months=18, home=str(home)))
    middle = statistics.median(float(each["seconds"]) for each in runs)
    size = float(runs[-1]["page_bytes"]) / 1e6
    return [
        Result(
            bench="P13",
            work=f"monthly report, {runs[-1]['customers']:,} customers",
            figure=middle,
            unit="s",
            goal="at most",
            bar=5.0,
            aim=2.0,
            ours=f"{told(middle)} (of it processor time {told(statistics.median(float(r['cpu']) for r in runs))})",
            reference="",
            repeats=len(runs),
            note="facts, 4 charts each wide and narrow, page; libraries loaded within",
            details={"runs": runs},
        ),
        Result(
            bench="P13",
            work="its size, charts and all",
            figure=size,
            unit="MB",
            goal="at most",
            bar=1.0,
            aim=None,
            ours=told(size, "MB"),
            reference="",
            repeats=len(runs),
        ),
    ]

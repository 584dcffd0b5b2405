"""P4: the eight features of the case from Parquet files to a matrix, beside pandas and Featuretools, each in its own process.

Processor seconds are compared, since other work on the machine lengthens the others.
"""

from __future__ import annotations

import statistics
from importlib.util import find_spec
from typing import Any

from benchmarks.company import company
from benchmarks.features import months_before
from benchmarks.measuring import Result, in_process, told
from churn.progress import Progress

RIVALS = ("pandas", "featuretools")


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure one date and twelve, seconds and peak memory."""
    found = company(customers, 18, progress)
    results = []
    for count in (1, 12):
        dates = [str(day) for day in months_before(found.cutoff, count)]
        runs: dict[str, list[dict[str, Any]]] = {tool: [] for tool in ("churn", *RIVALS) if _is_asked(tool, count)}
        for turn in range(max(2, repeats - 2) if count == 1 else 1):
            for tool, done in runs.items():
                progress.step(f"P4: {count} date(s) by {tool}, turn {turn + 1}")
                try:
                    done.append(in_process("matrix", tool=tool, files=str(found.files), dates=dates))
                except RuntimeError as error:  # Featuretools 1.31 does not work with pandas 3, for one
                    if tool == "churn":
                        raise
                    progress.step(f"P4: {tool} does not run here: {str(error).splitlines()[-1]}")
        ours = _median(runs["churn"])
        for rival in RIVALS:
            if runs.get(rival):
                results += _compared(rival, count, ours, _median(runs[rival]), len(runs[rival]), customers)
    return results


def _compared(
    rival: str, count: int, ours: dict[str, Any], theirs: dict[str, Any], repeats: int, customers: int
) -> list[Result]:
    work = f"8 features, {count} date(s), {customers:,} customers, Parquet to matrix of {ours['rows']:,} rows"
    note = "" if ours["rows"] == theirs["rows"] else f"{rival} has {theirs['rows']:,} rows"

    def result(what: str, key: str, unit: str, shown: tuple[str, str], details: dict[str, Any]) -> Result:
        return Result(
            bench="P4",
            work=what,
            figure=theirs[key] / ours[key],
            unit=unit,
            goal="at least",
            bar=4.0,
            aim=10.0,
            ours=shown[0],
            reference=f"{rival}: {shown[1]}",
            repeats=repeats,
            note=note,
            details=details,
        )

    times = told(ours["cpu"]), told(theirs["cpu"])
    peaks = f"{ours['peak_mb']:,.0f} MB", f"{theirs['peak_mb']:,.0f} MB"
    return [
        result(work, "cpu", "x faster", times, {"ours": ours, rival: theirs}),
        result(f"its peak memory, {count} date(s)", "peak_mb", "x less", peaks, {}),
    ]


def _median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {**runs[0], **{key: statistics.median(run[key] for run in runs) for key in ("cpu", "seconds", "peak_mb")}}


def _is_asked(tool: str, count: int) -> bool:
    """Featuretools needs minutes for one date, so it is not asked for twelve."""
    return tool == "churn" or (find_spec(tool) is not None and (tool != "featuretools" or count == 1))

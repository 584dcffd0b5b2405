"""P22: sessions from Parquet files to staged facts and month sums, beside the bare month sums of the same files."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.company import company_files
from benchmarks.measuring import Result, in_process, told
from churn.progress import Progress


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure processor seconds, peak memory and the room on disk."""
    files = company_files(customers, 18, progress)
    runs: dict[str, list[dict[str, Any]]] = {"ours": [], "bare": []}
    for turn in range(max(3, repeats)):
        progress.step(f"P22: turn {turn + 1}")
        runs["ours"].append(in_process("month_sums", files=str(files), home=str(files.parent / "loaded-by-the-bench")))
        runs["bare"].append(in_process("month_sums", files=str(files), home=None))
    ours, bare = (statistics.median(run["cpu"] for run in done) for done in runs.values())
    peak = statistics.median(run["peak_mb"] for run in runs["ours"])
    last, delivered = runs["ours"][-1], sum(path.stat().st_size for path in files.glob("sessions*.parquet"))

    def result(work: str, figure: float, unit: str, bar: float, aim: float | None, shown: tuple[str, str]) -> Result:
        return Result(
            bench="P22",
            work=work,
            figure=figure,
            unit=unit,
            goal="at most",
            bar=bar,
            aim=aim,
            ours=shown[0],
            reference=shown[1],
            repeats=len(runs["ours"]),
            note="" if customers == 120_000 else f"{customers:,} customers",
            details={"runs": runs} if unit == "x" and aim is not None else {},
        )

    work = f"load of sessions from Parquet to staging and month sums, {last['sessions']:,} sessions, processor seconds"
    sizes = f"{last['disk'] / 1e6:,.0f} MB", f"delivered: {delivered / 1e6:,.0f} MB"
    return [
        result(work, ours / bare, "x", 3, 2, (told(ours), f"bare month sums of the same files: {told(bare)}")),
        result("its room on disk", last["disk"] / delivered, "x", 1.3, None, sizes),
        result("its peak memory", peak, "MB", 1536, None, (f"{peak:,.0f} MB", "")),
    ]

"""P15: how long the command line takes to answer, beside an interpreter that does nothing."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks.company import company, trained
from benchmarks.measuring import Result, in_turns, told
from churn.progress import Progress


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:
    """Measure `churn --help`, and `churn risk-list` on a published list."""
    found = company(customers, 18, progress)
    trained(found, progress)
    program = Path(sys.executable).parent / "churn"
    start = [str(program)] if program.is_file() else [sys.executable, "-m", "churn"]
    results = []
    for arguments, bar in ((["--help"], 0.3), (["risk-list", "--home", str(found.home), "--top", "20"], 0.6)):
        progress.step(f"P15: churn {arguments[0]}")
        taken = in_turns(
            partial(_call, [*start, *arguments]),
            lambda: _call([sys.executable, "-c", "pass"]),
            repeats=2 * repeats + 1,
        )
        results.append(
            Result(
                bench="P15",
                work=f"`churn {arguments[0]}`, a process of its own",
                figure=taken.ours_median - taken.reference_median,
                unit="s more",
                goal="at most",
                bar=bar,
                aim=None,
                ours=told(taken.ours_median),
                reference=f"`python -c pass`: {told(taken.reference_median)}",
                repeats=len(taken.ours),
                details={"ours": taken.ours, "reference": taken.reference},
            )
        )
    return results


def _call(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

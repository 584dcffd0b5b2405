"""Measures our work beside a reference, in turns, so that a noisy machine is noisy to both; and in fresh processes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).parent.parent

Goal = Literal["at most", "at least"]


@dataclass(frozen=True)
class Result:
    """One comparison. `figure` is what `bar` and `aim` judge, in `unit` (`x`: ours over reference, or faster by)."""

    bench: str
    work: str
    figure: float
    unit: str
    goal: Goal
    bar: float
    aim: float | None
    ours: str
    reference: str
    repeats: int
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def is_met(self) -> bool:
        """Whether the figure reaches the bar."""
        return self.figure <= self.bar if self.goal == "at most" else self.figure >= self.bar

    @property
    def verdict(self) -> str:
        """`met`, `met, aim too`, or `missed`."""
        if not self.is_met:
            return "missed"
        reached = self.aim is not None and (
            self.figure <= self.aim if self.goal == "at most" else self.figure >= self.aim
        )
        return "met, aim too" if reached else "met"


@dataclass(frozen=True)
class Timed:
    """Seconds of each repetition, ours and the reference's, taken in turns."""

    ours: tuple[float, ...]
    reference: tuple[float, ...]

    @property
    def ours_median(self) -> float:
        """Median seconds of ours."""
        return statistics.median(self.ours)

    @property
    def reference_median(self) -> float:
        """Median seconds of the reference."""
        return statistics.median(self.reference)

    @property
    def ratio(self) -> float:
        """Ours over reference, of the medians."""
        return self.ours_median / self.reference_median


def in_turns(ours: Callable[[], object], reference: Callable[[], object], *, repeats: int, warm: bool = True) -> Timed:
    """Time both `repeats` times, one after the other each time; `warm` runs both once before, untimed."""
    if warm:
        ours()
        reference()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for work, taken in zip((ours, reference), times, strict=True):
            taken.append(seconds(work))
    return Timed(tuple(times[0]), tuple(times[1]))


def seconds(work: Callable[[], object]) -> float:
    """Return the wall seconds that `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_process(task: str, **arguments: Any) -> dict[str, Any]:
    """Run `task` of benchmarks.tasks in a process of its own; return its answer with `seconds` and `peak_mb`.

    `seconds` begins when its imports are done. Raises RuntimeError with what the process said when it fails.
    """
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.tasks", task, json.dumps(arguments, default=str)]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{task} failed:\n{done.stderr[-3000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def told(value: float, unit: str = "s") -> str:
    """Return a figure with three digits and its unit."""
    if unit == "s" and value < 1:
        return f"{1000 * value:.3g} ms"
    digits = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{digits} {unit}"

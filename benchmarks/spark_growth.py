"""P24's growth: companies of several sizes, generated, loaded, and scored in 64 buckets by tasks of a Spark on this machine.

`python -m benchmarks.spark_growth 300000 600000` prints of each size what a first score takes, all facts that it sees cut
for it, and the score of a day later; and how far time is from growing as customers do.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.company import DATA, company
from benchmarks.tasks import java_seconds, spark_here
from churn.progress import SILENT

if TYPE_CHECKING:
    from churn.context import Context

MONTHS = 6
BUCKETS = 64
_STEPS = ("spark_build", "spark_rows")


@dataclass(frozen=True)
class Scored:
    """What a score took: seconds on the clock; processor seconds of driver, tasks and Java; the most memory of a task.

    `cutting` are those of the driver's seconds that cutting takes, `driver_mb` the most memory of the driver so far.
    """

    rows: int
    seconds: float
    driver: float
    cutting: float
    tasks: float
    java: float
    task_mb: float
    driver_mb: float

    @property
    def processor(self) -> float:
        """Processor seconds of all that took part."""
        return self.driver + self.tasks + self.java


def scored(customers: int) -> tuple[Scored, Scored]:
    """Return what the first score of a company takes, and one of a day before, whose months were cut by then."""
    from churn.bootstrap import build_context
    from churn.distributed import forget_work, probe_cluster
    from churn.workflows.train import train_model

    found = company(customers, MONTHS, SILENT)
    here = found.context()
    if not (found.home / "models").is_dir():
        train_model(here, candidates=["logistic_regression"], tune=False, split="random", promote=True, who="bench")
    engine = spark_here(BUCKETS)
    probe_cluster(found.home, engine)  # the first job of a Java takes it seconds to compile
    forget_work(found.home)
    context = build_context(settings=here.settings.model_copy(update={"engine": engine}))
    first, again = (_score(context, found.home, days) for days in (1, 2))
    forget_work(found.home)
    return first, again


def _score(context: Context, home: Path, days: int) -> Scored:
    from churn.snapshots.dataset import data_cutoff
    from churn.workflows.score import score_customers

    with context.open_warehouse("bench") as warehouse:
        day = data_cutoff(warehouse).date() - timedelta(days=days)
    log = home / "churn.log"
    known = len(log.read_text(encoding="utf-8").splitlines())
    began, cpu, java = time.perf_counter(), time.process_time(), java_seconds()
    result = score_customers(context, snapshot_date=day)[0]
    seconds, driver, in_java = time.perf_counter() - began, time.process_time() - cpu, java_seconds() - java
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()[known:]]
    steps = [line for line in lines if line["event"] in _STEPS]
    cutting = sum(line["cpu_seconds"] for line in lines if line["event"] == "spark_cut")
    in_tasks = sum(step["cpu_seconds"] for step in steps)
    task_mb = max(step["peak_mb"] for step in steps)
    driver_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Scored(result.customers, seconds, driver, cutting, in_tasks, in_java, task_mb, driver_mb)


def main() -> None:
    """Measure each size that is named, and compare each with the one before."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spark_growth", description=__doc__)
    parser.add_argument("sizes", type=int, nargs="+")
    parser.add_argument("--forget", action="store_true", help="remove each company when it has been measured")
    arguments = parser.parse_args()
    before: tuple[int, tuple[Scored, Scored]] | None = None
    for size in sorted(arguments.sizes):
        taken = scored(size)
        for name, score in zip(("first", "again"), taken, strict=True):
            print(f"{size:,} customers, {name}: {score} = {score.processor:.1f} processor seconds", flush=True)
        if before is not None:
            for name, score, small in zip(("first", "again"), taken, before[1], strict=True):
                growth = score.processor / small.processor / (size / before[0])
                print(f"  {name}: {growth:.2f} of linear from {before[0]:,} customers", flush=True)
        before = size, taken
        if arguments.forget:
            shutil.rmtree(DATA / f"company-{size}x{MONTHS}")


if __name__ == "__main__":
    main()

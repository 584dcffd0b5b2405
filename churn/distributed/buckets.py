"""Runs one task per bucket, keeps what each leaves behind, and says how it went; those done before are not done again."""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn import errors
from churn.distributed.session import translating
from churn.errors import ChurnError, ResourceError
from churn.progress import Progress
from churn.store import BucketCounts

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

DONE: Final = "done.json"
_LOOK_SECONDS: Final = 0.3
_AGAIN: Final = (
    "Run the command again: it goes on with the buckets that are left. See the logs of the executors; more memory is set "
    "by spark.executor.memoryOverhead and [resources] memory_limit, smaller tasks by [engine] buckets."
)


@dataclass(frozen=True)
class TaskReport:
    """How a task went: `attempt` counts from 0; `peak_mb` is the most memory its process ever held."""

    bucket: int
    attempt: int
    seconds: float
    cpu_seconds: float
    peak_mb: float


Task = Callable[[int, Path], None]  # works on a bucket, and writes into the folder given


def run_buckets(
    session: SparkSession, task: Task, folder: Path, buckets: Sequence[int], *, message: str, progress: Progress
) -> tuple[TaskReport, ...]:
    """Let Spark run `task` for each of `buckets`, which leaves its files in a folder below `folder`.

    A task that dies is started again as Spark's settings say. What the product itself refuses is raised at once, as it
    was raised there; ResourceError where tasks keep failing otherwise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    left = [bucket for bucket in buckets if report_of(folder, bucket) is None]
    if left:
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(_run, session, task, folder, left)
            shown = -1
            try:
                while not running.done():
                    done = len(buckets) - sum(report_of(folder, bucket) is None for bucket in left)
                    if done != shown:
                        progress.step(f"{message}: {done} of {len(buckets)} buckets", done / len(buckets))
                        shown = done
                    time.sleep(_LOOK_SECONDS)
            except BaseException:
                session.sparkContext.cancelAllJobs()
                raise
            _raise_refusal(running.result())
    reports = [report for bucket in buckets if (report := report_of(folder, bucket)) is not None]
    if len(reports) < len(buckets):
        raise ResourceError(
            f"{len(buckets) - len(reports)} buckets left nothing behind",
            where=str(folder),
            remedy="Check that workers and driver see the same folder ([engine] work).",
        )
    return tuple(reports)


def count_buckets(folder: Path, buckets: Sequence[int]) -> BucketCounts:
    """Count how far a step has come, whether it ended or not."""
    reports = [report for bucket in buckets if (report := report_of(folder, bucket)) is not None]
    return BucketCounts(len(reports), sum(report.attempt > 0 for report in reports), len(buckets) - len(reports))


def report_of(folder: Path, bucket: int) -> TaskReport | None:
    """Return how the task of a bucket went, None until it is done."""
    try:
        return TaskReport(**json.loads((folder / str(bucket) / DONE).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def _run(session: SparkSession, task: Task, folder: Path, buckets: Sequence[int]) -> list[str | None]:
    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for batch in batches:
            refusals = [_attempt(task, folder, buckets[number]) for number in batch.column(0).to_pylist()]
            yield pa.RecordBatch.from_arrays([pa.array(refusals, pa.string())], names=["refusal"])

    count = len(buckets)
    with translating("tasks failed on the cluster", remedy=_AGAIN):
        rows = session.range(0, count, 1, count).mapInArrow(work, "refusal string").collect()
    return [row[0] for row in rows]


def _attempt(task: Task, folder: Path, bucket: int) -> str | None:
    """Do the task into a folder of its own, which becomes the bucket's once it is whole; return what was refused."""
    from pyspark import TaskContext

    if report_of(folder, bucket) is not None:  # by an attempt that was taken for dead
        return None
    began, cpu = time.monotonic(), time.process_time()
    scratch = folder / f".{bucket}-{uuid.uuid4().hex[:8]}"
    scratch.mkdir(parents=True)
    try:
        task(bucket, scratch)
        context = TaskContext.get()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        report = TaskReport(
            bucket,
            context.attemptNumber() if context is not None else 0,
            round(time.monotonic() - began, 3),
            round(time.process_time() - cpu, 3),
            round(peak / (1024 if sys.platform != "darwin" else 1024**2), 1),
        )
        (scratch / DONE).write_text(json.dumps(asdict(report)), encoding="utf-8")
        try:
            scratch.rename(folder / str(bucket))
        except OSError:
            if report_of(folder, bucket) is None:
                raise
    except ChurnError as error:
        return json.dumps([type(error).__name__, error.what, error.where, error.remedy])
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return None


def _raise_refusal(refusals: Sequence[str | None]) -> None:
    for text in refusals:
        if text is not None:
            name, what, where, remedy = json.loads(text)
            kind: type[ChurnError] = getattr(errors, name, ChurnError)
            raise kind(what, where=where, remedy=remedy)

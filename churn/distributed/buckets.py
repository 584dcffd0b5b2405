"""Runs one task per bucket, keeps what each leaves behind, and says how it went; those done before are not done again.

Each attempt writes below a name of its own, and publishes a note that names it when it is whole: whoever reads the note
reads that attempt's files, also while another attempt at the same bucket still writes.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn import errors
from churn.distributed.place import Place
from churn.distributed.session import translating
from churn.errors import ChurnError, ResourceError
from churn.progress import Progress
from churn.store import BucketCounts

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

DONE: Final = "done.json"
_LOOK_SECONDS: Final = 0.3
_LOOK_AWAY_SECONDS: Final = 5.0  # each look at a place that is not mounted is a request for every bucket left
_REQUESTS: Final = 16  # at once
_AGAIN: Final = (
    "Run the command again: it goes on with the buckets that are left. See the logs of the executors; more memory is set "
    "by spark.executor.memoryOverhead and [resources] memory_limit, smaller tasks by [engine] buckets."
)


@dataclass(frozen=True)
class TaskReport:
    """How a task went: `attempt` counts from 0; `peak_mb` is the most memory its process ever held.

    What it wrote lies in `folder` below the bucket's, in `files`.
    """

    bucket: str
    attempt: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    folder: str
    files: tuple[str, ...]

    def place(self, below: Place) -> Place:
        """Return where it wrote, of a step that works in `below`."""
        return below / self.bucket / self.folder


Task = Callable[[str, Path], None]  # works on the bucket of that name, and writes into the folder given


def run_buckets(
    session: SparkSession, task: Task, below: Place, buckets: Sequence[str], *, message: str, progress: Progress
) -> tuple[TaskReport, ...]:
    """Let Spark run `task` for each of `buckets`, which leaves its files in a folder below `below`.

    A task that dies is started again as Spark's settings say. What the product itself refuses is raised at once, as it
    was raised there; ResourceError where tasks keep failing otherwise.
    """
    reports = {bucket: report for bucket in buckets if (report := report_of(below, bucket)) is not None}
    left = [bucket for bucket in buckets if bucket not in reports]
    if left:
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(_run, session, task, below, left)
            pause = _LOOK_SECONDS if below.is_folder else _LOOK_AWAY_SECONDS
            looked_at, shown = 0.0, -1
            try:
                while not running.done():
                    if time.monotonic() >= looked_at + pause:
                        reports |= _reports(below, [bucket for bucket in left if bucket not in reports])
                        looked_at = time.monotonic()
                        if len(reports) != shown:
                            share = len(reports) / len(buckets)
                            progress.step(f"{message}: {len(reports)} of {len(buckets)} buckets", share)
                            shown = len(reports)
                    time.sleep(_LOOK_SECONDS)
            except BaseException:
                session.sparkContext.cancelAllJobs()
                raise
            _raise_refusal(running.result())
        reports |= _reports(below, [bucket for bucket in left if bucket not in reports])
    if len(reports) < len(buckets):
        raise ResourceError(
            f"{len(buckets) - len(reports)} buckets left nothing behind",
            where=str(below),
            remedy="Check that workers and driver see the same folder ([engine] work).",
        )
    return tuple(reports[bucket] for bucket in buckets)


def count_buckets(below: Place, buckets: Sequence[str]) -> BucketCounts:
    """Count how far a step has come, whether it ended or not."""
    reports = _reports(below, buckets).values()
    return BucketCounts(len(reports), sum(report.attempt > 0 for report in reports), len(buckets) - len(reports))


def report_of(below: Place, bucket: str) -> TaskReport | None:
    """Return how the task of a bucket went, None until it is done."""
    text = (below / bucket / DONE).read()
    try:
        note = json.loads(text or "")
        return TaskReport(**{**note, "files": tuple(note["files"])})
    except (ValueError, TypeError, KeyError):
        return None


def _reports(below: Place, buckets: Sequence[str]) -> dict[str, TaskReport]:
    with ThreadPoolExecutor(1 if below.is_folder else _REQUESTS) as pool:
        reports = pool.map(lambda bucket: report_of(below, bucket), buckets)
        return {report.bucket: report for report in reports if report is not None}


def _run(session: SparkSession, task: Task, below: Place, buckets: Sequence[str]) -> list[str | None]:
    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for batch in batches:
            refusals = [_attempt(task, below, buckets[number]) for number in batch.column(0).to_pylist()]
            yield pa.RecordBatch.from_arrays([pa.array(refusals, pa.string())], names=["refusal"])

    count = len(buckets)
    with translating("tasks failed on the cluster", remedy=_AGAIN):
        rows = session.range(0, count, 1, count).mapInArrow(work, "refusal string").collect()
    return [row[0] for row in rows]


def _attempt(task: Task, below: Place, bucket: str) -> str | None:
    """Do the task, and publish what it left once that is whole; return what was refused."""
    from pyspark import TaskContext

    if report_of(below, bucket) is not None:  # by an attempt that was taken for dead
        return None
    began, cpu = time.monotonic(), time.process_time()
    name = f"try-{uuid.uuid4().hex[:8]}"
    place = below / bucket / name
    try:
        with place.writing() as folder:
            task(bucket, folder)
            files = tuple(sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()))
        context = TaskContext.get()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        report = TaskReport(
            bucket,
            context.attemptNumber() if context is not None else 0,
            round(time.monotonic() - began, 3),
            round(time.process_time() - cpu, 3),
            round(peak / (1024 if sys.platform != "darwin" else 1024**2), 1),
            name,
            files,
        )
        (below / bucket / DONE).publish(json.dumps(asdict(report)))
    except ChurnError as error:
        place.remove()
        return json.dumps([type(error).__name__, error.what, error.where, error.remedy])
    except BaseException:
        place.remove()
        raise
    return None


@contextmanager
def on_this_machine(reports: Sequence[TaskReport], below: Place) -> Iterator[dict[str, Path]]:
    """Give the folder of each bucket's files here, for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="churn-in-", ignore_cleanup_errors=True) as scratch:
        with ThreadPoolExecutor(1 if below.is_folder else _REQUESTS) as pool:
            folders = pool.map(lambda report: report.place(below).here(Path(scratch)), reports)
            here = {report.bucket: folder for report, folder in zip(reports, folders, strict=True)}
        yield here


def _raise_refusal(refusals: Sequence[str | None]) -> None:
    for text in refusals:
        if text is not None:
            name, what, where, remedy = json.loads(text)
            kind: type[ChurnError] = getattr(errors, name, ChurnError)
            raise kind(what, where=where, remedy=remedy)

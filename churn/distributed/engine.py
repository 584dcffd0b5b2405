"""The engine that shares the work out: tables are cut by customer, tasks build and score their buckets, all is gathered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from churn import __version__
from churn.config import ResourceSettings, Settings, SourceSettings
from churn.context import Log
from churn.distributed.buckets import TaskReport, count_buckets, on_this_machine, run_buckets
from churn.distributed.build import WHOLE, BuildTask, gather, gather_counts, plan_build
from churn.distributed.cut import cut_tables
from churn.distributed.files import deliveries_of, shared_out
from churn.distributed.months import seen_months
from churn.distributed.place import Place
from churn.distributed.reading import fetch_rows
from churn.distributed.rows import RowsTask, gather_rows, write_rows
from churn.distributed.session import open_session
from churn.distributed.tables import FiledTable
from churn.distributed.work import WorkFolder, digest, open_work
from churn.errors import ChurnError
from churn.progress import SILENT, Progress
from churn.snapshots.dataset import prepare_build
from churn.snapshots.engine import Counting, RowWork
from churn.snapshots.policy import SnapshotPolicy
from churn.store import BucketCounts, Store
from churn.warehouse import SqlModel, Warehouse
from churn.warehouse.models.build import build
from churn.warehouse.reading.delivery import Delivery, SourceFile
from churn.warehouse.reading.elsewhere import ClusterReader

if TYPE_CHECKING:
    import polars as pl
    from pyspark.sql import SparkSession

T = TypeVar("T")
_LEAST_BLOCKS: Final = 2


@dataclass(frozen=True)
class SparkEngine:
    """Works on a cluster; each step is noted in the ledger with its buckets."""

    settings: Settings
    open_store: Callable[[], AbstractContextManager[Store]]
    clock: Callable[[], datetime]
    log: Log
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def build_snapshots(
        self,
        warehouse: Warehouse,
        models: Mapping[str, SqlModel],
        policy: SnapshotPolicy,
        dates: Sequence[date],
        *,
        data_cutoff: datetime,
        wanted: Sequence[str] = (),
        shares: Mapping[date, float] = {},
        progress: Progress = SILENT,
    ) -> None:
        """Build as `dataset.build_snapshots`: what only the whole can tell is settled here, then each bucket is built alone."""
        self._build(
            warehouse, models, policy, dates, None, cutoff=data_cutoff, wanted=wanted, shares=shares, progress=progress
        )

    def count_snapshots(
        self,
        warehouse: Warehouse,
        models: Mapping[str, SqlModel],
        policy: SnapshotPolicy,
        dates: Sequence[date],
        counting: Counting,
        *,
        data_cutoff: datetime,
        wanted: Sequence[str] = (),
        progress: Progress = SILENT,
    ) -> pl.DataFrame:
        """Build, and let each task count what it built."""
        counted = self._build(
            warehouse, models, policy, dates, counting, cutoff=data_cutoff, wanted=wanted, shares={}, progress=progress
        )
        assert counted is not None, "what was to be counted was not"
        return counted

    def _build(
        self,
        warehouse: Warehouse,
        models: Mapping[str, SqlModel],
        policy: SnapshotPolicy,
        dates: Sequence[date],
        counting: Counting | None,
        *,
        cutoff: datetime,
        wanted: Sequence[str],
        shares: Mapping[date, float],
        progress: Progress,
    ) -> pl.DataFrame | None:
        tables = prepare_build(warehouse, models, policy, dates, data_cutoff=cutoff, wanted=wanted, shares=shares)
        plan = plan_build(models, tables)
        build(warehouse, models, schemas=("totals",), names=tables, progress=progress)
        seen = seen_months(warehouse, models, plan.cut, plan.built)
        progress.step("Opening the Spark session")
        session, work = open_session(self.settings.engine), self._work()
        buckets = [str(bucket) for bucket in range(work.buckets)]
        with self._recorded("spark_cut", None, buckets):
            began, cpu = time.monotonic(), time.process_time()
            cut = cut_tables(warehouse, seen, work, progress=progress)
            taken = {"seconds": time.monotonic() - began, "cpu_seconds": time.process_time() - cpu}
            self.log.note("spark_cut", **{name: round(value, 3) for name, value in taken.items()})
        whole = [FiledTable.of(warehouse, name) for name in WHOLE]
        sql = [f"{name}\n{models[name].sql}" for name in plan.built]
        states = [str(name) for table in cut for name in (table.table, *(part.place for part in table.parts))]
        states += [table.state(warehouse) for table in whole]
        below = work.place / "built" / digest(__version__, counting.key if counting else "", *sql, *states)
        with (below / "whole").writing() as folder:
            for table in whole:
                table.write(warehouse, folder / f"{table.name}.parquet")
        task = BuildTask(
            {name: models[name] for name in plan.built},
            plan,
            tuple(name for name in tables if name in plan.built),
            cut,
            tuple((table, below / "whole" / f"{table.name}.parquet") for table in whole),
            self._resources(session),
            counting,
        )
        with self._recorded("spark_build", below, buckets):
            reports = run_buckets(session, task, below, buckets, message="Building features", progress=progress)
            self._note("spark_build", reports)
            progress.step("Gathering the features")
            with on_this_machine(reports, below) as folders:
                in_order = [folders[bucket] for bucket in buckets]
                gather(warehouse, models, in_order)
                counted = None if counting is None else gather_counts(in_order)
        (work.place / "built").remove()
        return counted

    def over_rows(self, frame: pl.DataFrame, work: RowWork[T], *, progress: Progress = SILENT) -> T:
        """Do the work on equal parts of the rows, whoever they belong to, each some blocks; one block is done here."""
        blocks = -(-frame.height // work.rows)
        if blocks < _LEAST_BLOCKS:
            return work(frame)
        session, shared = open_session(self.settings.engine), self._work()
        parts = [str(part) for part in range(min(shared.buckets, blocks))]
        below = shared.place / "rows" / digest(__version__, work.key, str(len(parts)), _state(frame))
        write_rows(frame, below / "given", len(parts), rows=work.rows)
        task = RowsTask(work, below / "given")
        with self._recorded("spark_rows", below, parts):
            reports = run_buckets(session, task, below, parts, message="Scoring", progress=progress)
            self._note("spark_rows", reports)
            with on_this_machine(reports, below) as folders:
                done = work.unpack(gather_rows([folders[part] for part in parts]))
        (shared.place / "rows").remove()
        return done

    def fetch(
        self,
        warehouse: Warehouse,
        name: str,
        source: SourceSettings,
        secrets: Mapping[str, str],  # noqa: ARG002 - Spark's own settings hold what its catalogues need
        *,
        since: str | None,
    ) -> None:
        """Let tasks read a source of format `spark`. Raises as `reading.fetch_rows`."""
        session, work = open_session(self.settings.engine), self._work()
        fetch_rows(session, work, warehouse, name, source, since=since)

    @property
    def reader(self) -> ClusterReader:
        """This engine: it reads sources of format `spark`, and large text files."""
        return self

    def read_files(
        self,
        name: str,
        source: SourceSettings,
        kind: str,
        groups: Sequence[Sequence[SourceFile]],
        *,
        scratch: Path,
    ) -> Iterator[Iterator[Delivery]]:
        """Let tasks read the files, and yield of each group what they delivered. Raises as the readers do."""
        session, work = open_session(self.settings.engine), self._work()
        task, groups_of_units = shared_out(
            name, source, kind, groups, resources=self._resources(session), secrets=self.secrets
        )
        units, place = list(task.units), work.place / "files" / name
        below = place / task.key
        for other in place.names():
            if other != task.key:
                (place / other).remove()  # of a run that was killed
        with self._recorded("spark_read", below, units):
            done = run_buckets(session, task, below, units, message=f"Reading {name}", progress=SILENT)
            self._note("spark_read", done)
        reports = {report.bucket: report for report in done}
        for group in groups_of_units:
            yield deliveries_of(task, below, reports, group, scratch)
        place.remove()

    def _work(self) -> WorkFolder:
        return open_work(self.settings.home, self.settings.engine, self.secrets)

    def _note(self, step: str, reports: Sequence[TaskReport]) -> None:
        """Write to the log what the tasks of a step took, those of an earlier run among them."""
        self.log.note(
            step,
            buckets=len(reports),
            seconds=round(sum(report.seconds for report in reports), 3),
            cpu_seconds=round(sum(report.cpu_seconds for report in reports), 3),
            longest_seconds=max((report.seconds for report in reports), default=0.0),
            peak_mb=max((report.peak_mb for report in reports), default=0.0),
        )

    def _resources(self, session: SparkSession) -> ResourceSettings:
        """Return what a task may use: [resources] memory_limit, and as many threads as Spark gives it cores."""
        return self.settings.resources.model_copy(
            update={"threads": int(session.conf.get("spark.task.cpus", "1") or 1)}
        )

    @contextmanager
    def _recorded(self, step: str, below: Place | None, buckets: Sequence[str]) -> Iterator[None]:
        """Write a step to the ledger: how it ended, and its buckets, which are in `below`; else all are done or none."""
        with self.open_store() as store:
            run_id = store.runs.start(step, started_at=self.clock())
        error: str | None = None
        try:
            yield
        except BaseException as failure:
            error = str(failure) if isinstance(failure, ChurnError) else type(failure).__name__
            raise
        finally:
            outcome, count = ("done", len(buckets)) if error is None else ("failed", 0)
            counts = (
                count_buckets(below, buckets) if below is not None else BucketCounts(count, 0, len(buckets) - count)
            )
            with self.open_store() as store:
                store.runs.finish(run_id, finished_at=self.clock(), outcome=outcome, error=error, buckets=counts)


def _state(frame: pl.DataFrame) -> str:
    return f"{frame.schema} {frame.height} {frame.hash_rows(seed=0).sum()}"

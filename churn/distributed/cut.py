"""Cuts tables by customer: the driver writes their rows, tasks sort each part into buckets by a hash of the customer's id.

A large table is cut month by month: of the months that a build can see, those whose rows are others than before. A part
needs no shuffle between machines: whoever works on it writes the files of all buckets, sorted by time.
"""

from __future__ import annotations

import re
import tempfile
import uuid
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn.config import ResourceSettings
from churn.distributed.buckets import TaskReport, report_of, run_buckets
from churn.distributed.hashing import buckets_of
from churn.distributed.months import month_of, within
from churn.distributed.place import Place
from churn.distributed.tables import AS_PARQUET, CUSTOMER, FiledTable, sql_name
from churn.distributed.work import WorkFolder, digest
from churn.errors import ConfigError
from churn.progress import Progress
from churn.warehouse import Warehouse
from churn.warehouse.connection import literal, quoted
from churn.warehouse.facts.parts import count
from churn.warehouse.opening import open_warehouse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MONTHLY_FROM: Final = 1_000_000  # rows
_ALL: Final = "0"
_MONTH: Final = month_of("occurred_at")
_FOLDER: Final = re.compile(r"part=(-?\d+)-\w+")
_TIMES: Final = ("occurred_at", "month", "known_from", "snapshot_date")
_FETCHES: Final = 8  # at once
_MEMORY: Final = (
    "150MB"  # of DuckDB: eight million rows into a thousand buckets took no more, and a month little longer
)


@dataclass(frozen=True)
class CutPart:
    """A part of a table, its `files` by bucket below `place`: `bucket=3/....parquet`."""

    place: Place
    files: tuple[str, ...]

    def of(self, bucket: int) -> list[Place]:
        """Return the files of one bucket; an empty bucket has none."""
        return [self.place / name for name in self.files if name.startswith(f"bucket={bucket}/")]


@dataclass(frozen=True)
class CutTable:
    """A table cut by customer, in parts."""

    table: FiledTable
    parts: tuple[CutPart, ...]
    rows: int
    is_view: bool
    newest: str | None  # the newest snapshot_date of a flat source

    def load(self, warehouse: Warehouse, bucket: int, scratch: Path) -> None:
        """Make the bucket's rows a table, or a view over its files where the whole is one.

        What models ask of the whole table is kept true: that it has rows, and its newest date, by a row of nobody.
        """
        places = [place for part in self.parts for place in part.of(bucket)]
        with ThreadPoolExecutor(_FETCHES) as pool:
            files = list(pool.map(lambda place: place.here(scratch), places))
        name, relation = sql_name(self.table.name), self.table.relation(files)
        warehouse.execute(f"create schema if not exists {quoted(self.table.name.partition('.')[0])}")
        if self.is_view and files:
            warehouse.execute(f"create or replace view {name} as {relation}")
            return
        warehouse.execute(f"create or replace table {name} as {relation}")
        if self.newest is not None:
            warehouse.execute(f"insert into {name} (snapshot_date) values (date '{self.newest}')")
        elif self.rows and not warehouse.rows(f"select 1 from {name} limit 1"):
            warehouse.execute(f"insert into {name} ({CUSTOMER}) values (null)")


@dataclass(frozen=True)
class CutTask:
    """Sorts the rows of a part, which lie in a folder by its name, into files of their buckets, each in order of time."""

    written: Mapping[str, Place]
    times: Mapping[str, str | None]
    buckets: int
    resources: ResourceSettings

    def __call__(self, part: str, folder: Path) -> None:
        """Write `bucket=N/....parquet` for each bucket that has rows."""
        import polars as pl

        with tempfile.TemporaryDirectory(prefix="churn-cut-", ignore_cleanup_errors=True) as scratch:
            bounds = {"temp_directory": Path(scratch) / "spill", "memory_limit": _MEMORY}
            resources = self.resources.model_copy(update=bounds)
            with open_warehouse(None, holder=f"part {part}", resources=resources) as warehouse:
                files = literal(str(self.written[part].here(Path(scratch)) / "*.parquet"))
                rows = f"read_parquet({files}, hive_partitioning = false)"
                ids = warehouse.frame(f"select distinct {CUSTOMER} from {rows}")[CUSTOMER]
                warehouse.write("cut.owners", pl.DataFrame({"owner": ids, "bucket": buckets_of(ids, self.buckets)}))
                order = ", ".join(name for name in ("bucket", self.times[part]) if name is not None)
                warehouse.execute(
                    f"copy (select r.*, o.bucket from {rows} as r join cut.owners as o on o.owner is not distinct from"
                    f" r.{CUSTOMER} order by {order}) to {literal(str(folder))} ({AS_PARQUET}, partition_by (bucket))"
                )


@dataclass(frozen=True)
class _CutPlan:
    """A table that is to be cut: the SQL that numbers its parts, and what stands for the rows of each that a build can see.

    `months` are all that it can see, with rows or without; None where it can see every part.
    """

    table: FiledTable
    period: str
    parts: Mapping[int, str]
    rows: int
    months: frozenset[int] | None

    def unit(self, part: int) -> str:
        """Return the name of a part's folder."""
        return f"{self.table.name}/{self.folder(part)}"

    def folder(self, part: int) -> str:
        """Return the name of a part's folder below the table's: which part it is, and what stands for its rows."""
        return f"part={part}-{self.parts[part]}"

    def is_seen(self, folder: str) -> bool:
        """Say whether a folder below the table's is of a part that the build can see, whatever rows it holds."""
        part = _FOLDER.fullmatch(folder)
        return self.months is None or part is None or int(part[1]) in self.months


def cut_tables(
    session: SparkSession,
    warehouse: Warehouse,
    seen: Mapping[str, frozenset[int] | None],
    work: WorkFolder,
    *,
    resources: ResourceSettings,
    progress: Progress,
) -> tuple[tuple[CutTable, ...], tuple[TaskReport, ...]]:
    """Return the tables `schema.table` cut into buckets, and how the tasks went; what was cut of the same rows before is not cut again.

    `seen` names the tables, and of each the months that are asked for, None for all.

    Raises ConfigError for a table that does not say whose its rows are.
    """
    below = work.place / "cut"
    plans = [_planned(warehouse, name, months, work) for name, months in seen.items()]
    reports: dict[str, TaskReport] = {}
    written: dict[str, Place] = {}
    times: dict[str, str | None] = {}
    (work.place / "whole").remove()  # of a run that was killed
    for plan in plans:
        known = {part: report_of(below, plan.unit(part)) for part in plan.parts}
        reports |= {plan.unit(part): report for part, report in known.items() if report is not None}
        missing = [part for part, report in known.items() if report is None]
        if missing:
            progress.step(f"Cutting {plan.table.name} by customer")
            place = _write(warehouse, plan, missing, work)
            time = next((column for name in _TIMES if (column := plan.table.in_file(name)) is not None), None)
            written |= {plan.unit(part): place / f"part={part}" for part in missing}
            times |= {plan.unit(part): time for part in missing}
    done: tuple[TaskReport, ...] = ()
    if written:
        task = CutTask(written, times, work.buckets, resources)
        done = run_buckets(session, task, below, list(written), message="Cutting by customer", progress=progress)
        reports |= {report.bucket: report for report in done}
        (work.place / "whole").remove()
    _prune(below, plans)
    return tuple(_cut_table(warehouse, plan, below, reports) for plan in plans), done


def _planned(warehouse: Warehouse, name: str, months: frozenset[int] | None, work: WorkFolder) -> _CutPlan:
    """Look once at all rows that are asked for: what each month holds; a small table has one part."""
    table = FiledTable.of(warehouse, name)
    if not table.is_by_customer:
        raise ConfigError(
            "has no customer_id, by which it would be cut",
            where=f"sql/{name.replace('.', '/')}.sql",
            remedy='Add the column, or set [engine] kind = "embedded".',
        )
    rows = count(warehouse, name)
    period = _ALL if table.in_file("occurred_at") is None or rows < MONTHLY_FROM else _MONTH
    months = None if period == _ALL else months
    counted = table.states(warehouse, period, "true" if months is None else within("occurred_at", months))
    parts = {part: digest(work.hash, str(work.buckets), table.state_of(part, state)) for part, state in counted.items()}
    return _CutPlan(table, period, parts, rows, months)


def _write(warehouse: Warehouse, plan: _CutPlan, missing: Collection[int], work: WorkFolder) -> Place:
    """Write the rows of the parts that are missing, each part in a folder by its name."""
    place = work.place / "whole" / uuid.uuid4().hex[:8]
    is_all = plan.months is None and len(missing) == len(plan.parts)
    where = "" if is_all else within("occurred_at", frozenset(missing))
    with place.writing() as folder:
        plan.table.write(warehouse, folder, part=plan.period, where=where)
    return place


def _prune(below: Place, plans: Sequence[_CutPlan]) -> None:
    """Remove tables that no build needs any more, and parts of other rows; months that this build does not see stay for others."""
    planned = {plan.table.name: plan for plan in plans}
    for name in below.names():
        plan = planned.get(name)
        if plan is None:
            (below / name).remove()
            continue
        kept = {plan.folder(part) for part in plan.parts}
        for folder in (below / name).names():
            if folder not in kept and plan.is_seen(folder):
                (below / name / folder).remove()


def _cut_table(warehouse: Warehouse, plan: _CutPlan, below: Place, reports: Mapping[str, TaskReport]) -> CutTable:
    name = plan.table.name
    schema, _, short = name.partition(".")
    is_view = bool(
        warehouse.rows("select 1 from duckdb_views() where schema_name = ? and view_name = ?", [schema, short])
    )
    newest = None
    if name == "staging.customer_snapshots":
        (day,) = warehouse.rows(f"select max(snapshot_date) from {sql_name(name)}")[0]
        newest = day and f"{day}"
    cut = [reports[plan.unit(part)] for part in sorted(plan.parts, key=lambda part: plan.parts[part])]
    parts = tuple(CutPart(report.place(below), report.files) for report in cut)
    return CutTable(plan.table, parts, plan.rows, is_view, newest)

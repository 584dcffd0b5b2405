"""Cuts tables by customer: the driver writes their rows into files of buckets, by a hash of the customer's id.

A large table is cut month by month: of the months that a build can see, those whose rows are others than before. The
rows leave the driver once, as the files that tasks read: writing them whole first, for tasks to cut, takes twice as long.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from churn.distributed.buckets import DONE
from churn.distributed.months import month_of, within
from churn.distributed.place import Place
from churn.distributed.tables import CUSTOMER, FiledTable, sql_name
from churn.distributed.work import WorkFolder, digest
from churn.errors import ConfigError
from churn.progress import Progress
from churn.warehouse import Warehouse
from churn.warehouse.connection import quoted
from churn.warehouse.facts.parts import count

MONTHLY_FROM: Final = 1_000_000  # rows
_ALL: Final = "0"
_MONTH: Final = month_of("occurred_at")
_FOLDER: Final = re.compile(r"part=(-?\d+)-\w+")
_FETCHES: Final = 8  # at once
_OPEN_FILES: Final = 512  # at once; a process may open 1,024 as a rule


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
    warehouse: Warehouse, seen: Mapping[str, frozenset[int] | None], work: WorkFolder, *, progress: Progress
) -> tuple[CutTable, ...]:
    """Return the tables `schema.table` cut into buckets; what was cut of the same rows before is not cut again.

    `seen` names the tables, and of each the months that are asked for, None for all.

    Raises ConfigError for a table that does not say whose its rows are.
    """
    below = work.place / "cut"
    plans = [_planned(warehouse, name, months, work) for name, months in seen.items()]
    (work.place / "whole").remove()  # of a run that was killed
    tables = []
    for plan in plans:
        parts = {number: part for number in plan.parts if (part := _known(below / plan.unit(number))) is not None}
        missing = sorted(plan.parts.keys() - parts.keys())
        if missing:
            progress.step(f"Cutting {plan.table.name} by customer")
            parts |= dict(_cut(warehouse, plan, missing, below, work))
        tables.append(_cut_table(warehouse, plan, parts))
    (work.place / "whole").remove()
    _prune(below, plans)
    return tuple(tables)


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


def _cut(
    warehouse: Warehouse, plan: _CutPlan, missing: Collection[int], below: Place, work: WorkFolder
) -> Iterator[tuple[int, CutPart]]:
    """Write the parts that are missing into files of their buckets, as many parts at once as files may be open."""
    left, at_once = sorted(missing), max(1, _OPEN_FILES // work.buckets)
    warehouse.execute(f"set partitioned_write_max_open_files = {_OPEN_FILES}")
    while left:
        chosen, left = left[:at_once], left[at_once:]
        is_all = plan.months is None and len(chosen) == len(plan.parts)
        where = "" if is_all else within("occurred_at", frozenset(chosen))
        columns = {"part": plan.period, "bucket": f"hash({quoted(CUSTOMER)}) % {work.buckets}"}
        with (work.place / "whole" / uuid.uuid4().hex[:8]).scratch() as folder:
            plan.table.write(warehouse, folder, parts=columns, where=where)
            for number in chosen:
                yield number, _published(folder / f"part={number}", below / plan.unit(number))


def _published(folder: Path, unit: Place) -> CutPart:
    """Hand over the files of a part, and then say that they are there."""
    files = tuple(sorted(str(path.relative_to(folder)) for path in folder.rglob("*.parquet")))
    name = f"try-{uuid.uuid4().hex[:8]}"
    unit.remove()  # what a run left that was killed before it could say so
    (unit / name).take(folder)
    (unit / DONE).publish(json.dumps({"folder": name, "files": files}))
    return CutPart(unit / name, files)


def _known(unit: Place) -> CutPart | None:
    """Return the part that was cut; None where it was not, or its note is damaged."""
    try:
        note = json.loads((unit / DONE).read() or "")
        return CutPart(unit / str(note["folder"]), tuple(note["files"]))
    except (ValueError, TypeError, KeyError):
        return None


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


def _cut_table(warehouse: Warehouse, plan: _CutPlan, parts: Mapping[int, CutPart]) -> CutTable:
    name = plan.table.name
    schema, _, short = name.partition(".")
    is_view = bool(
        warehouse.rows("select 1 from duckdb_views() where schema_name = ? and view_name = ?", [schema, short])
    )
    newest = None
    if name == "staging.customer_snapshots":
        (day,) = warehouse.rows(f"select max(snapshot_date) from {sql_name(name)}")[0]
        newest = day and f"{day}"
    in_order = sorted(plan.parts, key=lambda number: plan.parts[number])
    return CutTable(plan.table, tuple(parts[number] for number in in_order), plan.rows, is_view, newest)

"""Cuts tables by customer: Spark shuffles their rows into buckets by a hash of the customer's id, and sorts each by time.

A large table is cut month by month, and only the months whose rows are others than before are cut again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn.distributed.session import translating
from churn.distributed.tables import CUSTOMER, FiledTable, sql_name
from churn.distributed.work import WorkFolder, digest
from churn.errors import ConfigError
from churn.progress import Progress
from churn.warehouse import Warehouse
from churn.warehouse.connection import literal, quoted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MONTHLY_FROM: Final = 1_000_000  # rows
_TIMES: Final = ("occurred_at", "month", "known_from", "snapshot_date")


@dataclass(frozen=True)
class CutTable:
    """A table cut by customer: its files lie in `folders`, those of a bucket in a folder below each."""

    table: FiledTable
    folders: tuple[Path, ...]
    rows: int
    is_view: bool
    newest: str | None  # the newest snapshot_date of a flat source

    def files(self, bucket: int) -> list[Path]:
        """Return the files of one bucket; an empty bucket has none."""
        return [path for folder in self.folders for path in sorted((folder / f"bucket={bucket}").glob("*.parquet"))]

    def load(self, warehouse: Warehouse, bucket: int) -> None:
        """Make the bucket's rows a table, or a view over its files where the whole is one.

        What models ask of the whole table is kept true: that it has rows, and its newest date, by a row of nobody.
        """
        files = self.files(bucket)
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


def cut_table(
    session: SparkSession, warehouse: Warehouse, name: str, work: WorkFolder, *, progress: Progress
) -> CutTable:
    """Return `schema.table` cut into buckets; what was cut of the same rows before is not cut again.

    Raises ConfigError for a table that does not say whose its rows are.
    """
    table = FiledTable.of(warehouse, name)
    if not table.is_by_customer:
        raise ConfigError(
            "has no customer_id, by which it would be cut",
            where=f"sql/{name.replace('.', '/')}.sql",
            remedy='Add the column, or set [engine] kind = "embedded".',
        )
    folder = work.path / "cut" / name
    period = _period(warehouse, table)
    counted = table.states(warehouse, period)
    parts = {part: digest(work.hash, str(work.buckets), state) for part, (_, state) in counted.items()}
    missing = {part: place for part, place in parts.items() if not _mark(folder, place).is_file()}
    for place in folder.glob("part=*"):
        if (
            place.name.partition("=")[2] not in parts.values()
            or not _mark(folder, place.name.partition("=")[2]).is_file()
        ):
            shutil.rmtree(place)  # of other rows, or of a run that was killed
    for mark in folder.glob("*.done"):
        if mark.stem not in parts.values():
            mark.unlink()
    if missing:
        progress.step(f"Cutting {name} by customer")
        _cut(session, warehouse, table, folder, period, missing, work.buckets)
    schema, _, short = name.partition(".")
    is_view = bool(
        warehouse.rows("select 1 from duckdb_views() where schema_name = ? and view_name = ?", [schema, short])
    )
    newest = None
    if name == "staging.customer_snapshots":
        (day,) = warehouse.rows(f"select max(snapshot_date) from {sql_name(name)}")[0]
        newest = day and f"{day}"
    places = tuple(folder / f"part={place}" for place in sorted(parts.values()))
    return CutTable(table, places, sum(rows for rows, _ in counted.values()), is_view, newest)


def prune_cuts(work: WorkFolder, kept: Collection[str]) -> None:
    """Remove tables that no build needs any more."""
    for folder in (work.path / "cut").glob("*"):
        if folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)


def _period(warehouse: Warehouse, table: FiledTable) -> str:
    """Return SQL of the part that a row belongs to: its month in a large table that knows when things happened."""
    if table.in_file("occurred_at") is None:
        return "'all'"
    (rows,) = warehouse.rows(f"select count(*) from {sql_name(table.name)}")[0]
    return "coalesce(strftime(occurred_at, '%Y-%m'), 'none')" if rows >= MONTHLY_FROM else "'all'"


def _mark(folder: Path, place: str) -> Path:
    """Return the file that says that a part is cut as a whole."""
    return folder / f"{place}.done"


def _cut(
    session: SparkSession,
    warehouse: Warehouse,
    table: FiledTable,
    folder: Path,
    period: str,
    missing: Mapping[str, str],
    buckets: int,
) -> None:
    from pyspark.sql import functions as f

    whole = folder / "whole"
    shutil.rmtree(whole, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    places = ", ".join(f"{literal(part)}: {literal(place)}" for part, place in missing.items())
    listed = ", ".join(literal(part) for part in missing)
    chosen = f"map {{{places}}}[{period}]"
    table.write(warehouse, whole, also=f"{chosen} as part", where=f"{period} in ({listed})")
    times = [column for name in _TIMES if (column := table.in_file(name)) is not None]
    remedy = (
        "Check that the workers see the folder of [engine] work and may write there, and its room; then run it again."
    )
    with translating(f"{table.name} was not cut by customer", remedy=remedy):
        (
            session.read.parquet(whole.as_uri())
            .withColumn("bucket", f.pmod(f.xxhash64(f.col(CUSTOMER)), f.lit(buckets)).cast("int"))
            .repartitionById(buckets, f.col("bucket"))  # by a hash of the bucket some tasks would get two, others none
            .sortWithinPartitions("part", "bucket", *times[:1], CUSTOMER)
            .write.partitionBy("part", "bucket")
            .mode("append")
            .parquet(folder.as_uri())
        )
    shutil.rmtree(whole)
    for part, place in missing.items():
        _mark(folder, place).write_text(json.dumps({"part": part}) + "\n", encoding="utf-8")

"""Cuts tables by customer: Spark shuffles their rows into buckets by a hash of the customer's id, and sorts each by time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn.distributed.tables import CUSTOMER, FiledColumn, FiledTable, sql_name
from churn.distributed.work import WorkFolder, digest
from churn.errors import ConfigError
from churn.progress import Progress
from churn.warehouse import Warehouse
from churn.warehouse.connection import quoted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_DONE: Final = "cut.json"
_TIMES: Final = ("occurred_at", "month", "known_from", "snapshot_date")


@dataclass(frozen=True)
class CutTable:
    """A table cut by customer: its files lie in `folder`, those of a bucket in a folder below."""

    table: FiledTable
    folder: Path
    rows: int
    is_view: bool
    newest: str | None  # the newest snapshot_date of a flat source

    def files(self, bucket: int) -> list[Path]:
        """Return the files of one bucket; an empty bucket has none."""
        return sorted((self.folder / f"bucket={bucket}").glob("*.parquet"))

    def load(self, warehouse: Warehouse, bucket: int) -> None:
        """Make the bucket's rows a table, or a view over its files where the whole is one.

        What models ask of the whole table is kept true: that it has rows, and its newest date, by a row of nobody.
        """
        name, relation = sql_name(self.table.name), self.table.relation(self.files(bucket))
        warehouse.execute(f"create schema if not exists {quoted(self.table.name.partition('.')[0])}")
        if self.is_view and self.files(bucket):
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
    """Return `schema.table` cut into buckets; what was cut of the same rows before is not cut again."""
    table = FiledTable.of(warehouse, name)
    if not table.is_by_customer:
        raise ConfigError(
            "has no customer_id, by which it would be cut",
            where=f"sql/{name.replace('.', '/')}.sql",
            remedy='Add the column, or set [engine] kind = "embedded".',
        )
    folder = work.path / "cut" / name
    target = folder / f"{work.buckets}-{digest(work.hash, table.state(warehouse))}"
    known = _known(target, table)
    if known is not None:
        return known
    progress.step(f"Cutting {name} by customer")
    shutil.rmtree(folder, ignore_errors=True)  # cut of other rows
    folder.mkdir(parents=True)
    (rows,) = warehouse.rows(f"select count(*) from {sql_name(name)}")[0]
    if rows:
        whole = folder / "whole"
        table.write(warehouse, whole, is_folder=True)
        _shuffle(session, table, whole, target, work.buckets)
        shutil.rmtree(whole)
    target.mkdir(parents=True, exist_ok=True)
    schema, _, short = name.partition(".")
    is_view = bool(
        warehouse.rows("select 1 from duckdb_views() where schema_name = ? and view_name = ?", [schema, short])
    )
    newest = None
    if name == "staging.customer_snapshots":
        (day,) = warehouse.rows(f"select max(snapshot_date) from {sql_name(name)}")[0]
        newest = day and f"{day}"
    cut = CutTable(table, target, rows, is_view, newest)
    note = {"table": asdict(table), "rows": rows, "is_view": is_view, "newest": newest}
    (target / _DONE).write_text(json.dumps(note), encoding="utf-8")
    return cut


def prune_cuts(work: WorkFolder, kept: Sequence[str]) -> None:
    """Remove tables that no build needs any more."""
    for folder in (work.path / "cut").glob("*"):
        if folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)


def _shuffle(session: SparkSession, table: FiledTable, whole: Path, target: Path, buckets: int) -> None:
    from pyspark.sql import functions as f

    bucket = f.pmod(f.xxhash64(f.col(CUSTOMER)), f.lit(buckets)).cast("int")
    times = [column for name in _TIMES if (column := table.in_file(name)) is not None]
    (
        session.read.parquet(whole.as_uri())
        .withColumn("bucket", bucket)
        .repartition(buckets, "bucket")
        .sortWithinPartitions("bucket", *times[:1], CUSTOMER)
        .write.partitionBy("bucket")
        .mode("overwrite")
        .parquet(target.as_uri())
    )


def _known(target: Path, table: FiledTable) -> CutTable | None:
    try:
        note = json.loads((target / _DONE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    columns = tuple(FiledColumn(**column) for column in note["table"]["columns"])
    if FiledTable(note["table"]["name"], columns) != table:
        return None
    return CutTable(table, target, note["rows"], note["is_view"], note["newest"])

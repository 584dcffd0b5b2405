"""Builds the snapshots of one bucket of customers, by the same SQL in a database of its own, and gathers all buckets'."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn.config import ResourceSettings
from churn.distributed.cut import CutTable
from churn.distributed.place import Place
from churn.distributed.tables import CUSTOMER, FiledColumn, FiledTable, sql_name
from churn.errors import ConfigError, ContractBroken
from churn.resources import bundled
from churn.snapshots.dataset import build_tables, drop_built
from churn.snapshots.engine import Counting, added
from churn.warehouse import SqlModel, Warehouse
from churn.warehouse.connection import quoted
from churn.warehouse.models import reuse
from churn.warehouse.models.sql_models import needed_for
from churn.warehouse.opening import open_warehouse

if TYPE_CHECKING:
    import polars as pl

SCHEMAS: Final = ("snapshots", "features")
WHOLE: Final = ("snapshots.policy", "snapshots.dates")  # the same for every bucket
_TABLES: Final = "tables.json"
_COUNTED: Final = "counted.parquet"
_READ: Final = ("staging", "totals")


@dataclass(frozen=True)
class BuildPlan:
    """What a build reads and makes: tables cut by customer, and those built from them."""

    cut: tuple[str, ...]
    built: tuple[str, ...]


def plan_build(models: Mapping[str, SqlModel], tables: Sequence[str]) -> BuildPlan:
    """Return what `tables` need.

    Raises ConfigError for SQL of one's own of which nobody says that it works on each customer alone.
    """
    needed = needed_for(models, tables)
    built = sorted(name for name in needed if models[name].schema in SCHEMAS)
    read = {other for name in built for other in models[name].depends_on} - {*built, *WHOLE}
    for name in built:
        _refuse_unfit(models[name])
    return BuildPlan(tuple(sorted(read)), tuple(built))


def _refuse_unfit(model: SqlModel) -> None:
    if model.path.is_relative_to(bundled("sql")):  # tests hold ours to it
        return
    elsewhere = sorted(name for name in model.depends_on if name.partition(".")[0] not in {*_READ, *SCHEMAS})
    if elsewhere:
        raise ConfigError(
            f"reads {elsewhere[0]}, which is not cut by customer",
            where=str(model.path),
            remedy='Read staging, totals, snapshots or features, or set [engine] kind = "embedded".',
        )
    if model.settings.get("per customer") != "yes":
        raise ConfigError(
            "under Spark each task sees some of the customers, and nothing says that this file gives the same then",
            where=str(model.path),
            remedy="If each customer's rows follow from that customer's facts alone, add a line `-- Per customer: yes` to "
            'its header; ranks, shares or means over all customers need [engine] kind = "embedded".',
        )


@dataclass(frozen=True)
class BuildTask:
    """Builds `plan.built` for a bucket, and leaves each as a file, and what `counting` counts of it."""

    models: Mapping[str, SqlModel]
    plan: BuildPlan
    tables: tuple[str, ...]
    cut: tuple[CutTable, ...]
    whole: tuple[tuple[FiledTable, Place], ...]
    resources: ResourceSettings
    counting: Counting | None = None

    def __call__(self, bucket: str, folder: Path) -> None:
        """Build in memory, spilling to a folder of this machine. Raises as `build_snapshots`."""
        with tempfile.TemporaryDirectory(prefix="churn-bucket-", ignore_cleanup_errors=True) as scratch:
            resources = self.resources.model_copy(update={"temp_directory": Path(scratch) / "spill"})
            with open_warehouse(None, holder=f"bucket {bucket}", resources=resources) as warehouse:
                self._load(warehouse, int(bucket), Path(scratch))
                build_tables(warehouse, self.models, self.tables, schemas=SCHEMAS)
                written = []
                for name in self.plan.built:
                    table = FiledTable.of(warehouse, name)
                    table.write(warehouse, folder / f"{name}.parquet")
                    written.append(asdict(table))
                (folder / _TABLES).write_text(json.dumps(written), encoding="utf-8")
                if self.counting is not None:
                    self.counting(warehouse, self.models).write_parquet(folder / _COUNTED)

    def _load(self, warehouse: Warehouse, bucket: int, scratch: Path) -> None:
        warehouse.execute("create schema if not exists snapshots")
        for table, place in self.whole:
            warehouse.execute(f"create table {sql_name(table.name)} as {table.relation([place.here(scratch)])}")
        for cut in self.cut:
            cut.load(warehouse, bucket, scratch)


def gather(warehouse: Warehouse, models: Mapping[str, SqlModel], folders: Sequence[Path]) -> None:
    """Put the tables that tasks left in `folders`, one of each bucket, together in `warehouse`, in place of those of an earlier build."""
    tables = _tables_of(folders)
    with warehouse.transaction(), warehouse.unordered():
        drop_built(warehouse, models)
        for table in tables:
            warehouse.execute(f"create schema if not exists {quoted(table.name.partition('.')[0])}")
            paths = [folder / f"{table.name}.parquet" for folder in folders]
            relation = table.relation(paths if table.is_by_customer else paths[:1])
            kept = f" where {CUSTOMER} is not null" if table.is_by_customer else ""
            warehouse.execute(f"create or replace table {sql_name(table.name)} as select * from ({relation}){kept}")
            if table.name.startswith("snapshots."):
                reuse.note(warehouse, models[table.name], models)


def gather_counts(folders: Sequence[Path]) -> pl.DataFrame:
    """Add up what tasks counted, each in its bucket."""
    import polars as pl

    return added([pl.read_parquet(folder / _COUNTED, memory_map=False) for folder in folders])


def _tables_of(folders: Sequence[Path]) -> list[FiledTable]:
    """Return the tables, which are the same for every bucket. Raises ContractBroken for SQL whose types hang on the rows."""
    first: list[FiledTable] = []
    for folder in folders:
        listed = json.loads((folder / _TABLES).read_text(encoding="utf-8"))
        tables = [FiledTable(t["name"], tuple(FiledColumn(**column) for column in t["columns"])) for t in listed]
        first = first or tables
        for ours, theirs in zip(first, tables, strict=True):
            if ours != theirs:
                raise ContractBroken(
                    "has other columns for some customers than for others",
                    where=f"sql/{ours.name.replace('.', '/')}.sql",
                    remedy="Cast each column to the type it is to have.",
                )
    return first

"""Writes the published tables, a Parquet file each: marts as they are built, and what SQL makes of the store's tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn.documents.published import PublishedColumn, PublishedTable
from churn.errors import ChurnError, ConfigError
from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.models.sql_models import SqlModel

if TYPE_CHECKING:
    import polars as pl

SCHEMAS: Final = ("marts", "published")
_WHOLE: Final = {"HUGEINT", "UHUGEINT", "UBIGINT"}  # sums of whole numbers, which Parquet would keep as floats


def published_models(models: Mapping[str, SqlModel]) -> list[SqlModel]:
    """Return the models whose tables are published, by table name. Raises ConfigError where two have one name."""
    by_table: dict[str, SqlModel] = {}
    for model in models.values():
        if model.schema in SCHEMAS:
            if (other := by_table.get(model.table)) is not None:
                raise ConfigError(
                    f"two tables would be published as `{model.table}`",
                    where=str(model.path),
                    remedy=f"Rename it, or {other.path}.",
                )
            by_table[model.table] = model
    return [by_table[name] for name in sorted(by_table)]


def export_tables(
    warehouse: Warehouse, models: Sequence[SqlModel], store_tables: Mapping[str, pl.DataFrame], folder: Path
) -> tuple[PublishedTable, ...]:
    """Write each of `models` to `folder`/TABLE.parquet; SQL under `sql/published` reads `store_tables` as store.NAME.

    Raises ConfigError naming the file whose SQL does not run, ResourceError when the disk is full.
    """
    with _as_store(warehouse, store_tables):
        return tuple(_export(warehouse, model, folder) for model in models)


@contextmanager
def _as_store(warehouse: Warehouse, tables: Mapping[str, pl.DataFrame]) -> Iterator[None]:
    """Show `tables` to SQL as a database in memory called `store`, which goes with the block."""
    warehouse.execute("attach ':memory:' as store")
    try:
        for name, frame in tables.items():
            with warehouse.showing("frame_to_publish", frame.to_arrow()):
                warehouse.execute(f"create table store.{quoted(name)} as select * from frame_to_publish")
        yield
    finally:
        warehouse.execute("detach store")


def _export(warehouse: Warehouse, model: SqlModel, folder: Path) -> PublishedTable:
    source = f"(\n{model.sql}\n)" if model.schema == "published" else f"{quoted(model.schema)}.{quoted(model.table)}"
    path = folder / f"{model.table}.parquet"
    try:
        kinds = {row[0]: row[1] for row in warehouse.rows(f"describe select * from {source}")}
        shown = ", ".join(
            f"cast({quoted(name)} as bigint) as {quoted(name)}" if kind in _WHOLE else quoted(name)
            for name, kind in kinds.items()
        )
        warehouse.execute(f"copy (select {shown} from {source}) to {literal(str(path))} (format parquet)")
    except ChurnError as error:
        error.where = error.where or str(model.path)
        raise
    docs = {column.name: column for column in model.columns}
    columns = tuple(
        PublishedColumn(
            name=name,
            type="BIGINT" if kind in _WHOLE else kind,
            description=docs[name].description if name in docs else "",
            is_personal=name == "customer_id" or name in model.personal,
        )
        for name, kind in kinds.items()
    )
    ((rows,),) = warehouse.rows(f"select count(*) from read_parquet({literal(str(path))})")
    return PublishedTable(
        name=model.table,
        grain=model.settings.get("grain", ""),
        description=model.description,
        columns=columns,
        rows=rows,
    )

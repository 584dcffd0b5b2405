"""Turns a fact table of an earlier version, whose rows lie in the database, into parts."""

from __future__ import annotations

from dataclasses import replace

from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.facts import parts, writing
from churn.warehouse.loading.contracts import BOOKKEEPING, Table


def migrate(warehouse: Warehouse, table: Table) -> None:
    """Write the rows of `raw.TABLE` as parts, one for each file and load, and drop the table and what was built on it."""
    name = f"raw.{quoted(table.name)}"
    kinds = {
        column: kind
        for column, kind in warehouse.columns(f"raw.{table.name}").items()
        if column not in BOOKKEEPING or column == "unknown_until"
    }
    for column, kind in kinds.items():
        if column not in {*table.types, *BOOKKEEPING}:
            parts.set_column(warehouse, table, column, kind)
    listed = ", ".join(quoted(column) for column in kinds)
    loads = warehouse.rows(f"select distinct source_file, load_id, loaded_at from {name} order by load_id, source_file")
    for file, load_id, loaded_at in loads:
        origin = " and ".join(
            f"{column} is not distinct from {'null' if value is None else literal(str(value))}"
            for column, value in (("source_file", file), ("load_id", load_id), ("loaded_at", loaded_at))
        )
        rows = f"select {listed}, row_number from {name} where {origin}"
        part = writing.write(warehouse, table, rows, list(kinds.items()))
        parts.add(warehouse, table, replace(part, source_file=file, load_id=load_id, loaded_at=loaded_at))
    warehouse.execute(f"drop table {name}")
    if warehouse.has_table("raw.builds"):
        warehouse.execute("delete from raw.builds where model = ?", [f"staging.{table.name}"])

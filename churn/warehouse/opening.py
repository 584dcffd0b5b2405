"""Opens the warehouse: the database under its lock, and the files of facts that belong to it."""

from __future__ import annotations

from pathlib import Path

from churn.config import ResourceSettings
from churn.errors import DataError
from churn.warehouse.connection import Warehouse, connect
from churn.warehouse.facts import parts
from churn.warehouse.loading.contracts import TABLES


def open_warehouse(
    path: Path | None, *, holder: str, resources: ResourceSettings | None = None, read_only: bool = False
) -> Warehouse:
    """Open the warehouse at `path` (created if absent; None means in memory) for the command `holder`.

    Work beyond `resources.memory_limit` spills to `resources.temp_directory`, `tmp` beside the database if not given.
    Raises WarehouseBusy naming the holder, DataError if the file is damaged, ResourceError if it cannot be written.
    """
    warehouse = connect(path, holder=holder, resources=resources, read_only=read_only)
    if path is not None and not read_only:
        try:
            _settle(warehouse)
        except BaseException:
            warehouse.close()
            raise
    return warehouse


def _settle(warehouse: Warehouse) -> None:
    """Remove what a killed run left among the facts, and find them again where the home was moved."""
    if not warehouse.has_table("facts.place"):
        return
    parts.sweep(warehouse)
    here = str(warehouse.facts)
    if warehouse.rows("select 1 from facts.place where folder = ?", [here]):
        return
    try:
        with warehouse.transaction():
            warehouse.execute("update facts.place set folder = ?", [here])
            for name in parts.kept_tables(warehouse):
                parts.show(warehouse, TABLES[name])
    except DataError:
        return  # files are missing: whatever reads them says so, and `churn refresh --full` loads them again

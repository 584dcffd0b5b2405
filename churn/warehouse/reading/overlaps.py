"""Rows that are asked for again because they may have arrived late: those that were loaded are left out by their content."""

from __future__ import annotations

from typing import Final

from churn.warehouse.connection import Warehouse
from churn.warehouse.reading.scanning import DELIVERED

ARRIVED: Final = (
    "arrived_hashes"  # temporary: _churn_row, row_hash and is_recent (in the overlap) of the rows that arrived
)


def leave_out_loaded(warehouse: Warehouse, name: str) -> int:
    """Drop the rows of the overlap that were loaded before, and return how many are left."""
    warehouse.execute(
        f"delete from {DELIVERED} where _churn_row in (select _churn_row from {ARRIVED} where known_hash in"
        " (select row_hash from raw.overlaps where source = ?))",
        [name],
    )
    return int(warehouse.rows(f"select count(*) from {DELIVERED}")[0][0])


def remember(warehouse: Warehouse, name: str) -> None:
    """Keep the hashes of the overlap, in place of earlier ones."""
    warehouse.execute("delete from raw.overlaps where source = ?", [name])
    warehouse.execute(f"insert into raw.overlaps select ?, row_hash from {ARRIVED} where is_recent", [name])
    warehouse.execute(f"drop table {ARRIVED}")

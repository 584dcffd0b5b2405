"""Puts rows into a raw table as they are, past the door of the loads: what no load would let in, and what others wrote."""

from __future__ import annotations

import polars as pl

from churn.warehouse import Warehouse
from churn.warehouse.facts import parts
from churn.warehouse.loading.contracts import TABLES
from churn.warehouse.loading.ledger import create_raw


def place(warehouse: Warehouse, name: str, rows: pl.DataFrame) -> None:
    """Add rows to `raw.NAME`; of a table that is kept in files, all rows are written into new ones."""
    if not parts.is_kept(warehouse, name):
        warehouse.write(f"raw.{name}", rows, append=True)
        return
    before = warehouse.frame(f"select * from raw.{name}")
    with warehouse.transaction():
        warehouse.execute(f"drop view raw.{name}")
        warehouse.execute("delete from facts.parts where source = ?", [name])
        warehouse.write(f"raw.{name}", before)
        warehouse.write(f"raw.{name}", rows, append=True)
        create_raw(warehouse, TABLES[name])

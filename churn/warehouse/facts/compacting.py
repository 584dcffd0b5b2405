"""Merges small parts of a fact table: a night adds a file, and a query over hundreds of files opens each of them.

A merged part has no file of its own that it came from: its rows bear source, load and time of load themselves. They keep
their order, so what names rows by their place is moved along. The old files go once the transaction has committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from churn.warehouse.connection import Warehouse, quoted
from churn.warehouse.facts import parts, writing
from churn.warehouse.facts.parts import PLACE, ROWS_OF_A_PART, Part
from churn.warehouse.loading.contracts import BOOKKEEPING, TABLES, Table

MOST_SMALL_PARTS: Final = 32
SMALL_ROWS: Final = 250_000


def compact(warehouse: Warehouse) -> int:
    """Merge the small parts of each fact table that has more than `MOST_SMALL_PARTS`; return how many parts there are less.

    For a warehouse whose staging is built from all of its parts. Raises ResourceError when the disk has no room for both.
    """
    gone = 0
    with parts.replacing(warehouse):
        for name in parts.kept_tables(warehouse):
            small = [part for part in parts.parts_of(warehouse, name) if part.rows < SMALL_ROWS]
            if len(small) > MOST_SMALL_PARTS and all(part.load_id is not None for part in small):
                _merge(warehouse, TABLES[name], small)
                gone += len(small) - 1
    return gone


def _merge(warehouse: Warehouse, table: Table, small: Sequence[Part]) -> None:
    """Write the rows of `small` as one part, in their order."""
    columns = [*parts.columns_of(warehouse, table).items()]
    listed = ", ".join(quoted(name) for name, _ in columns)
    relation = parts.relation(warehouse, table, small)
    rows = f"select {listed} from ({relation}) order by {PLACE}"
    merged = writing.write(warehouse, table, rows, columns, keeps_order=True)
    ids = ", ".join(str(part.part_id) for part in small)
    warehouse.execute(f"delete from facts.parts where part_id in ({ids})")
    newest = max(small, key=lambda part: part.load_id or 0)
    parts.add(warehouse, table, parts.of_many(merged, newest))
    _move(warehouse, table, small, merged)
    parts.show(warehouse, table)


def _move(warehouse: Warehouse, table: Table, small: Sequence[Part], merged: Part) -> None:
    """Let what names rows by their place name them by the new one."""
    starts, rows_before = [], 0
    for part in small:  # in order of their numbers, as the rows were written
        starts.append(f"({part.part_id}, {merged.part_id * ROWS_OF_A_PART + rows_before})")
        rows_before += part.rows
    moved = f"(values {', '.join(starts)}) as m(part_id, starts_at)"
    for kind in ("repeats", "marks"):
        name = f"facts.{quoted(f'{table.name}_{kind}')}"
        if warehouse.has_table(f"facts.{table.name}_{kind}"):
            warehouse.execute(
                f"update {name} as t set {PLACE} = m.starts_at + t.{PLACE} % {ROWS_OF_A_PART}"
                f" from {moved} where t.{PLACE} // {ROWS_OF_A_PART} = m.part_id"
            )


def kept_columns(part: Part) -> list[str]:
    """Return the columns that say where the rows of a part came from, where its file holds them."""
    have = {column.name for column in part.columns}
    return [name for name in BOOKKEEPING if name in have and name != "row_number"]

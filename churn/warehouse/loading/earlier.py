"""Keeps earlier versions of the rows of a file that is overwritten in place: what was known then stays known.

A row that comes again as it was keeps the load it came with; a row that changed stays beside its successor; a row that
is gone is gone, since the file no longer says it. Where a key has several rows in one file its versions cannot be told
apart, and the file's new rows replace the old ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.facts import parts
from churn.warehouse.facts.parts import PLACE, ROWS_OF_A_PART
from churn.warehouse.facts.rewriting import leave_out
from churn.warehouse.facts.writing import write
from churn.warehouse.loading.contracts import BOOKKEEPING, Table
from churn.warehouse.reading.delivery import SourceFile

# What tells one fact of a table from another. Versions of a fact that carry `known_at` are told apart by it.
KEYS: Final[dict[str, tuple[str, ...]]] = {
    "customers": ("customer_id",),
    "subscriptions": ("subscription_id",),
    "payments": ("payment_id",),
    "sessions": ("customer_id", "started_at"),
    "support_tickets": ("ticket_id",),
    "contacts": ("customer_id", "contacted_at", "campaign", "channel"),
    "events": ("event_id",),
    "churn_events": ("customer_id", "churned_at"),
}
_ROWS, _SLOTS, _PARTS = "earlier_rows", "earlier_slots", "earlier_parts"  # temporary


def put_aside(warehouse: Warehouse, table: Table, files: Sequence[SourceFile]) -> bool:
    """Copy the rows that came from `files` before they are taken out. Return whether there is anything to bring back."""
    if not files or table.name not in KEYS:
        return False
    listed = ", ".join(literal(file.name) for file in files)
    warehouse.execute(
        f"create or replace temp table {_ROWS} as select * from raw.{quoted(table.name)} where source_file in ({listed})"
    )
    if table.is_kept_in_files:
        warehouse.execute(
            f"create or replace temp table {_PARTS} as select * from facts.parts where source = ? and source_file in ({listed})",
            [table.name],
        )
    return bool(warehouse.rows(f"select count(*) from {_ROWS}")[0][0])


def bring_back(warehouse: Warehouse, table: Table, files: Sequence[SourceFile], first_load: int) -> None:
    """Put the earlier versions back beside what was loaded from `files` by loads from `first_load` on."""
    raw = f"raw.{quoted(table.name)}"
    mine = f"load_id >= {first_load} and source_file in ({', '.join(literal(file.name) for file in files)})"
    columns = [name for name in warehouse.columns(f"raw.{table.name}") if name not in BOOKKEEPING]
    before = warehouse.columns(_ROWS)
    slot = [*KEYS[table.name], "known_at"]
    listed = ", ".join(quoted(name) for name in slot)
    same_slot = " and ".join(f"{{0}}.{quoted(name)} is not distinct from s.{quoted(name)}" for name in slot)
    warehouse.execute(
        f"create or replace temp table {_SLOTS} as with arrived as (select {listed}, count(*) as rows_of_slot,"
        f" any_value({_content(columns, columns)}) as content from {raw} where {mine} group by {listed}),"
        f" newest as (select {listed}, load_id, count(*) as rows_of_slot, any_value({_content(columns, before)}) as content"
        f" from {_ROWS} group by {listed}, load_id"
        f" qualify row_number() over (partition by {listed} order by load_id desc) = 1)"
        f" select {', '.join(f'a.{quoted(name)}' for name in slot)}, a.content = s.content as is_same"
        f" from arrived as a inner join newest as s on {same_slot.format('a')}"
        f" where a.rows_of_slot = 1 and s.rows_of_slot = 1 and a.{quoted(slot[0])} is not null"
    )
    is_same = f"exists (select 1 from {_SLOTS} as s where s.is_same and {same_slot.format('r')})"
    is_earlier = f"exists (select 1 from {_SLOTS} as s where {same_slot.format('e')})"
    if table.is_kept_in_files:
        _bring_back_parts(warehouse, table, mine, is_same, is_earlier)
    else:
        warehouse.execute(f"delete from {raw} as r where {mine} and {is_same}")
        warehouse.execute(f"insert into {raw} by name select e.* from {_ROWS} as e where {is_earlier}")
    warehouse.execute(f"drop table {_SLOTS}")
    warehouse.execute(f"drop table {_ROWS}")


def _bring_back_parts(warehouse: Warehouse, table: Table, mine: str, is_same: str, is_earlier: str) -> None:
    """Do the same with parts: new ones lose what is as it was, earlier ones come back, whole where all of it stays."""
    arrived = warehouse.rows(
        f"select distinct {PLACE} // {ROWS_OF_A_PART} from facts.{quoted(table.name)} as r where {mine} and {is_same}"
    )
    touched = {part_id for (part_id,) in arrived}
    for part in parts.parts_of(warehouse, table.name):
        if part.part_id in touched:
            leave_out(warehouse, table, part, is_same)
    kinds = {name: kind for name, kind in warehouse.columns(_ROWS).items() if name not in BOOKKEEPING}
    listed = ", ".join(quoted(name) for name in kinds)
    for file, load_id, loaded_at, rows in warehouse.rows(
        f"select source_file, load_id, loaded_at, count(*) from {_ROWS} as e where {is_earlier} group by all order by load_id"
    ):
        origin = f"e.source_file = {literal(file)} and e.load_id = {load_id} and e.loaded_at = timestamp '{loaded_at}'"
        whole = warehouse.rows(f"select part_id, rows from {_PARTS} as e where {origin}")
        if len(whole) == 1 and whole[0][1] == rows:
            warehouse.execute(f"insert into facts.parts select * from {_PARTS} as e where {origin}")
            continue
        part = write(
            warehouse,
            table,
            f"select {listed}, row_number from {_ROWS} as e where {origin} and {is_earlier}",
            list(kinds.items()),
        )
        parts.add(warehouse, table, replace(part, source_file=file, load_id=load_id, loaded_at=loaded_at))
    warehouse.execute(f"drop table {_PARTS}")
    parts.show(warehouse, table)


def _content(columns: Sequence[str], present: Sequence[str] | dict[str, str]) -> str:
    """Return SQL for a hash of what a row says; a column that it lacks is null."""
    values = [f"cast({quoted(name)} as varchar)" if name in present else "null" for name in columns]
    return f"hash([{', '.join(values)}])"

"""Writes a part anew without some of its rows: those of an erased person, or those that a later delivery repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.facts import parts, writing
from churn.warehouse.facts.compacting import kept_columns
from churn.warehouse.facts.parts import PLACE, ROWS_OF_A_PART, Part
from churn.warehouse.loading.contracts import BOOKKEEPING, Table


def leave_out(warehouse: Warehouse, table: Table, part: Part, condition: str) -> None:
    """Take the rows `r` of a part that meet `condition` out of its file; a part without rows goes.

    The old file stays until the transaction has committed. Raises ResourceError when the disk has no room for both.
    """
    kinds = {c: k for c, k in parts.columns_of(warehouse, table).items() if c not in BOOKKEEPING}
    have = {stored.name.lower() for stored in part.columns}
    columns = [(name, kind) for name, kind in kinds.items() if name.lower() in have]
    columns += [(name, BOOKKEEPING[name]) for name in kept_columns(part)]
    listed = ", ".join(quoted(name) for name, _ in columns)
    rows = parts.relation(warehouse, table, [part])
    kept = f"select {listed}, row_number from ({rows}) as r where not coalesce({condition}, false)"
    written = writing.write(warehouse, table, kept, columns, keeps_order=True)
    warehouse.execute("delete from facts.parts where part_id = ?", [part.part_id])
    columns_now = written.columns + tuple(column for column in part.columns if column.name == "row_number")
    parts.add(warehouse, table, replace(part, path=written.path, is_copy=False, columns=columns_now))
    warehouse.execute("delete from facts.parts where part_id = ? and rows = 0", [part.part_id])


def remove_files(warehouse: Warehouse, table: Table, files: Sequence[str]) -> None:
    """Take out what came from delivered files of these names: whole parts, and their rows of merged ones."""
    parts.remove(warehouse, table.name, files)
    listed = ", ".join(literal(name) for name in files)
    for part in _merged_with(warehouse, table, listed):
        leave_out(warehouse, table, part, f"r.source_file in ({listed})")
    parts.show(warehouse, table)


def rename_file(warehouse: Warehouse, table: Table, old: str, new: str) -> None:
    """Say of rows that the file they came from goes by another name now."""
    for part in _merged_with(warehouse, table, literal(old)):
        columns = [(column.name, column.type) for column in part.columns]
        rows = parts.relation(warehouse, table, [part])
        listed = ", ".join(quoted(name) for name, _ in columns)
        named = f"case when source_file = {literal(old)} then {literal(new)} else source_file end as source_file"
        written = writing.write(
            warehouse,
            table,
            f"select {listed} from (select * replace ({named}) from ({rows}))",
            columns,
            keeps_order=True,
        )
        warehouse.execute("delete from facts.parts where part_id = ?", [part.part_id])
        parts.add(warehouse, table, replace(part, path=written.path))
    parts.rename(warehouse, table, old, new)


def merged_files(warehouse: Warehouse, table: Table) -> list[str]:
    """Return the names of the delivered files whose rows lie in merged parts."""
    merged = [part for part in parts.parts_of(warehouse, table.name) if part.is_merged]
    if not merged:
        return []
    rows = parts.relation(warehouse, table, merged)
    return [
        file for (file,) in warehouse.rows(f"select distinct source_file from ({rows}) where source_file is not null")
    ]


def _merged_with(warehouse: Warehouse, table: Table, listed: str) -> list[Part]:
    """Return the merged parts that hold rows of delivered files, whose names are `listed`."""
    merged = [part for part in parts.parts_of(warehouse, table.name) if part.is_merged]
    if not merged:
        return []
    rows = parts.relation(warehouse, table, merged)
    held = warehouse.rows(f"select distinct {PLACE} // {ROWS_OF_A_PART} from ({rows}) where source_file in ({listed})")
    return [part for part in merged if (part.part_id,) in held]


def erase(warehouse: Warehouse, table: Table, customers: Sequence[str]) -> None:
    """Take all rows of some customers out of the files of a fact table, and keep in step what names rows by their place."""
    listed = ", ".join(literal(customer) for customer in customers)
    theirs = f"cast(r.customer_id as varchar) in ({listed})"
    places = f"select r.{PLACE} from facts.{quoted(table.name)} as r where {theirs}"
    warehouse.execute(f"create or replace temp table erased_rows as {places}")
    touched = {row[0] for row in warehouse.rows(f"select distinct {PLACE} // {ROWS_OF_A_PART} from erased_rows")}
    for part in parts.parts_of(warehouse, table.name):
        if part.part_id in touched:
            leave_out(warehouse, table, part, theirs)
    for kind in ("repeats", "marks") if touched else ():
        if warehouse.has_table(f"facts.{table.name}_{kind}"):
            _move_up(warehouse, f"facts.{quoted(f'{table.name}_{kind}')}")
    warehouse.execute("drop table erased_rows")
    parts.show(warehouse, table)


def _move_up(warehouse: Warehouse, table: str) -> None:
    """Let a table name rows by their new places: each moved up by the rows before it in its file that are gone."""
    warehouse.execute(f"delete from {table} where {PLACE} in (select {PLACE} from erased_rows)")
    warehouse.execute(
        f"create or replace temp table moved_rows as select t.{PLACE}, count(*) as gone from {table} as t"
        f" inner join erased_rows as e on t.{PLACE} // {ROWS_OF_A_PART} = e.{PLACE} // {ROWS_OF_A_PART}"
        f" and e.{PLACE} < t.{PLACE} group by t.{PLACE}"
    )
    warehouse.execute(
        f"update {table} as t set {PLACE} = t.{PLACE} - m.gone from moved_rows as m where t.{PLACE} = m.{PLACE}"
    )
    warehouse.execute("drop table moved_rows")

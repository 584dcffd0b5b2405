"""Turns a source's column map into the select list that loads it, or says which column is missing and what is near."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from churn.errors import ContractBroken
from churn.warehouse.connection import quoted
from churn.warehouse.loading.casts import cast, kept_type
from churn.warehouse.loading.contracts import BOOKKEEPING, Column, Table
from churn.warehouse.loading.expressions import expression, theirs
from churn.warehouse.reading.values import PLAIN, Reading, to_local

# Names that staging gives its own columns; a delivered column of that name is kept under another.
_STAGED = "occurred_at available_at superseded_at fact_version event_type"
_WORKING = (
    "first_load_id told_hash is_retold is_dated latest_at terms_hash is_new earlier_hash is_taken_back"
    " dropped_at is_resumed is_last"
)
_RESERVED = {*BOOKKEEPING, *_STAGED.split(), *_WORKING.split()}


@dataclass(frozen=True)
class Selected:
    """A column of the raw table: the delivered expression, the expression to store, and its type there.

    `sql` is empty where the delivered type has yet to be asked of DuckDB, `type` where that decides it.
    """

    name: str
    delivered: str
    sql: str
    type: str
    is_required: bool
    is_fallible: bool


def select_list(
    table: Table,
    delivered: Mapping[str, str],
    mapped: Mapping[str, str],
    *,
    where: str,
    reading: Reading = PLAIN,
    may_lack: bool = False,
) -> list[Selected]:
    """Return the columns to load into `table` from a delivery with columns `delivered` (name to DuckDB type).

    `mapped` is ours = theirs: a delivered column's name or an SQL expression over them; `where` names the file;
    `reading` says how values are written. With `may_lack` a mapped column that this delivery lacks is null.
    Columns nobody maps are kept under their own names, but not one that was renamed or made into another.
    Raises ContractBroken for a missing required column (with the nearest name found), ConfigError for an expression
    that is not a single scalar one.
    """
    chosen: list[Selected] = []
    used: set[str] = set()
    own = [Column(name, "") for name in mapped if name not in table.types]
    for column in [*table.columns, *own]:
        source = mapped.get(column.name, column.name)
        name = theirs(source, delivered)
        if name is not None:
            used.add(name)
            chosen.append(_direct(column, name, delivered[name], reading))
        elif column.name in mapped:
            try:
                made = expression(source, delivered, where=f"sources.{table.name}.columns.{column.name}", file=where)
            except ContractBroken:
                if not may_lack or column.is_required:
                    raise
                continue
            used.update(made.reads if len(made.reads) == 1 else ())
            chosen.append(Selected(_free(column), made.sql, "", column.type, column.is_required, is_fallible=True))
        elif column.is_required:
            raise _missing(table.name, column.name, delivered, where)
    taken = {selected.name.lower() for selected in chosen} | set(table.types)
    for name, kind in delivered.items():
        if name not in used and name.lower() not in taken:
            chosen.append(_direct(Column(name, ""), name, kind, reading))
    return chosen


def _free(column: Column) -> str:
    is_taken = not column.type and column.name.lower() in _RESERVED
    return f"{column.name}_delivered" if is_taken else column.name


def _direct(column: Column, name: str, kind: str, reading: Reading) -> Selected:
    """Select a delivered column: cast to the type of ours, or kept as it came where it is an extra one."""
    given = (
        f"({quoted(name)} ->> '$')" if kind == "JSON" else quoted(name)
    )  # of mixed types: what stands there, unquoted
    if column.type:
        done = cast(quoted(name), kind, column.type, column.name, reading)
        return Selected(column.name, given, done.sql, column.type, column.is_required, done.is_fallible)
    coded = reading.codes.get(column.name)
    if coded:
        wanted = "BOOLEAN" if all(isinstance(value, bool) for value in coded.values()) else "VARCHAR"
        done = cast(quoted(name), kind, wanted, column.name, reading)
        return Selected(_free(column), given, done.sql, wanted, is_required=False, is_fallible=True)
    wanted = kept_type(kind)
    stored = quoted(name) if wanted == kind else f"cast({quoted(name)} as {wanted})"
    if reading.company and kind == "TIMESTAMP WITH TIME ZONE":
        stored = to_local(stored, reading)
    return Selected(_free(column), quoted(name), stored, wanted, is_required=False, is_fallible=False)


def _missing(table: str, column: str, delivered: Mapping[str, str], where: str) -> ContractBroken:
    near = difflib.get_close_matches(column.lower(), [name.lower() for name in delivered], n=1, cutoff=0.4)
    guess = theirs(near[0], delivered) if near else "THEIR_COLUMN"
    shown = ", ".join(list(delivered)[:20]) + (", ..." if len(delivered) > 20 else "")
    return ContractBroken(
        f"{table} needs a column `{column}`; found {shown}",
        where=where,
        remedy=f'Say which one it is in churn.toml: [sources.{table}] columns = {{ {column} = "{guess}" }}.',
    )

"""Turns a source's column map into the select list that loads it, or says which column is missing and what is near."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
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
    " dropped_at resumed_at happened_at unknown_until is_announced"
)
_NESTED = re.compile(r"^(STRUCT|MAP)\(|\]$")
_KEY = re.compile(r'STRUCT\((?:"((?:[^"]|"")+)"|(\w+)) ')
_ROWS = re.compile(r"^STRUCT\(.*\)\[\]$")
_ROWS_BELOW = re.compile(r'[(,] ?"?(\w+)"? STRUCT\([^\[\]]*\)\[\]')
_SHOWN = 80  # characters of a type in a message
_READERS = "file_row_number"  # DuckDB's own, when it reads the Parquet in which rows are kept
_RESERVED = {*BOOKKEEPING, *_STAGED.split(), *_WORKING.split(), _READERS}


@dataclass(frozen=True)
class Selected:
    """A column of the raw table: the delivered expression, the expression to store, and its type there.

    `sql` is empty where the delivered type has yet to be asked of DuckDB, `type` where that decides it. `is_own` are
    columns that only the source has, kept as they came.
    """

    name: str
    delivered: str
    sql: str
    type: str
    is_required: bool
    is_fallible: bool
    is_own: bool = False


def select_list(
    table: Table,
    delivered: Mapping[str, str],
    mapped: Mapping[str, str],
    *,
    where: str,
    reading: Reading = PLAIN,
    may_lack: bool = False,
    in_two_spellings: Collection[str] = (),
) -> list[Selected]:
    """Return the columns to load into `table` from a delivery with columns `delivered` (name to DuckDB type).

    `mapped` is ours = theirs: a delivered column's name or an SQL expression over them; `where` names the file;
    `reading` says how values are written; `in_two_spellings` are names that the file has twice but for case. With `may_lack` a mapped column that this delivery lacks is null.
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
            if name.lower() in in_two_spellings:
                raise ContractBroken(
                    f"the header has `{name}` in two spellings, over different values",
                    where=where,
                    remedy="Name the columns yourself: options = { skip = 1, header = false, names = [...] }.",
                )
            refuse_nested(table, column.name, column.type, name, delivered[name], where)
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


def refuse_nested(table: Table, column: str, wanted: str, given: str, kind: str, where: str) -> None:
    """Raise ContractBroken where a column of ours would be made of objects or lists, which are no single values."""
    if not wanted or not _NESTED.search(kind):
        return
    if kind.startswith("STRUCT"):
        what, key = "objects", _KEY.match(kind)
        name = (key[1] or key[2]).replace('""', '"') if key else "KEY"
        path = f"{given}.{name}" if name.isidentifier() else f"{given}['{name}']"
    else:
        what, path = "maps or lists" if kind.startswith("MAP") else "lists", f"{given}[1]"
    raise ContractBroken(
        f"`{given}` holds {what} ({kind if len(kind) < _SHOWN else kind[:_SHOWN] + '...'}), not single values",
        where=where,
        remedy=f'Say which value it is: [sources.{table.name}] columns = {{ {column} = "{path}" }};'
        f' "null" leaves the column out.',
    )


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
    return Selected(_free(column), quoted(name), stored, wanted, is_required=False, is_fallible=False, is_own=True)


def _missing(table: str, column: str, delivered: Mapping[str, str], where: str) -> ContractBroken:
    if (below := _rows_below(delivered)) is not None:
        return ContractBroken(
            f"{table} needs a column `{column}`; the file has rows below `{below}`",
            where=where,
            remedy=f'Say so in churn.toml: [sources.{table}] rows_at = "{below}".',
        )
    near = difflib.get_close_matches(column.lower(), [name.lower() for name in delivered], n=1, cutoff=0.4)
    guess = theirs(near[0], delivered) if near else "THEIR_COLUMN"
    lines_above = ""
    if len(delivered) == 1 or any(re.fullmatch("column[0-9]+", name) for name in delivered):  # a line without names
        lines_above = " Where lines stand above the header, say how many: options = { skip = 2 }."
    shown = ", ".join(list(delivered)[:20]) + (", ..." if len(delivered) > 20 else "")
    return ContractBroken(
        f"{table} needs a column `{column}`; found {shown}",
        where=where,
        remedy=f'Say which one it is in churn.toml: [sources.{table}] columns = {{ {column} = "{guess}" }}.{lines_above}',
    )


def _rows_below(delivered: Mapping[str, str]) -> str | None:
    """Return the key of a JSON file below which rows lie."""
    for name, kind in delivered.items():
        if _ROWS.match(kind):
            return name
        if kind.startswith("STRUCT") and (key := _ROWS_BELOW.search(kind)):
            return f"{name}.{key[1]}"
    return None

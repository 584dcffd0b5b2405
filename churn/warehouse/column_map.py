"""Turns a source's column map into the select list that loads it, or says which column is missing and what is near."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from churn.errors import ConfigError, ContractBroken
from churn.warehouse.casts import cast, kept_type
from churn.warehouse.connection import quoted
from churn.warehouse.contracts import BOOKKEEPING, Table

# Names that staging gives its own columns; a delivered column of that name is kept under another.
_RESERVED = {*BOOKKEEPING, "occurred_at", "available_at"}
_PSEUDO = {"row_number": "_row", "source_file": "_file"}  # usable in maps: an id for rows that were delivered without
_UNSAFE = ("read_", "scan_", "glob", "getenv", "query", "current_setting", "nextval", "random", "uuid", "now", "today")


@dataclass(frozen=True)
class Selected:
    """A column of the raw table: the delivered expression, the expression to store, and its type there."""

    name: str
    delivered: str
    sql: str
    type: str
    is_required: bool
    is_fallible: bool


def theirs(mapped: str, columns: Mapping[str, str]) -> str | None:
    """Return the delivered column that `mapped` names, whatever its case; None if it names none."""
    if mapped in columns:
        return mapped
    return next((name for name in columns if name.lower() == mapped.lower()), None)


def select_list(table: Table, delivered: Mapping[str, str], mapped: Mapping[str, str], *, where: str) -> list[Selected]:
    """Return the columns to load into `table` from a delivery with columns `delivered` (name to DuckDB type).

    `mapped` is ours = theirs: a delivered column's name or an SQL expression over them; `where` names the file.
    Expressions come back with type '' where only DuckDB can tell. Raises ContractBroken for a missing required
    column (with the nearest name found), ConfigError for an expression that is not a single scalar one.
    """
    chosen: list[Selected] = []
    used: set[str] = set()
    for column in table.columns:
        source = mapped.get(column.name, column.name)
        name = theirs(source, delivered)
        if name is not None:
            used.add(name)
            done = cast(quoted(name), delivered[name], column.type)
            chosen.append(
                Selected(column.name, quoted(name), done.sql, column.type, column.is_required, done.is_fallible)
            )
        elif column.name in mapped:
            sql = expression(source, delivered, where=f"sources.{table.name}.columns.{column.name}", file=where)
            chosen.append(Selected(column.name, sql, "", column.type, column.is_required, is_fallible=True))
        elif column.is_required:
            raise _missing(table.name, column.name, delivered, where)
    canonical = set(table.types)
    for ours, source in mapped.items():
        if ours not in canonical:
            name = theirs(source, delivered)
            used.update([name] if name else [])
            place = f"sources.{table.name}.columns.{ours}"
            sql = quoted(name) if name else expression(source, delivered, where=place, file=where)
            chosen.append(_extra(ours, sql, delivered[name] if name else ""))
    taken = {one.name.lower() for one in chosen} | canonical
    for name, kind in delivered.items():
        if name not in used and name not in _PSEUDO.values() and name.lower() not in taken:
            chosen.append(_extra(name, quoted(name), kind))
    return chosen


def _extra(name: str, sql: str, kind: str) -> Selected:
    kept = f"{name}_delivered" if name.lower() in _RESERVED else name
    if not kind:
        return Selected(kept, sql, "", "", is_required=False, is_fallible=False)
    wanted = kept_type(kind)
    stored = sql if wanted == kind else f"cast({sql} as {wanted})"
    return Selected(kept, sql, stored, wanted, is_required=False, is_fallible=False)


def _missing(table: str, column: str, delivered: Mapping[str, str], where: str) -> ContractBroken:
    found = [name for name in delivered if name not in _PSEUDO.values()]
    near = difflib.get_close_matches(column.lower(), [name.lower() for name in found], n=1, cutoff=0.4)
    guess = theirs(near[0], delivered) if near else "THEIR_COLUMN"
    shown = ", ".join(found[:20]) + (", ..." if len(found) > 20 else "")
    return ContractBroken(
        f"{table} needs a column `{column}`; found {shown}",
        where=where,
        remedy=f'Say which one it is in churn.toml: [sources.{table}] columns = {{ {column} = "{guess}" }}.',
    )


def expression(text: str, delivered: Mapping[str, str], *, where: str, file: str) -> str:
    """Return `text` as one checked scalar SQL expression over the columns `delivered`, in parentheses.

    `row_number` and `source_file` stand for the row's place. Raises ConfigError if it is anything else than that
    (statement, subquery, aggregate, file function), ContractBroken if it names a column the file does not have.
    """
    try:
        parsed = sqlglot.parse(text, dialect="duckdb")
    except sqlglot.errors.SqlglotError as error:
        remedy = "Give a column's name or one SQL expression over the source's columns."
        raise ConfigError(f"`{text}` is not an SQL expression", where=where, remedy=remedy) from error
    tree = parsed[0] if len(parsed) == 1 else None
    if tree is None or not isinstance(tree, exp.Expression) or isinstance(tree, (exp.Query, exp.DDL, exp.Command)):
        raise ConfigError(f"`{text}` is not a single expression", where=where, remedy="No statements here.")
    if tree.find(exp.Query, exp.Table, exp.Window, exp.AggFunc, exp.Star, exp.Parameter, exp.Placeholder):
        remedy = "Use plain functions of one row: no subquery, aggregate or window."
        raise ConfigError(f"`{text}` looks beyond its row", where=where, remedy=remedy)
    for call in tree.find_all(exp.Func):
        name = (call.name if isinstance(call, exp.Anonymous) else call.sql_name()).lower()
        if name.startswith(_UNSAFE):
            raise ConfigError(f"`{name}` may not be used in a column map", where=where, remedy="Use plain functions.")
    lambdas = {name.name for one in tree.find_all(exp.Lambda) for name in one.expressions}
    for column in list(tree.find_all(exp.Column)):
        name = column.name
        if name in lambdas:
            continue
        known = theirs(name, delivered)
        if known is None and name in _PSEUDO:
            column.replace(exp.column(_PSEUDO[name]))
            if column is tree:
                return _PSEUDO[name]
        elif known is None:
            shown = ", ".join(c for c in delivered if c not in _PSEUDO.values())
            near = difflib.get_close_matches(name, list(delivered), n=1, cutoff=0.4)
            hint = f"Did you mean `{near[0]}`?" if near else "Name one of those columns."
            raise ContractBroken(f"no column `{name}` (asked for by {where}); found {shown}", where=file, remedy=hint)
    return f"({tree.sql(dialect='duckdb', comments=False)})"

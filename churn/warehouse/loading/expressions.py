"""Checks the SQL expressions a user may write in a source's column map or `where`: one row in, one value out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from churn.errors import ConfigError, ContractBroken

if TYPE_CHECKING:
    from sqlglot import exp

# Usable in maps beside the source's own columns: an id for rows that were delivered without one.
PLACE_COLUMNS = {"row_number": "_churn_row", "source_file": "_churn_file"}
_SIGNED_KEY = re.compile(r"([\w.]+)\.([$@][\w.]+)")
_UNSAFE = ("read_", "scan_", "glob", "getenv", "query", "current_setting", "nextval", "random", "uuid", "now", "today")


@dataclass(frozen=True)
class Expression:
    """A checked expression in parentheses, and the delivered columns it reads."""

    sql: str
    reads: frozenset[str]


def theirs(mapped: str, columns: Mapping[str, str]) -> str | None:
    """Return the delivered column that `mapped` names, whatever its case; None if it names none."""
    if mapped in columns:
        return mapped
    return next((name for name in columns if name.lower() == mapped.lower()), None)


def expression(text: str, delivered: Mapping[str, str], *, where: str, file: str) -> Expression:
    """Return `text` as one scalar SQL expression over the columns `delivered` (name to type).

    `row_number` and `source_file` stand for the row's place. Raises ConfigError if it is anything else than that
    (statement, subquery, aggregate, file function), ContractBroken if it names a column the file does not have.
    """
    from sqlglot import exp

    tree = _parsed(text, where)
    _refuse_unsafe(tree, text, where)
    lambdas = {name.name for function in tree.find_all(exp.Lambda) for name in function.expressions}
    reads = set()
    for column in [node for node in tree.find_all(exp.Column) if node.name not in lambdas]:
        root = column.parts[0].name  # `properties.plan.name` begins with the column that holds the rest
        known = theirs(root, delivered)
        if known is not None:
            reads.add(known)
        elif len(column.parts) == 1 and column.name.lower() in PLACE_COLUMNS:
            column.set("this", exp.to_identifier(PLACE_COLUMNS[column.name.lower()]))
        else:
            near = difflib.get_close_matches(root, list(delivered), n=1, cutoff=0.4)
            hint = f"Did you mean `{near[0]}`?" if near else "Name one of those columns."
            what = f"no column `{root}` (asked for by {where}); found {', '.join(delivered)}"
            raise ContractBroken(what, where=file, remedy=hint)
    return Expression(f"({tree.sql(dialect='duckdb', comments=False)})", frozenset(reads))


def _parsed(text: str, where: str) -> exp.Expr:
    import sqlglot
    from sqlglot import exp

    try:
        parsed = sqlglot.parse(text, dialect="duckdb")
    except sqlglot.errors.SqlglotError as error:
        remedy = "Give a column's name or one SQL expression over the source's columns."
        raise ConfigError(f"`{text}` is not an SQL expression", where=where, remedy=remedy) from error
    tree = parsed[0] if len(parsed) == 1 else None
    if tree is None or isinstance(tree, (exp.Query, exp.DDL, exp.DML, exp.Command)):
        raise ConfigError(f"`{text}` is not a single expression", where=where, remedy="No statements here.")
    return tree


def _refuse_unsafe(tree: exp.Expr, text: str, where: str) -> None:
    from sqlglot import exp

    if tree.find(exp.Query, exp.Table, exp.Window, exp.AggFunc, exp.Star, exp.Parameter, exp.Placeholder):
        remedy = "Use plain functions of one row: no subquery, aggregate or window."
        if key := _SIGNED_KEY.fullmatch(text):
            raise ConfigError(
                f"`{text}` is no path: `{key[2]}` is no plain name",
                where=where,
                remedy=f"Write that key in brackets: {key[1]}['{key[2]}'].",
            )
        raise ConfigError(f"`{text}` looks beyond its row", where=where, remedy=remedy)
    for call in tree.find_all(exp.Func):
        name = (call.name if isinstance(call, exp.Anonymous) else call.sql_name()).lower()
        if name.startswith(_UNSAFE):
            raise ConfigError(f"`{name}` may not be used in a column map", where=where, remedy="Use plain functions.")

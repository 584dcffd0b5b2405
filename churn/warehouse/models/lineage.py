"""Which columns each column of a SQL model is made from, read from the tree of its SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from churn.warehouse.models.sql_models import SqlModel

if TYPE_CHECKING:
    from sqlglot.lineage import Node


@dataclass(frozen=True, order=True)
class ColumnSource:
    """A column of a table that another is made from."""

    table: str
    column: str


def column_lineage(model: SqlModel, models: Mapping[str, SqlModel]) -> dict[str, tuple[ColumnSource, ...]]:
    """Return the sources of each documented column; none for what the SQL's text alone does not tell, such as `*` of raw tables."""
    schema = tuple(
        (name, tuple(column.name for column in models[name].columns))
        for name in sorted(model.depends_on & models.keys())
    )
    names = {column.name for column in model.columns}
    return {name: sources for name, sources in _lineage(model.sql, schema).items() if name in names}


@cache  # a process builds the same tables night after night
def _lineage(sql: str, schema: tuple[tuple[str, tuple[str, ...]], ...]) -> dict[str, tuple[ColumnSource, ...]]:
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage

    known: dict[str, dict[str, dict[str, str]]] = {}
    for name, columns in schema:
        folder, table = name.split(".", 1)
        known.setdefault(folder, {})[table] = dict.fromkeys(columns, "unknown")
    try:
        nodes = lineage(None, sql, known, dialect="duckdb", validate_qualify_columns=False)
    except (SqlglotError, ValueError):  # it runs all the same: only the text is too much for the reader
        return {}
    return {name: _sources(node) for name, node in nodes.items()}


def _sources(node: Node) -> tuple[ColumnSource, ...]:
    from sqlglot import exp

    sources = {
        ColumnSource(f"{leaf.expression.db}.{leaf.expression.name}", leaf.name.split(".")[-1].strip('"'))
        for leaf in node.walk()
        if not leaf.downstream and isinstance(leaf.expression, exp.Table) and leaf.expression.db
    }
    return tuple(sorted(source for source in sources if source.column != "*"))

"""Recognises snapshot tables that a rebuild would not change: the same SQL, staged facts and settings.

A table's fingerprint is kept as its comment, which goes with it: whatever replaces the table, replaces what is said of it.
Only tables that read nothing but staged facts and named settings of `snapshots.policy` have one: a table for certain
dates is built for them anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.facts.parts import count
from churn.warehouse.models.sql_models import SqlModel

_POLICY = "snapshots.policy"


def is_standing(warehouse: Warehouse, model: SqlModel, models: Mapping[str, SqlModel]) -> bool:
    """Say whether the table of `model` stands as building it, and all it reads, would leave it."""
    rows = warehouse.rows(
        "select comment from duckdb_tables() where database_name = current_database() "
        "and schema_name = ? and table_name = ?",
        [model.schema, model.table],
    )
    return bool(rows) and rows[0][0] is not None and rows[0][0] == fingerprint(warehouse, model, models)


def note(warehouse: Warehouse, model: SqlModel, models: Mapping[str, SqlModel]) -> None:
    """Say of a table just built what it was built from, where that can be told."""
    mark = fingerprint(warehouse, model, models)
    if mark is not None:
        warehouse.execute(f"comment on table {quoted(model.schema)}.{quoted(model.table)} is {literal(mark)}")


def fingerprint(warehouse: Warehouse, model: SqlModel, models: Mapping[str, SqlModel]) -> str | None:
    """Return a text that changes with whatever the table of `model` follows from; None where that cannot be told."""
    read: dict[str, str] = {}
    waiting = [model.name]
    while waiting:
        name = waiting.pop()
        if name in read or name == _POLICY or name.startswith("staging."):
            read.setdefault(name, name)
        elif name.startswith("snapshots.") and name in models:
            read[name] = models[name].sql
            waiting.extend(models[name].depends_on)
        else:
            return None
    staged = [_staged(warehouse, name) for name in sorted(read) if name.startswith("staging.")]
    if None in staged:
        return None
    named = {
        column: value for column, value in _policy(warehouse).items() if any(column in sql for sql in read.values())
    }
    parts = json.dumps([sorted(read.items()), staged, named], default=str, sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()


def _staged(warehouse: Warehouse, name: str) -> list[object] | None:
    """Return what the table was last brought up to date with, and its rows now; None where nobody noted it of any rows."""
    if not warehouse.has_table("raw.builds") or not warehouse.has_table(name):
        return None
    kept = warehouse.rows("select * from raw.builds where model = ?", [name])
    rows = count(warehouse, name)
    if kept:
        return [*kept[0], rows]
    return None if rows else [name, 0]  # of a source that nobody declared nothing is noted


def _policy(warehouse: Warehouse) -> dict[str, object]:
    frame = warehouse.frame(f"select * from {_POLICY}") if warehouse.has_table(_POLICY) else None
    return {} if frame is None or not frame.height else frame.row(0, named=True)

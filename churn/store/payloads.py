"""Writes the values of a remote record as JSON and back, dates and instants included, and upserts rows on both databases."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

_CHUNK = 500  # values of one `in`: SQLite takes 32,766 at most, PostgreSQL plans short ones faster


def to_text(values: Mapping[str, Any]) -> str:
    """Return values as JSON with sorted keys."""
    return _ENCODER.encode(values)


def from_text(text: str) -> dict[str, Any]:
    """Return the values that `to_text` wrote."""
    found: dict[str, Any] = _DECODER.decode(text)
    return found


def _wrap(value: object) -> dict[str, str]:
    if isinstance(value, datetime):
        return {"$at": value.isoformat()}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    raise TypeError(type(value).__name__)


def _unwrap(found: dict[str, Any]) -> Any:
    if "$at" in found:
        return datetime.fromisoformat(found["$at"])
    return date.fromisoformat(found["$date"]) if "$date" in found else found


# Made once: a push of many rows writes and reads each several times.
_ENCODER = json.JSONEncoder(default=_wrap, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
_DECODER = json.JSONDecoder(object_hook=_unwrap)


def upsert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows by their primary key; where the key is there already, replace the other columns that are given."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as insert_sqlite

        statement: Any = insert_sqlite(table)
    else:
        from sqlalchemy.dialects.postgresql import insert as insert_postgres

        statement = insert_postgres(table)
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), [dict(row) for row in rows])


def chunks(keys: Sequence[str]) -> list[list[str]]:
    """Cut keys into pieces that one `in` takes."""
    return [list(keys[start : start + _CHUNK]) for start in range(0, len(keys), _CHUNK)]

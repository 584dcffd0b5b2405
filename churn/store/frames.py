"""Frames in and out of tables by the drivers' own bulk paths, with the types that SQLite lacks written out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl
import sqlalchemy as sa

from churn.errors import ContractBroken

# As SQLAlchemy itself writes them, so that both ways of reading see the same.
_SQLITE_DATE = "%Y-%m-%d"
_SQLITE_INSTANT = "%Y-%m-%d %H:%M:%S%.6f"


def schema_of(columns: Mapping[str, str]) -> dict[str, pl.DataType]:
    """Return the polars types of columns given by the types' names; instants are naive UTC to the microsecond."""
    return {name: pl.Datetime("us") if kind == "Datetime" else getattr(pl, kind)() for name, kind in columns.items()}


def typed(frame: pl.DataFrame, columns: Mapping[str, str], *, optional: Iterable[str] = (), where: str) -> pl.DataFrame:
    """Return the `columns` of a frame, typed and in order; optional ones may be absent or empty.

    Raises ContractBroken for a missing column, an empty value, or a value of another type.
    """
    may_lack = set(optional)
    missing = [name for name in columns if name not in frame.columns and name not in may_lack]
    if missing:
        raise ContractBroken(f"the rows lack {', '.join(missing)}", where=where)
    schema = schema_of(columns)
    absent = [pl.lit(None, dtype=schema[name]).alias(name) for name in columns if name not in frame.columns]
    try:
        rows = frame.with_columns(absent).select(pl.col(name).cast(kind) for name, kind in schema.items())
    except pl.exceptions.InvalidOperationError as error:
        raise ContractBroken(f"a value is of the wrong type: {str(error).splitlines()[0]}", where=where) from error
    for name in columns:
        if name not in may_lack and (empty := rows[name].null_count()):
            raise ContractBroken(f"{empty} rows have no {name}", where=where)
    return rows


def insert_new(connection: sa.Connection, table: sa.Table, rows: pl.DataFrame) -> int:
    """Insert the rows whose key the table does not know yet and leave the others as they are; return how many."""
    if rows.is_empty():
        return 0
    names = ", ".join(rows.columns)
    cursor = connection.connection.cursor()
    try:
        if connection.dialect.name == "sqlite":
            marks = ", ".join("?" * rows.width)
            statement = f"insert into {table.name} ({names}) values ({marks}) on conflict do nothing"
            cursor.executemany(statement, _for_sqlite(rows).rows())
            return int(cursor.rowcount)
        # COPY knows no conflicts: the rows land beside the table first.
        cursor.execute(f"create temporary table incoming on commit drop as select {names} from {table.name} limit 0")
        with cursor.copy(f"copy incoming ({names}) from stdin (format csv)") as copy:
            copy.write(rows.write_csv(include_header=False, datetime_format="%Y-%m-%dT%H:%M:%S%.6f").encode())
        cursor.execute(f"insert into {table.name} ({names}) select {names} from incoming on conflict do nothing")
        added = int(cursor.rowcount)
        cursor.execute("drop table incoming")
        return added
    finally:
        cursor.close()


def fetch(connection: sa.Connection, query: sa.Select[Any], columns: Mapping[str, str]) -> pl.DataFrame:
    """Return what `query` selects, whose columns are `columns` in order, as a typed frame."""
    rows = connection.execute(query).cursor.fetchall()
    by_column = zip(*rows, strict=True) if rows else ([] for _ in columns)
    return pl.DataFrame(
        [
            _series(name, kind, values)
            for (name, kind), values in zip(schema_of(columns).items(), by_column, strict=True)
        ]
    )


def _for_sqlite(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        pl.selectors.date().dt.to_string(_SQLITE_DATE), pl.selectors.datetime().dt.to_string(_SQLITE_INSTANT)
    )


def _series(name: str, kind: pl.DataType, values: Iterable[Any]) -> pl.Series:
    found = list(values)
    is_text = any(isinstance(value, str) for value in found[:1]) or all(value is None for value in found)
    if isinstance(kind, pl.Date) and is_text:
        return pl.Series(name, found, dtype=pl.String).str.to_date(_SQLITE_DATE)
    if isinstance(kind, pl.Datetime) and is_text:
        return pl.Series(name, found, dtype=pl.String).str.to_datetime(_SQLITE_INSTANT, time_unit="us")
    if isinstance(kind, pl.Boolean):
        return pl.Series(name, [None if value is None else bool(value) for value in found], dtype=kind)
    return pl.Series(name, found, dtype=kind)

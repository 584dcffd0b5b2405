"""Copies frames in and out of tables by the drivers' bulk paths, and converts the types that SQLite lacks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from churn.errors import ContractBroken, ModelError
from churn.store.records import FieldValue
from churn.store.score_row import LIFETIME_COLUMNS, OPTIONAL_COLUMNS, SCORE_COLUMNS, UNLISTED_COLUMNS

if TYPE_CHECKING:
    import polars as pl

# The formats of SQLAlchemy, so that both ways of reading see the same.
_SQLITE_DATE = "%Y-%m-%d"
_SQLITE_INSTANT = "%Y-%m-%d %H:%M:%S%.6f"


def schema_of(columns: Mapping[str, str]) -> dict[str, pl.DataType]:
    """Return the polars types of columns given by the types' names; instants are naive UTC to the microsecond."""
    import polars as pl

    return {name: pl.Datetime("us") if kind == "Datetime" else getattr(pl, kind)() for name, kind in columns.items()}


def typed(frame: pl.DataFrame, columns: Mapping[str, str], *, optional: Iterable[str] = (), where: str) -> pl.DataFrame:
    """Return the `columns` of a frame, typed and in order; optional ones may be absent or empty.

    Raises ContractBroken for a missing column, an empty value, or a value of another type.
    """
    import polars as pl

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
        # COPY cannot handle conflicts: copy the rows into a temporary table first.
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
    import polars as pl

    rows = connection.execute(query).cursor.fetchall()
    by_column = zip(*rows, strict=True) if rows else ([] for _ in columns)
    return pl.DataFrame(
        [
            _series(name, kind, values)
            for (name, kind), values in zip(schema_of(columns).items(), by_column, strict=True)
        ]
    )


def _for_sqlite(rows: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    return rows.with_columns(
        pl.selectors.date().dt.to_string(_SQLITE_DATE), pl.selectors.datetime().dt.to_string(_SQLITE_INSTANT)
    )


def _series(name: str, kind: pl.DataType, values: Iterable[Any]) -> pl.Series:
    import polars as pl

    cells = list(values)
    is_text = any(isinstance(value, str) for value in cells[:1]) or all(value is None for value in cells)
    if isinstance(kind, pl.Date) and is_text:
        return pl.Series(name, cells, dtype=pl.String).str.to_date(_SQLITE_DATE)
    if isinstance(kind, pl.Datetime) and is_text:
        return pl.Series(name, cells, dtype=pl.String).str.to_datetime(_SQLITE_INSTANT, time_unit="us")
    if isinstance(kind, pl.Boolean):
        return pl.Series(name, [None if value is None else bool(value) for value in cells], dtype=kind)
    return pl.Series(name, cells, dtype=kind)


_PUBLISHING_CACHE_KIB = 262_144  # at most; a list of 120,000 customers with their reasons takes about half of it


def checked(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of a score list, typed, in order, sorted by customer so that the index grows at its end.

    Raises ContractBroken for a missing column, an empty value or a repeated customer, ModelError for a number that
    is none.
    """
    import polars as pl

    if "involuntary_probability" not in frame.columns:  # of a model that does not know the causes of churn
        frame = frame.with_columns(pl.lit(None, dtype=pl.Float64).alias("involuntary_probability"))
    if not set(LIFETIME_COLUMNS) & set(frame.columns):  # of a model that knows nothing of months ahead
        frame = frame.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in LIFETIME_COLUMNS)
    if "contact_facts" not in frame.columns:
        frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias("contact_facts"))
    missing = [name for name in SCORE_COLUMNS if name not in frame.columns]
    if missing:
        raise ContractBroken(f"a score list lacks {', '.join(missing)}", where="scores")
    types = {name: getattr(pl, kind) for name, kind in {**SCORE_COLUMNS, **UNLISTED_COLUMNS}.items()}
    rows = frame.select(pl.col(name).cast(kind) for name, kind in types.items()).sort("customer_id")
    for name in SCORE_COLUMNS:
        if name not in OPTIONAL_COLUMNS and (empty := rows[name].null_count()):
            raise ContractBroken(f"{empty} rows have no {name}", where="scores")
    if (repeated := rows.height - rows["customer_id"].n_unique()) > 0:
        raise ContractBroken(f"{repeated} customers come more than once", where="scores")
    numbers = [name for name, kind in types.items() if kind == pl.Float64]
    bad = rows.filter(
        ~pl.col("churn_probability").is_between(0, 1) | pl.any_horizontal(~pl.col(name).is_finite() for name in numbers)
    )
    if bad.height:
        raise ModelError(
            f"{bad.height} scores are not usable numbers, for example that of customer {bad['customer_id'][0]}",
            where="scores",
            remedy="The list before stays in force. Look at that customer's features, or roll the model back.",
        )
    return rows


def replace_in_sqlite(connection: sa.Connection, table: sa.Table, rows: pl.DataFrame) -> None:
    """Put `rows` in the place of everything in `table`, inside the transaction that `connection` has open.

    Indexes are dropped and rebuilt after the rows, which takes half the time of maintaining them. The schema changes with
    the transaction, and readers do not notice. The pages written stay in memory until then, instead of being read back
    for each index.
    """
    indexes = sorted(table.indexes, key=lambda index: str(index.name))
    connection.exec_driver_sql(f"pragma cache_size = -{_PUBLISHING_CACHE_KIB}")
    try:
        for index in indexes:
            index.drop(connection)
        connection.execute(sa.delete(table))
        _insert(connection, table.name, rows)
        for index in indexes:
            index.create(connection)
    finally:
        connection.exec_driver_sql("pragma cache_size = -2000")  # SQLite's own default


def _insert(connection: sa.Connection, table: str, rows: pl.DataFrame) -> None:
    if rows.is_empty():
        return
    cursor = connection.connection.cursor()
    marks = ", ".join("?" * rows.width)
    try:
        cursor.executemany(f"insert into {table} ({', '.join(rows.columns)}) values ({marks})", rows.rows())
    finally:
        cursor.close()


_CHUNK = 500  # values of one `in`: SQLite takes 32,766 at most, PostgreSQL plans short ones faster


def to_text(values: Mapping[str, Any]) -> str:
    """Return values as JSON with sorted keys."""
    return _ENCODER.encode(values)


def from_text(text: str) -> dict[str, FieldValue]:
    """Return the values that `to_text` wrote."""
    values: dict[str, FieldValue] = _DECODER.decode(text)
    return values


def _wrap(value: object) -> dict[str, str]:
    if isinstance(value, datetime):
        return {"$at": value.isoformat()}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    raise TypeError(type(value).__name__)


def _unwrap(document: dict[str, Any]) -> Any:  # any object of any JSON passes here
    if "$at" in document:
        return datetime.fromisoformat(document["$at"])
    return date.fromisoformat(document["$date"]) if "$date" in document else document


# Built once: a push of many rows encodes and decodes each several times.
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

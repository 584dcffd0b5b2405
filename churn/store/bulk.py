"""Moves a whole score list into the database by the driver's own bulk path: executemany on SQLite, COPY on PostgreSQL."""

from __future__ import annotations

import polars as pl
import sqlalchemy as sa

from churn.errors import ContractBroken, ModelError
from churn.store.records import OPTIONAL_COLUMNS, SCORE_COLUMNS

_PUBLISHING_CACHE_KIB = 262_144  # at most; a list of 120,000 customers with their reasons takes about half of it


def checked(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of a score list, typed, in order, sorted by customer so that the index grows at its end.

    Raises ContractBroken for a missing column, an empty value or a repeated customer, ModelError for a number that
    is none.
    """
    missing = [name for name in SCORE_COLUMNS if name not in frame.columns]
    if missing:
        raise ContractBroken(f"a score list lacks {', '.join(missing)}", where="scores")
    types = {name: getattr(pl, kind) for name, kind in SCORE_COLUMNS.items()}
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


def replace(connection: sa.Connection, table: sa.Table, rows: pl.DataFrame) -> None:
    """Put `rows` in the place of everything in `table`, inside the transaction that `connection` has open."""
    if connection.dialect.name == "sqlite":
        _replace_sqlite(connection, table, rows)
        return
    # On PostgreSQL the indexes are kept: dropping one would lock readers out until the end.
    connection.execute(sa.delete(table))
    _insert(connection, table.name, rows)


def _replace_sqlite(connection: sa.Connection, table: sa.Table, rows: pl.DataFrame) -> None:
    """Build the indexes anew behind the rows, which takes half the time of keeping them.

    The schema changes with the transaction, and readers do not notice. The pages written stay in memory until then,
    instead of being read back for each index.
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
    names = ", ".join(rows.columns)
    try:
        if connection.dialect.name == "sqlite":
            marks = ", ".join("?" * rows.width)
            cursor.executemany(f"insert into {table} ({names}) values ({marks})", rows.rows())
        else:
            with cursor.copy(f"copy {table} ({names}) from stdin") as copy:
                for row in rows.iter_rows():
                    copy.write_row(row)
    finally:
        cursor.close()

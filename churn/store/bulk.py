"""Moves a whole score list into the database by the driver's own bulk path: executemany on SQLite, COPY on PostgreSQL."""

from __future__ import annotations

import polars as pl
import sqlalchemy as sa

from churn.errors import ContractBroken, ModelError
from churn.store.records import OPTIONAL_COLUMNS, SCORE_COLUMNS


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
    """Put `rows` in the place of everything in `table`, inside the transaction that `connection` has open.

    On SQLite the indexes are built anew behind the rows, which takes half the time of keeping them; its schema
    changes with the transaction, and readers do not notice. On PostgreSQL dropping an index would lock readers out.
    """
    indexes = sorted(table.indexes, key=lambda index: str(index.name)) if connection.dialect.name == "sqlite" else []
    for index in indexes:
        index.drop(connection)
    connection.execute(sa.delete(table))
    if rows.height:
        _insert(connection, table.name, rows)
    for index in indexes:
        index.create(connection)


def _insert(connection: sa.Connection, table: str, rows: pl.DataFrame) -> None:
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

"""Moves a whole score list into the database by the driver's own bulk path: executemany on SQLite, COPY on PostgreSQL."""

from __future__ import annotations

import polars as pl
import sqlalchemy as sa

from churn.errors import ContractBroken, ModelError
from churn.store.records import OPTIONAL_COLUMNS, SCORE_COLUMNS

_COPY_ROWS = 20_000  # rows written as CSV at a time, so that memory stays flat


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


def insert(connection: sa.Connection, table: str, rows: pl.DataFrame) -> None:
    """Insert `rows` into `table`, inside the transaction that `connection` has open."""
    if rows.is_empty():
        return
    cursor = connection.connection.cursor()
    names = ", ".join(rows.columns)
    try:
        if connection.dialect.name == "sqlite":
            marks = ", ".join("?" * rows.width)
            cursor.executemany(f"insert into {table} ({names}) values ({marks})", rows.rows())
        else:
            with cursor.copy(f"copy {table} ({names}) from stdin (format csv)") as copy:
                for part in rows.iter_slices(_COPY_ROWS):
                    # An empty text is written quoted, nothing is written bare: COPY reads them back as two things.
                    copy.write(part.write_csv(include_header=False, quote_style="non_numeric").encode())
    finally:
        cursor.close()

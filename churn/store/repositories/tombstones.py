"""Drops incoming rows about erased customers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import sqlalchemy as sa

from churn.store.database import Database
from churn.store.service_tables import erased_customers, privacy_salt

if TYPE_CHECKING:
    import polars as pl


def without_erased(database: Database, rows: pl.DataFrame) -> pl.DataFrame:
    """Return `rows` without those whose `customer_id` was erased; rows without an id stay."""
    with database.read() as connection:
        hashes = set(connection.execute(sa.select(erased_customers.c.id_hash)).scalars())
        salt = connection.execute(sa.select(privacy_salt.c.salt)).scalar() if hashes else None
    if not hashes or rows.is_empty():
        return rows
    ids = rows["customer_id"].drop_nulls().unique().to_list()
    gone = [customer_id for customer_id in ids if hashlib.sha256(f"{salt}{customer_id}".encode()).hexdigest() in hashes]
    return rows.filter(~rows["customer_id"].is_in(gone).fill_null(value=False)) if gone else rows

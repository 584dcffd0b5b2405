"""Stores of tests do not wait for the disk: what a power cut would leave is no test's question.

Every store that is closed waits for two writes to the disk; thousands are, in two workers at once. Commands that a test
starts as processes keep to the product's own setting.
"""

from __future__ import annotations

import sqlite3

import sqlalchemy as sa
from sqlalchemy.pool import ConnectionPoolEntry, Pool


@sa.event.listens_for(Pool, "checkout")  # after the product's own settings, which come with `connect`
def _wait_for_no_disk(connection: object, entry: ConnectionPoolEntry, _proxy: object) -> None:
    if isinstance(connection, sqlite3.Connection) and not entry.info.get("waits_for_no_disk"):
        connection.execute("pragma synchronous = off")
        entry.info["waits_for_no_disk"] = True

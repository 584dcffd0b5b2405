"""Tests do not wait for the disk: what a power cut would leave is no test's question.

Every store that is closed waits for two writes to the disk, and every file of facts for one of its own; there are
thousands, in two workers at once. Commands that a test starts as processes keep to the product's own settings.
"""

from __future__ import annotations

import os
import sqlite3

import sqlalchemy as sa
from sqlalchemy.pool import ConnectionPoolEntry, Pool


def _wait_for_nothing(_file: object) -> None:
    """Stand for `os.fsync`."""


os.fsync = _wait_for_nothing


@sa.event.listens_for(Pool, "checkout")  # after the product's own settings, which come with `connect`
def _wait_for_no_disk(connection: object, entry: ConnectionPoolEntry, _proxy: object) -> None:
    if isinstance(connection, sqlite3.Connection) and not entry.info.get("waits_for_no_disk"):
        connection.execute("pragma synchronous = off")
        entry.info["waits_for_no_disk"] = True

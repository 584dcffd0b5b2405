"""Looks one customer up in an SQLite store, on a connection that stays open: a few statements, tens of microseconds."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final

from churn.store.faults import translated
from churn.store.records import SCORE_COLUMNS
from churn.store.repositories.score_reader import RUN_FIELDS

_PATIENCE_SECONDS: Final = 0.05  # whoever calls has a slower way that waits longer
# One statement sees one state of the database, which saves opening and ending a transaction.
_FIND: Final = (
    f"select {', '.join(f'r.{name}' for name in RUN_FIELDS)}, {', '.join(f's.{name}' for name in SCORE_COLUMNS)}, "
    "(select json_group_array(json_array(a.campaign, a.arm, a.assigned_at)) from (select * from assignments as every "
    "where every.customer_id = s.customer_id order by every.assigned_at, every.campaign) as a) "
    "from score_runs as r left join scores as s on s.customer_id = ? where r.is_current"
)
_ENDS: Final = len(RUN_FIELDS)

Row = tuple[Any, ...]


class CustomerLookup:
    """For one thread at a time. All that one call reads is of one instant."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        with translated(self._path):
            self._connection = sqlite3.connect(
                path, timeout=_PATIENCE_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=16
            )

    def find(self, customer_id: str) -> tuple[Row | None, Row | None, str]:
        """Return the current run (`RUN_FIELDS`), the score (`SCORE_COLUMNS`), and the assignments, oldest first, as JSON.

        All are as the driver has them. Raises StoreBusy when the file is locked for longer than a moment.
        """
        with translated(self._path):
            row = self._connection.execute(_FIND, (customer_id,)).fetchone()
        if row is None:
            return None, None, "[]"
        run, score = row[:_ENDS], row[_ENDS:-1]
        return run, None if score[0] is None else score, row[-1]

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

"""Looks one customer up in an SQLite store, on a connection that stays open: a few statements, tens of microseconds."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final

from churn.store.records import SCORE_COLUMNS
from churn.store.score_reader import RUN_FIELDS
from churn.store.translation import translated

_PATIENCE_SECONDS: Final = 0.05  # whoever calls has a slower way that waits longer
_RUN: Final = f"select {', '.join(RUN_FIELDS)} from score_runs where is_current"
_SCORE: Final = f"select {', '.join(SCORE_COLUMNS)} from scores where customer_id = ?"
_ASSIGNED: Final = (
    "select campaign, arm, assigned_at from assignments where customer_id = ? order by assigned_at, campaign"
)

Row = tuple[Any, ...]


class CustomerLookup:
    """For one thread at a time. All that one call reads is of one instant."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        with translated(self._path):
            self._connection = sqlite3.connect(
                path, timeout=_PATIENCE_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=16
            )

    def find(self, customer_id: str) -> tuple[Row | None, Row | None, list[Row]]:
        """Return the current run (`RUN_FIELDS`), the score (`SCORE_COLUMNS`), and the assignments, as the driver has them.

        Raises StoreBusy when the file is locked for longer than a moment.
        """
        execute = self._connection.execute
        with translated(self._path):
            execute("begin")
            try:
                run = execute(_RUN).fetchone()
                score = execute(_SCORE, (customer_id,)).fetchone()
                assigned = execute(_ASSIGNED, (customer_id,)).fetchall() if score is not None else []
            finally:
                execute("commit")
        return run, score, assigned

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

"""The current score list: published whole in one transaction, and read by the statements of the reader."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from churn.store.database import Database
from churn.store.frames import checked, replace_in_sqlite
from churn.store.records import ScoreRun
from churn.store.repositories.score_reader import RUN_FIELDS, ScoreReader
from churn.store.score_lists import drop_replaced_lists, publish_list, score_list_state
from churn.store.tables import score_runs, scores

if TYPE_CHECKING:
    import polars as pl


_RUN_COLUMNS = [score_runs.c[name] for name in RUN_FIELDS]


class ScoreRepository(ScoreReader):
    """Reads and writes `score_runs` and `scores`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._database = database

    def publish(self, run: ScoreRun, frame: pl.DataFrame) -> None:
        """Replace the current list by `frame`, one row per customer, in one transaction.

        Readers see the old list until the end of it, then the new one. The same run published twice is kept once.
        Raises ContractBroken when a column is missing or a customer comes twice, ModelError for a probability that
        is no number in 0..1, ResourceError when the disk is full; the old list stays then.
        """
        rows = checked(frame)
        values = {name: getattr(run, name) for name in RUN_FIELDS} | {"customers": rows.height, "is_current": True}
        drop_replaced_lists(self._database)
        with self._database.write(lock=score_list_state) as connection:
            connection.execute(sa.update(score_runs).where(score_runs.c.is_current).values(is_current=False))
            connection.execute(sa.delete(score_runs).where(score_runs.c.run_id == run.run_id))
            connection.execute(sa.insert(score_runs).values(**values))
            if self._database.is_sqlite:
                replace_in_sqlite(connection, scores, rows)
            else:
                publish_list(connection, rows)

    def mark_stale(self, reason: str, at: datetime) -> None:
        """Say that the current list should have been replaced at `at`, and why it was not. The next one clears it."""
        with self._database.write() as connection:
            connection.execute(
                sa.update(score_runs)
                .where(score_runs.c.is_current)
                .values(is_stale=True, stale_reason=reason, stale_at=at)
            )

    def runs(self, *, limit: int = 50) -> list[ScoreRun]:
        """Return the newest published runs first; only the current one still has its list here."""
        query = sa.select(*_RUN_COLUMNS).order_by(score_runs.c.scored_at.desc(), score_runs.c.run_id).limit(limit)
        with self._database.read() as connection:
            return [ScoreRun(**row) for row in connection.execute(query).mappings()]

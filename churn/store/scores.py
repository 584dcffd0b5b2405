"""The current score list: published whole in one transaction, read filtered, sorted, and page by page."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from churn.errors import ConfigError
from churn.store.database import Database
from churn.store.records import SCORE_COLUMNS, ScoreOrder, ScorePage, ScoreRun, score_frame
from churn.store.tables import score_runs, scores

if TYPE_CHECKING:
    import polars as pl

_RUN_FIELDS = tuple(field.name for field in fields(ScoreRun))
_RUN_COLUMNS = [score_runs.c[name] for name in _RUN_FIELDS]


class ScoreRepository:
    """Reads and writes `score_runs` and `scores`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def publish(self, run: ScoreRun, frame: pl.DataFrame) -> None:
        """Replace the current list by `frame`, one row per customer, in one transaction.

        Readers see the old list until the end of it, then the new one. The same run published twice is kept once.
        Raises ContractBroken when a column is missing or a customer comes twice, ModelError for a probability that
        is no number in 0..1, ResourceError when the disk is full; the old list stays then.
        """
        from churn.store.bulk import checked, replace

        rows = checked(frame)
        values = {name: getattr(run, name) for name in _RUN_FIELDS} | {"customers": rows.height, "is_current": True}
        with self._database.write(lock=scores) as connection:
            connection.execute(sa.update(score_runs).where(score_runs.c.is_current).values(is_current=False))
            connection.execute(sa.delete(score_runs).where(score_runs.c.run_id == run.run_id))
            connection.execute(sa.insert(score_runs).values(**values))
            replace(connection, scores, rows)

    def current_run(self) -> ScoreRun | None:
        """Return what the current list is of; None before the first one."""
        with self._database.read() as connection:
            return _current_run(connection)

    def current(
        self,
        *,
        bands: Sequence[str] | None = None,
        min_probability: float | None = None,
        plan: str | None = None,
        listed: bool | None = None,
        order: ScoreOrder = "expected_profit",
        limit: int | None = None,
        columns: Sequence[str] = tuple(SCORE_COLUMNS),
    ) -> pl.DataFrame:
        """Return the current list, highest first; all customers and the columns of `SCORE_COLUMNS` by default."""
        filters = _filters(bands, min_probability, plan, listed)
        with self._database.read() as connection:
            return score_frame(_rows(connection, filters, order, limit, columns), tuple(columns))

    def page(
        self,
        *,
        bands: Sequence[str] | None = None,
        min_probability: float | None = None,
        plan: str | None = None,
        listed: bool | None = None,
        order: ScoreOrder = "expected_profit",
        limit: int | None = 100,
        cursor: str | None = None,
        columns: Sequence[str] = tuple(SCORE_COLUMNS),
    ) -> ScorePage:
        """Return up to `limit` rows (None: all) after `cursor`, with the run they come from, both of one instant.

        A cursor is given only where there may be more, and needs the columns of the order and `customer_id`.
        Raises ConfigError for a cursor that is not ours, or one of a list since replaced: pages of two lists never mix.
        """
        filters = _filters(bands, min_probability, plan, listed)
        with self._database.read() as connection:
            run = _current_run(connection)
            if cursor is not None:
                filters.append(_after(cursor, run, order))
            rows = _rows(connection, filters, order, None if limit is None else limit + 1, columns)
        names = tuple(columns)
        if run is None or limit is None or len(rows) <= limit:
            return ScorePage(run, rows, names, None)
        last = dict(zip(names, rows[limit - 1], strict=True))
        return ScorePage(run, rows[:limit], names, _cursor(run, order, last))

    def customer(self, customer_id: str) -> dict[str, Any] | None:
        """Return one customer's score and the fields of its run; None if the customer is not on the current list."""
        query = (
            sa.select(*(scores.c[name] for name in SCORE_COLUMNS), *_RUN_COLUMNS)
            .where(scores.c.customer_id == customer_id)
            .join_from(scores, score_runs, score_runs.c.is_current)
        )
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return dict(row) if row is not None else None

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


def _current_run(connection: sa.Connection) -> ScoreRun | None:
    row = connection.execute(sa.select(*_RUN_COLUMNS).where(score_runs.c.is_current)).mappings().one_or_none()
    return ScoreRun(**row) if row is not None else None


def _filters(
    bands: Sequence[str] | None,
    min_probability: float | None,
    plan: str | None,
    listed: bool | None,  # noqa: FBT001 - a filter's value, as its caller was given it
) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if bands is not None:
        found.append(scores.c.risk_band.in_(list(bands)))
    if min_probability is not None:
        found.append(scores.c.churn_probability >= min_probability)
    if plan is not None:
        found.append(scores.c.plan == plan)
    if listed is not None:
        found.append(scores.c.is_listed == listed)
    return found


def _rows(
    connection: sa.Connection,
    filters: list[sa.ColumnElement[bool]],
    order: ScoreOrder,
    limit: int | None,
    columns: Sequence[str],
) -> list[tuple[Any, ...]]:
    """Read rows straight from the driver: SQLAlchemy's row objects would double the time for a whole list."""
    query = (
        sa.select(*(scores.c[name] for name in columns))
        .where(*filters)
        .order_by(scores.c[order].desc(), scores.c.customer_id)
        .limit(limit)
    )
    return list(connection.execute(query).cursor.fetchall())


def _cursor(run: ScoreRun, order: ScoreOrder, last: dict[str, Any]) -> str:
    told = json.dumps([run.run_id, order, last[order], last["customer_id"]])
    return base64.urlsafe_b64encode(told.encode()).decode()


def _after(cursor: str, run: ScoreRun | None, order: ScoreOrder) -> sa.ColumnElement[bool]:
    """Return the condition for what comes after the row that `cursor` names, in an order the index serves."""
    try:
        run_id, cursor_order, value, customer_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        value = float(value)
    except (ValueError, TypeError, binascii.Error) as error:
        raise ConfigError("the cursor is not one of ours", remedy="Start again without a cursor.") from error
    if run is None or run_id != run.run_id or cursor_order != order:
        raise ConfigError(
            "the cursor belongs to another list or order", remedy="The list has changed: start again without a cursor."
        )
    column = scores.c[order]
    # The first half lets the index start in the right place, the second decides among equals.
    return sa.and_(column <= value, sa.or_(column < value, scores.c.customer_id > str(customer_id)))

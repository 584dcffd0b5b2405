"""Reads the current score list, filtered, sorted, and page by page; uses plain SQL, without SQLAlchemy or polars."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import fields
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

from churn.errors import ConfigError, ListChanged
from churn.store.records import (
    CustomerAssignment,
    CustomerStanding,
    ScoreOrder,
    ScorePage,
    ScoreRun,
    score_frame,
)
from churn.store.score_row import SCORE_COLUMNS, UNLISTED_COLUMNS, score_row

if TYPE_CHECKING:
    import polars as pl

Values = Mapping[str, Any]
Rows = list[tuple[Any, ...]]
# Runs a statement whose values are named `:name`, and returns the driver's rows.
Fetch = Callable[[str, Values], Rows]


class ScoreSource(Protocol):
    """Where a score list is read from."""

    def fetch(self, sql: str, values: Values) -> Rows:
        """Return the rows of one statement."""

    def fetching(self) -> AbstractContextManager[Fetch]:
        """Open a transaction that sees one state of the database from its first statement to its last."""


RUN_FIELDS = tuple(field.name for field in fields(ScoreRun))
_CURRENT_RUN = f"select {', '.join(RUN_FIELDS)} from score_runs where is_current"
# A row for each assignment; the columns of the score are null for somebody who is not on the list.
_STANDING = (
    f"select {', '.join(f'r.{name}' for name in RUN_FIELDS)}, {', '.join(f's.{name}' for name in SCORE_COLUMNS)}, "
    "a.campaign, a.arm, a.assigned_at from score_runs as r left join scores as s on s.customer_id = :customer_id "
    "left join assignments as a on a.customer_id = s.customer_id where r.is_current"
)
_RUN_ENDS = len(RUN_FIELDS)
_SCORE_ENDS = _RUN_ENDS + len(SCORE_COLUMNS)
_READABLE = frozenset({*SCORE_COLUMNS, *UNLISTED_COLUMNS})
_DATES = frozenset({"snapshot_date"})
_INSTANTS = frozenset({"scored_at", "data_cutoff", "stale_at"})
_AT_ONCE = 500  # names in one statement: well under what SQLite takes
_FLAGS = frozenset({"is_stale", *(name for name, kind in SCORE_COLUMNS.items() if kind == "Boolean")})


class ScoreReader:
    """What one may ask of the current list."""

    def __init__(self, source: ScoreSource) -> None:
        self._source = source
        self._last_run: tuple[tuple[Any, ...], ScoreRun | None] = (), None
        self._tells_money: dict[str, bool] = {}

    def current_run(self) -> ScoreRun | None:
        """Return what the current list is of; None before the first one."""
        return _current_run(self._source.fetch)

    def contact_counts(self) -> tuple[int, ...]:
        """Return how many assignments, outcomes and objections there are: others than before, other people to contact."""
        counted = ", ".join(f"(select count(*) from {table})" for table in ("assignments", "outcomes", "objections"))
        return tuple(map(int, self._source.fetch(f"select {counted}", {})[0]))

    def contact_facts(self, customer_id: str) -> str | None:
        """Return in words what the current list knows of contacting one customer; None where it knows nothing of them."""
        rows = self._source.fetch("select contact_facts from scores where customer_id = :id", {"id": customer_id})
        return None if not rows or rows[0][0] is None else str(rows[0][0])

    def holds(self, customer_id: str) -> bool:
        """Say whether the current list holds one customer."""
        return bool(self._source.fetch("select 1 from scores where customer_id = :id", {"id": customer_id}))

    def has_programmes(self) -> bool:
        """Whether any round of a programme was ever approved: only then can anybody have a next best offer."""
        return bool(self._source.fetch("select 1 from programme_rounds where state = 'approved' limit 1", {}))

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
        conditions = _filters(bands, min_probability, plan, listed)
        return score_frame(_rows(self._source.fetch, conditions, order, limit, columns), tuple(columns))

    def page(
        self,
        *,
        bands: Sequence[str] | None = None,
        min_probability: float | None = None,
        plan: str | None = None,
        listed: bool | None = None,
        order: ScoreOrder | None = "expected_profit",
        limit: int | None = 100,
        cursor: str | None = None,
        columns: Sequence[str] = tuple(SCORE_COLUMNS),
    ) -> ScorePage:
        """Return up to `limit` rows (None: all) after `cursor`, with the run they come from, both of one instant.

        Without an order (None) rows come as they lie, in a third of the time; that is for whoever reads them all.
        A cursor is given only where there may be more, and needs the columns of the order and `customer_id`.
        Raises ConfigError for a cursor that is not ours, or one of a list since replaced: pages of two lists never mix.
        """
        conditions = _filters(bands, min_probability, plan, listed)
        with self._source.fetching() as fetch:
            run = _current_run(fetch)
            if cursor is not None and order is not None:
                conditions |= _after(cursor, run, order)
            rows = _rows(fetch, conditions, order, None if limit is None else limit + 1, columns)
        names = tuple(columns)
        if run is None or limit is None or order is None or len(rows) <= limit:
            return ScorePage(run, rows, names, None)
        last_row = rows[limit - 1]
        last_value, last_id = last_row[names.index(order)], last_row[names.index("customer_id")]
        return ScorePage(run, rows[:limit], names, _cursor(run, order, last_value, last_id))

    def customers(self, customer_ids: Sequence[str]) -> ScorePage:
        """Return the rows of some customers, in the order asked for, and the run they come from; absent ones are left out."""
        names = tuple(SCORE_COLUMNS)
        rows: dict[str, tuple[Any, ...]] = {}
        with self._source.fetching() as fetch:
            run = _current_run(fetch)
            for start in range(0, len(customer_ids), _AT_ONCE):
                ids = {f"id_{n}": customer for n, customer in enumerate(customer_ids[start : start + _AT_ONCE])}
                listed = ", ".join(f":{name}" for name in ids)
                sql = f"select {', '.join(names)} from scores where customer_id in ({listed})"
                rows |= {row[0]: row for row in fetch(sql, ids)}
        return ScorePage(run, [rows[customer] for customer in customer_ids if customer in rows], names, None)

    def customer(self, customer_id: str) -> CustomerStanding:
        """Return how one customer stands: the current run, their score in it, and the campaigns they are in."""
        rows = self._source.fetch(_STANDING, {"customer_id": customer_id})
        if not rows:
            return CustomerStanding(None, None, [])
        if len(rows) > 1:  # by a.assigned_at, a.campaign; in SQL every read would pay for a sort
            rows.sort(key=lambda row: (row[-1], row[-3]))
        run, score = self._run(rows[0][:_RUN_ENDS]), rows[0][_RUN_ENDS:_SCORE_ENDS]
        return CustomerStanding(
            run,
            None if score[0] is None else score_row(zip(SCORE_COLUMNS, score, strict=True)),
            [CustomerAssignment(row[-3], row[-2], _instant(row[-1])) for row in rows if row[-1] is not None],
        )

    def tells_money(self, run: ScoreRun) -> bool:
        """Say whether the probabilities of `run` may be turned into money: False where its model failed the calibration gate."""
        return self.model_tells_money(run.model_version)

    def model_tells_money(self, version: str) -> bool:
        """Say the same of a model by its version.

        A version's figures never change, so each is looked up once. A model of which none are kept is given the benefit.
        """
        known = self._tells_money.get(version)
        if known is None:
            rows = self._source.fetch(
                "select metrics from model_versions where version = :version", {"version": version}
            )
            metrics = (
                json.loads(rows[0][0] or "{}") if rows and isinstance(rows[0][0], str) else rows[0][0] if rows else {}
            )
            known = self._tells_money[version] = bool((metrics or {}).get("is_calibrated", True))
        return known

    def _run(self, row: tuple[Any, ...]) -> ScoreRun:
        """Return a run from a driver's row of `RUN_FIELDS`; the last one is kept, since it is the same all day long."""
        last_row, run = self._last_run
        if run is None or last_row != row:
            run = ScoreRun(**_typed(RUN_FIELDS, row))
            self._last_run = row, run
        return run


def _typed(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:  # free: whichever columns were selected
    """Return a row by name, with dates and booleans, which SQLite keeps as text and numbers."""
    values = dict(zip(names, row, strict=True))
    for name, value in values.items():
        if name in _FLAGS:
            values[name] = bool(value)
        elif isinstance(value, str) and name in _DATES:
            values[name] = date.fromisoformat(value)
        elif name in _INSTANTS and value is not None:
            values[name] = _instant(value)
    return values


def _instant(value: str | datetime) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _current_run(fetch: Fetch) -> ScoreRun | None:
    rows = fetch(_CURRENT_RUN, {})
    return ScoreRun(**_typed(RUN_FIELDS, rows[0])) if rows else None


class _Conditions:
    """Conditions that all must hold, and the values they name."""

    def __init__(self, parts: Sequence[str] = (), values: Mapping[str, Any] | None = None) -> None:
        self.parts = list(parts)
        self.values = dict(values or {})

    def __or__(self, more: _Conditions) -> _Conditions:
        return _Conditions([*self.parts, *more.parts], self.values | more.values)


def _filters(
    bands: Sequence[str] | None,
    min_probability: float | None,
    plan: str | None,
    listed: bool | None,  # noqa: FBT001 - a filter's value, as its caller was given it
) -> _Conditions:
    conditions = _Conditions()
    if bands is not None:
        named = {f"band_{number}": band for number, band in enumerate(bands)}
        listed_names = ", ".join(f":{name}" for name in named)
        conditions |= _Conditions([f"risk_band in ({listed_names})" if named else "1 = 0"], named)
    for name, comparison, value in (
        ("min_probability", "churn_probability >= :min_probability", min_probability),
        ("plan", "plan = :plan", plan),
        ("listed", "is_listed = :listed", listed),
    ):
        if value is not None:
            conditions |= _Conditions([comparison], {name: value})
    return conditions


def _rows(
    fetch: Fetch, conditions: _Conditions, order: ScoreOrder | None, limit: int | None, columns: Sequence[str]
) -> list[tuple[Any, ...]]:
    if unknown := [name for name in (*columns, order or "customer_id") if name not in _READABLE]:
        raise ConfigError(f"a score list has no column `{unknown[0]}`", where="scores")
    where = f" where {' and '.join(conditions.parts)}" if conditions.parts else ""
    values = conditions.values
    sql = f"select {', '.join(columns)} from scores{where}"
    if order is not None:
        sql = f"{sql} order by {order} desc, customer_id"
    if limit is not None:
        sql, values = f"{sql} limit :limit", {**values, "limit": limit}
    return fetch(sql, values)


def _cursor(run: ScoreRun, order: ScoreOrder, last_value: float, last_id: str) -> str:
    position = json.dumps([run.run_id, order, last_value, last_id])
    return base64.urlsafe_b64encode(position.encode()).decode()


def _after(cursor: str, run: ScoreRun | None, order: ScoreOrder) -> _Conditions:
    """Return the condition for what comes after the row that `cursor` names, in an order the index serves."""
    try:
        run_id, cursor_order, value, customer_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        value = float(value)
    except (ValueError, TypeError, binascii.Error) as error:
        raise ListChanged("the cursor is not one of ours", remedy="Start again without a cursor.") from error
    if run is None or run_id != run.run_id or cursor_order != order:
        raise ListChanged(
            "the cursor belongs to another list or order", remedy="The list has changed: start again without a cursor."
        )
    # The first half lets the index start at the right place, the second breaks ties.
    return _Conditions(
        [f"{order} <= :last_value", f"({order} < :last_value or customer_id > :last_customer)"],
        {"last_value": value, "last_customer": str(customer_id)},
    )

"""Chooses, as of a day, the dates that monitors compare: today, the same season, matured cohorts, and a past night."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from churn.context import Context
from churn.documents.monitoring import ListRun
from churn.errors import NotEnoughData
from churn.snapshots.dataset import is_flat, labelled_span
from churn.snapshots.policy import SnapshotPolicy, grid_dates

if TYPE_CHECKING:
    import polars as pl

    from churn.warehouse.connection import Warehouse


_YEAR_DAYS, _MONTH_DAYS = 364, 28  # whole weeks: the same weekday


@dataclass(frozen=True)
class PastNight:
    """A past night that can be computed again: its date, its run, and the features it served, or else its scores.

    `model_version` is None where the features were kept, which need no model to be compared.
    """

    snapshot_date: date
    run_id: str
    model_version: str | None
    served: pl.DataFrame


@dataclass(frozen=True)
class ComparedDates:
    """Which dates are compared. `season` is like `on`, a year before, or a month where the facts do not reach so far.

    `grid` are the two newest dates like those the model was trained on (firsts of months, Mondays), newest first, and
    `grid_season` the one a year before the newest: a month's middle always looks unlike its first day, so only like is
    compared with like.
    """

    on: date
    cutoff: datetime
    season: date | None
    is_year: bool
    grid: tuple[date, ...]
    grid_season: date | None
    cohorts: tuple[date, ...]

    @property
    def season_name(self) -> str:
        """How sentences call the season."""
        return f"a year before ({self.season})" if self.is_year else f"a month before ({self.season})"

    @property
    def counted(self) -> tuple[date, ...]:
        """The dates of which no more is asked than how features are spread, in order."""
        compared = {day for day in (*self.grid, self.grid_season) if day is not None}
        return tuple(sorted(compared - {self.on, self.season}))

    @property
    def days(self) -> set[date]:
        """Every date to build."""
        scored = {day for day in (self.on, self.season) if day is not None}
        return {*scored, *self.counted, *self.cohorts}


def compared_dates(
    warehouse: Warehouse, policy: SnapshotPolicy, on: date, *, cutoff: datetime, after: date | None, cohorts: int
) -> ComparedDates:
    """Return the dates to compare as of `on`, of facts up to `cutoff`.

    Cohorts are the newest ones with final labels, later than `after`.
    """
    if is_flat(warehouse):
        return ComparedDates(on, cutoff, season=None, is_year=False, grid=(), grid_season=None, cohorts=())
    known, earliest = _labelled(warehouse, policy, cutoff)

    def reached(day: date) -> date | None:
        return day if earliest is not None and day >= earliest else None

    year = reached(before(on, policy.every, years=1))
    newest = list(islice(grid_dates(on, policy.every), 2))
    later = tuple(day for day in known if after is not None and day > after)
    return ComparedDates(
        on=on,
        cutoff=cutoff,
        season=year or reached(before(on, policy.every, years=0)),
        is_year=year is not None,
        grid=tuple(day for day in newest if reached(day)),
        grid_season=reached(before(newest[0], policy.every, years=1)),
        cohorts=later[-cohorts:],
    )


def before(day: date, every: str, *, years: int) -> date:
    """Return the like day a year before (`years` 1) or a month before: the same weekday, or the same day of the month.

    Where training dates are firsts of months, bills and renewals follow the month, and so must the comparison.
    """
    if every != "1mo":
        return day - timedelta(days=_YEAR_DAYS if years else _MONTH_DAYS)
    year, month = (day.year - 1, day.month) if years else divmod(day.year * 12 + day.month - 2, 12)
    month = month if years else month + 1
    last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month, min(day.day, last))


def _labelled(warehouse: Warehouse, policy: SnapshotPolicy, cutoff: datetime) -> tuple[list[date], date | None]:
    """Return the dates with final labels, and the first day whose features have the history that each of these has."""
    try:
        first, last = labelled_span(warehouse, policy, cutoff)
        days = policy.training_dates(first, last, "1d", 100_000)
    except NotEnoughData:
        return [], None
    try:
        return policy.training_dates(first, last, policy.every, 520), days[0]
    except NotEnoughData:
        return [], days[0]


def past_night(context: Context, warehouse: Warehouse, on: date) -> PastNight | None:
    """Return the oldest night whose served features are kept, else the newest one of the score history before `on`."""
    import polars as pl

    folder = context.settings.home / "serving"
    for run in sorted(folder.glob("[0-9]*")) if folder.is_dir() else ():
        file = run / "features.parquet"
        day = _day(run.name)
        if day is not None and day <= on and file.is_file():
            return PastNight(day, run.name, None, pl.read_parquet(file))
    if not warehouse.has_table("history.scores"):
        return None
    rows = warehouse.rows(
        "select snapshot_date, run_id, model_version from history.scores where snapshot_date <= ? "
        "order by snapshot_date desc limit 1",
        [on],
    )
    if not rows:
        return None
    day, run_id, version = rows[0]
    scores = warehouse.frame("select customer_id, churn_probability from history.scores where snapshot_date = ?", [day])
    return PastNight(day, run_id, version, scores)


def list_runs(warehouse: Warehouse, on: date, *, limit: int = 13) -> tuple[ListRun, ...]:
    """Return the newest runs of the score history, oldest first."""
    if not warehouse.has_table("history.scores"):
        return ()
    rows = warehouse.rows(
        """
        with runs as (
            select snapshot_date, any_value(run_id) as run_id
            from history.scores where snapshot_date <= ? group by snapshot_date order by snapshot_date desc limit ?
        ), paired as (
            select snapshot_date, run_id, lag(snapshot_date) over (order by snapshot_date) as before_date from runs
        )
        select p.snapshot_date, p.run_id, p.before_date,
            (select count(*) from history.scores as s where s.snapshot_date = p.snapshot_date and s.is_listed) as size,
            (select count(*) from history.scores as b where b.snapshot_date = p.before_date and b.is_listed) as size_before,
            (select count(*) from history.scores as b inner join history.scores as s
                on b.customer_id = s.customer_id and s.snapshot_date = p.snapshot_date and s.is_listed
                where b.snapshot_date = p.before_date and b.is_listed) as stayed
        from paired as p order by p.snapshot_date
        """,
        [on, limit],
    )
    return tuple(
        ListRun(
            snapshot_date=day,
            run_id=run_id,
            listed=int(size),
            left=1.0 - stayed / size_before if earlier is not None and size_before else None,
        )
        for day, run_id, earlier, size, size_before, stayed in rows
    )


def _day(name: str) -> date | None:
    try:
        return datetime.strptime(name[:8], "%Y%m%d").date()  # noqa: DTZ007  # a day has no zone
    except ValueError:
        return None

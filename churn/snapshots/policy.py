"""The snapshot policy: when a snapshot may be taken, which days its label covers, and when the label is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from churn.config import Settings
from churn.errors import NotEnoughData

HISTORY_DAYS = 60  # before this many days of facts, features over 90 days say more about the calendar than the customer
_MONDAY = date(1970, 1, 5)  # weeks are counted from a fixed Monday, so that new data never shifts old dates
# Settings that the first bundles do not know, with what they mean there.
_LATER: dict[str, object] = {"told_by": "subscriptions", "excluded_plans": (), "excludes_free": False, "static": ()}
_DAYS_APART = {"1d": 1, "1w": 7, "2w": 14}


@dataclass(frozen=True)
class SnapshotPolicy:
    """Dates and definitions only. Instants are UTC without a zone; a snapshot date means midnight as that day begins."""

    definition: str = "any"
    dated_by: str = "decision"
    horizon_days: int = 30
    lead_days: int = 2
    grace_days: int = 7
    inactivity_days: int = 90
    activity_table: str = "sessions"
    margin_rate: float = 1.0
    default_monthly_fee: float = 25.0
    every: str = "1mo"
    snapshots: int = 12
    told_by: str = "subscriptions"
    excluded_plans: tuple[str, ...] = ()  # in small letters
    excludes_free: bool = False
    static: tuple[str, ...] = ()  # columns of the company's own that never change, as source.column

    @classmethod
    def from_settings(cls, settings: Settings) -> SnapshotPolicy:
        """Return the policy that [churn], [business] and [training] describe."""
        churn = settings.churn
        return cls(
            definition=churn.definition,
            dated_by=churn.dated_by,
            horizon_days=churn.horizon_days,
            lead_days=churn.lead_days,
            grace_days=churn.grace_days,
            inactivity_days=churn.inactivity_days,
            activity_table=churn.activity_table,
            margin_rate=settings.business.margin_rate,
            default_monthly_fee=settings.business.default_monthly_fee,
            every=settings.training.every,
            snapshots=settings.training.snapshots,
            told_by=churn.told_by,
            excluded_plans=tuple(sorted(plan.strip().lower() for plan in churn.excluded_plans)),
            excludes_free=churn.exclude_free,
            static=tuple(
                sorted(f"{name}.{column}" for name, source in settings.sources.items() for column in source.static)
            ),
        )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SnapshotPolicy:
        """Return the policy that `to_dict` wrote; other keys of another version are left out, so old bundles stay readable."""
        known = {field.name for field in dataclasses.fields(cls)}
        kept = {key: value for key, value in values.items() if key in known}
        lists = {key: tuple(kept.get(key, ())) for key in ("static", "excluded_plans")}
        return cls(**kept | lists)

    def to_dict(self) -> dict[str, Any]:  # plain JSON, whose digest is the fingerprint of data sets
        """Return the policy as plain values, for bundles and fingerprints; what was added later only where it is set."""
        values = dataclasses.asdict(self)
        kept = {key: value for key, value in values.items() if key not in _LATER or value != _LATER[key]}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in kept.items()}

    @property
    def told_by_table(self) -> str:
        """The table whose facts, or whose silence, say that somebody was lost."""
        return self.activity_table if self.definition == "inactivity" else self.told_by

    @property
    def window_days(self) -> int:
        """Length of the label window. Silence is only known once it has lasted, so inactivity sets its own length."""
        return self.inactivity_days if self.definition == "inactivity" else self.horizon_days

    def label_window(self, day: date) -> tuple[datetime, datetime]:
        """Return the first instant of the label window of snapshot `day`, and the first instant after it."""
        start = datetime.combine(day, time()) + timedelta(days=self.lead_days)
        return start, start + timedelta(days=self.window_days)

    def matures_at(self, day: date) -> datetime:
        """Return when the label is final: the window has closed, and the days in which a loss may be taken back."""
        grace = 0 if self.definition == "inactivity" else self.grace_days
        return self.label_window(day)[1] + timedelta(days=grace)

    def training_dates(
        self, first: date, cutoff: datetime, every: str | None = None, limit: int | None = None
    ) -> list[date]:
        """Return the newest `limit` dates, oldest first, whose label is final at `cutoff`; facts begin on `first`.

        Dates are spaced by `every`: firsts of months, Mondays (every second one for 2w), or days. Raises
        NotEnoughData saying how many days of history are missing.
        """
        limit = self.snapshots if limit is None else limit
        earliest = first + timedelta(days=HISTORY_DAYS)
        dates: list[date] = []
        for day in grid_dates(cutoff.date(), every or self.every):
            if day < earliest or len(dates) == limit:
                break
            if self.matures_at(day) <= cutoff:
                dates.append(day)
        if not dates:
            have = max((cutoff.date() - first).days, 0)
            need = HISTORY_DAYS + (self.matures_at(first).date() - first).days
            raise NotEnoughData(
                f"no snapshot date has both {HISTORY_DAYS} days of history before it and a closed label window "
                f"after it: the facts reach from {first} to {cutoff:%Y-%m-%d} ({have} days, at least {need} are needed)",
                where="[training] every, [churn] horizon_days",
                remedy='Load more history, shorten the horizon, or set every = "1w".',
            )
        return dates[::-1]


def grid_dates(last: date, every: str) -> Iterator[date]:
    """Yield the dates of a spacing from `last` back, without end: firsts of months, Mondays, every second one, days."""
    if every == "1mo":
        day = last.replace(day=1)
        while day > date(1900, 1, 1):
            yield day
            day = (day - timedelta(days=1)).replace(day=1)
        return
    step = _DAYS_APART[every]
    day = last - timedelta(days=(last - _MONDAY).days % step)
    while day > date(1900, 1, 1):
        yield day
        day -= timedelta(days=step)

"""A small company that lives for some weeks, as its systems write it down: every change to a record, with when it was known.

`Life.told` is the whole truth: rows in the order in which they became known. What a system says on a morning, and what
was known at a date, follow from it by plain rules that share nothing with the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import numpy as np

Value = str | float | bool | datetime | None
Row = dict[str, Value]

BEGIN: Final = datetime(2026, 3, 1)
FIRST: Final = datetime(1, 1, 1)  # before all nights
KEYS: Final = {
    "customers": ("customer_id",),
    "subscriptions": ("subscription_id",),
    "payments": ("payment_id",),
    "support_tickets": ("ticket_id",),
    "sessions": ("customer_id", "started_at"),
    "events": ("event_id",),
}
HAPPENS: Final = {
    "customers": "signed_up_at",
    "subscriptions": "started_at",
    "payments": "attempted_at",
    "support_tickets": "opened_at",
    "sessions": "started_at",
    "events": "occurred_at",
}
COLUMNS: Final = {
    "customers": ("customer_id", "signed_up_at", "city", "email", "marketing_consent"),
    "subscriptions": (
        "subscription_id", "customer_id", "started_at", "plan", "monthly_fee", "canceled_at", "ended_at", "end_reason",
    ),
    "payments": ("payment_id", "customer_id", "attempted_at", "amount", "status"),
    "support_tickets": ("ticket_id", "customer_id", "opened_at", "closed_at", "category"),
    "sessions": ("customer_id", "started_at", "duration_minutes"),
    "events": ("event_id", "customer_id", "event_type", "occurred_at", "quantity"),
}  # fmt: skip
_CITIES: Final = ("Graz", "Lyon", "Porto", "Gent", "Zürich, Stadt", 'Bad "Ischl"')
_FEES: Final = {"basic": 10.0, "plus": 19.9, "pro": 49.0}


@dataclass(frozen=True)
class Told:
    """One row as a system wrote it at an instant."""

    table: str
    key: tuple[Value, ...]
    row: Row
    known_at: datetime


@dataclass
class Life:
    """What became known, in order."""

    told: list[Told] = field(default_factory=list)

    def say(self, table: str, at: datetime, row: Row) -> Row:
        """Write a row down."""
        key = tuple(row[name] for name in KEYS[table])
        self.told.append(Told(table, key, dict(row), at))
        return row

    def known(self, table: str, until: datetime, since: datetime = FIRST) -> list[Told]:
        """Return the newest row of each key that changed from `since` to before `until`, as it stood then."""
        newest: dict[tuple[Value, ...], Told] = {}
        for told in sorted(self.told, key=lambda told: told.known_at):
            if told.table == table and since <= told.known_at < until:
                newest[told.key] = told
        return list(newest.values())

    def versions(self, table: str, until: datetime) -> list[Told]:
        """Return every row that was written before `until`."""
        return [
            told
            for told in sorted(self.told, key=lambda t: t.known_at)
            if told.table == table and told.known_at < until
        ]


def live(days: int, customers: int, seed: int = 7) -> Life:
    """Let a company live."""
    random = np.random.default_rng(seed)
    life = Life()
    company = _Company(life, random)
    for _ in range(customers):
        company.join(BEGIN - timedelta(days=float(random.uniform(0, 40))))
    later: list[tuple[datetime, Callable[[datetime], None]]] = []
    company.later = later
    for day in range(days):
        morning = BEGIN + timedelta(days=day)
        company.day(morning)
        due = sorted((item for item in later if item[0] < morning + timedelta(days=1)), key=lambda item: item[0])
        later[:] = [item for item in later if item[0] >= morning + timedelta(days=1)]
        for at, act in due:
            act(at)
    return life


class _Company:
    """Keeps its records, and changes them."""

    def __init__(self, life: Life, random: np.random.Generator) -> None:
        self.life, self.random = life, random
        self.people: dict[str, Row] = {}
        self.terms: dict[str, Row] = {}  # the newest subscription of each customer
        self.later: list[tuple[datetime, Callable[[datetime], None]]] = []
        self.count = 0

    def _id(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count:05d}"

    def _in(self, morning: datetime) -> datetime:
        return morning + timedelta(seconds=int(self.random.integers(0, 86_400)))

    def _chance(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def join(self, at: datetime) -> None:
        """Sign somebody up, who begins at once."""
        at = at.replace(microsecond=0)
        who = self._id("c")
        city = str(self.random.choice(_CITIES))
        row: Row = {
            "customer_id": who,
            "signed_up_at": at,
            "city": city,
            "email": f"{who}@x.example",
            "marketing_consent": True,
        }
        self.people[who] = self.life.say("customers", at, row)
        self._begin(who, at)

    def _begin(self, who: str, at: datetime) -> None:
        plan = str(self.random.choice(list(_FEES)))
        self.terms[who] = self.life.say(
            "subscriptions",
            at,
            {
                "subscription_id": self._id("s"), "customer_id": who, "started_at": at, "plan": plan, "monthly_fee": _FEES[plan],
                "canceled_at": None, "ended_at": None, "end_reason": None,
            },
        )  # fmt: skip

    def day(self, morning: datetime) -> None:
        """Live a day: what people do, and what the records say later."""
        for _ in range(int(self.random.poisson(2))):
            self.join(self._in(morning))
        for who in list(self.people):
            term = self.terms[who]
            if term["ended_at"] is not None and term["ended_at"] <= morning:  # type: ignore[operator]
                if self._chance(0.02):
                    self._begin(who, self._in(morning))
                continue
            self._use(who, morning)
            self._terms(who, morning)

    def _use(self, who: str, morning: datetime) -> None:
        if self._chance(0.25):
            self._session(who, self._in(morning))
        if self._chance(0.1):
            at = self._in(morning)
            row: Row = {
                "event_id": self._id("e"),
                "customer_id": who,
                "event_type": "export",
                "occurred_at": at,
                "quantity": 1.0,
            }
            self._tell("events", at, row, late=0.1)
        if self._chance(1 / 30):
            self._payment(who, self._in(morning))
        if self._chance(0.02):
            self._ticket(who, self._in(morning))
        if self._chance(0.01):
            at = self._in(morning)
            self.people[who] = self.life.say(
                "customers", at, self.people[who] | {"city": str(self.random.choice(_CITIES))}
            )
        if self._chance(0.005):
            at = self._in(morning)
            self.people[who] = self.life.say("customers", at, self.people[who] | {"marketing_consent": False})

    def _tell(self, table: str, at: datetime, row: Row, *, late: float) -> datetime:
        """Write a fact down when it happens, or some days later; return when."""
        known = at + timedelta(days=float(self.random.uniform(1, 4))) if self._chance(late) else at
        known = known.replace(microsecond=0)
        if known == at:
            self.life.say(table, at, row)
        else:
            self.later.append((known, lambda moment: void(self.life.say(table, moment, row))))
        return known

    def _change(self, table: str, at: datetime, row: Row, **otherwise: Value) -> Row:
        """Write the row otherwise at a later instant; return it as it will be."""
        changed = row | otherwise
        self.later.append((at.replace(microsecond=0), lambda moment: void(self.life.say(table, moment, changed))))
        return changed

    def _session(self, who: str, at: datetime) -> None:
        row: Row = {"customer_id": who, "started_at": at, "duration_minutes": float(self.random.integers(1, 90))}
        known = self._tell("sessions", at, row, late=0.1)
        if self._chance(0.1):
            longer = float(self.random.integers(90, 200))
            self._change(
                "sessions", known + timedelta(hours=float(self.random.uniform(1, 40))), row, duration_minutes=longer
            )

    def _payment(self, who: str, at: datetime) -> None:
        status = "failed" if self._chance(0.2) else "succeeded"
        row: Row = {
            "payment_id": self._id("p"),
            "customer_id": who,
            "attempted_at": at,
            "amount": self.terms[who]["monthly_fee"],
            "status": status,
        }
        known = self._tell("payments", at, row, late=0.1)
        if status == "failed" and self._chance(0.6):
            row = self._change(
                "payments", known + timedelta(days=float(self.random.uniform(0.1, 4))), row, status="succeeded"
            )
        elif self._chance(0.1):
            self._change("payments", known + timedelta(days=float(self.random.uniform(0.1, 4))), row, status="refunded")

    def _ticket(self, who: str, at: datetime) -> None:
        row: Row = {
            "ticket_id": self._id("t"),
            "customer_id": who,
            "opened_at": at,
            "closed_at": None,
            "category": "billing",
        }
        known = self._tell("support_tickets", at, row, late=0.1)
        if self._chance(0.7):
            closed = (known + timedelta(days=float(self.random.uniform(0.1, 8)))).replace(microsecond=0)
            row = self._change("support_tickets", closed, row, closed_at=closed)
            if self._chance(0.2):
                again = closed + timedelta(days=float(self.random.uniform(0.1, 3)))
                row = self._change("support_tickets", again, row, closed_at=None)
                self._change("support_tickets", again + timedelta(days=1), row, category="technical")

    def _terms(self, who: str, morning: datetime) -> None:
        term = self.terms[who]
        at = self._in(morning)
        if at < term["started_at"] or term["canceled_at"] is not None:  # type: ignore[operator]
            return
        if self._chance(0.004):  # another plan, in place
            plan = str(self.random.choice(list(_FEES)))
            self.terms[who] = self.life.say("subscriptions", at, term | {"plan": plan, "monthly_fee": _FEES[plan]})
        elif self._chance(0.006):  # leaves at the end of a term that is yet to come
            ends = (at + timedelta(days=float(self.random.uniform(2, 12)))).replace(microsecond=0)
            ending = term | {"canceled_at": at, "ended_at": ends, "end_reason": "voluntary"}
            self.terms[who] = self.life.say("subscriptions", at, ending)
            if self._chance(0.3):  # and thinks better of it before
                back = at + timedelta(days=1)

                def stay(moment: datetime) -> None:
                    self.terms[who] = self.life.say("subscriptions", moment, term)

                self.later.append((back.replace(microsecond=0), stay))
        elif self._chance(0.003):  # is lost at once by a failed payment, which is told some days later
            ending = term | {"ended_at": at, "end_reason": "payment_failure"}
            self.terms[who] = ending
            known = at + timedelta(days=float(self.random.uniform(0, 3)))
            self.later.append(
                (known.replace(microsecond=0), lambda moment: void(self.life.say("subscriptions", moment, ending)))
            )


def void(_: object) -> None:
    """Drop a value."""


def mornings(first: int, last: int) -> Iterator[datetime]:
    """Yield the midnights at which exports are made."""
    for day in range(first, last + 1):
        yield BEGIN + timedelta(days=day)

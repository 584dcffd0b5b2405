"""Random companies for properties of the SQL: facts of every kind, known on time, late, or from the future."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from tests.worlds import World

CUSTOMERS = tuple(f"c{number:02d}" for number in range(12))
CITIES = ("Porto", "Lyon", "Graz")
When = Callable[[], tuple[datetime, datetime]]  # an instant, and when we learned of it


def known_by(end: datetime, random: np.random.Generator, days: int = 200) -> When:
    """Return a drawer of facts that happened in the `days` before `end` and were known before it, some of them late."""

    def draw() -> tuple[datetime, datetime]:
        back = timedelta(seconds=int(random.integers(1, days * 86_400)))
        occurred = end - back
        late = random.random() < 0.3
        return occurred, occurred + back * float(random.random()) * 0.999 if late else occurred

    return draw


def unknown_at(start: datetime, random: np.random.Generator, days: int = 120) -> When:
    """Return a drawer of facts that must not count at `start`: from then on, announced or not, or told then or later."""

    def draw() -> tuple[datetime, datetime]:
        ahead = timedelta(seconds=int(random.integers(0, days * 86_400)))
        back = timedelta(seconds=int(random.integers(1, days * 86_400)))
        kind = random.integers(5)
        if kind == 0:
            return start + ahead, start + ahead
        if kind == 1:
            return start, start  # the very first instant that does not count
        if kind == 2:
            return start - back, start  # told at that instant
        if kind == 3:
            return start + ahead, start - back  # announced
        return start - back, start + ahead

    return draw


def add_facts(world: World, count: int, draw: When, random: np.random.Generator) -> World:
    """Add `count` facts to each table for random customers, some of whom nobody has heard of."""
    for _ in range(count):
        customer = CUSTOMERS[random.integers(len(CUSTOMERS))]
        world.session(customer, *_turn(draw, float(random.integers(1, 90))))
        occurred, known = draw()
        status = ("succeeded", "failed", "refunded")[random.integers(3)]
        method = ("card", "transfer")[random.integers(2)]
        world.payment(customer, occurred, status, float(random.integers(1, 90)), method, known=known)
        occurred, known = draw()
        closed = occurred + timedelta(days=int(random.integers(1, 90))) if random.random() < 0.6 else None
        category = ("technical", "billing", "other")[random.integers(3)]
        severity, stars = ("low", "high")[random.integers(2)], float(random.integers(1, 6))
        world.ticket(customer, occurred, category, closed=closed, known=known, severity=severity, stars=stars)
        occurred, known = draw()
        world.contact(customer, occurred, channel=("email", "call")[random.integers(2)], known=known)
        occurred, known = draw()
        world.event(customer, occurred, ("like", "post", "share")[random.integers(3)], 2.5, known=known)
    return world


def add_records(world: World, count: int, draw: When, random: np.random.Generator) -> World:
    """Add versions of customers' records, new subscriptions, and ends of the first ones."""
    for number in range(count):
        customer = CUSTOMERS[random.integers(len(CUSTOMERS))]
        occurred, known = draw()
        city, age = CITIES[random.integers(3)], int(random.integers(18, 80))
        birth_date = date(2024 - age, 1, 1)
        record = {"city": city, "birth_date": birth_date, "marketing_consent": age > 40, "industry": f"i{age % 3}"}
        world.customer(customer, occurred, known, **record, rating=float(age))
        for event in ("started", "canceled", "ended"):
            occurred, known = draw()
            is_new = event == "started"
            world.add(
                "subscription_events",
                occurred,
                known,
                customer_id=customer,
                subscription_id=f"{customer}-{number}" if is_new else f"{customer}-first",
                event_type=event,
                plan=("basic", "plus")[random.integers(2)],
                monthly_fee=float(random.integers(5, 50)),
                end_reason=None if is_new else ("pause", "voluntary")[random.integers(2)],
                seats=int(random.integers(1, 9)),
            )
    return world


def add_versions(world: World, count: int, draw: When, random: np.random.Generator) -> World:
    """Tell `count` facts of each table again, otherwise: other values, another owner, known when `draw` says so."""

    def tell(table: str, **values: Any) -> None:
        number = int(random.integers(len(world.rows[table])))
        world.told_again(table, number, draw()[1], **values)

    for _ in range(count):
        owner = CUSTOMERS[random.integers(len(CUSTOMERS))]
        status = ("succeeded", "failed", "refunded")[random.integers(3)]
        tell("sessions", customer_id=owner, duration_minutes=float(random.integers(90, 180)))
        tell("payments", customer_id=owner, status=status, amount=float(random.integers(90, 180)))
        tell("support_tickets", customer_id=owner, category="billing", closed_at=draw()[0], stars=0.0)
        tell("contacts", customer_id=owner, channel="letter")
        tell("events", customer_id=owner, event_type="unlike", quantity=7.0)
        tell("customers", city="Lviv", birth_date=date(1950, 1, 1), signed_up_at=datetime(2021, 5, 5), rating=99.0)
        tell("subscription_events", plan="gold", monthly_fee=float(random.integers(50, 90)), seats=90)
    return world


def repeat_all(world: World, known: datetime) -> World:
    """Give every fact known before `known` a version from then on that says what was known."""
    for table, rows in world.rows.items():
        for number, row in enumerate(list(rows)):
            if table != "customer_snapshots" and max(row["available_at"], row["occurred_at"]) < known:
                world.told_again(table, number, known)
    return world


def base_company(start: datetime, random: np.random.Generator, facts: int = 160) -> World:
    """Return a company whose facts were all known at `start`; each customer has a subscription from long before."""
    world = World()
    for number, customer in enumerate(CUSTOMERS):
        world.customer(customer, "2022-01-01", city=CITIES[number % 3], industry=f"i{number % 3}", rating=number / 2)
        world.subscription(customer, "2022-02-03", fee=20.0 + number, name=f"{customer}-first", seats=number)
        if number % 2:
            world.flat(customer, start.date().isoformat(), score=number * 1.5, tier=f"t{number % 3}")
    return add_facts(world, facts, known_by(start, random), random)


def _turn(draw: When, minutes: float) -> tuple[datetime, float, datetime]:
    occurred, known = draw()
    return occurred, minutes, known

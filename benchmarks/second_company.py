"""A second simulated company of other mechanics than the demo's: benches judge on it what was never tuned on it.

A gym-like membership. Every customer has a latent satisfaction that drifts around a level of their own (Ornstein-Uhlenbeck) and is
knocked down by incidents, which they may report as tickets. Each cause of churn has a daily hazard: canceling rises with low
satisfaction, with the price felt, in the weeks around each anniversary and with idleness; involuntary loss needs an invoice that
fails and is not mended within fourteen days. Offers are another set too: help with a payment, a visit by a coach, a loyalty price,
and a newsletter of tips that annoys some.

Satisfaction, use, incidents and payments run on whether or not somebody has left, so that what would have happened under each
offer is known for every month: a customer cancels when the sum of their daily hazards passes an exponential draw, and an offer
multiplies the hazards of the month after it by a factor of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Days = NDArray[np.int64]
OFFERS: Final = ("payment_help", "coach_visit", "loyalty_price", "tips_mail")
CUTOFF: Final = date(2026, 7, 1)
LEAD, HORIZON = 2, 30
NEVER: Final = 10**6
_DUNNING = 14
_FEES = np.array([19.0, 29.0, 49.0])
_PLANS = ("light", "classic", "plus")
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class People:
    """Everybody who ever was a customer (m,): traits, and days counted from the first simulated one."""

    joined: Days
    level: Floats  # of satisfaction
    thrift: Floats  # how strongly they feel the price
    tolerance: Floats  # of mail
    use: Floats  # visits a day when content
    card_risk: Floats  # chance that an invoice fails
    care: Floats  # chance a day that they mend a failed payment
    talk: Floats  # chance that an incident becomes a ticket
    plan: Days
    has_consent: NDArray[np.bool_]


@dataclass(frozen=True)
class Course:
    """What happened day by day, (days, m), to everybody after they joined; `load` is the felt weight of recent incidents."""

    satisfaction: NDArray[np.float32]
    visits: NDArray[np.int8]
    tickets: NDArray[np.bool_]
    load: NDArray[np.float32]
    hazard: NDArray[np.float32]


@dataclass(frozen=True)
class Invoices:
    """One row each: whose, on which day, with which chance it fails, whether it did, and when it was mended (or NEVER)."""

    customer: Days
    day: Days
    fails: Floats
    has_failed: NDArray[np.bool_]
    mended: Days


def generate(folder: Path, *, customers: int, months: int, seed: int) -> dict[str, Path]:
    """Write the canonical tables and `truth.parquet` to `folder`; return the path of each table."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([41, seed])
    first = _months_before(CUTOFF, months)
    days = (CUTOFF - first).days
    people = _people(customers, days, rng)
    course = _live(people, days + LEAD + HORIZON, rng)
    invoices = _bill(people, days + LEAD + HORIZON, rng)
    threshold = rng.standard_exponential(people.joined.size)
    passed = course.hazard.cumsum(axis=0, dtype=np.float64)
    canceled = np.where(passed[-1] > threshold, (passed > threshold).argmax(axis=0), NEVER)
    unpaid = np.full(people.joined.size, NEVER)
    lost = invoices.has_failed & (invoices.mended == NEVER)
    np.minimum.at(unpaid, invoices.customer[lost], invoices.day[lost] + _DUNNING)
    left = np.minimum(canceled, unpaid)
    tables = _tables(people, course, invoices, canceled, left, first, days, rng)
    paths = {}
    for name, table in tables.items():
        paths[name] = folder / f"{name}.parquet"
        table.write_parquet(paths[name])
    starts = [_months_before(CUTOFF, k) for k in range(months - 1, -1, -1)]
    truth = [
        _truth(people, course, invoices, left, threshold - passed[(start - first).days + LEAD - 1], start, first, rng)
        for start in starts
    ]
    pl.concat(truth).write_parquet(folder / "truth.parquet")
    return paths


def outcomes(folder: Path, month_start: date) -> pl.DataFrame:
    """Return the truth of the customers active on `month_start`, in the columns of the demo's."""
    return pl.scan_parquet(folder / "truth.parquet").filter(pl.col("month_start_date") == month_start).collect()


def _months_before(day: date, months: int) -> date:
    place = day.year * 12 + day.month - 1 - months
    return date(place // 12, place % 12 + 1, 1)


def _people(customers: int, days: int, rng: np.random.Generator) -> People:
    """Draw `customers` members at the start and newcomers who keep their number roughly even."""
    count = round(customers * (1.0 + 0.058 * days / 30.4))
    joined = np.where(np.arange(count) < customers, -rng.integers(1, 900, count), rng.integers(0, days, count))
    card_risk = np.where(rng.random(count) < 0.15, rng.beta(4, 14, count), rng.beta(1.2, 60, count))
    return People(
        joined=joined.astype(np.int64),
        level=rng.normal(0.4, 0.7, count) + np.where(joined < -300, 0.35, 0.0),
        thrift=rng.gamma(2.0, 0.5, count),
        tolerance=rng.random(count),
        use=rng.gamma(2.0, 0.14, count),
        card_risk=card_risk,
        care=rng.beta(2, 14, count),
        talk=rng.beta(3, 2, count),
        plan=rng.choice(3, count, p=[0.35, 0.45, 0.2]),
        has_consent=rng.random(count) < 0.78,
    )


def _live(people: People, days: int, rng: np.random.Generator) -> Course:
    count = people.joined.size
    shape = (days, count)
    course = Course(
        np.zeros(shape, np.float32),
        np.zeros(shape, np.int8),
        np.zeros(shape, bool),
        np.zeros(shape, np.float32),
        np.zeros(shape, np.float32),
    )
    s, load, idle = people.level + rng.normal(0.0, 0.6, count), np.zeros(count), np.zeros(count)
    fee = _FEES[people.plan]
    incident_rate = 0.006 * rng.gamma(1.5, 1 / 1.5, count)
    for day in range(days):
        present = people.joined < day
        s += 0.02 * (people.level - s) + 0.11 * rng.standard_normal(count)
        has_incident = present & (rng.random(count) < incident_rate * (1.0 + 4.0 * (load > 0.3)))
        s -= np.where(has_incident, rng.gamma(2.0, 0.35, count), 0.0)
        load = 0.94 * load + has_incident
        visits = rng.poisson(people.use / (1.0 + np.exp(-1.6 * s)) * present).clip(0, 4)
        idle = np.where(visits > 0, 0.0, idle + present)
        tenure = day - people.joined
        near_anniversary = (tenure > 320) & (np.abs((tenure + 182) % 365 - 182) < 18)
        price = people.thrift * (fee / 30.0)
        rate = np.exp(
            -8.0
            - 1.15 * s
            + 0.55 * price
            + 1.1 * near_anniversary
            + 0.5 * np.minimum(idle, 40) / 20
            - 0.8 * (idle > 75)
        )
        course.satisfaction[day] = s
        course.visits[day] = visits
        course.tickets[day] = has_incident & (rng.random(count) < people.talk)
        course.load[day] = load
        course.hazard[day] = np.where(present, np.minimum(rate, 0.2), 0.0)
    return course


def _bill(people: People, days: int, rng: np.random.Generator) -> Invoices:
    rows: list[tuple[Days, Days]] = []
    for month in range(-(-(days + 30) // 30)):
        day = (people.joined % 30) + 30 * month
        mine = np.flatnonzero((day > people.joined) & (day < days))
        rows.append((mine, day[mine]))
    customer, day = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    fails = people.card_risk[customer]
    has_failed = rng.random(customer.size) < fails
    wait = rng.geometric(people.care[customer])
    mended = np.where(has_failed & (wait < _DUNNING), day + wait, NEVER)
    return Invoices(customer, day, fails, has_failed, mended)


def _truth(
    people: People,
    course: Course,
    invoices: Invoices,
    left: Days,
    rest: Floats,
    start: date,
    first: date,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Return what each offer does in the month from `start`; `rest` (m,) is what is left of each one's draw at its opening."""
    begin = (start - first).days
    opening, closing = begin + LEAD, begin + LEAD + HORIZON
    who = np.flatnonzero((people.joined < begin) & (left >= begin))
    exposure = course.hazard[opening:closing].sum(axis=0, dtype=np.float64)[who]
    factors, rescues = _effects(people, course, begin)
    # The one invoice whose fourteen days end within the month; known to have failed if it was due before.
    end = invoices.day + _DUNNING
    due = (end >= opening) & (end < closing)
    loses, is_lost = np.zeros(people.joined.size), np.zeros(people.joined.size, dtype=bool)
    is_known = invoices.day < begin
    mends_late = 1.0 - (1.0 - people.care[invoices.customer]) ** np.clip(end - begin, 0, _DUNNING - 1)
    open_before = is_known & invoices.has_failed & (invoices.mended >= begin)
    chance = np.where(
        is_known,
        open_before * (1.0 - mends_late),
        invoices.fails * (1.0 - people.care[invoices.customer]) ** (_DUNNING - 1),
    )
    loses[invoices.customer[due]] = chance[due]
    is_lost[invoices.customer[due]] = (invoices.has_failed & (invoices.mended == NEVER))[due]
    rescued = rng.random(who.size)
    loses, is_lost = loses[who], is_lost[who]
    early = left[who] < opening
    columns: dict[str, Any] = {
        "customer_id": _ids("M", who),
        "month": np.full(who.size, (start.year * 12 + start.month), dtype=np.int16),
        "month_start_date": [start] * who.size,
        "is_active": np.ones(who.size, dtype=bool),
        "has_churned": (left[who] >= opening) & (left[who] < closing),
        "is_involuntary": is_lost & ~(exposure > rest[who]),
        "segment": ["" for _ in who],
        "is_lost_early": early,
        "p_no_contact": 1.0 - np.exp(-exposure) * (1.0 - loses),
        "p_involuntary": np.exp(-exposure) * loses,  # part of it: who does not cancel before
        "churn_without_contact": early | (exposure > rest[who]) | is_lost,
    }
    for name, factor, rescue in zip(OFFERS, factors, rescues, strict=True):
        f, r = factor[who], rescue[who]
        columns[f"p_{name}"] = 1.0 - np.exp(-exposure * f) * (1.0 - loses * (1.0 - r))
        columns[f"churn_under_{name}"] = early | (exposure * f > rest[who]) | (is_lost & (rescued >= r))
    return pl.DataFrame(columns)


def _effects(people: People, course: Course, day: int) -> tuple[list[Floats], list[Floats]]:
    """Return, per offer, the factor on the hazard of canceling, and the chance to mend a payment that would stay unpaid."""
    s, load = course.satisfaction[day].astype(np.float64), course.load[day].astype(np.float64)
    recent = course.visits[max(day - 21, 0) : day].sum(axis=0)
    attentive = 1.0 / (1.0 + np.exp(-0.9 * (recent - 1.5)))
    ones = np.ones(s.size)
    annoyed = 1.0 + 0.9 * (people.tolerance < 0.25) * (recent == 0)
    price_felt = people.thrift * _FEES[people.plan] / 30.0
    factors = [
        ones,
        np.exp(-1.1 * np.minimum(load, 1.5)) * np.where(recent == 0, 1.05, 0.97),
        1.0 - 0.45 * (1.0 - np.exp(-0.8 * price_felt)),
        np.where(recent < 3, 0.93, 1.0) * annoyed,
    ]
    rescues = [0.25 + 0.5 * attentive, 0.1 * ones, 0.0 * ones, 0.02 * ones]
    return factors, rescues


def _tables(
    people: People,
    course: Course,
    invoices: Invoices,
    canceled: Days,
    left: Days,
    first: date,
    days: int,
    rng: np.random.Generator,
) -> dict[str, pl.DataFrame]:
    """Return the canonical tables as known on the cutoff."""
    known = np.flatnonzero(people.joined < days)
    zero = (first - _EPOCH).days

    def at(day: Days, hour: Floats | float = 10.0) -> pl.Series:
        seconds = (np.asarray(day) + zero) * 86_400 + np.asarray(hour * 3_600.0, dtype=np.int64)
        return pl.Series("at", seconds * 1_000_000).cast(pl.Datetime("us"))

    joined = at(people.joined[known], 6.0 + 14.0 * rng.random(known.size))
    is_gone = left[known] < days
    is_canceled = is_gone & (canceled[known] <= left[known])
    gone = at(np.minimum(left[known], days), 22.0)
    none = pl.lit(None)
    customers = pl.DataFrame(
        {
            "customer_id": _ids("M", known),
            "signed_up_at": joined,
            "city": pl.Series([f"Town {number}" for number in rng.integers(0, 40, known.size)]),
            "email": pl.Series([f"m{number}@example.com" for number in known]),
            "marketing_consent": people.has_consent[known],
        }
    )
    subscriptions = pl.DataFrame(
        {
            "subscription_id": _ids("B", known),
            "customer_id": _ids("M", known),
            "plan": pl.Series([_PLANS[plan] for plan in people.plan[known]]),
            "monthly_fee": _FEES[people.plan[known]],
            "started_at": joined,
            "at": gone,
            "is_gone": is_gone,
            "is_canceled": is_canceled,
        }
    ).select(
        "subscription_id", "customer_id", "plan", "monthly_fee", "started_at",
        pl.when("is_canceled").then("at").otherwise(none).alias("canceled_at"),
        pl.when("is_gone").then("at").otherwise(none).alias("ended_at"),
        pl.when("is_canceled").then(pl.lit("voluntary")).when("is_gone").then(pl.lit("payment_failure")).otherwise(none).alias("end_reason"),
    )  # fmt: skip
    payments = _payments(people, invoices, left, days, at)
    day, who = np.nonzero(course.visits[:days] > 0)
    there = (day > people.joined[who]) & (day < left[who])
    day, who = day[there], who[there]
    sessions = pl.DataFrame(
        {
            "customer_id": _ids("M", who),
            "started_at": at(day, 6.0 + 15.0 * rng.random(day.size)),
            "duration_minutes": rng.gamma(3.0, 15.0, day.size).round(1),
        }
    )
    day, who = np.nonzero(course.tickets[:days])
    there = (day > people.joined[who]) & (day < left[who])
    day, who = day[there], who[there]
    tickets = pl.DataFrame(
        {
            "ticket_id": _ids("Q", np.arange(day.size)),
            "customer_id": _ids("M", who),
            "opened_at": at(day, 8.0 + 10.0 * rng.random(day.size)),
            "closed_at": at(np.minimum(day + rng.integers(0, 6, day.size), days - 1), 21.0),
            "category": pl.Series(rng.choice(["technical", "account"], day.size)),
        }
    )
    contacts = pl.DataFrame(
        schema={
            "customer_id": pl.String,
            "contacted_at": pl.Datetime("us"),
            "campaign": pl.String,
            "channel": pl.String,
        }
    )
    return {
        "customers": customers,
        "subscriptions": subscriptions,
        "payments": payments,
        "sessions": sessions,
        "support_tickets": tickets,
        "contacts": contacts,
    }


def _payments(people: People, invoices: Invoices, left: Days, days: int, at: Any) -> pl.DataFrame:
    """Return attempts: each invoice, tries after 3, 7 and 14 days while it is unpaid, and the one that mends it."""
    rows = [(invoices.customer, invoices.day, invoices.has_failed)]
    for wait in (3, 7, _DUNNING):
        again = invoices.has_failed & (invoices.mended > invoices.day + wait)
        rows.append((invoices.customer[again], invoices.day[again] + wait, np.ones(int(again.sum()), dtype=bool)))
    mended = invoices.mended < NEVER
    rows.append((invoices.customer[mended], invoices.mended[mended], np.zeros(int(mended.sum()), dtype=bool)))
    customer, day, failed = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    there = (day >= 0) & (day < days) & (day <= left[customer])
    customer, day, failed = customer[there], day[there], failed[there]
    return pl.DataFrame(
        {
            "payment_id": _ids("P", np.arange(day.size)),
            "customer_id": _ids("M", customer),
            "attempted_at": at(day, 9.0),
            "amount": _FEES[people.plan[customer]],
            "status": pl.Series(np.where(failed, "failed", "succeeded")),
            "method": pl.Series(np.where(customer % 3 == 0, "direct_debit", "card")),
        }
    )


def _ids(letter: str, numbers: NDArray[Any]) -> pl.Series:
    return pl.Series("id", [letter]).new_from_index(0, len(numbers)) + pl.Series(numbers).cast(pl.String).str.zfill(7)

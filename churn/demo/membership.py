"""Who joins, switches, pauses, leaves and returns: the subscription rows, and the customers behind them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from churn.demo.hazard import starting_pressure, survival_share
from churn.demo.ledger import Ledger
from churn.demo.population import Columns, draw_identity, draw_people
from churn.demo.seats import Flags, Places, Seats
from churn.demo.timeline import DAY, calendar_day, seconds_within

NO_REASON, VOLUNTARY, PAYMENT_FAILURE, PLAN_CHANGE, PAUSE = range(5)
END_REASONS = ("", "voluntary", "payment_failure", "plan_change", "pause")
NOT_YET = np.iinfo(np.int64).max

_OLDEST_DAYS = 1826  # nobody signed up earlier
_PAUSE_RATE = 0.00012  # per day
_OBJECTION_RATE = 0.00006


class Membership:
    """Seats customers and writes their subscriptions."""

    def __init__(self, seats: Seats, customers: int = 0, subscriptions: int = 0) -> None:
        """Take over `seats`, after so many customers and subscriptions there have been so far."""
        self.seats = seats
        self.customers = Ledger(
            {
                "customer": np.int32,
                "signed_up_at": np.int64,
                "birth_day": np.int32,
                "city": np.int16,
                "phone": np.int32,
                "has_consent": np.bool_,
                "channel": np.int8,
                "device": np.int8,
            }
        )
        self.subscriptions = Ledger(
            {
                "subscription": np.int32,
                "customer": np.int32,
                "plan": np.int8,
                "started_at": np.int64,
                "canceled_at": np.int64,
                "ended_at": np.int64,
                "reason": np.int8,
            }
        )
        self.objections = Ledger({"customer": np.int32, "objected_at": np.int64})
        self._next_customer = customers
        self._next_subscription = subscriptions

    @property
    def customer_count(self) -> int:
        """How many customers there have been so far."""
        return self._next_customer

    @property
    def subscription_count(self) -> int:
        """How many subscriptions there have been so far."""
        return self._next_subscription

    def settle(self, day: int, random: np.random.Generator) -> None:
        """Fill every seat with customers who signed up over the five years before `day` and are still there."""
        vacant = np.arange(len(self.seats.customer))
        while len(vacant):
            count = 2 * len(vacant) + 16
            traits = draw_people(random, count)
            tenure_days = random.integers(1, _OLDEST_DAYS, count)
            still_here = np.flatnonzero(random.random(count) < survival_share(traits, tenure_days))[: len(vacant)]
            traits = {name: values[still_here] for name, values in traits.items()}
            self._seat(vacant[: len(still_here)], traits, day - tenure_days[still_here], random)
            vacant = vacant[len(still_here) :]

    def sign_up(self, day: int, random: np.random.Generator) -> None:
        """Fill vacant seats with customers who sign up today."""
        places = np.flatnonzero(~self.seats.is_taken)
        self._seat(places, draw_people(random, len(places)), np.full(len(places), day, dtype=np.int64), random)

    def _seat(
        self, places: Places, traits: Columns, signed_up_day: NDArray[np.int64], random: np.random.Generator
    ) -> None:
        count = len(places)
        identity = draw_identity(random, traits["age"], signed_up_day)
        signed_up_at = signed_up_day * DAY + seconds_within(random.random(count), 7, 23)
        customer = np.arange(self._next_customer, self._next_customer + count, dtype=np.int32)
        self._next_customer += count
        traits["billing_dom"] = _day_after(signed_up_day)
        self.seats.fill(places, traits, customer, signed_up_day)
        self.seats.pressure[places] = starting_pressure(traits)
        self._start(places, signed_up_at)
        self.customers.add(
            count,
            customer=customer,
            signed_up_at=signed_up_at,
            has_consent=traits["has_consent"],
            channel=traits["channel"],
            device=traits["device"],
            **identity,
        )

    def _start(self, places: Places, started_at: NDArray[np.int64]) -> None:
        count = len(places)
        self.seats.subscription[places] = np.arange(self._next_subscription, self._next_subscription + count)
        self.seats.subscription_since[places] = started_at
        self._next_subscription += count

    def _close(self, places: Places, canceled_at: object, ended_at: object, reason: int, *, is_told: bool) -> None:
        if is_told:
            self.subscriptions.add(
                len(places),
                subscription=self.seats.subscription[places],
                customer=self.seats.customer[places],
                plan=self.seats.plan[places],
                started_at=self.seats.subscription_since[places],
                canceled_at=canceled_at,
                ended_at=ended_at,
                reason=reason,
            )

    def cancel(self, places: Places, day: int, random: np.random.Generator, *, is_told: bool) -> None:
        """Cancel at the customers' own decision; service runs to the end of the month they paid for."""
        canceled_at = day * DAY + seconds_within(random.random(len(places)), 8, 23)
        days_left = (self.seats.billing_dom[places].astype(np.int64) - calendar_day(day).day - 1) % 30 + 1
        self._close(places, canceled_at, (day + days_left) * DAY, VOLUNTARY, is_told=is_told)
        self.seats.vacate(places)

    def waver(self, places: Places, day: int, random: np.random.Generator) -> None:
        """Cancel, and return within the grace days, so that it is no churn."""
        canceled_at = day * DAY + seconds_within(random.random(len(places)), 8, 22)
        self._close(places, canceled_at, canceled_at + 3600, VOLUNTARY, is_told=True)
        self._rest(places, day + random.integers(1, 6, len(places)))
        self.seats.is_turned_away[places] = False

    def end_unpaid(self, places: Places, day: int, random: np.random.Generator, *, is_told: bool) -> None:
        """End the service of those whose last payment attempt failed today."""
        ended_at = day * DAY + seconds_within(random.random(len(places)), 12, 16)
        self._close(places, NOT_YET, ended_at, PAYMENT_FAILURE, is_told=is_told)
        self.seats.vacate(places)

    def _rest(self, places: Places, back_on: NDArray[np.int64]) -> None:
        self.seats.away_until[places] = back_on
        self.seats.subscription[places] = -1

    def resume(self, day: int, random: np.random.Generator) -> None:
        """Start new subscriptions for those whose absence ends today."""
        places = np.flatnonzero(self.seats.is_taken & (self.seats.subscription < 0) & (self.seats.away_until <= day))
        self.seats.silent_days[places] = 0
        self._start(places, day * DAY + (random.random(len(places)) * 3600).astype(np.int64))

    def change(self, present: Flags, day: int, random: np.random.Generator) -> None:
        """Let a few present customers switch plans, pause, or object to marketing; on delivered days only."""
        seats = self.seats
        uniform = random.random(len(present), dtype=np.float32)
        calm = present & (seats.dunning_step == 0)
        pauses = np.flatnonzero(calm & (uniform < _PAUSE_RATE) & ~seats.is_turned_away)
        ended_at = day * DAY + seconds_within(random.random(len(pauses)), 23, 23.9)
        self._close(pauses, NOT_YET, ended_at, PAUSE, is_told=True)
        self._rest(pauses, day + random.integers(20, 70, len(pauses)))
        objects = np.flatnonzero(present & (uniform > 1 - _OBJECTION_RATE))
        self.objections.add(
            len(objects),
            customer=seats.customer[objects],
            objected_at=day * DAY + seconds_within(random.random(len(objects)), 8, 22),
        )
        up = 0.5 + 0.00011 * np.exp(0.5 * seats.need) * (seats.use > 0.6)
        down = up + 0.00012 * np.exp(0.3 * seats.pressure) * np.where(seats.is_turned_away, 3, 1)
        switches = np.flatnonzero(calm & (uniform >= 0.5) & (uniform < down))
        switches = switches[seats.subscription[switches] >= 0]
        plan = np.clip(seats.plan[switches] + np.where(uniform[switches] < up[switches], 1, -1), 0, 2).astype(np.int8)
        moves = plan != seats.plan[switches]
        switches, plan = switches[moves], plan[moves]
        at = day * DAY + seconds_within(random.random(len(switches)), 9, 22)
        self._close(switches, NOT_YET, at, PLAN_CHANGE, is_told=True)
        seats.plan[switches] = plan
        self._start(switches, at)

    def tell_open_rows(self) -> None:
        """Write the rows of subscriptions that are still running; called once, when the delivered days end."""
        places = np.flatnonzero(self.seats.is_taken & (self.seats.subscription >= 0))
        self._close(places, NOT_YET, NOT_YET, NO_REASON, is_told=True)


def _day_after(signed_up_day: NDArray[np.int64]) -> NDArray[np.int8]:
    """Return the billing day of month: the day after sign-up, or the first where that is later than the 28th."""
    dates = (signed_up_day + 1).astype("datetime64[D]")
    day_of_month = (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1
    return np.where(day_of_month > 28, 1, day_of_month).astype(np.int8)

"""Simulates the company day by day, and writes sign-ups, use, payments, tickets and cancellations to the ledgers."""

from __future__ import annotations

import numpy as np
import polars as pl

from churn.demo import billing, campaigns_past, engagement, hazard, support
from churn.demo.hazard import CALIBRATED, Calibration
from churn.demo.membership import Membership
from churn.demo.offers import effects
from churn.demo.outcomes import Window
from churn.demo.scenarios import Scenario
from churn.demo.seats import Floats, empty_seats
from churn.demo.streams import Streams
from churn.demo.timeline import Timeline, day_number

_REVIEW_DAYS = 7  # how often customers weigh whether the service is worth its price
_WAVER_SHARE = 0.035  # of those who would cancel today think again


class Life:
    """The simulation's state: seats, open windows and ledgers. Call `live_day` for each day of the timeline, in order."""

    def __init__(
        self,
        customers: int,
        calendar: Timeline,
        streams: Streams,
        scenario: Scenario,
        constants: Calibration = CALIBRATED,
        membership: Membership | None = None,
    ) -> None:
        """Seat `customers` customers, or continue with those of `membership`."""
        self.calendar = calendar
        self.scenario = scenario
        self.constants = constants
        self.streams = streams
        self.membership = membership or Membership(empty_seats(customers))
        self.seats = self.membership.seats
        self.payments = billing.payment_ledger()
        self.tickets = support.ticket_ledger()
        self.contacts = campaigns_past.contact_ledger()
        self.sessions = engagement.session_ledger()
        self.windows: list[Window] = []
        self.truth: list[pl.DataFrame] = []
        self._starts = {day_number(start): month for month, start in enumerate(calendar.month_starts)}
        self._month: int | None = None
        if membership is None:
            self.membership.settle(calendar.lived_days.start, streams.of("settle"))

    def live_day(self, day: int) -> None:
        """Simulate one day, in this order: count, join, return, be contacted, decide, pay, use, ask, change."""
        month = self.calendar.month_of(day)
        if month != self._month:
            self._month = month
            self.random = {
                name: self.streams.of(name, month)
                for name in ("join", "decide", "pay", "use", "ask", "change", "outcome", "contact")
            }
        seats, is_told = self.seats, self.calendar.first_day <= day < self.calendar.cutoff_day
        if day == self.calendar.cutoff_day:
            self.membership.tell_open_rows()
        self._turn_windows(day)
        self.membership.sign_up(day, self.random["join"])
        self.membership.resume(day, self.random["join"])
        for window in self.windows:
            if window.first_day == day:
                campaigns_past.run_campaign(seats, window, self.random["contact"], self.contacts if is_told else None)
        # Nothing else happens on the day of sign-up: all other events of a customer come later.
        present = seats.is_taken & (seats.away_until <= day) & (seats.signed_up_day < day)
        if day % _REVIEW_DAYS == 0:
            seats.pressure = hazard.circumstances(seats, day)
        if not self.scenario.is_random_churn:
            hazard.turning(seats, present, self.random["decide"], self.constants)
        rate = hazard.cancel_rate(seats, month, self.scenario, self.constants)
        rate[~present] = 0
        self._decide(day, rate, is_told=is_told)
        present &= seats.is_taken
        self._pay(day, rate, present, is_told=is_told)
        present &= seats.is_taken
        if is_told:
            wavers = present & (self.random["change"].random(len(rate), dtype=np.float32) < _WAVER_SHARE * rate)
            self.membership.waver(np.flatnonzero(wavers), day, self.random["change"])
            present &= ~wavers
        sessions = self.sessions if is_told else None
        engagement.live_day(seats, present, day, self.random["use"], self.constants, sessions)
        support.ask_for_help(seats, present, day, self.random["ask"], self.tickets if is_told else None)
        if is_told:
            self.membership.change(present, day, self.random["change"])

    def _turn_windows(self, day: int) -> None:
        for window in [w for w in self.windows if w.end_day <= day]:
            self.truth.append(window.close(self.streams.of("rescue", window.month)))
            self.windows.remove(window)
        if day in self._starts:
            self.windows.append(Window(self._starts[day], day, self.seats, effects(self.seats, day)))

    def _decide(self, day: int, rate: Floats, *, is_told: bool) -> None:
        seats = self.seats
        draw = self.random["outcome"].standard_exponential(len(rate), dtype=np.float32)
        for window in self.windows:
            if window.covers(day):
                window.note_rates(rate, draw)
        acting = np.where(seats.contact_until > day, rate * seats.contact_factor, rate)
        leaving = np.flatnonzero(draw < acting)
        for window in self.windows:
            window.note_leaving(leaving, day, rate, self.streams.of(f"rest {day}", window.month), is_involuntary=False)
        self.membership.cancel(leaving, day, self.random["decide"], is_told=is_told)

    def _pay(self, day: int, rate: Floats, present: np.typing.NDArray[np.bool_], *, is_told: bool) -> None:
        seats = self.seats
        last, chance = billing.bill_day(
            seats,
            present,
            day,
            self.random["pay"],
            self.payments if is_told else None,
            spared=np.full(len(rate), self.scenario.is_random_churn),  # the scenario of pure chance has no unpaid bills
        )
        unpaid = last[seats.dunning_step[last] == billing.LAST_STEP]
        for window in self.windows:
            if window.covers(day):
                window.note_last_attempts(last, chance)
            window.note_leaving(unpaid, day, rate, self.streams.of(f"unpaid {day}", window.month), is_involuntary=True)
        self.membership.end_unpaid(unpaid, day, self.random["pay"], is_told=is_told)
        seats.dunning_step[last] = 0

    def finish(self) -> None:
        """Close the windows that are still open after the last simulated day."""
        self._turn_windows(self.calendar.lived_days.stop)

"""Simulates one more month: customers get the outcome that the truth holds for the contact they had, or for none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from churn.demo import billing, engagement, hazard, support
from churn.demo.fates import Fates, potential_outcomes, write_fates
from churn.demo.hazard import CALIBRATED
from churn.demo.life import Life
from churn.demo.offers import OFFERS
from churn.demo.outcomes import named_truth
from churn.demo.parts import write_parts
from churn.demo.responses import responses
from churn.demo.scenarios import scenario_named
from churn.demo.seats import NEVER, Flags, Floats
from churn.demo.state import CompanyState, load_state, save_state, undelivered
from churn.demo.streams import Streams
from churn.demo.tables import customer_ids
from churn.demo.timeline import HORIZON_DAYS, LEAD_DAYS, calendar_day, day_number
from churn.demo.writers import write_frame
from churn.errors import ConfigError
from churn.progress import SILENT, Progress

PLAYED_DAYS = (
    LEAD_DAYS + HORIZON_DAYS + 7
)  # so that the month's labels are final when a loss may be taken back for a week
_REVIEW_DAYS, _WAVER_SHARE = 7, 0.035  # as in Life
_FADING_DAYS = 6  # before deciding to leave, a customer turns away


@dataclass(frozen=True)
class PlayedMonth:
    """What was written where, and what became of those active on `first_date`.

    `outcomes` has a row per customer: customer_id, offer (null if not contacted), has_churned, and the truth's columns.
    `answers` is the file of contacts and answers as a CRM would tell them; None if nobody was contacted.
    """

    first_date: date
    cutoff_date: date  # facts end before this day begins
    files: dict[str, Path]
    counts: dict[str, int]
    outcomes: pl.DataFrame
    answers: Path | None


def play_month(folder: Path, contacts: pl.DataFrame, *, progress: Progress = SILENT) -> PlayedMonth:
    """Go on from the state kept in `folder` for PLAYED_DAYS days and write new parts of every table there.

    `contacts` says customer_id, offer, contacted_at, campaign and channel; an offer of null is a contact without
    effect. Each customer active on the first day leaves within 30 days exactly if the truth of that day says so for the
    offer made, or for no contact. The truth of the day after the last is written too, so that the next month can be
    played. The same state and contacts give the same bytes. Raises ConfigError for a missing state, contacts outside the
    month, unknown offers, or two offers to one customer.
    """
    state = load_state(folder)
    first = state.month_starts[-1]
    _check(contacts, first)
    truth = potential_outcomes(folder, first)
    number = pl.col("customer_id").str.slice(1).cast(pl.Int32).alias("customer")
    offers = contacts.filter(pl.col("offer").is_not_null()).select(number, "offer")
    month = _LivedMonth(state, Streams(state.seed))
    progress.step(f"Playing {first:%B %Y}", 0.1)
    outcomes = truth.with_columns(number)
    month.live(outcomes, offers)
    progress.step("Writing what happened", 0.6)
    files, counts = write_parts(folder, state, month, contacts, day_number(first) + PLAYED_DAYS)
    progress.step("Writing the next truth", 0.8)
    following = month.state()
    end = following.month_starts[-1]
    write_frame(foresee(following), folder / f"truth-{end.isoformat()}.parquet")
    leaves = pl.DataFrame({"customer": month.seated, "has_churned": month.fates.is_leaving})
    met = outcomes.drop("has_churned").join(offers, on="customer", how="left", maintain_order="left")
    met = met.join(leaves, on="customer", how="left", maintain_order="left").drop("customer")
    answers = None
    if len(contacts):
        answers = folder / f"outcomes-{first.isoformat()}.csv"
        write_frame(responses(met, contacts, state.seed), answers)
    save_state(following, folder)  # last: until then the month can be played again
    return PlayedMonth(first, end, files, counts, met, answers)


def foresee(state: CompanyState) -> pl.DataFrame:
    """Return the truth of the day on which `state` stands: the potential outcomes of a month that is not simulated yet."""
    streams, calendar = Streams(state.seed), state.calendar
    membership = state.membership()
    life = Life(len(state.seats.customer), calendar, streams, scenario_named(state.scenario), membership=membership)
    start = calendar.cutoff_day
    for day in range(start, start + LEAD_DAYS + HORIZON_DAYS):
        life.live_day(day)
    life.finish()
    return named_truth(pl.concat(life.truth), customer_ids(membership.customer_count))


def _check(contacts: pl.DataFrame, first: date) -> None:
    remedy = "Plan the campaigns on the day after the data end, and contact within the month."
    unknown = set(contacts["offer"].drop_nulls()) - set(OFFERS)
    if unknown:
        raise ConfigError(
            f"the simulated company knows no offer {', '.join(sorted(unknown))}",
            where="contacts",
            remedy=f"It knows {', '.join(OFFERS)}.",
        )
    if contacts.filter(pl.col("offer").is_not_null())["customer_id"].is_duplicated().any():
        raise ConfigError("a customer would get two offers in one month", where="contacts", remedy=remedy)
    start = datetime.combine(first, datetime.min.time())
    if not contacts["contacted_at"].is_between(start, start + timedelta(days=HORIZON_DAYS), closed="left").all():
        raise ConfigError(f"a contact lies outside the month from {first}", where="contacts", remedy=remedy)


class _LivedMonth:
    """The month being simulated; its ledgers hold the events of the new files."""

    def __init__(self, state: CompanyState, streams: Streams) -> None:
        self.before = state
        self.streams = streams
        self.month = state.calendar.months
        self.scenario = scenario_named(state.scenario)
        self.membership = state.membership()
        self.seats = self.membership.seats
        self.payments = billing.payment_ledger()
        self.tickets = support.ticket_ledger()
        self.sessions = engagement.session_ledger()
        self.seated = self.seats.customer.copy()
        purposes = ("join", "decide", "pay", "use", "ask", "change", "outcome")
        self.random = {name: streams.of(f"play {name}", self.month) for name in purposes}

    def live(self, outcomes: pl.DataFrame, offers: pl.DataFrame) -> None:
        """Simulate every day of the month."""
        start = self.before.calendar.cutoff_day
        self.fates = write_fates(self.seats, outcomes, offers, start, self.streams)
        open_fates = Fates(self.fates.is_written.copy(), self.fates.leave_day.copy(), self.fates.is_unpaid.copy())
        for day in range(start, start + PLAYED_DAYS):
            if day == start + LEAD_DAYS + HORIZON_DAYS:
                open_fates.is_written[:] = False  # what the truth knows ends here
            self._live_day(day, open_fates)
        self.membership.tell_open_rows()

    def _live_day(self, day: int, fates: Fates) -> None:
        """Simulate one day in the order of Life.live_day, with given outcomes in place of chance."""
        seats, random = self.seats, self.random
        self.membership.sign_up(day, random["join"])
        self.membership.resume(day, random["join"])
        present = seats.is_taken & (seats.away_until <= day) & (seats.signed_up_day < day)
        if day % _REVIEW_DAYS == 0:
            seats.pressure = hazard.circumstances(seats, day)
        if not self.scenario.is_random_churn:
            hazard.turning(seats, present, random["decide"], CALIBRATED)
            seats.is_turned_away |= present & ~fates.is_unpaid & (fates.leave_day - day <= _FADING_DAYS)
        rate = hazard.cancel_rate(seats, self.month, self.scenario, CALIBRATED)
        rate[~present] = 0
        self._decide(day, rate, present, fates)
        present &= seats.is_taken
        self._pay(day, present, fates)
        present &= seats.is_taken
        is_calm = present & ~fates.is_leaving
        wavers = is_calm & (random["change"].random(len(rate), dtype=np.float32) < _WAVER_SHARE * rate)
        self.membership.waver(np.flatnonzero(wavers), day, random["change"])
        present &= ~wavers
        engagement.live_day(seats, present, day, random["use"], CALIBRATED, self.sessions)
        support.ask_for_help(seats, present, day, random["ask"], self.tickets)
        self.membership.change(is_calm & ~wavers, day, random["change"])

    def _decide(self, day: int, rate: Floats, present: Flags, fates: Fates) -> None:
        draw = self.random["outcome"].standard_exponential(len(rate), dtype=np.float32)
        is_told = fates.is_written & ~fates.is_unpaid & (fates.leave_day == day)
        leaving = np.flatnonzero(is_told | (~fates.is_written & present & (draw < rate)))
        self.membership.cancel(leaving, day, self.random["decide"], is_told=True)
        self._close(leaving, fates)

    def _pay(self, day: int, present: Flags, fates: Fates) -> None:
        seats = self.seats
        is_last_day = fates.is_unpaid & (fates.leave_day == day)
        seats.dunning_step[is_last_day] = billing.LAST_STEP - 1
        seats.retry_on[is_last_day] = day
        is_too_early = fates.is_unpaid & ~is_last_day & (seats.dunning_step == billing.LAST_STEP - 1)
        last, _ = billing.bill_day(
            seats,
            present,
            day,
            self.random["pay"],
            self.payments,
            spared=(fates.is_written & ~is_last_day) | self.scenario.is_random_churn,
            doomed=fates.is_unpaid & ~is_too_early,
        )
        unpaid = last[seats.dunning_step[last] == billing.LAST_STEP]
        self.membership.end_unpaid(unpaid, day, self.random["pay"], is_told=True)
        seats.dunning_step[last] = 0
        self._close(unpaid, fates)

    def _close(self, places: np.typing.NDArray[np.intp], fates: Fates) -> None:
        """Forget the fates of seats whose next customer has none yet."""
        fates.is_written[places] = False
        fates.is_unpaid[places] = False
        fates.leave_day[places] = NEVER

    def state(self) -> CompanyState:
        """Return the state of the company after the month."""
        before, end = self.before, self.before.calendar.cutoff_day + PLAYED_DAYS
        tickets = self.tickets.columns()
        tickets["number"] = before.tickets + np.arange(self.tickets.rows)
        carried = undelivered(before.open_tickets, "closed_at", end)
        ending = undelivered(before.ending_subscriptions, "ended_at", end)
        return CompanyState(
            seed=before.seed,
            scenario=before.scenario,
            month_starts=(*before.month_starts, calendar_day(end)),
            payments=before.payments + self.payments.rows,
            tickets=before.tickets + self.tickets.rows,
            customers=self.membership.customer_count,
            subscriptions=self.membership.subscription_count,
            seats=self.seats,
            open_tickets=_joined(carried, undelivered(tickets, "closed_at", end)),
            ending_subscriptions=_joined(ending, undelivered(self.membership.subscriptions.columns(), "ended_at", end)),
        )


def _joined(
    first: dict[str, np.typing.NDArray[np.generic]], second: dict[str, np.typing.NDArray[np.generic]]
) -> dict[str, np.typing.NDArray[np.generic]]:
    return {name: np.concatenate([first[name], values]) for name, values in second.items()}

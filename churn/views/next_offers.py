"""The next best offer of customers: the one that a running round of a programme has assigned, held ready for many requests."""

from __future__ import annotations

import time
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from churn.campaigns.archive import archived_programmes
from churn.context import Context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from churn.store import Store
    from churn.store.records import CustomerAssignment

_SURE_SECONDS = 1.0
_PORTION = 2_000


@dataclass(frozen=True)
class RunningOffer:
    """What the assignments of a round's campaign stand for, until the day on which its outcome window closes."""

    offer: str
    programme: str
    ends: date


class NextOffers:
    """Looks again within a second of an approval, or of an archived programme."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._offers: Mapping[str, RunningOffer] = {}
        self._stamp: object = None
        self._sure_until = 0.0

    def of(self, assignments: Sequence[CustomerAssignment]) -> str | None:
        """Return the offer that the newest running round assigned; None for the holdout, and for whom it left alone."""
        self._look()
        today = self._context.in_company_time().today
        running = [
            (assignment, offer)
            for assignment in assignments
            if (offer := self._offers.get(assignment.campaign)) is not None and offer.ends > today
        ]
        if not running:
            return None
        assignment, newest = running[-1]
        return newest.offer if assignment.arm == "treatment" else None

    def _look(self) -> None:
        now = time.monotonic()
        if now < self._sure_until:
            return
        with self._context.open_store() as store:
            archived = archived_programmes(self._context.settings.home)
            stamp = (store.programmes.approvals(), frozenset(archived))
            if stamp != self._stamp:
                self._offers, self._stamp = running_offers(store, archived), stamp
        self._sure_until = now + _SURE_SECONDS


def next_best_offers(context: Context, customer_ids: Sequence[str], offers: NextOffers | None = None) -> dict[str, str]:
    """Return by customer the offer that the newest running round assigned; whoever has none is left out."""
    with context.open_store() as store:
        if not store.published.has_programmes():  # without loading SQLAlchemy
            return {}
        offers = offers or NextOffers(context)
        assigned: dict[str, list[CustomerAssignment]] = {}
        for start in range(0, len(customer_ids), _PORTION):
            assigned |= store.assignments.of_customers(customer_ids[start : start + _PORTION])
    named = {customer: offers.of(campaigns) for customer, campaigns in assigned.items()}
    return {customer: offer for customer, offer in named.items() if offer is not None}


def running_offers(store: Store, archived: Container[str]) -> dict[str, RunningOffer]:
    """Return what every approved round assigned, by the campaign of its assignments; but for those of `archived` programmes."""
    return {
        planned.campaign: RunningOffer(
            planned.offer, approved.programme, approved.snapshot_date + timedelta(days=planned.window_days)
        )
        for approved in store.programmes.rounds(state="approved")
        if approved.programme not in archived
        for planned in approved.result.offers
    }

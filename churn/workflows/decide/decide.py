"""Decides what to offer a customer at a moment: what the round in force drew for them, unless something since forbids it."""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from churn.campaigns.archive import archived_programmes
from churn.context import Context
from churn.documents.programme import LEAVE_ALONE
from churn.errors import CampaignError, ChurnError, NotFound
from churn.store import MomentDecision
from churn.workflows.decide.prepared import Draw, PreparedRound, prepare

if TYPE_CHECKING:
    from churn.documents.programme_round import PlannedOffer
    from churn.store import Store
    from churn.store.records import CustomerAssignment


_SURE_SECONDS, _WINDOWS_SECONDS = 1.0, 60.0
_CONTACTS: Final = frozenset({"contacted", "delivered"})

Reason = Literal[
    "best_offer",
    "by_chance",
    "better_left_alone",
    "holdout",
    "not_in_round",
    "round_over",
    "objected",
    "no_consent",
    "in_another_campaign",
    "contacted_recently",
    "not_active",
    "open_ticket",
]


_STRANGER: Final[tuple[str, Reason, Draw | None]] = (LEAVE_ALONE, "not_in_round", None)


@dataclass(frozen=True)
class MomentRequest:
    """Who asks about which customer at which moment; the same `key` of the same caller is answered once."""

    programme: str
    customer_id: str
    moment: str
    who: str
    key: str | None = None


class Deciders:
    """Holds the round in force of each programme ready; an approval is noticed within a second, and in force once it is prepared."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock, self._preparing = threading.Lock(), threading.Lock()
        self._outdated: set[str] = set()
        self._stamp: object = None
        self._archived: Mapping[str, date] = {}
        self._rounds: dict[str, PreparedRound] = {}
        self._windows: Mapping[str, int] = {}
        self._sure_until = self._windows_until = 0.0

    def decide(self, request: MomentRequest) -> MomentDecision:
        """Return the decision, which is kept; the one made before where the same caller sends the same key again.

        Whoever was erased is a stranger, and nothing is kept of them again.

        Raises NotFound for a programme without an approved round or that is archived, CampaignError for a key that came with another request.
        """
        with self._context.open_store() as store:
            published = self._published(store, request.programme)
            is_erased = store.privacy.erased_at(request.customer_id) is not None
            arm, reason, draw = _STRANGER if is_erased else self._answer(store, published, request.customer_id)
            decision = MomentDecision(
                decision_id=_id_of(request),
                programme=request.programme,
                round=published.number,
                customer_id=request.customer_id,
                moment=request.moment,
                arm=arm,
                probability=None if draw is None else draw.probability,
                reason=reason,
                who=request.who,
                decided_at=self._context.clock(),
            )
            kept = decision if is_erased else store.programmes.note_decision(decision)
        if (kept.programme, kept.customer_id, kept.moment) != (request.programme, request.customer_id, request.moment):
            raise CampaignError(
                "this key came with another request before",
                where="Idempotency-Key",
                remedy="Use a new key for each moment.",
            )
        return kept

    def offer_title(self, decision: MomentDecision) -> tuple[str | None, str | None, str | None]:
        """Return title, channel and campaign of the offer of a decision; nothing where the customer is left alone."""
        published = self._rounds.get(decision.programme)
        offer = published.offers.get(decision.arm) if published is not None else None
        if offer is None:
            return None, None, None
        return offer.definition.title, offer.definition.offer.channel, offer.campaign

    def _answer(self, store: Store, published: PreparedRound, customer_id: str) -> tuple[str, Reason, Draw | None]:
        today = self._context.in_company_time().today
        draw = published.draw(customer_id)
        if today >= published.over:
            return LEAVE_ALONE, "round_over", draw
        if draw is None:
            return LEAVE_ALONE, "not_in_round", None
        if draw.arm == LEAVE_ALONE:
            return LEAVE_ALONE, "holdout" if draw.is_holdout else "better_left_alone", draw
        reason = self._forbids(store, published, customer_id, draw, today)
        if reason is not None:
            return LEAVE_ALONE, reason, draw
        return draw.arm, "by_chance" if draw.is_random else "best_offer", draw

    def _forbids(
        self, store: Store, published: PreparedRound, customer_id: str, draw: Draw, today: date
    ) -> Reason | None:
        """Return what has happened since the round that forbids its offer; the customer's own assignment does not."""
        offer = published.offers[draw.arm]
        assigned = store.assignments.of_customers([customer_id]).get(customer_id, [])
        if not any(assignment.campaign == offer.campaign for assignment in assigned):
            return "not_in_round"  # left out when the round was approved
        if today >= published.ends[draw.arm]:
            return "round_over"
        if self._elsewhere(store, assigned, offer.campaign, today):
            return "in_another_campaign"
        facts = store.published.contact_facts(customer_id)
        if facts is None and self._has_left_the_list(store, customer_id, published.ends[draw.arm], offer):
            return "not_active"
        return self._told_since(store, offer, customer_id, (facts or "").split())

    def _has_left_the_list(self, store: Store, customer_id: str, ends: date, offer: PlannedOffer) -> bool:
        """Whether a list that is newer than the round holds the customer no more, as of those who left."""
        run = store.scores.current_run()
        is_newer = run is not None and run.snapshot_date > ends - timedelta(days=offer.window_days)
        return is_newer and not store.published.holds(customer_id)

    def _told_since(self, store: Store, offer: PlannedOffer, customer_id: str, known: Sequence[str]) -> Reason | None:
        """Return what forbids the offer: of what the newest list knows (`known`), objections, and contacts for something else."""
        if "left" in known:
            return "not_active"
        if "objected" in known or store.privacy.objected_at(customer_id) is not None:
            return "objected"
        if "refused" in known and offer.definition.audience.requires_consent:
            return "no_consent"
        if "waiting" in known and offer.definition.audience.skip_open_tickets:
            return "open_ticket"
        since = self._context.in_company_time().clock() - timedelta(days=offer.definition.limits.cooldown_days)
        reason: Reason | None = None
        for event in store.outcomes.of_customer(customer_id):
            if event["kind"] == "unsubscribed":
                return "objected"
            at = event["occurred_at"]
            is_elsewhere = event["kind"] in _CONTACTS and event["campaign"] != offer.campaign
            if is_elsewhere and isinstance(at, datetime) and at >= since:
                reason = "contacted_recently"
        return reason

    def _elsewhere(self, store: Store, assigned: Sequence[CustomerAssignment], own: str, today: date) -> bool:
        now = time.monotonic()
        if now >= self._windows_until or any(assignment.campaign not in self._windows for assignment in assigned):
            plans = {name: store.plans.latest(name) for name in store.assignments.counts()}
            self._windows = {name: plan.window_days for name, plan in plans.items() if plan is not None}
            self._windows_until = now + _WINDOWS_SECONDS
        return any(
            assignment.campaign != own
            and assignment.assigned_at.date() + timedelta(days=self._windows.get(assignment.campaign, 0)) > today
            for assignment in assigned
        )

    def warm(self) -> None:
        """Prepare the round in force of every programme, so that no caller waits for it."""
        with self._context.open_store() as store:
            self._look(store)
            for programme in store.programmes.names():
                with suppress(NotFound):
                    self._prepare(store, programme)

    def _published(self, store: Store, programme: str) -> PreparedRound:
        """Return the round in force; while a newer one is prepared the one before goes on deciding."""
        if time.monotonic() >= self._sure_until:
            self._look(store)
        if programme in self._archived:
            raise NotFound(
                f"programme `{programme}` is archived since {self._archived[programme]}",
                where=programme,
                remedy=f"Bring it back: `churn programmes restore {programme}`.",
            )
        held = self._rounds.get(programme)
        if held is None:
            return self._prepare(store, programme)
        if programme in self._outdated:
            self._outdated.discard(programme)
            threading.Thread(target=self._renew, args=(programme,), daemon=True).start()
        return held

    def _look(self, store: Store) -> None:
        with self._lock:
            self._archived = archived_programmes(self._context.settings.home)
            stamp = store.programmes.approvals()
            if stamp != self._stamp:
                self._outdated, self._stamp = set(self._rounds), stamp
            self._sure_until = time.monotonic() + _SURE_SECONDS

    def _prepare(self, store: Store, programme: str) -> PreparedRound:
        with self._preparing:  # once, however many requests wait
            approved = store.programmes.rounds(programme, state="approved", limit=1)
            if not approved:
                raise NotFound(
                    f"programme `{programme}` has no approved round",
                    where=programme,
                    remedy=f"Run `churn plan {programme}`, and approve it.",
                )
            held = self._rounds.get(programme)
            if held is None or held.number != approved[0].round:
                held = self._rounds[programme] = prepare(store, approved[0])
        return held

    def _renew(self, programme: str) -> None:
        try:
            with self._context.open_store() as store:
                self._prepare(store, programme)
        except ChurnError as error:
            self._outdated.add(programme)  # the next request tries again
            self._context.log.note("round_not_prepared", programme=programme, error=error.code)


def _id_of(request: MomentRequest) -> str:
    if request.key is None:
        return uuid.uuid4().hex
    return hashlib.sha256(f"{request.who}\n{request.key}".encode()).hexdigest()[:32]

"""Words for what happened to a customer: each fact a sentence, by month, newest first; and what moved the risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from churn.documents.reason import RiskReason
from churn.languages.recorded import recorded
from churn.languages.words import N_, tr
from churn.views.customer import CustomerFact
from churn.wording import money

_FLAT: Final = 0.0005  # points that round to nothing
_PAYMENTS: Final = {"succeeded": N_("Paid"), "failed": N_("Payment failed:"), "refunded": N_("Got back")}
_ARMS: Final = {"treatment": N_("Chosen to be contacted"), "holdout": N_("Held out by chance, to measure the effect")}
_OUTCOMES: Final = {
    "contacted": N_("Was contacted"),
    "delivered": N_("Received the message"),
    "accepted": N_("Accepted the offer"),
    "declined": N_("Declined the offer"),
    "canceled": N_("Canceled the contract"),
    "unsubscribed": N_("Unsubscribed"),
    "lost": N_("Was lost"),
    "won": N_("Was won back"),
}
_ENDS: Final = {
    "voluntary": N_("by their own decision"),
    "payment_failure": N_("because payments failed"),
    "plan_change": N_("to change the plan"),
    "pause": N_("for a pause"),
}


@dataclass(frozen=True)
class FactLine:
    """A fact in a sentence; `tone` is bad, warn, or empty."""

    at: datetime
    kind: str
    tone: str
    text: str


@dataclass(frozen=True)
class MonthOfFacts:
    """The facts of one month, `2026-06`, newest first."""

    month: str
    facts: Sequence[FactLine]


def grouped(facts: Sequence[CustomerFact] | None, currency: str) -> list[MonthOfFacts] | None:
    """Return the facts in words, by month, newest first; None where nothing is known."""
    if facts is None:
        return None
    lines = [FactLine(fact.occurred_at, fact.kind, *_worded(fact, currency)) for fact in facts]
    return [MonthOfFacts(month, list(rows)) for month, rows in groupby(lines, key=lambda line: f"{line.at:%Y-%m}")]


def changes_of(reasons: Sequence[RiskReason] | None) -> list[RiskReason]:
    """Return what moved the probability since the run before by more than rounding, strongest first."""
    return [reason for reason in reasons or () if abs(reason.points) >= _FLAT]


def _worded(fact: CustomerFact, currency: str) -> tuple[str, str]:
    """Return a fact's tone and sentence."""
    what, detail = fact.what, fact.detail
    match fact.kind:
        case "payment":
            amount = money(fact.amount, currency) if fact.amount is not None else tr("an amount not told")
            means = tr(" by {means}", means=recorded(_plain(detail))) if detail else ""
            tone = {"failed": "bad", "refunded": "warn"}.get(what, "")
            return tone, f"{tr(_PAYMENTS.get(what, what.capitalize() + ':'))} {amount}{means}"
        case "ticket":
            days = (fact.ended_at - fact.occurred_at).days if fact.ended_at else None
            end = (
                tr("still open")
                if days is None
                else tr("solved after {days} days", days=days)
                if days > 1
                else tr("solved within a day")
            )
            about = tr("{kind} ticket", kind=recorded(what.capitalize())) if what else tr("Ticket")
            return "warn" if days is None else "", f"{about}, {end}"
        case "plan":
            return _plan(what, detail, fact.amount, currency)
        case "contact":
            channel = tr(" by {means}", means=recorded(_plain(detail))) if detail else ""
            return "", f"{tr('Contacted')}{channel}{_for(what)}"
        case "campaign":
            return "", f"{tr(_ARMS.get(what, what))}{_for(detail)}"
        case _:
            return "", f"{tr(_OUTCOMES.get(what, recorded(what.capitalize())))}{_for(detail)}"


def _plan(what: str, detail: str, fee: float | None, currency: str) -> tuple[str, str]:
    cost = tr(", {fee} a month", fee=money(fee, currency)) if fee is not None else ""
    if what == "started":
        return "", tr("Started on {plan}{cost}", plan=detail, cost=cost) if detail else tr("Started{cost}", cost=cost)
    why = f" {tr(_ENDS.get(detail, detail))}" if detail else ""
    return "bad", f"{tr('Decided to end') if what == 'canceled' else tr('Service ended')}{why}"


def _for(campaign: str) -> str:
    return tr(" in {campaign}", campaign=_plain(campaign)) if campaign else ""


def _plain(name: str) -> str:
    """Write a system's name as people would: `direct_debit` becomes direct debit."""
    return name.replace("_", " ")

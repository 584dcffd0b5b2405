"""Words for what happened to a customer: each fact a sentence, by month, newest first; and what moved the risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from churn.documents.reason import RiskReason
from churn.views.customer import CustomerFact
from churn.wording import money

_FLAT: Final = 0.0005  # points that round to nothing
_PAYMENTS: Final = {"succeeded": "Paid", "failed": "Payment failed:", "refunded": "Got back"}
_ARMS: Final = {"treatment": "Chosen to be contacted", "holdout": "Held out by chance, to measure the effect"}
_OUTCOMES: Final = {
    "contacted": "Was contacted",
    "delivered": "Received the message",
    "accepted": "Accepted the offer",
    "declined": "Declined the offer",
    "canceled": "Canceled",
    "unsubscribed": "Unsubscribed",
    "lost": "Was lost",
    "won": "Was won back",
}
_ENDS: Final = {
    "voluntary": "by their own decision",
    "payment_failure": "because payments failed",
    "plan_change": "to change the plan",
    "pause": "for a pause",
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
            amount = money(fact.amount, currency) if fact.amount is not None else "an amount not told"
            means = f" by {_plain(detail)}" if detail else ""
            tone = {"failed": "bad", "refunded": "warn"}.get(what, "")
            return tone, f"{_PAYMENTS.get(what, what.capitalize() + ':')} {amount}{means}"
        case "ticket":
            days = (fact.ended_at - fact.occurred_at).days if fact.ended_at else None
            end = "still open" if days is None else f"solved after {days} days" if days > 1 else "solved within a day"
            about = f"{what.capitalize()} ticket" if what else "Ticket"
            return "warn" if days is None else "", f"{about}, {end}"
        case "plan":
            return _plan(what, detail, fact.amount, currency)
        case "contact":
            channel = f" by {_plain(detail)}" if detail else ""
            return "", f"Contacted{channel}{_for(what)}"
        case "campaign":
            return "", f"{_ARMS.get(what, what)}{_for(detail)}"
        case _:
            return "", f"{_OUTCOMES.get(what, what.capitalize())}{_for(detail)}"


def _plan(what: str, detail: str, fee: float | None, currency: str) -> tuple[str, str]:
    cost = f", {money(fee, currency)} a month" if fee is not None else ""
    if what == "started":
        return "", f"Started{f' on {detail}' if detail else ''}{cost}"
    why = f" {_ENDS.get(detail, detail)}" if detail else ""
    return "bad", f"{'Decided to end' if what == 'canceled' else 'Service ended'}{why}"


def _for(campaign: str) -> str:
    return f" in {_plain(campaign)}" if campaign else ""


def _plain(name: str) -> str:
    """Write a system's name as people would: `direct_debit` becomes direct debit."""
    return name.replace("_", " ")

"""Words for what happened to a customer: each fact a sentence, by month, newest first; and what moved the risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from churn.wording import money

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


def grouped(facts: Sequence[Mapping[str, Any]] | None, currency: str) -> list[dict[str, Any]] | None:
    """Return the facts by month, newest first, each with at, tone and text; None where nothing is known."""
    if facts is None:
        return None
    told = [{"at": fact["occurred_at"], "kind": fact["kind"], **_told(fact, currency)} for fact in facts]
    return [
        {"month": month, "facts": list(rows)} for month, rows in groupby(told, key=lambda row: f"{row['at']:%Y-%m}")
    ]


def told_changes(view: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what moved the probability since the run before, strongest first: text and points."""
    return [reason for reason in view["change_reasons"] or [] if abs(reason["points"]) >= 0.0005]


def _told(fact: Mapping[str, Any], currency: str) -> dict[str, str]:
    what, detail = str(fact["what"] or ""), str(fact["detail"] or "")
    match fact["kind"]:
        case "payment":
            amount = money(fact["amount"], currency) if fact["amount"] is not None else "an amount not told"
            means = f" by {_plain(detail)}" if detail else ""
            tone = {"failed": "bad", "refunded": "warn"}.get(what, "")
            return _fact(tone, f"{_PAYMENTS.get(what, what.capitalize() + ':')} {amount}{means}")
        case "ticket":
            days = (fact["ended_at"] - fact["occurred_at"]).days if fact["ended_at"] else None
            end = "still open" if days is None else f"solved after {days} days" if days > 1 else "solved within a day"
            about = f"{what.capitalize()} ticket" if what else "Ticket"
            return _fact("warn" if days is None else "", f"{about}, {end}")
        case "plan":
            return _plan(what, detail, fact["amount"], currency)
        case "contact":
            channel = f" by {_plain(detail)}" if detail else ""
            return _fact("", f"Contacted{channel}{_for(what)}")
        case "campaign":
            return _fact("", f"{_ARMS.get(what, what)}{_for(detail)}")
        case _:
            return _fact("", f"{_OUTCOMES.get(what, what.capitalize())}{_for(detail)}")


def _plan(what: str, detail: str, fee: float | None, currency: str) -> dict[str, str]:
    cost = f", {money(fee, currency)} a month" if fee is not None else ""
    if what == "started":
        return _fact("", f"Started{f' on {detail}' if detail else ''}{cost}")
    why = f" {_ENDS.get(detail, detail)}" if detail else ""
    return _fact("bad", f"{'Decided to end' if what == 'canceled' else 'Service ended'}{why}")


def _for(campaign: str) -> str:
    return f" in {_plain(campaign)}" if campaign else ""


def _plain(name: str) -> str:
    """Write a name that a system made as people would: `direct_debit` is direct debit."""
    return name.replace("_", " ")


def _fact(tone: str, text: str) -> dict[str, str]:
    return {"tone": tone, "text": text}

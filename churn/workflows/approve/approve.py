"""Approves or rejects a draft: who may, until when, and what follows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from churn.context import Context
from churn.errors import CampaignError, NotFound
from churn.workflows.plan.publish import PublishedRound, publish_round

if TYPE_CHECKING:
    from datetime import date

    from churn.documents.programme import Approval
    from churn.store import ProgrammeRound


def approve_round(
    context: Context, programme: str, number: int | None = None, *, who: str, note: str | None = None
) -> PublishedRound:
    """Assign the customers of a draft, the newest where no number is given: from here on it is pushed and measured.

    Raises NotFound for a round that there is not, CampaignError for one that is no draft or has lapsed, for one of whose
    outcome windows nothing is left, and for somebody who may not approve it.
    """
    with context.recorded("approve_round"):
        draft = _draft(context, programme, number)
        _require(draft, draft.definition.approval.by, who, "approve")
        _require_open_windows(draft, context.in_company_time().today)
        return publish_round(context, draft, who=who, note=note)


def reject_round(
    context: Context, programme: str, number: int | None = None, *, who: str, note: str | None = None
) -> ProgrammeRound:
    """Put a draft aside for good; the budget owner may do it beside those who may approve. Raises as `approve_round`."""
    with context.recorded("reject_round"):
        draft = _draft(context, programme, number)
        approval = draft.definition.approval
        owner = (approval.budget_owner,) if approval.by and approval.budget_owner else ()
        _require(draft, (*approval.by, *owner), who, "reject")
        with context.open_store() as store:
            is_done = store.programmes.decide(
                programme, draft.round, "rejected", who=who, at=context.clock(), note=note
            )
            decided = store.programmes.round(programme, draft.round)
    if not is_done or decided is None:
        raise _no_draft(draft)
    return decided


def _draft(context: Context, programme: str, number: int | None) -> ProgrammeRound:
    with context.open_store() as store:
        store.programmes.expire(context.in_company_time().clock())
        if number is not None:
            planned = store.programmes.round(programme, number)
        else:
            rounds = store.programmes.rounds(programme, limit=1)
            planned = rounds[0] if rounds else None
    if planned is None:
        what = "has no round yet" if number is None else f"has no round {number}"
        raise NotFound(
            f"programme `{programme}` {what}", where=programme, remedy=f"Run `churn plan {programme}` first."
        )
    if planned.state != "draft":
        raise _no_draft(planned)
    return planned


def _no_draft(planned: ProgrammeRound) -> CampaignError:
    by = f" by {planned.decided_by}" if planned.decided_by else ""
    return CampaignError(
        f"is {planned.state}{by}, not a draft",
        where=f"round {planned.round} of programme {planned.programme}",
        remedy=f"Plan another round: `churn plan {planned.programme}`.",
    )


def _require_open_windows(draft: ProgrammeRound, today: date) -> None:
    """Raise CampaignError where a contact could not change any more what an offer is measured by."""
    for offer in draft.result.offers:
        over_on = draft.snapshot_date + timedelta(days=offer.window_days)
        if over_on <= today:
            raise CampaignError(
                f"the {offer.window_days} days in which the outcome of `{offer.offer}` is counted ended on {over_on}",
                where=f"round {draft.round} of programme {draft.programme}",
                remedy=f"Plan another round: `churn plan {draft.programme}`.",
            )


def _require(draft: ProgrammeRound, allowed: tuple[str, ...], who: str, verb: str) -> None:
    """Raise CampaignError for somebody who is not named where somebody is."""
    if not allowed or who in allowed:
        return
    raise CampaignError(
        f"{who} may not {verb} it: {', '.join(allowed)} may",
        where=f"round {draft.round} of programme {draft.programme}",
        remedy="Ask one of them, or name others in [approval] and plan the round again.",
    )


def may_reject(approval: Approval, who: str) -> bool:
    """Say whether somebody who may push may reject a round."""
    return may_approve(approval, who) or who == approval.budget_owner


def may_approve(approval: Approval, who: str) -> bool:
    """Say whether somebody who may push may approve a round."""
    return not approval.by or who in approval.by

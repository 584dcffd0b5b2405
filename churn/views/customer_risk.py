"""Reads one customer's published score with its reasons, and which campaigns they are in."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, TypedDict

from churn.context import Context
from churn.errors import DataError
from churn.languages.words import tr
from churn.views.buying import NOTHING, BuyingAhead
from churn.views.current_run import RunFacts, current_run, not_listed, run_facts
from churn.views.scored_customer import ScoredCustomer, scored_customer, voluntary_probability

if TYPE_CHECKING:
    from churn.store import ScoreRun
    from churn.store.records import Arm, CustomerAssignment, CustomerStanding
    from churn.store.repositories.score_reader import ScoreReader
    from churn.store.score_row import ScoreRow

_JSON = json.JSONEncoder(ensure_ascii=False)
_WRITTEN_APART = frozenset({"reasons", "change_reasons", "raw_score"})


class CampaignMembership(TypedDict):
    """A campaign that a customer was assigned to."""

    campaign: str
    arm: Arm
    assigned_at: datetime


class ExplainedCustomer(ScoredCustomer, RunFacts):
    """A customer's score with its reasons, and what every answer says of the run."""


class CustomerAtRisk(ExplainedCustomer, BuyingAhead):
    """The same with their campaigns, oldest first; `recommended_action` names the one to contact them with."""

    campaigns: list[CampaignMembership]
    recommended_action: str | None
    campaign_expected_profit: float | None
    next_best_offer: str | None


# The profit expected of a customer on a campaign's newest terms, by the campaign's name, score and run; see `NewestTerms.profit`.
ProfitOf = Callable[[str, "ScoreRow", str], float | None]
# The offer that a running round of a programme has for somebody with these assignments; see `NextOffers.of`.
NextOffer = Callable[[Sequence["CustomerAssignment"]], str | None]
# What is expected of a customer without a contract, by run and customer; see `NewestBuying.of`.
BuyingOf = Callable[[str, str], BuyingAhead]


def customer_risk(
    published: ScoreReader,
    customer_id: str,
    profit_of: ProfitOf | None = None,
    next_offer: NextOffer | None = None,
    buying: BuyingOf | None = None,
) -> CustomerAtRisk:
    """Return a customer's score, reasons, change, campaigns, and the run's own facts. Raises NotFound, DataError."""
    run, score, standing = _listed(published, customer_id)
    tells_money = published.tells_money(run)
    action = _action(standing.assignments)
    return {
        **scored_customer(score, tells_money=tells_money),
        **run_facts(run),
        **(buying(run.run_id, customer_id) if buying else NOTHING),
        "campaigns": [
            {"campaign": a.campaign, "arm": a.arm, "assigned_at": a.assigned_at} for a in standing.assignments
        ],
        "recommended_action": action,
        "campaign_expected_profit": profit_of(action, score, run.run_id)
        if action and profit_of and tells_money
        else None,
        "next_best_offer": next_offer(standing.assignments) if next_offer else None,
    }


def risk_json(
    published: ScoreReader,
    customer_id: str,
    profit_of: ProfitOf | None = None,
    next_offer: NextOffer | None = None,
    buying: BuyingOf | None = None,
) -> str:
    """Return `customer_risk` as JSON, with instants in UTC; the most frequent request of all.

    Reasons are JSON in the store and are copied as they are; the members about the run are written once per run.
    """
    run, score, standing = _listed(published, customer_id)
    document: dict[str, object] = {name: value for name, value in score.items() if name not in _WRITTEN_APART}
    tells_money = published.tells_money(run)
    if not tells_money:
        document["expected_profit"] = None
    document["voluntary_probability"] = voluntary_probability(score)
    action = _action(standing.assignments)
    document["recommended_action"] = action
    document["campaign_expected_profit"] = (
        profit_of(action, score, run.run_id) if action and profit_of and tells_money else None
    )
    document["next_best_offer"] = next_offer(standing.assignments) if next_offer else None
    document |= buying(run.run_id, customer_id) if buying else NOTHING
    document["campaigns"] = [
        {"campaign": a.campaign, "arm": a.arm, "assigned_at": f"{a.assigned_at.isoformat()}Z"}
        for a in standing.assignments
    ]
    reasons, changes = score["reasons"] or "[]", score["change_reasons"] or "null"
    return f'{_JSON.encode(document)[:-1]},"reasons":{reasons},"change_reasons":{changes},{_run_json(run)}}}'


@lru_cache(maxsize=2)
def _run_json(run: ScoreRun) -> str:
    """Return the members of a JSON object that describe the run."""
    facts: dict[str, object] = {**run_facts(run)}
    for name, value in facts.items():
        if isinstance(value, datetime):
            facts[name] = f"{value.isoformat()}Z"
        elif isinstance(value, date):
            facts[name] = value.isoformat()
    return _JSON.encode(facts)[1:-1]


def _listed(published: ScoreReader, customer_id: str) -> tuple[ScoreRun, ScoreRow, CustomerStanding]:
    standing = published.customer(customer_id)
    run = current_run(standing.run)
    if standing.score is None:
        raise not_listed(run)
    return run, standing.score, standing


def _action(assignments: Sequence[CustomerAssignment]) -> str | None:
    """Return the campaign to contact a customer with: the newest they are in, none for those held out of any."""
    treated = [a for a in assignments if a.arm == "treatment"]
    is_held_out = any(a.arm == "holdout" for a in assignments)
    return treated[-1].campaign if treated and not is_held_out else None


def explain_customer(context: Context, customer_id: str) -> ExplainedCustomer:
    """Return one customer's score, reasons and change, with the run's own facts. Raises DataError when unknown."""
    with context.open_store() as store:
        standing = store.published.customer(customer_id)
        run = current_run(standing.run)
        tells_money = store.published.tells_money(run)
    if standing.score is None:
        raise DataError(
            tr("no score for customer `{customer_id}`", customer_id=customer_id),
            where=tr("list of {snapshot_date}", snapshot_date=run.snapshot_date),
            remedy=tr("Not active then, or misspelt."),
        )
    return {**scored_customer(standing.score, tells_money=tells_money), **run_facts(run)}

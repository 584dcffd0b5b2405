"""The one document of every plan: the same keys on a terminal, as JSON, kept with the plan, and behind the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from churn.campaigns.expectation import Treated, draw_profit, interval
from churn.config import Settings
from churn.decisions.profit import DESCRIPTIONS
from churn.workflows import plan_sentences as say
from churn.workflows.plan_choice import channels_of
from churn.workflows.plan_holdout import holdout_document
from churn.workflows.plan_pricing import said_of

if TYPE_CHECKING:
    from churn.workflows.plan_campaign import PlanRequest
    from churn.workflows.plan_choice import Choice, Priced, Used
    from churn.workflows.plan_facts import Facts
    from churn.workflows.plan_scores import ScoreList


@dataclass(frozen=True)
class Planned:
    """One campaign with what was chosen for it."""

    position: int
    priced: Priced
    used: Used
    treated: NDArray[np.intp]
    held_out: NDArray[np.intp]
    expected: Treated
    drawn: NDArray[np.float64]

    @property
    def committed(self) -> float:
        """Money that the new contacts may cost."""
        return self.priced.unit_cost * self.treated.size


def build_document(
    settings: Settings,
    request: PlanRequest,
    scores: ScoreList,
    facts: Facts,
    priced: Sequence[Priced],
    used: Sequence[Used],
    choice: Choice,
    *,
    planned_at: datetime,
    plan_ids: Sequence[str],
    alarms: Sequence[dict[str, Any]] = (),
    stands_since: datetime | None = None,
) -> dict[str, Any]:
    """Return the document: money in cents, shares in 0..1, days and instants as ISO text, null where there is none."""
    planned = _planned(settings, scores, priced, used, choice, request.seed)
    currency = settings.business.currency
    holdouts = {
        each.priced.definition.name: holdout_document(each, facts.assigned, scores, settings) for each in planned
    }
    campaigns = [_campaign(each, plan_id, settings, facts) for each, plan_id in zip(planned, plan_ids, strict=True)]
    expected = _expected(
        [each.expected for each in planned],
        sum((each.drawn for each in planned), np.zeros(settings.simulation.draws)),
        sum(each.committed for each in planned),
    )
    shadow = _shadow(planned, choice)
    allocation = {
        "budget": None if request.budget is None else float(request.budget),
        "budget_used_before": _cents(sum(each.used.committed for each in planned)),
        "committed": _cents(sum(each.committed for each in planned)),
        "chosen": int(np.count_nonzero(choice.campaign >= 0)),
        "contacts": sum(each.treated.size for each in planned),
        "profit": _cents(choice.allocation.profit),
        "bound": _cents(choice.allocation.bound),
        "gap": round(float(choice.allocation.gap), 6),
    }
    document = {
        "planned_at": planned_at.isoformat(),
        "is_dry_run": request.is_dry_run,
        "stands_since": None if stands_since is None else stands_since.isoformat(),
        "currency": currency,
        "snapshot_date": scores.snapshot_date.isoformat(),
        "model_version": scores.model_version,
        "run_id": scores.run_id,
        "scored_at": None if scores.scored_at is None else scores.scored_at.isoformat(),
        "data_cutoff": None if scores.data_cutoff is None else scores.data_cutoff.isoformat(),
        "stale_reason": scores.stale_reason,
        "alarms": list(alarms),
        "calibration": {
            "is_passed": scores.judgement.gate.is_passed,
            "is_overridden": not scores.judgement.gate.is_passed,
            "reasons": list(scores.judgement.gate.reasons),
        },
        "customers": scores.frame.height,
        "campaigns": campaigns,
        "eligibility": [row for each in priced for row in each.eligibility.rows(each.definition.name)],
        "allocation": allocation,
        "shadow_prices": shadow,
        "holdout": {name: held["holdout"] for name, held in holdouts.items()},
        "power": {name: held["power"] for name, held in holdouts.items()},
        "expected": expected,
        "file": None,
    }
    document["sentences"] = say.sentences(document, [*facts.notes, *said_of(priced)])
    return document


def _planned(
    settings: Settings,
    scores: ScoreList,
    priced: Sequence[Priced],
    used: Sequence[Used],
    choice: Choice,
    seed: int,
) -> list[Planned]:
    p, value = scores.frame["churn_probability"].to_numpy(), scores.frame["value_of_save"].to_numpy()
    treated = []
    for k, each in enumerate(priced):
        rows = choice.treated(k)
        treated.append(Treated(p[rows], each.avoided[rows], value[rows], each.economics, each.effect_error))
    drawn = draw_profit(
        treated, probability_error=scores.judgement.level_error, draws=settings.simulation.draws, seed=seed
    )
    return [
        Planned(k, priced[k], used[k], choice.treated(k), choice.held_out(k), treated[k], drawn[k])
        for k in range(len(priced))
    ]


def _campaign(each: Planned, plan_id: str, settings: Settings, facts: Facts) -> dict[str, Any]:
    import polars as pl

    definition, terms = each.priced.definition, each.priced.economics
    mine = facts.assigned.filter(pl.col("campaign") == definition.name)
    return {
        "name": definition.name,
        "title": definition.title,
        "plan_id": plan_id,
        "definition_hash": definition.hash,
        "channel": definition.offer.channel,
        "window_days": definition.window(settings.churn),
        "profit_model": terms.profit_model,
        "profit_model_description": DESCRIPTIONS[terms.profit_model],
        "is_uplift_measured": each.priced.is_measured,
        "contact_cost": terms.contact_cost,
        "incentive_cost": terms.incentive_cost,
        "success_rate": {
            "low": terms.success_rate_low,
            "expected": terms.success_rate,
            "high": terms.success_rate_high,
        },
        "eligible": each.priced.eligibility.eligible,
        "chosen": each.treated.size + each.held_out.size,
        "treatment": each.treated.size,
        "holdout": each.held_out.size,
        "earlier": {
            "treatment": each.used.treatment,
            "holdout": each.used.holdout,
            "committed": _cents(each.used.committed),
            "snapshot_dates": [day.isoformat() for day in mine["snapshot_date"].unique().sort()],
        },
        "expected": _expected([each.expected], each.drawn, each.committed),
    }


def _expected(treated: Sequence[Treated], drawn: NDArray[np.float64], committed: float) -> dict[str, Any]:
    """What contacting is expected to cost and bring, with the 90 % range of the profit."""
    band, loss = interval(drawn)
    cost, profit = sum(t.cost for t in treated), sum(t.profit for t in treated)
    return {
        "contacts": sum(t.probability.size for t in treated),
        "cost": _cents(cost),
        "committed": _cents(committed),
        "saves": round(sum(t.saves for t in treated), 1),
        "value": _cents(profit + cost),
        "profit": _cents(profit),
        "profit_interval": {"low": _cents(band.low), "median": _cents(band.median), "high": _cents(band.high)},
        "roi": round(profit / cost, 4) if cost > 0 else None,
        "roi_interval": {"low": round(band.low / cost, 4), "high": round(band.high / cost, 4)} if cost > 0 else None,
        "loss_probability": round(loss, 4),
    }


def _shadow(planned: Sequence[Planned], choice: Choice) -> dict[str, Any]:
    """What one more unit of each limit would earn; nothing where a limit does not bind."""
    allocation = choice.allocation
    channels = channels_of([each.priced for each in planned])
    return {
        "budget_per_unit": round(float(allocation.shadow_budget), 4),
        "next_thousand": _cents(allocation.next_thousand),
        "campaigns": [
            {
                "campaign": each.priced.definition.name,
                "per_contact": _cents(float(allocation.shadow_offer[each.position])),
                "per_unit_of_budget": round(float(allocation.shadow_offer_budget[each.position]), 4),
            }
            for each in planned
        ],
        "channels": [
            {"channel": name, "per_contact": _cents(float(allocation.shadow_channel[h])), "left": choice.channels[name]}
            for h, name in enumerate(channels)
            if name in choice.channels
        ],
    }


def _cents(amount: float) -> float:
    return round(float(amount), 2)

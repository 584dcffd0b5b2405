"""The one document of every plan: the same keys on a terminal, as JSON, kept with the plan, and behind the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from churn.campaigns.expectation import Treated, draw_profit, interval
from churn.config import Settings
from churn.decisions.power import price_of_holdout
from churn.decisions.profit import DESCRIPTIONS
from churn.wording import count, money, percent
from churn.workflows.plan.choose import channels_of
from churn.workflows.plan.pricing import said_of

if TYPE_CHECKING:
    import polars as pl

    from churn.workflows.plan.choose import Choice, Priced, Used
    from churn.workflows.plan.eligibility import Facts
    from churn.workflows.plan.request import PlanRequest
    from churn.workflows.plan.scores import ScoreList


ALPHA, POWER = 0.05, 0.8


def holdout_document(
    each: Planned, assigned: pl.DataFrame, scores: ScoreList, settings: Settings
) -> dict[str, dict[str, Any]]:
    """Return `holdout` (who is left alone and what that forgoes) and `power` (what effect will be found) of a campaign.

    Churn and effect are those expected in the outcome window: where it is longer or shorter than the horizon of the
    probabilities they are stretched at a constant rate.
    """
    import polars as pl

    definition = each.priced.definition
    window = definition.window(settings.churn)
    horizon = window if settings.churn.definition == "inactivity" else settings.churn.horizon_days
    rows = np.concatenate([each.treated, each.held_out])
    mine = assigned.filter(pl.col("campaign") == definition.name)

    def mean(ours: np.ndarray[Any, np.dtype[np.float64]], column: str) -> float:
        known = mine[column].drop_nulls().to_numpy()
        both = np.concatenate([ours[rows], known])
        return float(both.mean()) if both.size else 0.0

    treatment = each.treated.size + each.used.treatment
    holdout = each.held_out.size + each.used.holdout
    chosen = treatment + holdout
    rate = mean(scores.frame["churn_probability"].to_numpy(), "churn_probability")
    effect = mean(each.priced.avoided, "expected_uplift")
    profit = mean(each.priced.profit, "expected_profit")
    value = mean(scores.frame["value_of_save"].to_numpy(), "value_of_save")
    stretched = 1.0 - (1.0 - rate) ** (window / horizon)
    effect *= stretched / rate if rate > 0 else 1.0
    share = holdout / chosen if chosen else definition.holdout.share
    price = price_of_holdout(
        chosen,
        share,
        churn_rate=stretched,
        expected_effect=min(max(effect, 0.0), stretched),
        expected_profit=profit,
        value=value,
        alpha=ALPHA,
        power=POWER,
    )
    detectable = price.minimum_detectable_effect
    return {
        "holdout": {
            "share": definition.holdout.share,
            "seed": definition.holdout.seed,
            "treatment": treatment,
            "holdout": holdout,
            "new_treatment": each.treated.size,
            "new_holdout": each.held_out.size,
            "profit_forgone": round(price.profit_forgone, 2),
            "strata": _strata(each, scores),
        },
        "power": {
            "churn_rate": round(stretched, 6),
            "expected_effect": round(effect, 6),
            "minimum_detectable_effect": None if detectable is None else round(detectable, 6),
            "power": round(price.power, 4),
            "half_width": _finite(price.half_width, 6),
            "profit_half_width": _finite(price.profit_half_width, 2),
            "customers_needed": price.customers_needed,
            "alpha": ALPHA,
            "wanted_power": POWER,
            "window_days": window,
        },
    }


def _strata(each: Planned, scores: ScoreList) -> list[dict[str, Any]]:
    bands = scores.frame["risk_band"].to_numpy()
    found = []
    for stratum in sorted({*bands[each.treated], *bands[each.held_out], *each.used.strata}):
        before = each.used.strata.get(stratum)
        treatment = int(np.count_nonzero(bands[each.treated] == stratum)) + (before.treatment if before else 0)
        holdout = int(np.count_nonzero(bands[each.held_out] == stratum)) + (before.holdout if before else 0)
        found.append({"stratum": stratum, "treatment": treatment, "holdout": holdout})
    return found


def _finite(number: float, digits: int) -> float | None:
    return round(number, digits) if np.isfinite(number) else None


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
    document["sentences"] = sentences(document, [*facts.notes, *said_of(priced)])
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


def sentences(document: Mapping[str, Any], notes: Sequence[str]) -> list[str]:
    """Return the plan in words, the most important first; `notes` are said as they are."""
    found = [_headline(document)]
    found += [_sentence(each, document["currency"]) for each in document["campaigns"] if len(document["campaigns"]) > 1]
    found += _money(document)
    for each in document["campaigns"]:
        found += _holdout(each, document)
    found += notes
    found += [
        f"The alarm of `{each['campaign']}` is open, and it is planned on request: {each['message']}"
        for each in document["alarms"]
    ]
    if document["stale_reason"]:
        found.append(f"The scores are stale and were used on request: {document['stale_reason']}.")
    if document["calibration"]["is_overridden"]:
        reasons = "; ".join(document["calibration"]["reasons"])
        found.append(f"The probabilities failed the calibration gate and were used on request: {reasons}.")
    return found


def _headline(document: Mapping[str, Any]) -> str:
    expected, currency = document["expected"], document["currency"]
    earlier = sum(each["earlier"]["treatment"] + each["earlier"]["holdout"] for each in document["campaigns"])
    kept = f"; {count(earlier)} assigned earlier stay as they are" if earlier else ""
    if document["stands_since"]:
        day = document["stands_since"][:10]
        return f"This plan was made on {day} from the same scores, definitions and limits, and stands: {count(earlier)} are assigned."
    if not document["allocation"]["chosen"]:
        return f"Nobody new is contacted{kept}: {_why_nobody(document)}."
    band = expected["profit_interval"]
    return (
        f"Contact {count(expected['contacts'])} of {count(document['customers'])} customers for "
        f"{money(expected['cost'], currency, cents=False)}: {count(expected['saves'])} saves and "
        f"{money(expected['profit'], currency, cents=False)} net profit are expected (90 %: "
        f"{money(band['low'], currency, cents=False)} to {money(band['high'], currency, cents=False)}; chance of a loss "
        f"{_chance(expected['loss_probability'])}){kept}."
    )


def _why_nobody(document: Mapping[str, Any]) -> str:
    if any(each["eligible"] for each in document["campaigns"]):
        return "what earlier plans took leaves no room under the limits"
    worst = max((row for row in document["eligibility"]), key=lambda row: row["removed"])
    return f"nobody is eligible ({count(worst['removed'])} are {worst['label']})"


def _sentence(each: Mapping[str, Any], currency: str) -> str:
    expected = each["expected"]
    if not each["chosen"]:
        return f"{each['title']} ({each['name']}): nobody new."
    band = expected["profit_interval"]
    return (
        f"{each['title']} ({each['name']}): {count(each['treatment'])} contacts and {count(each['holdout'])} held out, "
        f"{money(expected['profit'], currency, cents=False)} expected "
        f"({money(band['low'], currency, cents=False)} to {money(band['high'], currency, cents=False)}), counted by the "
        f"{each['profit_model'].replace('_', ' ')} model."
    )


def _money(document: Mapping[str, Any]) -> list[str]:
    currency, shadow, budget = document["currency"], document["shadow_prices"], document["allocation"]["budget"]
    found: list[str] = []
    if document["stands_since"]:
        return found
    taken = document["allocation"]["budget_used_before"]
    if budget is not None and taken > 0:
        found.append(f"Of the budget of {money(budget, currency)}, earlier plans took {money(taken, currency)}.")
    if budget is not None and shadow["next_thousand"] > 0:
        found.append(
            f"The next {money(1000, currency)} of budget earns {money(shadow['next_thousand'], currency, cents=False)}."
        )
    elif budget is not None:
        left = budget - document["allocation"]["budget_used_before"] - document["allocation"]["committed"]
        found.append(
            f"More budget would earn nothing: {money(max(left, 0.0), currency, cents=False)} of it is left, because "
            "nobody else is worth the contact or another limit holds."
        )
    for each in shadow["campaigns"]:
        if each["per_contact"] > 0:
            found.append(f"One more contact in `{each['campaign']}` earns {money(each['per_contact'], currency)}.")
        if each["per_unit_of_budget"] > 0:
            earns = money(1000 * each["per_unit_of_budget"], currency, cents=False)
            found.append(f"The next {money(1000, currency)} of `{each['campaign']}`'s own budget earns about {earns}.")
    found += [
        f"One more contact by {each['channel']} earns {money(each['per_contact'], currency)}."
        for each in shadow["channels"]
        if each["per_contact"] > 0
    ]
    return found


def _holdout(each: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    currency, name = document["currency"], each["name"]
    held, power = document["holdout"][name], document["power"][name]
    if not held["treatment"] + held["holdout"]:
        return []
    if not held["holdout"]:
        why = "its [holdout] share is 0" if held["share"] == 0 else "too few were chosen"
        return [f"`{name}` holds nobody out ({why}), so what it causes cannot be measured."]
    detectable = power["minimum_detectable_effect"]
    teaches = (
        "no effect can be told from chance with so few"
        if detectable is None
        else f"a fall in churn of {_points(detectable)} or more is found with {percent(power['wanted_power'])} chance"
    )
    text = (
        f"Leaving {count(held['holdout'])} of {count(held['holdout'] + held['treatment'])} alone in `{name}` forgoes "
        f"{money(held['profit_forgone'], currency, cents=False)} of expected profit; with them {teaches}. Expected is a "
        f"fall of {_points(power['expected_effect'])} from {percent(power['churn_rate'])}, found with "
        f"{_chance(power['power'])} chance."
    )
    if power["power"] < power["wanted_power"] and power["customers_needed"]:
        text += f" For {percent(power['wanted_power'])} it takes {count(power['customers_needed'])} chosen, or a larger holdout."
    return [text]


def _chance(share: float) -> str:
    if 0.01 <= share <= 0.99:
        return percent(share, 0)
    return "less than 1 %" if share < 0.01 else "more than 99 %"


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"

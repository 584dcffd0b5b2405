"""Says in sentences what a plan does, what it is expected to bring, what more money would earn, what the holdout costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from churn.wording import count, money, percent


def sentences(document: Mapping[str, Any], notes: Sequence[str]) -> list[str]:
    """Return the plan in words, the most important first; `notes` are said as they are."""
    found = [_headline(document)]
    found += [_campaign(each, document["currency"]) for each in document["campaigns"] if len(document["campaigns"]) > 1]
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


def _campaign(each: Mapping[str, Any], currency: str) -> str:
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

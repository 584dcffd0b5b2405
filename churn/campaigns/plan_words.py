"""Says in words what a campaign's newest plan chose, what it expects, and what its holdout will be able to tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from churn.wording import count, money, percent


def choice_words(told: Mapping[str, Any], currency: str) -> str:
    """Return what a plan chose of those it could; `told` is the campaign's entry in the plan's document."""
    if not told["chosen"]:
        earlier = told["earlier"]["treatment"] + told["earlier"]["holdout"]
        stay = f" The {count(earlier)} assigned earlier stay as they are." if earlier else ""
        return f"Nobody new was chosen: {count(told['eligible'])} could have been.{stay}"
    all_ = "all" if told["chosen"] == told["eligible"] else f"the best {count(told['chosen'])}"
    expected = told["expected"]
    return (
        f"Of {count(told['eligible'])} who may be contacted {all_} were chosen: {count(told['treatment'])} to be contacted, "
        f"{count(told['holdout'])} left alone by chance. Contacting costs {money(expected['cost'], currency)}."
    )


def expectation_words(expected: Mapping[str, Any], currency: str) -> str:
    """Return what contacting is expected to bring, with its range and the chance of a loss."""
    band = expected["profit_interval"]
    return (
        f"{count(expected['saves'])} customers kept and {money(expected['profit'], currency, cents=False)} net are "
        f"expected; 90 % of the time between {money(band['low'], currency, cents=False)} and "
        f"{money(band['high'], currency, cents=False)}. The chance of a loss is {chance(expected['loss_probability'])}."
    )


def power_words(power: Mapping[str, Any], holdout: Mapping[str, Any], currency: str) -> list[str]:
    """Return what the holdout costs, what drop in churn it can detect, and what it takes to see the expected one."""
    if not holdout["treatment"] + holdout["holdout"]:
        return ["Nobody is assigned yet, so there is nothing to measure."]
    if not holdout["holdout"]:
        return ["Nobody is left alone, so what the campaign causes cannot be measured."]
    rate, wanted = power["churn_rate"], percent(power["wanted_power"], 0)
    detectable = power["minimum_detectable_effect"]
    sees = (
        f"With so few, no drop from {_rate(rate)} can be told from chance."
        if detectable is None
        else f"It can detect a drop from {_rate(rate)} to {_rate(rate - detectable)} or lower, {wanted} of the time."
    )
    expected = power["expected_effect"]
    hopes = (
        f"Expected is a drop from {_rate(rate)} to {_rate(max(rate - expected, 0.0))}, which it would see with "
        f"{chance(power['power'])} chance."
    )
    found = [sees, hopes]
    if power["power"] < power["wanted_power"] and power["customers_needed"]:
        found.append(
            f"To see it {wanted} of the time takes {count(power['customers_needed'])} chosen customers instead of "
            f"{count(holdout['treatment'] + holdout['holdout'])}, or a larger holdout."
        )
    if holdout["profit_forgone"] > 0:
        found.append(
            f"Leaving {count(holdout['holdout'])} alone forgoes about "
            f"{money(holdout['profit_forgone'], currency, cents=False)} of profit: the price of knowing."
        )
    return found


def chance(share: float) -> str:
    """Return a chance as people say it: whole per cent, and never 0 or 100."""
    if 0.01 <= share <= 0.99:
        return percent(share, 0)
    return "less than 1 %" if share < 0.01 else "more than 99 %"


def _rate(share: float) -> str:
    return percent(max(share, 0.0), 0 if share >= 0.095 else 1)

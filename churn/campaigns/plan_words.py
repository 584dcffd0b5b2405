"""Says in words what a campaign's newest plan chose, what it expects, and what its holdout will be able to tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args

from churn.documents.definition import Band, CampaignDefinition
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


_ON_LEAVE: Final = {
    "nothing": "whoever leaves the list keeps what was written",
    "clear": "whoever leaves the list has our fields emptied",
    "band_none": "whoever leaves the list is marked as at no risk",
}
_MODES: Final = {
    "update": "only records that are there are updated",
    "upsert": "records are updated, and made where there are none",
    "insert": "only new records are made",
    "mirror": "the list there holds exactly those of the campaign",
}
_MODELS: Final = {
    "case_study": "a save is worth its value whoever is contacted",
    "incentive": "customers who would have stayed take the incentive too, and it is counted",
    "uplift": "the effect is the one measured by earlier campaigns",
    "auto": "the measured effect where there is one, else by risk",
}


def audience_in_short(definition: CampaignDefinition) -> str:
    """Return who the campaign is for, in a few words, without its filter."""
    bands = definition.audience.bands
    text = "any risk" if len(bands) == len(get_args(Band)) else f"{_joined(bands)} risk"
    low, high = definition.audience.min_probability, definition.audience.max_probability
    if low > 0 and high < 1:
        return f"{text}, probability {percent(low)} to {percent(high)}"
    if low > 0:
        return f"{text}, probability {percent(low)} or more"
    return f"{text}, probability up to {percent(high)}" if high < 1 else text


def definition_words(definition: CampaignDefinition, *, window_days: int, currency: str) -> list[tuple[str, str]]:
    """Return (heading, sentences) of each part of a definition; its filter and its field map are shown as they are."""
    return [
        ("Who", _who(definition)),
        ("Offer", _offer(definition, currency)),
        ("Limits", _limits(definition, currency)),
        ("Holdout", _holdout(definition)),
        ("Judged", f"{window_days} days after the plan's date, by who is still a customer."),
        ("CRM", _crm(definition)),
    ]


def _who(d: CampaignDefinition) -> str:
    said = [f"Customers at {audience_in_short(d)}"]
    if d.audience.filter is not None:
        said[0] += " who meet the condition below"
    said.append(
        "Only those who agreed to marketing; an objection always counts"
        if d.audience.requires_consent
        else "Consent is not asked for, as for a message of service; an objection always counts"
    )
    if d.audience.skip_open_tickets:
        said.append("Whoever waits for an answer from support is left alone")
    return ". ".join(said) + "."


def _offer(d: CampaignDefinition, currency: str) -> str:
    offer = d.offer
    costs = f"A contact by {offer.channel.replace('_', ' ')} costs {money(float(offer.contact_cost), currency)}"
    if offer.incentive_cost:
        costs += f", an incentive that is taken {money(float(offer.incentive_cost), currency)}"
    low, high = percent(offer.success_rate_low), percent(offer.success_rate_high)
    works = f"Of contacted customers who would leave, {percent(offer.success_rate_expected)} are expected to stay ({low} to {high})"
    return f"{costs}. {works}. Profit is counted so: {_MODELS[offer.profit_model]}."


def _limits(d: CampaignDefinition, currency: str) -> str:
    limits, said = d.limits, []
    if limits.budget is not None:
        said.append(f"at most {money(float(limits.budget), currency)} over all plans")
    if limits.contacts is not None:
        said.append(f"at most {count(limits.contacts)} contacts over all plans")
    if not said:
        said.append("no limit of its own on budget or contacts")
    if limits.cooldown_days:
        said.append(f"nobody who was contacted in the last {_days(limits.cooldown_days)}")
    least = float(limits.min_expected_profit)
    said.append(f"only customers expected to bring {f'more than {money(least, currency)}' if least else 'a profit'}")
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}."


def _holdout(d: CampaignDefinition) -> str:
    if not d.holdout.share:
        return "Nobody is left alone, so what the campaign causes cannot be measured."
    return (
        f"{percent(d.holdout.share)} of those chosen are left alone by chance, and stay so, to measure what the campaign "
        "causes."
    )


def _crm(d: CampaignDefinition) -> str:
    where = f"Pushed to `{d.crm.connector}`" if d.crm.connector else "No connector is named: say which when you push"
    return f"{where}; {_MODES[d.crm.mode]}; {_ON_LEAVE[d.crm.on_leave]}."


def _joined(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _days(days: int) -> str:
    return f"{days} days" if days != 1 else "day"

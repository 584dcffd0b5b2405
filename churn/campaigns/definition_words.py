"""Says a campaign's definition in words: whom it is for, its offer and limits, how it is judged and pushed."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, get_args

from churn.decisions.bands import Band
from churn.documents.definition import CampaignDefinition, RateRange
from churn.languages.words import in_english
from churn.wording import count, money, percent, points

_ON_LEAVE: Final = {
    "nothing": "whoever leaves the list keeps what was written",
    "clear": "whoever leaves the list has our fields emptied",
    "band_none": "whoever leaves the list is marked as at no risk",
}
_MODES: Final = {
    "update": "only existing records are updated",
    "upsert": "records are updated, and created where there are none",
    "insert": "only new records are created",
    "mirror": "the list there holds exactly those of the campaign",
}
_MODELS: Final = {
    "case_study": "a save is worth its value whoever is contacted",
    "incentive": "customers who would have stayed take the incentive too, and it is counted",
    "uplift": "the effect is the one measured by earlier campaigns",
    "auto": "the measured effect where there is one, else by risk",
}


@in_english
def audience_in_short(definition: CampaignDefinition) -> str:
    """Return who the campaign is for, in a few words, without its filter."""
    bands = definition.audience.bands
    text = "any risk" if len(bands) == len(get_args(Band)) else f"{_joined(bands)} risk"
    low, high = definition.audience.min_probability, definition.audience.max_probability
    text = f"{text}, on a list" if definition.audience.customer_list else text
    if low > 0 and high < 1:
        return f"{text}, probability {percent(low)} to {percent(high)}"
    if low > 0:
        return f"{text}, probability {percent(low)} or more"
    return f"{text}, probability up to {percent(high)}" if high < 1 else text


@in_english
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
    sentences = [f"Customers at {audience_in_short(d)}"]
    if d.audience.customer_list is not None:
        sentences[0] = sentences[0].replace("on a list", f"on the list `{d.audience.customer_list}`", 1)
    if d.audience.filter is not None:
        sentences[0] += " who meet the condition below"
    sentences.append(
        "Only those who agreed to marketing; an objection always counts"
        if d.audience.requires_consent
        else "Consent is not asked for, as for a message of service; an objection always counts"
    )
    if d.audience.skip_open_tickets:
        sentences.append("Whoever waits for an answer from support is left alone")
    return ". ".join(sentences) + "."


def _offer(d: CampaignDefinition, currency: str) -> str:
    offer = d.offer
    costs = f"A contact by {offer.channel.replace('_', ' ')} costs {_amount(offer.contact_cost, currency)}"
    if offer.incentive_cost:
        costs += f", an incentive that is taken {_amount(offer.incentive_cost, currency)}"
    low, high = percent(offer.success_rate_low), percent(offer.success_rate_high)
    rate = offer.success_rate_expected
    share = f"`{rate}`" if isinstance(rate, str) else percent(rate)
    works = f"Of contacted customers who would leave, {share} are expected to stay ({low} to {high})"
    if offer.success is not None:
        works = f"{_by_cause(offer.success.voluntary, 'cancel')}{_by_cause(offer.success.involuntary, 'be lost to a failed payment')}"
        works = works.removesuffix(". ")
    else:
        works += ", whatever the cause of their churn"
    if (harm := offer.harm_range) is not None:
        driven = f"{points(harm.expected)} points ({points(harm.low)} to {points(harm.high)})"
        works += f". Contact is taken to drive {driven} of customers away"
    if offer.value_of_save is not None:
        works += f". A save is worth {_amount(offer.value_of_save, currency)}"
    return f"{costs}. {works}. Profit is counted so: {_MODELS[offer.profit_model]}."


def _by_cause(stated: RateRange | None, fate: str) -> str:
    """Return how many of those who would meet `fate` the offer keeps, as a sentence; nothing where it does not act on it."""
    if stated is None:
        return ""
    scaled = f", times `{stated.scaled_by}`" if stated.scaled_by else ""
    share = f"{percent(stated.expected)} are expected to stay ({percent(stated.low)} to {percent(stated.high)}){scaled}"
    return f"Of those who would {fate}, {share}. "


def _amount(term: Decimal | str, currency: str) -> str:
    """Return an amount, or the formula that gives each customer's."""
    return f"`{term}`" if isinstance(term, str) else money(float(term), currency)


def _limits(d: CampaignDefinition, currency: str) -> str:
    limits, phrases = d.limits, []
    if limits.budget is not None:
        phrases.append(f"at most {money(float(limits.budget), currency)} over all plans")
    if limits.contacts is not None:
        phrases.append(f"at most {count(limits.contacts)} contacts over all plans")
    if not phrases:
        phrases.append("no limit of its own on budget or contacts")
    if limits.cooldown_days:
        phrases.append(f"nobody who was contacted in the last {_days(limits.cooldown_days)}")
    least = float(limits.min_expected_profit)
    phrases.append(f"only customers expected to bring {f'more than {money(least, currency)}' if least else 'a profit'}")
    text = "; ".join(phrases)
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

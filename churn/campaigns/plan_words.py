"""Says a plan in words: in sentences for a terminal and for JSON, and part by part for a campaign's page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from churn.decisions.recalibration import Recalibration
from churn.documents.definition import CampaignDefinition
from churn.documents.plan import BelievedRate, CampaignPlan, PlanDocument, PlanExpectation, PlannedHoldout, PlannedPower
from churn.languages.words import in_english
from churn.wording import count, money, percent, points

CONSENT_UNKNOWN: Final = "The data do not say who agreed to marketing, so nobody was left out for it."
_ASSUMED: Final = "churn avoided is taken as success rate x probability"


def list_words(campaign: str, name: str, listed: int, scored: int) -> str:
    """Say how many of the customers on a campaign's list have scores."""
    return f"`{campaign}`: of the {count(listed)} customers on the list `{name}`, {count(scored)} have a score; the others left or are not known."


def plan_sentences(plan: PlanDocument, notes: Sequence[str]) -> tuple[str, ...]:
    """Return the plan in sentences, the most important first; `notes` are said as they are."""
    sentences = [_headline(plan)]
    if len(plan.campaigns) > 1:
        sentences += [_campaign(part, plan.currency) for part in plan.campaigns]
    sentences += _money(plan)
    for part in plan.campaigns:
        sentences += _holdout(part.name, plan)
    sentences += notes
    sentences += [
        f"The alarm of `{alarm.campaign}` is open, and it is planned on request: {alarm.message}"
        for alarm in plan.alarms
    ]
    if plan.stale_reason:
        sentences.append(f"The scores are stale and were used on request: {plan.stale_reason}.")
    if plan.calibration.is_overridden:
        reasons = "; ".join(plan.calibration.reasons)
        sentences.append(f"The probabilities failed the calibration gate and were used on request: {reasons}.")
    return tuple(sentences)


def uplift_note(name: str, taught_by: str, finding: str) -> str:
    """Return the note that campaign `name` is priced by uplift learnt from another campaign or an earlier round."""
    return f"`{name}` goes by the uplift that `{taught_by}` taught: {finding}"


def risk_note(name: str, finding: str) -> str:
    """Return that campaign `name` is priced by risk, for `finding` was no uplift to go by."""
    return f"`{name}` goes by risk, and {_ASSUMED}: {finding}"


def recalibration_note(seen: Recalibration) -> str:
    """Return how far the model's probabilities were off in the rounds that were measured, and that the plan counts with it."""
    rounds = "The last measured round" if seen.rounds == 1 else f"The last {seen.rounds} measured rounds"
    off = seen.churned / seen.expected - 1.0
    counted = f"{count(seen.churned)} left of {count(seen.customers)} whom nobody contacted, {count(round(seen.expected))} were expected"
    if abs(off) < 0.005:
        return f"{rounds} showed as many leavers as the model said ({counted}): this plan counts with how they were spread."
    which = "more" if off > 0 else "fewer"
    return f"{rounds} showed {percent(abs(off))} {which} leavers than the model said ({counted}): this plan counts with that."


def harm_note(name: str, taught_by: str, finding: str) -> str:
    """Return that campaign `name` contacts nobody, for an experiment found that contact does harm on average."""
    return f"`{name}` contacts nobody, as `{taught_by}` showed that contact does harm: {finding} `churn plan {name} --despite-alarm` plans it knowingly."


def terms_note(name: str, terms: Sequence[str]) -> str:
    """Return that some terms of campaign `name` differ by customer, and that the plan's document shows their means."""
    words = [term.replace("_", " ") for term in terms]
    listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    return f"`{name}` has each customer's own {listed}; where one number stands for all it is the mean."


def effect_notes(definition: CampaignDefinition, rates: Sequence[BelievedRate]) -> list[str]:
    """Return what is believed of an offer: what was measured beside what its file says, and what the file leaves out."""
    notes = []
    measured = [rate_words(rate) for rate in rates if rate.rounds]
    if measured:
        notes.append(f"`{definition.name}` goes by what was measured: {'; '.join(measured)}.")
    elif rates:
        notes.append(
            f"`{definition.name}` goes by its file, nothing was measured yet: {'; '.join(map(rate_words, rates))}."
        )
    if definition.offer.success is None:
        notes.append(single_rate_note(definition))
    return notes


def kept_note(definition: CampaignDefinition, kept: float) -> str:
    """Return that other offers kept less than their files promise, and what follows for this one."""
    share = f"{percent(kept, 0)} of what its file says" if kept > 0.0 else "contact that drives customers away"
    return f"`{definition.name}` begins with {share}, because other measured offers kept so much less than their files say."


def single_rate_note(definition: CampaignDefinition) -> str:
    """Return what an offer with one success rate leaves out, and what to do."""
    harm = "and counts no harm" if definition.offer.harm_range is None else "beside its harm"
    return f"`{definition.name}` has one success rate for all churn, whatever its cause, {harm}: state [offer.success]."


_ACTS_ON: Final = {"voluntary": "canceling", "involuntary": "failed payment", "all": "any churn", "harm": "harm"}


@in_english
def rate_words(rate: BelievedRate) -> str:
    """Return a number of an offer with its range, and the file's where something was measured."""
    subject = _ACTS_ON[rate.acts_on]
    # Before anything is measured the range is the file's own: ours is symmetrical about what is expected.
    is_files = not rate.rounds and rate.expected == rate.file_expected
    low, high = (rate.file_low, rate.file_high) if is_files else (rate.low, rate.high)
    if rate.acts_on == "harm":
        value = f"{points(rate.expected)} points ({points(low)} to {points(high)})"
        stated = f"{points(rate.file_expected)} points"
    else:
        value = f"{percent(rate.expected, 0)} ({100 * low:.0f} to {100 * high:.0f})"
        stated = percent(rate.file_expected, 0)
    scaled = f" x {rate.scaled_by}" if rate.scaled_by else ""
    if not rate.rounds:
        return f"{subject}{scaled} {value}"
    rounds = f"{rate.rounds} round{'s' if rate.rounds > 1 else ''}"
    return f"{subject}{scaled} measured {value} from {rounds}, the file says {stated}"


def window_note(name: str, window_days: int, horizon_days: int) -> str:
    """Return that campaign `name` is judged after other days than those within which its plan counts who would leave."""
    return (
        f"`{name}` is judged after {window_days} days; its saves and its profit here count who would leave within {horizon_days}, "
        "the days of the model."
    )


def unlearnt_note(names: Sequence[str]) -> str:
    """Return that nothing was learnt yet from the campaigns `names`."""
    return f"Nothing has been learnt yet from {', '.join(f'`{name}`' for name in names)}, so {_ASSUMED}."


def _headline(plan: PlanDocument) -> str:
    expected, currency = plan.expected, plan.currency
    earlier = sum(part.earlier.customers for part in plan.campaigns)
    kept = f"; {count(earlier)} assigned earlier stay as they are" if earlier else ""
    if plan.stands_since is not None:
        day = f"{plan.stands_since:%Y-%m-%d}"
        return f"This plan was made on {day} from the same scores, definitions and limits, and stands: {count(earlier)} are assigned."
    if not plan.allocation.chosen:
        return f"Nobody new is contacted{kept}: {_why_nobody(plan)}."
    band = expected.profit_interval
    return (
        f"Contact {count(expected.contacts)} of {count(plan.customers)} customers for "
        f"{money(expected.cost, currency, cents=False)}: {count(expected.saves)} saves and "
        f"{money(expected.profit, currency, cents=False)} net profit are expected (90 %: "
        f"{money(band.low, currency, cents=False)} to {money(band.high, currency, cents=False)}; chance of a loss "
        f"{chance(expected.loss_probability)}){kept}."
    )


def _why_nobody(plan: PlanDocument) -> str:
    if any(part.eligible for part in plan.campaigns):
        return "what earlier plans took leaves no room under the limits"
    worst = max(plan.eligibility, key=lambda row: row.removed)
    return f"nobody is eligible ({count(worst.removed)} are {worst.label})"


def _campaign(part: CampaignPlan, currency: str) -> str:
    expected = part.expected
    if not part.chosen:
        return f"{part.title} ({part.name}): nobody new."
    band = expected.profit_interval
    return (
        f"{part.title} ({part.name}): {count(part.treatment)} contacts and {count(part.holdout)} held out, "
        f"{money(expected.profit, currency, cents=False)} expected "
        f"({money(band.low, currency, cents=False)} to {money(band.high, currency, cents=False)}), counted by the "
        f"{part.profit_model.replace('_', ' ')} model."
    )


def _money(plan: PlanDocument) -> list[str]:
    currency, shadow, budget = plan.currency, plan.shadow_prices, plan.allocation.budget
    sentences: list[str] = []
    if plan.stands_since is not None:
        return sentences
    taken = plan.allocation.budget_used_before
    if budget is not None and taken > 0:
        sentences.append(f"Of the budget of {money(budget, currency)}, earlier plans took {money(taken, currency)}.")
    if budget is not None and shadow.next_thousand > 0:
        sentences.append(
            f"The next {money(1000, currency)} of budget earns {money(shadow.next_thousand, currency, cents=False)}."
        )
    elif budget is not None:
        left = budget - taken - plan.allocation.committed
        sentences.append(
            f"More budget would earn nothing: {money(max(left, 0.0), currency, cents=False)} of it is left, because "
            "nobody else is worth the contact or another limit holds."
        )
    for price in shadow.campaigns:
        if price.per_contact > 0:
            sentences.append(f"One more contact in `{price.campaign}` earns {money(price.per_contact, currency)}.")
        if price.per_unit_of_budget > 0:
            earns = money(1000 * price.per_unit_of_budget, currency, cents=False)
            sentences.append(
                f"The next {money(1000, currency)} of `{price.campaign}`'s own budget earns about {earns}."
            )
    sentences += [
        f"One more contact by {channel.channel} earns {money(channel.per_contact, currency)}."
        for channel in shadow.channels
        if channel.per_contact > 0
    ]
    return sentences


def _holdout(name: str, plan: PlanDocument) -> list[str]:
    currency, held, power = plan.currency, plan.holdout[name], plan.power[name]
    if not held.customers:
        return []
    if not held.holdout:
        why = "its [holdout] share is 0" if held.share == 0 else "too few were chosen"
        return [f"`{name}` holds nobody out ({why}), so what it causes cannot be measured."]
    detectable = power.minimum_detectable_effect
    teaches = (
        "no effect can be told from chance with so few"
        if detectable is None
        else f"a fall in churn of {_points(detectable)} or more is found with {percent(power.wanted_power)} chance"
    )
    text = (
        f"Leaving {count(held.holdout)} of {count(held.customers)} alone in `{name}` forgoes "
        f"{money(held.profit_forgone, currency, cents=False)} of expected profit; with them {teaches}. Expected is a "
        f"fall of {_points(power.expected_effect)} from {percent(power.churn_rate)} within {power.window_days} days, found with "
        f"{chance(power.power)} chance."
    )
    if power.power < power.wanted_power and power.customers_needed:
        text += (
            f" For {percent(power.wanted_power)} it takes {count(power.customers_needed)} chosen, or a larger holdout."
        )
    return [text]


@in_english
def choice_words(part: CampaignPlan, currency: str) -> str:
    """Return what a plan chose for one campaign of those it could."""
    if not part.chosen:
        earlier = part.earlier.customers
        stay = f" The {count(earlier)} assigned earlier stay as they are." if earlier else ""
        return f"Nobody new was chosen: {count(part.eligible)} could have been.{stay}"
    chosen = "all" if part.chosen == part.eligible else f"the best {count(part.chosen)}"
    return (
        f"Of {count(part.eligible)} who may be contacted {chosen} were chosen: {count(part.treatment)} to be contacted, "
        f"{count(part.holdout)} left alone by chance. Contacting costs {money(part.expected.cost, currency)}."
    )


@in_english
def expectation_words(expected: PlanExpectation, currency: str) -> str:
    """Return what contacting is expected to bring, with its range and the chance of a loss."""
    band = expected.profit_interval
    return (
        f"{count(expected.saves)} customers kept and {money(expected.profit, currency, cents=False)} net are "
        f"expected; 90 % of the time between {money(band.low, currency, cents=False)} and "
        f"{money(band.high, currency, cents=False)}. The chance of a loss is {chance(expected.loss_probability)}."
    )


@in_english
def power_words(power: PlannedPower, holdout: PlannedHoldout, currency: str) -> list[str]:
    """Return what the holdout costs, what drop in churn it can detect, and what it takes to see the expected one."""
    if not holdout.customers:
        return ["Nobody is assigned yet, so there is nothing to measure."]
    if not holdout.holdout:
        return ["Nobody is left alone, so what the campaign causes cannot be measured."]
    rate, wanted = power.churn_rate, percent(power.wanted_power, 0)
    detectable = power.minimum_detectable_effect
    sees = (
        f"With so few, no drop from {_rate(rate)} can be told from chance."
        if detectable is None
        else f"It can detect a drop from {_rate(rate)} to {_rate(rate - detectable)} or lower, {wanted} of the time."
    )
    hopes = (
        f"Expected is a drop from {_rate(rate)} to {_rate(max(rate - power.expected_effect, 0.0))}, which it would see "
        f"with {chance(power.power)} chance."
    )
    sentences = [sees, hopes]
    if power.power < power.wanted_power and power.customers_needed:
        sentences.append(
            f"To see it {wanted} of the time takes {count(power.customers_needed)} chosen customers instead of "
            f"{count(holdout.customers)}, or a larger holdout."
        )
    if holdout.profit_forgone > 0:
        sentences.append(
            f"Leaving {count(holdout.holdout)} alone forgoes about "
            f"{money(holdout.profit_forgone, currency, cents=False)} of profit: the price of knowing."
        )
    return sentences


def chance(share: float) -> str:
    """Return a chance as people say it: whole per cent, and never 0 or 100."""
    if 0.01 <= share <= 0.99:
        return percent(share, 0)
    return "less than 1 %" if share < 0.01 else "more than 99 %"


def _rate(share: float) -> str:
    return percent(max(share, 0.0), 0 if share >= 0.095 else 1)


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"

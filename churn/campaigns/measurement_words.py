"""Says a measurement in words that a marketer can repeat to the board: what happened, what it was worth, how sure."""

from __future__ import annotations

from typing import Final

from churn.campaigns.plan_words import rate_words
from churn.decisions.experiment import cuped_holds
from churn.documents.document import Range
from churn.documents.measurement import (
    ArmFigures,
    CampaignMoney,
    EarlierFigures,
    EffectInterval,
    IncentiveBasis,
    Measured,
    MeasurementStatus,
    MeasurementWords,
    StoryPart,
)
from churn.wording import count, money, percent

ALARM: Final = "campaign_harms"  # the kind of the alarm that a proven harm raises
_NO_VERDICT: Final[dict[MeasurementStatus, str]] = {
    "split_broken": "the split is broken",
    "no_holdout": "nobody was left alone to compare with",
    "nobody_treated": "nobody was contacted",
    "nothing_known": "one arm cannot be followed",
}
_INCENTIVES: Final[dict[IncentiveBasis, str]] = {
    "outcomes": "as told by outcomes",
    "stayers": "all contacted who stayed, as the plan assumed; no acceptances were told",
    "everyone": "all contacted, as the plan assumed; no acceptances were told",
}


def _two_by_two(d: Measured) -> str | None:
    halves = d.two_by_two
    if halves is None:
        return None
    high, low = halves.campaign_high, halves.campaign_low
    alone = {cell.risk: cell.churn_rate for cell in halves.cells if cell.arm == "holdout"}
    figures = (
        f"Model or campaign? Left alone, {percent(alone['high'], 1)} of the riskier half left and "
        f"{percent(alone['low'], 1)} of the safer half. Contact avoided {span(high)} among the riskier, {span(low)} "
        "among the safer. "
    )
    ranks, moves = halves.model.is_proven, d.verdict == "works" or high.is_proven or low.is_proven
    if d.verdict == "harms":
        subject = "The model finds those who leave, and contact" if ranks else "Contact"
        return f"{figures}{subject} makes more of them leave: stop, then look at the offer."
    if ranks and moves:
        return f"{figures}The model finds those who leave, and the campaign moves them: keep both."
    if ranks:
        return f"{figures}The model finds those who leave, but contact is not shown to move them: look at the offer, not the list."
    if moves:
        return f"{figures}The campaign moves customers, but risk does not tell whom: choose them by something else than risk."
    return f"{figures}Neither is proven here: too few customers, or neither the list nor the offer does its work."


def span(effect: EffectInterval) -> str:
    """Return an effect in percentage points with its interval: `5.1 points (1.2 to 9.0)`."""
    low, high = 100.0 * effect.low, 100.0 * effect.high
    return f"{100.0 * effect.delta:.1f} points ({low:.1f} to {high:.1f})"


def _segments(d: Measured) -> str | None:
    rows = d.segments
    if not rows:
        return None
    notable = [row for row in rows if row.is_notable]
    if not notable:
        return f"Segments (exploratory): none of {count(len(rows))} stands out once corrected for having looked at so many."
    named = ", ".join(f"{row.dimension.replace('_', ' ')} {row.segment} ({span(row)})" for row in notable)
    return (
        f"Segments (exploratory, corrected for looking at {count(len(rows))}): {named}. A question for the next campaign, "
        "not a finding."
    )


def caveats(d: Measured) -> list[str]:
    """Return what a reader must bear in mind, one sentence each; none where nothing is odd."""
    notes: list[str] = []
    arms, maturity = d.arms, d.maturity
    if d.is_so_far and maturity.mature < maturity.assigned:
        notes.append(
            f"So far only: {count(maturity.assigned - maturity.mature)} of {count(maturity.assigned)} assigned "
            f"customers are left out until their window has closed ({maturity.ready_date})."
        )
    gone = d.erased
    if gone.treatment + gone.holdout:
        notes.append(
            f"{count(gone.treatment)} of the treatment and {count(gone.holdout)} of the holdout were erased since, as people may "
            "ask, and are in no figure here."
        )
    if d.without_comparison:
        notes.append(
            f"{count(d.without_comparison)} assigned by plans that left nobody alone, or nobody contacted, are not part "
            "of this: there is nobody to compare them with. What they cost and what they brought is not counted either."
        )
    if d.status != "not_mature":
        notes += [
            f"{count(arm.missing)} of {count(arm.assigned)} in the {name} are no longer in the data, or had left before they were "
            "assigned as is known now, and could not be followed."
            for name, arm in (("treatment", arms.treatment), ("holdout", arms.holdout))
            if arm.missing
        ]
    holdout = arms.holdout
    if holdout.delivered:
        notes.append(
            f"{count(holdout.delivered)} of {count(holdout.assigned)} who should have been left alone were contacted "
            "all the same, which makes the effect look smaller than it is."
        )
    notes += [_moved(d, earlier) for earlier in (d.earlier,) if earlier is not None]
    if d.status == "measured":
        notes += _thin(d)
    notes += _events_left_out(d)
    if len(d.windows) > 1:
        days = " and ".join(str(window) for window in d.windows)
        notes.append(f"The plans of this campaign have windows of {days} days; each customer is judged by their own.")
    return notes


def _events_left_out(d: Measured) -> list[str]:
    """Return which outcome events count for nothing, and why."""
    kinds = (
        (
            d.events.before_assignment,
            "outcome event from before the assignment does not count.",
            "outcome events from before the assignment do not count.",
        ),
        (
            d.events.after_window,
            "outcome event from after the window does not count, nor what it cost.",
            "outcome events from after the window do not count, nor what they cost.",
        ),
        (
            d.events.unmatched,
            "outcome event is about somebody not in this campaign.",
            "outcome events are about somebody not in this campaign.",
        ),
    )
    return [_counted(number, singular, plural) for number, singular, plural in kinds if number]


def _moved(d: Measured, earlier: EarlierFigures) -> str:
    """Say what the last measurement said, and that data that came since changed who left."""
    return (
        f"Measured on {earlier.measured_at:%Y-%m-%d} it was {_people(earlier.saves)} and "
        f"{money(earlier.net_profit, d.currency, cents=False)} net: data that came since changed who left "
        f"({count(earlier.treatment_churned)} then and {count(d.arms.treatment.churned)} now of those contacted, "
        f"{count(earlier.holdout_churned)} then and {count(d.arms.holdout.churned)} now of those left alone)."
    )


def _thin(d: Measured) -> list[str]:
    """Return what small arms, or arms without churn, leave open."""
    holdout, treatment = d.arms.holdout, d.arms.treatment
    notes = []
    if not holdout.churned and not treatment.churned:
        notes.append("Nobody left in either arm, so there was nothing to prevent.")
    elif not holdout.churned:
        notes.append("Nobody of those left alone left, so no save can be shown: the holdout is small, or the risk was.")
    if d.verdict != "open":
        return notes
    if d.detectable is None:
        notes.append(
            "The arms are too small to find even the largest effect four times in five: keep a larger holdout."
        )
    else:
        notes.append(
            f"With arms of this size only a fall of {100.0 * d.detectable:.1f} points or more would be found four times "
            "in five. Nothing proven is not the same as nothing there."
        )
    return notes


def _counted(number: int, singular: str, plural: str) -> str:
    return f"{count(number)} {singular if number == 1 else plural}"


def words_of(d: Measured) -> MeasurementWords:
    """Return a measurement in words."""
    story = tuple(StoryPart(code=code, sentence=sentence) for code, sentence in _story(d) if sentence)
    return MeasurementWords(title=_title(d), headline=_headline(d), story=story, notes=tuple(caveats(d)))


def alarm_of(d: Measured) -> str | None:
    """Return the alarm for an interval that lies wholly below 0; None otherwise."""
    if d.verdict != "harms" or d.earned is None:
        return None
    saves = d.earned.saves
    return (
        f"STOP: {d.title} drives customers away. About {count(-saves.value)} left who would have stayed, "
        f"between {count(-saves.high)} and {count(-saves.low)}, with {_sure(d)} confidence. Contact nobody "
        "else with it until you know why."
    )


def _title(d: Measured) -> str:
    if d.status == "not_mature":
        return "Not yet mature: no verdict before every window has closed"
    if d.earned is None:
        return f"No verdict: {_NO_VERDICT[d.status]}"
    saves, profit = d.earned.saves.value, d.earned.net_profit
    if d.verdict == "harms":
        return f"Stop: it drove {count(-saves)} customers away"
    if d.verdict == "open":
        return "No effect is proven"
    if profit.low <= 0.0 <= profit.high:
        return f"It kept {count(saves)} customers; whether that paid is open"
    word = "earned" if profit.value >= 0 else "lost"
    return f"It kept {count(saves)} customers and {word} {money(abs(profit.value), d.currency, cents=False)} net"


def _headline(d: Measured) -> str:
    if d.status == "not_mature":
        m = d.maturity
        return (
            f"Not yet mature: {count(m.mature)} of {count(m.assigned)} outcomes are known, ready on "
            f"{m.ready_date}. {_until(d)}"
        )
    if d.status == "split_broken" and d.sample_ratio is not None:
        ratio = d.sample_ratio
        return (
            f"No verdict: the split is broken. {percent(ratio.expected_share, 1)} should have been left alone, of those "
            f"we can follow {percent(ratio.share, 1)} were, which chance does less than once in 1,000. Find out who "
            "is missing from one of the arms before you believe any number."
        )
    if d.earned is None:
        return _one_sided(d)
    earned = _earned(d.earned.net_profit, d.currency)
    if d.verdict == "harms":
        return f"{alarm_of(d)} {_compared(d)} {earned}"
    return _works(d, d.earned, earned) if d.verdict == "works" else _open(d, d.earned, earned)


def _until(d: Measured) -> str:
    ready = d.maturity.ready_date
    if ready is not None and ready <= d.data_cutoff.date():
        return (
            f"That day has come, and the data reach {d.data_cutoff:%Y-%m-%d}, but what tells who left does not: load a newer export of it "
            "with `churn refresh`."
        )
    if ready is not None and ready <= d.measured_at.date():
        return f"That day has come, but the data reach only {d.data_cutoff:%Y-%m-%d}: run `churn refresh`."
    return "Until then there is no verdict."


def _one_sided(d: Measured) -> str:
    treatment, holdout = d.arms.treatment, d.arms.holdout
    if d.status == "no_holdout":
        return (
            f"What it caused cannot be said: nobody was left alone to compare with. Of {count(treatment.measured)} "
            f"contacted, {count(treatment.churned)} left ({_rate(treatment)}), where the model expected "
            f"{count(treatment.expected_churned)} without contact. Keep a holdout next time."
        )
    if d.status == "nobody_treated":
        return (
            f"Nobody was contacted, so there is nothing to measure. Of {count(holdout.measured)} left alone, "
            f"{count(holdout.churned)} left ({_rate(holdout)})."
        )
    gone = "contacted" if not treatment.measured else "left alone"
    return f"No verdict: of those {gone} none is in the data any more, so there is nothing to compare with."


def _works(d: Measured, came_to: CampaignMoney, earned: str) -> str:
    saves = came_to.saves
    return (
        f"{_compared(d)} So it kept {count(saves.value)} customers who would have left, between {count(saves.low)} "
        f"and {count(saves.high)}. {earned} All with {_sure(d)} confidence."
    )


def _open(d: Measured, came_to: CampaignMoney, earned: str) -> str:
    saves = came_to.saves
    return (
        f"No effect is proven. {_compared(d)} That fits anything from {_people(saves.low)} to {_people(saves.high)}, "
        f"with {_people(saves.value)} as the best guess, at {_sure(d)} confidence. {earned}"
    )


def _compared(d: Measured) -> str:
    treatment, holdout = d.arms.treatment, d.arms.holdout
    return (
        f"Of {count(treatment.measured)} customers chosen for contact, {count(treatment.churned)} left "
        f"({_rate(treatment)}); of {count(holdout.measured)} like them left alone, {count(holdout.churned)} did "
        f"({_rate(holdout)})."
    )


def _earned(net: Range, currency: str) -> str:
    low, high, value = (money(amount, currency, cents=False) for amount in (net.low, net.high, net.value))
    if net.low > 0:
        return f"That earned {value} net of all costs, between {low} and {high}."
    if net.high < 0:
        lost, least, most = (money(-amount, currency, cents=False) for amount in (net.value, net.high, net.low))
        return f"It cost more than it brought: {lost} lost net, between {least} and {most}."
    word = "earned" if net.value >= 0 else "lost"
    best = money(abs(net.value), currency, cents=False)
    return (
        f"In money: {best} net {word} as the best guess, anywhere from {money(-net.low, currency, cents=False)} lost "
        f"to {high} earned."
    )


def _story(d: Measured) -> list[tuple[str, str | None]]:
    if d.status != "measured":
        return [("costs", _costs(d)), ("model", _model(d))]
    return [
        ("effect", _effect(d)),
        ("costs", _costs(d)),
        ("cuped", _cuped(d)),
        ("learnt", _learnt(d)),
        ("delivered", _delivered(d)),
        ("ledger", _ledger(d)),
        ("model", _model(d)),
        ("two_by_two", _two_by_two(d)),
        ("segments", _segments(d)),
    ]


def _effect(d: Measured) -> str | None:
    effect = d.effect
    if effect is None:
        return None
    how = "within strata of risk, as they were drawn" if effect.method.startswith("stratified") else "as assigned"
    return f"Effect: {span(effect)} of churn avoided, arms compared {how}, whoever was reached or not."


def _learnt(d: Measured) -> str | None:
    """Say what is believed of the offer now, beside what its file says."""
    if d.learnt is None:
        return None
    learnt = f"Learnt of the offer, for its next plans: {'; '.join(map(rate_words, d.learnt.effect))}."
    alone, held_out = sum(level.customers for level in d.learnt.levels), d.arms.holdout.measured
    if alone <= held_out:
        return learnt
    # So it may say harm where by luck many of a few who were held out left.
    return f"{learnt} Who leaves without contact is told there by {count(alone)} customers whom nobody contacted, and not by the {count(held_out)} held out alone."


def _cuped(d: Measured) -> str | None:
    if d.cuped is None:
        return _without_cuped(d)
    removed = percent(max(d.cuped.variance_removed, 0.0))
    return (
        f"Allowing for the risk each customer had before (CUPED): {span(d.cuped)}; that removed {removed} of the noise."
    )


def _without_cuped(d: Measured) -> str | None:
    """Say which interval stands where too few customers were held out, or left, for that of CUPED."""
    effect = d.effect
    if effect is None:
        return None
    churned = round(effect.churn_treatment * effect.treatment + effect.churn_holdout * effect.holdout)
    if cuped_holds(effect.treatment, effect.holdout, churned):
        return None  # arms of several draws, whose differences no risk explains
    how = "stratified" if effect.method.startswith("stratified") else "Newcombe's"
    return (
        f"Risk before is not allowed for (CUPED): with {effect.holdout:,} held out and {churned:,} who left its interval "
        f"would be too narrow. The interval here is {how}, which holds for few customers too."
    )


def _delivered(d: Measured) -> str:
    delivered, treatment = d.delivered, d.arms.treatment
    if delivered is None:
        return "Nobody told us whom the campaign reached, so all those chosen are taken to have been contacted."
    reached = f"{count(treatment.delivered)} of {count(treatment.assigned)} were reached ({percent(delivered.share_treatment)})"
    effect = delivered.effect
    if effect is None:
        return f"{reached}, no more than of those left alone: nothing can be said about being reached."
    return f"{reached}. On those, the effect is {span(effect)}."


def _costs(d: Measured) -> str | None:
    if d.money is None:
        return None
    costs, currency = d.money.costs, d.currency
    contacted = "as told by outcomes" if costs.contact_basis == "outcomes" else "all those chosen, as nobody told"
    text = f"Costs: {money(costs.contact_cost, currency)} for {count(costs.contacted)} contacted ({contacted})"
    basis = _INCENTIVES.get(costs.incentive_basis)
    if basis:
        text += f", {money(costs.incentive_cost, currency)} for {count(costs.used)} incentives used ({basis})"
    return f"{text}."


def _ledger(d: Measured) -> str | None:
    ledger, currency = d.ledger, d.currency
    if ledger is None or ledger.saves is None or ledger.net_profit is None:
        return None
    lies = (
        "the plan lies within what was measured"
        if ledger.is_profit_within
        else "the plan lies outside what was measured"
    )
    saves = "" if ledger.expected_saves is None else f"{count(ledger.expected_saves)} saves and "
    return (
        f"Save ledger: the plan expected {saves}{money(ledger.expected_profit, currency, cents=False)} net; measured are "
        f"{_people(ledger.saves.value)} and {money(ledger.net_profit.value, currency, cents=False)}: {lies}.{_other_days(d)}"
    )


def _other_days(d: Measured) -> str:
    """Say that plan and measurement count other days, where the plan went by the model's probabilities."""
    if d.horizon_days is None or d.profit_model == "uplift":
        return ""
    return f" The plan counts who would leave within {d.horizon_days} days, the measurement within {d.windows[-1]}."


def _model(d: Measured) -> str | None:
    ledger = d.ledger
    if ledger is None or not ledger.holdout:
        return None
    return (
        f"Model: of {count(ledger.holdout)} left alone it expected {count(ledger.holdout_expected_churned)} to leave; "
        f"{count(ledger.holdout_churned)} did."
    )


def _people(saves: float) -> str:
    return f"{count(-saves)} driven away" if round(saves) < 0 else f"{count(saves)} kept"


def _rate(arm: ArmFigures) -> str:
    return "-" if arm.churn_rate is None else percent(arm.churn_rate, 1)


def _sure(d: Measured) -> str:
    return percent(d.confidence, 0)

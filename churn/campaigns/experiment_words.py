"""Says an experiment in words: the verdict first, then what to do, then each figure in a sentence."""

from __future__ import annotations

from typing import Final

from churn.decisions.rollout import SAMPLE_RATIO_WARNING
from churn.documents.experiment import (
    AppliedPolicy,
    ExperimentFigures,
    ExperimentWords,
    OpenRange,
    PolicyFigures,
    RepeatedRows,
    UnseenValues,
)
from churn.documents.measurement import EffectInterval, StoryPart
from churn.wording import count, money, percent

_POLICIES: Final = {
    "nobody": "Contacting nobody",
    "everybody": "Contacting everybody",
    "some": "Contacting those the model picks",
}


def put_into_words(d: ExperimentFigures) -> ExperimentWords:
    """Return the words of an experiment."""
    parts = [
        ("effect", _effect(d)),
        ("split", _split(d)),
        *((f"money_{policy.policy}", policy_sentence(d, policy)) for policy in d.policies),
        ("ranking", _ranking(d)),
        ("harm", _harm(d)),
    ]
    return ExperimentWords(
        headline=_headline(d),
        advice=advice_sentence(d),
        story=tuple(StoryPart(code=code, sentence=sentence) for code, sentence in parts if sentence),
        notes=tuple(_notes(d)),
    )


def whole_groups_sentence(column: str) -> str:
    """Return that the groups of a column were assigned as a whole, and what that makes of the intervals."""
    return (
        f"All customers of one `{column}` are in one arm: whole groups were assigned, so the intervals here are those of "
        "groups drawn by chance, and wider than of as many customers. If the treatment made the column, leave it out."
    )


def _headline(d: ExperimentFigures) -> str:
    effect = d.effect
    if d.verdict == "split_broken" or effect is None:
        p_value = "" if d.split.p_value is None else f" ({_p(d.split.p_value)})"
        return (
            f"The split is broken: {percent(d.split.share, 1)} of {count(d.counts.compared)} customers were treated, where "
            f"{percent(d.split.planned_share or 0.0, 1)} was planned{p_value}. Nothing can be concluded."
        )
    if d.verdict == "harms":
        return f"The treatment does harm: {_change(d, effect)}. Do not contact."
    if d.verdict == "no_proof":
        return _not_proven(d, effect)
    if d.advice == "contact_everybody":
        return f"It works: {_change(d, effect)}. Contact everybody."
    if d.advice == "contact_some":
        some = d.policy("some")
        contacted = "some" if some is None else f"{count(some.contacted)} of {count(d.counts.compared)}"
        lead = "It works" if effect.low > 0 else "It works for some"
        return f"{lead}: {_change(d, effect)} on average. Contact {contacted}."
    return _works_for_nobody(d, effect)


def _not_proven(d: ExperimentFigures, effect: EffectInterval) -> str:
    """Return the headline of an effect that may be nothing, or that of whom the treatment was given to."""
    if not d.doubts:
        return f"Not proven: {_change(d, effect)}, which may be nothing. Do not roll it out yet."
    return (
        f"Not proven: {_change(d, effect)} over all, but {_change(d, d.doubts[0].within)} among customers alike in "
        f"`{d.doubts[0].column}`. The arms differ in it, so whom it was given to may be what differs."
    )


def _works_for_nobody(d: ExperimentFigures, effect: EffectInterval) -> str:
    """Return the headline of an effect that is not worth its money."""
    everybody = d.policy("everybody")
    if everybody is not None and everybody.gain.high is not None and everybody.gain.high < 0:
        return f"It works, and costs more than it brings: {_change(d, effect)}. On these terms contact nobody."
    return f"It works, and is not shown to pay: {_change(d, effect)}. On these terms contact nobody."


def advice_sentence(d: ExperimentFigures) -> str:
    """Return what to do, and what that is worth."""
    if d.advice == "find_the_fault":
        return (
            "Find out which customers are missing from one arm, or were counted twice, and analyse the corrected file."
        )
    if d.verdict == "harms":
        return "Stop the treatment. No list of customers is made from this experiment, whatever a model promises."
    if d.advice == "contact_nobody":
        if d.doubts:
            column = d.doubts[0].column
            return (
                f"Contact nobody for now. If the split was drawn within `{column}`, say --strata '{column}'; if it was known "
                f"only after the contact, --exclude '{column}'. Else the arms were not drawn by chance."
            )
        if d.verdict == "no_proof":
            larger = (
                ""
                if d.detectable is None
                else f" Arms of this size find an effect of {100 * d.detectable:.2f} points four times in five."
            )
            return f"Contact nobody for now, or test it on more customers.{larger}"
        return "Make the contact cheaper, or the offer better, before it is rolled out."
    policy = d.policy("some" if d.advice == "contact_some" else "everybody")
    return "" if policy is None else policy_sentence(d, policy)


def policy_sentence(d: ExperimentFigures, policy: PolicyFigures) -> str:
    """Return what a policy brings on the customers of the file."""
    name = _POLICIES[policy.policy]
    if policy.policy == "nobody":
        return f"Contacting nobody leaves {_amount(d, policy.total)}."
    if policy.policy == "some" and policy.contacted == d.counts.compared:
        return "A policy by the model would contact everybody."
    if policy.policy == "some" and not policy.contacted:
        return "A policy by the model would contact nobody."
    people = "" if policy.policy == "everybody" else f" ({count(policy.contacted)} of {count(d.counts.compared)})"
    text = f"{name}{people} comes to {_amount(d, policy.total)}: {_amount(d, policy.gain, sign=True)} against nobody"
    per_contact = policy.gain_per_contact
    if d.unit == "money" and per_contact is not None and per_contact.value is not None:
        text += f", {money(per_contact.value, d.currency, cents=True)} a contact"
    if policy.policy == "some":
        text += f", {_amount(d, policy.over_everybody, sign=True)} against everybody, judged on customers it was not chosen by"
    return f"{text}."


def _effect(d: ExperimentFigures) -> str:
    treated, control = d.arms.treated, d.arms.control
    text = (
        f"`{d.terms.outcome}`: {percent(treated.rate, 2)} of {count(treated.customers)} treated, "
        f"{percent(control.rate, 2)} of {count(control.customers)} left alone"
    )
    return f"{text}." if d.effect is None else f"{text}. {_change(d, d.effect)}, {_p(d.effect.p_value)}."


def _change(d: ExperimentFigures, effect: EffectInterval) -> str:
    """Return the effect as a change of the outcome as it is told: churn rises where the effect is below 0."""
    sign = -1.0 if d.terms.is_unwanted else 1.0
    low, high = sorted((sign * effect.low, sign * effect.high))
    return f"`{d.terms.outcome}` changes by {_points(sign * effect.delta)} points ({_points(low)} to {_points(high)})"


def _p(p_value: float | None) -> str:
    if p_value is None:
        return "p unknown"
    return "p < 1e-12" if p_value < 1e-12 else f"p = {p_value:.2g}"


def _points(share: float) -> str:
    return f"{100 * share:+.2f}"


def _split(d: ExperimentFigures) -> str:
    split = d.split
    if split.state == "not_checked":
        return "The split could not be checked: no planned share was named."
    planned = f"{percent(split.share, 1)} were treated where {percent(split.planned_share or 0.0, 1)} was planned ({_p(split.p_value)})"
    if split.state == "broken" and d.terms.strata is not None:
        return (
            f"{planned}: the split is broken. Each value of `{d.terms.strata}` is held to that share by itself: leave "
            "--planned-share out where they had shares of their own."
        )
    if split.state == "broken":
        mirrored = 1.0 - (split.planned_share or 0.0)
        hint = (
            f" The planned share is that of the treated: {percent(mirrored, 1)} would fit."
            if abs(mirrored - split.share) < 0.02
            else ""
        )
        return f"{planned}: the split is broken.{hint}"
    if split.state == "suspicious":
        return f"{planned}: such a difference comes by chance less than {SAMPLE_RATIO_WARNING:.0%} of the time. Find out why before you trust the rest."
    return f"{planned}: as planned."


def _ranking(d: ExperimentFigures) -> str | None:
    ranking = d.ranking
    if ranking is None:
        return None if d.unlearnt is None else f"For whom it does more was not learnt: {d.unlearnt}."
    qini = f"Qini {ranking.qini:.3f}, {ranking.low:.3f} to {ranking.high:.3f} allowing for the choice among {count(len(ranking.tried))}"
    if ranking.beats_chance:
        return f"It can be told for whom the treatment does more ({qini}; {ranking.model})."
    return f"It cannot be told for whom the treatment does more ({qini})."


def _harm(d: ExperimentFigures) -> str | None:
    ranking = d.ranking
    if ranking is None:
        return None
    looked = f"{count(ranking.groups_looked_at)} groups were looked at on half of the customers, {count(ranking.groups_suspected)} looked harmed"
    if not ranking.groups:
        return f"Exploratory: {looked}, none was confirmed on the other half."
    named = "; ".join(f"{group.text} ({_points(group.confirmed.delta)} points)" for group in ranking.groups)
    return f"Exploratory: {looked}, confirmed on the other half after correction: {named}. They are left alone."


def _groups(d: ExperimentFigures) -> list[str]:
    if d.groups is None:
        return []
    drawn = (
        f"Intervals are those of groups drawn by chance: {count(d.groups.treated)} of `{d.groups.column}` were treated, "
        f"{count(d.groups.control)} left alone."
    )
    sentences = [drawn]
    if d.groups.mixed:
        sentences.append(
            f"{count(d.groups.mixed)} of them have customers in both arms: each arm's part counts as a group of its own, which "
            "makes the intervals wide rather than narrow."
        )
    return sentences


def _notes(d: ExperimentFigures) -> list[str]:
    notes = _groups(d)
    if d.terms.strata is not None:
        notes.append(
            f"Arms are compared within each value of `{d.terms.strata}`, which count by their customers: effect and money are "
            "those of contacting everybody in the file."
        )
    notes += [
        column.sentence if column.is_whole else f"{column.sentence} No model was given it." for column in d.imbalances
    ]
    notes += [
        f"`{column}` tells `{d.terms.outcome}` almost by itself, so it was hardly known before the contact: no model was given "
        "it. If it was known, name it in training.trusted_features."
        for column in d.known_afterwards
    ]
    if d.split.state in {"suspicious", "not_checked"}:
        notes.append(_split(d))
    counts = d.counts
    if counts.no_arm:
        notes.append(f"{count(counts.no_arm)} rows name no arm and are in no figure.")
    if counts.other_arms:
        named = ", ".join(f"`{name}`" for name in counts.names_of_others)
        notes.append(
            f"{count(counts.other_arms)} rows are of other arms{f' ({named})' if named else ''} and are in no figure."
        )
    notes += [
        f"{count(arm.rows)} rows write `{arm.written}`, which is taken for `{arm.taken_for}`." for arm in counts.respelt
    ]
    if counts.repeated is not None:
        notes.append(_repeated(counts.repeated))
    if not d.worth.is_known_before and isinstance(d.terms.value, str):
        mean = "" if d.worth.value is None else f", {money(d.worth.value, d.currency)}"
        notes.append(f"`{d.terms.value}` is told only with the outcome, so whom to contact goes by its mean{mean}.")
        if d.worth.not_counted:
            notes.append(
                f"`{d.terms.value}` holds amounts for {count(d.worth.not_counted)} customers whose `{d.terms.outcome}` is not as wanted: they are "
                "in no figure. If money comes and goes without it too, such as refunds, analyse an outcome that says who brought money."
            )
    notes += _money_alone(d)
    some = d.policy("some")
    if some is not None and some.judged_on < counts.compared:
        notes.append(
            f"The model and its policy were learnt and judged on {count(some.judged_on)} customers drawn by chance; effect and the other policies are of all."
        )
    return notes


def _money_alone(d: ExperimentFigures) -> list[str]:
    """Return that money differs beyond chance where the outcome does not; nothing elsewhere."""
    everybody = d.policy("everybody")
    if d.unit != "money" or d.verdict != "no_proof" or everybody is None or d.doubts:
        return []
    if not isinstance(d.terms.value, str) or not 0.0 < d.arms.treated.rate < 1.0 or not 0.0 < d.arms.control.rate < 1.0:
        return []  # one worth for all is the effect again; and where an arm is all alike its spread is not known
    low, high = everybody.gain.low, everybody.gain.high
    if low is None or high is None or low <= 0 <= high:
        return []
    gain = _amount(d, everybody.gain, sign=True)
    if high < 0:
        return [
            f"In money contacting everybody loses beyond chance, {gain} against nobody, though no effect on `{d.terms.outcome}` is proven."
        ]
    text = (
        f"In money contacting everybody gains beyond chance, {gain} against nobody, though no effect on `{d.terms.outcome}` is proven: "
        "what each brought may differ and not how many did. Test it again with that as the question."
    )
    return [text]


def _repeated(repeated: RepeatedRows) -> str:
    """Say that customers may stand in several rows, and what to do."""
    if repeated.column is None:
        return (
            f"{count(repeated.rows)} rows say in every column what another row says: a customer who stands there twice counts twice, "
            "and intervals come out too narrow. Name the column of ids with --customer."
        )
    return (
        f"`{repeated.column}` has nearly a value of its own for each row, and {count(repeated.rows)} rows repeat one. If it names the "
        f"customer, say --customer '{repeated.column}': a customer who stands there twice counts twice."
    )


def _amount(d: ExperimentFigures, amount: OpenRange, *, sign: bool = False) -> str:
    value, low, high = (_one_amount(d, end, sign=sign) for end in (amount.value, amount.low, amount.high))
    if d.unit == "money" or sign:
        return f"{value} ({low} to {high})"
    return f"{value} customers {'without' if d.terms.is_unwanted else 'with'} `{d.terms.outcome}` ({low} to {high})"


def _one_amount(d: ExperimentFigures, amount: float | None, *, sign: bool) -> str:
    if amount is None:
        return "unknown"
    plus = "+" if sign and amount > 0 else ""
    if d.unit == "money":
        return f"{plus}{money(amount, d.currency, cents=False)}"
    return f"{plus}{count(amount)}"


def applied_sentence(applied: AppliedPolicy, d: ExperimentFigures) -> str:
    """Return what came of applying an experiment to a file."""
    if applied.advice == "contact_nobody":
        return f"None of {count(applied.customers)} customers is to be contacted: {d.verdict.replace('_', ' ')}."
    harm = f", {count(applied.left_for_harm)} left alone as harmed" if applied.left_for_harm else ""
    gain = ""
    if applied.expected_gain is not None:
        gain = f" Predicted gain: {_one_amount(d, applied.expected_gain, sign=True)}; measure it against a holdout."
    decided = f"{count(applied.contacted)} of {count(applied.customers)} customers are to be contacted{harm}.{gain}"
    return " ".join([decided, *map(unseen_sentence, applied.unseen)])


def unseen_sentence(unseen: UnseenValues) -> str:
    """Return which values of a column the experiment never saw, and what becomes of the customers who bear them."""
    others = unseen.values - len(unseen.examples)
    more = f" and {count(others)} more" if others else ""
    return (
        f"In {count(unseen.rows)} rows `{unseen.column}` holds what the experiment never saw: {', '.join(unseen.examples)}{more}. "
        "These are decided as rare values are, by their other columns."
    )

"""Says what a model is worth in words that need no statistics: how it serves, whether it can be believed, what it goes by."""

from __future__ import annotations

from datetime import datetime

from churn.documents.model_card import LearntPolicy, ModelCard
from churn.documents.model_figures import EvaluationCurves
from churn.wording import count, day, money, percent


def champion_words(card: ModelCard, curves: EvaluationCurves, served_from: datetime | None) -> list[str]:
    """Return which model serves since when and what that means; `served_from` is None for one that does not serve."""
    first = curves.cuts[0]
    serves = f" has served since {day(served_from)}" if served_from is not None else " does not serve"
    sentences = [f"{card.chosen.title}{serves}."]
    if first.lift is not None and first.precision is not None and first.recall is not None:
        sentences.append(
            f"Of the tenth of customers it calls riskiest, {percent(first.precision)} left within "
            f"{card.policy.horizon_days} days: {first.lift:.1f} times as many as among all. "
            f"Contacting that tenth reaches {percent(first.recall, 0)} of all who leave."
        )
    return sentences


def calibration_words(card: ModelCard, curves: EvaluationCurves) -> str:
    """Return whether the probabilities come true, with the bin of the riskiest as the example."""
    verdict = (
        "Its probabilities come true, so they may be turned into money."
        if card.calibration.is_passed
        else f"Its probabilities do not come true ({'; '.join(card.calibration.reasons)}), so money answers are refused."
    )
    if not curves.calibration:
        return verdict
    top = curves.calibration[-1]
    return (
        f"{verdict} Example: {count(top.customers)} customers were given {percent(top.predicted)} on average, and "
        f"{percent(top.observed)} of them left."
    )


def chosen_words(curves: EvaluationCurves, currency: str) -> str:
    """Return what contacting from the model's own cut on would have found and earned on the test customers."""
    chosen = curves.chosen
    if chosen is None or chosen.precision is None or chosen.threshold is None:
        return "At its offer's terms no contact would have paid: nobody is above its cut."
    return (
        f"Contacting everybody at {percent(chosen.threshold)} or more would have meant {count(chosen.contacts)} of "
        f"{count(curves.customers)} customers: {percent(chosen.recall or 0.0, 0)} of all who left, and "
        f"{money(chosen.net_profit, currency, cents=False)} net at the offer's terms."
    )


def learned_words(card: ModelCard) -> list[str]:
    """Return what the model learned from: slices, what was left out, and what it was not shown."""
    policy, counts = card.policy, card.counts
    sentences = [
        (
            f"Churn here is {_definition(policy)}, within {policy.horizon_days} days that begin "
            f"{policy.lead_days} days after each date, the time a team needs to act."
        ),
        card.split_description,
    ]
    treated, used = counts.get("treated_rows", 0), counts.get("treated_rows_used", 0)
    if treated:
        what = "were kept, for too few others remain" if used else "were left out, for contact changes what happens"
        sentences.append(f"{count(treated)} rows of customers whom a campaign contacted {what}.")
    if counts.get("excluded_in_lead"):
        sentences.append(
            f"{count(counts['excluded_in_lead'])} rows of customers who left before a team could act were left out."
        )
    if counts.get("immature"):
        sentences.append(f"{count(counts['immature'])} rows have no outcome yet.")
    if card.excluded_features:
        sentences.append(f"Not shown to it, by the settings: {', '.join(card.excluded_features)}.")
    if card.leakage_scan:
        strongest = card.leakage_scan[0]
        name = strongest.feature.replace("_", " ")
        sentences.append(
            f"No single fact gives the outcome away: the strongest alone, {name}, ranks {percent(strongest.auc, 0)} "
            "of pairs rightly."
        )
    return sentences


def _definition(policy: LearntPolicy) -> str:
    return {
        "any": "any end of a subscription",
        "voluntary": "a subscription canceled by the customer",
        "involuntary": "a subscription ended by failed payment",
        "inactivity": f"no sign of life for {policy.inactivity_days} days",
    }.get(policy.definition, policy.definition)

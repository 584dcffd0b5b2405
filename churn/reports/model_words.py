"""Says what a model is worth in words that need no statistics: how it serves, whether it can be believed, what it goes by."""

from __future__ import annotations

from datetime import datetime

from churn.documents.model_card import LearntPolicy, ModelCard
from churn.documents.model_figures import EvaluationCurves
from churn.languages.recorded import recorded
from churn.languages.words import tr
from churn.wording import count, day, decimal, money, percent


def champion_words(card: ModelCard, curves: EvaluationCurves, served_from: datetime | None) -> list[str]:
    """Return which model serves since when and what that means; `served_from` is None for one that does not serve."""
    first = curves.cuts[0]
    title = recorded(card.chosen.title)
    if served_from is None:
        sentences = [tr("{title} does not serve.", title=title)]
    else:
        sentences = [tr("{title} has served since {day}.", title=title, day=day(served_from))]
    if first.lift is not None and first.precision is not None and first.recall is not None:
        sentences.append(
            tr(
                "Of the tenth of customers it calls riskiest, {precision} left within {horizon_days} "
                "days: {lift} times as many as among all. Contacting that tenth reaches {recall} of all "
                "who leave.",
                precision=percent(first.precision),
                horizon_days=card.policy.horizon_days,
                lift=decimal(first.lift, 1),
                recall=percent(first.recall, 0),
            )
        )
    return sentences


def calibration_words(card: ModelCard, curves: EvaluationCurves) -> str:
    """Return whether the probabilities come true, with the bin of the riskiest as the example."""
    verdict = (
        tr("Its probabilities come true, so they may be turned into money.")
        if card.calibration.is_passed
        else tr(
            "Its probabilities do not come true ({reasons}), so money answers are refused.",
            reasons="; ".join(recorded(reason) for reason in card.calibration.reasons),
        )
    )
    if not curves.calibration:
        return verdict
    top = curves.calibration[-1]
    return tr(
        "{verdict} Example: {customers} customers were given {predicted} on average, and {observed} of them left.",
        verdict=verdict,
        customers=count(top.customers),
        predicted=percent(top.predicted),
        observed=percent(top.observed),
    )


def chosen_words(curves: EvaluationCurves, currency: str) -> str:
    """Return what contacting from the model's own cut on would have found and earned on the test customers."""
    chosen = curves.chosen
    if chosen is None or chosen.precision is None or chosen.threshold is None:
        return tr("At its offer's terms no contact would have paid: nobody is above its cut.")
    return tr(
        "Contacting everybody at {threshold} or more would have meant {contacts} of {customers} "
        "customers: {recall} of all who left, and {net_profit} net at the offer's terms.",
        threshold=percent(chosen.threshold),
        contacts=count(chosen.contacts),
        customers=count(curves.customers),
        recall=percent(chosen.recall or 0.0, 0),
        net_profit=money(chosen.net_profit, currency, cents=False),
    )


def learned_words(card: ModelCard) -> list[str]:
    """Return what the model learned from: slices, what was left out, and what it was not shown."""
    policy, counts = card.policy, card.counts
    sentences = [
        (
            tr(
                "Churn here is {policy}, within {horizon_days} days that begin {lead_days} days after "
                "each date, the time a team needs to act.",
                policy=_definition(policy),
                horizon_days=policy.horizon_days,
                lead_days=policy.lead_days,
            )
        ),
        card.split_description,
    ]
    if card.customers_share < 1:
        sentences.append(
            tr(
                "All rows are of {share} of the customers, chosen by chance: the company has more than are needed.",
                share=percent(card.customers_share),
            )
        )
    treated, used = counts.get("treated_rows", 0), counts.get("treated_rows_used", 0)
    if treated:
        what = (
            tr("were kept, for too few others remain")
            if used
            else tr("were left out, for contact changes what happens")
        )
        sentences.append(
            tr(
                "{treated} rows of customers whom a campaign contacted before their window opened {what}.",
                treated=count(treated),
                what=what,
            )
            if "contacted_later_rows" in counts
            else tr("{treated} rows of customers whom a campaign contacted {what}.", treated=count(treated), what=what)
        )
    if counts.get("contacted_later_rows"):
        sentences.append(
            tr(
                "{later} rows of customers whom a campaign contacted within their window stay in, for only who is still there is contacted.",
                later=count(counts["contacted_later_rows"]),
            )
        )
    if counts.get("excluded_in_lead"):
        sentences.append(
            tr(
                "{counts} rows of customers who left before a team could act were left out.",
                counts=count(counts["excluded_in_lead"]),
            )
        )
    if counts.get("immature"):
        sentences.append(tr("{counts} rows have no outcome yet.", counts=count(counts["immature"])))
    if card.excluded_features:
        sentences.append(
            tr(
                "Not shown to it, by the settings: {excluded_features}.",
                excluded_features=", ".join(card.excluded_features),
            )
        )
    if card.leakage_scan:
        strongest = card.leakage_scan[0]
        name = recorded(strongest.feature.replace("_", " "))
        sentences.append(
            tr(
                "No single feature gives the outcome away: the strongest alone, {name}, ranks {auc} of pairs correctly.",
                name=name,
                auc=percent(strongest.auc, 0),
            )
        )
    return sentences


def _definition(policy: LearntPolicy) -> str:
    return {
        "any": tr("any end of a subscription"),
        "voluntary": tr("a subscription canceled by the customer"),
        "involuntary": tr("a subscription ended by failed payment"),
        "inactivity": tr("no sign of life for {inactivity_days} days", inactivity_days=policy.inactivity_days),
    }.get(policy.definition, policy.definition)

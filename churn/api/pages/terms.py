"""The words of the pages explained in a marketer's language: one sentence each, shown as a tooltip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from churn.languages.words import N_, tr
from churn.wording import money, percent

if TYPE_CHECKING:
    from churn.config import BusinessSettings

TERMS: Final[dict[str, str]] = {
    "churn rate": N_("Of the customers active when a month began, the share that had left when it ended."),
    "expected leavers": N_("The sum of all churn probabilities: how many customers would leave if nobody acted."),
    "churn target": N_("The monthly churn rate the business wants to stay below. Whoever runs churn sets it."),
    "revenue at risk": N_(
        "What customers at high or critical risk pay per month, each weighed by the probability of leaving."
    ),
    "saved so far": N_(
        "Profit that campaigns caused, found by comparing contacted customers with a random "
        "group left alone, minus all costs. The range says how sure that is: 95 of 100 such "
        "ranges hold the true value."
    ),
    "cause of churn": N_(
        "Two parts of the probability of leaving, which add up to it: canceling, and losing the "
        "account to a payment that failed. They need different offers."
    ),
    "churn probability": N_(
        "How likely the customer is to leave within the next weeks, as the model sees it. Of 100 "
        "customers at 30 % about 30 leave."
    ),
    "risk band": N_("Low, medium, high or critical: a range of churn probability. Whoever runs churn sets its bounds."),
    "holdout": N_("Customers chosen by chance who are not contacted, so that the campaign's effect can be measured."),
    "calibration": N_("Whether probabilities come true: of customers at 30 %, about 30 in 100 should leave."),
    "drift": N_("Customers or their behaviour have changed since the model learned, so its judgement may be off."),
    "freshness": N_("Until when the data reach. Scores know nothing of what happened later."),
    "score run": N_("One pass of the model over all active customers. It normally happens every night."),
    "expected profit": N_(
        "Chance of keeping the customer by contacting them, times what a kept customer is worth, minus costs."
    ),
    "worth keeping": N_("The margin that the customer brings if they stay."),
    "lift": N_("How much denser leavers are among the customers ranked highest than among all."),
    "AUC": N_(
        "Of a customer who left and one who stayed, how often the model gave the higher risk to "
        "the one who left. Chance is 0.5."
    ),
    "test profit": N_(
        "What contacting those above the model's cut would have earned on customers it had never "
        "seen, at the offer's terms."
    ),
    "recall": N_("Of all who left, the share that the model would have had contacted."),
    "precision": N_("Of those it would have had contacted, the share that left."),
    "Brier": N_(
        "Mean squared distance between probability and what happened. Smaller is better; it punishes overconfidence."
    ),
    "ECE": N_(
        "How far probabilities and what happened are apart, on average over ten groups of customers. 0 is perfect."
    ),
}
TERM_TITLES: Final[dict[str, str]] = {
    "churn rate": N_("Churn rate"),
    "expected leavers": N_("Expected leavers"),
    "churn target": N_("Churn target"),
    "revenue at risk": N_("Revenue at risk"),
    "saved so far": N_("Saved so far"),
    "cause of churn": N_("Cause of churn"),
    "churn probability": N_("Churn probability"),
    "risk band": N_("Risk band"),
    "holdout": N_("Holdout"),
    "calibration": N_("Calibration"),
    "drift": N_("Drift"),
    "freshness": N_("Freshness"),
    "score run": N_("Score run"),
    "expected profit": N_("Expected profit"),
    "worth keeping": N_("Worth keeping"),
    "lift": N_("Lift"),
    "AUC": N_("AUC"),
    "test profit": N_("Test profit"),
    "recall": N_("Recall"),
    "precision": N_("Precision"),
    "Brier": N_("Brier"),
    "ECE": N_("ECE"),
}
# Amounts in which a kept customer is worth several months: their explanation goes on with how these are counted.
COUNTED_IN_MONTHS: Final = frozenset({"expected profit", "worth keeping", "test profit", "saved so far"})


def worth_in_words(business: BusinessSettings) -> str:
    """Return how the worth of a kept customer is counted, by [business]: months, leaving after all, discount, margin."""
    months = tr("1 month") if business.value_months == 1 else tr("{months} months", months=business.value_months)
    margin = (
        ""
        if business.margin_rate == 1
        else tr(" ({margin_rate} of the fee)", margin_rate=percent(business.margin_rate))
    )
    if business.value == "survival":
        return tr(
            "A kept customer counts for the months of margin{margin} that each one is expected to "
            "stay, two years at most, where the model knows of them; else for {months}.",
            margin=margin,
            months=months,
        )
    left = tr("nobody kept is taken to leave in them")
    if business.hazard_after_save > 0:
        left = tr(
            "of those kept, {hazard_after_save} are taken to leave each month after all",
            hazard_after_save=percent(business.hazard_after_save),
        )
    later = tr("later months count in full")
    if business.discount_rate > 0:
        later = tr("each month later is worth {discount_rate} less", discount_rate=percent(business.discount_rate))
    fee = money(float(business.default_monthly_fee), business.currency)
    return tr(
        "A kept customer counts for {months} of margin{margin}; {left}; {later}. Who has no "
        "known fee and paid nothing lately is assumed to pay {fee} a month.",
        months=months,
        margin=margin,
        left=left,
        later=later,
        fee=fee,
    )

"""Says what was found: one sentence an insight, with its numbers, and what to bear in mind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np

from churn.documents.exploration import ColumnInsight
from churn.exploration.insights import Findings, Insight
from churn.exploration.table import ExplorationTable, Parts
from churn.wording import count, money, percent

_MOSTLY: Final = 0.5

METHOD: Final = (
    "Conditions on single columns are chosen by chi-square on {searched}; of those that divide nearly as well, whole weeks, "
    "round numbers and the larger group come first. What says again what a stronger one said of the same customers is left "
    "out (Mantel-Haenszel ratio over everything said before, correlation of the groups, rank correlation of the columns); "
    "then second conditions are looked for within the strongest. What remains is tested once on {tested}: churn rates, "
    "ratios and intervals are those of the test, p-values one-sided and corrected by Holm's method over all {tests} tested. "
    "Rates carry Wilson's interval (95 %), ratios Katz's. Money at risk is the monthly fees of today's customers in the "
    "group times its churn rate. None of this says why they leave: only an experiment does."
)


def sentence(insight: Insight, currency: str) -> str:
    """Return the finding as one sentence: condition, churn rate with interval, ratio, share, money."""
    low, high = insight.interval
    lift = "nobody else left" if math.isinf(insight.lift) else f"{_times(insight.lift)} times the rest"
    return (
        f"{insight.words[:1].upper()}{insight.words[1:]}: {percent(insight.churn_rate, 0)} churn "
        f"({_span(low, high)}), {lift}, {percent(insight.share)} of customers, "
        f"{money(rounded(insight.money_at_risk), currency)} a month at risk."
    )


def note(insight: Insight) -> str | None:
    """Return what to bear in mind about a finding, or None."""
    if insight.involuntary_share > _MOSTLY:
        return (
            f"{percent(insight.involuntary_share, 0)} of them are lost to the failed payment itself, not by decision: "
            "mend the payment before persuading anyone."
        )
    return None


def insight_document(insight: Insight, rank: int, currency: str, tested_on: Sequence[date]) -> ColumnInsight:
    """Return an insight in words and figures; `condition` is SQL that a campaign's audience takes as its filter."""
    return ColumnInsight(
        rank=rank,
        sentence=sentence(insight, currency),
        words=insight.words,
        note=note(insight),
        condition=insight.sql,
        features=tuple(condition.column.name for condition in insight.conditions),
        churn_rate=insight.churn_rate,
        interval=insight.interval,
        rest_rate=insight.rest_rate,
        lift=insight.lift if math.isfinite(insight.lift) else None,
        lift_interval=insight.lift_interval,
        share=insight.share,
        customers=insight.customers,
        money_at_risk_monthly=insight.money_at_risk,
        involuntary_share=insight.involuntary_share,
        searched_rate=insight.searched_rate,
        tested_rows=insight.tested_rows,
        tested_churned=insight.tested_churned,
        tested_on=tuple(tested_on),
        p_value=insight.p_value,
        p_adjusted=insight.p_adjusted,
    )


def method(parts: Parts, findings: Findings) -> str:
    """Return how the insights were found and tested."""
    if parts.by == "date":
        searched = f"snapshots of {_days(parts.search_dates)}"
        tested = f"later ones, of {_days(parts.test_dates)}"
    else:
        searched, tested = "one half of the customers", "the other half, for want of later dates"
    text = METHOD.format(searched=searched, tested=tested, tests=findings.tested)
    if parts.overlap > 1:
        text += f" Label windows overlap, so each row counts for {percent(1 / parts.overlap, 0)} of one."
    return text


def headline(findings: Findings, churn_rate: float | None, currency: str) -> str:
    """Return what the exploration says first."""
    if churn_rate is None:
        return "There are no outcomes yet, so nothing can be said about who leaves."
    if not findings.insights:
        return (
            f"Nobody stands out: {findings.tested} suspected groups were tested on later data, and none was confirmed."
        )
    first = findings.insights[0]
    lift = "" if math.isinf(first.lift) else f", {_times(first.lift)} times the rest"
    at_risk = money(rounded(first.money_at_risk), currency)
    return (
        f"{first.words[:1].upper()}{first.words[1:]}: {percent(first.churn_rate, 0)} of these customers leave{lift}, and "
        f"{at_risk} a month with them."
    )


def tally(findings: Findings) -> str:
    """Return how many conditions were looked at, tested and confirmed."""
    groups = "1 group was" if findings.confirmed == 1 else f"{findings.confirmed} groups were"
    return f"{count(findings.looked_at)} conditions were looked at, {findings.tested} tested on other data, {groups} confirmed."


def notes(table: ExplorationTable) -> tuple[str, ...]:
    """Return what a reader has to know before believing anything."""
    observations, sentences = table.observations, []
    treated = int(np.count_nonzero(observations.is_treated & (observations.churned >= 0)))
    if treated:
        sentences.append(
            f"{count(treated)} rows of customers whom a campaign contacted before their window opened are left out: their "
            "churn is not what it would have been."
        )
    if observations.sampled < 1:
        sentences.append(
            f"Of earlier dates {percent(observations.sampled)} of customers are read, chosen by a hash of their id."
        )
    if table.labelled and table.parts.by == "customer":
        sentences.append(
            "There are no later dates to test on, so insights were found on one half of the customers and tested on the other."
        )
    if not table.labelled:
        sentences.append(
            "No outcome is known yet: the label windows of all dates are still open, or the source has no label. Churn is "
            "left out until there are some."
        )
    return tuple(sentences)


def rounded(amount: float) -> float:
    """Round money to what an estimate can bear: three digits, two from a hundred thousand."""
    if amount < 1:
        return round(amount, 2)
    digits = 2 if amount >= 1e5 else 3
    step = 10.0 ** max(0, math.floor(math.log10(amount)) + 1 - digits)
    return round(amount / step) * step


def _times(lift: float) -> str:
    return f"{lift:.0f}" if lift >= 10 else f"{lift:.1f}"


def _span(low: float, high: float) -> str:
    return f"{100 * low:.0f} to {100 * high:.0f} %"


def _days(days: Sequence[date]) -> str:
    return str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]}"

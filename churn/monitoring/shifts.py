"""Score drift, label drift, and what the present scores promise of themselves: shifts one sees before results worsen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import numpy as np

from churn.decisions.checks import Floats
from churn.decisions.decay import Estimate, difference, expected_figures
from churn.decisions.drift import (
    ACT_LIMIT,
    WATCH_LIMIT,
    count_numbers,
    drift_severity,
    filled_bins,
    moved_share,
    psi,
    psi_noise,
    quantile_edges,
)
from churn.decisions.severity import Severity
from churn.documents.monitoring import ChurnRate, Finding, ScoreEstimate
from churn.wording import percent

BLIND: Final = (
    "It takes the model's word: it sees when customers have become others, and is blind to customers who behave otherwise "
    "than they did (concept drift), which only matured labels show."
)
_LABEL_WATCH, _LABEL_ACT = 0.15, 0.30  # change of the churn rate, as a share of it
_LABEL_REACH = 3.29  # 99.9 %, two-sided
_HINT_AUC = 0.02


def score_finding(
    test: Floats, present: Floats, season: Floats | None, *, season_name: str, monthly_margin: float
) -> Finding:
    """Compare churn probabilities now with those of the model's test rows, and show the calendar-matched ones beside.

    Money at risk: churn probability gained or lost by the average customer, times customers and monthly margin.
    """
    edges = quantile_edges(test)
    before, now = count_numbers(test, edges), count_numbers(present, edges)
    value = psi(before, now)
    noise = psi_noise(present.size, test.size, filled_bins(before, now))
    severity = drift_severity(value, noise, rows=present.size, reference_rows=test.size)
    if severity == "unknown":
        sentence = "Not enough data to judge the scores: it takes 1,000 now and 1,000 on test."
        return Finding(monitor="score_drift", subject="churn probability", severity=severity, sentence=sentence)
    level, was = float(present.mean()), float(test.mean())
    sentence = (
        f"The scores {'lie as they did' if severity == 'ok' else 'have moved'}: PSI {value:.2f} against the test rows "
        f"(chance gives up to {noise:.3f}); on average {percent(level)} are expected to leave, then {percent(was)}"
    )
    if season is not None and season.size:
        again = psi(count_numbers(season, edges), now)
        sentence += f". Against {season_name} the PSI is {again:.2f}"
    elif severity != "ok":
        sentence += f"; {percent(moved_share(before, now))} of the customers lie in other bins"
    return Finding(
        monitor="score_drift",
        subject="churn probability",
        severity=severity,
        sentence=f"{sentence}.",
        value=value,
        limit=max(ACT_LIMIT if severity == "act" else WATCH_LIMIT, noise),
        money_at_risk=abs(level - was) * present.size * monthly_margin,
    )


def label_shift(churners: int, rows: int, rates: Sequence[ChurnRate]) -> tuple[Estimate, float]:
    """Return the relative change of the churn rate against the training dates with its noise, and their rate.

    The noise counts how the training dates differed among themselves, so that an ordinary month is no alarm.
    """
    total, left = sum(rate.rows for rate in rates), sum(rate.churners for rate in rates)
    if not left or not rows:
        return Estimate(math.nan, math.nan), math.nan
    before = left / total
    between = before * ordinary_spread(rates)
    now = Estimate(churners / rows, math.hypot(math.sqrt(before * (1.0 - before) / rows), between))
    gap = difference(now, Estimate(before, math.sqrt(before * (1.0 - before) / total)))
    return Estimate(gap.value / before, gap.error / before), before


def ordinary_spread(rates: Sequence[ChurnRate]) -> float:
    """Return by how much the churn rates of training dates differ beyond chance: a deviation, as a share of their rate."""
    total, left = sum(rate.rows for rate in rates), sum(rate.churners for rate in rates)
    shares = np.array([rate.churners / rate.rows for rate in rates if rate.rows])
    if not left or shares.size < 3:
        return 0.0
    before = left / total
    chance = math.sqrt(before * (1.0 - before) * len(shares) / total)
    return math.sqrt(max(float(shares.std(ddof=1)) ** 2 - chance**2, 0.0)) / before


def label_finding(
    day: date,
    churners: int,
    rows: int,
    rates: Sequence[ChurnRate],
    *,
    customers: int,
    monthly_margin: float,
    season: ChurnRate | None = None,
) -> Finding:
    """Compare the churn rate of the newest matured cohort with that of the training dates.

    `season`: the same season a year before, shown beside. Money: churners a month above (or
    below) the training rate, times the monthly margin.
    """
    change, before = label_shift(churners, rows, rates)
    if not math.isfinite(change.value):
        sentence = "No labels have matured that could be compared with those of training."
        return Finding(monitor="label_drift", subject="churn rate", severity="unknown", sentence=sentence)
    noise = _LABEL_REACH * change.error
    size = abs(change.value)
    severity: Severity = (
        "act" if size > max(_LABEL_ACT, noise) else "watch" if size > max(_LABEL_WATCH, noise) else "ok"
    )
    rate = churners / rows
    sentence = (
        f"Of the customers of {day}, {percent(rate)} left, {percent(before)} on the training dates "
        f"({change.value:+.0%}; ordinary months differ by up to {noise:.0%})"
    )
    if season is not None and season.rows:
        sentence += f", {percent(season.churners / season.rows)} of those of {season.snapshot_date}"
    return Finding(
        monitor="label_drift",
        subject="churn rate",
        severity=severity,
        sentence=f"{sentence}.",
        value=change.value,
        limit=max(_LABEL_ACT if severity == "act" else _LABEL_WATCH, noise),
        money_at_risk=abs(rate - before) * customers * monthly_margin,
    )


def estimated_finding(
    present: Floats, test: Mapping[str, Estimate], *, threshold: float
) -> tuple[Finding, ScoreEstimate]:
    """Return what the scores promise before labels mature, as a hint that never raises an alarm, and its figures."""
    expected = expected_figures(present, threshold=threshold)
    auc, was = expected["auc"], test["auc"].value
    estimate = ScoreEstimate(**expected, test_auc=was, note=BLIND)
    if not (math.isfinite(auc) and math.isfinite(was)):
        sentence = f"Nothing can be estimated from these scores. {BLIND}"
        return Finding(monitor="estimated", subject="AUC", severity="unknown", sentence=sentence), estimate
    finding = Finding(
        monitor="estimated",
        subject="AUC",
        severity="watch" if auc < was - max(_HINT_AUC, 3.29 * test["auc"].error) else "ok",
        sentence=(
            f"If the model is right about everybody, its AUC now is {auc:.3f} ({was:.3f} on test) and "
            f"{percent(expected['churn_rate'])} will leave. {BLIND}"
        ),
        value=auc,
        limit=was - _HINT_AUC,
    )
    return finding, estimate

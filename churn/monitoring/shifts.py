"""Score drift, label drift, and what the present scores promise of themselves: shifts one sees before results worsen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Final

import numpy as np

from churn.decisions.checks import Floats
from churn.decisions.decay import Figure, difference, expected_figures
from churn.decisions.drift import (
    ACT_LIMIT,
    WATCH_LIMIT,
    Severity,
    count_numbers,
    drift_severity,
    filled_bins,
    moved_share,
    psi,
    psi_noise,
    quantile_edges,
)
from churn.monitoring.findings import Finding
from churn.wording import percent

BLIND: Final = (
    "It takes the model's word: it sees when customers have become others, and is blind to customers who behave otherwise "
    "than they did (concept drift), which only matured labels show."
)
_LABEL_WATCH, _LABEL_ACT = 0.15, 0.30  # change of the churn rate, as a share of it
_LABEL_REACH = 3.29  # 99.9 %, two-sided
_HINT_AUC = 0.02


def score_finding(
    test: Floats, present: Floats, season: Floats | None, *, season_name: str, monthly_margin: float, run_id: str | None
) -> Finding:
    """Compare churn probabilities now with those of the model's test rows, and show the calendar-matched ones beside.

    Money at risk: churn probability gained or lost by the average customer, times customers and monthly margin.
    """
    edges = quantile_edges(test)
    before, now = count_numbers(test, edges), count_numbers(present, edges)
    value = psi(before, now)
    noise = psi_noise(present.size, test.size, filled_bins(before, now))
    severity = drift_severity(value, noise, rows=present.size, reference_rows=test.size)
    runs = () if run_id is None else (run_id,)
    if severity == "unknown":
        sentence = "Not enough data to judge the scores: it takes 1,000 now and 1,000 on test."
        return Finding("score_drift", "churn probability", severity, sentence, run_ids=runs)
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
    limit = max(ACT_LIMIT if severity == "act" else WATCH_LIMIT, noise)
    money = abs(level - was) * present.size * monthly_margin
    return Finding("score_drift", "churn probability", severity, f"{sentence}.", value, limit, money, runs)


def label_shift(churners: int, rows: int, rates: tuple[tuple[str, int, int], ...]) -> tuple[Figure, float]:
    """Return the relative change of the churn rate against the training dates with its noise, and their rate.

    The noise counts how the training dates differed among themselves, so that an ordinary month is no alarm.
    """
    total, left = sum(n for _, n, _ in rates), sum(c for _, _, c in rates)
    if not left or not rows:
        return Figure(math.nan, math.nan), math.nan
    before = left / total
    between = before * ordinary_spread(rates)
    now = Figure(churners / rows, math.hypot(math.sqrt(before * (1.0 - before) / rows), between))
    gap = difference(now, Figure(before, math.sqrt(before * (1.0 - before) / total)))
    return Figure(gap.value / before, gap.error / before), before


def ordinary_spread(rates: tuple[tuple[str, int, int], ...]) -> float:
    """Return by how much the churn rates of training dates differ beyond chance: a deviation, as a share of their rate."""
    total, left = sum(n for _, n, _ in rates), sum(c for _, _, c in rates)
    each = np.array([c / n for _, n, c in rates if n])
    if not left or each.size < 3:
        return 0.0
    before = left / total
    chance = math.sqrt(before * (1.0 - before) * len(each) / total)
    return math.sqrt(max(float(each.std(ddof=1)) ** 2 - chance**2, 0.0)) / before


def label_finding(
    day: date,
    churners: int,
    rows: int,
    rates: tuple[tuple[str, int, int], ...],
    *,
    customers: int,
    monthly_margin: float,
    season: tuple[date, int, int] | None = None,
) -> Finding:
    """Compare the churn rate of the newest matured cohort with that of the training dates.

    `season`: the same season a year before, its rows and churners, shown beside. Money: churners a month above (or
    below) the training rate, times the monthly margin.
    """
    change, before = label_shift(churners, rows, rates)
    if not math.isfinite(change.value):
        sentence = "No labels have matured that could be compared with those of training."
        return Finding("label_drift", "churn rate", "unknown", sentence)
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
    if season is not None and season[1]:
        sentence += f", {percent(season[2] / season[1])} of those of {season[0]}"
    limit = max(_LABEL_ACT if severity == "act" else _LABEL_WATCH, noise)
    money = abs(rate - before) * customers * monthly_margin
    return Finding("label_drift", "churn rate", severity, f"{sentence}.", change.value, limit, money)


def estimated_finding(
    present: Floats, test: Mapping[str, Figure], *, threshold: float
) -> tuple[Finding, dict[str, float]]:
    """Return what the scores promise before labels mature, as a hint that never raises an alarm, and its figures."""
    found = expected_figures(present, threshold=threshold)
    auc, was = found["auc"], test["auc"].value
    if not (math.isfinite(auc) and math.isfinite(was)):
        return Finding("estimated", "AUC", "unknown", f"Nothing can be estimated from these scores. {BLIND}"), found
    severity: Severity = "watch" if auc < was - max(_HINT_AUC, 3.29 * test["auc"].error) else "ok"
    sentence = (
        f"If the model is right about everybody, its AUC now is {auc:.3f} ({was:.3f} on test) and "
        f"{percent(found['churn_rate'])} will leave. {BLIND}"
    )
    return Finding("estimated", "AUC", severity, sentence, auc, was - _HINT_AUC), found

"""Concept drift: how a model fares on cohorts whose labels are final, against what its test promised."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np

from churn.decisions.calibration import SLOPE_LIMITS
from churn.decisions.checks import Floats
from churn.decisions.decay import Figure, cohort_figures, decay_limit, difference
from churn.decisions.drift import Severity
from churn.monitoring.findings import Finding, worst
from churn.wording import money, percent

LEAST_CHURNERS: Final = 30  # below it a cohort's figures say nothing
# How much worse a figure must be, beyond chance, to be worth acting on; significance alone grows with the company.
MATERIAL: Final[dict[str, float]] = {"auc": 0.02, "recall": 0.05, "lift": 0.10, "slope": 0.15, "level": 0.10}
_RELATIVE: Final = frozenset({"lift", "level"})  # material as a share of the test's figure
_TWO_SIDED: Final = frozenset({"slope", "level"})
TITLES: Final = {
    "auc": "AUC",
    "recall": "recall",
    "lift": "lift of the top tenth",
    "slope": "calibration slope",
    "level": "churners per churner expected",
}


@dataclass(frozen=True)
class Judged:
    """One figure of a cohort: its value, interval, the range it must lie in, and what follows."""

    name: str
    now: Figure
    test: Figure
    low: float
    high: float
    severity: Severity


@dataclass(frozen=True)
class Cohort:
    """One snapshot date whose labels are final: rows are customers, untreated where enough were."""

    snapshot_date: date
    matured_on: date
    customers: int
    churners: int
    expected_churners: float
    mean_margin: float
    figures: tuple[Judged, ...]
    treated_left_out: int = 0

    @property
    def severity(self) -> Severity:
        """The worst of its figures."""
        return worst([figure.severity for figure in self.figures])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; None where undefined."""
        return {
            "snapshot_date": str(self.snapshot_date),
            "matured_on": str(self.matured_on),
            "customers": self.customers,
            "churners": self.churners,
            "churn_rate": self.churners / max(self.customers, 1),
            "expected_churners": self.expected_churners,
            "treated_left_out": self.treated_left_out,
            "severity": self.severity,
            "figures": {
                one.name: {
                    "value": _plain(one.now.value),
                    "interval": [_plain(v) for v in one.now.interval()],
                    "test": _plain(one.test.value),
                    "limits": [_plain(one.low), _plain(one.high)],
                    "severity": one.severity,
                }
                for one in self.figures
            },
        }


def judge_cohort(
    snapshot_date: date,
    matured_on: date,
    y: Floats,
    p: Floats,
    margin: Floats,
    *,
    test: Mapping[str, Figure],
    threshold: float,
    level: float,
    spread: float = 0.0,
    treated_left_out: int = 0,
) -> Cohort:
    """Judge outcomes `y` (n,) against probabilities `p` (n,): worse than the test by more than chance *and* materially.

    All figures of a cohort together raise a false alarm with probability 1 - `level` at most (Bonferroni); the noise
    of the test counts as well as that of the cohort, and for the level also `spread`, by which ordinary months differ
    beyond chance (see shifts.ordinary_spread): a model foresees customers, not months.
    """
    figures = cohort_figures(y, p, threshold=threshold)
    reach = decay_limit(len(figures), level=level)
    is_enough = min(float(y.sum()), float((1.0 - y).sum())) >= LEAST_CHURNERS
    judged = tuple(_judge(name, now, test[name], reach, spread, is_enough=is_enough) for name, now in figures.items())
    return Cohort(
        snapshot_date=snapshot_date,
        matured_on=matured_on,
        customers=y.size,
        churners=int(y.sum()),
        expected_churners=float(p.sum()),
        mean_margin=float(np.mean(margin)) if margin.size else 0.0,
        figures=judged,
        treated_left_out=treated_left_out,
    )


def _judge(name: str, now: Figure, test: Figure, reach: float, spread: float, *, is_enough: bool) -> Judged:
    if name == "level":
        now, test = (Figure(one.value, math.hypot(one.error, spread * one.value)) for one in (now, test))
    gap = difference(now, test)
    if not (is_enough and math.isfinite(gap.value) and math.isfinite(gap.error)):
        return Judged(name, now, test, math.nan, math.nan, "unknown")
    material = MATERIAL[name] * (abs(test.value) if name in _RELATIVE else 1.0)
    room = max(reach * gap.error, material)
    low = test.value - room
    high = test.value + room if name in _TWO_SIDED else math.inf
    if name == "slope":  # a slope within the gate is good whatever the test's own was
        low, high = min(low, SLOPE_LIMITS[0]), max(high, SLOPE_LIMITS[1])
    if name == "level":  # probabilities promise 1: near it is good though the test came out higher or lower by chance
        room = max(reach * now.error, MATERIAL[name])
        low, high = min(low, 1.0 - room), max(high, 1.0 + room)
    is_out = not low <= now.value <= high
    is_near = not test.value - 0.75 * (test.value - low) <= now.value <= test.value + 0.75 * (high - test.value)
    return Judged(name, now, test, low, high, "act" if is_out else "watch" if is_near else "ok")


def decay_findings(cohorts: Sequence[Cohort], *, customers: int, currency: str, version: str) -> list[Finding]:
    """Return one finding on the newest cohort, oldest first given, and what the ones before it said.

    Money at risk: churners a month whom the model did not foresee, or no longer finds, times their monthly margin.
    """
    if not cohorts:
        sentence = "No labels have matured since the model's test: whether its rules still hold cannot be known yet."
        return [Finding("concept_drift", "matured labels", "unknown", sentence, run_ids=(version,))]
    newest = cohorts[-1]
    bad = [one for one in newest.figures if one.severity in {"act", "watch"}]
    at_risk = _money(newest, customers)
    where = f"customers of {newest.snapshot_date}, whose labels are final since {newest.matured_on}"
    if not bad:
        if newest.severity == "unknown":
            sentence = f"Not enough data: {newest.churners} churners among the {where}; it takes {LEAST_CHURNERS}."
            return [Finding("concept_drift", "matured labels", "unknown", sentence, run_ids=(version,))]
        auc = next(one for one in newest.figures if one.name == "auc")
        sentence = (
            f"Among the {newest.customers:,} {where}, the model did as its test promised: AUC {auc.now.value:.3f} "
            f"({auc.test.value:.3f} then), {newest.churners:,} left where {newest.expected_churners:,.0f} were expected."
        )
        return [Finding("concept_drift", "matured labels", "ok", sentence, auc.now.value, auc.low, run_ids=(version,))]
    lead = next((one for one in bad if one.severity == "act"), bad[0])
    told = "; ".join(_told(one) for one in bad)
    since = _since(cohorts)
    word = "The rules have changed (concept drift)" if newest.severity == "act" else "The model may be ageing"
    sentence = (
        f"{word}: among the {newest.customers:,} {where}, {newest.churners:,} left where "
        f"{newest.expected_churners:,.0f} were expected; {told}. {since}About {money(at_risk, currency)} a month rests on it."
    )
    limit = lead.high if lead.now.value > lead.test.value else lead.low
    return [
        Finding(
            "concept_drift",
            "matured labels",
            newest.severity,
            sentence,
            value=lead.now.value,
            limit=limit,
            money_at_risk=at_risk,
            run_ids=(version,),
        )
    ]


def decayed(cohorts: Sequence[Cohort]) -> tuple[str, ...]:
    """Return the names of the newest cohort's figures that lie outside what the test allows."""
    return tuple(one.name for one in cohorts[-1].figures if one.severity == "act") if cohorts else ()


def _told(one: Judged) -> str:
    is_high = one.now.value > one.test.value
    limit = one.high if is_high else one.low
    if one.name == "recall":
        return (
            f"{TITLES[one.name]} {percent(one.now.value)}, on test {percent(one.test.value)} "
            f"(chance reaches {percent(limit)})"
        )
    return f"{TITLES[one.name]} {one.now.value:.3g}, on test {one.test.value:.3g} (chance reaches {limit:.3g})"


def _since(cohorts: Sequence[Cohort]) -> str:
    run = 0
    for cohort in reversed(cohorts):
        if cohort.severity != "act":
            break
        run += 1
    return f"So it has been for {run} cohorts in a row. " if run > 1 else ""


def _money(cohort: Cohort, customers: int) -> float:
    named = {one.name: one for one in cohort.figures}
    unforeseen = abs(cohort.churners - cohort.expected_churners)
    recall = named.get("recall")
    lost = 0.0
    if recall is not None and math.isfinite(recall.now.value) and math.isfinite(recall.test.value):
        lost = max(recall.test.value - recall.now.value, 0.0) * cohort.churners
    return max(unforeseen, lost) * cohort.mean_margin * customers / max(cohort.customers, 1)


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None

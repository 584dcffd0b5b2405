"""Concept drift: how a model fares on cohorts whose labels are final, against what its test promised."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from churn.decisions.calibration import SLOPE_LIMITS
from churn.decisions.checks import Floats
from churn.decisions.decay import Estimate, cohort_figures, decay_limit, difference
from churn.decisions.severity import Severity
from churn.documents.monitoring import CohortFigure, CohortResults, Finding
from churn.monitoring.findings import worst
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
class JudgedFigure:
    """One figure of a cohort: its value, interval, the range it must lie in, and what follows."""

    name: str
    now: Estimate
    test: Estimate
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
    figures: tuple[JudgedFigure, ...]
    treated_left_out: int = 0

    @property
    def severity(self) -> Severity:
        """The worst of its figures."""
        return worst([figure.severity for figure in self.figures])

    def results(self) -> CohortResults:
        """Return the cohort as the document holds it."""
        return CohortResults(
            snapshot_date=self.snapshot_date,
            matured_on=self.matured_on,
            customers=self.customers,
            churners=self.churners,
            churn_rate=self.churners / max(self.customers, 1),
            expected_churners=self.expected_churners,
            treated_left_out=self.treated_left_out,
            severity=self.severity,
            figures={
                figure.name: CohortFigure(
                    value=figure.now.value,
                    interval=figure.now.interval(),
                    test=figure.test.value,
                    limits=(figure.low, figure.high),
                    severity=figure.severity,
                )
                for figure in self.figures
            },
        )


def judge_cohort(
    snapshot_date: date,
    matured_on: date,
    y: Floats,
    p: Floats,
    margin: Floats,
    *,
    test: Mapping[str, Estimate],
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


def _judge(name: str, now: Estimate, test: Estimate, reach: float, spread: float, *, is_enough: bool) -> JudgedFigure:
    if name == "level":
        now, test = (Estimate(figure.value, math.hypot(figure.error, spread * figure.value)) for figure in (now, test))
    gap = difference(now, test)
    if not (is_enough and math.isfinite(gap.value) and math.isfinite(gap.error)):
        return JudgedFigure(name, now, test, math.nan, math.nan, "unknown")
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
    return JudgedFigure(name, now, test, low, high, "act" if is_out else "watch" if is_near else "ok")


def decay_findings(cohorts: Sequence[Cohort], *, customers: int, currency: str | None, version: str) -> list[Finding]:
    """Return one finding on the newest cohort, oldest first given, and what the ones before it said.

    Money at risk: churners a month whom the model did not foresee, or no longer finds, times their monthly margin;
    without a `currency` it is not told.
    """
    if not cohorts:
        return _finding(
            "No labels have matured since the model's test: whether its rules still hold cannot be known yet.", version
        )
    newest = cohorts[-1]
    bad = [figure for figure in newest.figures if figure.severity in {"act", "watch"}]
    where = f"customers of {newest.snapshot_date}, whose labels are final since {newest.matured_on}"
    if not bad:
        if newest.severity == "unknown":
            sentence = f"Not enough data: {newest.churners} churners among the {where}; it takes {LEAST_CHURNERS}."
            return _finding(sentence, version)
        auc = next(figure for figure in newest.figures if figure.name == "auc")
        sentence = (
            f"Among the {newest.customers:,} {where}, the model did as its test promised: AUC {auc.now.value:.3f} "
            f"({auc.test.value:.3f} then), {newest.churners:,} left where {newest.expected_churners:,.0f} were expected."
        )
        return _finding(sentence, version, severity="ok", value=auc.now.value, limit=auc.low)
    at_risk = None if currency is None else _money(newest, customers)
    about = "" if at_risk is None or currency is None else f"About {money(at_risk, currency)} a month rests on it."
    lead = next((figure for figure in bad if figure.severity == "act"), bad[0])
    word = "The rules have changed (concept drift)" if newest.severity == "act" else "The model may be ageing"
    sentence = (
        f"{word}: among the {newest.customers:,} {where}, {newest.churners:,} left where "
        f"{newest.expected_churners:,.0f} were expected; {'; '.join(_described(figure) for figure in bad)}. "
        f"{_since(cohorts)}{about}"
    )
    return _finding(
        sentence,
        version,
        severity=newest.severity,
        value=lead.now.value,
        limit=lead.high if lead.now.value > lead.test.value else lead.low,
        money_at_risk=at_risk,
    )


def _finding(
    sentence: str,
    version: str,
    *,
    severity: Severity = "unknown",
    value: float | None = None,
    limit: float | None = None,
    money_at_risk: float | None = None,
) -> list[Finding]:
    return [
        Finding(
            monitor="concept_drift",
            subject="matured labels",
            severity=severity,
            sentence=sentence,
            value=value,
            limit=limit,
            money_at_risk=money_at_risk,
            run_ids=(version,),
        )
    ]


def decayed(cohorts: Sequence[Cohort]) -> tuple[str, ...]:
    """Return the names of the newest cohort's figures that lie outside what the test allows."""
    return tuple(figure.name for figure in cohorts[-1].figures if figure.severity == "act") if cohorts else ()


def _described(figure: JudgedFigure) -> str:
    now, then, title = figure.now.value, figure.test.value, TITLES[figure.name]
    limit = figure.high if now > then else figure.low
    if figure.name == "recall":
        return f"{title} {percent(now)}, on test {percent(then)} (chance reaches {percent(limit)})"
    return f"{title} {now:.3g}, on test {then:.3g} (chance reaches {limit:.3g})"


def _since(cohorts: Sequence[Cohort]) -> str:
    run = 0
    for cohort in reversed(cohorts):
        if cohort.severity != "act":
            break
        run += 1
    return f"So it has been for {run} cohorts in a row. " if run > 1 else ""


def _money(cohort: Cohort, customers: int) -> float:
    by_name = {figure.name: figure for figure in cohort.figures}
    unforeseen = abs(cohort.churners - cohort.expected_churners)
    recall = by_name.get("recall")
    lost = 0.0
    if recall is not None and math.isfinite(recall.now.value) and math.isfinite(recall.test.value):
        lost = max(recall.test.value - recall.now.value, 0.0) * cohort.churners
    return max(unforeseen, lost) * cohort.mean_margin * customers / max(cohort.customers, 1)

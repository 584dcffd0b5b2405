from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from churn.decisions.decay import cohort_figures
from churn.documents.monitoring import Finding
from churn.monitoring.findings import ranked, worst
from churn.monitoring.performance import decay_findings, decayed, judge_cohort

pytestmark = pytest.mark.slow

DAY, MATURE = date(2025, 3, 1), date(2025, 4, 9)


def outcomes(seed: int, size: int = 4_000, pull: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated probabilities and outcomes; `pull` adds churn that they do not know of."""
    random = np.random.default_rng(seed)
    p = random.beta(0.8, 9.2, size=size)
    return (random.random(size) < p + pull).astype(float), p


@pytest.fixture(scope="module")
def test_figures():
    return cohort_figures(*outcomes(1), threshold=0.1)


def judged(test, seed: int, **options):
    y, p = outcomes(seed, **options)
    return judge_cohort(DAY, MATURE, y, p, np.full(y.size, 25.0), test=test, threshold=0.1, level=0.99)


def test_a_model_that_holds_raises_fewer_alarms_than_stated(test_figures):
    alarms = sum(judged(test_figures, seed).severity == "act" for seed in range(100, 400))

    assert alarms <= 6  # stated: 1 % of 300 cohorts


def test_churn_that_the_model_does_not_know_of_is_concept_drift(test_figures):
    cohort = judged(test_figures, 7, pull=0.04)

    assert cohort.severity == "act"
    assert {"auc", "level"} <= set(decayed([cohort]))
    finding = decay_findings([cohort], customers=8_000, currency="USD", version="v1")[0]
    assert (finding.monitor, finding.severity, finding.run_ids) == ("concept_drift", "act", ("v1",))
    assert "The rules have changed (concept drift)" in finding.sentence
    expected = (cohort.churners - cohort.expected_churners) * 25.0 * 2
    assert finding.money_at_risk >= expected - 1e-6


def test_a_small_company_is_not_told_more_than_it_can_know(test_figures):
    cohort = judged(test_figures, 8, size=200, pull=0.0)

    assert cohort.severity == "unknown"
    assert "Not enough data" in decay_findings([cohort], customers=200, currency="USD", version="v")[0].sentence


def test_a_large_company_is_not_alarmed_by_what_does_not_matter():
    big = cohort_figures(*outcomes(1, 300_000), threshold=0.1)
    cohort = judged(big, 2, size=300_000, pull=0.002)

    gap = {one.name: one.now.value / one.test.value for one in cohort.figures}
    assert gap["level"] > 1.015  # far beyond chance, and too little to act on
    assert cohort.severity != "act"


def level_of(cohort):
    return next(one for one in cohort.figures if one.name == "level")


def test_a_level_near_what_probabilities_promise_is_good_though_the_test_was_out_by_chance():
    y, p = outcomes(1)
    lucky = cohort_figures(y, p * 0.85, threshold=0.1)  # more left on test than were expected
    cohort = judged(lucky, 11)

    assert lucky["level"].value > 1.1
    assert level_of(cohort).now.value < 1.05
    assert level_of(cohort).severity != "act"


def test_the_level_allows_for_what_ordinary_months_differ_by():
    y, p = outcomes(1)
    test = cohort_figures(y, p, threshold=0.1)
    y, p = outcomes(12)
    options = {"test": test, "threshold": 0.1, "level": 0.99}
    strict, ordinary = (
        level_of(judge_cohort(DAY, MATURE, y, p * 0.8, np.full(y.size, 25.0), spread=spread, **options))
        for spread in (0.0, 0.1)
    )

    assert strict.severity == "act"
    assert ordinary.severity != "act"


def test_better_results_are_no_alarm(test_figures):
    y, _ = outcomes(9)
    p = np.clip(0.02 + 0.7 * y + np.random.default_rng(0).normal(0, 0.01, y.size), 0.001, 0.999)

    cohort = judge_cohort(DAY, MATURE, y, p, np.full(y.size, 25.0), test=test_figures, threshold=0.1, level=0.99)

    assert {one.severity for one in cohort.figures if one.name in {"auc", "recall", "lift"}} == {"ok"}


def test_without_matured_labels_nothing_is_known():
    finding = decay_findings([], customers=100, currency="USD", version="v")[0]

    assert (finding.severity, decayed([])) == ("unknown", ())


def test_how_long_it_has_been_so_is_told(test_figures):
    cohorts = [judged(test_figures, seed, pull=0.04) for seed in (11, 12)]

    assert "for 2 cohorts in a row" in decay_findings(cohorts, customers=8_000, currency="USD", version="v")[0].sentence
    assert cohorts[0].results().figures["auc"].severity == "act"


def test_findings_are_read_by_severity_and_then_by_money():
    found = [
        Finding(monitor="a", subject="x", severity="ok", sentence="", money_at_risk=9e9),
        Finding(monitor="b", subject="x", severity="watch", sentence="", money_at_risk=10.0),
        Finding(monitor="c", subject="x", severity="act", sentence="", money_at_risk=5.0),
        Finding(monitor="d", subject="x", severity="act", sentence="", money_at_risk=50.0),
        Finding(monitor="e", subject="x", severity="unknown", sentence="", value=float("nan")),
    ]

    assert [one.monitor for one in ranked(found)] == ["d", "c", "b", "e", "a"]
    assert worst([one.severity for one in found]) == "act"
    assert worst(["unknown"]) == worst([]) == "unknown"
    assert found[-1].value is None

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from churn.decisions.decay import cohort_figures
from churn.documents.monitoring import ChurnRate, ListRun
from churn.monitoring.health import (
    AwaitedOutcomes,
    NewestPush,
    outcome_findings,
    push_findings,
    score_skew_finding,
    skew_finding,
    turnover_finding,
)
from churn.monitoring.shifts import estimated_finding, label_finding, score_finding

DAY = date(2025, 6, 1)
NOW = datetime(2025, 6, 10)
RATES = (
    ChurnRate("2025-01-01", 4_000, 310),
    ChurnRate("2025-02-01", 4_000, 335),
    ChurnRate("2025-03-01", 4_000, 322),
)


def scores(seed: int, size: int = 3_000, mean: float = 0.08) -> np.ndarray:
    return np.random.default_rng(seed).beta(10 * mean, 10 * (1 - mean), size)


def judged_scores(present: np.ndarray, season: np.ndarray | None = None):
    return score_finding(scores(1), present, season, season_name="a year before", monthly_margin=25.0)


def test_scores_that_lie_as_they_did_are_quiet_and_those_that_moved_are_not():
    assert judged_scores(scores(2)).severity == "ok"
    moved = judged_scores(scores(3, mean=0.2), scores(4, mean=0.2))
    assert moved.severity == "act"
    assert "a year before" in moved.sentence
    assert moved.money_at_risk == pytest.approx(abs(scores(3, mean=0.2).mean() - scores(1).mean()) * 3_000 * 25.0)
    assert judged_scores(scores(2, size=500)).severity == "unknown"


@pytest.mark.parametrize(("churners", "said"), [(323, "ok"), (345, "ok"), (400, "watch"), (480, "act"), (200, "act")])
def test_the_churn_rate_is_compared_with_training_and_its_ordinary_months(churners, said):
    finding = label_finding(DAY, churners, 4_000, RATES, customers=4_000, monthly_margin=25.0)

    assert finding.severity == said
    assert finding.money_at_risk == pytest.approx(abs(churners / 4_000 - 967 / 12_000) * 4_000 * 25.0)


def test_months_that_always_differ_widen_the_range():
    uneven = tuple(rate._replace(churners=churners) for rate, churners in zip(RATES, (200, 450, 320), strict=True))

    assert label_finding(DAY, 480, 4_000, uneven, customers=4_000, monthly_margin=25.0).severity == "ok"
    assert label_finding(DAY, 480, 4_000, (), customers=4_000, monthly_margin=25.0).severity == "unknown"


def test_the_estimate_says_what_it_cannot_see():
    p = scores(5, size=8_000)
    y = (np.random.default_rng(6).random(p.size) < p).astype(float)
    test = cohort_figures(y, p, threshold=0.1)

    finding, found = estimated_finding(p, test, threshold=0.1)

    assert finding.severity == "ok"
    assert "blind to customers who behave otherwise" in finding.sentence
    assert found.churn_rate == pytest.approx(p.mean())
    flat, _ = estimated_finding(np.full(5_000, 0.08), test, threshold=0.1)
    assert flat.severity == "watch"


def night(values: list[float | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {"customer_id": [f"c{i}" for i in range(len(values))], "use": values, "plan": ["a"] * len(values)}
    )


def test_a_night_computed_again_must_be_the_same():
    values: list[float | None] = [float(i) for i in range(999)] + [None]
    same = skew_finding(night(values), night(values), ("use", "plan"), day=DAY, run_id="r")
    changed = skew_finding(night(values), night([7.5] * 20 + values[20:]), ("use", "plan"), day=DAY, run_id="r")
    once = skew_finding(night(values), night([7.5, *values[1:]]), ("use", "plan"), day=DAY, run_id="r")
    gone = skew_finding(night(values), night(values[:900]), ("use", "plan"), day=DAY, run_id="r")

    assert (same.severity, same.value) == ("ok", 0.0)
    assert (changed.severity, changed.value) == ("act", pytest.approx(0.02))
    assert "`use` for 20" in changed.sentence
    assert once.severity == "ok"
    assert gone.severity == "act"
    assert "100 customers are in only one of the two" in gone.sentence


def test_scores_computed_again_must_be_the_same_where_features_were_not_kept():
    served = pl.DataFrame({"customer_id": ["a", "b"], "churn_probability": [0.1, 0.2]})
    again = pl.DataFrame({"customer_id": ["a", "b"], "churn_probability": [0.1, 0.5]})

    assert score_skew_finding(served, served, day=DAY, run_id="r").severity == "ok"
    assert score_skew_finding(served, again, day=DAY, run_id="r").severity == "act"


def listed(left: float, customers: int = 500) -> ListRun:
    return ListRun(snapshot_date=DAY, run_id="r", listed=customers, left=left)


def test_turnover_is_judged_by_what_is_usual():
    usual = [listed(0.30)] * 5

    assert turnover_finding([]).severity == "unknown"
    assert turnover_finding([*usual, listed(0.45)]).severity == "ok"
    assert turnover_finding([*usual, listed(0.65)]).severity == "watch"
    assert turnover_finding([listed(0.45)]).severity == "watch"
    assert turnover_finding([listed(0.95, customers=20)]).severity == "ok"


def push(days: int = 1, state: str = "done", rejected: int = 0, *, is_over: bool = False) -> NewestPush:
    return NewestPush("crm", "winback", datetime(2025, 6, 10 - days), state, 1_000, rejected, "run", is_over)


@pytest.mark.parametrize(
    ("found", "said", "word"),
    [
        (push(), "ok", "was sent 1 day ago"),
        (push(days=8), "watch", "Nothing has been sent of winback to crm for 8 days"),
        (push(days=8, is_over=True), "ok", "was sent 8 days ago"),
        (push(state="failed"), "act", "did not end well"),
        (push(rejected=60), "watch", "60 of 1,000 rows"),
        (push(rejected=300), "act", "300 of 1,000 rows"),
    ],
)
def test_pushes_are_judged_by_age_end_and_refusals(found, said, word):
    finding = push_findings([found], now=NOW, silent_days=7, rejected_share=0.05)[0]

    assert finding.severity == said
    assert word in finding.sentence


def test_campaigns_of_which_nobody_tells_anything_are_told():
    campaigns = [
        AwaitedOutcomes("silent", 500, is_heard_of=False, days_since_close=12),
        AwaitedOutcomes("heard", 500, is_heard_of=True, days_since_close=12),
        AwaitedOutcomes("open", 500, is_heard_of=False, days_since_close=-3),
    ]

    found = outcome_findings(campaigns, value_at_stake=2.0)

    assert [(one.subject, one.severity, one.money_at_risk) for one in found] == [("silent", "watch", 1_000.0)]

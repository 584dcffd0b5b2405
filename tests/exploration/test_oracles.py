"""The statistics of exploration against other people's code: statsmodels, SciPy and lifelines on the same rows."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from lifelines import KaplanMeierFitter
from scipy.stats import chi2_contingency, spearmanr
from statsmodels.stats.contingency_tables import StratifiedTable
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep

from churn.decisions.experiment import holm
from churn.exploration.association import associations
from churn.exploration.cuts import chi_square
from churn.exploration.insights import lift_interval
from churn.exploration.redundancy import Said
from churn.exploration.staying import survival_by_plan
from tests.exploration.worlds import explored

pytestmark = pytest.mark.slow  # to import these libraries takes seconds

DAYS_PER_MONTH = 30.4375


def test_churn_beside_what_was_said_is_the_pooled_ratio_of_mantel_and_haenszel() -> None:
    rng = np.random.default_rng(1)
    before, covered = rng.random(5_000) < 0.4, rng.random(5_000) < 0.3
    is_lost = rng.random(5_000) < 0.05 * np.where(before, 3.0, 1.0) * np.where(covered, 1.7, 1.0)
    said = Said(is_lost)
    said.say(before)
    tables = [
        [[np.sum(part & is_lost), np.sum(part & ~is_lost)] for part in (covered & group, ~covered & group)]
        for group in (before, ~before)
    ]
    pooled = StratifiedTable([np.array(table, dtype=float) for table in tables])
    found = said.adjusted(covered)
    assert found.ratio == pytest.approx(pooled.riskratio_pooled)
    assert found.z**2 == pytest.approx(pooled.test_null_odds(correction=False).statistic)


def test_a_ratio_has_the_interval_of_katz() -> None:
    low, high = confint_proportions_2indep(40, 200, 90, 1_800, compare="ratio", method="log")
    assert lift_interval(40, 200, 90, 1_800, 1.0) == pytest.approx((low, high), rel=1e-9)


def test_the_strength_of_a_cut_is_the_chi_square_of_its_table() -> None:
    expected = chi2_contingency([[40, 160], [90, 1_710]], correction=False).statistic
    assert float(chi_square(np.array([40.0]), np.array([200.0]), 130, 2_000)[0]) == pytest.approx(expected)


def test_p_values_are_corrected_as_holm_does() -> None:
    p_values = np.random.default_rng(2).random(30) ** 3
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_two_numbers_go_together_by_the_rank_correlation_of_their_codes() -> None:
    rng = np.random.default_rng(3)
    usage = rng.integers(0, 30, 6_000)
    frame = pl.DataFrame({"usage": usage, "fees": usage // 2 + rng.integers(0, 20, 6_000)})
    (pair,) = associations(table := explored(frame, rng.random(6_000) < 0.02 + 0.005 * usage), _counts(table)).pairs
    assert pair.measure == "spearman"
    assert pair.value == pytest.approx(spearmanr(frame["usage"], frame["fees"]).statistic, abs=0.01)


def _counts(table):
    return {column.name: table.counts(column) for column in table.columns}


def test_survival_is_the_curve_of_kaplan_and_meier_with_late_entry() -> None:
    rng = np.random.default_rng(4)
    entry = rng.choice([0, 30, 200], 900)
    age = entry + 1 + rng.exponential(300, 900).astype(int)
    is_lost = rng.random(900) < 0.7
    events = pl.DataFrame({"entry": entry, "age": age, "is_lost": is_lost})
    ages = pl.concat(
        [
            events.select(age_days="entry", entered=1, lost=0, censored=0),
            events.select(
                age_days="age",
                entered=0,
                lost=pl.col("is_lost").cast(pl.Int32),
                censored=(~pl.col("is_lost")).cast(pl.Int32),
            ),
        ]
    )
    curves = survival_by_plan(ages.group_by("age_days").sum().with_columns(plan=pl.lit("basic")).sort("age_days"))
    assert curves is not None
    fitted = KaplanMeierFitter().fit(age / DAYS_PER_MONTH, is_lost, entry=entry / DAYS_PER_MONTH)
    points = [point for point in curves.groups[0].points if point.age > 0]
    assert len(points) > 50
    # Ages are rounded to hundredths, a third of a day.
    expected = [float(fitted.survival_function_at_times(point.age + 0.006).iloc[0]) for point in points]
    assert [point.share for point in points] == pytest.approx(expected, abs=1e-4)

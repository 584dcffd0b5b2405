"""The statistics against libraries that others trust: statsmodels and lifelines."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from churn.decisions.calibration import calibration_line
from churn.decisions.experiment import holm, newcombe, wilson
from churn.decisions.power import power_of
from churn.decisions.survival import kaplan_meier

pytestmark = pytest.mark.slow  # to import these libraries takes seconds

COUNTS = [(150, 1_000, 60, 300), (3, 40, 9, 35), (0, 50, 4, 60), (900, 9_000, 130, 1_000)]


@pytest.mark.parametrize(("churned", "customers"), [(0, 20), (3, 40), (150, 1_000), (60, 60)])
def test_the_interval_of_a_share_is_that_of_statsmodels(churned: int, customers: int) -> None:
    from statsmodels.stats.proportion import proportion_confint

    assert wilson(churned, customers) == pytest.approx(proportion_confint(churned, customers, method="wilson"))


@pytest.mark.parametrize(("churned_t", "n_t", "churned_c", "n_c"), COUNTS)
def test_the_interval_of_two_shares_is_that_of_statsmodels(churned_t: int, n_t: int, churned_c: int, n_c: int) -> None:
    from statsmodels.stats.proportion import confint_proportions_2indep

    effect = newcombe(churned_t, n_t, churned_c, n_c)
    # The effect is the fall of churn: the holdout's share less the treated one's.
    known = confint_proportions_2indep(churned_c, n_c, churned_t, n_t, method="newcomb", compare="diff")
    assert (effect.low, effect.high) == pytest.approx(known)


@pytest.mark.parametrize(
    ("before", "after", "n_c", "n_t"), [(0.30, 0.25, 800, 900), (0.10, 0.06, 400, 3_600), (0.5, 0.45, 150, 150)]
)
def test_the_power_is_that_of_statsmodels(before: float, after: float, n_c: int, n_t: int) -> None:
    from statsmodels.stats.proportion import power_proportions_2indep

    # One tail at half of alpha: ours leaves out the far one too.
    known = power_proportions_2indep(
        before - after, after, n_c, ratio=n_t / n_c, alpha=0.025, alternative="larger", return_results=False
    )
    assert power_of(before, after, n_c, n_t) == pytest.approx(known, abs=1e-9)


def test_the_correction_for_many_campaigns_is_that_of_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    p_values = np.random.default_rng(3).uniform(0.0, 0.2, 12)
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_the_calibration_line_is_the_logistic_regression_of_statsmodels() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(5)
    p = rng.beta(0.8, 5.0, 5_000).clip(1e-6, 1 - 1e-6)
    y = rng.random(5_000) < p**1.3
    fit = sm.Logit(y.astype(float), sm.add_constant(np.log(p / (1 - p)))).fit(disp=0)
    assert calibration_line(y, p) == pytest.approx(tuple(fit.params), abs=1e-5)


def test_the_survival_curve_is_that_of_lifelines_and_its_interval_that_of_statsmodels() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifelines import KaplanMeierFitter
        from statsmodels.duration.survfunc import SurvfuncRight

        rng = np.random.default_rng(7)
        age, is_lost = rng.integers(1, 25, 400), rng.random(400) < 0.6
        known = KaplanMeierFitter().fit(age, is_lost)
        greenwood = SurvfuncRight(age, is_lost)
    ages = np.arange(25)
    lost, censored = (np.bincount(age[part], minlength=25) for part in (is_lost, ~is_lost))
    curve = kaplan_meier(ages, np.where(ages == 0, 400, 0), lost, censored)
    assert curve.share == pytest.approx(known.survival_function_at_times(ages).to_numpy())
    half = (curve.high - curve.low) / 2
    inside = np.isin(ages, greenwood.surv_times) & (curve.low > 0) & (curve.high < 1)
    at = np.isin(greenwood.surv_times, ages[inside])
    assert half[inside] == pytest.approx(1.959964 * greenwood.surv_prob_se[at], rel=1e-5)


def test_customers_seen_late_count_as_in_lifelines() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifelines import KaplanMeierFitter

        rng = np.random.default_rng(11)
        entry = rng.integers(0, 6, 300)
        age, is_lost = entry + rng.integers(1, 15, 300), rng.random(300) < 0.5
        known = KaplanMeierFitter().fit(age, is_lost, entry=entry)
    ages = np.arange(21)
    counts = (np.bincount(values, minlength=21) for values in (entry, age[is_lost], age[~is_lost]))
    curve = kaplan_meier(ages, *counts)
    assert curve.share == pytest.approx(known.survival_function_at_times(ages).to_numpy())

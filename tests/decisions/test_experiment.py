"""Effects of campaigns with a holdout against published figures, plain simulation, and what must hold for any of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.decisions.experiment import (
    SAMPLE_RATIO_ALPHA,
    cuped,
    cuped_holds,
    delivered_effect,
    holm,
    incremental_profit,
    newcombe,
    sample_ratio_test,
    stratified_effect,
    wilson,
)
from churn.errors import CampaignError, ConfigError, DataError

counts = st.integers(1, 3_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def campaign(seed=0, n=4_000, effect=0.05, holdout=0.3, strata=5):
    """Churn, arm and risk of customers drawn within strata; contact lowers each one's churn by `effect`."""
    rng = np.random.default_rng(seed)
    risk = rng.beta(2, 5, n)
    stratum = np.argsort(np.argsort(risk)) * strata // n
    place = np.array([rng.permutation(n)]).ravel()
    treated = np.ones(n, dtype=bool)
    for each in range(strata):
        among = np.flatnonzero(stratum == each)
        among = among[np.argsort(place[among])]
        treated[among[: round(holdout * among.size)]] = False
    churned = rng.random(n) < np.clip(risk - effect * treated, 0, 1)
    return churned, treated, risk, stratum


def test_the_published_effect_and_its_intervals_hold_to_their_digits():
    effect = newcombe(1200, 5000, 170, 500)
    assert round(effect.delta, 10) == 0.10
    assert (round(effect.low, 4), round(effect.high, 4)) == (0.0581, 0.1442)
    assert (round(effect.wald_low, 4), round(effect.wald_high, 4)) == (0.0568, 0.1432)
    assert effect.is_proven
    assert not effect.is_harmful
    assert (effect.churn_treatment, effect.churn_holdout) == (0.24, 0.34)


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [  # Newcombe 1998, table II, method 10, contrasts a, b, d, g
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((10, 10, 0, 10), 0.6075, 1.0000),
    ],
)
def test_the_interval_is_that_of_newcombes_own_examples(counts, low, high):
    more, n_more, less, n_less = counts
    effect = newcombe(less, n_less, more, n_more)
    assert (round(effect.low, 4), round(effect.high, 4)) == (low, high)


@given(counts, counts)
def test_the_interval_holds_the_effect_and_turns_round_with_the_arms(treatment, holdout):
    one, other = newcombe(*treatment, *holdout), newcombe(*holdout, *treatment)
    assert -1.0 <= one.low <= one.delta <= one.high <= 1.0
    assert (other.delta, other.low, other.high) == pytest.approx((-one.delta, -one.high, -one.low))
    assert other.p_value == pytest.approx(one.p_value)
    assert 0.0 <= one.p_value <= 1.0


def test_no_churn_at_all_still_has_an_interval_where_walds_has_none():
    effect = newcombe(0, 50, 0, 50)
    assert effect.low < 0 < effect.high
    assert effect.wald_low == effect.wald_high == 0.0
    assert effect.p_value == 1.0


def test_wilson_is_the_published_interval_of_a_share():
    assert [round(x, 4) for x in wilson(81, 263)] == [0.2553, 0.3662]  # Newcombe 1998
    assert wilson(0, 20)[0] == 0.0
    assert wilson(20, 20)[1] == 1.0


def test_a_higher_confidence_widens_the_interval():
    narrow, wide = newcombe(50, 500, 40, 300, 0.8), newcombe(50, 500, 40, 300, 0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize("arms", [(0, 0, 1, 5), (1, 5, 0, 0)])
def test_an_empty_arm_is_refused(arms):
    with pytest.raises(CampaignError, match="arm has 0 customers"):
        newcombe(*arms)


@pytest.mark.parametrize("arms", [(6, 5, 1, 5), (1, 5, -1, 5)])
def test_counts_that_cannot_be_are_refused(arms):
    with pytest.raises(DataError, match="cannot have churned"):
        newcombe(*arms)


def test_a_confidence_that_is_no_share_is_refused():
    with pytest.raises(ConfigError):
        newcombe(1, 5, 1, 5, confidence=95)


def test_cuped_removes_the_variance_that_the_covariate_explains():
    churned, treated, risk, _ = campaign(n=20_000)
    adjusted = cuped(churned, treated, risk)
    plain = newcombe(churned[treated].sum(), treated.sum(), churned[~treated].sum(), (~treated).sum())
    explained = np.corrcoef(churned[treated], risk[treated])[0, 1] ** 2
    assert adjusted.variance_removed == pytest.approx(explained, abs=0.04)
    assert adjusted.high - adjusted.low < plain.high - plain.low
    assert adjusted.delta == pytest.approx(plain.delta, abs=0.02)
    assert adjusted.is_proven
    assert adjusted.slope == pytest.approx(1.0, abs=0.1)


def test_cuped_with_a_covariate_that_says_nothing_is_the_plain_difference():
    churned, treated, _, _ = campaign()
    adjusted = cuped(churned, treated, np.full(churned.size, 0.3))
    assert adjusted.variance_removed == pytest.approx(0.0, abs=1e-12)
    assert adjusted.delta == pytest.approx(churned[~treated].mean() - churned[treated].mean())


def test_cuped_does_not_depend_on_the_covariates_scale():
    churned, treated, risk, _ = campaign()
    one, other = cuped(churned, treated, risk), cuped(churned, treated, 7 - 100 * risk)
    assert (other.delta, other.low, other.high) == pytest.approx((one.delta, one.low, one.high))


def test_cuped_of_arms_where_nobody_churned_is_no_effect():
    adjusted = cuped([0, 0, 0, 0], [1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4])
    assert (adjusted.delta, adjusted.variance_removed, adjusted.p_value) == (0.0, 0.0, 1.0)


def test_cuped_needs_two_customers_in_each_arm():
    with pytest.raises(CampaignError, match="2 or more"):
        cuped([0, 1, 1], [1, 1, 0], [0.1, 0.2, 0.3])


def test_one_stratum_is_newcombe_itself():
    churned, treated, _, _ = campaign()
    plain = newcombe(churned[treated].sum(), treated.sum(), churned[~treated].sum(), (~treated).sum())
    alone = stratified_effect(churned, treated, np.zeros(churned.size))
    assert (alone.delta, alone.low, alone.high) == pytest.approx((plain.delta, plain.low, plain.high))
    assert (alone.wald_low, alone.p_value) == pytest.approx((plain.wald_low, plain.p_value))


def test_strata_undo_a_split_that_differs_among_them():
    treated = np.repeat([1, 0, 1, 0], [900, 100, 100, 900])
    stratum = np.repeat(["a low", "b high"], [1_000, 1_000])
    churned = np.concatenate([np.arange(n) < n * p for n, p in ((900, 0.1), (100, 0.1), (100, 0.5), (900, 0.5))])
    assert newcombe(churned[treated == 1].sum(), 1_000, churned[treated == 0].sum(), 1_000).delta == pytest.approx(0.32)
    assert stratified_effect(churned, treated, stratum).delta == pytest.approx(0.0)


def test_strata_of_risk_narrow_the_interval():
    churned, treated, _, stratum = campaign(n=20_000)
    plain = newcombe(churned[treated].sum(), treated.sum(), churned[~treated].sum(), (~treated).sum())
    by_risk = stratified_effect(churned, treated, stratum)
    assert by_risk.high - by_risk.low < plain.high - plain.low
    assert by_risk.low < by_risk.delta < by_risk.high


def test_a_stratum_without_a_holdout_joins_its_neighbour():
    treated, churned = [1, 1, 0, 1, 0, 1], [1, 0, 1, 0, 0, 1]
    assert stratified_effect(churned, treated, [0, 0, 1, 1, 2, 3]) == stratified_effect(
        churned, treated, [1, 1, 1, 1, 2, 2]
    )


def test_the_delivered_effect_is_the_assigned_one_over_the_share_reached():
    effect = newcombe(1200, 5000, 170, 500)
    reached = delivered_effect(effect, 0.8)
    assert reached.delta == pytest.approx(effect.delta / 0.8)
    assert (reached.low, reached.high) == pytest.approx((effect.low / 0.8, effect.high / 0.8))
    assert delivered_effect(effect, 0.8, 0.3).delta == pytest.approx(effect.delta / 0.5)


@pytest.mark.parametrize("shares", [(0.0, 0.0), (0.2, 0.4)])
def test_there_is_no_delivered_effect_where_delivery_did_not_differ(shares):
    with pytest.raises(CampaignError, match="reached at"):
        delivered_effect(newcombe(1, 5, 1, 5), *shares)


def test_the_sample_ratio_test_is_a_chi_square_of_one_degree():
    assert sample_ratio_test(9_000, 1_000, 0.1) == 1.0
    assert sample_ratio_test(520, 480, 0.5) == pytest.approx(0.2059, abs=1e-4)  # chi-square 1.6
    assert sample_ratio_test(9_200, 800, 0.1) < SAMPLE_RATIO_ALPHA


def test_a_holdout_of_nobody_or_everybody_is_tested_too():
    assert sample_ratio_test(100, 0, 0.0) == 1.0
    assert sample_ratio_test(99, 1, 0.0) == 0.0
    assert sample_ratio_test(0, 100, 1.0) == 1.0
    assert sample_ratio_test(0, 0, 0.1) == 1.0


def test_holm_is_the_step_down_correction():
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]).tolist() == []
    assert holm([0.5, 0.9]).tolist() == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_makes_a_finding_surer_and_keeps_the_order(p_values):
    corrected = holm(p_values)
    assert np.all(corrected >= np.array(p_values) - 1e-15)
    assert np.all(np.diff(corrected[np.argsort(p_values, kind="stable")]) >= 0)
    assert corrected.max() <= 1.0


def test_net_profit_has_the_interval_of_the_effect():
    effect = newcombe(1200, 5000, 170, 500)
    worth = incremental_profit(effect, 5_000, value=69.16, cost=10_000.0)
    assert worth.saves == pytest.approx(500)
    assert worth.revenue == pytest.approx(34_580)
    assert worth.net_profit == pytest.approx(24_580)
    assert worth.net_profit_low == pytest.approx(5_000 * effect.low * 69.16 - 10_000)
    assert worth.net_profit_high == pytest.approx(5_000 * effect.high * 69.16 - 10_000)
    assert worth.roi == pytest.approx(2.458)


def test_a_campaign_without_cost_has_no_return_on_it():
    assert math.isnan(incremental_profit(newcombe(1, 5, 2, 5), 5, value=10.0, cost=0.0).roi)


@pytest.mark.parametrize("money", [{"value": math.nan, "cost": 1.0}, {"value": -1.0, "cost": 1.0}])
def test_a_value_that_is_no_amount_is_refused(money):
    with pytest.raises(DataError, match="amounts of money"):
        incremental_profit(newcombe(1, 5, 2, 5), 5, **money)


@pytest.mark.parametrize("method", ["newcombe", "cuped", "stratified"])
def test_the_interval_covers_the_true_effect_about_as_often_as_it_says(method):
    hits = 0
    for seed in range(200):
        churned, treated, risk, stratum = campaign(seed, n=1_500)
        # Of these customers, whose risk never falls below the effect by much, this is the mean fall among the treated.
        true = np.mean(np.minimum(risk[treated], 0.05))
        if method == "newcombe":
            found = newcombe(churned[treated].sum(), treated.sum(), churned[~treated].sum(), (~treated).sum())
        elif method == "cuped":
            found = cuped(churned, treated, risk)
        else:
            found = stratified_effect(churned, treated, stratum)
        hits += found.low <= true <= found.high
    assert 0.90 <= hits / 200 <= 0.99


@pytest.mark.parametrize(
    ("holdout", "rate", "holds"),
    [(6, 0.10, False), (40, 0.05, False), (60, 0.45, True), (120, 0.22, True), (240, 0.11, True), (530, 0.05, True)],
)
def test_cuped_is_used_only_where_its_interval_covers_what_it_promises(holdout, rate, holds):
    rng = np.random.default_rng(holdout)
    treated = np.arange(5 * holdout) >= holdout
    hits, draws = 0, 500
    for _ in range(draws):
        risk = rng.beta(1.5, 1.5 * (1 - rate) / rate, treated.size)
        churned = rng.random(treated.size) < np.where(treated, 0.7 * risk, risk)
        adjusted = cuped(churned, treated, risk)
        hits += adjusted.low <= 0.3 * rate <= adjusted.high
    assert cuped_holds(4 * holdout, holdout, round(treated.size * rate * 0.76)) == holds
    assert (hits / draws >= 0.92) == holds


@given(st.integers(1, 400), st.integers(1, 400), st.data())
def test_the_p_value_says_what_the_interval_says(n_t, n_c, data):
    churned_t, churned_c = data.draw(st.integers(0, n_t)), data.draw(st.integers(0, n_c))
    plain = newcombe(churned_t, n_t, churned_c, n_c)
    y = np.concatenate([np.arange(n_t) < churned_t, np.arange(n_c) < churned_c])
    arm = np.concatenate([np.ones(n_t, bool), np.zeros(n_c, bool)])
    for effect in (plain, stratified_effect(y, arm, np.arange(y.size) % 2)):
        if abs(effect.p_value - 0.05) > 1e-6:
            assert (effect.p_value < 0.05) == (effect.is_proven or effect.is_harmful)

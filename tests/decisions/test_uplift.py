"""Qini and AUUC against the published example, plain counting, and a bootstrap of rows."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from churn.decisions.uplift import (
    CONVENTION,
    UpliftRanking,
    bootstrap_qini,
    qini,
    qini_curve,
    resample,
    uplift_by_decile,
)
from churn.errors import CampaignError, ConfigError, DataError

Y = [1, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0]
W = [1, 1, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0]
U = np.linspace(0.6, -0.2, 12)


@st.composite
def experiments(draw):
    n = draw(st.integers(2, 30))
    y, w = (np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))) for _ in range(2))
    assume(0 < w.sum() < n)
    return y, w, np.array(draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n))) / 10


def persuadable(n, seed=0, *, is_random=False, effect=0.15):
    """Customers kept by contact the more, the higher their predicted uplift, unless it is random."""
    rng = np.random.default_rng(seed)
    u, w = rng.uniform(-0.2, 1, n), rng.random(n) < 0.7
    y = rng.random(n) < 0.6 + effect * w * (0.5 if is_random else u)
    return y, w, u


def test_the_published_curve_and_coefficient_hold_to_their_digits():
    curve = qini_curve(Y, W, U)
    assert curve.q.round(4).tolist() == [0, 1, 2, 2, -1, 0.5, 1, 1.6667, 1.3333, 0.5, 0, 0.6, 1]
    assert round(curve.qini, 6) == 0.174468
    assert curve.counts.tolist() == list(range(13))
    assert curve.shares[-1] == 1.0
    assert (curve.treated_share, curve.customers) == (0.5, 12)
    assert curve.convention == CONVENTION


@given(experiments())
def test_the_curves_are_the_words_of_the_convention(data):
    y, w, u = data
    curve = qini_curve(y, w, u)
    area, before = 0.0, 0.0
    for place, count in enumerate(curve.counts):
        top = np.argsort(-u, kind="stable")[:count]
        n_t, n_c = w[top].sum(), (~w[top]).sum()
        y_t, y_c = (y & w)[top].sum(), (y & ~w)[top].sum()
        assert curve.q[place] == pytest.approx(y_t - (y_c * n_t / n_c if n_c else 0))
        height = (y_t / n_t if n_t else 0) - (y_c / n_c if n_c else 0)
        up = height * count / u.size
        if place:
            area += (up + before) / 2 * (count - curve.counts[place - 1]) / u.size
        before = up
    assert curve.auuc == pytest.approx(area)
    assert curve.counts.tolist() == [0, *np.cumsum(np.unique(-u, return_counts=True)[1])]


@given(experiments())
def test_only_the_order_of_predictions_matters_and_a_perfect_one_scores_one(data):
    y, w, u = data
    assert qini(y, w, np.exp(3 * u) - 7) == pytest.approx(qini(y, w, u))
    perfect, _ = qini(y, w, np.where(y & w, 2.0, np.where(y & ~w, -2.0, 0.0)))
    assert perfect == pytest.approx(1.0) or perfect == 0.0


@given(experiments())
def test_one_prediction_for_all_is_chance(data):
    y, w, _ = data
    assert qini(y, w, np.zeros(y.size))[0] == pytest.approx(0.0, abs=1e-12)


@given(experiments(), st.randoms(use_true_random=False))
def test_the_order_of_customers_does_not_matter_where_predictions_are_equal(data, random):
    y, w, u = data
    order = list(range(u.size))
    random.shuffle(order)
    assert qini(y[order], w[order], u[order]) == pytest.approx(qini(y, w, u))


def test_the_interval_lies_above_chance_where_the_ranking_is_good_and_holds_it_where_it_is_not():
    assert bootstrap_qini(*persuadable(20_000), draws=200).beats_chance
    blind = bootstrap_qini(*persuadable(20_000, is_random=True), draws=200)
    assert blind.low < 0 < blind.high
    assert not blind.beats_chance


@pytest.mark.parametrize("n", [400, 5_000], ids=["every prediction", "a grid"])
def test_the_interval_is_that_of_a_bootstrap_of_rows(n):
    y, w, u = persuadable(n, seed=3)
    rng, ranking = np.random.default_rng(1), UpliftRanking.of(y, w, u)
    rows = np.array([ranking.scores(resample(w, rng)) for _ in range(600)])
    fast = ranking.drawn_scores(600, np.random.default_rng(2))
    assert fast.mean(axis=1) == pytest.approx(rows.mean(axis=0), abs=0.2 * rows[:, 0].std())
    assert fast.std(axis=1) == pytest.approx(rows.std(axis=0), rel=0.2)  # heavy tails


def test_a_resample_that_takes_everybody_once_is_the_curve_itself():
    for n in (500, 30_000):
        y, w, u = persuadable(n, seed=5)
        assert UpliftRanking.of(y, w, u).scores(np.ones(n)) == pytest.approx(qini(y, w, u), abs=2e-5)


def test_a_resample_keeps_the_size_of_each_arm():
    w = np.arange(100) < 30
    times = resample(w, np.random.default_rng(0))
    assert (times[w].sum(), times[~w].sum()) == (30, 70)


def test_the_same_seed_gives_the_same_interval():
    data = persuadable(1_000)
    assert bootstrap_qini(*data, draws=50, seed=4) == bootstrap_qini(*data, draws=50, seed=4)
    assert bootstrap_qini(*data, draws=50, seed=4) != bootstrap_qini(*data, draws=50, seed=5)


def test_slices_hold_the_measured_effect_highest_prediction_first():
    slices = uplift_by_decile(*persuadable(40_000, effect=0.3))
    assert [each.decile for each in slices] == list(range(1, 11))
    assert [each.customers for each in slices] == [4_000] * 10
    assert [each.predicted for each in slices] == sorted((each.predicted for each in slices), reverse=True)
    assert slices[0].effect.delta == pytest.approx(0.3 * slices[0].predicted, abs=0.05)
    assert slices[0].effect.is_proven
    assert slices[0].effect.low > slices[-1].effect.high


def test_equal_predictions_stay_in_one_slice():
    slices = uplift_by_decile([1, 0] * 20, [1, 1, 0, 0] * 10, np.repeat([0.2, 0.1], [28, 12]))
    assert [each.customers for each in slices] == [28, 12]


def test_a_slice_without_one_arm_has_no_effect():
    slices = uplift_by_decile([1, 0, 1], [1, 1, 0], [0.3, 0.2, 0.1], bins=3)
    assert [each.effect is None for each in slices] == [True, True, True]


def test_a_campaign_without_a_holdout_is_refused():
    with pytest.raises(CampaignError, match="both arms"):
        qini_curve([1, 0], [1, 1], [0.1, 0.2])


def test_missing_predictions_and_other_outcomes_are_refused():
    with pytest.raises(DataError):
        qini_curve([1, 0], [1, 0], [0.1, np.nan])
    with pytest.raises(DataError):
        qini_curve([1, 2], [1, 0], [0.1, 0.2])


@pytest.mark.parametrize("how", [{"draws": 0}, {"confidence": 1.0}])
def test_a_bootstrap_of_nothing_is_refused(how):
    with pytest.raises(ConfigError):
        bootstrap_qini(Y, W, U, **how)


def test_no_slices_are_refused():
    with pytest.raises(ConfigError):
        uplift_by_decile(Y, W, U, bins=0)

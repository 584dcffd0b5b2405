"""The threshold curve against plain counting, and the points read off it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from churn.decisions.profit import Economics
from churn.decisions.threshold import threshold_curve
from churn.errors import DataError

COUNTS = ["contacts", "true_positives", "false_positives", "precision", "recall"]
COLUMNS = [*COUNTS, "cost", "retained", "revenue", "net_profit", "roi", "threshold"]
MODELS = [
    Economics(),
    Economics("incentive", contact_cost=1, incentive_cost=7, success_rate=0.3),
    Economics("uplift", incentive_cost=3, offer_use=0.5),
]


@st.composite
def customers(draw, *, ties=True):
    n = draw(st.integers(1, 40))
    steps = 8 if ties else 10_000
    p = draw(hnp.arrays(np.int64, n, elements=st.integers(0, steps), unique=not ties)) / steps
    y = draw(hnp.arrays(np.bool_, n))
    value = draw(hnp.arrays(np.float64, n, elements=st.sampled_from([0.0, 20.0, 69.16, 300.0])))
    return p, y, value


def by_counting(p, y, value, economics):
    """The same numbers, one threshold at a time, in the words of the definition."""
    rows = []
    for cut in sorted(set(p.tolist()), reverse=True):
        chosen = p >= cut
        hits, misses = y[chosen].sum(), (~y[chosen]).sum()
        retained = economics.success_rate * hits
        revenue = economics.success_rate * value[chosen & y].sum()
        cost = economics.contact_cost * chosen.sum()
        if economics.profit_model == "case_study":
            cost += economics.incentive_cost * chosen.sum()
        if economics.profit_model == "incentive":
            cost += economics.incentive_cost * (retained + misses)
        if economics.profit_model == "uplift":
            cost += economics.incentive_cost * economics.offer_use * chosen.sum()
        recall = hits / y.sum() if y.any() else np.nan
        net = revenue - cost
        roi = net / cost if cost else np.nan
        rows.append((chosen.sum(), hits, misses, hits / chosen.sum(), recall, cost, retained, revenue, net, roi, cut))
    return dict(zip(COLUMNS, np.array(rows).T, strict=True))


@pytest.mark.parametrize("economics", MODELS, ids=lambda e: e.profit_model)
@given(data=customers())
@settings(max_examples=60)
def test_the_curve_equals_counting_at_every_distinct_threshold(economics, data):
    p, y, value = data
    curve, expected = threshold_curve(p, y, value, economics), by_counting(p, y, value, economics)
    for column in COLUMNS:
        assert getattr(curve, column) == pytest.approx(expected[column], abs=1e-9, nan_ok=True), column


@given(customers())
def test_without_outcomes_the_curve_is_the_expectation_under_the_probabilities(data):
    p, _, value = data
    curve = threshold_curve(p, None, value, Economics())
    for i, cut in enumerate(curve.threshold):
        chosen = p >= cut
        assert curve.true_positives[i] == pytest.approx(p[chosen].sum(), abs=1e-9)
        assert curve.net_profit[i] == pytest.approx((0.4 * p * value - 2.0)[chosen].sum(), abs=1e-9)


@given(customers(), st.randoms(use_true_random=False))
def test_the_order_of_customers_does_not_matter(data, random):
    p, y, value = data
    order = list(range(len(p)))
    random.shuffle(order)
    one, other = (threshold_curve(p[o], y[o], value[o], MODELS[1]) for o in (slice(None), order))
    for column in COLUMNS:
        assert getattr(one, column) == pytest.approx(getattr(other, column), abs=1e-9, nan_ok=True)


@given(customers())
def test_contacts_rise_and_hits_never_fall_as_the_threshold_falls(data):
    p, y, value = data
    curve = threshold_curve(p, y, value, Economics())
    assert np.all(np.diff(curve.contacts) > 0)
    assert np.all(np.diff(curve.true_positives) >= 0)
    assert np.all(np.diff(curve.threshold) < 0)
    assert curve.contacts[-1] == len(p)


@given(customers(), st.floats(0.1, 100.0))
def test_another_currency_scales_every_amount_and_moves_no_threshold(data, rate):
    p, y, value = data
    one = threshold_curve(p, y, value, Economics(contact_cost=2.0, incentive_cost=1.0))
    other = threshold_curve(p, y, value * rate, Economics(contact_cost=2.0 * rate, incentive_cost=rate))
    assert other.net_profit == pytest.approx(one.net_profit * rate, rel=1e-9, abs=1e-6)
    assert other.roi == pytest.approx(one.roi, rel=1e-9, abs=1e-9, nan_ok=True)


@given(customers())
def test_one_value_for_all_equals_the_same_value_for_each(data):
    p, y, _ = data
    for outcome in (y, None):
        one = threshold_curve(p, outcome, 69.16, Economics())
        each = threshold_curve(p, outcome, np.full(len(p), 69.16), Economics())
        assert one.net_profit == pytest.approx(each.net_profit, abs=1e-9)


@given(customers())
def test_the_optimum_is_the_best_point_or_nobody(data):
    p, y, value = data
    curve = threshold_curve(p, y, value, Economics())
    best = curve.optimum()
    assert best.net_profit == pytest.approx(max(0.0, curve.net_profit.max()))
    assert (best.contacts == 0) == (curve.net_profit.max() <= 0)


@given(customers(), st.floats(0, 200))
def test_a_budget_is_never_overspent_and_never_buys_one_contact_less_than_it_could(data, budget):
    p, y, value = data
    curve = threshold_curve(p, y, value, Economics())
    point = curve.at_budget(budget)
    assert point.cost <= budget + 1e-6
    assert point.contacts == min(len(p), np.floor(budget / 2.0 + 1e-9))


def test_a_number_of_contacts_that_cuts_through_ties_takes_a_random_part_of_them():
    curve = threshold_curve([0.9, 0.5, 0.5, 0.5, 0.5], [1, 1, 1, 0, 0], 100.0, Economics())
    point = curve.at_contacts(3)
    assert (point.contacts, point.true_positives, point.false_positives) == (3, 2, 1)
    assert point.threshold == 0.5
    assert point.net_profit == pytest.approx(2 * 40 - 3 * 2)


def test_a_threshold_between_scores_contacts_everyone_above_it():
    curve = threshold_curve([0.9, 0.7, 0.6, 0.1], [1, 0, 1, 0], 25.0, Economics())
    point = curve.at_threshold(0.65)
    assert (point.threshold, point.contacts, point.true_positives) == (0.65, 2, 1)
    assert curve.at_threshold(0.7).contacts == 2
    assert curve.at_threshold(0.95).contacts == 0
    assert curve.at_threshold(0.95).roi is None


def test_extreme_probabilities_and_negative_zero_sort_rightly():
    curve = threshold_curve([0.0, -0.0, 1.0, 5e-324, 1 - 1e-16], [1, 0, 1, 1, 0], 25.0, Economics())
    assert curve.threshold.tolist() == [1.0, 1 - 1e-16, 5e-324, 0.0]
    assert curve.true_positives.tolist() == [1, 1, 2, 3]


def test_nobody_to_contact_is_an_empty_curve_that_still_answers():
    curve = threshold_curve([], None, 25.0, Economics())
    assert curve.optimum().contacts == 0
    assert curve.at_budget(100).net_profit == 0.0
    assert curve.at_threshold(0.5).contacts == 0


def test_a_known_uplift_is_summed_as_it_is():
    economics = Economics("uplift", contact_cost=1)
    curve = threshold_curve([0.9, 0.5], None, 100.0, economics, uplift=[-0.1, 0.2])
    assert curve.net_profit == pytest.approx([-11.0, 8.0])
    with pytest.raises(DataError) as caught:
        threshold_curve([0.9, 0.5], None, 100.0, economics, uplift=[0.1])
    assert caught.value.where == "uplift"


@pytest.mark.parametrize(
    ("p", "y", "value", "named"),
    [
        ([0.5, np.nan], [0, 1], 1.0, "churn_probability"),
        ([0.5, 2.0], [0, 1], 1.0, "churn_probability"),
        ([[0.5]], [0], 1.0, "churn_probability"),
        ([0.5], [2], 1.0, "outcome"),
        ([0.5], [0, 1], 1.0, "outcome"),
        ([0.5], [1], [1.0, 2.0], "value"),
        ([0.5], [1], [np.inf], "value"),
        ([0.5], [1], np.nan, "value"),
    ],
)
def test_wrong_input_is_refused_by_name(p, y, value, named):
    with pytest.raises(DataError) as caught:
        threshold_curve(p, y, value, Economics())
    assert caught.value.where == named

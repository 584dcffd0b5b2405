"""Simulated campaigns against a bootstrap of rows, done the slow way, and against what must hold for any of them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn.decisions.draws import draw_campaigns, draw_success, fit_beta, grid_cells
from churn.decisions.profit import Economics, expected_profit
from churn.decisions.simulation import simulate, simulate_counts
from churn.decisions.threshold import threshold_curve
from churn.errors import ConfigError, DataError

CASE = {"customers": 120_000, "churners": 9_600, "contacts": 11_000, "true_positives": 6_800, "threshold": 0.65}


def population(n=600, seed=1, *, ties=False):
    rng = np.random.default_rng(seed)
    p = rng.beta(0.6, 3, n)
    if ties:
        p = np.round(p, 1)
    return p, rng.random(n) < p, rng.choice([30.0, 69.16, 200.0], n)


def by_rows(p, y, value, economics, cuts, *, draws, value_range, seed=11):
    """Net profit at each cut of redrawn customers, one row at a time."""
    rng = np.random.default_rng(seed)
    success = draw_success(economics, draws, rng)
    net = np.empty((draws, len(cuts)))
    for d in range(draws):
        rows = rng.integers(0, p.size, p.size)
        churns = rng.random(p.size) < p[rows] if y is None else y[rows]
        worth = value[rows] * rng.triangular(value_range[0], 1.0, value_range[1])
        saved = churns & (rng.random(p.size) < success[d])
        for c, cut in enumerate(cuts):
            chosen = p[rows] >= cut
            stayers = (chosen & ~churns).sum()
            taken = (chosen & saved).sum() + stayers
            spent = economics.cost_of_contact * chosen.sum() + economics.cost_of_taker * taken
            net[d, c] = worth[chosen & saved].sum() - spent
    return net


@pytest.mark.parametrize("is_known", [True, False], ids=["outcomes known", "outcomes drawn"])
@pytest.mark.parametrize("model", ["case_study", "incentive"])
@pytest.mark.parametrize("values", ["one value", "many values"])
@pytest.mark.slow  # much arithmetic
def test_cells_have_the_distribution_of_the_row_bootstrap(is_known, model, values):
    p, y, value = population(ties=True)
    economics = Economics(model, contact_cost=3, incentive_cost=4)
    outcome, worth = y if is_known else None, value if values == "many values" else np.full(p.size, 69.16)
    curve = threshold_curve(p, outcome, worth, economics)
    cells = grid_cells(curve, p, outcome, worth, contacts=[], bins=20)
    drawn = draw_campaigns(cells, economics, value_range=(0.8, 1.2), draws=4_000, seed=3).net_profit
    rows = by_rows(p, outcome, worth, economics, cells.threshold, draws=3_000, value_range=(0.8, 1.2))
    spread = rows.std(axis=0)
    assert drawn.mean(axis=0) == pytest.approx(rows.mean(axis=0), abs=0.1 * spread.max())
    assert drawn.std(axis=0) == pytest.approx(spread, rel=0.08)
    # Of a few saved customers only the first two moments are meant to agree where their values differ.
    large = cells.contacts > 60
    for quantile in (0.05, 0.5, 0.95):
        ours, theirs = (np.quantile(each[:, large], quantile, axis=0) for each in (drawn, rows))
        assert np.all(np.abs(ours - theirs) < 0.18 * spread[large])


def test_the_point_is_the_curve_and_lies_within_its_band():
    p, y, value = population(3_000)
    result = simulate(p, y, value, Economics(), mode="contacts", amount=400)
    chosen = np.argsort(-p * value)[:400]  # by expected profit, which grows with probability times value
    assert result.point.true_positives == y[chosen].sum()
    assert result.point.net_profit == pytest.approx(0.4 * value[chosen][y[chosen]].sum() - 800)
    assert result.profit.low < result.point.net_profit < result.profit.high
    assert 400 in [point.contacts for point in result.grid]


def test_the_best_cut_on_probabilities_is_break_even():
    p, _, _ = population(5_000)
    result = simulate(p, None, 69.16, Economics())
    contacted = (expected_profit(p, 69.16, Economics()) > 0).sum()
    assert result.optimum.point.contacts == contacted
    assert result.point == result.optimum.point
    assert result.optimum.optimism == 0.0
    assert result.optimum.threshold.low <= result.optimum.point.threshold <= result.optimum.threshold.high
    assert result.optimum.contacts.low <= contacted <= result.optimum.contacts.high


def test_picking_the_best_of_known_outcomes_is_optimistic_and_more_so_with_few():
    few, many = (simulate(*population(n, seed=5)[:2], 69.16, Economics()) for n in (300, 30_000))
    assert few.optimum.optimism > 0
    assert few.optimum.optimism / few.customers > many.optimum.optimism / many.customers


@pytest.mark.slow  # much arithmetic
def test_optimism_is_what_the_choice_loses_on_fresh_customers():
    gaps, told = [], []
    for seed in range(60):
        p, y, _ = population(400, seed=100 + seed)
        result = simulate(p, y, 69.16, Economics(), draws=400)
        best = result.optimum.point
        fresh_p, fresh_y, _ = population(20_000, seed=5_000 + seed)
        chosen = fresh_p >= best.threshold
        fresh = (0.4 * 69.16 * fresh_y - 2.0)[chosen].sum() * 400 / 20_000
        gaps.append(best.net_profit - fresh)
        told.append(result.optimum.optimism)
    error = np.std(gaps) / np.sqrt(len(gaps))
    assert np.mean(told) == pytest.approx(np.mean(gaps), abs=3 * error)


@pytest.mark.slow  # much arithmetic
def test_the_same_seed_gives_the_same_answer_and_another_one_a_near_one():
    p, y, value = population(2_000)
    one, same, other = (simulate(p, y, value, Economics(), seed=s) for s in (1, 1, 2))
    assert one == same
    assert one.profit != other.profit
    assert one.profit.median == pytest.approx(other.profit.median, rel=0.1)


@pytest.mark.slow  # much arithmetic
def test_terms_without_a_range_leave_only_the_customers_and_luck_to_vary():
    p, y, _ = population(20_000)
    sure = Economics(success_rate_low=0.4, success_rate_high=0.4)
    narrow = simulate(p, y, 69.16, sure, value_range=(1.0, 1.0))
    wide = simulate(p, y, 69.16, Economics())
    assert narrow.profit.high - narrow.profit.low < (wide.profit.high - wide.profit.low) / 3


def test_a_campaign_that_loses_in_expectation_loses_in_most_draws():
    p, y, _ = population(5_000)
    result = simulate(p, y, 10.0, Economics(), mode="contacts", amount=5_000)
    assert result.point.net_profit < 0
    assert result.loss_probability > 0.95


def test_when_nothing_pays_the_optimum_is_nobody():
    p, y, _ = population(500)
    result = simulate(p, y, 1.0, Economics())
    assert result.point.contacts == 0
    assert result.point.net_profit == 0
    assert result.loss_probability == 0
    assert (result.profit.low, result.profit.high) == (0, 0)
    assert result.break_even > 1


def test_the_tornado_moves_one_input_at_a_time_largest_swing_first():
    p, y, _ = population(4_000)
    economics = Economics(incentive_cost=1.0)
    result = simulate(p, y, 69.16, economics, mode="contacts", amount=1_000)
    rows = {row.name: row for row in result.tornado}
    assert [row.swing for row in result.tornado] == sorted((row.swing for row in result.tornado), reverse=True)
    assert set(rows) == {"success_rate", "value_of_save", "churners_reached", "contact_cost", "incentive_cost"}
    hits = result.point.true_positives
    assert rows["success_rate"].profit_at_low == pytest.approx(0.25 * hits * 69.16 - 3_000)
    assert rows["value_of_save"].profit_at_high == pytest.approx(1.2 * 0.4 * hits * 69.16 - 3_000)
    assert rows["value_of_save"].low == pytest.approx(0.8 * 69.16)
    assert rows["contact_cost"].profit_at_high == pytest.approx(0.4 * hits * 69.16 - 3_500)


def test_a_cut_through_ties_is_said():
    p = np.array([0.9] * 5 + [0.4] * 20)
    assert simulate(p, None, 69.16, Economics(), mode="contacts", amount=10).splits_ties
    assert not simulate(p, None, 69.16, Economics(), mode="contacts", amount=5).splits_ties


def test_budget_threshold_and_contacts_agree_where_they_mean_the_same():
    p, y, _ = population(1_000)
    cut = np.sort(p)[-100]
    asked = [("threshold", cut), ("contacts", 100), ("budget", 200.0)]
    points = [simulate(p, y, 69.16, Economics(), mode=mode, amount=amount).point for mode, amount in asked]
    assert points[0] == points[1] == points[2]


@pytest.mark.parametrize(
    ("mode", "amount"), [("threshold", 1.5), ("threshold", None), ("budget", -1), ("contacts", math.nan)]
)
def test_an_amount_out_of_range_is_refused(mode, amount):
    with pytest.raises(ConfigError) as caught:
        simulate([0.5], None, 69.16, Economics(), mode=mode, amount=amount)
    assert caught.value.where == mode


def test_no_customers_and_bad_scores_are_refused():
    with pytest.raises(DataError):
        simulate([], None, 69.16, Economics())
    with pytest.raises(DataError):
        simulate([math.nan], None, 69.16, Economics())


@pytest.mark.parametrize("p", [[0.3], [0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0]])
def test_tiny_and_extreme_populations_still_answer(p):
    result = simulate(p, None, 69.16, Economics(), draws=100)
    assert result.customers == len(p)
    assert result.optimum.point.net_profit >= 0


@given(st.floats(0.02, 0.95), st.floats(0.001, 0.6))
@settings(max_examples=60)
def test_the_beta_keeps_the_mean_and_the_width_of_its_range(expected, width):
    low = max(0.0, expected - width / 2)
    high = min(1.0, expected + width / 2)
    a, b = fit_beta(low, expected, high)
    assert a / (a + b) == pytest.approx(expected)
    drawn = draw_success(
        Economics(success_rate=expected, success_rate_low=low, success_rate_high=high), 4_000, np.random.default_rng(1)
    )
    found = np.quantile(drawn, 0.95) - np.quantile(drawn, 0.05)
    assert found <= (high - low) * 1.1
    if high - low < 0.3 * min(expected, 1 - expected):
        assert found == pytest.approx(high - low, rel=0.1)


@pytest.mark.parametrize("terms", [(0.4, 0.4, 0.4), (0.0, 0.0, 0.5), (0.5, 1.0, 1.0)])
def test_a_rate_without_width_or_at_an_end_stays_fixed(terms):
    assert fit_beta(*terms) is None


def test_the_case_study_holds_to_the_cent():
    result = simulate_counts(**CASE, value=25.0, economics=Economics(value_months=1))
    point = result.point
    assert (point.contacts, point.true_positives, point.false_positives) == (11_000, 6_800, 4_200)
    assert (point.cost, point.retained, point.revenue, point.net_profit) == (22_000, 2_720, 68_000, 46_000)
    assert result.break_even == pytest.approx(0.20)
    assert result.perfect_profit == pytest.approx(76_800)
    assert result.optimum is None
    assert result.profit.low < 46_000 < result.profit.high


@pytest.mark.parametrize(
    "wrong", [{"true_positives": 0}, {"true_positives": 12_000}, {"churners": 6_000}, {"churners": 119_000}]
)
def test_counts_that_contradict_one_another_are_refused(wrong):
    with pytest.raises(ConfigError):
        simulate_counts(**{**CASE, **wrong}, value=25.0, economics=Economics())

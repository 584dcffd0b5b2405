"""The simulator's quick answers against the slow ones: the same expectations, the same bands but for drawing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn.decisions.choices import Mode
from churn.decisions.live_simulation import LiveCustomers
from churn.decisions.profit import Economics
from churn.decisions.simulation import SimulationResult, simulate
from churn.errors import ConfigError, DataError

ECONOMICS = st.builds(
    lambda model, contact, incentive, rate, spread, months, hazard: Economics(
        profit_model=model,
        contact_cost=contact,
        incentive_cost=incentive,
        success_rate=rate,
        success_rate_low=max(0.0, rate - spread),
        success_rate_high=min(1.0, rate + spread),
        value_months=months,
        hazard_after_save=hazard,
    ),
    st.sampled_from(["case_study", "incentive", "uplift"]),
    st.floats(0, 20),
    st.floats(0, 15),
    st.floats(0.02, 0.98),
    st.floats(0, 0.3),
    st.integers(1, 24),
    st.floats(0, 0.5),
)
CUTS = st.one_of(
    st.just(("optimum", None)),
    st.tuples(st.just("threshold"), st.floats(0, 1)),
    st.tuples(st.just("budget"), st.floats(0, 20_000)),
    st.tuples(st.just("contacts"), st.integers(0, 1_800)),
)


def customers(seed: int, size: int, distinct: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.beta(0.7, 6.0, size)
    if distinct is not None:  # what isotonic calibration leaves: many customers of the same probability
        p = np.round(p * distinct) / distinct
    return p, rng.choice([9.0, 19.0, 29.0, 49.0], size) * rng.uniform(0.4, 1.0, size)


def slow(
    p: np.ndarray,
    margin: np.ndarray,
    terms: Economics,
    mode: Mode,
    amount: float | None,
    value: float | None,
    draws: int,
) -> SimulationResult:
    return simulate(
        p,
        None,
        terms.value_of_save(margin) if value is None else value,
        terms,
        mode=mode,
        amount=amount,
        draws=draws,
        seed=3,
    )


@given(
    terms=ECONOMICS,
    cut=CUTS,
    value=st.one_of(st.none(), st.floats(0, 400)),
    distinct=st.sampled_from([None, 30]),
    seed=st.integers(0, 5),
)
@settings(max_examples=30, deadline=None)
@pytest.mark.slow  # much arithmetic
def test_expected_values_are_those_of_the_simulation_exactly(
    terms: Economics, cut: tuple[Mode, float | None], value: float | None, distinct: int | None, seed: int
) -> None:
    p, margin = customers(seed, 1_500, distinct)
    mode, amount = cut
    quick = LiveCustomers(p, margin, draws=100).answer(terms, mode=mode, amount=amount, value=value)
    known = slow(p, margin, terms, mode, amount, value, 100)
    scale = 1e-9 * (1.0 + abs(known.point.revenue) + abs(known.point.cost))
    if mode == "optimum":  # where two cuts earn the same to the last digit, either is the best
        assert quick.point.net_profit == pytest.approx(known.point.net_profit, rel=1e-9, abs=scale)
        return
    for name in ("contacts", "true_positives", "cost", "retained", "revenue", "net_profit", "threshold"):
        assert getattr(quick.point, name) == pytest.approx(getattr(known.point, name), rel=1e-9, abs=scale), name
    assert quick.churners == pytest.approx(known.churners)
    assert quick.break_even == pytest.approx(known.break_even, nan_ok=True)
    assert quick.average_value == pytest.approx(known.average_value)
    assert quick.perfect_profit == pytest.approx(known.perfect_profit, abs=1e-6)
    assert quick.splits_ties == known.splits_ties
    assert (quick.mode, quick.outcomes, quick.customers) == (known.mode, known.outcomes, known.customers)
    assert quick.optimum is not None
    assert known.optimum is not None
    assert quick.optimum.point.net_profit == pytest.approx(known.optimum.point.net_profit, rel=1e-9, abs=scale)


@pytest.mark.parametrize(
    ("terms", "value", "cut", "distinct"),
    [
        (Economics(), None, ("optimum", None), None),
        (Economics(), None, ("contacts", 37), None),
        (Economics(), None, ("budget", 900.0), 25),
        (Economics(profit_model="incentive", incentive_cost=4.0, contact_cost=0.5), None, ("threshold", 0.2), 25),
        (
            Economics(profit_model="uplift", incentive_cost=3.0, success_rate=0.3, success_rate_low=0.1),
            None,
            ("optimum", None),
            None,
        ),
        (Economics(success_rate_low=0.4, success_rate_high=0.4), 60.0, ("contacts", 3_000), 25),
        (Economics(profit_model="incentive", incentive_cost=4.0, contact_cost=0.5), 60.0, ("threshold", 0.12), None),
    ],
)
@pytest.mark.slow  # much arithmetic
def test_bands_agree_with_the_simulation_within_the_error_of_drawing(
    terms: Economics, value: float | None, cut: tuple[Mode, float | None], distinct: int | None
) -> None:
    p, margin = customers(1, 4_000, distinct)
    quick = LiveCustomers(p, margin, draws=5_000).answer(terms, mode=cut[0], amount=cut[1], value=value)
    known = slow(p, margin, terms, cut[0], cut[1], value, 5_000)
    width = known.profit.high - known.profit.low
    for name in ("low", "median", "high"):
        assert getattr(quick.profit, name) == pytest.approx(getattr(known.profit, name), abs=0.06 * width), name
    assert quick.loss_probability == pytest.approx(known.loss_probability, abs=0.025)
    assert quick.optimum is not None
    assert known.optimum is not None
    assert quick.optimum.contacts.low == pytest.approx(known.optimum.contacts.low, abs=0.06 * 4_000)
    assert quick.optimum.contacts.high == pytest.approx(known.optimum.contacts.high, abs=0.06 * 4_000)
    by_name = [sorted(result.tornado, key=lambda row: row.name) for result in (quick, known)]
    for one, two in zip(*by_name, strict=True):
        assert one.name == two.name
        assert one.profit_at_low == pytest.approx(two.profit_at_low, abs=0.06 * width)
        assert one.profit_at_high == pytest.approx(two.profit_at_high, abs=0.06 * width)


@pytest.mark.slow  # much arithmetic
def test_the_band_holds_along_the_whole_curve() -> None:
    p, margin = customers(2, 4_000)
    terms = Economics(profit_model="incentive", incentive_cost=3.0)
    quick = LiveCustomers(p, margin, draws=4_000).answer(terms)
    known = slow(p, margin, terms, "optimum", None, None, 4_000)
    at = [point.contacts for point in known.grid]
    for end in ("low", "high"):
        line = np.interp(at, [q.contacts for q in quick.grid], [getattr(band, end) for band in quick.bands])
        width = np.array([band.high - band.low for band in known.bands])
        gap = np.abs(line - np.array([getattr(band, end) for band in known.bands]))
        assert (gap[5:] <= 0.08 * width[5:]).all()


def test_probabilities_that_may_all_be_off_alike_widen_the_band_by_as_much() -> None:
    """Beside what customers and terms leave open stands the share by which everybody's revenue may be off."""
    p, margin = customers(4, 30_000)
    terms = Economics(success_rate=0.4, success_rate_low=0.4, success_rate_high=0.4)
    live = [LiveCustomers(p, margin, draws=6_000, level_error=off) for off in (0.0, 0.2)]
    sure, open_ = (each.answer(terms, mode="contacts", amount=10_000) for each in live)
    worth = margin * terms.margin_factor
    known = simulate(p, None, worth, terms, mode="contacts", amount=10_000, draws=6_000, level_error=0.2)
    spread = [(result.profit.high - result.profit.low) / (2 * 1.6449) for result in (sure, open_, known)]
    wanted = np.hypot(spread[0], 0.2 * open_.point.revenue)
    assert spread[0] < 0.6 * wanted
    assert spread[1:] == pytest.approx([wanted] * 2, rel=0.05)
    assert open_.point == sure.point
    assert open_.profit.median == pytest.approx(open_.point.net_profit, abs=0.05 * wanted)
    # Of outcomes that are known nothing is left open.
    left = np.random.default_rng(1).random(p.size) < p
    of_past = [simulate(p, left, worth, terms, draws=100, level_error=off) for off in (0.0, 0.2)]
    assert of_past[0] == of_past[1]


def test_a_term_moved_a_little_moves_the_answer_a_little() -> None:
    prepared = LiveCustomers(*customers(3, 5_000))
    lows = [
        prepared.answer(Economics(contact_cost=2.0 + i / 100), mode="contacts", amount=900).profit.low
        for i in range(10)
    ]
    steps = np.diff(lows)
    assert (steps < 0).all()
    assert np.abs(steps).max() < 3 * np.abs(steps).mean()


def test_the_same_question_has_the_same_answer() -> None:
    p, margin = customers(4, 2_000)
    one, two = (LiveCustomers(p, margin).answer(Economics()) for _ in range(2))
    assert replace(one, tornado=()) == replace(two, tornado=())


def test_an_answer_leaves_nothing_behind() -> None:
    prepared = LiveCustomers(*customers(5, 2_000))
    first = prepared.answer(Economics())
    prepared.answer(Economics(contact_cost=9.0, profit_model="incentive"), value=12.0)
    assert prepared.answer(Economics()) == first


def test_one_customer_is_enough_and_none_is_refused() -> None:
    alone = LiveCustomers([0.5], [30.0]).answer(Economics())
    assert alone.point.contacts == 1
    with pytest.raises(DataError, match="holds no customers"):
        LiveCustomers([], [])


def test_amounts_out_of_range_are_refused() -> None:
    prepared = LiveCustomers(*customers(6, 100))
    for mode, amount in (("threshold", 1.5), ("budget", -1.0), ("contacts", float("nan"))):
        with pytest.raises(ConfigError):
            prepared.answer(Economics(), mode=mode, amount=amount)  # type: ignore[arg-type]  # one of the modes


def test_nobody_is_contacted_where_nothing_pays() -> None:
    found = LiveCustomers(*customers(7, 1_000)).answer(Economics(contact_cost=10_000.0))
    assert found.point.contacts == 0
    assert (found.profit.low, found.profit.high, found.loss_probability) == (0.0, 0.0, 0.0)

"""A simulation of an offer is as sure of itself as the plan of the same customers."""

from __future__ import annotations

import numpy as np
import pytest

from churn.campaigns.expectation import Treated, draw_profit
from churn.decisions.offer_simulation import PricedCustomers, simulate_offer
from churn.decisions.profit import ALIKE, Economics, value_contacts

P = np.random.default_rng(2).beta(2, 8, 900)
TERMS = Economics(
    profit_model="case_study",
    contact_cost=0.5,
    success_rate=0.9,
    success_rate_low=0.9,
    success_rate_high=0.9,
    value_months=3,
)


@pytest.mark.parametrize("level_error", [0.0, 0.25])
def test_how_far_the_level_of_the_probabilities_may_be_off_is_drawn_as_in_a_plan(level_error: float) -> None:
    value = np.full(P.size, 60.0)
    values = value_contacts(P, value, TERMS)
    customers = PricedCustomers(probability=P, value=value, values=values, economics=TERMS, terms=ALIKE)
    everybody = np.ones(P.size, dtype=np.bool_)
    simulated = simulate_offer(customers, everybody, mode="optimum", draws=4_000, level_error=level_error)
    (planned,) = draw_profit(
        [Treated(P, values.avoided, value, TERMS)], probability_error=level_error, draws=4_000, seed=3
    )
    low, high = np.quantile(planned, [0.05, 0.95])
    assert simulated.point.net_profit == pytest.approx(float(np.sum(values.profit)))
    assert simulated.profit.high - simulated.profit.low == pytest.approx(high - low, rel=0.07)
    if level_error:
        narrow = simulate_offer(customers, everybody, mode="optimum", draws=4_000)
        assert narrow.profit.high - narrow.profit.low < 0.75 * (high - low)

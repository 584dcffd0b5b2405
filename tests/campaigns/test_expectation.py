"""The interval around a plan's profit: centred on what is expected, as wide as what is not known."""

from __future__ import annotations

import numpy as np
import pytest

from churn.campaigns.expectation import Treated, draw_profit, interval
from churn.decisions.profit import Economics, expected_profit

P = np.linspace(0.1, 0.7, 500)
VALUE = np.linspace(40.0, 120.0, 500)


def treated(**terms):
    economics = Economics(**{"success_rate": 0.4, "success_rate_low": 0.4, "success_rate_high": 0.4, **terms})
    return Treated(P, economics.success_rate * P, VALUE, economics)


@pytest.mark.parametrize("model", ["case_study", "incentive", "uplift"])
def test_the_expected_profit_is_the_sum_of_each_customers(model):
    each = treated(profit_model=model, incentive_cost=5.0)
    assert each.profit == pytest.approx(expected_profit(P, VALUE, each.economics).sum())


@pytest.mark.parametrize("model", ["case_study", "incentive", "uplift"])
def test_draws_centre_on_the_expected_profit(model):
    each = treated(profit_model=model, incentive_cost=5.0)
    (drawn,) = draw_profit([each], probability_error=0.0, draws=4_000, seed=1)
    assert drawn.mean() == pytest.approx(each.profit, rel=0.02)


def test_what_is_known_less_well_widens_the_interval():
    def width(each, error=0.0):
        band, _ = interval(draw_profit([each], probability_error=error, draws=4_000, seed=1)[0])
        return band.high - band.low

    sure = width(treated())
    assert width(treated(success_rate_low=0.2, success_rate_high=0.6)) > 1.5 * sure
    assert width(treated(), error=0.3) > 1.2 * sure


def test_the_value_of_a_save_moves_all_campaigns_together():
    one, other = draw_profit([treated(), treated()], probability_error=0.0, draws=3_000, seed=1)
    assert np.corrcoef(one, other)[0, 1] > 0.25


def test_a_campaign_of_nobody_brings_nothing():
    nobody = Treated(P[:0], P[:0], VALUE[:0], Economics())
    (drawn,) = draw_profit([nobody], probability_error=0.1, draws=10, seed=1)
    assert not drawn.any()
    assert interval(drawn)[1] == 0.0


def test_a_measured_effect_is_as_sure_as_it_was_measured_and_may_be_harm():
    economics = Economics(profit_model="uplift", contact_cost=2.0)

    def drawn(error):
        each = Treated(P, 0.1 * P, np.full(500, 80.0), economics, effect_error=error)
        return each, draw_profit([each], probability_error=0.1, draws=4_000, seed=1)[0]

    each, sure = drawn(0.0)
    _, unsure = drawn(0.05)
    assert sure.mean() == pytest.approx(each.profit, rel=0.05)
    assert unsure.mean() == pytest.approx(each.profit, rel=0.2)
    assert unsure.std() > 2 * sure.std()
    assert unsure.min() < -2.0 * 500


def test_no_effect_costs_what_it_costs():
    each = Treated(P, np.zeros(500), VALUE, Economics(profit_model="uplift", contact_cost=2.0))
    (drawn,) = draw_profit([each], probability_error=0.1, draws=50, seed=1)
    assert drawn == pytest.approx(np.full(50, -1_000.0))

"""What a save is worth, what a contact earns, and where it breaks even."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from churn.decisions.profit import (
    CustomerTerms,
    Economics,
    averaged,
    break_even_probability,
    expected_profit,
    value_contacts,
)
from churn.decisions.simulation_request import SimulationRequest, lay_over, value_for_all
from churn.errors import ConfigError, DataError

shares = st.floats(0.01, 1.0)
money = st.floats(0.01, 500.0)


@pytest.mark.parametrize(("months", "value"), [(1, 25.00), (3, 69.16), (6, 123.01), (12, 197.60), (math.inf, 312.50)])
def test_value_of_a_save_at_8_percent_hazard_matches_the_known_amounts(months, value):
    assert round(Economics(value_months=months, hazard_after_save=0.08).value_of_save(25), 2) == value


def test_value_of_a_save_falls_with_the_discount_rate_and_works_per_customer():
    plain = Economics(value_months=12).value_of_save([10.0, 20.0])
    discounted = Economics(value_months=12, discount_rate=0.01).value_of_save([10.0, 20.0])
    assert np.all(discounted < plain)
    assert plain[1] == pytest.approx(2 * plain[0])


def test_a_value_of_a_save_for_everybody_stands_in_the_place_of_margin_and_months():
    terms = Economics(save_value=35.5)
    assert terms.value_of_save(25.0) == 35.5
    assert terms.value_of_save([10.0, 20.0]).tolist() == [35.5, 35.5]
    assert terms.value_of_save([10.0, 20.0], np.array([3.0, 9.0])).tolist() == [35.5, 35.5]
    assert terms.margin_factor == Economics().margin_factor
    given = lay_over(terms, SimulationRequest(margin=25.0))
    assert given.save_value is None
    assert value_for_all(SimulationRequest(), terms) == 35.5
    assert value_for_all(SimulationRequest(value=9.0), terms) == 9.0


def test_an_endless_horizon_without_hazard_or_discount_is_refused():
    with pytest.raises(ConfigError, match="endless"):
        Economics(value_months=math.inf, hazard_after_save=0.0).value_of_save(25)


@pytest.mark.parametrize(("value", "break_even"), [(25.0, 0.20), (75.0, 0.067), (312.5, 0.016)])
def test_break_even_of_the_case_study_is_cost_over_success_times_value(value, break_even):
    assert round(break_even_probability(value, Economics()), 3) == break_even


def test_a_balanced_score_of_65_percent_loses_61_cents_per_contact():
    assert expected_profit([0.1390374], 25.0, Economics())[0] == pytest.approx(-0.61, abs=0.001)


@given(
    model=st.sampled_from(["case_study", "incentive", "uplift"]),
    contact=money,
    incentive=money,
    success=shares,
    value=st.floats(1.0, 5_000.0),
)
def test_expected_profit_is_zero_at_the_break_even_probability(model, contact, incentive, success, value):
    economics = Economics(model, contact, incentive, success, success, success)
    at = break_even_probability(value, economics)
    assume(at <= 1.0)
    scale = contact + incentive + value
    assert expected_profit([at], value, economics)[0] == pytest.approx(0.0, abs=1e-9 * scale)


@given(contact=money, incentive=money, success=shares, value=money)
def test_break_even_above_one_means_that_no_contact_pays(contact, incentive, success, value):
    economics = Economics("incentive", contact, incentive, success, success, success)
    if break_even_probability(value, economics) > 1.0:
        assert np.all(expected_profit(np.linspace(0, 1, 11), value, economics) <= 0.0)


def test_the_incentive_model_charges_for_stayers_who_take_the_offer():
    economics = Economics("incentive", contact_cost=1, incentive_cost=10)
    assert expected_profit([0.25], 200.0, economics)[0] == pytest.approx(0.25 * 0.4 * 190 - 0.75 * 10 - 1)


def test_the_uplift_model_uses_a_known_uplift_and_lets_sleeping_dogs_lose_money():
    economics = Economics("uplift", contact_cost=2, incentive_cost=5, offer_use=0.5)
    profit = expected_profit([0.5, 0.5], 100.0, economics, uplift=[0.2, -0.1])
    assert profit == pytest.approx([0.2 * 100 - 2 - 2.5, -0.1 * 100 - 4.5])


def test_the_uplift_model_without_a_known_uplift_is_the_case_study_model():
    p = np.linspace(0, 1, 9)
    terms = {"contact_cost": 2.0, "incentive_cost": 3.0}
    assert expected_profit(p, 80.0, Economics("uplift", **terms)) == pytest.approx(
        expected_profit(p, 80.0, Economics("case_study", **terms))
    )


@pytest.mark.parametrize(
    ("terms", "named"),
    [
        ({"profit_model": "magic"}, "profit_model"),
        ({"contact_cost": -1}, "contact_cost"),
        ({"contact_cost": math.nan}, "contact_cost"),
        ({"success_rate": 1.2}, "success_rate"),
        ({"success_rate": 0.1}, "success_rate"),
        ({"value_months": 0}, "value_months"),
        ({"value_months": 2.5}, "value_months"),
        ({"discount_rate": -0.1}, "discount_rate"),
    ],
)
def test_terms_out_of_range_are_refused_by_name(terms, named):
    with pytest.raises(ConfigError) as caught:
        Economics(**terms)
    assert caught.value.where == named


@pytest.mark.parametrize("p", [[0.5, math.nan], [1.5], [-0.1]])
def test_scores_that_are_no_probabilities_are_refused(p):
    with pytest.raises(DataError) as caught:
        expected_profit(p, 25.0, Economics())
    assert caught.value.where == "churn_probability"


MODELS = st.sampled_from(["case_study", "incentive", "uplift"])
FEW = st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 900.0)), min_size=1, max_size=30)


@given(model=MODELS, customers=FEW, contact=money, incentive=money, success=shares)
def test_one_number_for_each_customer_gives_the_same_cents_as_the_number(model, customers, contact, incentive, success):
    p, value = (np.array(column) for column in zip(*customers, strict=True))
    economics = Economics(model, contact, incentive, success, success, success)
    alike = value_contacts(p, value, economics)

    def repeated(number):
        return np.full(p.size, number)

    terms = CustomerTerms(repeated(contact), repeated(incentive), repeated(success), value)
    # The numbers that terms replace do not matter any more.
    by_customer = value_contacts(p, 0.0, Economics(model, 9.0, 9.0, 0.5, 0.5, 0.5), terms)
    for name in ("avoided", "revenue", "cost", "profit"):
        assert np.array_equal(getattr(alike, name), getattr(by_customer, name)), name
    assert np.array_equal(np.broadcast_to(alike.unit_cost, p.shape), by_customer.unit_cost)


@given(model=MODELS, customers=FEW)
def test_revenue_less_cost_is_profit_and_a_part_of_the_customers_is_priced_as_before(model, customers):
    p, value = (np.array(column) for column in zip(*customers, strict=True))
    terms = CustomerTerms(contact_cost=p * 3, incentive_cost=value / 50, success_rate=p, value_of_save=value)
    values = value_contacts(p, 0.0, Economics(model), terms)
    assert np.allclose(values.revenue - values.cost, values.profit)
    some = np.arange(p.size) % 2 == 0
    part = value_contacts(p[some], 0.0, Economics(model), terms.of(some))
    assert np.array_equal(part.profit, values.profit[some])


def test_the_numbers_that_stand_for_all_are_the_means_and_the_range_of_success_reaches_them():
    terms = CustomerTerms(contact_cost=np.array([1.0, 3.0]), success_rate=np.array([0.7, 0.9]))
    mean = averaged(Economics(), terms)
    assert (mean.contact_cost, mean.incentive_cost, mean.success_rate) == (2.0, 0.0, pytest.approx(0.8))
    assert (mean.success_rate_low, mean.success_rate_high) == (0.25, pytest.approx(0.8))

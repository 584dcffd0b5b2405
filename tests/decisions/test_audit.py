"""What a money answer assumes is said, with the right figures."""

import numpy as np
import pytest

from churn.decisions.audit import audit, audit_case_study
from churn.decisions.profit import Economics
from churn.decisions.simulation import simulate, simulate_counts


@pytest.fixture(scope="module")
def case():
    economics = Economics(value_months=1)
    result = simulate_counts(
        customers=120_000,
        churners=9_600,
        contacts=11_000,
        true_positives=6_800,
        threshold=0.65,
        value=25.0,
        economics=economics,
        draws=200,
    )
    return {each.code: each for each in audit_case_study(result, economics, margin=25.0, currency="USD")}


def codes(p, outcome=None, value=69.16, economics=None, *, value_is_given=False, **how):
    economics = economics or Economics()
    result = simulate(p, outcome, value, economics, draws=200, **how)
    found = audit(result, economics, currency="USD", value_is_given=value_is_given)
    return {each.code: each for each in found}


def test_a_cut_at_65_percent_of_a_balanced_model_loses_61_cents(case):
    found = case["score_is_not_a_probability"]
    assert found.severity == "wrong"
    assert found.figures["true_risk"] == pytest.approx(0.139, abs=5e-4)
    assert found.figures["profit_of_contact"] == pytest.approx(-0.61, abs=5e-3)
    assert "13.9 %" in found.sentence
    assert "loses $0.61" in found.sentence


def test_break_even_is_given_for_three_horizons(case):
    figures = case["break_even"].figures
    assert figures["break_even_one_month"] == pytest.approx(0.20)
    assert figures["break_even_three_months"] == pytest.approx(0.067, abs=5e-4)
    assert figures["break_even_until_they_leave"] == pytest.approx(0.016)
    assert "$312.50" in case["break_even"].sentence


def test_even_a_perfect_model_earns_76800_and_46000_needs_7667_contacts(case):
    assert case["ceiling"].figures["perfect_profit"] == pytest.approx(76_800)
    assert round(case["ceiling"].figures["contacts_needed"]) == 7_667
    assert "$76,800" in case["ceiling"].sentence
    assert "7,667 contacts at 80 %" in case["ceiling"].sentence


def test_success_must_be_incremental_with_the_experiment_that_says_why(case):
    assert "from 6.4 % (left alone) to 10.0 % (contacted)" in case["success_must_be_incremental"].sentence


def test_the_ranking_behind_the_case_would_be_better_than_its_models(case):
    assert case["ranking_is_very_good"].figures["auc"] == pytest.approx(0.95, abs=0.01)


def test_findings_come_worst_first(case):
    order = {"wrong": 0, "caution": 1, "note": 2}
    ranks = [order[each.severity] for each in case.values()]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize(
    ("model", "code", "word"),
    [
        ("case_study", "uplift_is_assumed", "40 %"),
        ("incentive", "stayers_take_the_incentive", "stayer"),
        ("uplift", "uplift_is_assumed", "no uplift has been measured"),
    ],
)
def test_every_profit_model_says_what_it_assumes(model, code, word):
    assert word in codes(np.linspace(0, 0.6, 50), economics=Economics(model))[code].sentence


def test_the_value_window_is_said():
    p = np.linspace(0, 0.6, 50)
    assert "3 months of margin, $69.16" in codes(p)["value_window"].sentence
    assert "one month of margin" in codes(p, economics=Economics(value_months=1))["value_window"].sentence
    assert "as given" in codes(p, value_is_given=True)["value_window"].sentence


def test_contacts_below_break_even_are_said_with_what_the_last_one_loses():
    p = np.linspace(0.001, 0.6, 500)
    found = codes(p, mode="threshold", amount=0.02)["threshold_below_break_even"]
    assert found.figures["loss_of_last_contact"] == pytest.approx(2 - 0.02 * 0.4 * 69.16)
    assert "threshold_below_break_even" not in codes(p, mode="threshold", amount=0.2)


def test_an_optimum_at_the_end_of_the_data_or_at_nobody_is_said():
    assert "optimum_beyond_data" in codes(np.linspace(0.3, 0.6, 50))
    assert "nobody_pays" in codes(np.linspace(0.0, 0.01, 50))
    assert (
        codes([0.2, 0.1], economics=Economics(success_rate=0.0, success_rate_low=0.0))["never_pays"].severity == "wrong"
    )


def test_known_outcomes_say_how_much_picking_flatters_and_unknown_ones_that_they_are_expected():
    rng = np.random.default_rng(2)
    p = rng.beta(0.6, 4, 500)
    assert "optimum_is_optimistic" in codes(p, rng.random(500) < p)
    assert "outcomes_expected" in codes(p)


def test_a_likely_loss_and_a_cut_through_ties_are_said():
    p = np.repeat([0.05, 0.02], 200)
    found = codes(p, mode="contacts", amount=150)
    assert {"loss_possible", "ties_split"} <= found.keys()

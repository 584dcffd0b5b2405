"""Offers that may well lose are tried on a few: how sure an offer is, by its file, by what was measured, and on how many it is tried."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from churn.decisions.doubt import (
    RISKED,
    SURE,
    SURE_MEASURED,
    Prospect,
    prospect_of_belief,
    prospect_of_measured,
    prospect_of_rate,
    trial_sizes,
)
from churn.decisions.effect import Evidence, RangePrior, believe

PRIOR = RangePrior("all", 0.1, 0.2, 0.3)
SPREAD = 0.2 / (2 * 1.6448536)


def belief(evidence=()):
    return believe([PRIOR], evidence)


def test_before_anything_is_measured_the_file_may_be_wrong_with_a_chance_of_a_tenth():
    value, design = np.full(40, 50.0), np.full((40, 1), 0.3)
    profit = 0.2 * 0.3 * value - 2.0
    prospect = prospect_of_belief(profit, value, design, belief())
    kept, cost = 40 * 50 * 0.3, 80.0  # what a rate of 1 would keep, and what the contacts cost
    by_file = norm.cdf((0.2 * kept - cost) / (SPREAD * kept))
    wrong = norm.cdf(-cost / (0.3 * kept))  # around none, as wide as the file holds possible
    assert prospect.profit == pytest.approx(0.2 * kept - cost)
    assert prospect.spread == pytest.approx(SPREAD * kept)
    assert prospect.chance == pytest.approx(0.9 * by_file + 0.1 * wrong)


def test_what_was_measured_makes_an_offer_sure():
    value, design = np.full(40, 50.0), np.full((40, 1), 0.3)
    profit = np.full(40, 0.2 * 15.0 - 2.6)
    assert not prospect_of_belief(profit, value, design, belief()).is_sure
    precise = Evidence(("all",), ((40_000.0,),), (0.2 * 40_000.0,), 900, 100, 0.0, 1.0)
    assert prospect_of_belief(profit, value, design, belief([precise])).is_sure


def test_one_rate_and_a_measured_effect_have_prospects_too():
    profit, revenue = np.full(10, 4.0), np.full(10, 6.0)
    by_rate = prospect_of_rate(profit, revenue, 0.2, 0.1, 0.3)
    assert by_rate.spread == pytest.approx(60.0 / 0.2 * SPREAD)
    assert by_rate.chance == pytest.approx(0.9 * norm.cdf(40.0 / by_rate.spread))
    measured = prospect_of_measured(profit, np.full(10, 100.0), 0.03)
    assert measured.chance == pytest.approx(norm.cdf(40.0 / 30.0))


def test_a_trial_risks_a_share_of_what_the_plan_is_expected_to_earn():
    sure, doubtful, worse = (
        Prospect(100, 1_000.0, 200.0, 0.95),
        Prospect(500, 200.0, 400.0, 0.7),
        Prospect(50, 100.0, 300.0, 0.6),
    )
    sizes = trial_sizes([sure, doubtful, worse])
    room = RISKED * 1_300.0 / 2
    assert sizes[0] is None
    assert sizes[1] == int(room / ((1.6448536269514722 * 400.0 - 200.0) / 500))
    assert sizes[2] == int(room / ((1.6448536269514722 * 300.0 - 100.0) / 50))
    assert trial_sizes([sure]) == [None]
    assert trial_sizes([Prospect(0, 0.0, 0.0, 0.0)]) == [None]  # nobody would get it anyway
    assert (SURE, SURE_MEASURED, RISKED) == (0.75, 0.9, 0.03)


def test_an_offer_that_its_file_was_sure_of_goes_on_trial_only_below_that_chance():
    value, design = np.full(40, 50.0), np.full((40, 1), 0.3)
    weak = Evidence(("all",), ((60.0,),), (0.0,), 90, 10, 0.0, 1.0)  # no effect, seen dimly

    def prospect_by(known):
        return prospect_of_belief(known.avoided(design) * value - 1.0, value, design, known)

    prospect, before = prospect_by(belief([weak])), prospect_by(belief())
    assert prospect.chance < before.chance
    assert before.is_sure
    assert prospect.chance_by_file == pytest.approx(before.chance)
    assert prospect.is_sure
    assert not Prospect(40, 1.0, 10.0, 0.8, is_measured=True, chance_by_file=0.7).is_sure
    assert Prospect(40, 1.0, 10.0, 0.8, is_measured=True, chance_by_file=0.8).is_sure
    assert not Prospect(40, 1.0, 10.0, 0.74, is_measured=True, chance_by_file=0.8).is_sure

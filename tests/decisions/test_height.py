"""The height post: more customers prove more and learn more, a slice costs money, and what cannot pay back is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from churn.decisions.effect import RangePrior, believe, expected_precision, learn_evidence, posterior_means
from churn.decisions.height import height_of, height_post
from churn.decisions.preposterior import MOST_MONTHS, ForeseenProgramme, ProgrammeOutlook, risk_rule, slice_chances
from churn.decisions.priced_arm import PricedArm
from churn.documents.height import HeightDocument
from churn.errors import ConfigError, DataError

pytestmark = pytest.mark.slow

HARM = RangePrior("harm", 0.0, 0.001, 0.003, is_rate=False)


def outlook(customers=5_000.0, *, rows=300, ranges=((0.1, 0.3, 0.5), (0.2, 0.5, 0.8)), **terms):
    """Return a programme of two offers: one keeps those who would cancel, one those whose payment failed."""
    rng = np.random.default_rng(4)
    voluntary = 1 / (1 + np.exp(-rng.normal(-2.2, 0.8, rows)))
    involuntary = np.where(rng.random(rows) < 0.2, rng.beta(2, 5, rows), 0.005)
    p = np.clip(voluntary + involuntary, 0.01, 0.95)
    may = np.ones(rows, dtype=np.bool_)
    ones = -np.ones(rows)
    arms = (
        PricedArm(
            "call", (RangePrior("voluntary", *ranges[0]), HARM), np.column_stack([p - involuntary, ones]), 6, 0, may
        ),
        PricedArm(
            "dunning", (RangePrior("involuntary", *ranges[1]), HARM), np.column_stack([involuntary, ones]), 1, 0, may
        ),
    )
    return ProgrammeOutlook(arms, p, np.full(rows, 80.0), customers, **terms)


def test_more_customers_prove_and_learn_more() -> None:
    small, large = (height_post(outlook(customers, months=6)) for customers in (500.0, 400_000.0))
    assert small.chance_to_certify < large.chance_to_certify
    assert (small.height, large.height) == ("too_small", "tall_enough")
    assert small.ahead[5].learnt < large.ahead[5].learnt
    assert large.months_to_certify <= 6 < (small.months_to_certify or MOST_MONTHS + 1)


def test_the_audience_it_names_is_just_tall_enough() -> None:
    post = height_post(outlook(3_000.0, months=6))
    needed = post.customers_to_certify
    assert height_post(outlook(needed, months=6)).chance_to_certify >= 0.8
    assert height_post(outlook(needed / 2**0.5, months=6)).chance_to_certify < 0.8


def test_a_larger_slice_costs_more_a_month_in_proportion() -> None:
    costs = [ForeseenProgramme(outlook(slice_share=share), 0).slice_cost() for share in (0.0, 0.05, 0.10)]
    assert costs[0] == pytest.approx(0.0, abs=1e-6)
    assert costs[1] > 0.0
    assert costs[2] == pytest.approx(2 * costs[1], rel=1e-6)


def test_offers_that_are_known_already_leave_nothing_to_learn_and_the_slice_is_lost() -> None:
    known = outlook(ranges=((0.3, 0.3, 0.3), (0.5, 0.5, 0.5)), months=6)
    post = height_post(known)
    assert (post.pays_back, post.reason) == (False, "nothing_to_learn")
    assert (post.months_to_learn, post.customers_to_learn) == (None, None)
    assert post.gain == pytest.approx(-6 * post.slice_cost, rel=0.05)


def test_a_slice_that_costs_more_than_it_teaches_is_named() -> None:
    post = height_post(outlook(300.0, slice_share=0.3, months=6))
    assert not post.pays_back
    assert post.gain < post.gain_without_slice
    assert post.reason in {"slice_costs_more", "learns_too_slowly"}


def test_a_budget_is_kept() -> None:
    free, tight = (ForeseenProgramme(outlook(budget=budget), 0).static_profit() for budget in (None, 500.0))
    assert 0.0 < tight < free


def test_the_same_question_gives_the_same_answer() -> None:
    first, second = (ForeseenProgramme(outlook(), 0).months_ahead(3) for _ in range(2))
    assert first == second


def test_rows_beyond_those_that_are_needed_change_little() -> None:
    many = outlook(20_000.0, rows=4_000)
    thin = many.thinned(0)
    assert thin.probability.size < 400
    assert thin.probability.mean() == pytest.approx(many.probability.mean(), rel=0.02)
    profits = [ForeseenProgramme(programme, 0).static_profit() for programme in (thin, many)]
    assert profits[0] == pytest.approx(profits[1], rel=0.1)


def test_the_slice_draws_offers_by_weight_of_those_a_customer_may_get() -> None:
    programme = outlook(leave_alone=0.2)
    first, second = programme.arms
    nobody, some = np.zeros_like(first.is_eligible), np.arange(first.is_eligible.size) % 2 == 0
    weighed = replace(programme, arms=(replace(first, weight=3.0), replace(second, is_eligible=some)))
    chances = slice_chances(weighed, 0.1)
    assert chances[0] == pytest.approx([0.06, 0.02, 0.02])
    assert chances[1] == pytest.approx([0.08, 0.0, 0.02])
    none = replace(programme, arms=(replace(first, is_eligible=nobody),))
    assert slice_chances(none, 0.1)[0] == pytest.approx([0.0, 0.1])


def test_a_post_is_kept_and_read_back_as_it_is() -> None:
    kept = HeightDocument.of(height_post(outlook(months=2)))
    assert HeightDocument.read(kept.as_json(), where="test") == kept


def test_the_risk_rule_gives_one_offer_to_those_whose_risk_pays_for_it() -> None:
    programme = outlook()
    rule = risk_rule(programme)
    assert set(rule) <= {-1, 0} or set(rule) <= {-1, 1}
    assert programme.probability[rule >= 0].min() >= programme.probability[rule < 0].max()


def test_the_information_foretold_is_what_outcomes_carry() -> None:
    rng = np.random.default_rng(7)
    count = 40_000
    p = np.maximum(rng.beta(2, 12, count), 0.04)
    priors = (RangePrior("all", 0.1, 0.3, 0.5), HARM)
    design = np.column_stack([p, -np.ones(count)])
    treated = rng.random(count) < 0.5
    churned = rng.random(count) < p - treated * (design @ [0.3, 0.001])
    seen = np.array(learn_evidence(churned, treated, p, design, priors).precision)
    foretold = expected_precision(p, design, priors, treated[None, :] * 1.0, ~treated[None, :] * 1.0)[0]
    assert np.diag(seen) == pytest.approx(np.diag(foretold), rel=0.15)


def test_the_posterior_means_of_many_cases_are_those_of_each() -> None:
    rng = np.random.default_rng(9)
    priors = (RangePrior("all", 0.1, 0.3, 0.5), HARM)
    pieces = []
    for _ in range(3):
        p = rng.beta(2, 12, 2_000)
        design = np.column_stack([p, -np.ones(p.size)])
        treated = rng.random(p.size) < 0.5
        pieces.append(learn_evidence(rng.random(p.size) < p * (1 - 0.2 * treated), treated, p, design, priors))
    together = posterior_means(priors, np.array([e.precision for e in pieces]), np.array([e.shift for e in pieces]))
    assert together == pytest.approx(np.array([believe(priors, [piece]).mean for piece in pieces]))


@pytest.mark.parametrize(
    ("chance", "height"), [(0.8, "tall_enough"), (0.79, "open"), (0.21, "open"), (0.2, "too_small")]
)
def test_chances_are_put_into_words(chance, height) -> None:
    assert height_of(chance) == height


@pytest.mark.parametrize("terms", [{"slice_share": 1.0}, {"holdout_share": -0.1}, {"months": 0}, {"budget": -1.0}])
def test_terms_out_of_range_are_refused(terms) -> None:
    with pytest.raises(ConfigError):
        outlook(**terms)


def test_an_audience_of_nobody_is_refused() -> None:
    with pytest.raises(DataError):
        outlook(0.0)
    with pytest.raises(DataError):
        replace(outlook(), probability=np.zeros(3))

"""An offer that loses with a customer even in the best case of its range is drawn for nobody by the random slice."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.campaigns.eligibility import eligibility
from churn.campaigns.random_slice import NONE, SliceRoom, SliceTerms, arm_probabilities, draw_slice
from churn.decisions.profit import CustomerTerms, Economics, value_contacts
from churn.documents.definition import CampaignDefinition
from churn.workflows.plan.priced import Priced
from tests.workflows.plan.keeping import MAIL, keep_in, logged, plan
from tests.workflows.plan.town import Town

LOSING = MAIL.replace("contact_cost = 1", "contact_cost = 500")
rates = st.floats(0.0, 0.9)


def priced(probability: np.ndarray, value: float, cost: float, low: float, rate: float, high: float) -> Priced:
    """Return an offer with one success rate, as planning prices it."""
    definition = CampaignDefinition.model_construct()
    economics = Economics(
        contact_cost=cost, success_rate=rate, success_rate_low=low, success_rate_high=high, save_value=value
    )
    values = value_contacts(probability, np.full(probability.size, value), economics)
    everybody = eligibility({"low_profit": values.profit <= 0.0}, probability.size)
    return Priced(
        definition, probability, economics, CustomerTerms(), np.full(probability.size, value), values,
        None, None, None, None, None, {}, everybody, None,
    )  # fmt: skip


@given(
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40),
    st.floats(1.0, 400.0),
    st.floats(0.0, 60.0),
    st.tuples(rates, rates, rates).map(sorted),
    st.floats(0.01, 0.9),
)
def test_the_slice_draws_only_what_can_pay_and_its_probabilities_say_so(
    chances: list[float], value: float, cost: float, success: list[float], share: float
) -> None:
    probability = np.array(chances)
    offer = priced(probability, value, cost, *success)
    best = np.minimum(success[2] * probability, probability) * value - cost
    can_pay = best >= -1e-9 * value
    clearly = np.abs(best) > 1e-6
    assert (offer.is_worth_trying == can_pay)[clearly].all()
    assert (offer.best_profit >= offer.profit - 1e-9).all()
    can = offer.is_worth_trying[:, None]
    room = SliceRoom(np.inf, np.full(1, np.inf), np.full(1, np.inf), np.full(1, np.inf), np.zeros(1, dtype=np.int64))
    names = [f"C{n}" for n in range(probability.size)]
    drawn = draw_slice(names, can, np.full(can.shape, cost), SliceTerms("keep 1", share, 0.25, (1.0,), 3), room)
    assert not (drawn.is_member & ~offer.is_worth_trying).any()
    policy = np.where(offer.profit > 0.0, 0, NONE)
    arms = arm_probabilities(drawn, policy, np.full(probability.size, 0.1))
    assert arms.sum(axis=1) == pytest.approx(np.ones(probability.size))
    assert (arms[~offer.is_worth_trying, 0] == 0.0).all()  # and the plan makes none that loses either
    assert (arms[~offer.is_worth_trying, 1] == 1.0).all()


def test_an_offer_that_loses_in_its_best_case_is_made_to_nobody_by_chance(town: Town) -> None:
    keep_in(town).campaign("mail", LOSING)
    document = plan(town)
    log = logged(town)
    chances = np.array([json.loads(row) for row in log["probabilities"]])
    mail = [arm.offer for arm in document.arms].index("mail")
    assert chances.sum(axis=1) == pytest.approx(np.ones(log.height), abs=1e-6)
    assert (chances[:, mail] == 0.0).all()
    assert log.filter(pl.col("arm") == "mail").is_empty()
    (lost,) = [offer for offer in document.random_slice.not_tried if offer.offer == "mail"]
    assert lost.customers == lost.of > 0
    assert any("It does not draw `mail` for" in sentence for sentence in document.sentences)
    assert any("of those with whom an offer may pay" in sentence for sentence in document.sentences)


def test_a_slice_without_any_offer_that_can_pay_is_empty_and_says_why(town: Town) -> None:
    keep_in(town).campaign("mail", LOSING)
    town.campaign("call", LOSING.replace("email", "phone"))
    document = plan(town)
    assert document.random_slice.customers == 0
    assert any("Nobody is in the random slice" in sentence for sentence in document.sentences)


def test_harm_at_the_good_end_of_its_range_counts_in_the_best_case(town: Town) -> None:
    text = MAIL.replace("[offer]", "[offer.harm]\nlow = 0.2\nexpected = 0.3\nhigh = 0.4\n\n[offer]", 1)
    keep_in(town).campaign("mail", text)
    document = plan(town)
    assert {offer.offer for offer in document.random_slice.not_tried} >= {"mail"}

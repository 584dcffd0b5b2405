"""Plans by cause: signed churn avoided from each cause's rate, its modifier and harm, to the cent; and what is said of it."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from churn.errors import ConfigError
from churn.store import open_store
from tests.workflows.plan.town import SIZE, VALUE, probabilities

BY_CAUSE = """
[campaign]
title = "Call them"
window_days = 30

[audience]
requires_consent = false

[offer]
channel = "phone"
contact_cost = 2
profit_model = "case_study"

[offer.success]
voluntary = { low = 0.1, expected = 0.2, high = 0.3, scaled_by = "least(support_tickets_90d, 1)" }
involuntary = { low = 0.4, expected = 0.5, high = 0.6 }

[offer.harm]
low = 0.0
expected = 0.01
high = 0.03

[holdout]
share = 0.2
"""
SHARE = 0.25  # of every customer's churn that is involuntary


@pytest.fixture
def known(town):
    """Return the town with the causes of churn in its scores."""
    town.publish(run_id="r2", involuntary_probability=SHARE * probabilities())
    return town


def expected_avoided(scaled: bool = True) -> np.ndarray:
    tickets = np.array([1.0 if i % 7 == 0 else 0.0 for i in range(SIZE)]) if scaled else np.ones(SIZE)
    p = probabilities()
    return 0.2 * (1 - SHARE) * p * tickets + 0.5 * SHARE * p - 0.01


def by_customer(assignments: pl.DataFrame, column: str) -> dict[int, float]:
    return {int(name[1:]): value for name, value in assignments.select("customer_id", column).iter_rows()}


def test_each_customer_is_priced_by_cause_modifier_and_harm_to_the_cent(known) -> None:
    plan = known.plan(known.campaign("call", BY_CAUSE), is_dry_run=True)
    avoided = expected_avoided()
    uplift, profit = (by_customer(plan.assignments, name) for name in ("expected_uplift", "expected_profit"))
    assert uplift
    for number, value in uplift.items():
        assert value == pytest.approx(avoided[number])
        assert profit[number] == pytest.approx(avoided[number] * VALUE - 2)
    assert min(profit.values()) > 0


def test_what_the_rates_act_on_is_kept_with_the_assignment(known) -> None:
    known.plan(known.campaign("call", BY_CAUSE))
    with open_store(known.settings.database_url) as store:
        kept = store.assignments.of("call")
    p = probabilities()
    first, second = by_customer(kept, "voluntary_part"), by_customer(kept, "involuntary_part")
    for number in first:
        assert first[number] == pytest.approx((1 - SHARE) * p[number] * (number % 7 == 0))
        assert second[number] == pytest.approx(SHARE * p[number])


def test_harm_above_the_good_makes_the_churn_avoided_negative_and_nobody_is_contacted(known) -> None:
    harmful = BY_CAUSE.replace("expected = 0.01\nhigh = 0.03", "expected = 0.5\nhigh = 0.6")
    document = known.document(known.campaign("call", harmful), is_dry_run=True)
    assert document.campaigns[0].chosen == 0
    assert max(document.eligibility, key=lambda row: row.removed).rule == "low_profit"


def test_the_document_tells_each_number_beside_the_file_and_says_that_nothing_was_measured(known) -> None:
    document = known.document(known.campaign("call", BY_CAUSE), is_dry_run=True)
    numbers = {rate.acts_on: rate for rate in document.campaigns[0].effect}
    assert set(numbers) == {"voluntary", "involuntary", "harm"}
    assert numbers["involuntary"].expected == pytest.approx(0.5)
    assert numbers["voluntary"].scaled_by == "least(support_tickets_90d, 1)"
    assert all(rate.rounds == 0 for rate in numbers.values())
    assert any("goes by its file, nothing was measured yet" in sentence for sentence in document.sentences)
    band = document.expected.profit_interval
    assert band.low < document.expected.profit < band.high


def test_an_offer_without_stated_harm_counts_a_little_and_one_with_a_single_rate_none_and_says_so(known) -> None:
    before, after = BY_CAUSE.split("[offer.harm]")
    plain = before + "[holdout]" + after.split("[holdout]")[1]
    document = known.document(known.campaign("plain", plain), is_dry_run=True)
    (harm,) = [rate for rate in document.campaigns[0].effect if rate.acts_on == "harm"]
    assert harm.low < harm.expected < harm.high
    assert harm.expected == pytest.approx(0.001)
    single = known.document(known.campaign("single"), is_dry_run=True)
    assert single.campaigns[0].effect == ()
    assert "effect" not in json.loads(single.model_dump_json())["campaigns"][0]
    assert any("one success rate for all churn" in sentence for sentence in single.sentences)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("contact_cost = 2", "contact_cost = 2\nsuccess_rate_expected = 0.4", "takes the place of"),
        ("low = 0.4, expected = 0.5", "low = 0.6, expected = 0.5", "rates must rise"),
        ("expected = 0.01\nhigh = 0.03", "expected = 0.04\nhigh = 0.03", "harm must rise"),
        ("involuntary = {", "unvoluntary = {", "unknown key"),
        ("support_tickets_90d", "suport_tickets_90d", "no feature"),
    ],
)
def test_a_wrong_offer_is_refused_with_its_line(known, old, new, what) -> None:
    known.campaign("call", BY_CAUSE.replace(old, new))
    with pytest.raises(ConfigError, match=what) as caught:
        known.plan("call", is_dry_run=True)
    assert "call.toml:" in str(caught.value)

"""Simulator, page, plan and report say the same expected profit on the same terms; 1,000 are `python -m benchmarks.agreement`."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.agreement import ask_all, ask_offer


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000))
def test_every_door_says_the_same_contacts_cost_and_profit_to_the_cent(seed):
    doors = ask_all(seed)
    assert set(doors) == {"simulator", "page", "plan", "report", "funnel"}
    for door, told in doors.items():
        assert told.is_near(doors["plan"]), (door, doors)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000))
def test_an_offer_by_cause_with_terms_by_customer_is_worth_the_same_to_plan_and_simulator(seed):
    doors = ask_offer(seed)
    for door, told in doors.items():
        assert told.is_near(doors["plan"]), (door, doors)

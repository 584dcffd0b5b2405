"""Simulator, page, plan and report say the same expected profit on the same terms; 1,000 are `python -m benchmarks.agreement`."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.agreement import ask_all


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000))
def test_every_door_says_the_same_contacts_cost_and_profit_to_the_cent(seed):
    doors = ask_all(seed)
    assert set(doors) == {"simulator", "page", "plan", "report", "funnel"}
    for door, told in doors.items():
        assert told.is_near(doors["plan"]), (door, doors)

"""Dates of snapshots, of label windows, and of when a label is final."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.config import Settings
from churn.errors import NotEnoughData
from churn.snapshots.policy import HISTORY_DAYS, SnapshotPolicy
from tests.worlds import at

DAYS = st.dates(date(2015, 1, 1), date(2030, 1, 1))


def test_the_window_begins_after_the_lead_and_lasts_the_horizon() -> None:
    policy = SnapshotPolicy(lead_days=2, horizon_days=30, grace_days=7)
    assert policy.label_window(date(2024, 6, 1)) == (at("2024-06-03"), at("2024-07-03"))
    assert policy.matures_at(date(2024, 6, 1)) == at("2024-07-10")


def test_inactivity_sets_the_length_of_its_own_window_and_needs_no_grace() -> None:
    policy = SnapshotPolicy(definition="inactivity", inactivity_days=90, horizon_days=30, lead_days=0)
    assert policy.label_window(date(2024, 1, 1)) == (at("2024-01-01"), at("2024-03-31"))
    assert policy.matures_at(date(2024, 1, 1)) == at("2024-03-31")


def test_settings_become_the_policy_and_a_dictionary_and_back() -> None:
    settings = Settings.model_validate(
        {
            "churn": {"definition": "involuntary", "lead_days": 5},
            "business": {"margin_rate": 0.4},
            "training": {"every": "1w"},
        }
    )
    policy = SnapshotPolicy.from_settings(settings)
    assert (policy.definition, policy.lead_days, policy.margin_rate, policy.every) == ("involuntary", 5, 0.4, "1w")
    assert SnapshotPolicy.from_dict({**policy.to_dict(), "of another release": 1}) == policy


def test_monthly_dates_are_firsts_of_months_the_newest_ones_and_mature() -> None:
    dates = SnapshotPolicy().training_dates(date(2023, 1, 1), at("2024-07-09 23:59"), limit=3)
    assert dates == [date(2024, 3, 1), date(2024, 4, 1), date(2024, 5, 1)]
    assert SnapshotPolicy().training_dates(date(2023, 1, 1), at("2024-07-10"), limit=1) == [date(2024, 6, 1)]


@given(
    first=DAYS,
    length=st.integers(0, 900),
    every=st.sampled_from(["1mo", "1w", "2w", "1d"]),
    limit=st.integers(1, 40),
    definition=st.sampled_from(["any", "inactivity"]),
)
def test_every_training_date_has_history_before_it_and_a_final_label_after_it(
    first: date, length: int, every: str, limit: int, definition: str
) -> None:
    policy = SnapshotPolicy(definition=definition, inactivity_days=45)
    cutoff = datetime.combine(first, datetime.min.time()) + timedelta(days=length)
    try:
        dates = policy.training_dates(first, cutoff, every, limit)
    except NotEnoughData:
        assert length < HISTORY_DAYS + 45 + 7 + 32
        return
    assert dates == sorted(set(dates))
    assert len(dates) <= limit
    assert all(day >= first + timedelta(days=HISTORY_DAYS) and policy.matures_at(day) <= cutoff for day in dates)


@given(first=DAYS, more=st.integers(0, 60), every=st.sampled_from(["1mo", "1w", "2w"]))
def test_more_data_adds_dates_and_never_moves_old_ones(first: date, more: int, every: str) -> None:
    cutoff = datetime.combine(first, datetime.min.time()) + timedelta(days=300)
    before = SnapshotPolicy().training_dates(first, cutoff, every, 500)
    after = SnapshotPolicy().training_dates(first, cutoff + timedelta(days=more), every, 500)
    assert after[: len(before)] == before


def test_too_little_history_says_how_much_there_is_and_how_much_is_needed() -> None:
    with pytest.raises(NotEnoughData, match=r"2024-01-01 to 2024-03-01 \(60 days, at least 99 are needed\)"):
        SnapshotPolicy().training_dates(date(2024, 1, 1), at("2024-03-01"))

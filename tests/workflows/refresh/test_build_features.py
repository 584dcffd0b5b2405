from __future__ import annotations

from datetime import date

import pytest

from churn.errors import ConfigError
from churn.workflows.refresh.features import dates_between


def test_months_keep_the_day_where_the_month_has_it():
    found = dates_between(date(2026, 1, 31), date(2026, 4, 30), "1mo")
    assert found == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]


def test_months_cross_the_year():
    assert dates_between(date(2025, 11, 1), date(2026, 1, 1), "1mo")[-1] == date(2026, 1, 1)


def test_weeks_and_days_are_counted():
    assert len(dates_between(date(2026, 1, 1), date(2026, 1, 29), "2w")) == 3
    assert len(dates_between(date(2026, 1, 1), date(2026, 1, 10), "1d")) == 10


def test_one_date_needs_no_spacing():
    assert dates_between(date(2026, 1, 1), date(2026, 1, 1), "1mo") == [date(2026, 1, 1)]


@pytest.mark.parametrize("every", ["", "mo", "0d", "1y", "-1d", "1.5w"])
def test_a_spacing_that_is_none_is_refused(every):
    with pytest.raises(ConfigError, match="not a spacing"):
        dates_between(date(2026, 1, 1), date(2026, 2, 1), every)


def test_dates_in_the_wrong_order_are_refused():
    with pytest.raises(ConfigError, match="is after"):
        dates_between(date(2026, 2, 1), date(2026, 1, 1), "1mo")

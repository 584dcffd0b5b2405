"""Which dates are scored: those that the data reach, up to a stated lag."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from churn.bootstrap import build_context
from churn.errors import ConfigError
from churn.workflows.score import score_customers


@pytest.fixture
def context(company):
    return build_context(home=company.home)


def test_a_date_that_the_sources_do_not_reach_is_refused_with_the_remedy(context):
    with context.open_store() as store:
        newest = store.scores.current_run().snapshot_date
    later = replace(context, clock=lambda: datetime.combine(newest, datetime.min.time()) + timedelta(days=240))
    with pytest.raises(ConfigError, match=rf"the data reach .*, 8 days before {newest + timedelta(days=8)}") as refused:
        score_customers(later, snapshot_date=newest + timedelta(days=8))
    assert f"score {newest}, or raise [churn] max_lag_days (now 7)" in str(refused.value)
    with pytest.raises(ConfigError, match="230 days before"):
        score_customers(later, from_date=newest, to_date=newest + timedelta(days=230))
    (scored,) = score_customers(later, snapshot_date=newest + timedelta(days=7))
    assert scored.snapshot_date == newest + timedelta(days=7)

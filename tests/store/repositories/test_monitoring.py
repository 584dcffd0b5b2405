from __future__ import annotations

import math
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from churn.documents.monitoring import CohortTrend, DailyTrend, RateTrend
from churn.errors import ContractBroken
from churn.store import Store
from churn.store.service_tables import monitoring_runs
from tests.monitoring.documents import finding, monitoring_document

DAY = date(2026, 3, 1)
TREND = (
    DailyTrend(monitor="score_drift", subject="churn probability", value=math.nan, limit=0.25, severity="ok"),
    RateTrend(monitor="cohort", subject="churn_rate", value=0.08, on=DAY),
    CohortTrend(monitor="cohort", subject="auc", value=0.8, on=DAY, test=0.81, limits=(0.78, math.inf)),
)


def test_each_day_keeps_its_newest_findings_and_lists_are_read_without_them(store: Store) -> None:
    for days, severity, word in ((0, "watch", "first"), (1, "ok", "next"), (0, "act", "again")):
        found = finding("skew", severity, word, money_at_risk=math.inf)
        store.monitoring.save(
            monitoring_document(DAY + timedelta(days=days), found, severity=severity, summary=word), TREND
        )

    newest, before = store.monitoring.latest(), store.monitoring.latest(on=DAY)
    assert newest is not None
    assert (newest.on, newest.severity, newest.summary) == (DAY + timedelta(days=1), "ok", "next")
    assert before is not None
    assert (before.severity, before.summary) == ("act", "again")
    assert before.findings[0].money_at_risk is None, "JSON has no word for infinity"
    assert (before.cohorts, before.data_drift) == (None, None), "nobody looked at a model"
    assert "cohorts" not in before.as_json()

    days = store.monitoring.list()
    assert [(day.on, day.severity) for day in days] == [(DAY + timedelta(days=1), "ok"), (DAY, "act")]
    assert days[0].rows == TREND
    assert (days[0].rows[0].value, days[0].rows[2].limits) == (None, (0.78, None))
    assert "on" not in days[0].rows[0].as_json()
    assert len(store.monitoring.list(limit=1)) == 1


def test_findings_that_another_version_wrote_are_refused_by_name(store: Store) -> None:
    store.monitoring.save(monitoring_document(DAY), ())
    with store.database.write() as connection:
        connection.execute(sa.update(monitoring_runs).values(document={"on": "2026-03-01"}))
    with pytest.raises(ContractBroken, match="`data_cutoff` cannot be read") as caught:
        store.monitoring.latest()
    assert caught.value.where == "monitoring of 2026-03-01"


def test_before_the_first_run_there_is_nothing(store: Store) -> None:
    assert store.monitoring.latest() is None
    assert store.monitoring.list() == []

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, date, timedelta

import polars as pl
import pytest

from churn.documents.document import Range
from churn.store.repositories.score_shape import BINS, shape_of
from churn.views.metrics import service_metrics
from tests import ROOT
from tests.api.conftest import Service
from tests.api.routes.test_campaigns import planned
from tests.documents.samples import measurement_document
from tests.store.repositories.test_crm import AT, run_of

__all__ = ["planned"]  # a fixture, found by its name


def _reading(text: str, name: str) -> dict[str, float]:
    found = re.findall(rf"^{name}(\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in found}


def test_the_list_is_told_by_band_with_its_risk_and_the_margin_at_stake(service: Service) -> None:
    with service.context.open_store() as store:
        scores, run = store.scores.current(), store.scores.current_run()
    assert run is not None
    text = service.client.get("/metrics").text
    bands = _reading(text, "churn_scored_customers")
    for band, count in scores.group_by("risk_band").len().iter_rows():
        assert bands[f'{{risk_band="{band}"}}'] == count
    p, margin = scores["churn_probability"], scores["monthly_margin"]
    assert _reading(text, "churn_expected_churners")[""] == pytest.approx(p.sum())
    assert _reading(text, "churn_margin_at_risk")[""] == pytest.approx((p * margin).sum())
    assert _reading(text, "churn_data_cutoff_timestamp_seconds")[""] == run.data_cutoff.replace(tzinfo=UTC).timestamp()


def test_the_histogram_of_probability_counts_every_customer_once(service: Service) -> None:
    with service.context.open_store() as store:
        scores = store.scores.current()
        shape = shape_of(store.database.fetching)
    assert shape is not None
    expected = scores.select(pl.min_horizontal((pl.col("churn_probability") * BINS).floor(), pl.lit(BINS - 1.0)))
    counts = dict(expected.to_series().value_counts().iter_rows())
    assert [counts.get(float(n), 0) for n in range(BINS)] == list(shape.bins)
    last = _reading(service.client.get("/metrics").text, "churn_probability_bucket")['{le="+Inf"}']
    assert last == scores.height


def test_campaigns_tell_whom_they_hold_what_was_expected_and_what_came_of_it(planned: Service) -> None:
    with planned.context.open_store() as store:
        result = measurement_document("fix_payment", net=Range(value=120.5, low=-10.0, high=250.0))
        store.measurements.save("fix_payment", ["p1"], result, is_mature=True, measured_at=AT)
        store.sync_runs.start(run_of(campaign="fix_payment"))
        store.sync_runs.finish("r1", state="partial", counts={"written": 2, "rejected": 1}, at=AT)
        store.alerts.raise_("harm", "fix_payment", "critical", "It harms.", AT)
    text = planned.client.get("/metrics").text
    arms = _reading(text, "churn_campaign_customers")
    assert arms['{arm="treatment",campaign="fix_payment"}'] == 2
    assert arms['{arm="holdout",campaign="fix_payment"}'] == 1
    assert _reading(text, "churn_campaign_expected_profit") == {'{campaign="fix_payment"}': 90.0}
    assert _reading(text, "churn_campaign_net_profit")['{bound="low",campaign="fix_payment"}'] == -10.0
    assert _reading(text, "churn_sync_rows")['{campaign="fix_payment",connector="crm",result="rejected"}'] == 1
    assert _reading(text, "churn_alerts_open")['{severity="critical"}'] == 1


def test_jobs_tell_when_they_last_ended_well_and_what_waits(service: Service) -> None:
    with service.context.open_store() as store:
        for day, state in ((1, "done"), (2, "failed")):
            run = store.jobs.request("nightly", logical_date=date(2026, 7, day), requested_by="schedule", at=AT)
            store.jobs.claim("me", now=AT, lease_seconds=60)
            store.jobs.finish(run.run_id, "me", state, None, AT + timedelta(hours=24 * day, seconds=90))
        store.jobs.request("refresh", requested_by="cli", at=AT)
    text = service.client.get("/metrics").text
    first = (AT + timedelta(hours=24, seconds=90)).replace(tzinfo=UTC).timestamp()
    assert _reading(text, "churn_job_succeeded_timestamp_seconds")['{job="nightly"}'] == first
    assert '{job="nightly",state="failed"}' in _reading(text, "churn_job_ended_timestamp_seconds")
    assert _reading(text, "churn_jobs_under_way")['{job="refresh",state="queued"}'] == 1


def test_an_unchanged_list_is_not_counted_again(service: Service) -> None:
    _, first = service_metrics(service.context)
    _, second = service_metrics(service.context, first)
    assert second is first


def test_a_monitoring_system_accepts_the_text(service: Service) -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    text = service.client.get("/metrics").text
    done = subprocess.run([tool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_dashboards_and_alert_rules_ask_for_metrics_that_there_are(service: Service) -> None:
    service.client.get("/healthz")
    text = service.client.get("/metrics").text
    there = set(re.findall(r"^# HELP (\S+) ", text, re.MULTILINE)) | set(
        re.findall(r"^(churn_\w+)[{ ]", text, re.MULTILINE)
    )
    files = [*(ROOT / "deploy").rglob("*.json"), ROOT / "deploy" / "prometheus" / "churn.rules.yml"]
    asked = {name for path in files for name in re.findall(r"\bchurn_\w+", path.read_text(encoding="utf-8"))}
    assert len(asked) > 15
    assert asked <= there

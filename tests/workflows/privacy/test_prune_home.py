from __future__ import annotations

import gzip
import os
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from churn.bootstrap import build_context
from churn.campaigns.customer_list import keep_customer_list, list_path
from churn.config import Settings
from churn.context import Context
from churn.workflows.privacy import prune_home, retain

NOW = datetime(2026, 7, 1, 4, 30)


def _context(home: Path, **retention: float) -> Context:
    settings = Settings.model_validate({"home": home, "retention": retention})
    return replace(build_context(settings=settings), clock=lambda: NOW)


def test_old_runs_go_and_the_newest_of_each_job_stays(tmp_path: Path) -> None:
    context = _context(tmp_path, job_days=30)
    with context.open_store() as store:
        for days in (100, 90, 5):
            at = NOW - timedelta(days=days)
            run = store.jobs.request("nightly", logical_date=at.date(), requested_by="schedule", at=at)
            store.jobs.claim("me", now=at, lease_seconds=60)
            store.jobs.set_steps(run.run_id, ["score"])
            store.jobs.finish(run.run_id, "me", "done", None, at)
        old = NOW - timedelta(days=200)
        run = store.jobs.request("monthly", logical_date=date(2026, 1, 2), requested_by="schedule", at=old)
        store.jobs.claim("me", now=old, lease_seconds=60)
        store.jobs.finish(run.run_id, "me", "done", None, old)
    assert prune_home(context)["runs of jobs"] == 2
    with context.open_store() as store:
        assert [run.job for run in store.jobs.list()] == ["monthly", "nightly"]
    assert prune_home(context)["runs of jobs"] == 0


def test_a_list_that_no_campaign_was_saved_with_goes_after_a_week(tmp_path: Path) -> None:
    context = replace(_context(tmp_path), clock=datetime.now)
    old, recent = (keep_customer_list(tmp_path, "spring", [customer]) for customer in ("C1", "C2"))
    week_ago = (datetime.now() - timedelta(days=8)).timestamp()  # noqa: DTZ005 - the age of a file
    os.utime(list_path(tmp_path, old), (week_ago, week_ago))
    assert retain(context, who="schedule")["lists of no campaign"] == 1
    assert [path.stem for path in list_path(tmp_path, old).parent.iterdir()] == [recent]


def test_resolved_alerts_go_with_their_deliveries_open_ones_stay(tmp_path: Path) -> None:
    context = _context(tmp_path, alert_days=30)
    old = NOW - timedelta(days=60)
    with context.open_store() as store:
        for subject in ("a", "b"):
            store.alerts.raise_("job_failed", subject, "critical", "m", old)
        store.deliveries.enqueue(["log"], "warning", old)
        store.alerts.resolve("job_failed", "a", old)
    assert prune_home(context)["alerts"] == 1
    with context.open_store() as store:
        assert [alert.subject for alert in store.alerts.open()] == ["b"]
        assert (store.deliveries.of(1), len(store.deliveries.of(2))) == ([], 1)


def test_events_that_ended_long_ago_go_and_what_still_waits_stays(tmp_path: Path) -> None:
    context = _context(tmp_path, alert_days=30)
    old, recent = NOW - timedelta(days=60), NOW - timedelta(days=5)
    with context.open_store() as store:
        for event, at in (("arrived", old), ("refused", old), ("yesterday", recent), ("waiting", old)):
            store.webhooks.add("crm", {event: {"event": "alert.raised"}}, at)
            if event == "waiting":
                continue
            one = store.webhooks.take(at, lease_seconds=60)
            assert one is not None
            if event == "refused":
                store.webhooks.give_up(one, "HTTP 500", at)
            else:
                store.webhooks.delivered(one, at)
    assert prune_home(context)["events given to webhooks"] == 2
    with context.open_store() as store:
        assert [one.event_id for one in store.webhooks.list()] == ["yesterday", "waiting"]


def test_of_serving_folders_the_newest_stay(tmp_path: Path) -> None:
    context = _context(tmp_path, serving_runs=2)
    for n in range(4):
        folder = tmp_path / "serving" / f"run-{n}"
        folder.mkdir(parents=True)
        os.utime(folder, (n, n))
    assert prune_home(context)["folders of serving files"] == 2
    assert sorted(one.name for one in (tmp_path / "serving").iterdir()) == ["run-2", "run-3"]


def test_a_large_log_is_put_aside_compressed_and_old_ones_go(tmp_path: Path) -> None:
    context = _context(tmp_path, log_mb=0.001, log_files=1)
    (tmp_path / "churn.log.20200101T000000.gz").write_bytes(b"old")
    (tmp_path / "churn.log").write_text("line\n" * 1_000)
    assert prune_home(context)["logs"] == 2
    (aside,) = tmp_path.glob("churn.log.*.gz")
    assert gzip.decompress(aside.read_bytes()).count(b"line") == 1_000
    context.log.note("more")
    assert "more" in (tmp_path / "churn.log").read_text()

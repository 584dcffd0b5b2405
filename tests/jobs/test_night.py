"""A night passes on a simulated clock: what the schedule queues, the scheduler works, and the ledger tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from churn.bootstrap import build_context
from churn.config import load_settings
from churn.context import Context
from churn.jobs.notify.alert_sender import AlertSender
from churn.jobs.runner import Runner
from churn.jobs.scheduler import Scheduler
from churn.store import ScheduledRun
from churn.views.home import MARKER, data_end
from churn.workflows.demo import play_forward
from churn.workflows.plan import PlanRequest, plan_campaigns
from churn.workflows.sync import SyncOptions, sync_crm
from tests.company import Company
from tests.jobs.conftest import Clock, House

NIGHT = ["refresh", "checks", "score", "plan", "sync", "outcomes", "measure", "monitor", "publish", "mirror"]


class Here:
    """Works a run in this process, at once."""

    def __init__(self, context: Context, run: ScheduledRun, owner: str) -> None:
        Runner(context, owner).work(run)

    def poll(self) -> int | None:
        return 0

    def stop(self, *, at_once: bool) -> None:
        raise AssertionError(at_once)


def _house(home: Path, at: datetime) -> House:
    clock, config = Clock(at), home / "churn.toml"
    context = build_context(settings=load_settings(config=config, home=home, environ={}))
    return House(replace(context, clock=clock), clock)


def _scheduler(house: House) -> Scheduler:
    context = house.context
    return Scheduler(
        context,
        "me",
        start=lambda run, owner: Here(context, run, owner),
        alert_sender=AlertSender(context, channels=()),
    )


def _pass_time(house: House, until: datetime, *, minutes: float = 60) -> None:
    """Look every so often until the clock stands at `until`."""
    scheduler = _scheduler(house)
    while house.clock() < until:
        house.clock.forward(minutes=minutes)
        scheduler.tick()
    scheduler.tick()
    assert scheduler.is_idle


def _make_real(home: Path) -> None:
    """Let the home be a company's own: its clock is that of the world from now on."""
    config = home / "churn.toml"
    config.write_text(config.read_text().replace(MARKER, "# A company's own settings."))


def test_nights_pass_with_every_step_in_the_ledger(company: Company) -> None:
    home = company.home
    begin = datetime.combine(data_end(home) or date.min, datetime.min.time())
    house = _house(home, begin)
    plan_campaigns(house.context, PlanRequest(campaigns=("fix_payment", "support_call"), budget=500))
    sync_crm(house.context, "fix_payment", connector="file", options=SyncOptions(who="test"))
    play_forward(house.context)  # what the sources will deliver in the month to come
    later = data_end(home)
    assert later is not None
    _make_real(home)

    house = _house(home, datetime.combine(later, datetime.min.time()))
    with house.context.open_store() as store:
        store.schedule.set_mark("nightly", house.clock(), house.context.settings.schedule.nightly)
        before = store.assignments.counts()
    _pass_time(house, datetime.combine(later, datetime.min.time().replace(hour=5)))

    (run,) = house.runs("nightly")
    assert (run.state, run.logical_date, run.requested_by, run.attempts) == ("done", later, "schedule", 1)
    assert [step.name for step in run.steps] == NIGHT
    assert all(step.state in {"done", "skipped"} and step.outcome and step.seconds is not None for step in run.steps)
    told = {step.name: step for step in run.steps}
    assert told["refresh"].rows
    assert told["refresh"].rows > 10_000
    assert f"as of {later}" in str(told["score"].outcome)
    assert "fix_payment to file" in str(told["sync"].outcome)
    assert "fix_payment: " in str(told["measure"].outcome)
    with house.context.open_store() as store:
        current = store.scores.current_run()
        assert current is not None
        assert (current.snapshot_date, current.is_stale) == (later, False)
        assert store.assignments.counts() == before  # their windows are closed, so nobody was added
        assert [alert.kind for alert in store.alerts.open() if alert.kind.startswith(("job", "data"))] == []

    # The night again, at once: every step is idempotent.
    house.request("nightly", logical_date=later, run_key="once more")
    _scheduler(house).tick()
    again = house.runs("nightly")[-1]
    assert (again.state, again.steps[0].rows) == ("done", 0)
    assert not again.steps[4].rows, "what was over has been taken off already"


def test_a_night_without_deliveries_is_blocked_and_the_list_stays_marked_stale(company: Company) -> None:
    home = company.home
    _make_real(home)
    house = _house(home, datetime(2026, 8, 5, 1, 0))
    _scheduler(house).tick()
    _pass_time(house, datetime(2026, 8, 5, 3, 0))
    (run,) = house.runs("nightly")
    assert run.state == "failed"
    assert [(step.name, step.state) for step in run.steps][:3] == [
        ("refresh", "done"),
        ("checks", "failed"),
        ("score", "waiting"),
    ]
    assert "quality rule data_are_fresh" in str(run.error)
    with house.context.open_store() as store:
        current = store.scores.current_run()
        assert current is not None
        assert (current.is_stale, current.snapshot_date) == (True, date(2026, 7, 1))
    assert house.alerts() == [("data_blocked", "critical"), ("scores_stale", "warning")]


@pytest.mark.parametrize("job", ["nightly", "retention"])
def test_the_simulated_company_has_one_night_to_work_however_long_it_is_served(house: House, job: str) -> None:
    home = house.context.settings.home
    (home / "churn.toml").write_text(MARKER)
    (home / "data" / "state" / "2026-06-15").mkdir(parents=True)
    from churn.jobs.schedule import queue_due

    queue_due(house.context)
    for _ in range(3):
        house.clock.forward(days=3)
        queue_due(house.context)
    assert [(run.logical_date, run.state) for run in house.runs(job)] == [(date(2026, 6, 15), "queued")]

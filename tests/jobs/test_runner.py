from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from churn.errors import AuthFailed, CampaignError, QualityBlocked, StoreBusy, Unreachable, WarehouseBusy
from churn.jobs.job import Job, StepFailed, StepResult
from churn.jobs.runner import Runner, wait_before
from churn.store import ScheduledRun
from tests.jobs.conftest import House

JobOf = Callable[..., Callable[[str], Job]]
DAY = date(2026, 7, 1)


def _work(house: House, jobs: Callable[[str], Job], owner: str = "me") -> ScheduledRun:
    return Runner(house.context, owner, jobs=jobs, sleep=lambda _: None).work(house.claim(owner))


def _told(run: ScheduledRun) -> list[tuple[str, str]]:
    return [(step.name, step.state) for step in run.steps]


def test_every_step_is_told_with_rows_and_a_sentence(house: House, job_of: JobOf) -> None:
    house.request("nightly", logical_date=DAY)
    run = _work(house, job_of(load=StepResult(12, "12 rows."), rest=StepResult(None, "No.", is_skipped=True)))
    assert run.state == "done"
    assert [(s.name, s.state, s.rows, s.outcome) for s in run.steps] == [
        ("load", "done", 12, "12 rows."),
        ("rest", "skipped", None, "No."),
    ]
    assert all(step.seconds is not None and step.finished_at for step in run.steps)


def test_a_gate_that_fails_ends_the_run_there_with_an_alert(house: House, job_of: JobOf) -> None:
    house.request("nightly", logical_date=DAY)
    jobs = job_of(checks=QualityBlocked("does not hold", where="rule x"), score=StepResult(1, "."), gates=("checks",))
    run = _work(house, jobs)
    assert (run.state, _told(run)) == ("failed", [("checks", "failed"), ("score", "waiting")])
    assert run.error == "checks: rule x: does not hold"
    assert house.alerts() == [("data_blocked", "critical")]


def test_what_no_later_step_needs_does_not_stop_the_night(house: House, job_of: JobOf) -> None:
    house.request("nightly", logical_date=DAY)
    run = _work(house, job_of(sync=CampaignError("no such field"), measure=StepResult(1, "Measured.")))
    assert (run.state, _told(run)) == ("failed", [("sync", "failed"), ("measure", "done")])
    assert house.alerts() == [("job_failed", "critical")]


def test_a_night_that_goes_well_ends_the_alert_of_the_one_before(house: House, job_of: JobOf) -> None:
    house.request("nightly", logical_date=DAY)
    _work(house, job_of(sync=CampaignError("no")))
    house.request("nightly", logical_date=DAY + timedelta(days=1))
    _work(house, job_of(sync=StepResult(1, "Yes.")))
    assert house.alerts() == []


def test_what_may_pass_is_tried_again_later_and_only_what_failed(house: House, job_of: JobOf) -> None:
    done: list[str] = []
    failing: list[Any] = [Unreachable("does not answer"), StoreBusy("locked"), StepResult(3, "3 written.")]
    jobs = job_of(
        load=lambda *_: done.append("load"), sync=lambda *_: failing.pop(0), rest=lambda *_: done.append("rest")
    )
    house.request("nightly", logical_date=DAY)
    run = _work(house, jobs)
    assert (run.state, run.next_attempt_at) == ("queued", house.clock() + timedelta(minutes=2))
    assert house.alerts() == []
    house.clock.forward(minutes=2)
    run = _work(house, jobs)
    assert (run.state, run.next_attempt_at) == ("queued", house.clock() + timedelta(minutes=4))
    house.clock.forward(minutes=4)
    run = _work(house, jobs)
    assert (run.state, run.attempts, run.error, done) == ("done", 3, None, ["load", "rest"])


def test_a_night_waits_for_whoever_holds_the_warehouse_and_the_ledger_says_for_whom(
    house: House, job_of: JobOf
) -> None:
    jobs = job_of(refresh=WarehouseBusy("`python` (process 4711) has the file open"), gates=("refresh",))
    house.request("nightly", logical_date=DAY)
    began = house.clock()
    for _ in range(10):  # more than the attempts that a fault has
        run = _work(house, jobs)
        assert (run.state, run.attempts) == ("queued", 0)
        assert run.next_attempt_at == house.clock() + timedelta(minutes=2)
        assert "waits for the warehouse until 2026-07-01 13:00 UTC" in str(run.error)
        assert "process 4711" in str(run.error)
        house.clock.forward(hours=1)
    assert house.alerts() == []
    assert (_work(house, job_of(refresh=StepResult(1, "Loaded."))).state, house.clock() - began) == (
        "done",
        timedelta(hours=10),
    )


def test_a_night_does_not_wait_for_the_warehouse_for_ever(house: House, job_of: JobOf) -> None:
    jobs = job_of(refresh=WarehouseBusy("`python` (process 4711) has the file open"), gates=("refresh",))
    house.request("nightly", logical_date=DAY)
    assert _work(house, jobs).state == "queued"
    house.clock.forward(hours=12)
    for _ in range(4):
        run = _work(house, jobs)
        house.clock.forward(hours=1)
    assert (run.state, run.error) == ("failed", "refresh: `python` (process 4711) has the file open")
    assert house.alerts() == [("job_failed", "critical")]


def test_it_is_not_tried_for_ever(house: House, job_of: JobOf) -> None:
    house.request("nightly", logical_date=DAY)
    jobs = job_of(sync=Unreachable("does not answer"))
    for _ in range(3):
        assert _work(house, jobs).state == "queued"
        house.clock.forward(hours=2)
    run = _work(house, jobs)
    assert (run.state, run.attempts) == ("failed", 4)
    assert house.alerts() == [("job_failed", "critical")]


@pytest.mark.parametrize("error", [AuthFailed("refuses us"), CampaignError("no such campaign")])
def test_what_will_be_refused_again_is_not_tried_again(house: House, job_of: JobOf, error: Exception) -> None:
    house.request("sync")
    assert _work(house, job_of(sync=error)).state == "failed"


def test_a_step_that_did_a_part_says_which_and_is_tried_again(house: House, job_of: JobOf) -> None:
    house.request("nightly", logical_date=DAY)
    run = _work(house, job_of(sync=StepFailed("a: 3 written; b: failed", 3, [Unreachable("b is away")])))
    assert run.state == "queued"
    assert (run.steps[0].rows, run.steps[0].outcome, run.steps[0].error) == (3, "a: 3 written; b: failed", "b is away")


def test_a_fault_of_the_program_is_in_the_ledger_and_goes_on_to_whoever_called(house: House, job_of: JobOf) -> None:
    house.request("nightly", logical_date=DAY)
    with pytest.raises(ZeroDivisionError):
        _work(house, job_of(score=lambda *_: 1 // 0))
    (run,) = house.runs()
    assert (run.state, run.steps[0].state) == ("failed", "failed")
    assert "ZeroDivisionError" in str(run.steps[0].error)


def test_a_run_that_died_goes_on_at_the_step_where_it_stood(house: House, job_of: JobOf) -> None:
    house.request("nightly", logical_date=DAY)
    run = house.claim("killed")
    with house.context.open_store() as store:
        store.jobs.set_steps(run.run_id, ["load", "score"])
        store.jobs.start_step(run.run_id, "killed", "load", at=house.clock())
        store.jobs.finish_step(run.run_id, "killed", "load", state="done", at=house.clock(), seconds=1.0, rows=5)
        store.jobs.start_step(run.run_id, "killed", "score", at=house.clock())
        assert store.jobs.claim("me", now=house.clock(), lease_seconds=60) is None  # its lease still runs
    house.clock.forward(seconds=61)
    done: list[str] = []
    ended = _work(house, job_of(load=lambda *_: done.append("load"), score=lambda *_: done.append("score")))
    assert (ended.state, ended.attempts, done) == ("done", 2, ["score"])
    assert ended.steps[0].rows == 5


def test_a_run_that_dies_again_and_again_fails_at_last(house: House, job_of: JobOf) -> None:
    house.request("nightly", logical_date=DAY)
    for n in range(5):
        run = house.claim(f"killed {n}")
        with house.context.open_store() as store:
            store.jobs.set_steps(run.run_id, ["score"])
            store.jobs.start_step(run.run_id, f"killed {n}", "score", at=house.clock())
        house.clock.forward(seconds=61)
    run = _work(house, job_of(score=StepResult(1, ".")))
    assert (run.state, run.error) == ("failed", "score: was cut off 5 times at step score")


def test_whoever_lost_the_run_writes_nothing_more(house: House, job_of: JobOf) -> None:
    house.request("nightly", logical_date=DAY)

    def taken_over(*_: Any) -> StepResult:
        house.clock.forward(seconds=61)
        house.claim("other")
        return StepResult(99, "Late.")

    run = _work(house, job_of(score=taken_over, plan=StepResult(1, ".")))
    assert (run.state, run.lease_owner) == ("running", "other")
    assert [(step.state, step.rows) for step in run.steps] == [("running", None), ("waiting", None)]


def _long(*_: Any) -> StepResult:
    for _n in range(600):
        time.sleep(0.05)
    return StepResult(1, ".")


def test_a_run_over_its_time_is_stopped_told_and_alerted(house: House, job_of: JobOf) -> None:
    house = house.with_settings(schedule={"time_limit_minutes": 0.2 / 60})
    house.request("nightly", logical_date=DAY)
    began = time.monotonic()
    run = _work(house, job_of(score=_long, plan=StepResult(1, ".")))
    assert time.monotonic() - began < 25
    assert (run.state, _told(run)) == ("failed", [("score", "failed"), ("plan", "waiting")])
    assert "longer than" in str(run.error)
    assert house.alerts() == [("job_failed", "critical")]


def test_a_run_that_is_canceled_stops_at_work(house: House, job_of: JobOf) -> None:
    house = house.with_settings(schedule={"lease_seconds": 0.2})
    asked = house.request("nightly", logical_date=DAY)

    def cancel() -> None:
        with house.context.open_store() as store:
            store.jobs.cancel(asked.run_id, "ann", house.clock())

    def slow(*_: Any) -> StepResult:
        threading.Thread(target=cancel).start()
        for _n in range(200):
            time.sleep(0.05)
        return StepResult(1, ".")

    run = _work(house, job_of(score=slow, plan=StepResult(1, ".")))
    assert (run.state, run.error) == ("canceled", "canceled by ann")
    assert _told(run) == [("score", "failed"), ("plan", "waiting")]


def test_a_run_whose_library_makes_a_fault_of_being_stopped_goes_on_later(house: House, job_of: JobOf) -> None:
    runners: list[Runner] = []

    def interrupted(*_: Any) -> StepResult:
        lease = runners[0].lease
        assert lease is not None
        threading.Timer(0.1, lease.stop, ["stopped"]).start()
        try:
            for _ in range(300):
                time.sleep(0.1)  # an interruption by a thread is seen when a call ends
        except KeyboardInterrupt:
            raise RuntimeError("Query interrupted") from None
        return StepResult(1, ".")

    house.request("nightly", logical_date=DAY)
    runners.append(Runner(house.context, "me", jobs=job_of(score=interrupted, plan=StepResult(1, "."))))
    run = runners[0].work(house.claim("me"))
    assert (run.state, _told(run)) == ("queued", [("score", "running"), ("plan", "waiting")])
    assert house.alerts() == []


def test_a_person_who_interrupts_cancels_the_run(house: House, job_of: JobOf) -> None:
    house.request("nightly", logical_date=DAY)
    with pytest.raises(KeyboardInterrupt):
        _work(house, job_of(score=KeyboardInterrupt()))
    assert [run.state for run in house.runs()] == ["canceled"]


def test_waits_double_up_to_an_hour() -> None:
    assert [wait_before(n, 2) / timedelta(minutes=1) for n in (1, 2, 3, 6, 30)] == [2, 4, 8, 60, 60]


def test_the_log_names_each_step(house: House, job_of: JobOf) -> None:
    house.request("nightly", logical_date=DAY)
    _work(house, job_of(load=StepResult(1, ".")))
    assert [fields["step"] for event, fields in house.logged if event == "job_step"] == ["load"]
    assert house.clock() == datetime(2026, 7, 1, 1, 0)

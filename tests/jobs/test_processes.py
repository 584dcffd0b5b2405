"""Real processes: two schedulers on one store, and what is killed goes on where it stood."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from churn.store import ScheduledRun, Store, open_store
from tests.company import Company, clean_environment

pytestmark = pytest.mark.slow

# A scheduler that looks often, so that the two get in each other's way, and lets nobody wait.
_SCHEDULER = """
import sys
from pathlib import Path
from churn.bootstrap import build_context
from churn.jobs.processes import run_scheduler
run_scheduler(build_context(home=Path(sys.argv[1])), config=None, tell=print, look_every=0.05)
"""


@contextmanager
def _started(*command: str, home: Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", *command],
        cwd=home,
        env=clean_environment() | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _until(true: Callable[[], bool], seconds: float = 120) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it takes too long"
        time.sleep(0.1)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    return str(request.getfixturevalue("postgres_url"))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def test_two_schedulers_at_once_never_work_a_run_twice(store_url: str, tmp_path: Path) -> None:
    days = [date(2026, 6, 1) + timedelta(days=n) for n in range(2)]
    with open_store(store_url) as store:
        for day in days:
            store.jobs.request("retention", logical_date=day, requested_by="test", at=_now())
        with (
            _started("-c", _SCHEDULER, str(tmp_path), home=tmp_path, CHURN_STORE_URL=store_url) as one,
            _started("-c", _SCHEDULER, str(tmp_path), home=tmp_path, CHURN_STORE_URL=store_url) as other,
        ):
            _until(lambda: all(run.state == "done" for run in store.jobs.list("retention")))
            assert len(store.schedule.workers(_now())) == 2
            for scheduler in (one, other):
                scheduler.send_signal(signal.SIGTERM)
            told = [scheduler.communicate(timeout=60)[0] for scheduler in (one, other)]
            assert [one.returncode, other.returncode] == [0, 0], told
        runs = store.jobs.list("retention")
        assert [(run.state, run.attempts) for run in runs] == [("done", 1)] * 2
        assert len(store.runs.list(workflow="prune_home")) == 2  # the workflow's own ledger agrees
        assert sum(text.count(": begins") for text in told) == 2
        assert store.schedule.workers(_now()) == []


def _at(store: Store, step: str) -> bool:
    run = store.jobs.latest("nightly")
    return run is not None and any(one.name == step and one.state == "running" for one in run.steps)


def test_a_night_that_is_killed_goes_on_at_the_step_where_it_stood(company: Company) -> None:
    night = ("-m", "churn", "run", "nightly", "--home", str(company.home), "--json")
    short = {"CHURN_SCHEDULE__LEASE_SECONDS": "2"}
    with open_store(f"sqlite:///{company.home / 'store.sqlite'}") as store:
        with _started(*night, home=company.home, **short) as process:
            _until(lambda: _at(store, "score"))
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        killed = _newest(store)
        assert [step.state for step in killed.steps][:3] == ["done", "done", "running"]
        with _started(*night, home=company.home, **short) as process:
            out, _ = process.communicate(timeout=240)
            assert process.returncode == 0, out
        ended = _newest(store)
    assert (ended.run_id, ended.state, ended.attempts) == (killed.run_id, "done", 2)
    assert ended.steps[:2] == killed.steps[:2]  # what was done is not done again
    assert all(step.state in {"done", "skipped"} for step in ended.steps)


def _newest(store: Store) -> ScheduledRun:
    run = store.jobs.latest("nightly")
    assert run is not None
    return run


def test_a_scheduler_that_is_killed_leaves_its_run_to_the_next(store_url: str, tmp_path: Path) -> None:
    with open_store(store_url) as store:
        run = store.jobs.request("retention", logical_date=date(2026, 6, 1), requested_by="test", at=_now())
        store.jobs.claim("killed with its run", now=_now(), lease_seconds=1)
        with _started("-c", _SCHEDULER, str(tmp_path), home=tmp_path, CHURN_STORE_URL=store_url):
            _until(lambda: store.jobs.list("retention")[0].state == "done")
        (ended,) = store.jobs.list("retention")
        assert (ended.run_id, ended.attempts) == (run.run_id, 2)

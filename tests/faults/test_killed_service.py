from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import select, update

from churn.store import ScheduledRun, Store, open_store
from churn.store.service_tables import idempotent_requests
from churn.store.tables import outcomes
from tests.faults.serving import CHURN, service, started, until
from tests.faults.shops import Shop
from tests.faults.test_store_away import QUIET


def _store(shop: Shop) -> Store:
    return open_store(f"sqlite:///{shop.home / 'store.sqlite'}")


def test_writes_sent_again_to_a_service_that_was_killed_under_load_are_there_once(shop: Shop) -> None:
    key = shop.json("keys", "create", "crm", "--scope", "read", "--scope", "push")["key"]
    somebody = shop.json("risk-list", "--top", "1")["customers"][0]["customer_id"]
    head = {"Authorization": f"Bearer {key}"}

    def send(address: str, number: int) -> int:
        event = {"customer_id": somebody, "campaign": "x", "event_id": f"e{number}", "kind": "contacted"}
        body = {"events": [event | {"occurred_at": "2026-06-03T09:30:00+02:00"}]}
        told = head | {"Idempotency-Key": f"write-{number}"}
        try:
            return httpx.post(f"{address}/v1/outcomes", json=body, headers=told, timeout=60, verify=False).status_code
        except httpx.TransportError:
            return 0

    with ThreadPoolExecutor(6) as pool, service(shop.home, **QUIET) as (address, process):
        sent = [pool.submit(send, address, number) for number in range(80)]
        until(lambda: sum(one.done() for one in sent) >= 20)
        os.kill(process.pid, signal.SIGKILL)
        first = [one.result() for one in sent]
    assert 200 in first
    assert 0 in first
    # Claims that the killed process had not answered are handed on after a minute, which this test does not wait.
    with _store(shop) as store, store.database.write() as connection:
        table = idempotent_requests
        aged = update(table).where(table.c.status.is_(None))
        connection.execute(aged.values(started_at=table.c.started_at - timedelta(minutes=2)))
    with ThreadPoolExecutor(6) as pool, service(shop.home, **QUIET) as (address, _):
        assert set(pool.map(lambda number: send(address, number), range(80))) == {200}
    with _store(shop) as store, store.database.read() as connection:
        told = sorted(connection.execute(select(outcomes.c.event_id)).scalars())
    assert told == sorted(f"e{number}" for number in range(80))


def test_a_scheduler_killed_with_its_night_leaves_it_to_the_next_and_pushes_nobody_twice(shop: Shop) -> None:
    shop.run("sync", "risk-list", "--to", "file")
    short = {"CHURN_SCHEDULE__LEASE_SECONDS": "2", **QUIET}
    scheduler = [*CHURN, "scheduler", "--home", str(shop.home)]
    with _store(shop) as store:
        store.jobs.request(
            "nightly",
            logical_date=date(2026, 7, 1),
            requested_by="test",
            at=datetime.now(UTC).replace(tzinfo=None),
        )
        with started(scheduler, shop.home, **short) as first:
            until(lambda: _is_at(store, "score"))
            _kill_with_children(first.pid)
        killed = _night(store)
        assert killed.state == "running"
        done = [step for step in killed.steps if step.state == "done"]
        assert done
        with started(scheduler, shop.home, **short):
            until(lambda: _night(store).state in {"done", "failed"}, 120)
        ended = _night(store)
        assert (ended.run_id, ended.state, ended.attempts) == (killed.run_id, "done", 2), ended.error
        assert list(ended.steps[: len(done)]) == done, "what was done is not done again"
        pushes = [run for run in store.sync_runs.history() if run.started_at >= (ended.started_at or run.started_at)]
        assert len(pushes) == 1, "the night pushes the list once"


def _night(store: Store) -> ScheduledRun:
    run = store.jobs.latest("nightly")
    assert run is not None
    return run


def _is_at(store: Store, name: str) -> bool:
    return any(step.name == name and step.state == "running" for step in _night(store).steps)


def _kill_with_children(pid: int) -> None:
    """Kill a scheduler and the process that works its run, as a machine that loses its power does."""
    children = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    for one in [pid, *children]:
        os.kill(one, signal.SIGKILL)

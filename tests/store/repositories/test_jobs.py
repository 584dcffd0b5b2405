from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta

import pytest

from churn.store import Store, open_store

NOW = datetime(2026, 7, 1, 2)
DAY = date(2026, 7, 1)


def _request(store: Store, job: str = "nightly", **values: object) -> int:
    return store.jobs.request(job, requested_by="schedule", at=NOW, **values).run_id  # type: ignore[arg-type]  # as given


def test_one_key_is_one_run_while_it_waits_works_or_is_done(store: Store) -> None:
    first = _request(store, logical_date=DAY)
    assert _request(store, logical_date=DAY) == first
    store.jobs.claim("me", now=NOW, lease_seconds=60)
    assert _request(store, logical_date=DAY) == first
    store.jobs.finish(first, "me", "done", None, NOW)
    assert _request(store, logical_date=DAY) == first
    assert _request(store, logical_date=DAY, parameters={"a": 1}) != first


@pytest.mark.parametrize("state", ["failed", "canceled"])
def test_what_failed_or_was_canceled_may_be_asked_for_again_and_stays_in_the_ledger(store: Store, state: str) -> None:
    first = _request(store, logical_date=DAY)
    store.jobs.claim("me", now=NOW, lease_seconds=60)
    store.jobs.finish(first, "me", state, "no", NOW)
    assert _request(store, logical_date=DAY) != first
    assert [run.state for run in store.jobs.list()] == ["queued", state]


def test_what_is_asked_for_as_of_now_may_be_asked_for_again_once_done(store: Store) -> None:
    first = _request(store, "sync", parameters={"campaign": "a"})
    assert _request(store, "sync", parameters={"campaign": "a"}) == first
    assert _request(store, "sync", parameters={"campaign": "b"}) != first
    store.jobs.claim("me", now=NOW, lease_seconds=60, run_id=first)
    store.jobs.finish(first, "me", "done", None, NOW)
    later = store.jobs.request("sync", parameters={"campaign": "a"}, requested_by="ann", at=NOW + timedelta(seconds=1))
    assert later.run_id != first


def test_the_same_run_asked_for_from_many_threads_is_one(store_url: str) -> None:
    def ask(_: int) -> int:
        with open_store(store_url) as store:
            return _request(store, logical_date=DAY)

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(ask, range(12)))) == 1


def test_a_run_is_claimed_by_one_of_many(store_url: str) -> None:
    with open_store(store_url) as store:
        for n in range(3):
            _request(store, logical_date=DAY + timedelta(days=n))

    def claim(n: int) -> int | None:
        with open_store(store_url) as store:
            found = store.jobs.claim(f"owner {n}", now=NOW, lease_seconds=60)
        return found.run_id if found else None

    with ThreadPoolExecutor(6) as pool:
        taken = [run_id for run_id in pool.map(claim, range(12)) if run_id is not None]
    assert len(taken) == 1  # one run at a time: the warehouse has one holder


def test_whoever_does_not_hold_the_lease_changes_nothing(store: Store) -> None:
    run_id = _request(store, logical_date=DAY)
    store.jobs.claim("me", now=NOW, lease_seconds=60)
    store.jobs.set_steps(run_id, ["score"])
    later = NOW + timedelta(seconds=61)
    store.jobs.claim("other", now=later, lease_seconds=60)
    assert not store.jobs.heartbeat(run_id, "me", now=later, lease_seconds=60)
    assert not store.jobs.start_step(run_id, "me", "score", at=later)
    assert not store.jobs.finish_step(run_id, "me", "score", state="done", at=later, seconds=1)
    assert not store.jobs.finish(run_id, "me", "done", None, later)
    assert not store.jobs.postpone(run_id, "me", None, later)
    assert store.jobs.heartbeat(run_id, "other", now=later, lease_seconds=60)
    run = store.jobs.get(run_id)
    assert run is not None
    assert (run.state, run.attempts, run.steps[0].state) == ("running", 2, "waiting")


def test_a_postponed_run_waits_its_time(store: Store) -> None:
    run_id = _request(store, logical_date=DAY)
    store.jobs.claim("me", now=NOW, lease_seconds=60)
    store.jobs.postpone(run_id, "me", "away", NOW + timedelta(minutes=2))
    assert store.jobs.claim("me", now=NOW + timedelta(seconds=119), lease_seconds=60) is None
    assert store.jobs.claim("me", now=NOW + timedelta(seconds=120), lease_seconds=60) is not None


def test_schedulers_are_known_while_they_say_so(store: Store) -> None:
    store.schedule.seen("a", NOW)
    store.schedule.seen("b", NOW + timedelta(seconds=60))
    assert [w.owner for w in store.schedule.workers(NOW + timedelta(seconds=100))] == ["b"]
    store.schedule.gone("b")
    assert store.schedule.workers(NOW + timedelta(seconds=100)) == []

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from churn.errors import SyncBusy
from churn.store import MappingChange, OutboxRow, Settled, Store, SyncRun, open_store

AT = datetime(2026, 7, 1, 4, 30)


def run_of(run_id: str = "r1", **changes: Any) -> SyncRun:
    values = {
        "run_id": run_id,
        "connector": "crm",
        "campaign": "call",
        "action": "push",
        "mode": "upsert",
        "mapping": {"risk_band": "band"},
        "model_version": "m1",
        "score_run_id": "s1",
        "list_size": 3,
        "holder": "a test",
        "started_at": AT,
    }
    return SyncRun(**(values | changes))


def row(key: str, position: int = 0, **changes: Any) -> OutboxRow:
    values: dict[str, Any] = {"band": "high", "at": AT, "on": date(2026, 7, 1), "p": 0.25, "none": None}
    found = OutboxRow(key, position, "write", values, None, f"{key}:1", "exact", 0.25, 90.0, 5.0)
    return OutboxRow(**(vars(found) | changes))


def settle(store: Store, run: SyncRun, *settled: Settled) -> None:
    store.outbox.settle(run, settled, AT)


def begun(store: Store, *rows: OutboxRow, run: SyncRun | None = None) -> SyncRun:
    run = run or run_of()
    store.sync_runs.start(run)
    store.outbox.queue(run.run_id, rows)
    return run


def test_rows_come_back_as_written_in_their_order(store: Store) -> None:
    rows = [row("c2", 0, changed=("band", "p")), row("c1", 1)]
    begun(store, *rows)
    assert store.outbox.pending("r1", 10) == rows
    assert store.outbox.pending("r1", 1, after=0) == rows[1:]


def test_what_is_done_is_acknowledged_with_its_id_and_no_longer_rejected(store: Store) -> None:
    run = begun(store, row("c1"), row("c2", 1))
    settle(store, run, Settled(row("c1"), "rejected", code="bad", field="band", message="no"))
    settle(store, run, Settled(row("c1"), "rejected", code="bad", message="still no"))
    (rejection,) = store.crm.rejections("crm", "call")
    assert (rejection.attempts, rejection.message, rejection.is_held) == (2, "still no", True)
    settle(store, run, Settled(row("c1"), "done", remote_id="7"), Settled(row("c2", 1), "done", remote_id="8"))
    assert store.crm.rejections() == []
    assert store.crm.remote_ids("crm", ["c1", "c2", "c3"]) == {"c1": "7", "c2": "8"}
    assert store.crm.customers_of("crm", ["8"]) == {"8": "c2"}
    held, at = store.crm.acknowledged("crm", "call", ["c1"])["c1"]
    assert (held, at) == (dict(row("c1").payload), AT)
    records = store.crm.records("crm", "call").sort("customer_id")
    assert records["customer_id"].to_list() == ["c1", "c2"]
    assert records["is_uncertain"].to_list() == [False, False]
    assert records["churn_probability"].to_list() == [0.25, 0.25]


def test_what_was_on_its_way_when_it_was_killed_is_in_doubt(store: Store) -> None:
    run = begun(store, row("c1"), row("c2", 1), row("c3", 2))
    store.outbox.mark_sending("r1", [row("c1"), row("c2", 1)])
    settle(store, run, Settled(row("c1"), "done", remote_id="7"))
    assert [left.run_id for left in store.sync_runs.unfinished("crm")] == ["r1"]
    assert store.outbox.abandon(run, AT) == 1
    records = store.crm.records("crm", "call").sort("customer_id")
    assert records.select("customer_id", "is_uncertain").rows() == [("c1", False), ("c2", True)]
    assert store.sync_runs.unfinished("crm") == []
    (ended,) = store.sync_runs.history()
    assert (ended.state, ended.counts) == ("abandoned", {"done": 1, "unknown": 1, "pending": 1})


def test_a_cleared_record_is_forgotten_and_other_campaigns_doubt_theirs(store: Store) -> None:
    first, second = begun(store, row("c1")), begun(store, row("c1"), run=run_of("r2", campaign="other"))
    settle(store, first, Settled(row("c1"), "done", remote_id="7"))
    settle(store, second, Settled(row("c1"), "done", remote_id="7"))
    assert set(store.crm.others("crm", "call", ["c1"])) == {"c1"}
    settle(store, first, Settled(row("c1", action="clear"), "done"))
    assert store.crm.records("crm", "call").is_empty()
    assert store.crm.records("crm", "other")["is_uncertain"].to_list() == [True]
    assert store.crm.campaigns("crm") == {"other": 1}


def test_rejections_are_released_by_customer_by_code_or_all(store: Store) -> None:
    run = begun(store, row("c1"), row("c2", 1), row("c3", 2))
    for key, code in (("c1", "a"), ("c2", "b"), ("c3", "b")):
        settle(store, run, Settled(row(key), "rejected", code=code))
    assert store.crm.release("crm", "call", customer_ids=["c1", "c9"]) == 1
    assert store.crm.release("crm", "call", codes=["b"]) == 2
    assert store.crm.release("crm", "other") == 0
    assert {r.is_held for r in store.crm.rejections()} == {False}


def test_runs_mappings_and_cursors_are_kept(store: Store) -> None:
    store.sync_runs.start(run_of())
    store.sync_runs.finish("r1", state="done", counts={"created": 3}, at=AT + timedelta(seconds=2))
    store.sync_runs.start(run_of("r2", started_at=AT + timedelta(hours=1)))
    store.sync_runs.finish("r2", state="failed", counts={}, at=AT, error="x" * 9_000)
    last = store.sync_runs.last_done("crm", "call")
    assert last is not None
    assert (last.run_id, last.counts) == ("r1", {"created": 3})
    assert [run.run_id for run in store.sync_runs.history(connector="crm", limit=1)] == ["r2"]
    store.sync_runs.note_mapping(MappingChange("crm", "call", "r1", {"a": "b"}, None, "ann", AT))
    assert store.sync_runs.last_mapping("crm", "call") == {"a": "b"}
    assert store.crm.cursor("crm") is None
    store.crm.save_cursor("crm", "7", AT)
    store.crm.save_cursor("crm", "9", AT)
    assert store.crm.cursor("crm") == "9"


def test_one_push_at_a_time_to_one_destination(store: Store, store_url: str) -> None:
    store.sync_runs.start(run_of(holder="`churn sync call` on here"))
    with open_store(store_url) as other, store.lock_destination("crm", "`churn sync call` on here"):
        with pytest.raises(SyncBusy, match="churn sync call"), other.lock_destination("crm", "me too"):
            raise AssertionError("two at once")
        with other.lock_destination("another", "me"):
            pass
    with open_store(store_url) as other, other.lock_destination("crm", "me now"):
        pass

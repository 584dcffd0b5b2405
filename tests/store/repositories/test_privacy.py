"""People's rights in the store, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest
import sqlalchemy as sa

from churn.decisions.simulation_request import SimulationRequest
from churn.redaction import ERASED
from churn.store import Store, open_store
from tests.store.builders import NOON, run, score_list, simulation

WHO, OTHER = "EU/ü'77%_", "c1"


@pytest.fixture
def held(store_url: str):
    with open_store(store_url) as store:
        scores = score_list(3).with_columns(pl.Series("customer_id", [WHO, OTHER, "c2"]))
        store.scores.publish(run(customers=3), scores)
        store.alerts.raise_("sync_partial", "call to crm", "warning", f"customer {WHO} was refused", NOON)
        store.simulations.save("one", SimulationRequest(name=f"as for {WHO}"), simulation(), NOON)
        store.requests.begin("k", f"erase {WHO}", "hash", NOON)
        store.privacy.note_objection(WHO, who="test", at=NOON)
        yield store


def _everything(store: Store) -> str:
    with store.database.read() as connection:
        tables = sa.MetaData()
        tables.reflect(connection)
        return repr([connection.execute(sa.select(table)).all() for table in tables.sorted_tables])


def test_everything_that_names_a_customer_is_found(held: Store) -> None:
    assert set(held.privacy.rows_of(WHO)) == {"scores", "alerts", "simulations", "idempotent_requests", "objections"}
    assert set(held.privacy.rows_of(OTHER)) == {"scores"}


def test_an_erasure_leaves_a_tombstone_and_nothing_else(held: Store) -> None:
    found = held.privacy.erase(WHO, at=NOON)
    assert found == {"scores": 1, "alerts": 1, "simulations": 1, "idempotent_requests": 1, "objections": 1}
    assert WHO not in _everything(held)
    assert held.privacy.erase(WHO, at=NOON + timedelta(days=1)) == {}
    assert held.privacy.erased_at(WHO) == NOON
    assert held.privacy.erased_at(OTHER) is None
    assert held.simulations.list()[0].request == SimulationRequest(name=f"as for {ERASED}")
    salt, hashes = held.privacy.erased()
    assert (len(salt), hashes) == (64, {held.privacy.hash_of(WHO)})
    held.privacy.shred()
    assert held.privacy.rows_of(OTHER)["scores"][0]["customer_id"] == OTHER


def test_what_is_told_of_the_erased_later_is_not_taken(held: Store) -> None:
    held.privacy.erase(WHO, at=NOON)
    events = pl.DataFrame(
        {
            "customer_id": [WHO, OTHER],
            "campaign": ["call"] * 2,
            "event_id": ["e1", "e2"],
            "kind": ["contacted"] * 2,
            "occurred_at": [datetime(2026, 3, 2)] * 2,
            "source": ["crm"] * 2,
        }
    )
    assert held.outcomes.add(events, NOON).new == 1
    assert WHO not in _everything(held)


def test_a_request_is_one_until_it_is_settled_and_loses_the_id_then(held: Store) -> None:
    first = held.privacy.ask("erase", WHO, who="a", at=NOON)
    assert held.privacy.ask("erase", WHO, who="b", at=NOON).request_id == first.request_id
    assert held.privacy.ask("export", WHO, who="a", at=NOON).request_id != first.request_id
    held.privacy.settle(first.request_id, {"waits": True}, at=NOON, is_done=False)
    assert [one.customer_id for one in held.privacy.requests(WHO, is_open=True)] == [WHO, WHO]
    held.privacy.settle(first.request_id, {"waits": False}, at=NOON, is_done=True)
    done = held.privacy.request(first.request_id)
    assert done is not None
    assert (done.customer_id, done.state, done.result) == (None, "done", {"waits": False})
    assert held.privacy.requests(OTHER) == []
    assert held.privacy.request(10_000) is None


def test_old_outcomes_and_pushes_are_let_go(held: Store) -> None:
    found = held.privacy.let_go(outcomes_before=NOON, pushes_before=NOON)
    assert set(found.values()) == {0}
    assert set(found) == {
        "outcomes",
        "rejected outcomes",
        "rows of programmes' logs",
        "decisions at a moment",
        "rows of pushes",
    }

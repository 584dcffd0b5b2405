from __future__ import annotations

from datetime import date, timedelta

import pytest

from churn.errors import ConfigError
from churn.store import Store
from tests.store.builders import NOON


def test_a_run_is_noted_from_its_start_to_its_end(store: Store) -> None:
    number = store.runs.start("score", logical_date=date(2026, 3, 1), started_at=NOON)
    (running,) = store.runs.list()
    assert (running.run_id, running.workflow, running.outcome) == (number, "score", None)
    store.runs.finish(number, finished_at=NOON + timedelta(seconds=9), outcome="done")
    (done,) = store.runs.list()
    assert (done.outcome, done.error, done.logical_date) == ("done", None, date(2026, 3, 1))
    assert done.finished_at == NOON + timedelta(seconds=9)


def test_a_failed_run_keeps_its_error(store: Store) -> None:
    number = store.runs.start("train", started_at=NOON)
    store.runs.finish(number, finished_at=NOON, outcome="failed", error="too few churners " * 500)
    (failed,) = store.runs.list()
    assert failed.outcome == "failed"
    assert failed.error is not None
    assert failed.error.startswith("too few churners")
    assert len(failed.error) <= 2_000


def test_a_run_that_never_ended_is_marked_abandoned_by_the_next_one_of_its_kind(store: Store) -> None:
    killed = store.runs.start("score", started_at=NOON)
    other = store.runs.start("train", started_at=NOON)
    store.runs.start("score", started_at=NOON)
    outcomes = {run.run_id: run.outcome for run in store.runs.list()}
    assert outcomes[killed] == "abandoned"
    assert outcomes[other] is None


def test_a_run_marked_abandoned_too_early_still_tells_its_end(store: Store) -> None:
    slow = store.runs.start("score", started_at=NOON)
    store.runs.start("score", started_at=NOON)
    store.runs.finish(slow, finished_at=NOON, outcome="done")
    assert {run.run_id: run.outcome for run in store.runs.list()}[slow] == "done"


def test_runs_are_listed_newest_first_by_workflow_and_up_to_a_limit(store: Store) -> None:
    numbers = [store.runs.start(workflow, started_at=NOON) for workflow in ("score", "train", "score", "score")]
    assert [run.run_id for run in store.runs.list()] == numbers[::-1]
    assert [run.run_id for run in store.runs.list(workflow="score", limit=2)] == [numbers[3], numbers[2]]


def test_a_simulation_is_kept_by_name_and_replaced_by_name(store: Store) -> None:
    store.simulations.save("spring", {"contact_cost": 2.0}, {"net_profit": 46000.0, "loss": float("nan")}, NOON)
    store.simulations.save("autumn", {"contact_cost": 3.0}, {"net_profit": 1.0}, NOON + timedelta(days=1))
    assert store.simulations.get("spring").result == {"net_profit": 46000.0, "loss": None}
    store.simulations.save("spring", {"contact_cost": 4.0}, {"net_profit": 2.0}, NOON + timedelta(days=2))
    assert [(s.name, s.inputs) for s in store.simulations.list()] == [
        ("spring", {"contact_cost": 4.0}),
        ("autumn", {"contact_cost": 3.0}),
    ]


def test_an_unknown_simulation_is_refused_with_the_known_names(store: Store) -> None:
    with pytest.raises(ConfigError, match="None is saved yet"):
        store.simulations.get("winter")
    store.simulations.save("spring", {}, {}, NOON)
    with pytest.raises(ConfigError, match="Saved are: spring"):
        store.simulations.get("winter")

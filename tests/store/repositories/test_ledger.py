from __future__ import annotations

from datetime import date, timedelta

import pytest

from churn.decisions.simulation_request import SimulationRequest
from churn.errors import ConfigError
from churn.store import Store
from tests.store.builders import NOON, simulation


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
    cheap, dear = SimulationRequest(contact_cost=2.0, on="evaluation"), SimulationRequest(contact_cost=4.0)
    store.simulations.save("spring", cheap, simulation(net_profit=46000), NOON)
    store.simulations.save("autumn", SimulationRequest(), simulation(net_profit=1.5), NOON + timedelta(days=1))
    kept = store.simulations.get("spring")
    assert (kept.request, kept.document) == (cheap, simulation(net_profit=46000))
    store.simulations.save("spring", dear, simulation(net_profit=2), NOON + timedelta(days=2))
    assert [(saved.name, saved.request, saved.document.net_profit) for saved in store.simulations.list()] == [
        ("spring", dear, 2),
        ("autumn", SimulationRequest(), 1.5),
    ]


def test_an_unknown_simulation_is_refused_with_the_known_names(store: Store) -> None:
    with pytest.raises(ConfigError, match="None is saved yet"):
        store.simulations.get("winter")
    store.simulations.save("spring", SimulationRequest(), simulation(), NOON)
    with pytest.raises(ConfigError, match="Saved are: spring"):
        store.simulations.get("winter")

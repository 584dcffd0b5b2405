"""What a campaign would be worth: simulated, saved, listed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as InPath

from churn.api.idempotency import OnceRoute
from churn.api.problems import request_id
from churn.api.schemas.simulations import SavedSimulation, SimulationComparison, SimulationInput
from churn.api.security import key_with
from churn.api.state import State, state_of
from churn.decisions.simulation_request import SimulationRequest
from churn.errors import ConfigError, NotFound
from churn.store.records import ApiKey
from churn.workflows.simulate.compare import compare_documents
from churn.workflows.simulate.simulate import simulate_campaign

_caller = key_with("simulate")  # one dependency: asked for twice it is called once, and the write claimed once
router = APIRouter(
    route_class=OnceRoute, prefix="/v1/simulations", tags=["simulations"], dependencies=[Depends(_caller)]
)


@router.post("")
def simulate(
    asked: SimulationInput,
    request: Request,
    key: Annotated[ApiKey, Depends(_caller)],
    state: Annotated[State, Depends(state_of)],
) -> dict[str, Any]:
    """Simulate a campaign: contacts, cost, saves, net profit with its bands, the whole curve, and the audit."""
    given = asked.model_dump(exclude={"name"})
    found = simulate_campaign(state.context, SimulationRequest(**given, save=asked.name, name=asked.name)).document
    if asked.name:
        state.store.requests.audit(key.name, "save_simulation", asked.name, state.context.clock(), request_id(request))
    return found


@router.get("")
def saved_simulations(state: Annotated[State, Depends(state_of)]) -> list[SavedSimulation]:
    """List the saved simulations, newest first."""
    found = state.store.simulations.list()
    return [SavedSimulation(name=s.name, saved_at=s.saved_at, inputs=dict(s.inputs)) for s in found]


@router.get("/compare")
def compare(
    first: Annotated[str, Query(min_length=1, max_length=100, examples=["Spring call"])],
    second: Annotated[str, Query(min_length=1, max_length=100, examples=["Spring e-mail"])],
    state: Annotated[State, Depends(state_of)],
) -> SimulationComparison:
    """Compare two saved simulations: both whole, the terms that differ, and what that does to the result."""
    return SimulationComparison.model_validate(compare_documents(_saved(state, first), _saved(state, second)))


@router.get("/{name}")
def saved_simulation(
    name: Annotated[str, InPath(min_length=1, max_length=100)], state: Annotated[State, Depends(state_of)]
) -> dict[str, Any]:
    """Return a saved simulation whole."""
    return _saved(state, name)


def _saved(state: State, name: str) -> dict[str, Any]:
    try:
        return {**state.store.simulations.get(name).result, "name": name}
    except ConfigError as error:
        raise NotFound(error.what, where=error.where, remedy=error.remedy) from error

"""What a campaign would be worth: simulated, saved, listed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as InPath

from churn.api.idempotency import OnceRoute
from churn.api.problems import RESPONSES, request_id
from churn.api.schemas.simulations import SavedSimulation, SimulationInput
from churn.api.security import Caller, needs
from churn.api.state import State, state_of
from churn.decisions.simulation_request import SimulationRequest, saved_inputs
from churn.documents.simulation import SimulationComparison, SimulationDocument
from churn.errors import ConfigError, NotFound
from churn.workflows.simulate import compare_documents, simulate_campaign

router = APIRouter(prefix="/v1/simulations", tags=["simulations"], route_class=OnceRoute, responses=RESPONSES)


@router.post("")
@needs("simulate")
def simulate(
    body: SimulationInput,
    request: Request,
    key: Caller,
    state: Annotated[State, Depends(state_of)],
) -> SimulationDocument:
    """Simulate a campaign: contacts, cost, saves, net profit with its bands, the whole curve, and the audit."""
    terms = body.model_dump(exclude={"name"})
    document = simulate_campaign(state.context, SimulationRequest(**terms, save=body.name, name=body.name))
    if body.name:
        state.store.requests.audit(key.name, "save_simulation", body.name, state.context.clock(), request_id(request))
    return document


@router.get("")
@needs("simulate")
def saved_simulations(state: Annotated[State, Depends(state_of)]) -> list[SavedSimulation]:
    """List the saved simulations, newest first."""
    return [
        SavedSimulation(name=saved.name, saved_at=saved.saved_at, inputs=saved_inputs(saved.request))
        for saved in state.store.simulations.list()
    ]


@router.get("/compare")
@needs("simulate")
def compare(
    first: Annotated[str, Query(min_length=1, max_length=100, examples=["Spring call"])],
    second: Annotated[str, Query(min_length=1, max_length=100, examples=["Spring e-mail"])],
    state: Annotated[State, Depends(state_of)],
) -> SimulationComparison:
    """Compare two saved simulations: both whole, the terms that differ, and what that does to the result."""
    return compare_documents(_saved(state, first), _saved(state, second))


@router.get("/{name}")
@needs("simulate")
def saved_simulation(
    name: Annotated[str, InPath(min_length=1, max_length=100)], state: Annotated[State, Depends(state_of)]
) -> SimulationDocument:
    """Return a saved simulation whole."""
    return _saved(state, name)


def _saved(state: State, name: str) -> SimulationDocument:
    try:
        return state.store.simulations.get(name).document.model_copy(update={"name": name})
    except ConfigError as error:
        raise NotFound(error.what, where=error.where, remedy=error.remedy) from error

"""Finished experiments of any tool: analysed from a file that is sent, listed, and each with what it says."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi import Path as InPath
from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from churn.api.idempotency import OnceRoute
from churn.api.problems import RESPONSES, request_id
from churn.api.schemas.jobs import JobRun
from churn.api.security import Caller, needs
from churn.api.state import State, state_of
from churn.documents.experiment import ExperimentDocument, ExperimentSummary
from churn.jobs.requests import ExperimentRequest, ask_experiment
from churn.jobs.view import run_view
from churn.views.experiments import experiment, experiments

router = APIRouter(prefix="/v1/experiments", tags=["experiments"], route_class=OnceRoute, responses=RESPONSES)

Column = Annotated[str, Form(min_length=1, max_length=200)]
# A field of a form is there or not: it cannot be null, and the description of the API must not say so.
Optional = Annotated[Annotated[str, Field(max_length=200)] | SkipJsonSchema[None], Form()]


class Experiments(BaseModel):
    """The newest analysis of every experiment, the newest first."""

    items: list[ExperimentSummary]


@router.get("")
@needs("read")
def analysed(state: Annotated[State, Depends(state_of)]) -> Experiments:
    """List the experiments that were analysed, each with its verdict."""
    return Experiments(items=experiments(state.context))


@router.get("/{name}")
@needs("read")
def one_experiment(
    name: Annotated[str, InPath(min_length=1, max_length=100)], state: Annotated[State, Depends(state_of)]
) -> ExperimentDocument:
    """Return the newest analysis of an experiment: split, effect, money of each policy, ranking, harm, what to do."""
    return experiment(state.context, name)


@router.post("", status_code=202)
@needs("push")
def analyse(
    *,
    request: Request,
    key: Caller,
    state: Annotated[State, Depends(state_of)],
    file: Annotated[UploadFile, File(description="A row per customer: CSV, Parquet or JSON.")],
    treatment: Column,
    outcome: Column,
    control: Optional = None,
    treated: Optional = None,
    direction: Annotated[Literal["wanted", "unwanted"] | SkipJsonSchema[None], Form()] = None,
    value: Optional = None,
    cost: Optional = None,
    incentive: Optional = None,
    planned_share: Annotated[Annotated[float, Field(gt=0, lt=1)] | SkipJsonSchema[None], Form()] = None,
    customer: Optional = None,
    group: Annotated[
        Annotated[str, Field(min_length=1, max_length=200)] | SkipJsonSchema[None],
        Form(description="Column whose values were assigned as a whole, such as stores."),
    ] = None,
    strata: Annotated[
        Annotated[str, Field(min_length=1, max_length=200)] | SkipJsonSchema[None],
        Form(description="Column within whose values the split was drawn, at shares of their own."),
    ] = None,
    exclude: Annotated[list[str] | SkipJsonSchema[None], Form()] = None,
    option: Annotated[
        list[str] | SkipJsonSchema[None], Form(description="NAME=VALUE, how the file is written.")
    ] = None,
    name: Optional = None,
) -> JobRun:
    """Analyse an experiment: 202 with the run that is queued; see GET /v1/jobs/{run_id}, then GET /v1/experiments."""
    asked_for = ExperimentRequest(
        treatment=treatment,
        outcome=outcome,
        control=control,
        treated=treated,
        direction=direction,
        value=value,
        cost=cost,
        incentive=incentive,
        planned_share=planned_share,
        customer=customer,
        group=group,
        strata=strata,
        exclude=tuple(exclude or ()),
        options=tuple(option or ()),
        name=name,
    )
    run = ask_experiment(
        state.context, asked_for, file_name=file.filename or "experiment.csv", content=file.file.read(), who=key.name
    )
    state.store.requests.audit(
        key.name, "analyse_experiment", f"run {run.run_id}", state.context.clock(), request_id(request)
    )
    return JobRun.of(run_view(run))

"""Campaigns as they stand: definitions, plans, who is in which arm, what was measured; and what systems tell of outcomes."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as InPath

from churn.api.idempotency import OnceRoute
from churn.api.problems import RESPONSES, request_id
from churn.api.schemas.campaigns import (
    NAME,
    Archived,
    ArchiveInput,
    AssignedCustomer,
    Assignments,
    Campaign,
    CampaignDetails,
    CampaignInput,
    CampaignResults,
    DefinedCampaign,
    KeptDefinition,
    NewestPlan,
    OutcomeBatch,
    PlanInput,
    SyncInput,
    Taken,
)
from churn.api.schemas.jobs import JobRun
from churn.api.security import Caller, needs
from churn.api.state import State, state_of
from churn.campaigns.reading import campaign_files
from churn.errors import CampaignError, ConfigError, NotFound
from churn.jobs.requests import ask_plan, ask_sync
from churn.jobs.view import run_view
from churn.store import ScheduledRun
from churn.store.service_records import ApiKey
from churn.views.campaigns import campaign_assignments, campaign_results, list_campaigns, show_campaign
from churn.workflows.define import Saving, archive, define_campaign, restore
from churn.workflows.measure import take_outcomes

router = APIRouter(prefix="/v1", tags=["campaigns"], route_class=OnceRoute, responses=RESPONSES)

Name = Annotated[str, InPath(min_length=1, max_length=100, pattern=NAME, examples=["fix_payment"])]


@router.get("/campaigns")
@needs("read")
def campaigns(
    state: Annotated[State, Depends(state_of)],
    *,
    archived: Annotated[bool, Query(description="Those that are archived, instead of the others.")] = False,
) -> list[Campaign]:
    """List the campaigns: what each is, how many are assigned, when it was planned last."""
    rows = list_campaigns(state.context, archived=archived)
    return [Campaign.model_validate(row, from_attributes=True) for row in rows]


@router.post(
    "/campaigns", status_code=201, responses={200: {"model": DefinedCampaign, "description": "It replaced another."}}
)
@needs("push")
def define(
    wanted: CampaignInput,
    request: Request,
    response: Response,
    key: Caller,
    state: Annotated[State, Depends(state_of)],
) -> DefinedCampaign:
    """Keep a campaign's definition, in place of any of that name: 201 where it is new, else 200.

    It is examined as `churn campaigns validate` does: features that no filter may name and connectors that are not
    declared are refused. Nobody is contacted by it: ask for a plan, and then for a sync.
    """
    sections = wanted.model_dump(exclude={"name"}, exclude_unset=True)
    kept = define_campaign(state.context, wanted.name, sections, Saving(key.name))
    state.store.requests.audit(key.name, "define_campaign", wanted.name, state.context.clock(), request_id(request))
    response.status_code = 201 if kept.is_new else 200
    return DefinedCampaign(
        name=wanted.name,
        definition=KeptDefinition.model_validate(kept.definition.as_json()),
        definition_hash=kept.definition.hash,
        window_days=kept.definition.window(state.context.settings.churn),
        is_new=kept.is_new,
        is_changed=kept.is_changed,
    )


@router.get("/campaigns/{name}")
@needs("read")
def campaign(name: Name, state: Annotated[State, Depends(state_of)]) -> CampaignDetails:
    """Return a campaign's definition and its plans, newest first."""
    try:
        return CampaignDetails.model_validate(
            show_campaign(state.context, name).model_dump(mode="json", exclude={"file"})
        )
    except CampaignError as error:
        raise NotFound(error.what, where=name, remedy="See GET /v1/campaigns.") from error


@router.get("/campaigns/{name}/plan")
@needs("read")
def newest_plan(name: Name, state: Annotated[State, Depends(state_of)]) -> NewestPlan:
    """Return the newest plan: eligibility, allocation, holdout, power, and what it expects."""
    plan = state.store.plans.latest(name)
    if plan is None:
        raise NotFound("this campaign was never planned", where=name, remedy="Run `churn plan`.")
    return NewestPlan(plan_id=plan.plan_id, **dict(plan.result))


@router.post("/campaigns/{name}/plan", status_code=202)
@needs("push")
def ask_for_plan(
    name: Name, wanted: PlanInput, request: Request, key: Caller, state: Annotated[State, Depends(state_of)]
) -> JobRun:
    """Ask for a plan: whom to contact and whom to leave alone by chance. Nobody is contacted by it.

    Answers 202 with the run, which a scheduler works; GET /v1/jobs/{run_id} says how it goes, GET .../plan what came out.
    Asking again while it waits or works is the same run.
    """
    _known(state, name)
    run = ask_plan(state.context, name, budget=wanted.budget, on=_day(wanted.date), who=key.name)
    return _accepted(state, request, key, "plan_campaign", name, run)


@router.post("/campaigns/{name}/sync", status_code=202)
@needs("push")
def ask_for_sync(
    name: Name, wanted: SyncInput, request: Request, key: Caller, state: Annotated[State, Depends(state_of)]
) -> JobRun:
    """Ask for a push to a CRM, or with `dry_run` for a look at what it would write.

    Answers 202 with the run, as a plan does. The holdout is never pushed, nor is whoever has objected since the plan.
    """
    _known(state, name)
    run = ask_sync(state.context, name, connector=wanted.connector, is_dry=wanted.dry_run, who=key.name)
    return _accepted(state, request, key, "try_sync" if wanted.dry_run else "sync_campaign", name, run)


@router.post("/campaigns/{name}/archive")
@needs("push")
def archive_campaign(
    name: Name, wanted: ArchiveInput, request: Request, key: Caller, state: Annotated[State, Depends(state_of)]
) -> Archived:
    """Archive a campaign: hidden from lists, planned and pushed no more. Its plans, measurement and report stay.

    Who is assigned stays so and is measured; the next night takes them off the CRM. Again is the same.
    """
    _known(state, name)
    day = archive(state.context, "campaigns", name, who=key.name, why=wanted.why, request=request_id(request))
    return Archived(name=name, archived=day)


@router.post("/campaigns/{name}/restore")
@needs("push")
def restore_campaign(
    name: Name, wanted: ArchiveInput, request: Request, key: Caller, state: Annotated[State, Depends(state_of)]
) -> Archived:
    """Bring an archived campaign back, as it was. Again is the same."""
    _known(state, name)
    restore(state.context, "campaigns", name, who=key.name, why=wanted.why, request=request_id(request))
    return Archived(name=name, archived=None)


@router.get("/campaigns/{name}/assignments")
@needs("read")
def assignments(
    name: Name,
    state: Annotated[State, Depends(state_of)],
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    cursor: Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before.")] = None,
) -> Assignments:
    """Return who was assigned to which arm, page by page."""
    page = campaign_assignments(state.context, name, limit=limit, after=cursor)
    return Assignments(
        campaign=page.campaign,
        assignments=[AssignedCustomer.model_validate(row) for row in page.assignments.iter_rows(named=True)],
        next_cursor=page.next_cursor,
    )


@router.get("/campaigns/{name}/results")
@needs("read")
def results(name: Name, state: Annotated[State, Depends(state_of)]) -> CampaignResults:
    """Return the newest measurement: what the campaign caused, with its interval, in figures and words."""
    newest = campaign_results(state.context, name)
    return CampaignResults(measurement_id=newest.measurement_id, **dict(newest.document))


@router.post("/outcomes")
@needs("push")
def outcomes(
    batch: OutcomeBatch,
    request: Request,
    key: Caller,
    state: Annotated[State, Depends(state_of)],
) -> Taken:
    """Take in what happened to contacted customers; each event counts once, however often it is sent."""
    events = [event.model_dump(mode="json") for event in batch.events]
    taken = take_outcomes(state.context, events, source=f"api:{key.name}")
    state.store.requests.audit(
        key.name, "send_outcomes", f"{taken.new} new", state.context.clock(), request_id(request)
    )
    return Taken.model_validate(taken, from_attributes=True)


def _known(state: State, name: str) -> None:
    """Raise NotFound for a campaign that has no definition."""
    if name not in campaign_files(state.context.settings.home):
        raise NotFound("there is no such campaign", where=name, remedy="See GET /v1/campaigns.")


def _accepted(state: State, request: Request, key: ApiKey, action: str, name: str, run: ScheduledRun) -> JobRun:
    subject = f"{name}, run {run.run_id}"
    state.store.requests.audit(key.name, action, subject, state.context.clock(), request_id(request))
    return JobRun.of(run_view(run))


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise ConfigError(f"`{text}` is not a date", where="date", remedy="Write it as YYYY-MM-DD.") from error

"""Programmes: how they stand, their rounds, approval of drafts; and decisions at a moment."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi import Path as InPath

from churn.api.idempotency import OnceRoute
from churn.api.problems import RESPONSES, ApiError, request_id
from churn.api.schemas.campaigns import NAME, Archived, ArchiveInput, PlanInput
from churn.api.schemas.jobs import JobRun
from churn.api.schemas.programmes import (
    DecidedRound,
    Decision,
    DecisionInput,
    EvaluationInput,
    HeightInput,
    PolicyEvaluation,
    Programme,
    ProgrammeDetails,
    ProgrammeHeight,
    ProgrammeRoundDetails,
    RoundInput,
)
from churn.api.security import Caller, KeyRoute, needs
from churn.api.state import State, state_of
from churn.campaigns.programmes import programme_files
from churn.errors import CampaignError, NotFound
from churn.jobs.requests import ask_evaluation, ask_height, ask_plan
from churn.jobs.view import run_view
from churn.views.programmes import ShownProgramme, list_programmes, programme_round, show_programme
from churn.workflows.approve import approve_round, reject_round
from churn.workflows.decide import MomentRequest
from churn.workflows.define import archive, restore

router = APIRouter(prefix="/v1", tags=["programmes"], route_class=OnceRoute, responses=RESPONSES)
# A decision keeps its own idempotency key, in the transaction that keeps the decision.
moments = APIRouter(prefix="/v1", tags=["programmes"], route_class=KeyRoute, responses=RESPONSES)

Name = Annotated[str, InPath(min_length=1, max_length=100, pattern=NAME, examples=["keep"])]
Here = Annotated[State, Depends(state_of)]


@router.get("/programmes")
@needs("read")
def programmes(
    state: Here,
    *,
    archived: Annotated[bool, Query(description="Those that are archived, instead of the others.")] = False,
) -> list[Programme]:
    """List the programmes: which offers compete, how the newest round stands, what waits for approval."""
    rows = list_programmes(state.context, archived=archived)
    return [Programme.model_validate(row, from_attributes=True) for row in rows]


@router.get("/programmes/{name}")
@needs("read")
def programme(name: Name, state: Here) -> ProgrammeDetails:
    """Return a programme: its rounds, newest first, what each cost and brought, and what is believed of each offer."""
    return ProgrammeDetails(**dict(_shown(state, name)))


def _shown(state: State, name: str) -> ShownProgramme:
    try:
        return show_programme(state.context, name)
    except CampaignError as error:
        raise NotFound(error.what, where=name, remedy="See GET /v1/programmes.") from error


def _require_file(state: State, name: str) -> None:
    if name not in programme_files(state.context.settings.home):
        raise NotFound("there is no such programme", where=name, remedy="See GET /v1/programmes.")


@router.get("/programmes/{name}/rounds/{number}")
@needs("read")
def round_of_a_programme(
    name: Name, number: Annotated[int, InPath(ge=1, le=2**31 - 1)], state: Here
) -> ProgrammeRoundDetails:
    """Return one round whole."""
    return ProgrammeRoundDetails(**dict(programme_round(state.context, name, number).result))


@router.post("/programmes/{name}/plan", status_code=202)
@needs("push")
def ask_for_round(name: Name, wanted: PlanInput, request: Request, key: Caller, state: Here) -> JobRun:
    """Ask for the next round. Where it needs approval it is a draft, and nobody is assigned by it.

    Answers 202 with the run, which a scheduler works.
    """
    _require_file(state, name)
    run = ask_plan(state.context, name, budget=wanted.budget, who=key.name)
    _audit(state, request, key.name, "plan_programme", f"{name}, run {run.run_id}")
    return JobRun.of(run_view(run))


@router.post("/programmes/{name}/archive")
@needs("push")
def archive_programme(name: Name, wanted: ArchiveInput, request: Request, key: Caller, state: Here) -> Archived:
    """Archive a programme: hidden from lists, planned, pushed and asked at moments no more. Its rounds are measured, and stay."""
    _require_file(state, name)
    day = archive(state.context, "programmes", name, who=key.name, why=wanted.why, request=request_id(request))
    return Archived(name=name, archived=day)


@router.post("/programmes/{name}/restore")
@needs("push")
def restore_programme(name: Name, wanted: ArchiveInput, request: Request, key: Caller, state: Here) -> Archived:
    """Bring an archived programme back, as it was. Again is the same."""
    _require_file(state, name)
    restore(state.context, "programmes", name, who=key.name, why=wanted.why, request=request_id(request))
    return Archived(name=name, archived=None)


@router.get("/programmes/{name}/height")
@needs("read")
def height_of_a_programme(name: Name, state: Here) -> ProgrammeHeight:
    """Return whether the programme is tall enough, as it was foreseen last. 404 before, and where the model failed its gate."""
    height = _shown(state, name).height
    if height is None:
        raise NotFound("nothing was foreseen yet", where=name, remedy="Ask by POST to the same address.")
    return ProgrammeHeight(**dict(height))


@router.post("/programmes/{name}/height", status_code=202)
@needs("push")
def ask_for_height(name: Name, wanted: HeightInput, request: Request, key: Caller, state: Here) -> JobRun:
    """Ask whether the audience is large enough to learn the offers apart, prove the programme and pay back.

    Answers 202 with the run, which a scheduler works; GET on the same address then answers.
    """
    _require_file(state, name)
    run = ask_height(state.context, name, months=wanted.months, who=key.name)
    _audit(state, request, key.name, "foresee_programme", f"{name}, run {run.run_id}")
    return JobRun.of(run_view(run))


@router.get("/programmes/{name}/evaluations")
@needs("read")
def evaluations_of_a_programme(name: Name, state: Here) -> list[PolicyEvaluation]:
    """Return what other policies would have earned, of each the newest answer."""
    return [PolicyEvaluation(**dict(evaluated)) for evaluated in _shown(state, name).evaluations]


@router.post("/programmes/{name}/evaluations", status_code=202)
@needs("push")
def ask_for_evaluation(name: Name, wanted: EvaluationInput, request: Request, key: Caller, state: Here) -> JobRun:
    """Ask what another policy would have earned in the rounds that are over, from the logged probabilities.

    Answers 202 with the run, which a scheduler works; GET on the same address then lists the answer.
    """
    _shown(state, name)
    run = ask_evaluation(state.context, name, policy=wanted.policy, against=wanted.against, who=key.name)
    _audit(state, request, key.name, "evaluate_policy", f"{name}, {wanted.policy}, run {run.run_id}")
    return JobRun.of(run_view(run))


@router.post("/programmes/{name}/approve")
@needs("push")
def approve(name: Name, wanted: RoundInput, request: Request, key: Caller, state: Here) -> DecidedRound:
    """Approve a draft: its customers are assigned, and from then on pushed and measured.

    422 where it is no draft any more, or where [approval] names others.
    """
    published = approve_round(state.context, name, wanted.round, who=key.name, note=wanted.note)
    _audit(state, request, key.name, "approve_round", f"{name}, round {published.round.round}")
    return DecidedRound(
        programme=name,
        round=published.round.round,
        state="approved",
        treatment=published.treatment,
        holdout=published.holdout,
        left_out=published.left_out,
    )


@router.post("/programmes/{name}/reject")
@needs("push")
def reject(name: Name, wanted: RoundInput, request: Request, key: Caller, state: Here) -> DecidedRound:
    """Reject a draft: nobody of it is assigned. The budget owner may do it too."""
    decided = reject_round(state.context, name, wanted.round, who=key.name, note=wanted.note)
    _audit(state, request, key.name, "reject_round", f"{name}, round {decided.round}")
    return DecidedRound(programme=name, round=decided.round, state="rejected", treatment=0, holdout=0, left_out=0)


@moments.post("/decisions")
@needs("push")
def decide(
    wanted: DecisionInput,
    key: Caller,
    state: Here,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, description="The same key is answered once, and alike.")
    ] = None,
) -> Decision:
    """Say what to offer a customer now: the offer that the round in force drew for them, or to leave them alone.

    Holdout, objections, cooldown and running assignments are respected, and every decision is kept.
    """
    try:
        kept = state.deciders.decide(
            MomentRequest(wanted.programme, wanted.customer_id, wanted.moment, key.key_id, idempotency_key)
        )
    except CampaignError as error:
        raise ApiError(422, "idempotency_key_reused", f"{error.what}.", remedy=error.remedy) from error
    title, channel, campaign = state.deciders.offer_title(kept)
    return Decision(
        decision_id=kept.decision_id,
        programme=kept.programme,
        round=kept.round,
        customer_id=kept.customer_id,
        moment=kept.moment,
        decision=kept.arm,
        title=title,
        channel=channel,
        campaign=campaign,
        probability=kept.probability,
        reason=kept.reason,
        decided_at=kept.decided_at,
    )


def _audit(state: State, request: Request, who: str, action: str, subject: str) -> None:
    state.store.requests.audit(who, action, subject, state.context.clock(), request_id(request))

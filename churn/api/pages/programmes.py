"""Programmes: which offers compete and how their rounds stand; one with its arms, money, what was learnt, and the approval of a draft."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse

from churn.accounts.sign_in import SignedIn
from churn.api.pages.frame import fragment, page
from churn.api.pages.session import signed_in
from churn.api.problems import request_id
from churn.api.schemas.campaigns import NAME
from churn.api.state import State, state_of
from churn.campaigns.history import programme_versions
from churn.campaigns.programmes import programme_files
from churn.errors import CampaignError, NotFound
from churn.jobs.requests import ask_evaluation, ask_height, ask_plan, work_on
from churn.languages.words import N_, tr
from churn.views.campaign_page import asked_jobs
from churn.views.programmes import list_programmes, show_programme
from churn.workflows.approve import approve_round, may_approve, may_reject, reject_round
from churn.workflows.define import archive, restore

router = APIRouter(include_in_schema=False)

Name = Annotated[str, InPath(max_length=100, pattern=NAME)]
Here = Annotated[State, Depends(state_of)]
Reader = Annotated[SignedIn, Depends(signed_in())]
_POLICIES: Final = (
    ("plan", N_("The plan without chance")),
    ("greedy", N_("The most profit, limits aside")),
    ("leave_alone", N_("Leave everybody alone")),
)
Pusher = Annotated[SignedIn, Depends(signed_in("push"))]


@router.get("/programmes")
def programmes(
    request: Request, state: Here, user: Reader, archived: Annotated[Literal["", "yes"], Query()] = ""
) -> Response:
    """Show every programme, those that wait for approval first; or those that are archived."""
    hidden = list_programmes(state.context, archived=True)
    shown = hidden if archived else list_programmes(state.context)
    rows = sorted(shown, key=lambda row: (row.waiting is None, row.title or row.name))
    may_push = user.may("push")
    return page(
        request,
        "programmes/list.html.j2",
        title=tr("Programmes"),
        active="programmes",
        rows=rows,
        is_archive=bool(archived),
        archived=len(hidden),
        may_push=may_push,
    )


@router.get("/programmes/{name}")
def programme(name: Name, request: Request, state: Here, user: Reader) -> Response:
    """Show one programme."""
    try:
        shown = show_programme(state.context, name)
    except CampaignError as error:
        raise NotFound(error.what, where=name, remedy=error.remedy) from error
    known, home = shown.waiting_definition, state.context.settings.home
    has_file = name in programme_files(home)
    archived = shown.definition.archived if shown.definition else None
    return page(
        request,
        "programmes/programme.html.j2",
        title=shown.title,
        active="programmes",
        p=shown,
        may_plan=user.may("push") and has_file and shown.definition is not None and archived is None,
        archived=archived,
        may_push=user.may("push"),
        may_be_changed=user.may("push") and has_file,
        versions=programme_versions(home, name)[::-1],
        may_approve=user.may("push") and known is not None and may_approve(known.approval, user.name),
        may_reject=user.may("push") and known is not None and may_reject(known.approval, user.name),
        policies=[
            *_POLICIES,
            *((offer.offer, tr("{title} for all it pays for", title=offer.title)) for offer in shown.offers),
        ],
        work=work_on(state.context, asked_jobs(state.store, name)),
    )


@router.get("/programmes/{name}/work")
def work(name: Name, request: Request, state: Here, _user: Reader) -> Response:
    """Return what is under way for a programme; once all is done the page is loaded anew."""
    under_way = work_on(state.context, asked_jobs(state.store, name))
    answer = fragment(request, "programmes/_work.html.j2", name=name, work=under_way)
    if not under_way.is_under_way:
        answer.headers["HX-Refresh"] = "true"
    return answer


@router.post("/programmes/{name}/plan")
def plan(name: Name, request: Request, state: Here, user: Pusher) -> Response:
    """Ask for the next round."""
    if name not in programme_files(state.context.settings.home):
        raise NotFound(tr("there is no such programme"), where=name, remedy=tr("See the list of programmes."))
    run = ask_plan(state.context, name, who=user.name)
    return _done(request, state, user, "plan_programme", name, f"{name}, run {run.run_id}")


@router.post("/programmes/{name}/height")
def height(name: Name, request: Request, state: Here, user: Pusher) -> Response:
    """Ask whether the programme is tall enough."""
    run = ask_height(state.context, name, who=user.name)
    return _done(request, state, user, "foresee_programme", name, f"{name}, run {run.run_id}")


@router.post("/programmes/{name}/evaluate")
def evaluate(
    name: Name, request: Request, state: Here, user: Pusher, policy: Annotated[str, Form(max_length=100)] = "plan"
) -> Response:
    """Ask what another policy would have earned."""
    run = ask_evaluation(state.context, name, policy=policy, who=user.name)
    return _done(request, state, user, "evaluate_policy", name, f"{name}, {policy}, run {run.run_id}")


@router.post("/programmes/{name}/approve")
def approve(
    name: Name,
    request: Request,
    state: Here,
    user: Pusher,
    number: Annotated[int, Form(alias="round", ge=1, le=2**31 - 1)],
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Approve a draft: its customers are assigned."""
    approve_round(state.context, name, number, who=user.name, note=note.strip() or None)
    return _done(request, state, user, "approve_round", name, f"{name}, round {number}")


@router.post("/programmes/{name}/reject")
def reject(
    name: Name,
    request: Request,
    state: Here,
    user: Pusher,
    number: Annotated[int, Form(alias="round", ge=1, le=2**31 - 1)],
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Reject a draft: nobody of it is assigned."""
    reject_round(state.context, name, number, who=user.name, note=note.strip() or None)
    return _done(request, state, user, "reject_round", name, f"{name}, round {number}")


@router.post("/programmes/{name}/archive")
def archive_it(
    name: Name, request: Request, state: Here, user: Pusher, why: Annotated[str, Form(max_length=500)] = ""
) -> Response:
    """Archive the programme, and show it as such."""
    archive(state.context, "programmes", name, who=user.name, why=why.strip() or None, request=request_id(request))
    return RedirectResponse(f"/programmes/{name}", status_code=303)


@router.post("/programmes/{name}/restore")
def restore_it(
    name: Name, request: Request, state: Here, user: Pusher, why: Annotated[str, Form(max_length=500)] = ""
) -> Response:
    """Bring the programme back, and show it."""
    restore(state.context, "programmes", name, who=user.name, why=why.strip() or None, request=request_id(request))
    return RedirectResponse(f"/programmes/{name}", status_code=303)


def _done(request: Request, state: State, user: SignedIn, action: str, name: str, subject: str) -> Response:
    state.store.requests.audit(user.name, action, subject, state.context.clock(), request_id(request))
    return RedirectResponse(f"/programmes/{name}", status_code=303)

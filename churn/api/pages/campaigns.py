"""Campaigns: where each stands, and one with its plan, its pushes, its outcomes and what it caused; asks jobs for the work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse
from markupsafe import Markup

from churn.accounts.sign_in import SignedIn
from churn.api.pages.charts import chart_html
from churn.api.pages.frame import fragment, page
from churn.api.pages.people import customer_path
from churn.api.pages.session import signed_in
from churn.api.problems import request_id
from churn.api.schemas.campaigns import NAME
from churn.api.state import State, state_of
from churn.documents.measurement import MeasurementDocument
from churn.jobs.requests import ask_measure, ask_plan, ask_retry, ask_sync, work_on
from churn.languages.words import by_language, tr
from churn.reports.campaign import effects_chart, ledger_rows
from churn.store import ScheduledRun
from churn.views.campaign_page import campaign_page
from churn.views.campaign_standing import campaign_rows
from churn.workflows.define import archive, restore

router = APIRouter(include_in_schema=False)

Name = Annotated[str, InPath(max_length=100, pattern=NAME)]
Here = Annotated[State, Depends(state_of)]
Reader = Annotated[SignedIn, Depends(signed_in())]
Pusher = Annotated[SignedIn, Depends(signed_in("push"))]


@router.get("/campaigns")
def campaigns(
    request: Request,
    state: Here,
    user: Reader,
    archived: Annotated[Literal["", "yes"], Query()] = "",
) -> Response:
    """Show every campaign, those that need somebody first; or those that are archived."""
    rows = campaign_rows(state.context)
    hidden = [row for row in rows if row.archived is not None]
    return page(
        request,
        "campaigns/list.html.j2",
        title=tr("Campaigns"),
        active="campaigns",
        rows=hidden if archived else [row for row in rows if row.archived is None],
        is_archive=bool(archived),
        archived=len(hidden),
        may_push=user.may("push"),
    )


@router.get("/campaigns/{name}")
def campaign(name: Name, request: Request, state: Here, user: Reader) -> Response:
    """Show one campaign."""
    shown = campaign_page(state.context, name)
    return page(
        request,
        "campaigns/campaign.html.j2",
        title=shown.row.title,
        active="campaigns",
        c=shown,
        customer_path=customer_path,
        may_push=user.may("push"),
        work=work_on(state.context, shown.jobs),
        results=_results(shown.measurement),
    )


@router.get("/campaigns/{name}/work")
def work(name: Name, request: Request, state: Here, _user: Reader) -> Response:
    """Return what is under way for a campaign; once all is done the page is loaded anew, for it says something else then."""
    under_way = work_on(state.context, campaign_page(state.context, name).jobs)
    answer = fragment(request, "campaigns/_work.html.j2", name=name, work=under_way)
    if not under_way.is_under_way:
        answer.headers["HX-Refresh"] = "true"
    return answer


@router.post("/campaigns/{name}/plan")
def plan(name: Name, request: Request, state: Here, user: Pusher, budget: Annotated[str, Form()] = "") -> Response:
    """Ask for a plan of this campaign."""
    run = ask_plan(state.context, name, budget=budget.strip() or None, who=user.name)
    return _asked(request, state, user, "plan_campaign", name, run)


@router.post("/campaigns/{name}/sync")
def sync(
    name: Name,
    request: Request,
    state: Here,
    user: Pusher,
    connector: Annotated[str, Form()] = "",
    dry_run: Annotated[str, Form()] = "",
) -> Response:
    """Ask for a push to a connector, or for a look at what it would do."""
    run = ask_sync(state.context, name, connector=connector or None, is_dry=bool(dry_run), who=user.name)
    return _asked(request, state, user, "try_sync" if dry_run else "sync_campaign", name, run)


@router.post("/campaigns/{name}/retry")
def retry(name: Name, request: Request, state: Here, user: Pusher, connector: Annotated[str, Form()]) -> Response:
    """Let refused rows be sent again, and ask for the push that sends them."""
    run = ask_retry(state.context, name, connector=connector, who=user.name)
    return _asked(request, state, user, "retry_rejected", name, run)


@router.post("/campaigns/{name}/measure")
def measure(name: Name, request: Request, state: Here, user: Pusher) -> Response:
    """Ask for a measurement of what the campaign caused."""
    run = ask_measure(state.context, name, who=user.name)
    return _asked(request, state, user, "measure_campaign", name, run)


@router.post("/campaigns/{name}/archive")
def archive_it(
    name: Name, request: Request, state: Here, user: Pusher, why: Annotated[str, Form(max_length=500)] = ""
) -> Response:
    """Archive the campaign, and show it as such."""
    archive(state.context, "campaigns", name, who=user.name, why=why.strip() or None, request=request_id(request))
    return RedirectResponse(f"/campaigns/{name}", status_code=303)


@router.post("/campaigns/{name}/restore")
def restore_it(
    name: Name, request: Request, state: Here, user: Pusher, why: Annotated[str, Form(max_length=500)] = ""
) -> Response:
    """Bring the campaign back, and show it."""
    restore(state.context, "campaigns", name, who=user.name, why=why.strip() or None, request=request_id(request))
    return RedirectResponse(f"/campaigns/{name}", status_code=303)


def _asked(request: Request, state: State, user: SignedIn, action: str, name: str, run: ScheduledRun) -> Response:
    subject = f"{name}, run {run.run_id}"
    state.store.requests.audit(user.name, action, subject, state.context.clock(), request_id(request))
    return RedirectResponse(f"/campaigns/{name}#work", status_code=303)


@dataclass(frozen=True)
class _Results:
    """What the page draws of a measurement: the document itself, its chart, and the rows of its ledger."""

    d: MeasurementDocument
    effects: Markup | None
    ledger: Sequence[tuple[str, str, str, str]]


@by_language(maxsize=64)
def _effects(document: str) -> Markup | None:
    """Return the chart of a measurement, which is handed over as JSON to be known again."""
    effects = effects_chart(MeasurementDocument.model_validate_json(document))
    return None if effects is None else chart_html("effects", effects)


def _results(document: MeasurementDocument | None) -> _Results | None:
    if document is None:
        return None
    return _Results(
        d=document,
        effects=_effects(document.model_dump_json()),
        ledger=ledger_rows(document),
    )

"""Jobs and data quality: what ran and how it ended, what is asked for now, and whether the data can be trusted."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse

from churn.accounts.sign_in import SignedIn
from churn.api.pages.frame import fragment, page
from churn.api.pages.session import signed_in
from churn.api.problems import ApiError, request_id
from churn.api.state import State, state_of
from churn.errors import NotFound
from churn.jobs.catalog import JOBS, job_named
from churn.jobs.now import request_run
from churn.jobs.view import jobs_document, run_document
from churn.views.quality import data_quality

router = APIRouter()

SHOWN = 20
_RunId = Annotated[int, InPath(ge=1, le=2**31)]
_Reader = Annotated[SignedIn, Depends(signed_in())]
_State = Annotated[State, Depends(state_of)]


@router.get("/jobs")
def jobs(request: Request, state: _State, _user: _Reader) -> Response:
    """Show the schedule, the ledger with its steps, the quality rules and the sources."""
    quality = data_quality(state.context)
    return page(
        request,
        "jobs/jobs.html.j2",
        title="Jobs and data quality",
        active="jobs",
        quality=quality,
        past=state.store.runs.list(limit=SHOWN),
        **_work(state),
    )


@router.get("/jobs/runs/{run_id}")
def run(request: Request, run_id: _RunId, state: _State, _user: _Reader) -> Response:
    """Give one run of the ledger, for the page that shows it, or as a page of its own."""
    found = _run(state, run_id)
    if "hx-request" in request.headers:
        return fragment(request, "jobs/run.html.j2", run=found, is_open=True)
    return page(request, "jobs/run_page.html.j2", title=found["title"], active="jobs", run=found, is_open=True)


@router.get("/jobs/runs/{run_id}/state")
def run_state(request: Request, run_id: _RunId, state: _State, _user: _Reader) -> Response:
    """Give the state of one run in words, for pages that asked for it."""
    _run(state, run_id)
    return fragment(request, "jobs/state.html.j2", run=state.store.jobs.get(run_id))


@router.post("/jobs/{name}/run")
def run_now(
    request: Request,
    name: Annotated[str, InPath(min_length=1, max_length=100)],
    state: _State,
    user: Annotated[SignedIn, Depends(signed_in(None))],
    here: Annotated[bool, Query(description="Only tell how the run goes, for another page.")] = False,  # noqa: FBT002 - a query
) -> Response:
    """Ask for a run of a job that needs no further words; a nightly run done today is done once more."""
    job = job_named(name)
    if not user.may(job.scope):
        raise ApiError(403, "scope_missing", f"This needs a right that {user.name} does not have.")
    asked = request_run(state.context, name, requested_by=user.name, again=_is_done(state, name))
    state.store.requests.audit(
        user.name, "run_job", f"{name} run {asked.run_id}", state.context.clock(), request_id(request)
    )
    if here:
        return fragment(request, "jobs/asked.html.j2", run=asked, schedulers=_work(state)["schedulers"])
    if "hx-request" in request.headers:
        return fragment(request, "jobs/work.html.j2", opened=asked.run_id, **_work(state))
    return RedirectResponse(f"/jobs#run-{asked.run_id}", status_code=303)


def _is_done(state: State, name: str) -> bool:
    last = state.store.jobs.latest(name)
    return JOBS[name].is_dated and last is not None and last.state == "done"


def _work(state: State) -> dict[str, Any]:
    told = jobs_document(state.context, state.store, state.context.clock())
    runs = [run_document(one) for one in state.store.jobs.list(limit=SHOWN)]
    for job in told["jobs"]:
        job["can_ask"] = not any(one["is_required"] for one in job["parameters"].values())
    return {
        "jobs": told["jobs"],
        "timezone": told["timezone"],
        "schedulers": told["schedulers"],
        "runs": runs,
        "waiting": sum(1 for one in runs if one["state"] == "queued"),
    }


def _run(state: State, run_id: int) -> dict[str, Any]:
    found = state.store.jobs.get(run_id)
    if found is None:
        raise NotFound("There is no such run", remedy="It may have been put away by the retention job.")
    return run_document(found)

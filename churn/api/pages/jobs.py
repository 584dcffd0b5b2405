"""Jobs and data quality: what ran and how it ended, what is asked for now, and whether the data can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

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
from churn.jobs.view import JobView, RunView, SchedulerView, jobs_view, run_view
from churn.languages.recorded import recorded
from churn.languages.words import tr
from churn.store.service_records import ScheduledRun
from churn.views.quality import data_quality
from churn.views.titles import campaign_titles, titled

router = APIRouter(include_in_schema=False)

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
        title=tr("Jobs and data quality"),
        active="jobs",
        quality=quality,
        past=state.store.runs.list(limit=SHOWN),
        work=_work(state),
    )


@router.get("/jobs/runs/{run_id}")
def run(request: Request, run_id: _RunId, state: _State, _user: _Reader) -> Response:
    """Give one run of the ledger, for the page that shows it, or as a page of its own."""
    shown = _in_words(run_view(_run(state, run_id)), campaign_titles(state.context))
    if "hx-request" in request.headers:
        return fragment(request, "jobs/run.html.j2", run=shown, is_open=True)
    return page(request, "jobs/run_page.html.j2", title=shown.title, active="jobs", run=shown, is_open=True)


@router.get("/jobs/runs/{run_id}/state")
def run_state(request: Request, run_id: _RunId, state: _State, _user: _Reader) -> Response:
    """Give the state of one run in words, for pages that asked for it."""
    return fragment(request, "jobs/state.html.j2", run=_run(state, run_id))


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
        raise ApiError(403, "scope_missing", tr("This needs a right that {name} does not have.", name=user.name))
    run = request_run(state.context, name, requested_by=user.name, again=_is_done(state, name))
    state.store.requests.audit(
        user.name, "run_job", f"{name} run {run.run_id}", state.context.clock(), request_id(request)
    )
    if here:
        return fragment(request, "jobs/asked.html.j2", run=run, schedulers=_work(state).schedulers)
    if "hx-request" in request.headers:
        return fragment(request, "jobs/work.html.j2", opened=run.run_id, work=_work(state))
    return RedirectResponse(f"/jobs#run-{run.run_id}", status_code=303)


def _is_done(state: State, name: str) -> bool:
    last = state.store.jobs.latest(name)
    return JOBS[name].is_dated and last is not None and last.state == "done"


@dataclass(frozen=True)
class _Work:
    """What the page shows above the quality of the data: jobs that a button can start, schedulers, the newest runs."""

    jobs: list[JobView]
    timezone: str
    schedulers: tuple[SchedulerView, ...]
    runs: list[RunView]

    @property
    def waiting(self) -> int:
        """How many runs wait in line."""
        return sum(1 for run in self.runs if run.state == "queued")


def _work(state: State) -> _Work:
    view = jobs_view(state.context, state.store)
    titles = campaign_titles(state.context)
    return _Work(
        jobs=[job for job in view.jobs if job.needs_no_words],
        timezone=view.timezone,
        schedulers=view.schedulers,
        runs=[_in_words(run_view(run), titles) for run in state.store.jobs.list(limit=SHOWN)],
    )


def _in_words(run: RunView, titles: Mapping[str, str]) -> RunView:
    """Return a run whose steps say in the language spoken what they did, campaigns by their titles."""
    steps = [
        replace(
            step,
            outcome=step.outcome and titled(recorded(step.outcome), titles),
            error=step.error and titled(recorded(step.error), titles),
        )
        for step in run.steps
    ]
    return replace(run, steps=tuple(steps))


def _run(state: State, run_id: int) -> ScheduledRun:
    run = state.store.jobs.get(run_id)
    if run is None:
        raise NotFound(tr("There is no such run"), remedy=tr("The retention job may have deleted it."))
    return run

"""Jobs: which there are, how their runs went, and asking for one; the work itself is a scheduler's."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as InPath

from churn.api.idempotency import OnceRoute
from churn.api.problems import RESPONSES, ApiError, request_id
from churn.api.schemas.jobs import JobInfo, JobList, JobRequest, JobRun, SchedulerInfo
from churn.api.security import Caller, needs
from churn.api.state import State, state_of
from churn.errors import ConfigError, NotFound
from churn.jobs.catalog import job_named
from churn.jobs.now import request_run
from churn.jobs.view import jobs_view, run_view

router = APIRouter(prefix="/v1", tags=["jobs"], route_class=OnceRoute, responses=RESPONSES)

_MOST = 9_223_372_036_854_775_807 // 2**32  # as large as a number of a run may be


@router.get("/jobs")
@needs("read")
def jobs(
    state: Annotated[State, Depends(state_of)],
    job: Annotated[str | None, Query(max_length=100, description="Only runs of this job.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
    cursor: Annotated[int | None, Query(ge=1, le=_MOST, description="`next_cursor` of the page before.")] = None,
) -> JobList:
    """List the jobs, when each is due next, the schedulers at work, and the newest runs page by page."""
    if job is not None:
        job_named(job)
    view = jobs_view(state.context, state.store)
    runs = state.store.jobs.list(job, limit + 1, before=cursor)
    return JobList(
        jobs=[JobInfo.model_validate(job_view) for job_view in view.jobs],
        timezone=view.timezone,
        schedulers=[SchedulerInfo.model_validate(scheduler) for scheduler in view.schedulers],
        runs=[JobRun.of(run_view(run)) for run in runs[:limit]],
        next_cursor=runs[limit - 1].run_id if len(runs) > limit else None,
    )


@router.get("/jobs/{run_id}")
@needs("read")
def job_run(
    run_id: Annotated[int, InPath(ge=1, le=_MOST, description="`run_id` of a run.")],
    state: Annotated[State, Depends(state_of)],
) -> JobRun:
    """Return one run with its steps."""
    run = state.store.jobs.get(run_id)
    if run is None:
        raise NotFound("there is no such run", where=f"run {run_id}", remedy="See GET /v1/jobs.")
    return JobRun.of(run_view(run))


@router.post("/jobs/{name}/run", status_code=202, responses={200: {"model": JobRun, "description": "It is done."}})
@needs("push")
def ask(
    name: Annotated[str, InPath(min_length=1, max_length=100, examples=["nightly"])],
    body: JobRequest,
    request: Request,
    response: Response,
    key: Caller,
    state: Annotated[State, Depends(state_of)],
) -> JobRun:
    """Ask for a run: 202 with the run that is queued or at work already, 200 where that night is done.

    It is worked by `churn scheduler`; look at GET /v1/jobs/{run_id} for how it goes. Asking twice is one run.
    """
    job = job_named(name)
    if job.scope not in key.scopes and "admin" not in key.scopes:
        raise ApiError(
            403, "scope_missing", f"The key `{key.name}` lacks the scope `{job.scope}`.", remedy="Use another key."
        )
    run = request_run(state.context, name, day=_day(body.date), parameters=body.parameters, requested_by=key.name)
    state.store.requests.audit(
        key.name, "run_job", f"{name} run {run.run_id}", state.context.clock(), request_id(request)
    )
    response.status_code = 200 if run.state == "done" else 202
    return JobRun.of(run_view(run))


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise ConfigError(f"`{text}` is not a date", where="date", remedy="Write it as YYYY-MM-DD.") from error

"""What the service takes and gives of jobs, typed."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from churn.api.schemas.risk import Instant, Strict
from churn.jobs.view import RunView
from churn.store.service_records import JobParameterValue


class JobStep(BaseModel):
    """One step of a run."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["score"])
    state: Literal["waiting", "running", "done", "failed", "skipped"]
    started_at: Instant | None
    finished_at: Instant | None
    seconds: float | None
    rows: int | None = Field(description="What the step counted; null where nothing is.")
    outcome: str | None = Field(description="What it did, in a sentence.")
    error: str | None


class JobRun(BaseModel):
    """One run of a job, with its steps in order."""

    model_config = ConfigDict(from_attributes=True)

    run_id: int
    job: str = Field(examples=["nightly"])
    title: str
    logical_date: date | None = Field(description="The night it is of; null for what runs as of now.")
    parameters: dict[str, JobParameterValue]
    state: Literal["queued", "running", "done", "failed", "missed", "canceled"]
    requested_by: str = Field(description="`schedule`, `cli`, or the name of a key or user.")
    requested_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    seconds: float = Field(description="Time spent in its steps.")
    attempts: int
    next_attempt_at: Instant | None
    error: str | None
    steps: list[JobStep]

    @classmethod
    def of(cls, run: RunView) -> Self:
        """Return a run as the service shows it."""
        return cls.model_validate(run)


class JobParameter(BaseModel):
    """What may be said when a job is asked for."""

    model_config = ConfigDict(from_attributes=True)

    kind: Literal["text", "texts", "number", "flag", "day"]
    text: str
    is_required: bool


class JobInfo(BaseModel):
    """One job."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    title: str
    schedule: str | None = Field(description="Five fields as in cron; null for a job that is only asked for.")
    next_at: Instant | None
    scope: Literal["push", "admin"] = Field(description="What a key needs to ask for it.")
    parameters: dict[str, JobParameter]
    last_run: JobRun | None


class SchedulerInfo(BaseModel):
    """A scheduler that was seen in the last minutes."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    started_at: Instant
    seen_at: Instant


class JobList(BaseModel):
    """Every job, who works them, and the newest runs."""

    jobs: list[JobInfo]
    timezone: str
    schedulers: list[SchedulerInfo] = Field(description="None means that what is asked for waits until one is started.")
    runs: list[JobRun]
    next_cursor: int | None = Field(description="`cursor` of the next page of runs; null on the last one.")


class JobRequest(Strict):
    """What to run, and for which night."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"parameters": {"campaign": "fix_payment", "connector": "file"}}]}
    )

    date: str | None = Field(
        None, pattern=r"^\d{4}-\d{2}-\d{2}$", description="The night of a dated job, YYYY-MM-DD; today's if left out."
    )
    # Free: each job says what it takes, and refuses the rest in its own words.
    parameters: dict[str, Any] = Field(default_factory=dict, description="By name; GET /v1/jobs says which.")

"""What the store takes and gives of scheduled work: runs, their steps, who works on them, and alerts on their way out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

RunState = Literal["queued", "running", "done", "failed", "missed", "canceled"]
StepState = Literal["waiting", "running", "done", "failed", "skipped"]
DeliveryState = Literal["waiting", "delivered", "given_up"]

UNDER_WAY: tuple[RunState, ...] = ("queued", "running")


@dataclass(frozen=True)
class ScheduledStep:
    """One step of a run. `outcome` is a sentence, `rows` what it counted, None where nothing is counted."""

    name: str
    position: int
    state: StepState
    started_at: datetime | None = None
    finished_at: datetime | None = None
    seconds: float | None = None
    rows: int | None = None
    outcome: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class ScheduledRun:
    """One run of a job, from the request to how it ended; `error` is in words.

    `run_key` tells runs apart: job and logical date, with a hash of the parameters where there are any. `requested_by`
    is "schedule", "cli", or the name of a key or user. `lease_until` passes when the process at work has died.
    """

    run_id: int
    job: str
    run_key: str
    logical_date: date | None
    parameters: dict[str, Any]
    state: RunState
    requested_by: str
    requested_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempts: int = 0
    next_attempt_at: datetime | None = None
    error: str | None = None
    lease_owner: str | None = None
    lease_until: datetime | None = None
    steps: tuple[ScheduledStep, ...] = ()

    @property
    def is_under_way(self) -> bool:
        """Whether it waits or is at work, so that its state will still change."""
        return self.state in UNDER_WAY

    @property
    def step(self) -> ScheduledStep | None:
        """The step it stands at: running or failed, else the first that waits; None when all are done."""
        at_work = [step for step in self.steps if step.state in {"running", "failed"}]
        return next(iter(at_work or [step for step in self.steps if step.state == "waiting"]), None)


@dataclass(frozen=True)
class Worker:
    """A scheduler process that said when it was last there."""

    owner: str
    started_at: datetime
    seen_at: datetime


@dataclass(frozen=True)
class Delivery:
    """One alert on its way to one channel (log, webhook, email), with what it says."""

    alert_id: int
    channel: str
    severity: str
    state: DeliveryState
    attempts: int
    kind: str
    subject: str
    message: str
    raised_at: datetime

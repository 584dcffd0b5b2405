"""The service's records in the store: jobs, keys, people and messages, without any database types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from pydantic import JsonValue

JobState = Literal["queued", "running", "done", "failed", "missed", "canceled"]


StepState = Literal["waiting", "running", "done", "failed", "skipped"]


DeliveryState = Literal["waiting", "delivered", "given_up"]


UNDER_WAY: tuple[JobState, ...] = ("queued", "running")


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


JobParameterValue = str | int | float | bool | list[str]


@dataclass(frozen=True)
class ScheduledRun:
    """One run of a job, from the request to how it ended; `error` is in words.

    `run_key` identifies a run: job and logical date, with a hash of the parameters where there are any. `requested_by`
    is "schedule", "cli", or the name of a key or user. `lease_until` passes when the process at work has died.
    """

    run_id: int
    job: str
    run_key: str
    logical_date: date | None
    parameters: Mapping[str, JobParameterValue]
    state: JobState
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
class ScheduleMark:
    """Up to when the times of a job have become runs, and by which schedule (fields and zone; None where unknown)."""

    until: datetime
    schedule: str | None


@dataclass(frozen=True)
class Worker:
    """A scheduler process that said when it was last there."""

    owner: str
    started_at: datetime
    seen_at: datetime


RESOLVED: Final = "resolved"  # in place of a severity: the message that an alert is over


@dataclass(frozen=True)
class AlertDelivery:
    """One alert on its way to one channel (log, webhook, email, slack, teams), with what it says."""

    alert_id: int
    channel: str
    severity: str
    state: DeliveryState
    attempts: int
    kind: str
    subject: str
    message: str
    raised_at: datetime


RequestKind = Literal["export", "erase", "object"]


@dataclass(frozen=True)
class PrivacyRequest:
    """One request. `customer_id` is None once nothing is left to do; `id_hash` says the same to whoever holds the salt."""

    request_id: int
    kind: RequestKind
    id_hash: str
    customer_id: str | None
    state: Literal["open", "done"]
    who: str
    requested_at: datetime
    finished_at: datetime | None = None
    result: Mapping[str, Any] = field(default_factory=dict)


Scope = Literal["read", "simulate", "push", "admin"]


SCOPES: tuple[Scope, ...] = ("read", "simulate", "push", "admin")


@dataclass(frozen=True)
class ApiKey:
    """A key as it may be shown: `secret_hash` is SHA-256 of a random secret of 256 bits, which nobody can guess back."""

    key_id: str
    name: str
    secret_hash: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True)
class AuditRecord:
    """Who did what to which subject, when; `request_id` leads to the log."""

    entry_id: int
    done_at: datetime
    who: str
    action: str
    subject: str
    request_id: str | None


@dataclass(frozen=True)
class WebhookDelivery:
    """An event on its way to one subscription of churn.toml; `attempts` are those made before."""

    event_id: str
    subscription: str
    document: dict[str, JsonValue]
    created_at: datetime
    state: Literal["waiting", "delivered", "given_up"]
    attempts: int
    next_attempt_at: datetime
    finished_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True)
class EarlierRequest:
    """A write with the same idempotency key; `status` is None while it is at work, or was killed at it."""

    request_hash: str
    started_at: datetime
    status: int | None
    answer: Any


SignInKind = Literal["key", "password", "link", "sso"]


@dataclass(frozen=True)
class WebUser:
    """A person: with a password, of which only a scrypt hash is kept, or known to the identity provider `issuer` as `subject`."""

    name: str
    password_hash: str | None
    scopes: tuple[str, ...]
    created_at: datetime
    last_seen_at: datetime | None = None
    issuer: str | None = None
    subject: str | None = None


@dataclass(frozen=True)
class WebSession:
    """A browser that is signed in. `subject` is the key's id, the user's name, or the link's hash, by `kind`.

    `id_token` is what an identity provider gave, to be signed out there with.
    """

    session_hash: str
    kind: SignInKind
    subject: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    id_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class SavedView:
    """A view of the risk list that somebody saved: `query` is that of its address."""

    name: str
    query: str
    saved_at: datetime


@dataclass(frozen=True)
class NewFigureMail:
    """A choice of figures to be mailed each month: names of tables, by a segment or of one `value` of it, over so many months."""

    owner: str
    addresses: tuple[str, ...]
    tables: tuple[str, ...]
    segment: str
    value: str
    months: int
    language: str


@dataclass(frozen=True)
class FigureMail(NewFigureMail):
    """A choice that is mailed; `sent_for` is the first day of the month it was sent for last."""

    mail_id: int
    made_at: datetime
    sent_for: date | None
    sent_at: datetime | None

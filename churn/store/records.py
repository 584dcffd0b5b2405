"""The records that go into and come out of the store: frozen, and without any database types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

from churn.store.score_row import SCORE_COLUMNS, UNLISTED_COLUMNS, ScoreRow, score_row

if TYPE_CHECKING:
    import polars as pl

    from churn.config import ProfitModel
    from churn.decisions.simulation_request import SimulationRequest
    from churn.documents.candidate_figures import CandidateFigures
    from churn.documents.definition import CampaignDefinition
    from churn.documents.measurement import MeasurementDocument
    from churn.documents.plan import PlanDocument, PlanInputs
    from churn.documents.simulation import SimulationDocument


ModelStatus = Literal["challenger", "champion", "retired"]
ScoreOrder = Literal["expected_profit", "churn_probability"]
Arm = Literal["treatment", "holdout"]


@dataclass(frozen=True)
class ScoreRun:
    """One published score list: what was scored, by which model, as of when. Instants are UTC without a zone."""

    run_id: str
    snapshot_date: date
    model_version: str
    scored_at: datetime
    data_cutoff: datetime
    customers: int
    fingerprint: str
    is_stale: bool = False
    stale_reason: str | None = None
    stale_at: datetime | None = None


@dataclass(frozen=True)
class CustomerAssignment:
    """A campaign that a customer was assigned to."""

    campaign: str
    arm: Arm
    assigned_at: datetime


@dataclass(frozen=True)
class CustomerStanding:
    """One customer in the current run: their score by column, None for somebody not in it, and their campaigns, oldest first."""

    run: ScoreRun | None
    score: ScoreRow | None
    assignments: list[CustomerAssignment]


@dataclass(frozen=True)
class ScorePage:
    """A part of one score list, with the run it comes from; `next_cursor` is None at its end.

    `rows` are as the driver gave them, in the order of `columns`: a short list is shown without loading polars.
    """

    run: ScoreRun | None
    rows: list[tuple[Any, ...]]
    columns: tuple[str, ...]
    next_cursor: str | None

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The rows as a frame, typed."""
        return score_frame(self.rows, self.columns)

    def documents(self) -> list[ScoreRow]:
        """Return each row by column name; of a page that has them all."""
        return [score_row(zip(self.columns, row, strict=True)) for row in self.rows]


def score_frame(rows: list[tuple[Any, ...]], names: tuple[str, ...]) -> pl.DataFrame:
    """Return driver rows, whose columns are `names`, as a typed frame."""
    import polars as pl

    by_column = zip(*rows, strict=True) if rows else ([] for _ in names)
    columns = []
    for name, values in zip(names, by_column, strict=True):
        kind = SCORE_COLUMNS.get(name) or UNLISTED_COLUMNS[name]
        is_number = kind == "Boolean" and any(type(value) is int for value in values[:1])
        series = pl.Series(name, values, dtype=pl.Int8 if is_number else getattr(pl, kind))
        columns.append(series.cast(getattr(pl, kind)))
    return pl.DataFrame(columns)


@dataclass(frozen=True)
class ModelVersion:
    """A registered model. `bundle` is its folder, relative to the models folder. `status` follows from the history.

    `metrics` are its figures on the test rows, None where none were kept.
    """

    version: str
    kind: str
    created_at: datetime
    fingerprint: str
    bundle: str
    metrics: CandidateFigures | None = None
    reason: str = ""
    status: ModelStatus = "challenger"


@dataclass(frozen=True)
class ModelChange:
    """One change of champion: who made `version` the champion, why, and from when until when it served."""

    version: str
    replaced_version: str | None
    action: Literal["promote", "rollback"]
    who: str
    why: str
    served_from: datetime
    served_until: datetime | None


@dataclass(frozen=True)
class BucketCounts:
    """How many buckets of a step on a cluster were done, how many of them more than once, and how many were not."""

    done: int
    retried: int
    failed: int


@dataclass(frozen=True)
class WorkflowRun:
    """One run of a workflow. `outcome` is None while it runs; `abandoned` when it ended without saying so.

    A step on a cluster counts its buckets, as `BucketCounts`.
    """

    run_id: int
    workflow: str
    logical_date: date | None
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    error: str | None
    buckets_done: int | None = None
    buckets_retried: int | None = None
    buckets_failed: int | None = None


@dataclass(frozen=True)
class Simulation:
    """A saved simulation: what was asked, and what came out."""

    name: str
    saved_at: datetime
    request: SimulationRequest
    document: SimulationDocument


OutcomeKind = Literal["contacted", "delivered", "accepted", "declined", "canceled", "unsubscribed", "lost", "won"]
OUTCOME_KINDS: tuple[str, ...] = get_args(OutcomeKind)
AlertSeverity = Literal["info", "warning", "critical"]

# Columns in the order they are stored, with their polars types by name.
ASSIGNMENT_COLUMNS: dict[str, str] = {
    "campaign": "String",
    "customer_id": "String",
    "plan_id": "String",
    "arm": "String",
    "stratum": "String",
    "snapshot_date": "Date",
    "assigned_at": "Datetime",
    "churn_probability": "Float64",
    "risk_band": "String",
    "percentile": "Float64",
    "expected_profit": "Float64",
    "expected_uplift": "Float64",
    "value_of_save": "Float64",
    "contact_cost": "Float64",
    "incentive_cost": "Float64",
    "voluntary_part": "Float64",
    "involuntary_part": "Float64",
}
OPTIONAL_ASSIGNMENT_COLUMNS = frozenset({"percentile", "expected_uplift", "voluntary_part", "involuntary_part"})

OUTCOME_COLUMNS: dict[str, str] = {
    "campaign": "String",
    "customer_id": "String",
    "event_id": "String",
    "kind": "String",
    "occurred_at": "Datetime",
    "recorded_at": "Datetime",
    "source": "String",
}

REJECTION_COLUMNS: dict[str, str] = {
    "rejection_id": "String",
    "source": "String",
    "row_number": "Int64",
    "customer_id": "String",
    "campaign": "String",
    "event_id": "String",
    "kind": "String",
    "occurred_at": "String",
    "reason": "String",
    "recorded_at": "Datetime",
}


@dataclass(frozen=True)
class PlanRecord:
    """One run of `churn plan` for one campaign: the definition as it was, what went in, and what came out.

    `window_days` is the outcome window as it was when the plan was made: a horizon changed since moves no window.
    """

    plan_id: str
    campaign: str
    definition_hash: str
    definition: CampaignDefinition
    planned_at: datetime
    snapshot_date: date
    score_run_id: str | None
    model_version: str
    profit_model: ProfitModel
    window_days: int
    inputs: PlanInputs
    result: PlanDocument


@dataclass(frozen=True)
class AssignmentCounts:
    """How many customers of a campaign are in each arm, and between which snapshot dates they were assigned."""

    treatment: int
    holdout: int
    first_snapshot_date: date
    last_snapshot_date: date


@dataclass(frozen=True)
class OutcomeCount:
    """How many outcome events of a kind a campaign has, how many are about its customers, and when the last occurred."""

    campaign: str
    kind: str
    events: int
    matched: int
    last_occurred_at: datetime


@dataclass(frozen=True)
class Added:
    """How many outcome events were new, already known, and about nobody in the campaign; `unmatched` is of both."""

    new: int
    known: int
    unmatched: int


@dataclass(frozen=True)
class Measurement:
    """What a campaign was found to have caused, as of `measured_at`."""

    measurement_id: int
    campaign: str
    plan_ids: list[str]
    measured_at: datetime
    is_mature: bool
    result: MeasurementDocument


@dataclass(frozen=True)
class Alert:
    """Something a person must look at; open until `resolved_at`.

    `taken_by` looks after it since `taken_at`; nobody is told of it, or of the like, until `muted_until`.
    """

    alert_id: int
    kind: str
    subject: str
    severity: AlertSeverity
    message: str
    raised_at: datetime
    resolved_at: datetime | None
    taken_by: str | None = None
    taken_at: datetime | None = None
    muted_until: datetime | None = None


SyncState = Literal["running", "done", "partial", "failed", "abandoned"]
RowState = Literal["pending", "sending", "done", "rejected", "unknown"]
# `write` brings a record in step, `clear` empties the fields we wrote, `mark` leaves only the band "none".
OutboxAction = Literal["write", "clear", "mark"]

# What the diff needs to know of every acknowledged record, with polars types by name.
RECORD_COLUMNS: dict[str, str] = {
    "customer_id": "String",
    "exact_hash": "String",
    "churn_probability": "Float64",
    "percentile": "Float64",
    "expected_profit": "Float64",
    "is_uncertain": "Boolean",
    "is_marked": "Boolean",
}


@dataclass(frozen=True)
class SyncRun:
    """One push of one campaign to one connector. `counts` by what became of the rows; instants are UTC."""

    run_id: str
    connector: str
    campaign: str
    action: str
    mode: str
    mapping: dict[str, str]
    model_version: str | None
    score_run_id: str | None
    list_size: int
    holder: str
    started_at: datetime
    is_full: bool = False
    state: SyncState = "running"
    finished_at: datetime | None = None
    counts: dict[str, int] = field(default_factory=dict)
    error: str | None = None


# What a field of a remote record holds. Kept as JSON, in which days and instants are texts.
FieldValue = str | float | int | bool | date | datetime | None


@dataclass(frozen=True)
class OutboxRow:
    """One row to be sent. `payload`: all remote fields and their values; `changed`: those that differ, None for all."""

    customer_id: str
    position: int
    action: OutboxAction
    payload: Mapping[str, FieldValue]
    changed: tuple[str, ...] | None
    payload_hash: str
    exact_hash: str
    churn_probability: float | None = None
    percentile: float | None = None
    expected_profit: float | None = None
    attempts: int = 0


@dataclass(frozen=True)
class Settled:
    """What became of a row: done, rejected, unknown, or pending again.

    `may_pass`: it was rejected for a cause outside the row, so that it is tried again by itself.
    """

    row: OutboxRow
    state: RowState
    remote_id: str | None = None
    is_ours: bool = True  # false: the record existed and we wrote nothing, so there is nothing of ours to remember
    code: str | None = None
    field: str | None = None
    message: str | None = None
    may_pass: bool = False


PushedKind = Literal["added", "changed", "same", "written", "cleared", "refused", "left"]


@dataclass(frozen=True)
class PushedRow:
    """One row of a push, and what became of it; `remote_field` is the field that a refusal is about, while it stands.

    `code` and `message` are the other side's answer. `kind` is `written` where a push did not keep whether the record was made or
    changed. `is_refused_still`: no later push has settled it.
    """

    row: OutboxRow
    kind: PushedKind
    code: str | None
    message: str | None
    remote_field: str | None = None
    is_refused_still: bool = False


@dataclass(frozen=True)
class Rejection:
    """A row that a system refuses, and how often it did; `is_held` until the row, the mapping, or a person changes it."""

    connector: str
    campaign: str
    customer_id: str
    code: str | None
    field: str | None
    message: str | None
    attempts: int
    is_held: bool
    payload_hash: str
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True)
class MappingChange:
    """One change of which of our fields goes into which of theirs; `previous` is None for the first mapping."""

    connector: str
    campaign: str
    run_id: str
    mapping: dict[str, str]
    previous: dict[str, str] | None
    who: str
    changed_at: datetime

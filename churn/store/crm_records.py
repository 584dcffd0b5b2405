"""What the store takes and gives of the CRM push: plain frozen records and the columns of its frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

RunState = Literal["running", "done", "partial", "failed", "abandoned"]
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
    state: RunState = "running"
    finished_at: datetime | None = None
    counts: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True)
class OutboxRow:
    """One row to be sent. `payload`: all remote fields and their values; `changed`: those that differ, None for all."""

    customer_id: str
    position: int
    action: OutboxAction
    payload: Mapping[str, Any]
    changed: tuple[str, ...] | None
    payload_hash: str
    exact_hash: str
    churn_probability: float | None = None
    percentile: float | None = None
    expected_profit: float | None = None
    attempts: int = 0


@dataclass(frozen=True)
class Settled:
    """What became of a row: done, rejected, unknown, or pending again."""

    row: OutboxRow
    state: RowState
    remote_id: str | None = None
    is_ours: bool = True  # false: it was there already and we wrote nothing, so there is nothing of ours to keep
    code: str | None = None
    field: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class Rejection:
    """A row that a system refuses, and how often it did; `is_held` until the row, the mapping, or a person changes it."""

    connector: str
    campaign: str
    customer_id: str
    payload_hash: str
    code: str | None
    field: str | None
    message: str | None
    attempts: int
    is_held: bool
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

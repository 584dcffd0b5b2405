"""What monitoring saw on one date, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from churn.modeling import ServedModel
    from churn.monitoring.findings import Finding
    from churn.store import ModelVersion


@dataclass(frozen=True)
class MonitorResult:
    """What the monitors found as of a day; `document` is plain values, `trained` and `promoted` what followed."""

    on: date
    severity: str
    document: dict[str, Any]
    monitoring_id: int
    trained: str | None = None
    promoted: str | None = None
    seconds: float = field(default=0.0, compare=False)


@dataclass
class Seen:
    """What was found before anything follows from it."""

    on: date
    cutoff: datetime
    version: ModelVersion | None
    model: ServedModel | None
    findings: list[Finding]
    parts: dict[str, Any]
    customers: int = 0
    monthly_margin: float = 0.0
    facts: Any = None

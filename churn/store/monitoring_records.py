"""What the store takes and gives of monitoring: plain frozen records."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

MonitoringSeverity = Literal["ok", "watch", "act", "unknown"]


@dataclass(frozen=True)
class MonitoringRun:
    """What the monitors found as of one day. `trend` rows are drawn over many days; `document` holds everything."""

    monitoring_id: int
    on_date: date
    model_version: str | None
    monitored_at: datetime
    severity: MonitoringSeverity
    trend: list[dict[str, Any]] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)

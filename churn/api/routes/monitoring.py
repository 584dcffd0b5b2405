"""Whether the model still holds, as the last monitoring run found it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from churn.api.security import key_with
from churn.api.state import State, state_of
from churn.errors import NotFound
from churn.workflows.monitor.report import read_monitoring

router = APIRouter(prefix="/v1/monitoring", tags=["monitoring"], dependencies=[Depends(key_with("read"))])


class MonitoringFinding(BaseModel):
    """What one monitor says of one subject; money per month in the configured currency, an estimate."""

    monitor: str
    subject: str
    severity: str = Field(description="act, watch, ok or unknown")
    sentence: str
    value: float | None = None
    limit: float | None = None
    money_at_risk: float | None = None
    run_ids: list[str] = Field(default_factory=list)


class Monitoring(BaseModel):
    """The findings of one day, most serious first; cohorts, features and history as `churn monitor --json` tells them."""

    on: date
    model_version: str | None
    severity: str
    summary: str
    currency: str
    findings: list[MonitoringFinding]
    cohorts: list[dict[str, Any]] = Field(default_factory=list)
    data_drift: dict[str, Any] | None = None
    estimated: dict[str, Any] | None = None
    retraining: dict[str, Any] | None = None
    contests: list[dict[str, Any]] = Field(default_factory=list)
    waiting_for_approval: str | None = None
    history: list[dict[str, Any]] = Field(default_factory=list)


@router.get("")
def monitoring(
    state: Annotated[State, Depends(state_of)],
    on: Annotated[
        date | None, Query(description="The newest run of this day or before; the newest of all without.")
    ] = None,
    days: Annotated[int, Query(ge=1, le=400, description="Days of history.")] = 30,
) -> Monitoring:
    """Return what the monitors found last, ranked by money at risk, with the trend of the days before."""
    found = read_monitoring(state.context, on=on, days=days)
    if found is None:
        raise NotFound("the monitors have not run yet", where="monitoring", remedy="Run `churn monitor`.")
    return Monitoring.model_validate(found)

"""Whether the model still holds, as the last monitoring run found it."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from churn.api.problems import RESPONSES
from churn.api.security import KeyRoute, needs
from churn.api.state import State, state_of
from churn.decisions.severity import Severity
from churn.documents.monitoring import (
    ChallengerContest,
    CohortResults,
    DataDrift,
    Finding,
    MonitoredDay,
    RetrainDecision,
    ScoreEstimate,
)
from churn.errors import NotFound
from churn.views.monitoring import MonitoringHistory, read_monitoring

router = APIRouter(prefix="/v1/monitoring", tags=["monitoring"], route_class=KeyRoute, responses=RESPONSES)


class Monitoring(BaseModel):
    """The findings of one day, most serious first; cohorts, features and history as `churn monitor --json` tells them."""

    on: date
    model_version: str | None
    severity: Severity
    summary: str
    currency: str
    findings: tuple[Finding, ...]
    cohorts: tuple[CohortResults, ...]
    data_drift: DataDrift | None
    estimated: ScoreEstimate | None
    retraining: RetrainDecision | None
    contests: tuple[ChallengerContest, ...]
    waiting_for_approval: str | None
    history: tuple[MonitoredDay, ...]

    @classmethod
    def of(cls, monitoring: MonitoringHistory) -> Monitoring:
        """Return what the service shows of the newest findings and of the days before."""
        newest = monitoring.newest
        return cls(
            on=newest.on,
            model_version=newest.model_version,
            severity=newest.severity,
            summary=newest.summary,
            currency=newest.currency,
            findings=newest.findings,
            cohorts=newest.cohorts or (),
            data_drift=newest.data_drift,
            estimated=newest.estimated,
            retraining=newest.retraining,
            contests=newest.contests,
            waiting_for_approval=newest.waiting_for_approval,
            history=monitoring.days,
        )


@router.get("")
@needs("read")
def monitoring(
    state: Annotated[State, Depends(state_of)],
    on: Annotated[
        date | None, Query(description="The newest run of this day or before; the newest of all without.")
    ] = None,
    days: Annotated[int, Query(ge=1, le=400, description="Days of history.")] = 30,
) -> Monitoring:
    """Return what the monitors found last, ranked by money at risk, with the trend of the days before."""
    history = read_monitoring(state.context, on=on, days=days)
    if history is None:
        raise NotFound("the monitors have not run yet", where="monitoring", remedy="Run `churn monitor`.")
    return Monitoring.of(history)

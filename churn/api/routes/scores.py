"""Scores computed now, by the champion held in memory."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from churn.api.problems import RESPONSES
from churn.api.schemas.risk import KnownRow, OnlineScores, ScoreRequest
from churn.api.security import KeyRoute, needs
from churn.api.state import State, state_of
from churn.views.what_if import score_mixed

router = APIRouter(prefix="/v1", tags=["scores"], route_class=KeyRoute, responses=RESPONSES)


@router.post("/scores")
@needs("read")
def score_now(wanted: ScoreRequest, state: Annotated[State, Depends(state_of)]) -> OnlineScores:
    """Score up to 1,000 rows: feature values in real time, or customers of the list as if something were different."""
    version, model = state.champion.get()
    rows = [
        (row.customer_id, None, row.overrides) if isinstance(row, KnownRow) else (row.customer_id, row.features, None)
        for row in wanted.rows
    ]
    scored = score_mixed(state.context, version, model, rows, with_reasons=wanted.with_reasons)
    return OnlineScores.model_validate(scored, from_attributes=True)

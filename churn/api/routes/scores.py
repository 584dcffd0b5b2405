"""Scores computed now, by the champion held in memory."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from churn.api.schemas import OnlineScores, ScoreRequest
from churn.api.security import key_with
from churn.api.state import State, state_of
from churn.workflows.serve_scores import score_rows

router = APIRouter(prefix="/v1", tags=["scores"], dependencies=[Depends(key_with("read"))])


@router.post("/scores")
def score_now(asked: ScoreRequest, state: Annotated[State, Depends(state_of)]) -> OnlineScores:
    """Score up to 1,000 rows of feature values: in real time, or to see what would be if."""
    version, model = state.champion.get()
    found = score_rows(
        state.context,
        version,
        model,
        [(row.customer_id, row.features) for row in asked.rows],
        with_reasons=asked.with_reasons,
    )
    return OnlineScores.model_validate(found)

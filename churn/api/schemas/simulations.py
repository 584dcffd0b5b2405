"""What the service takes and gives of simulations."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field, create_model

from churn.api.schemas.risk import Instant, Strict
from churn.decisions.choices import ProfitModel
from churn.decisions.simulation_request import TERMS, SavedInput, Term


def _field(term: Term) -> Any:
    amount = int | None if term.unit == "count" else float | None
    return amount, Field(None, ge=term.least, le=term.most_served, description=term.meaning)


_TERMS: Any = create_model("_Terms", __base__=Strict, **{term.name: _field(term) for term in TERMS})


class SimulationInput(_TERMS):
    """What to simulate; what is left out comes from the settings. At most one of threshold, budget and contacts."""

    campaign: str | None = Field(
        None,
        max_length=100,
        description="Price by this campaign's file: its rates by cause and modifiers, harm, own costs and values, limits, and "
        "what was measured. Amounts given here replace its own.",
        examples=["support_call"],
    )
    programme: str | None = Field(
        None, max_length=100, description="With `campaign`: as it competes in this programme."
    )
    profit_model: ProfitModel | None = None
    preset: Literal["case-study"] | None = None
    on: Literal["scores", "evaluation"] = "scores"
    allow_uncalibrated: bool = False
    name: str | None = Field(
        None, min_length=1, max_length=100, pattern=r"^[\w .,()+%-]+$", description="Saves it under this name."
    )
    seed: int = Field(7, ge=0, le=2**31)


class SavedSimulation(BaseModel):
    """A simulation saved under a name."""

    name: str
    saved_at: Instant
    inputs: dict[str, SavedInput]

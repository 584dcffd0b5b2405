"""What the service takes and gives of simulations."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field, create_model

from churn.api.schemas.risk import Instant, Strict
from churn.decisions.choices import ProfitModel
from churn.decisions.simulation_request import TERMS, Term


def _field(term: Term) -> Any:
    amount = int | None if term.unit == "count" else float | None
    return amount, Field(None, ge=term.least, le=term.most_served, description=term.meaning)


_TERMS: Any = create_model("_Terms", __base__=Strict, **{term.name: _field(term) for term in TERMS})


class SimulationInput(_TERMS):
    """What to simulate; what is left out comes from the settings. At most one of threshold, budget and contacts."""

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
    inputs: dict[str, Any]


class SimulationComparison(BaseModel):
    """Two saved simulations side by side."""

    first: dict[str, Any] = Field(description="The whole document of the first.")
    second: dict[str, Any] = Field(description="The whole document of the second.")
    different_terms: dict[str, tuple[Any, Any]] = Field(
        description="Each term that differs, with the first's and the second's.", examples=[{"contact_cost": [2, 5]}]
    )
    differences: dict[str, float | None] = Field(
        description="Second less first, null where one has no such number.", examples=[{"net_profit": -1240.5}]
    )
    is_same_list: bool = Field(description="Whether both were made on the same customers and model.")

"""What a simulation answers: the same on a terminal, as JSON, in a saved file, in the store, on the page and by the API.

Money in cents, shares in 0..1. A number is None where it does not exist: the optimum of a case study of which counts are
all there is, a return on spend where nothing is spent, the threshold of contacting nobody.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import ConfigDict, Field, WithJsonSchema

from churn.decisions.choices import Basis, Mode, Outcomes, ProfitModel, StepName, Weight
from churn.documents.document import Document
from churn.documents.plan import BelievedRate

# Whole amounts are kept without a decimal point, as the JSON shows them.
Number = Annotated[int | float, WithJsonSchema({"type": "number"})]


class SimulationPart(Document):
    """A part of the document. What a later version of churn adds to a saved simulation is passed over."""

    model_config = ConfigDict(extra="ignore")


class SimulatedInterval(SimulationPart):
    """The 5 %, 50 % and 95 % points of the draws."""

    low: Number
    median: Number
    high: Number


class SimulatedBand(SimulationPart):
    """A cut on the way down the list: the expected net profit there, and the 5 %, 50 % and 95 % points of the draws."""

    threshold: Number
    contacts: Number
    net_profit: Number
    low: Number
    median: Number
    high: Number


class SimulatedCut(SimulationPart):
    """A cut on the way down the list, in customers and in money; `retained` stay because they were contacted."""

    threshold: Number | None
    contacts: Number
    true_positives: Number
    false_positives: Number
    precision: Number | None
    recall: Number | None
    cost: Number
    retained: Number
    revenue: Number
    net_profit: Number
    roi: Number | None


class OptimumInterval(SimulationPart):
    """The 5 %, 50 % and 95 % points of what the optimum is when everything is drawn anew; None where it is not known."""

    low: Number | None
    median: Number | None
    high: Number | None


class SimulatedOptimum(SimulationPart):
    """The cut of the highest net profit; `optimism` is by how much picking it on known outcomes overstates the profit."""

    threshold: Number | None
    contacts: Number | None
    net_profit: Number | None
    cost: Number | None
    roi: Number | None
    threshold_interval: OptimumInterval
    contacts_interval: OptimumInterval
    interval: OptimumInterval = Field(description="Of the net profit.")
    optimism: Number | None


class SimulatedDriver(SimulationPart):
    """One input alone at its low and its high end, and the net profit of the campaign there."""

    input: str
    low: Number
    high: Number
    net_profit_low: Number
    net_profit_high: Number


class SimulationCaveat(SimulationPart):
    """One thing that the answer assumes or that speaks against it, with the figures that its sentence names."""

    code: str
    severity: Weight
    sentence: str
    figures: dict[str, Number | None]


class SimulationEconomics(SimulationPart):
    """The terms that the simulation was computed with."""

    contact_cost: Number
    incentive_cost: Number
    success_rate: Number
    success_rate_low: Number
    success_rate_high: Number
    value_months: Number | None = Field(description="Null where a saved customer counts for all months to come.")
    hazard_after_save: Number
    discount_rate: Number


class SimulationCalibration(SimulationPart):
    """Whether the probabilities passed the gate, and whether they were used although they did not."""

    is_passed: bool | None
    slope: Number | None
    mean_gap: Number | None
    reasons: tuple[str, ...]
    is_overridden: bool


class FunnelReason(SimulationPart):
    """A rule, in words, and how many customers it was the first to leave out."""

    rule: str
    label: str
    removed: int


class SimulatedStep(SimulationPart):
    """A step from all scored customers to those contacted: how many remain, and what contacting them would earn."""

    step: StepName
    label: str
    customers: Number
    expected_profit: Number
    reasons: tuple[FunnelReason, ...]


class SimulatedOffer(SimulationPart):
    """The offer that was simulated on its own terms: what it does as it is believed, and what differs by customer."""

    campaign: str | None = Field(description="Null for the terms of [simulation], where some of them are SQL.")
    programme: str | None = Field(None, description="The programme as whose offer it was priced.")
    title: str
    rates: tuple[BelievedRate, ...] = Field(
        description="By cause, and its harm; empty for a single rate or a measured uplift."
    )
    terms_by_customer: tuple[str, ...] = Field(description="Terms that are SQL; `economics` has their means.")
    held_out: int = Field(description="Chosen, and left alone by chance to measure the effect.")


class SimulationDocument(SimulationPart):
    """A simulated campaign: whom to contact, what it costs and brings, how sure that is, and what it assumes."""

    name: str | None
    sentence: str
    contacts: Number
    true_positives: Number
    false_positives: Number
    precision: Number | None
    recall: Number | None
    cost: Number
    retained: Number
    revenue: Number
    net_profit: Number
    roi: Number | None
    threshold: Number | None
    mode: Mode
    break_even: Number | None = Field(description="A contact pays from this churn probability on.")
    value_of_save: Number
    profit_model: ProfitModel
    profit_model_description: str
    net_profit_interval: SimulatedInterval
    loss_probability: Number
    perfect_profit: Number = Field(description="What contacting the churners alone would earn.")
    optimum: SimulatedOptimum
    bands: tuple[SimulatedBand, ...]
    curve: tuple[SimulatedCut, ...]
    tornado: tuple[SimulatedDriver, ...]
    audit: tuple[SimulationCaveat, ...]
    economics: SimulationEconomics
    customers: int
    churners: Number
    outcomes: Outcomes
    basis: Basis
    currency: str
    model_version: str | None
    snapshot_date: date | None
    # Instants are UTC and written without a zone, which JSON Schema's "date-time" does not allow.
    scored_at: Annotated[datetime | None, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}]})]
    data_cutoff: Annotated[datetime | None, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}]})]
    calibration: SimulationCalibration
    method: str
    draws: int
    seed: int
    funnel: tuple[SimulatedStep, ...] = Field(
        default=(),
        description="From all scored customers to those contacted; left out where the customers are past ones.",
        exclude_if=lambda steps: not steps,  # a document of an earlier version is written as it was
    )
    offer: SimulatedOffer | None = Field(
        default=None,
        description="Left out where one success rate and one cost hold for all.",
        exclude_if=lambda offer: offer is None,
    )


class SimulationComparison(Document):
    """Two saved simulations side by side."""

    first: SimulationDocument = Field(description="The whole document of the first.")
    second: SimulationDocument = Field(description="The whole document of the second.")
    different_terms: dict[str, tuple[Number | str | None, Number | str | None]] = Field(
        description="Each term that differs, with the first's and the second's.", examples=[{"contact_cost": [2, 5]}]
    )
    differences: dict[str, float | None] = Field(
        description="Second less first, null where one has no such number.", examples=[{"net_profit": -1240.5}]
    )
    is_same_list: bool = Field(description="Whether both were made on the same customers and model.")

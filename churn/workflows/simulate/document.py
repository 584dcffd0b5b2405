"""Builds the one document of every simulation from what the arithmetic gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from churn.campaigns.eligibility import RULES
from churn.decisions.audit import AuditFinding
from churn.decisions.choices import Basis, StepName
from churn.decisions.funnel import FunnelStep
from churn.decisions.profit import DESCRIPTIONS, Economics
from churn.decisions.sensitivity import DrawnRange, Sensitivity
from churn.decisions.simulation import Optimum, SimulationResult
from churn.decisions.threshold import CurvePoint
from churn.documents.simulation import (
    FunnelReason,
    Number,
    OptimumInterval,
    SimulatedBand,
    SimulatedCut,
    SimulatedDriver,
    SimulatedInterval,
    SimulatedOffer,
    SimulatedOptimum,
    SimulatedStep,
    SimulationCalibration,
    SimulationCaveat,
    SimulationDocument,
    SimulationEconomics,
)
from churn.languages.words import in_english
from churn.wording import count, money, percent

if TYPE_CHECKING:
    from churn.decisions.calibration import Gate


STEP_LABELS: Final[dict[StepName, str]] = {
    "scored": "Scored",
    "recommended": "Worth contacting",
    "allowed": "May be contacted",
    "rested": "After cooldown, tickets and other campaigns",
    "not_held_out": "Without the global holdout",
    "chosen": "Contacted",
}
_REASONS: Final = {
    "low_profit": "expected to earn nothing",
    "beyond_the_cut": "beyond the budget, number or threshold",
    "held_out": "left alone by chance, to measure the effect",
}
METHOD: Final = (
    "Customers are contacted from the highest expected profit down, by a threshold from the highest churn probability. Bands: {draws:,} draws of other customers "
    "(bootstrap), of the success rate (Beta through {low} to {high}), of the value of a save (20 % either way), of the "
    "level of the probabilities where outcomes are not known, and of luck in who stays; 90 % of the draws lie between the lower and the upper line."
)
METHOD_OF_OFFER: Final = (
    "Customers are contacted as a plan of the campaign would choose them. Bands: {draws:,} draws of other customers "
    "(bootstrap), of what the offer does as it is believed, of the value of a save (20 % either way), of the level of "
    "the probabilities and of luck in who stays; 90 % of the draws lie between the lower and the upper line."
)
_UNKNOWN: Final = OptimumInterval(low=None, median=None, high=None)


@dataclass(frozen=True)
class Origin:
    """Where the customers come from: published scores, an evaluation set, or a case study; and of when."""

    basis: Basis
    currency: str = "USD"
    name: str | None = None
    model_version: str | None = None
    snapshot_date: date | None = None
    scored_at: datetime | None = None
    data_cutoff: datetime | None = None
    stale_reason: str | None = None


@in_english
def build_document(
    result: SimulationResult,
    economics: Economics,
    findings: Sequence[AuditFinding],
    origin: Origin,
    gate: Gate | None,
    *,
    is_overridden: bool,
    funnel: Sequence[FunnelStep] = (),
    offer: SimulatedOffer | None = None,
) -> SimulationDocument:
    """Return the document: money in cents, shares in 0..1, None where a number does not exist."""
    point = _cut(result.point)
    return SimulationDocument(
        name=origin.name,
        sentence=sentence(result, origin.currency),
        contacts=point.contacts,
        true_positives=point.true_positives,
        false_positives=point.false_positives,
        precision=point.precision,
        recall=point.recall,
        cost=point.cost,
        retained=point.retained,
        revenue=point.revenue,
        net_profit=point.net_profit,
        roi=point.roi,
        threshold=point.threshold,
        mode=result.mode,
        break_even=_known(result.break_even, 6),
        value_of_save=_number(result.average_value),
        profit_model=economics.profit_model,
        profit_model_description=DESCRIPTIONS[economics.profit_model],
        net_profit_interval=_interval(result.profit),
        loss_probability=_number(result.loss_probability, 6),
        perfect_profit=_number(result.perfect_profit),
        optimum=_optimum(result.optimum),
        bands=tuple(_band(cut, band) for cut, band in zip(result.grid, result.bands, strict=True)),
        curve=tuple(_cut(cut) for cut in result.grid),
        tornado=drivers_of(result),
        audit=tuple(_caveat(finding) for finding in findings),
        economics=_economics(economics),
        customers=result.customers,
        churners=_number(result.churners),
        outcomes=result.outcomes,
        basis=origin.basis,
        currency=origin.currency,
        model_version=origin.model_version,
        snapshot_date=origin.snapshot_date,
        scored_at=origin.scored_at,
        data_cutoff=origin.data_cutoff,
        calibration=_calibration(gate, is_overridden=is_overridden),
        method=(METHOD if offer is None else METHOD_OF_OFFER).format(
            draws=result.draws, low=percent(economics.success_rate_low), high=percent(economics.success_rate_high)
        ),
        draws=result.draws,
        seed=result.seed,
        funnel=tuple(shown_step(step) for step in funnel),
        offer=offer,
    )


def shown_step(step: FunnelStep) -> SimulatedStep:
    """Return a step of the funnel in words, as the document has it."""
    return SimulatedStep(
        step=step.name,
        label=STEP_LABELS[step.name],
        customers=_number(step.customers),
        expected_profit=_number(step.profit),
        reasons=tuple(
            FunnelReason(rule=rule, label=_REASONS.get(rule) or RULES[rule], removed=removed)
            for rule, removed in step.removed.items()
        ),
    )


@in_english
def sentence(result: SimulationResult, currency: str) -> str:
    """Return the answer as one plain sentence."""
    point, profit = result.point, result.profit
    if point.contacts <= 0:
        return "Contact nobody: at these terms no contact earns its cost."
    loss = result.loss_probability
    chance = "less than 1 %" if loss < 0.01 else percent(loss)  # so few draws say no more
    return (
        f"Contact {count(point.contacts)} customers, spend {money(point.cost, currency)}, expect "
        f"{money(point.net_profit, currency)} net, 90 % between {money(profit.low, currency)} and "
        f"{money(profit.high, currency)}, {chance} chance of a loss."
    )


def _cut(point: CurvePoint) -> SimulatedCut:
    return SimulatedCut(
        threshold=_known(point.threshold, 6),
        contacts=_number(point.contacts),
        true_positives=_number(point.true_positives),
        false_positives=_number(point.false_positives),
        precision=_known(point.precision, 6),
        recall=_known(point.recall, 6),
        cost=_number(point.cost),
        retained=_number(point.retained),
        revenue=_number(point.revenue),
        net_profit=_number(point.net_profit),
        roi=_known(point.roi, 4),
    )


def _band(cut: CurvePoint, band: DrawnRange) -> SimulatedBand:
    return SimulatedBand(
        threshold=_number(cut.threshold, 6),
        contacts=_number(cut.contacts),
        net_profit=_number(cut.net_profit),
        low=_number(band.low),
        median=_number(band.median),
        high=_number(band.high),
    )


def _optimum(best: Optimum | None) -> SimulatedOptimum:
    """Return the optimum's own point and ranges; empty where counts at one threshold are all there is."""
    if best is None:
        return SimulatedOptimum(
            threshold=None,
            contacts=None,
            net_profit=None,
            cost=None,
            roi=None,
            threshold_interval=_UNKNOWN,
            contacts_interval=_UNKNOWN,
            interval=_UNKNOWN,
            optimism=None,
        )
    point = _cut(best.point)
    return SimulatedOptimum(
        threshold=point.threshold,
        contacts=point.contacts,
        net_profit=point.net_profit,
        cost=point.cost,
        roi=point.roi,
        threshold_interval=_optimum_interval(best.threshold, 6),
        contacts_interval=_optimum_interval(best.contacts, 0),
        interval=_optimum_interval(best.profit),
        optimism=_number(best.optimism),
    )


def drivers_of(result: SimulationResult) -> tuple[SimulatedDriver, ...]:
    """Return what moves the net profit most, rounded as the document shows it."""
    return tuple(_driver(row) for row in result.tornado)


def _driver(row: Sensitivity) -> SimulatedDriver:
    return SimulatedDriver(
        input=row.name,
        low=_number(row.low, 4),
        high=_number(row.high, 4),
        net_profit_low=_number(row.profit_at_low),
        net_profit_high=_number(row.profit_at_high),
    )


def _caveat(finding: AuditFinding) -> SimulationCaveat:
    return SimulationCaveat(
        code=finding.code,
        severity=finding.severity,
        sentence=finding.sentence,
        figures={name: _known(figure, 6) for name, figure in finding.figures.items()},
    )


def _economics(economics: Economics) -> SimulationEconomics:
    return SimulationEconomics(
        contact_cost=_number(economics.contact_cost),
        incentive_cost=_number(economics.incentive_cost),
        success_rate=_number(economics.success_rate, 6),
        success_rate_low=_number(economics.success_rate_low, 6),
        success_rate_high=_number(economics.success_rate_high, 6),
        value_months=_known(economics.value_months),
        hazard_after_save=_number(economics.hazard_after_save, 6),
        discount_rate=_number(economics.discount_rate, 6),
    )


def _calibration(gate: Gate | None, *, is_overridden: bool) -> SimulationCalibration:
    if gate is None:
        return SimulationCalibration(is_passed=None, slope=None, mean_gap=None, reasons=(), is_overridden=False)
    return SimulationCalibration(
        is_passed=gate.is_passed,
        slope=_known(gate.slope, 4),
        mean_gap=_known(gate.mean_gap, 4),
        reasons=tuple(gate.reasons),
        is_overridden=is_overridden,
    )


def _interval(interval: DrawnRange) -> SimulatedInterval:
    return SimulatedInterval(low=_number(interval.low), median=_number(interval.median), high=_number(interval.high))


def _optimum_interval(interval: DrawnRange, digits: int = 2) -> OptimumInterval:
    return OptimumInterval(
        low=_number(interval.low, digits),
        median=_number(interval.median, digits),
        high=_number(interval.high, digits),
    )


def _number(value: float, digits: int = 2) -> Number:
    """Return `value` rounded; whole numbers without a decimal point."""
    rounded = round(float(value), digits)
    return int(rounded) if rounded.is_integer() else rounded


def _known(value: float | None, digits: int = 2) -> Number | None:
    """Return `value` rounded as `_number` does; None for what is not finite."""
    return None if value is None or not math.isfinite(value) else _number(value, digits)

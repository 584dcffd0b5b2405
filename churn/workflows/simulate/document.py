"""The one document of every simulation: the same keys on a terminal, as JSON, in a saved file, and behind the page."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.decisions.audit import Finding
from churn.decisions.profit import DESCRIPTIONS, Economics
from churn.decisions.sensitivity import Interval
from churn.decisions.simulation import Optimum, SimulationResult
from churn.decisions.threshold import CurvePoint
from churn.errors import ConfigError
from churn.files import csv_text, write_text
from churn.reports.simulation import render_simulation
from churn.wording import count, money, percent

if TYPE_CHECKING:
    from churn.decisions.calibration import Gate


METHOD = (
    "Customers are contacted from the highest churn probability down. Bands: {draws:,} draws of other customers "
    "(bootstrap), of the success rate (Beta through {low} to {high}), of the value of a save (20 % either way) and of "
    "luck in who stays; 90 % of the draws lie between the lower and the upper line."
)


@dataclass(frozen=True)
class Origin:
    """Where the customers come from: published scores, an evaluation set, or a case study; and of when."""

    basis: str
    currency: str = "USD"
    name: str | None = None
    model_version: str | None = None
    snapshot_date: date | None = None
    scored_at: datetime | None = None
    data_cutoff: datetime | None = None
    stale_reason: str | None = None


def build_document(
    result: SimulationResult,
    economics: Economics,
    findings: Sequence[Finding],
    origin: Origin,
    gate: Gate | None,
    *,
    is_overridden: bool,
) -> dict[str, Any]:
    """Return the document: money in cents, shares in 0..1, null where a number does not exist."""
    point = _point(result.point)
    return {
        "name": origin.name,
        "sentence": sentence(result, origin.currency),
        **{k: v for k, v in point.items() if k != "threshold"},
        "threshold": point["threshold"],
        "mode": result.mode,
        "break_even": _number(result.break_even, 6),
        "value_of_save": _number(result.average_value),
        "profit_model": economics.profit_model,
        "profit_model_description": DESCRIPTIONS[economics.profit_model],
        "net_profit_interval": _interval(result.profit),
        "loss_probability": _number(result.loss_probability, 6),
        "perfect_profit": _number(result.perfect_profit),
        "optimum": _optimum(result.optimum),
        "bands": [
            {
                "threshold": _number(p.threshold, 6),
                "contacts": _number(p.contacts),
                "net_profit": _number(p.net_profit),
                **_interval(b),
            }
            for p, b in zip(result.grid, result.bands, strict=True)
        ],
        "curve": [_point(p) for p in result.grid],
        "tornado": [
            {
                "input": row.name,
                "low": _number(row.low, 4),
                "high": _number(row.high, 4),
                "net_profit_low": _number(row.profit_at_low),
                "net_profit_high": _number(row.profit_at_high),
            }
            for row in result.tornado
        ],
        "audit": [
            {
                "code": each.code,
                "severity": each.severity,
                "sentence": each.sentence,
                "figures": {name: _number(figure, 6) for name, figure in each.figures.items()},
            }
            for each in findings
        ],
        "economics": _economics(economics),
        "customers": result.customers,
        "churners": _number(result.churners),
        "outcomes": result.outcomes,
        "basis": origin.basis,
        "currency": origin.currency,
        "model_version": origin.model_version,
        "snapshot_date": _text(origin.snapshot_date),
        "scored_at": _text(origin.scored_at),
        "data_cutoff": _text(origin.data_cutoff),
        "calibration": _calibration(gate, is_overridden=is_overridden),
        "method": METHOD.format(
            draws=result.draws, low=percent(economics.success_rate_low), high=percent(economics.success_rate_high)
        ),
        "draws": result.draws,
        "seed": result.seed,
    }


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


def _point(point: CurvePoint) -> dict[str, Any]:
    return {
        "threshold": _number(point.threshold, 6),
        "contacts": _number(point.contacts),
        "true_positives": _number(point.true_positives),
        "false_positives": _number(point.false_positives),
        "precision": _number(point.precision, 6),
        "recall": _number(point.recall, 6),
        "cost": _number(point.cost),
        "retained": _number(point.retained),
        "revenue": _number(point.revenue),
        "net_profit": _number(point.net_profit),
        "roi": _number(point.roi, 4),
    }


def _optimum(best: Optimum | None) -> dict[str, Any]:
    """The optimum's own point and ranges; the same keys, empty, where counts at one threshold are all there is."""
    nothing = {"low": None, "median": None, "high": None}
    if best is None:
        point = dict.fromkeys(("threshold", "contacts", "net_profit", "cost", "roi"))
        intervals = dict.fromkeys(("threshold_interval", "contacts_interval", "interval"), nothing)
        return {**point, **intervals, "optimism": None}
    whole = _point(best.point)
    return {
        **{name: whole[name] for name in ("threshold", "contacts", "net_profit", "cost", "roi")},
        "threshold_interval": _interval(best.threshold, 6),
        "contacts_interval": _interval(best.contacts, 0),
        "interval": _interval(best.profit),
        "optimism": _number(best.optimism),
    }


def _economics(economics: Economics) -> dict[str, Any]:
    return {
        "contact_cost": _number(economics.contact_cost),
        "incentive_cost": _number(economics.incentive_cost),
        "success_rate": _number(economics.success_rate, 6),
        "success_rate_low": _number(economics.success_rate_low, 6),
        "success_rate_high": _number(economics.success_rate_high, 6),
        "value_months": _number(economics.value_months),
        "hazard_after_save": _number(economics.hazard_after_save, 6),
        "discount_rate": _number(economics.discount_rate, 6),
    }


def _calibration(gate: Gate | None, *, is_overridden: bool) -> dict[str, Any]:
    if gate is None:
        return {"is_passed": None, "slope": None, "mean_gap": None, "reasons": [], "is_overridden": False}
    return {
        "is_passed": gate.is_passed,
        "slope": _number(gate.slope, 4),
        "mean_gap": _number(gate.mean_gap, 4),
        "reasons": list(gate.reasons),
        "is_overridden": is_overridden,
    }


def _interval(interval: Interval, digits: int = 2) -> Mapping[str, Any]:
    return {
        "low": _number(interval.low, digits),
        "median": _number(interval.median, digits),
        "high": _number(interval.high, digits),
    }


def _number(value: float | None, digits: int = 2) -> float | int | None:
    """Round; whole numbers without a decimal point; null for what is not finite."""
    if value is None or not math.isfinite(value):
        return None
    rounded = round(float(value), digits)
    return int(rounded) if rounded.is_integer() else rounded


def _text(moment: date | None) -> str | None:
    return None if moment is None else moment.isoformat()


ENDINGS = (".csv", ".json", ".html")


def check_ending(path: Path) -> None:
    """Raise ConfigError when no simulation can be written to a file of this name."""
    if path.suffix not in ENDINGS:
        raise ConfigError(f"cannot write `{path.suffix}`", where=str(path), remedy="Use .csv, .json or .html.")


def write(document: Mapping[str, Any], path: Path, *, home: Path) -> Path:
    """Write `document` to `path`: the curve as .csv, all of it as .json, or a page as .html. The write is atomic.

    Raises ConfigError for another ending, ResourceError when the place cannot be written.
    """
    check_ending(path)
    if path.suffix == ".csv":
        text = _csv(document["curve"])
    elif path.suffix == ".json":
        text = json.dumps(document, indent=2, allow_nan=False) + "\n"
    else:
        text = render_simulation(document, home=home)
    return write_text(path, text)


def _csv(curve: list[dict[str, Any]]) -> str:
    return csv_text([list(curve[0]), *(list(point.values()) for point in curve)])

"""Computes the charts of a registered model from its test rows: calibration, ROC, precision and recall, results by threshold."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from churn.decisions.calibration import reliability_curve
from churn.decisions.experiment import wilson
from churn.decisions.profit import Economics
from churn.decisions.threshold import CurvePoint, ThresholdCurve, threshold_curve
from churn.documents.model_figures import (
    CalibrationBin,
    ContactCut,
    EvaluationCurves,
    GainsPoint,
    PrecisionRecallPoint,
    RocPoint,
)
from churn.modeling.encoding.columns import Floats

CALIBRATION_BINS: Final = 10
POINTS: Final = 160  # of a curve: as many as a chart 700 wide can tell apart
TENTHS: Final = 10
THRESHOLDS: Final = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def evaluation_curves(rows: pl.DataFrame, economics: Economics, threshold: float | None) -> EvaluationCurves:
    """Return what charts of a model need, from the test rows of `load_evaluation`; `threshold` is the model's own."""
    y = rows["has_churned"].to_numpy().astype(np.float64)
    p = rows["churn_probability"].to_numpy()
    value = economics.value_of_save(rows["monthly_margin"].to_numpy())
    # Rank by probability, as contacts are chosen: raw scores would split the ties that calibration makes.
    curve = threshold_curve(p, y, value, _risk_based(economics))
    return EvaluationCurves(
        customers=int(y.size),
        churners=int(y.sum()),
        base_rate=float(y.mean()) if y.size else 0.0,
        calibration=_calibration(y, p),
        roc=_roc(curve),
        precision_recall=_precision_recall(curve),
        cuts=tuple(_cut(curve, curve.at_contacts(round(y.size * k / TENTHS))) for k in range(1, TENTHS + 1)),
        gains=_gains(curve),
        thresholds=_thresholds(curve),
        chosen=None if threshold is None else _cut(curve, curve.at_threshold(threshold)),
    )


def _risk_based(economics: Economics) -> Economics:
    """Count money with one success rate for all where uplift would decide, since test rows have no uplift."""
    return replace(economics, profit_model="case_study") if economics.profit_model == "uplift" else economics


def _calibration(y: Floats, p: Floats) -> tuple[CalibrationBin, ...]:
    predicted, observed, mass = reliability_curve(y, p, bins=CALIBRATION_BINS)
    bins = []
    for mean, share, weight in zip(predicted.tolist(), observed.tolist(), mass.tolist(), strict=True):
        customers = round(weight * y.size)
        low, high = wilson(round(share * customers), customers)
        bins.append(CalibrationBin(predicted=mean, observed=share, low=low, high=high, customers=customers))
    return tuple(bins)


def _roc(curve: ThresholdCurve) -> tuple[RocPoint, ...]:
    stayers = max(curve.customers - curve.churners, 1.0)
    x = np.concatenate([[0.0], np.asarray(curve.false_positives, dtype=np.float64) / stayers])
    y = np.concatenate([[0.0], np.nan_to_num(curve.recall)])
    return tuple(RocPoint(false_positive_rate=float(x[i]), recall=float(y[i])) for i in _spread(x + y))


def _precision_recall(curve: ThresholdCurve) -> tuple[PrecisionRecallPoint, ...]:
    recall, precision = np.nan_to_num(curve.recall), curve.precision
    # Start at 20 contacts: the shares of fewer jump between 0 and 1.
    start = int(np.searchsorted(np.asarray(curve.contacts), min(20, curve.customers)))
    return tuple(
        PrecisionRecallPoint(recall=float(recall[i]), precision=float(precision[i]))
        for i in _spread(recall)
        if i >= start
    )


def _gains(curve: ThresholdCurve) -> tuple[GainsPoint, ...]:
    share = _from_zero(np.asarray(curve.contacts, dtype=np.float64) / max(curve.customers, 1))
    recall, net_profit = _from_zero(np.nan_to_num(curve.recall)), _from_zero(curve.net_profit)
    threshold = np.concatenate([[1.0], curve.threshold])
    return tuple(
        GainsPoint(
            contacts_share=float(share[i]),
            recall=float(recall[i]),
            net_profit=float(net_profit[i]),
            threshold=float(threshold[i]),
        )
        for i in _spread(share)
    )


def _from_zero(values: Floats) -> Floats:
    """Prepend 0, the value of contacting nobody."""
    return np.concatenate([[0.0], values])


def _cut(curve: ThresholdCurve, point: CurvePoint) -> ContactCut:
    base = curve.churners / curve.customers if curve.customers else 0.0
    lift = point.precision / base if point.precision is not None and base > 0 else None
    return ContactCut(
        share=point.contacts / curve.customers if curve.customers else 0.0,
        threshold=float(point.threshold) if np.isfinite(point.threshold) else None,
        contacts=float(point.contacts),
        found=float(point.true_positives),
        precision=point.precision,
        recall=point.recall,
        lift=lift,
        net_profit=float(point.net_profit),
    )


def _thresholds(curve: ThresholdCurve) -> tuple[ContactCut, ...]:
    """Return the results of contacting from each round probability up, to the highest that occurs."""
    cuts = [(at, _cut(curve, curve.at_threshold(at))) for at in THRESHOLDS]
    return tuple(cut.model_copy(update={"threshold": at}) for at, cut in cuts if cut.contacts > 0)


def _spread(position: Floats) -> list[int]:
    """Return at most POINTS indices, ends included, evenly along `position`, which never falls."""
    if position.size <= POINTS:
        return list(range(position.size))
    wanted = np.linspace(position[0], position[-1], POINTS)
    return sorted({0, position.size - 1, *np.searchsorted(position, wanted).clip(0, position.size - 1).tolist()})

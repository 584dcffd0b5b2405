"""Judges out-of-fold scores by cross-fitting: calibration curve and threshold of each fold come from the other folds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn.decisions.profit import Economics
from churn.modeling.encoding.columns import Floats
from churn.modeling.judging.calibration import Calibrator
from churn.modeling.judging.evaluation import Figures, TestRows, best_threshold, evaluate

FitCalibrator = Callable[[Floats, Floats], Calibrator]


@dataclass(frozen=True)
class HeldOut:
    """A candidate's figures on the rows to choose on, and the calibrator and threshold fitted on all of them.

    `churn_probability` (n,) is out of fold: neither the model nor the curve was fitted on that row.
    """

    figures: Figures
    churn_probability: Floats
    calibrator: Calibrator
    threshold: float
    contacts_everyone: bool


def judge_held(
    score: Floats,
    rows: TestRows,
    fold: NDArray[np.int64],
    calibrate: FitCalibrator,
    economics: Economics,
    *,
    is_one_model: bool,
) -> HeldOut:
    """Judge raw out-of-fold scores (n,); `fold` (n,) numbers the parts to cross-fit over.

    `is_one_model`: one model made all scores, so their raw order is used; scores of several models are calibrated before they
    are ranked.
    """
    p, cut_off = np.empty(score.size), np.empty(score.size)
    for k in np.unique(fold):
        p[fold == k] = calibrate(score[fold != k], rows.y[fold != k])(score[fold == k])
    for k in np.unique(fold):
        rest = fold != k
        cut_off[~rest] = best_threshold(p[rest], rows.y[rest], rows.value[rest], economics)
    threshold = _between(p, best_threshold(p, rows.y, rows.value, economics))
    return HeldOut(
        figures=evaluate(rows, score if is_one_model else p, p, cut_off),
        churn_probability=p,
        calibrator=calibrate(score, rows.y),
        threshold=threshold,
        contacts_everyone=bool((p >= threshold).all()),
    )


def _between(p: Floats, threshold: float) -> float:
    """Return a cut half-way to the next lower probability, so that a slightly different curve gives the same decisions."""
    below = p[p < threshold]
    return threshold if np.isinf(threshold) else (threshold + (float(below.max()) if below.size else 0.0)) / 2.0

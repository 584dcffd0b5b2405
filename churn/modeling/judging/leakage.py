"""Looks before training for features that leak the outcome: by name, by date, and by how well one alone predicts it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.documents.model_card import LeakageFinding
from churn.errors import FutureLeak, ModelError
from churn.modeling.encoding.columns import Floats, categories, kind_of, numbers
from churn.modeling.judging.ranking import area_under_roc

_AFTER: Final = re.compile(
    r"(^|_)(next|future|following|coming|after)_\d+_?(d|days?|w|weeks?|m|mo|months?)($|_)"
    r"|^(has_|is_)?churn(ed)?(_?\d+_?(d|days?|m|months?))?$|(^|_)churn(ed)?_(at|date|kind|reason|label|flag)$",
    re.IGNORECASE,
)
_SAME = 0.999  # of one class share one value ...
_DIFFERS = 0.2  # ... while this much of the other does not
_CLASS_ROWS = 100
_ROWS = 50_000  # a sample of this size is enough
_REMEDY = (
    "Correct its SQL so that it uses only facts known before the snapshot date, or name it in "
    "training.exclude_features."
)


def scan_leakage(
    frame: pl.DataFrame, y: Floats, features: Sequence[str], *, limit: float, horizon_days: int
) -> tuple[LeakageFinding, ...]:
    """Return the five features that predict best on their own; raise at the first that predicts too well.

    `frame` holds training rows, `y` (n,) their outcomes 0/1, `limit` the AUC above which one feature cannot be honest
    (1 turns both statistical tests off). Raises FutureLeak for names or dates from after the snapshot, ModelError for
    an AUC above `limit` or a value that all of one class and not the other hold; each names feature and remedy.
    """
    findings = []
    for feature in features:
        _refuse_name(feature, horizon_days)
        _refuse_dates(frame, feature)
    step = -(-frame.height // _ROWS) if frame.height else 1
    frame, y = frame.gather_every(step), y[::step]
    for feature in features:
        score = _as_score(frame, feature, y)
        auc = float(max((max(a, 1.0 - a) for a in (area_under_roc(values, y) for values in score)), default=0.5))
        if limit < 1.0:
            if auc > limit:
                raise ModelError(
                    f"feature `{feature}` alone tells churners from stayers with AUC {auc:.3f}, above {limit}: it very "
                    "likely knows the outcome",
                    where="leakage scan",
                    remedy=f"{_REMEDY} If it is honest, raise training.leakage_auc.",
                )
            _refuse_constant_by_class(frame, feature, y)
        findings.append(LeakageFinding(feature=feature, auc=auc, note="strongest alone"))
    findings.sort(key=lambda finding: (-finding.auc, finding.feature))
    return tuple(findings[:5])


def _refuse_name(feature: str, horizon_days: int) -> None:
    if _AFTER.search(feature):
        raise FutureLeak(
            f"feature `{feature}` is named after the outcome or the days after the snapshot ({horizon_days}-day window)",
            where="leakage scan",
            remedy=_REMEDY,
        )


def _refuse_dates(frame: pl.DataFrame, feature: str) -> None:
    dtype = frame[feature].dtype
    if dtype != pl.Date and not isinstance(dtype, pl.Datetime):
        return
    if "snapshot_date" not in frame.columns or frame["snapshot_date"].null_count() == frame.height:
        return
    moment = frame[feature].cast(pl.Datetime("us"))
    later = int((moment >= frame["snapshot_date"].cast(pl.Datetime("us"))).sum())
    if later:
        raise FutureLeak(
            f"feature `{feature}` holds {later:,} dates on or after the snapshot date",
            where="leakage scan",
            remedy=_REMEDY,
        )


def _as_score(frame: pl.DataFrame, feature: str, y: Floats) -> list[Floats]:
    """Return what could rank customers: the number and its absence, or each category's rate from other rows."""
    if kind_of(frame[feature]) == "number":
        values = numbers(frame, feature)
        missing = np.isnan(values)
        if missing.all():
            return []
        middle = float(np.median(values[~missing]))
        return [np.where(missing, middle, values), *([missing.astype(np.float64)] if missing.any() else [])]
    codes = _category_codes(frame, feature)
    half = np.arange(y.size) % 2 == 0
    score = np.zeros(y.size)
    size = int(codes.max()) + 1
    for held in (half, ~half):
        total = np.bincount(codes[~held], minlength=size)
        churned = np.bincount(codes[~held], weights=y[~held], minlength=size)
        rate = (churned + 5.0 * y.mean()) / (total + 5.0)
        score[held] = rate[codes[held]]
    return [score]


def _category_codes(frame: pl.DataFrame, feature: str) -> NDArray[np.int64]:
    _, codes = np.unique(categories(frame, feature).to_numpy().astype(str), return_inverse=True)
    return codes.astype(np.int64)


def _refuse_constant_by_class(frame: pl.DataFrame, feature: str, y: Floats) -> None:
    """Refuse a feature that all stayers share and many churners do not: something that is filled in on leaving."""
    has_left = pl.Series(y > 0)
    stayers, churners = frame[feature].filter(~has_left), frame[feature].filter(has_left)
    if stayers.len() < _CLASS_ROWS or churners.len() < _CLASS_ROWS:
        return
    common, count = stayers.value_counts(sort=True).row(0)
    if count < _SAME * stayers.len():
        return
    is_other = churners.is_not_null() if common is None else churners.ne_missing(common)
    different = float(np.mean(is_other.to_numpy()))
    if different >= _DIFFERS:
        held = "(missing)" if common is None else repr(common)
        raise ModelError(
            f"feature `{feature}` is {held} for nearly every stayer and something else for {different:.0%} of "
            "churners: it looks like something filled in on leaving",
            where="leakage scan",
            remedy=f"{_REMEDY} If it is honest, set training.leakage_auc = 1.",
        )

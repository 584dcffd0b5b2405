"""Splits churn by cause: the share of a customer's churn probability that is involuntary, learnt among churners alone.

p_involuntary = p q(x) and p_voluntary = p (1 - q(x)), where q is P(involuntary | churn in the window, x): the two add up
to the model's own probability by construction, whichever candidate serves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from churn.errors import ModelError
from churn.modeling.encoding.columns import Floats
from churn.modeling.encoding.encoder import LINEAR, Encoder, LearningRows, Matrix, fit_encoder
from churn.modeling.judging.calibration import Platt, fit_calibrator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from churn.modeling.slices import Slices

MIN_CHURNERS: Final = 50  # of either cause; with fewer everybody is given the base share
_MAX_CHURNERS: Final = 15_000  # more add seconds without a measurable gain
_FOLDS: Final = 5
_PENALTY: Final = 0.05  # C of ridge: churners are few and features many


@dataclass(frozen=True, kw_only=True)
class LearntShare:
    """A logistic regression over encoded features, and the curve that makes its log-odds a share."""

    encoder: Encoder
    coefficients: tuple[float, ...]
    intercept: float
    calibrator: Platt

    def of(self, matrix: Matrix) -> Floats:
        """Return the involuntary share of encoded rows, (n,)."""
        return self.calibrator(matrix.astype(np.float64) @ np.asarray(self.coefficients) + self.intercept)


@dataclass(frozen=True, kw_only=True)
class CauseModel:
    """The involuntary share of churn: `learnt` from features, or `base_share` for everybody where it is None.

    `is_trusted`: both causes' probabilities passed the calibration gate on the test rows, or missed it by their level alone (see
    `CausesOnCard.is_published`). If not they are not published.
    """

    base_share: float
    learnt: LearntShare | None = None
    is_trusted: bool = True

    def share(self, frame: pl.DataFrame) -> Floats:
        """Return the involuntary share of each row's churn, (n,). Raises ModelError naming features that are absent."""
        if self.learnt is None or not frame.height:
            return np.full(frame.height, self.base_share)
        return self.learnt.of(self.learnt.encoder.transform(frame))


@dataclass(frozen=True)
class CauseTraining:
    """What was learnt about causes. `test_share` (n,) is that of the test rows, by a model that saw none of them.

    `involuntary` (n,) marks the test rows whose customer was lost involuntarily; `why_constant` says why `model` knows
    one share for everybody, None where it tells customers apart.
    """

    model: CauseModel
    test_share: Floats
    involuntary: Floats
    churners: tuple[int, int]  # voluntary and involuntary, among all labelled rows
    why_constant: str | None


def learn_causes(slices: Slices, features: Sequence[str], *, seed: int) -> CauseTraining | None:
    """Learn from the churners of all slices; None where the data tell of one cause only.

    The share is calibrated out of fold (five folds of customers), and left at the base share where either cause has fewer
    than 50 churners or where features tell the causes apart no better than the base share does, by log loss.
    """
    frame = slices.frame
    if "churn_kind" not in frame.columns:
        return None
    is_involuntary = (frame["churn_kind"] == "involuntary").fill_null(value=False).to_numpy().astype(np.float64)
    test = slices.rows["test"]
    is_churner = (slices.y > 0) & frame["churn_kind"].is_not_null().to_numpy()
    known = is_churner.copy()
    known[test] = False
    involuntary = float(is_involuntary[is_churner].sum())
    counts = (int(is_churner.sum() - involuntary), int(involuntary))
    if min(counts) == 0:
        return None
    on_test = is_involuntary[test] * slices.y[test]
    earlier = _rows(slices, np.flatnonzero(known), is_involuntary, seed)
    if min(earlier.y.sum(), earlier.y.size - earlier.y.sum()) < MIN_CHURNERS:
        base = float(is_involuntary[is_churner].mean())
        few = f"only {min(counts):,} of the churners left {'voluntarily' if counts[0] < counts[1] else 'involuntarily'}"
        judged = float(earlier.y.mean()) if earlier.y.size else base
        return CauseTraining(CauseModel(base_share=base), np.full(test.size, judged), on_test, counts, few)
    calibrator, beats_base = _calibrated(earlier, features, seed)
    everyone = _rows(slices, np.flatnonzero(is_churner), is_involuntary, seed)
    base = float(is_involuntary[is_churner].mean())
    if not beats_base:
        why = "no feature tells the causes apart better than the base share"
        return CauseTraining(
            CauseModel(base_share=base), np.full(test.size, float(earlier.y.mean())), on_test, counts, why
        )
    judged_by = _fit(earlier, features, calibrator, seed)
    test_share = judged_by.of(judged_by.encoder.transform(slices.part("test")))
    served = _fit(everyone, features, calibrator, seed)
    return CauseTraining(CauseModel(base_share=base, learnt=served), test_share, on_test, counts, None)


def _rows(slices: Slices, index: np.ndarray, is_involuntary: Floats, seed: int) -> LearningRows:
    if index.size > _MAX_CHURNERS:
        index = np.sort(np.random.default_rng(seed).choice(index, size=_MAX_CHURNERS, replace=False))
    _, customer = np.unique(slices.customer[index], return_inverse=True)
    return LearningRows(slices.frame[index], is_involuntary[index], np.ones(index.size), customer.astype(np.int64))


def _calibrated(rows: LearningRows, features: Sequence[str], seed: int) -> tuple[Platt, bool]:
    """Return the calibrator fitted on out-of-fold scores, and whether its share has a lower log loss than the base share."""
    people = int(rows.customer.max()) + 1
    fold = (np.random.default_rng(seed).permutation(people) % _FOLDS)[rows.customer]
    raw = np.zeros(rows.y.size)
    for k in range(_FOLDS):
        held = fold == k
        rest = rows.some(~held)
        if held.any() and 0 < rest.y.sum() < rest.y.size:
            encoder, coefficients, intercept = _logistic(rest, features, seed)
            raw[held] = encoder.transform(rows.frame.filter(held)).astype(np.float64) @ coefficients + intercept
    shares, base = np.empty(rows.y.size), np.empty(rows.y.size)
    for k in range(_FOLDS):
        held = fold == k
        shares[held] = _platt(raw[~held], rows.y[~held], seed)(raw[held])
        base[held] = rows.y[~held].mean()
    return _platt(raw, rows.y, seed), _log_loss(rows.y, shares) < _log_loss(rows.y, base)


def _platt(raw: Floats, y: Floats, seed: int) -> Platt:
    curve = fit_calibrator(raw, y, raw_unit="log_odds", method="platt", seed=seed)
    assert isinstance(curve, Platt)
    return curve


def _log_loss(y: Floats, share: Floats) -> float:
    safe = np.clip(share, 1e-7, 1.0 - 1e-7)
    return -float(np.mean(y * np.log(safe) + (1.0 - y) * np.log1p(-safe)))


def _fit(rows: LearningRows, features: Sequence[str], calibrator: Platt, seed: int) -> LearntShare:
    encoder, coefficients, intercept = _logistic(rows, features, seed)
    return LearntShare(
        encoder=encoder, coefficients=tuple(coefficients.tolist()), intercept=intercept, calibrator=calibrator
    )


def _logistic(rows: LearningRows, features: Sequence[str], seed: int) -> tuple[Encoder, Floats, float]:
    from sklearn.linear_model import LogisticRegression

    encoder, matrix = fit_encoder(rows, features, LINEAR, seed=seed)
    estimator = LogisticRegression(C=_PENALTY, max_iter=500, tol=1e-4, random_state=seed)
    estimator.fit(matrix.astype(np.float64), rows.y)
    coefficients = np.asarray(estimator.coef_[0], dtype=np.float64)
    if not np.isfinite(coefficients).all():
        raise ModelError("the shares by cause are not numbers", where="causes", remedy="Look for extreme values.")
    return encoder, coefficients, float(estimator.intercept_[0])

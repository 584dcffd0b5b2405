"""Says why: each feature's share in every customer's raw score and churn probability, for any kind of served model."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.errors import ModelError
from churn.modeling.averaging import Average
from churn.modeling.outside import Outside
from churn.modeling.reasons.kernel import tree_contributions
from churn.modeling.reasons.network import network_contributions
from churn.modeling.reasons.paths import lay_out
from churn.modeling.reasons.sampled import sampled_contributions, spread_references
from churn.modeling.reasons.trees import Ensemble, read_forest, read_xgboost

if TYPE_CHECKING:
    from churn.modeling.serving.served import ServedModel


Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
Method = Literal["exact", "approximate"]
Explainer = Callable[[Matrix], tuple[Matrix, float]]

REFERENCES: Final = 12  # background rows a network is compared with; time grows with them

_FEW: Final = 64
_EXPLAINERS: weakref.WeakKeyDictionary[Any, Explainer] = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Explanation:
    """Why each of n customers scores as they do, by the k features of `feature_names`.

    `contributions` (n, k) float32 are Shapley values in the raw score's unit: with `base_score` they add up to
    `raw_score` (n,). `probability_points` (n, k) float32 are the same in churn probability (0.062 is 6.2 points): with
    `base_probability` they add up to `churn_probability` (n,). `method` is `exact`, or `approximate` for networks.
    """

    feature_names: tuple[str, ...]
    base_score: float
    base_probability: float
    contributions: Matrix
    probability_points: Matrix
    raw_score: Floats
    churn_probability: Floats
    method: Method


def explain(model: ServedModel, frame: pl.DataFrame) -> Explanation:
    """Explain every row of `frame`, (n,) customers. Raises ModelError where features are absent or the kind is unknown.

    Trees: exact Shapley values of the path-dependent game. Logistic regression: exact, coefficient times distance from
    the training mean. An average: the weighted sum of its members', exact too. Network: Deep SHAP, additive yet
    approximate. Encoded columns are summed to their feature.

    Probability points: the calibrated probability p = g(f) is no sum, so what the raising features (together U) and the
    lowering ones (together D) do is told apart as a game of two players: half of what U adds when it comes first plus
    half of what it adds after D, and the same for D. Within each, points are in proportion to contributions. They
    always add up to the difference of probabilities, keep their sign, and stay bounded where f is close to the base
    (a plain rescaling by (p - p0) / (f - f0) does not).
    """
    matrix = model.matrix(frame)
    raw = np.asarray(model.raw_scores(matrix), dtype=np.float64) if len(matrix) else np.empty(0)
    return explain_encoded(model, matrix, raw)


def explain_encoded(model: ServedModel, matrix: Matrix, raw: Floats) -> Explanation:
    """Explain rows that are encoded (n, m) and have their raw scores (n,) already, as `explain` does."""
    contributions, base = explainer_of(model)(matrix)
    points, base_probability, probability = probability_points(model.calibrator, contributions, raw, base)
    return Explanation(
        feature_names=tuple(model.feature_names),
        base_score=base,
        base_probability=base_probability,
        contributions=contributions,
        probability_points=points,
        raw_score=raw,
        churn_probability=probability,
        method="approximate" if is_approximate(model) else "exact",
    )


def is_approximate(model: ServedModel) -> bool:
    """Whether its reasons are estimates: those of networks, and of models made elsewhere that are not trees."""
    return model.kind == "mlp" or (isinstance(model.estimator, Outside) and model.estimator.ensemble is None)


def explainer_of(model: ServedModel) -> Explainer:
    """Return what explains encoded rows (n, m): contributions (n, k) and the base score. Prepared once per model."""
    known = _EXPLAINERS.get(model.estimator)
    if known is None:
        background = np.asarray(model.background, dtype=np.float32)
        group_of = np.asarray(model.group_of, dtype=np.int64)
        prepare = _prepare_outside if isinstance(model.estimator, Outside) else _prepare
        known = prepare(model.kind, model.estimator, background, group_of, len(model.feature_names))
        _EXPLAINERS[model.estimator] = known
    return known


def _prepare(kind: str, estimator: Any, background: Matrix, group_of: NDArray[np.int64], count: int) -> Explainer:
    match kind:
        case "xgboost" | "shallow_xgboost" | "native_xgboost":
            return _trees(read_xgboost(estimator), group_of, count)
        case "random_forest":
            return _trees(read_forest(estimator), group_of, count)
        case "hist_gradient_boosting":
            return _trees(estimator.ensemble, group_of, count)
        case "logistic_regression":
            return _linear(estimator, background.astype(np.float64), group_of, count)
        case "mlp":
            return _network(estimator, background, group_of, count)
        case "average":
            return _average(estimator, background, group_of, count)
    raise ModelError(f"a model of kind `{kind}` cannot be explained", where="explanation")


def _average(average: Average, background: Matrix, group_of: NDArray[np.int64], count: int) -> Explainer:
    """Shapley values are linear in the game: those of a weighted sum are the weighted sum of its parts' values."""
    parts = [
        (
            member,
            _prepare(member.name, member.estimator, background[:, member.columns], group_of[member.columns], count),
        )
        for member in average.members
    ]

    def explainer(matrix: Matrix) -> tuple[Matrix, float]:
        gains, base = np.zeros((len(matrix), count), dtype=np.float32), average.intercept
        for member, part in parts:
            more, start = part(np.ascontiguousarray(matrix[:, member.columns]))
            gains += np.float32(member.weight) * more
            base += member.weight * start
        return gains, base

    return explainer


def _prepare_outside(
    _kind: str, outside: Outside, background: Matrix, group_of: NDArray[np.int64], count: int
) -> Explainer:
    """Trees that we read are exact; anything else is asked for its score again and again."""
    if outside.ensemble is not None:
        return _trees(outside.ensemble, group_of, count)
    references = spread_references(background)
    return lambda matrix: sampled_contributions(outside.scores, matrix, references, group_of, count)


def _trees(ensemble: Ensemble, group_of: NDArray[np.int64], count: int) -> Explainer:
    paths = lay_out(ensemble, group_of, count)
    return lambda matrix: (tree_contributions(paths, matrix), paths.base_score)


def _linear(estimator: Any, background: Floats, group_of: NDArray[np.int64], count: int) -> Explainer:
    coefficients = np.asarray(estimator.coef_, dtype=np.float64)[0]
    mean = background.mean(axis=0)
    base = float(estimator.intercept_[0] + coefficients @ mean)
    return lambda matrix: (_grouped((matrix - mean) * coefficients, group_of, count), base)


def _network(estimator: Any, background: Matrix, group_of: NDArray[np.int64], count: int) -> Explainer:
    if estimator.activation != "relu":
        raise ModelError(f"a network of `{estimator.activation}` units cannot be explained", where="explanation")
    spread = np.linspace(0, len(background) - 1, min(REFERENCES, len(background))).astype(int)
    references = np.asarray(background, dtype=np.float32)[spread]

    def explainer(matrix: Matrix) -> tuple[Matrix, float]:
        gains, base = network_contributions(estimator.coefs_, estimator.intercepts_, matrix, references)
        return _grouped(gains, group_of, count), base

    return explainer


def _grouped(gains: NDArray[Any], group_of: NDArray[np.int64], count: int) -> Matrix:
    """Sum encoded columns (n, m) to their features (n, count)."""
    out = np.zeros((len(gains), count), dtype=np.float32)
    if len(gains) <= _FEW:  # a loop over columns would cost more than a row's score
        for row, gain in zip(out, gains, strict=True):
            row[:] = np.bincount(group_of, weights=gain, minlength=count)
        return out
    for column, feature in enumerate(group_of.tolist()):
        out[:, feature] += gains[:, column]
    return out


def probability_points(
    calibrator: Callable[[Floats], Floats], contributions: Matrix, raw: Floats, base: float
) -> tuple[Matrix, float, Floats]:
    """Return points (n, k), the base probability, and the probability (n,)."""
    base_probability = float(calibrator(np.array([base]))[0])
    rise = np.maximum(contributions, 0).sum(axis=1, dtype=np.float64)
    fall = np.maximum(base + rise - raw, 0.0)  # the sum of the negative contributions, without their rounding
    probability = np.asarray(calibrator(raw), dtype=np.float64)
    up, down = calibrator(base + rise), calibrator(base - fall)
    # Neither is on the wrong side of zero but by rounding, which would turn signs round.
    raised = np.maximum((up - base_probability + probability - down) / 2, 0.0)
    lowered = np.minimum((down - base_probability + probability - up) / 2, 0.0)
    per_rise = np.divide(raised, rise, out=np.zeros_like(rise), where=rise > 0)
    sunk = -np.minimum(contributions, 0).sum(axis=1, dtype=np.float64)
    per_fall = np.divide(-lowered, sunk, out=np.zeros_like(fall), where=sunk > 0)
    points = contributions * np.where(contributions > 0, per_rise[:, None], per_fall[:, None]).astype(np.float32)
    return points, base_probability, probability

"""Scores a few rows with reasons in a fraction of a millisecond, with the same arithmetic as for a data frame.

Building a data frame of a hundred columns costs more than scoring it. Here each value goes straight to its place in
the matrix, and each transform runs on all numbers at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from churn.documents.reason import FeatureValue, RiskReason
from churn.errors import ModelError
from churn.modeling.averaging import Average
from churn.modeling.candidates import candidate
from churn.modeling.encoding.columns import MISSING, Floats
from churn.modeling.encoding.columns_of import CLIP, CodePlan, NumberPlan, OneHotPlan, RawPlan, TargetPlan
from churn.modeling.reasons.explain import explain_encoded
from churn.modeling.reasons.sentences import POINT
from churn.modeling.reasons.trees import read_forest, read_xgboost
from churn.modeling.reasons.walk import TreeWalk
from churn.modeling.reasons.words import word_of
from churn.modeling.serving.served import Predictions, ServedModel

if TYPE_CHECKING:
    from churn.modeling.encoding.encoder import Encoder, Matrix

Row = Mapping[str, FeatureValue]


class _MadeColumn(NamedTuple):
    """One encoded column: the number it is made of, its place in the matrix, and what is done; see NumberPlan."""

    source: int
    target: int
    low: float
    high: float
    power: float | None
    centre: float
    spread: float

    @property
    def is_bent(self) -> bool:
        """Whether the power transform applies: to scaled columns only."""
        return self.power is not None and self.spread > 0.0


@lru_cache(maxsize=4)
def online_scorer(model: ServedModel) -> OnlineScorer:
    """Return what scores single rows with `model`, prepared when first asked for."""
    return OnlineScorer(model)


class RowEncoder:
    """An encoder laid out for single rows. A feature that a row leaves out counts as unknown."""

    def __init__(self, encoder: Encoder) -> None:
        self._width = len(encoder.encoded_names)
        self._categories: list[tuple[str, int, dict[str, int], Floats]] = []
        numbers: list[tuple[NumberPlan, int]] = []
        start = 0
        for plan in encoder.plans:
            if isinstance(plan, NumberPlan):
                numbers.append((plan, start))
            elif isinstance(plan, RawPlan):
                as_is = NumberPlan(feature=plan.feature, median=np.nan, has_value=True, has_flag=False)
                numbers.append((as_is, start))
            else:
                self._categories.append((plan.feature, start, *_table(plan)))
            start += len(plan.names)
        self._numbers = tuple(plan.feature for plan, _ in numbers)
        self._lay_numbers(numbers)

    def matrix(self, rows: Sequence[Row]) -> Matrix:
        """Return the encoded rows, (n, m) float32, as the encoder's `transform` does."""
        matrix = np.empty((len(rows), self._width), dtype=np.float32)
        values = self._values(rows)
        missing = np.isnan(values)
        filled = np.where(missing, self._median, values)
        shaped = filled[:, self._value_from]
        smooth = self._is_smooth
        if smooth.any():
            bounded = np.clip(shaped, self._low, self._high)
            bounded = _yeo_johnson(bounded, self._power)
            scaled = np.clip((bounded - self._centre) / self._spread, -CLIP, CLIP)
            shaped = np.where(smooth, scaled, shaped)
        matrix[:, self._value_to] = shaped
        matrix[:, self._flag_to] = missing[:, self._flag_from]
        for feature, start, codes, table in self._categories:
            for i, row in enumerate(rows):
                matrix[i, start : start + table.shape[1]] = table[codes.get(_category(row.get(feature)), -1)]
        return matrix

    def _lay_numbers(self, numbers: Sequence[tuple[NumberPlan, int]]) -> None:
        """Record the source, the place in the matrix and the transform of every column made of a number."""
        made: list[_MadeColumn] = []
        flags: list[tuple[int, int]] = []
        for source, (plan, start) in enumerate(numbers):
            to = start
            if plan.has_value:
                made.append(_MadeColumn(source, to, plan.low, plan.high, plan.power, plan.centre, plan.spread))
                to += 1
            if plan.line_spread > 0.0:
                made.append(_MadeColumn(source, to, plan.low, plan.high, None, plan.line_centre, plan.line_spread))
                to += 1
            if plan.has_flag:
                flags.append((source, to))
        self._median = np.array([plan.median for plan, _ in numbers])
        self._value_from = np.array([column.source for column in made], dtype=np.int64)
        self._value_to = np.array([column.target for column in made], dtype=np.int64)
        self._low = np.array([column.low for column in made])
        self._high = np.array([column.high for column in made])
        self._power = np.array([column.power if column.is_bent else np.nan for column in made])
        self._centre = np.array([column.centre for column in made])
        self._is_smooth = np.array([column.spread > 0.0 for column in made], dtype=bool)
        self._spread = np.array([column.spread or 1.0 for column in made])
        self._flag_from = np.array([source for source, _ in flags], dtype=np.int64)
        self._flag_to = np.array([target for _, target in flags], dtype=np.int64)

    def _values(self, rows: Sequence[Row]) -> Floats:
        values = np.empty((len(rows), len(self._numbers)))
        texts: dict[int, list[int]] = {}
        for i, row in enumerate(rows):
            given = [row.get(name) for name in self._numbers]
            if str in map(type, given):
                for k, value in enumerate(given):
                    if isinstance(value, str):
                        texts.setdefault(k, []).append(i)
                        given[k] = _number(value)
            values[i] = given  # None becomes NaN
        values[~np.isfinite(values)] = np.nan
        for k, places in texts.items():
            strange = [i for i in places if np.isnan(values[i, k])]
            if len(strange) > 0.5 * len(rows):
                name = self._numbers[k]
                raise ModelError(
                    f"feature `{name}` was a number in training and now holds text such as {rows[strange[0]][name]!r}",
                    where="scoring",
                    remedy="Compare what you send with the features of the model.",
                )
        return values


class OnlineScorer:
    """A served model laid out for single rows. A feature that a row leaves out counts as unknown."""

    def __init__(self, model: ServedModel) -> None:
        self._model = model
        self._raw_scores = _scorer(model.kind, model.estimator)
        self._docs = {doc.name: doc for doc in model.features}
        self._names = tuple(model.feature_names)
        self._known = frozenset(self._names)
        self._encoder = RowEncoder(model.encoder)
        share = model.causes.learnt if model.causes is not None and model.causes.is_trusted else None
        self._learnt_share = share
        self._share_encoder = None if share is None else RowEncoder(share.encoder)

    def unknown(self, rows: Sequence[Row]) -> list[str]:
        """Return the names in `rows` that are no feature of the model, sorted."""
        return sorted({name for row in rows for name in row.keys() - self._known})

    def predict(self, rows: Sequence[Row]) -> Predictions:
        """Return raw score and calibrated probability of each row. Raises ModelError where numbers are mostly text."""
        raw = np.asarray(self._raw_scores(self.matrix(rows)), dtype=np.float64)
        return Predictions(raw, self._model.calibrator(raw))

    def matrix(self, rows: Sequence[Row]) -> Matrix:
        """Return the encoded rows, (n, m) float32, as the encoder's `transform` does."""
        return self._encoder.matrix(rows)

    def involuntary_probability(self, rows: Sequence[Row], churn_probability: Floats) -> Floats | None:
        """Return the part of each probability that is involuntary, (n,); None where the causes are not known."""
        causes = self._model.causes
        if causes is None or not causes.is_trusted:
            return None
        if self._learnt_share is None or self._share_encoder is None:
            return churn_probability * causes.base_share
        return churn_probability * self._learnt_share.of(self._share_encoder.matrix(rows))

    def explain(self, rows: Sequence[Row], *, top: int = 5) -> tuple[Predictions, list[list[RiskReason]]]:
        """Return the predictions, and each row's strongest reasons as `reasons_json` tells them."""
        matrix = self.matrix(rows)
        explanation = explain_encoded(self._model, matrix, np.asarray(self._raw_scores(matrix), dtype=np.float64))
        reasons = [self._reasons(row, explanation.probability_points[i], top) for i, row in enumerate(rows)]
        return Predictions(explanation.raw_score, explanation.churn_probability), reasons

    def _reasons(self, row: Row, points: Floats, top: int) -> list[RiskReason]:
        size = -np.abs(points)
        top = min(top, points.size)
        some = np.argpartition(size, top - 1)[:top] if top < points.size else np.arange(points.size)
        reasons = []
        for place in some[np.argsort(size[some], kind="stable")].tolist():
            rounded = max(-POINT, min(POINT, round(float(points[place]) * POINT)))
            if not rounded:
                continue
            name = self._names[place]
            doc = self._docs.get(name)
            value, text = word_of(row.get(name), name, doc)
            reasons.append(
                RiskReason(
                    feature=name,
                    value=value,
                    text=text,
                    is_actionable=bool(doc and doc.is_actionable),
                    points=rounded / POINT,
                )
            )
        return reasons


def _scorer(kind: str, estimator: Any) -> Callable[[Matrix], Floats]:
    """Return the function from encoded rows (n, m) to raw scores (n,); it walks trees on the calling thread."""
    if kind in {"xgboost", "shallow_xgboost", "native_xgboost"}:
        return TreeWalk(read_xgboost(estimator), np.float32).raw_scores
    if kind == "random_forest":
        return TreeWalk(read_forest(estimator)).raw_scores
    if kind == "average":
        return _average_scorer(estimator)
    return partial(candidate(kind).score, estimator)


def _average_scorer(average: Average) -> Callable[[Matrix], Floats]:
    parts = [(member, _scorer(member.name, member.estimator)) for member in average.members]

    def score(matrix: Matrix) -> Floats:
        total = np.full(len(matrix), average.intercept)
        for member, part in parts:
            total += member.weight * part(np.ascontiguousarray(matrix[:, member.columns]))
        return total

    return score


def _yeo_johnson(values: Floats, power: Floats) -> Floats:
    """Return the power transform of each column of (n, k) under its power (k,), NaN for none; see plans.yeo_johnson."""
    is_up, is_bent = values >= 0, ~np.isnan(power)
    size = np.log1p(np.abs(values))
    strength = np.where(is_up, power, 2.0 - power)
    is_log = np.abs(strength) < 1e-8
    with np.errstate(over="ignore", invalid="ignore"):
        grown = np.where(is_log, size, np.expm1(strength * size) / np.where(is_log, 1.0, strength))
    return np.where(is_bent, np.where(is_up, grown, -grown), values)


def _table(plan: OneHotPlan | TargetPlan | CodePlan) -> tuple[dict[str, int], Floats]:
    """Return each level's row in a table of its columns; the last row, -1, stands for every other value."""
    codes = {level: i for i, level in enumerate(plan.levels)}
    if isinstance(plan, TargetPlan):
        return codes, plan.scaled(np.asarray((*plan.scores, plan.prior)))[:, None]
    if isinstance(plan, CodePlan):
        return codes, np.arange(len(plan.levels) + 1, dtype=np.float64)[:, None]
    return codes, np.eye(len(plan.levels) + 1)[:, : len(plan.levels) + plan.has_other]


def _number(text: str) -> float:
    """Parse `text` as a number, NaN where it is none; Python's `1_000` and non-ASCII digits are refused."""
    try:
        return float(text) if text.isascii() and "_" not in text else float("nan")
    except ValueError:
        return float("nan")


def _category(value: FeatureValue) -> str:
    if value is None:
        return MISSING
    text = value if isinstance(value, str) else str(float(value))
    return text.strip() or MISSING

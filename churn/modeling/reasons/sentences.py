"""Words the strongest reasons of every customer: "no login for 23 days", what it adds, and whether one can act on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.modeling.reasons.words import Words, words_of

if TYPE_CHECKING:
    from churn.modeling.reasons.explain import Explanation
    from churn.warehouse.models.sql_models import FeatureDoc

Matrix = NDArray[np.float32]

POINT: Final = 10_000  # points are shown to 0.01 %; less than half of that is no reason


def reasons_json(
    explanation: Explanation, frame: pl.DataFrame, features: Sequence[FeatureDoc], *, top: int = 5
) -> pl.Series:
    """Return (n,) JSON arrays of the strongest reasons of the rows of `frame`, whose explanation this is.

    Each reason has feature, value, points, text, is_actionable. Reasons that round to no points are left out.
    """
    return _worded(explanation.probability_points, explanation.feature_names, frame, features, top).alias("reasons")


def change_reasons_json(
    explanation: Explanation,
    previous_points: pl.DataFrame,
    frame: pl.DataFrame,
    features: Sequence[FeatureDoc],
    *,
    top: int = 3,
) -> pl.Series:
    """Return (n,) JSON arrays of what moved the probability most since an earlier run; null for customers new to it.

    `previous_points` has customer_id and one column of probability points per feature, of the same model: then the
    base is the same, and the changes of all features' points add up to the change of the probability. `points` of a
    reason here is its change, `text` words the value of today.
    """
    known = [name for name in explanation.feature_names if name in previous_points.columns]
    before = frame.select("customer_id").join(
        previous_points.select("customer_id", *known, pl.lit(value=True).alias("_known")),
        on="customer_id",
        how="left",
        maintain_order="left",
    )
    moved = np.zeros_like(explanation.probability_points)
    for place, name in enumerate(explanation.feature_names):
        if name in known:
            moved[:, place] = explanation.probability_points[:, place] - before[name].cast(pl.Float32).to_numpy()
    is_known = before["_known"].fill_null(value=False)
    moved[~is_known.to_numpy()] = 0
    worded = _worded(moved, explanation.feature_names, frame, features, top)
    return pl.select(pl.when(is_known).then(worded)).to_series().alias("change_reasons")


def _worded(
    points: Matrix, names: Sequence[str], frame: pl.DataFrame, features: Sequence[FeatureDoc], top: int
) -> pl.Series:
    """Return (n,) JSON arrays: the `top` largest of `points` (n, k) by size, in words.

    Every feature's distinct values are worded once; rows then pick their sentence by number.
    """
    docs = {doc.name: doc for doc in features}
    chosen = _largest(points, top)
    sentence = np.zeros(chosen.shape, dtype=np.int64)
    parts: list[pl.Series] = []
    offset = 0
    for place in np.unique(chosen).tolist():
        at = np.nonzero(chosen == place)
        words = words_of(frame[names[place]].gather(at[0]), names[place], docs.get(names[place]))
        sentence[at] = offset + words.code
        parts.append(_openings(words))
        offset += len(words.texts)
    openings = pl.concat(parts) if parts else pl.Series([], dtype=pl.String)
    rounded = np.rint(np.take_along_axis(points, chosen, axis=1) * POINT).astype(np.int64)
    endings = pl.Series([f"{n / POINT}}}" for n in range(-POINT, POINT + 1)], dtype=pl.String)
    columns = [_joined(openings, endings, sentence[:, j], rounded[:, j]).alias(str(j)) for j in range(chosen.shape[1])]
    if not columns:
        return pl.Series([], dtype=pl.String) if frame.is_empty() else pl.repeat("[]", frame.height, eager=True)
    inside = pl.concat_str([pl.col(c.name) for c in columns], separator=", ", ignore_nulls=True)
    return pl.DataFrame(columns).select(pl.concat_str(pl.lit("["), inside, pl.lit("]"))).to_series()


def _joined(
    openings: pl.Series, endings: pl.Series, sentence: NDArray[np.int64], rounded: NDArray[np.int64]
) -> pl.Series:
    texts = openings.gather(sentence) + endings.gather(np.clip(rounded, -POINT, POINT) + POINT)
    return pl.select(pl.when(pl.Series(rounded != 0)).then(texts)).to_series()


def _largest(points: Matrix, top: int) -> NDArray[np.int64]:
    """Return (n, min(top, k)) positions of each row's largest values by size, largest first."""
    top = min(top, points.shape[1])
    if top < 1 or not len(points):
        return np.empty((len(points), max(top, 0)), dtype=np.int64)
    size = -np.abs(points)
    some = np.argpartition(size, top - 1, axis=1)[:, :top] if top < points.shape[1] else _all_places(points)
    order = np.argsort(np.take_along_axis(size, some, axis=1), axis=1, kind="stable")
    return np.take_along_axis(some, order, axis=1)


def _all_places(points: Matrix) -> NDArray[np.int64]:
    return np.broadcast_to(np.arange(points.shape[1]), points.shape)


def _openings(words: Words) -> pl.Series:
    """Return per distinct value everything of its JSON object up to the points."""
    feature, is_actionable = json.dumps(words.feature, ensure_ascii=False), json.dumps(words.is_actionable)
    return pl.Series(
        [
            f'{{"feature": {feature}, "value": {json.dumps(value, ensure_ascii=False)}, '
            f'"text": {json.dumps(text, ensure_ascii=False)}, "is_actionable": {is_actionable}, "points": '
            for value, text in zip(words.values, words.texts, strict=True)
        ],
        dtype=pl.String,
    )

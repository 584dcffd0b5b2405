"""Ranks the features of a served model, and their groups, by weight on the training rows kept with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from churn.documents.model_figures import Direction, FeatureWeight, GroupWeight, ModelWeights
from churn.modeling.reasons.explain import explain_encoded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from churn.modeling.serving.served import ServedModel

_CLEAR = 0.15  # rank correlation with the score from which more of a feature may be said to go with more or less risk


def feature_importance(model: ServedModel) -> ModelWeights:
    """Return the features and groups that matter over the model's background rows, strongest first."""
    explanation = explain_encoded(model, model.background, model.raw_scores(model.background))
    parts = explanation.probability_points
    points = np.abs(parts).mean(axis=0)
    docs = {doc.name: doc for doc in model.features}
    column_of = {name: i for i, name in enumerate(model.encoded_names)}
    features = []
    for k, name in enumerate(explanation.feature_names):
        if not points[k] > 0:
            continue
        doc, column = docs.get(name), column_of.get(name)
        scores = explanation.raw_score
        features.append(
            FeatureWeight(
                feature=name,
                group=doc.group if doc else "",
                description=doc.description if doc else "",
                is_actionable=bool(doc and doc.is_actionable),
                points=float(points[k]),
                direction=None if column is None else _direction(model.background[:, column], scores),
            )
        )
    return ModelWeights(
        features=tuple(sorted(features, key=lambda row: (-row.points, row.feature))),
        groups=_groups(parts, [docs[name].group if name in docs else "" for name in explanation.feature_names]),
    )


def _groups(parts: NDArray[np.float32], group_of: Sequence[str]) -> tuple[GroupWeight, ...]:
    """Return the weight of each group from the parts (n, k) of its features; `group_of` names that of each feature."""
    names, has_part = np.asarray(group_of), np.abs(parts).mean(axis=0) > 0
    points = {str(group): float(np.abs(parts[:, names == group].sum(axis=1)).mean()) for group in np.unique(names)}
    total = sum(points.values()) or 1.0
    weights = [
        GroupWeight(
            group=group,
            points=value,
            features=int(np.count_nonzero((names == group) & has_part)),
            share=value / total,
        )
        for group, value in points.items()
        if value > 0
    ]
    return tuple(sorted(weights, key=lambda row: (-row.points, row.group)))


def _direction(values: NDArray[Any], scores: NDArray[Any]) -> Direction | None:
    if min(np.ptp(values), np.ptp(scores)) <= 0:
        return None
    correlation = float(np.corrcoef(_ranks(values), _ranks(scores))[0, 1])
    if abs(correlation) < _CLEAR:
        return None
    return "more" if correlation > 0 else "less"


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return mid-ranks: equal values get the same rank."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2.0)[group]
    return middle

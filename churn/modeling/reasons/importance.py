"""Ranks what a served model goes by, features and their groups, on the training rows kept with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from churn.modeling.reasons.explain import explain_encoded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from churn.modeling.serving.served import ServedModel

_CLEAR = 0.15  # rank correlation with the score from which more of a feature may be said to go with more or less risk


def feature_importance(model: ServedModel) -> dict[str, list[dict[str, Any]]]:
    """Return `features` and `groups` that matter, strongest first, over the model's background rows.

    Of a feature: feature, group, description, is_actionable, points, direction; of a group: group, points, share,
    features. `points` is the mean size of its part in a customer's churn probability (0.021: 2.1 points); features that
    say nearly the same share it out among themselves, so groups, whose parts are summed first, are the steadier view;
    `share` is of all groups' points. `direction` is `more` where customers with more of it are at more risk, `less`
    where at less, None where neither is clear.
    """
    found = explain_encoded(model, model.background, model.raw_scores(model.background))
    parts = found.probability_points
    points = np.abs(parts).mean(axis=0)
    docs = {doc.name: doc for doc in model.features}
    column_of = {name: i for i, name in enumerate(model.encoded_names)}
    features: list[dict[str, Any]] = []
    for k, name in enumerate(found.feature_names):
        if not points[k] > 0:
            continue
        doc, column = docs.get(name), column_of.get(name)
        features.append(
            {
                "feature": name,
                "group": doc.group if doc else "",
                "description": doc.description if doc else "",
                "is_actionable": bool(doc and doc.is_actionable),
                "points": float(points[k]),
                "direction": None if column is None else _direction(model.background[:, column], found.raw_score),
            }
        )
    group_of = np.array([docs[name].group if name in docs else "" for name in found.feature_names])
    groups: list[dict[str, Any]] = [
        {
            "group": str(group),
            "points": float(np.abs(parts[:, group_of == group].sum(axis=1)).mean()),
            "features": int(np.count_nonzero((group_of == group) & (points > 0))),
        }
        for group in np.unique(group_of)
    ]
    total = sum(row["points"] for row in groups) or 1.0
    return {
        "features": sorted(features, key=lambda row: (-row["points"], row["feature"])),
        "groups": [
            {**row, "share": row["points"] / total}
            for row in sorted(groups, key=lambda row: (-row["points"], row["group"]))
            if row["points"] > 0
        ],
    }


def _direction(values: NDArray[Any], scores: NDArray[Any]) -> str | None:
    if min(np.ptp(values), np.ptp(scores)) <= 0:
        return None
    ranks = [_ranks(each) for each in (values, scores)]
    correlation = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
    if abs(correlation) < _CLEAR:
        return None
    return "more" if correlation > 0 else "less"


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return middle ranks: equal values have equal ones, in whichever order they come."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2.0)[group]
    return middle

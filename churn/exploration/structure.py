"""What kinds of customers there are: principal components of the numbers, and groups found in them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from churn.decisions.experiment import wilson
from churn.exploration.encoding import Encoded, Floats
from churn.exploration.table import Table

_COMPONENTS: Final = 8
_NAMED: Final = 4  # columns that stand for a component or a group
_GROUPS: Final = range(3, 7)
_JUDGED: Final = 1_500  # rows that the number of groups is chosen on
_POINTS: Final = 700
_LEAST_ROWS: Final = 200
_CLEAR: Final = 0.35  # standard deviations from the mean that are worth a word
_MIDDLE: Final = (0.02, 0.98)
_REACH: Final = 3.0  # standard deviations: farther ones would be a kind of their own
_SEED: Final = 7


def structure(table: Table) -> dict[str, Any] | None:
    """Return principal components and groups of customers, from a sample of rows; None where there is too little."""
    columns = [column for column in table.columns if column.kind != "text" and _varies(column)]
    if len(columns) < 3 or table.sample.size < _LEAST_ROWS:
        return None
    with threadpool_limits(1):  # many threads on few cores wait for each other
        scaled = np.stack([_scaled(column) for column in columns], axis=1)
        spread, directions = np.linalg.eigh(np.corrcoef(scaled, rowvar=False))
        order = np.argsort(-spread)[:_COMPONENTS]
        directions = directions[:, order]
        directions *= np.where(
            np.abs(directions).max(axis=0) == directions.max(axis=0), 1.0, -1.0
        )  # a sign is a choice
        share = np.maximum(spread[order], 0) / len(columns)
        scores = scaled @ directions
        groups = _grouped(scores)
    churned = table.churned_sample()
    step = max(1, table.sample.size // _POINTS)
    return {
        "sample_rows": int(table.sample.size),
        "components": [
            {"number": i + 1, "share": float(share[i]), "columns": _strongest(columns, directions[:, i])}
            for i in range(directions.shape[1])
        ],
        "points": [
            {"x": round(float(scores[i, 0]), 2), "y": round(float(scores[i, 1]), 2), "group": int(groups[i]) + 1}
            | {"churned": None if churned[i] < 0 else bool(churned[i])}
            for i in range(0, table.sample.size, step)
        ],
        "groups": _described(columns, scaled, groups, churned),
    }


def _varies(column: Encoded) -> bool:
    """Say whether a column differs among more than a few: what one in a hundred has makes no kind of customer."""
    known = column.values[np.isfinite(column.values)]
    return known.size > 0 and float(np.ptp(np.quantile(known, _MIDDLE))) > 0


def _scaled(column: Encoded) -> Floats:
    """Return a column's sample without outliers, centred, of variance 1; what is missing is the median."""
    values = column.values.astype(np.float64)
    known = values[np.isfinite(values)]
    values = np.clip(np.where(np.isfinite(values), values, np.median(known)), *np.quantile(known, _MIDDLE))
    scaled: Floats = np.clip((values - values.mean()) / values.std(), -_REACH, _REACH)
    return scaled


def _grouped(scores: Floats) -> Any:
    """Return the group of each row, the largest first: k-means, k by the simplified silhouette on some rows."""
    from scipy.cluster.vq import kmeans2, vq

    some = scores[:: max(1, len(scores) // _JUDGED)]
    best: tuple[float, Any] | None = None
    for count in _GROUPS:
        centers, _ = kmeans2(some, count, minit="++", seed=_SEED, missing="warn", iter=30)
        distance = np.sort(np.linalg.norm(some[:, None] - centers[None], axis=2), axis=1)
        judged = float(np.mean((distance[:, 1] - distance[:, 0]) / np.maximum(distance[:, 1], 1e-12)))
        if best is None or judged > best[0] + 0.01:  # fewer groups unless more are clearly better
            best = (judged, centers)
    assert best is not None  # there is more than one count
    found, _ = vq(scores, best[1])
    sizes = np.bincount(found, minlength=len(best[1]))
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return rank[found]


def _strongest(columns: list[Encoded], loadings: Floats) -> list[dict[str, Any]]:
    order = np.argsort(-np.abs(loadings), kind="stable")[:_NAMED]
    return [{"name": columns[i].name, "loading": float(loadings[i])} for i in order]


def _described(columns: list[Encoded], scaled: Floats, groups: Any, churned: Any) -> list[dict[str, Any]]:
    told = []
    for number in range(int(groups.max()) + 1):
        mine = groups == number
        middle = scaled[mine].mean(axis=0)
        order = [i for i in np.argsort(-np.abs(middle), kind="stable") if abs(middle[i]) >= _CLEAR]
        known = churned[mine][churned[mine] >= 0]
        left, rows = int(known.sum()), int(known.size)
        told.append(
            {
                "number": number + 1,
                "share": float(np.mean(mine)),
                "churn_rate": left / rows if rows else None,
                "interval": list(wilson(left, rows)) if rows else None,
                "share_of_churned": left / max(1, int((churned == 1).sum())),
                "marks": [{"name": columns[i].name, "deviations": float(middle[i])} for i in order[:_NAMED]],
            }
        )
    return told

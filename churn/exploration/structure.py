"""What kinds of customers there are: principal components of the numbers, and groups found in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from churn.decisions.experiment import wilson
from churn.documents.exploration import (
    ColumnLoading,
    CustomerGroup,
    GroupMark,
    PrincipalComponent,
    ScatterPoint,
    Structure,
)
from churn.exploration.encoding import Encoded, Floats
from churn.exploration.table import ExplorationTable

Groups = NDArray[np.int64]

_COMPONENTS: Final = 8
_NAMED: Final = 4  # columns that stand for a component or a group
_GROUPS: Final = range(3, 7)
_JUDGED: Final = 1_500  # rows that the number of groups is chosen on
_BETTER: Final = 0.01  # what one more group must add to the silhouette
_STARTS: Final = 4  # of k-means, of which the best is kept
_POINTS: Final = 700
_LEAST_ROWS: Final = 200
_CLEAR: Final = 0.35  # standard deviations from the mean that are worth mentioning
_MIDDLE: Final = (0.02, 0.98)
_REACH: Final = 3.0  # standard deviations: farther ones would be a kind of their own
_SEED: Final = 7


def structure(table: ExplorationTable) -> Structure | None:
    """Return principal components and groups of customers, from a sample of rows; None where there is too little."""
    columns = [column for column in table.columns if column.kind != "text" and _varies(column)]
    if len(columns) < 3 or table.sample.size < _LEAST_ROWS:
        return None
    scaled = np.stack([_scaled(column) for column in columns], axis=1)
    with threadpool_limits(1):  # many threads on few cores wait for each other, and sum in a varying order
        share, directions = _components(scaled)
        scores = scaled @ directions
        groups = _grouped(scores)
    churned = table.churned_sample()
    step = max(1, table.sample.size // _POINTS)
    return Structure(
        sample_rows=int(table.sample.size),
        components=tuple(
            PrincipalComponent(number=i + 1, share=float(share[i]), columns=_strongest(columns, directions[:, i]))
            for i in range(share.size)
        ),
        points=tuple(
            ScatterPoint(
                x=round(float(scores[i, 0]), 2),
                y=round(float(scores[i, 1]), 2),
                group=int(groups[i]) + 1,
                churned=None if churned[i] < 0 else bool(churned[i]),
            )
            for i in range(0, table.sample.size, step)
        ),
        groups=_described(columns, scaled, groups, churned),
    )


def _varies(column: Encoded) -> bool:
    """Say whether a column varies enough: a value that one customer in a hundred has makes no group."""
    known = column.values[np.isfinite(column.values)]
    return known.size > 0 and float(np.ptp(np.quantile(known, _MIDDLE))) > 0


def _scaled(column: Encoded) -> Floats:
    """Return a column's sample without outliers, centred, of variance 1; what is missing is the median."""
    values = column.values.astype(np.float64)
    known = values[np.isfinite(values)]
    values = np.clip(np.where(np.isfinite(values), values, np.median(known)), *np.quantile(known, _MIDDLE))
    scaled: Floats = np.clip((values - values.mean()) / values.std(), -_REACH, _REACH)
    return scaled


def _components(scaled: Floats) -> tuple[Floats, Floats]:
    """Return the share of all differences of each principal component (k,), and their directions (columns, k).

    Which way a direction points is a choice: the column of largest weight rises along it.
    """
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    fitted = PCA(n_components=min(_COMPONENTS, scaled.shape[1]), svd_solver="covariance_eigh").fit(
        StandardScaler().fit_transform(scaled)
    )
    directions = np.asarray(fitted.components_, dtype=np.float64).T
    largest = directions[np.argmax(np.abs(directions), axis=0), np.arange(directions.shape[1])]
    return np.asarray(fitted.explained_variance_ratio_), directions * np.where(largest < 0, -1.0, 1.0)


def _grouped(scores: Floats) -> Groups:
    """Return the group of each row, the largest first: k-means, k by the silhouette on some rows."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    some = scores[:: max(1, len(scores) // _JUDGED)]
    best, best_score = None, -np.inf
    for count in _GROUPS:
        fitted = KMeans(n_clusters=count, n_init=_STARTS, random_state=_SEED).fit(some)
        judged = float(silhouette_score(some, fitted.labels_))
        if best is None or judged > best_score + _BETTER:  # fewer groups unless more are clearly better
            best, best_score = fitted, judged
    assert best is not None  # there is more than one count
    group = np.asarray(best.predict(scores), dtype=np.int64)
    sizes = np.bincount(group, minlength=best.n_clusters)
    rank = np.empty(sizes.size, dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(sizes.size)
    return rank[group]


def _strongest(columns: Sequence[Encoded], loadings: Floats) -> tuple[ColumnLoading, ...]:
    order = np.argsort(-np.abs(loadings), kind="stable")[:_NAMED]
    return tuple(ColumnLoading(name=columns[i].name, loading=float(loadings[i])) for i in order)


def _described(
    columns: Sequence[Encoded], scaled: Floats, groups: Groups, churned: NDArray[np.int8]
) -> tuple[CustomerGroup, ...]:
    kinds = []
    for number in range(int(groups.max()) + 1):
        mine = groups == number
        middle = scaled[mine].mean(axis=0)
        order = [i for i in np.argsort(-np.abs(middle), kind="stable") if abs(middle[i]) >= _CLEAR]
        known = churned[mine][churned[mine] >= 0]
        left, rows = int(known.sum()), int(known.size)
        kinds.append(
            CustomerGroup(
                number=number + 1,
                share=float(np.mean(mine)),
                churn_rate=left / rows if rows else None,
                interval=wilson(left, rows) if rows else None,
                share_of_churned=left / max(1, int((churned == 1).sum())),
                marks=tuple(GroupMark(name=columns[i].name, deviations=float(middle[i])) for i in order[:_NAMED]),
            )
        )
    return tuple(kinds)

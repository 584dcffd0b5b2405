"""Figures of how well a score ranks churners before stayers, for many bootstrap draws after one sort."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn.modeling.encoding.columns import Floats

TOP_SHARE = 0.1


@dataclass(frozen=True)
class Ranking:
    """Rows by falling score: `order` (n,), `ends` (k,) the last row of each group of equal scores, outcomes in order."""

    order: NDArray[np.int64]
    ends: NDArray[np.int64]
    y: Floats

    @classmethod
    def of(cls, score: Floats, y: Floats) -> Ranking:
        """Sort once. Equal scores rank together."""
        order = np.argsort(-score, kind="stable")
        ordered = score[order]
        ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), score.size - 1)
        return cls(order.astype(np.int64), ends.astype(np.int64), y[order])

    def figures(self, weight: Floats | None = None, *, recall_share: float = TOP_SHARE) -> tuple[float, ...]:
        """Return AUC, PR-AUC (average precision), lift of the top tenth, recall of the top `recall_share`.

        `weight` (n,): how often each row counts, in the rows' own order. NaN where one outcome is absent.
        """
        weighted = np.ones(self.y.size) if weight is None else weight[self.order]
        seen = np.cumsum(weighted)
        hits = np.cumsum(weighted * self.y)
        if self.ends.size != self.y.size:
            seen, hits = seen[self.ends], hits[self.ends]
        churners, total = hits[-1], seen[-1]
        stayers = total - churners
        if churners <= 0 or stayers <= 0:
            return (float("nan"),) * 4
        gained = np.diff(hits, prepend=0.0)
        passed = np.diff(seen - hits, prepend=0.0)
        auc = float(passed @ (hits - 0.5 * gained)) / (churners * stayers)
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(seen > 0, hits / seen, 0.0)
        pr_auc = float(gained @ precision) / churners
        top = _hits_at(TOP_SHARE * total, seen, hits)
        lift = top / (TOP_SHARE * total) / (churners / total)
        return auc, pr_auc, lift, _hits_at(recall_share * total, seen, hits) / churners


def area_under_roc(score: Floats, y: Floats, weight: Floats | None = None) -> float:
    """Return the chance that a churner scores above a stayer, ties counting half; NaN where one outcome is absent."""
    return Ranking.of(score, y).figures(weight)[0]


def _hits_at(contacts: float, seen: Floats, hits: Floats) -> float:
    """Churners among the first `contacts` rows; a group of equal scores that is cut gives its average."""
    i = int(np.searchsorted(seen, contacts))
    if i >= seen.size:
        return float(hits[-1])
    before_seen, before_hits = (float(seen[i - 1]), float(hits[i - 1])) if i else (0.0, 0.0)
    width = float(seen[i]) - before_seen
    share = (contacts - before_seen) / width if width > 0 else 0.0
    return before_hits + share * (float(hits[i]) - before_hits)

"""Separates new findings from those that repeat what others said of the same customers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from churn.exploration.encoding import Encoded
from churn.exploration.table import ExplorationTable

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

SAME: Final = 0.6  # correlation of two groups' membership from which they are the same customers
ADDS: Final = 1.3  # churn ratio that must remain after adjusting for all earlier findings
_PROOF: Final = 3.0  # in standard errors
_MOST_PATTERNS: Final = 50_000
_SAME_TOPIC: Final = 0.5  # rank correlation of two columns
# Columns of these groups come from the same facts; each attribute of a flat source is about something else.
_FACTS: Final = {"usage_trend": "usage", "segments": "usage", "calendar": "usage", "purchases": "payments"}
_EACH_ITS_OWN: Final = frozenset({"attributes", "profile", "tenure", "plan"})
_SAMPLE: Final = 20_000  # rows that suffice for it


@dataclass(frozen=True)
class Adjusted:
    """Churn of a group over that of others who are alike in all findings before, and its standard errors from none."""

    ratio: float
    z: float


class Said:
    """What has been said so far about the rows searched, each given as who is covered, shape (rows,)."""

    def __init__(self, is_lost: Bools) -> None:
        """`is_lost` (rows,): who left."""
        self._lost = is_lost.astype(np.int64)
        self._pattern = np.zeros(is_lost.size, dtype=np.int64)
        self._patterns = 1
        self.groups: list[Bools] = []

    def has_said(self, covered: Bools, *, least: float = ADDS) -> bool:
        """Say whether a finding on `covered` (rows,) adds nothing to those before: a ratio below `least`, or no proof."""
        if any(phi(covered, other) >= SAME for other in self.groups):
            return True
        left = self.adjusted(covered)
        return left.ratio < least or left.z < _PROOF

    def adjusted(self, covered: Bools) -> Adjusted:
        """Return the Mantel-Haenszel ratio of churn (1959) over the patterns of all findings before, and its z."""
        cells = np.bincount((self._pattern * 2 + covered) * 2 + self._lost, minlength=4 * self._patterns).reshape(
            -1, 2, 2
        )
        out, inside = cells[:, 0].astype(np.float64), cells[:, 1].astype(np.float64)
        n_out, n_in = out.sum(axis=1), inside.sum(axis=1)
        total = n_out + n_in
        use = (n_out > 0) & (n_in > 0)
        out, inside, n_out, n_in, total = (v[use] for v in (out, inside, n_out, n_in, total))
        above, below = float((inside[:, 1] * n_out / total).sum()), float((out[:, 1] * n_in / total).sum())
        hits = inside[:, 1] + out[:, 1]
        gap = float((inside[:, 1] - n_in * hits / total).sum())
        spread = float((n_in * n_out * hits * (total - hits) / (total**2 * np.maximum(total - 1, 1))).sum())
        return Adjusted(
            ratio=above / below if below > 0 else (math.inf if above > 0 else 1.0),
            z=gap / math.sqrt(spread) if spread > 0 else 0.0,
        )

    def say(self, covered: Bools) -> None:
        """Add a finding; those after it are judged beside it."""
        self.groups.append(covered)
        if self._patterns < _MOST_PATTERNS:
            keys, self._pattern = np.unique(self._pattern * 2 + covered, return_inverse=True)
            self._patterns = int(keys.size)


class Topics:
    """Which columns are about the same thing as one shown before: told from the same facts, or of like ranks."""

    def __init__(self, table: ExplorationTable) -> None:
        """Look at a sample of the labelled rows of `table`."""
        self._rows = np.arange(0, table.labelled, max(1, table.labelled // _SAMPLE))
        self._ranks: dict[str, Floats | None] = {}
        self._shown: list[Encoded] = []

    def add(self, column: Encoded) -> None:
        """Note that a finding about `column` is shown."""
        self._shown.append(column)

    def of(self, column: Encoded) -> Encoded:
        """Return the shown column that `column` goes with, or itself."""
        for shown in self._shown:
            if shown.name == column.name or (_facts(shown) == _facts(column) not in _EACH_ITS_OWN):
                return shown
        mine = self._ranked(column)
        if mine is not None:
            for shown in self._shown:
                other = self._ranked(shown)
                if other is not None and abs(float(np.sum(mine * other))) >= _SAME_TOPIC:
                    return shown
        return column

    def _ranked(self, column: Encoded) -> Floats | None:
        """Return the ranks of a column's codes, centred and of length 1; None for texts, and where all are the same."""
        from scipy.stats import rankdata

        if column.name not in self._ranks:
            self._ranks[column.name] = None
            if column.kind != "text":
                ranks = rankdata(column.codes[self._rows])
                ranks -= ranks.mean()
                length = float(np.linalg.norm(ranks))
                self._ranks[column.name] = ranks / length if length else None
        return self._ranks[column.name]


def _facts(column: Encoded) -> str:
    return _FACTS.get(column.doc.group, column.doc.group)


def phi(first: Bools, second: Bools) -> float:
    """Return the correlation of two groups' membership, 0 where one of them is empty or everyone."""
    n = first.size
    a, b = int(np.count_nonzero(first)), int(np.count_nonzero(second))
    both = int(np.count_nonzero(first & second))
    spread = math.sqrt(a * (n - a) * b * (n - b)) if n else 0.0
    return (n * both - a * b) / spread if spread else 0.0

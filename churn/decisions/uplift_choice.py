"""Chooses among several predictions of uplift, with an interval that allows for having chosen the best-looking one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from churn.decisions.uplift import QiniInterval, Ranking, checked_experiment, qini, resample
from churn.errors import ConfigError


@dataclass(frozen=True)
class BestRanking:
    """The best of several rankings by Qini. `interval` is its own; `low` and `high` allow for the choice among all.

    The best of many rankings looks good by luck alone, and `low` takes that luck off (see `best_ranking`).
    """

    name: str
    interval: QiniInterval
    low: float
    high: float
    qini: dict[str, float]

    @property
    def beats_chance(self) -> bool:
        """Whether it is better than chance, knowing that it was chosen for being the best."""
        return self.low > 0.0


def best_ranking(
    y_retained: ArrayLike,
    treated: ArrayLike,
    uplifts: Mapping[str, ArrayLike],
    *,
    draws: int = 500,
    seed: int = 0,
    confidence: float = 0.95,
) -> BestRanking:
    """Return the ranking of highest Qini among named predictions (n,) for the same customers.

    `low` and `high` are simultaneous: the same resamples judge every ranking, and the distance from estimate to bound
    is the quantile of the largest deviation among them (the single-step max-T of Romano and Wolf 2005), which holds for
    whichever is chosen. Raises ConfigError where none is given, CampaignError where an arm is empty.
    """
    if not uplifts or draws < 1 or not 0.0 < confidence < 1.0:
        raise ConfigError(f"{len(uplifts)} rankings, {draws} draws at {confidence} give no choice", where="bootstrap")
    rankings, points = {}, {}
    for name, uplift in uplifts.items():
        y, w, u = checked_experiment(y_retained, treated, uplift)
        rankings[name], points[name] = Ranking.of(y, w, u), qini(y, w, u)
    rng = np.random.default_rng(seed)
    drawn = np.empty((draws, len(rankings), 2))
    for draw in range(draws):
        times = resample(w, rng)
        drawn[draw] = [ranking.scores(times) for ranking in rankings.values()]
    names = list(rankings)
    best = max(range(len(names)), key=lambda i: points[names[i]][0])
    point, auuc = points[names[best]]
    tail = (1.0 - confidence) / 2
    (low, auuc_low), (high, auuc_high) = np.quantile(drawn[:, best], [tail, 1.0 - tail], axis=0)
    off = drawn[:, :, 0] - np.array([points[name][0] for name in names])
    interval = QiniInterval(
        qini=point,
        low=float(low),
        high=float(high),
        auuc=auuc,
        auuc_low=float(auuc_low),
        auuc_high=float(auuc_high),
        draws=draws,
        confidence=confidence,
        treated_share=float(w.mean()),
        customers=w.size,
    )
    return BestRanking(
        name=names[best],
        interval=interval,
        low=point - float(np.quantile(off.max(axis=1), 1.0 - tail)),
        high=point - float(np.quantile(off.min(axis=1), tail)),
        qini={name: points[name][0] for name in names},
    )

"""Whether predicted uplift finds those whom contact keeps: Qini curve, AUUC, their intervals, and uplift by decile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn.decisions.checks import Bools, Floats, finite, outcomes
from churn.decisions.experiment import Effect, newcombe
from churn.errors import CampaignError, ConfigError

CONVENTION: Final = (
    "Q(k) = Y_T - Y_C N_T / N_C over the k customers of highest predicted uplift, Y retained, ties moving together; "
    "Qini = (area under Q - area under the straight line) / (the same of a perfect ranking); "
    "AUUC = area under (Y_T / N_T - Y_C / N_C) k / n over the share k / n"
)


@dataclass(frozen=True)
class QiniCurve:
    """Customers kept by contacting the best first, at every distinct predicted uplift, from nobody to everybody.

    `counts` and `shares` (m,) say how far down, `q` (m,) the customers kept among the treated. `qini` is the normalised
    coefficient (0: like chance, 1: perfect), `auuc` the area under the uplift curve.
    """

    counts: NDArray[np.int64]
    shares: Floats
    q: Floats
    qini: float
    auuc: float
    treated_share: float
    customers: int
    convention: str = CONVENTION


@dataclass(frozen=True)
class QiniInterval:
    """Qini and AUUC with bootstrap intervals; `beats_chance` when the Qini's lies above 0."""

    qini: float
    low: float
    high: float
    auuc: float
    auuc_low: float
    auuc_high: float
    draws: int
    confidence: float
    treated_share: float
    customers: int
    convention: str = CONVENTION

    @property
    def beats_chance(self) -> bool:
        """Whether the ranking is better than chance at this confidence."""
        return self.low > 0.0


@dataclass(frozen=True)
class UpliftDecile:
    """One slice of the ranking, 1 the highest predicted uplift; `effect` is None where an arm is empty."""

    decile: int
    customers: int
    predicted: float
    effect: Effect | None


def qini_curve(y_retained: ArrayLike, treated: ArrayLike, uplift: ArrayLike) -> QiniCurve:
    """Return the Qini curve of predicted `uplift` (n,) on 0/1 `y_retained` (n,) and 0/1 `treated` (n,).

    Formula: `CONVENTION`; Radcliffe 2007. Raises CampaignError where an arm is empty.
    """
    y, w, u = checked_experiment(y_retained, treated, uplift)
    ranking = Ranking.of(y, w, u)
    q, up = ranking.curves(ranking.rows(None))
    area, auuc = float(np.trapezoid(q, ranking.counts)), float(np.trapezoid(up, ranking.counts / u.size))
    return QiniCurve(
        counts=ranking.counts,
        shares=ranking.counts / u.size,
        q=q,
        qini=_normalised(area, float(q[-1]), ranking.perfect_area(None), u.size),
        auuc=auuc,
        treated_share=float(w.mean()),
        customers=u.size,
    )


def qini(y_retained: ArrayLike, treated: ArrayLike, uplift: ArrayLike) -> tuple[float, float]:
    """Return (normalised Qini, AUUC) of predicted `uplift`; see `qini_curve`."""
    curve = qini_curve(y_retained, treated, uplift)
    return curve.qini, curve.auuc


def bootstrap_qini(
    y_retained: ArrayLike,
    treated: ArrayLike,
    uplift: ArrayLike,
    *,
    draws: int = 500,
    seed: int = 0,
    confidence: float = 0.95,
) -> QiniInterval:
    """Return Qini and AUUC with percentile intervals over `draws` resamples of customers, each arm by itself.

    The ranking is sorted once; a resample only changes how often each row counts.
    """
    if draws < 1 or not 0.0 < confidence < 1.0:
        raise ConfigError(f"{draws} draws at confidence {confidence} give no interval", where="bootstrap")
    y, w, u = checked_experiment(y_retained, treated, uplift)
    ranking, curve = Ranking.of(y, w, u), qini_curve(y, w, u)
    rng = np.random.default_rng(seed)
    drawn = np.array([ranking.scores(resample(w, rng)) for _ in range(draws)])
    tail = (1.0 - confidence) / 2
    (low, auuc_low), (high, auuc_high) = np.quantile(drawn, [tail, 1.0 - tail], axis=0)
    return QiniInterval(
        qini=curve.qini,
        low=float(low),
        high=float(high),
        auuc=curve.auuc,
        auuc_low=float(auuc_low),
        auuc_high=float(auuc_high),
        draws=draws,
        confidence=confidence,
        treated_share=curve.treated_share,
        customers=curve.customers,
    )


def uplift_by_decile(
    y_retained: ArrayLike, treated: ArrayLike, uplift: ArrayLike, *, bins: int = 10, confidence: float = 0.95
) -> tuple[UpliftDecile, ...]:
    """Return the measured effect in `bins` slices of equal size by predicted uplift, highest first.

    Equal predictions stay together, so slices may differ in size, and there may be fewer of them.
    """
    y, w, u = checked_experiment(y_retained, treated, uplift)
    if bins < 1:
        raise ConfigError(f"{bins} is not a number of slices", where="bins")
    return tuple(
        UpliftDecile(place + 1, rows.size, float(u[rows].mean()), _effect(y[rows], w[rows], confidence))
        for place, rows in enumerate(_slices(u, bins))
    )


def _slices(u: Floats, bins: int) -> Iterator[NDArray[np.int64]]:
    order = np.argsort(-u, kind="stable")
    falling = -u[order]
    starts = np.unique(np.searchsorted(falling, falling[(np.arange(bins) * u.size) // bins], side="left"))
    yield from np.split(order, starts[1:])


def _effect(y: Bools, w: Bools, confidence: float) -> Effect | None:
    n_t, n_c = int(w.sum()), int((~w).sum())
    if not (n_t and n_c):
        return None
    return newcombe(int((~y & w).sum()), n_t, int((~y & ~w).sum()), n_c, confidence)


def checked_experiment(y_retained: ArrayLike, treated: ArrayLike, uplift: ArrayLike) -> tuple[Bools, Bools, Floats]:
    """Return the three as arrays of the same length. Raises CampaignError where an arm is empty, ConfigError as checks."""
    u = finite("uplift", uplift)
    y, w = outcomes("y_retained", y_retained, u.size), outcomes("treated", treated, u.size)
    if not w.any() or w.all():
        raise CampaignError(
            "uplift needs customers of both arms",
            where="treated",
            remedy="Measure it on a campaign that kept a holdout.",
        )
    return y, w, u


def _normalised(area: float, total: float, perfect: float, n: int) -> float:
    chance = total * n / 2
    # Nothing to tell apart (everybody retained, say): no ranking is better than chance.
    return (area - chance) / (perfect - chance) if perfect > chance else 0.0


@dataclass(frozen=True)
class Ranking:
    """Rows sorted by predicted uplift once; `ends` is where each run of equal predictions ends."""

    order: NDArray[np.int64]
    y: Bools
    w: Bools
    ends: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, y: Bools, w: Bools, u: Floats) -> Ranking:
        """Return the rows ranked by predicted uplift `u` (n,), highest first."""
        order = np.argsort(-u, kind="stable")
        falling = u[order]
        ends = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
        return cls(order, y[order], w[order], ends, np.concatenate([[0], ends + 1]))

    def rows(self, times: Floats | None) -> Floats:
        """Running totals (4, m): treated, treated retained, held out, held out retained."""
        each = np.ones(self.y.size) if times is None else times
        groups = (self.w, self.w & self.y, ~self.w, ~self.w & self.y)
        return np.array([np.concatenate([[0.0], np.cumsum(each * g)[self.ends]]) for g in groups])

    def curves(self, totals: Floats) -> tuple[Floats, Floats]:
        """Qini curve and uplift curve at each end of a run, beginning with nobody."""
        n_t, y_t, n_c, y_c = totals
        q = y_t - y_c * n_t / np.maximum(n_c, 1.0)
        up = (y_t / np.maximum(n_t, 1.0) - y_c / np.maximum(n_c, 1.0)) * (n_t + n_c) / self.y.size
        return q, up

    def perfect_area(self, times: Floats | None) -> float:
        """Area under the Qini curve of a ranking that knows: retained treated, then all the lost, then retained held out."""
        n_t, y_t, n_c, y_c = self.rows(times)[:, -1]
        first, then = y_t, n_t + n_c - y_t - y_c
        at_first, at_then = y_t, y_t
        at_end = y_t - y_c * n_t / n_c
        return float(first * at_first / 2 + then * (at_first + at_then) / 2 + y_c * (at_then + at_end) / 2)

    def scores(self, times: Floats) -> tuple[float, float]:
        """(Qini, AUUC) of a resample that counts each row, in the order they were given, so many times."""
        times = times[self.order]
        totals = self.rows(times)
        q, up = self.curves(totals)
        counts = totals[0] + totals[2]
        area, auuc = float(np.trapezoid(q, counts)), float(np.trapezoid(up, counts / self.y.size))
        return _normalised(area, float(q[-1]), self.perfect_area(times), self.y.size), auuc


def resample(w: Bools, rng: np.random.Generator) -> Floats:
    """Return how often each row (n,) comes in one resample, drawn within each arm."""
    times = np.empty(w.size)
    for rows in (np.flatnonzero(w), np.flatnonzero(~w)):
        times[rows] = np.bincount(rng.integers(0, rows.size, rows.size), minlength=rows.size)
    return times

"""Whether predicted uplift finds those whom contact keeps: Qini curve, AUUC, their intervals, and uplift by decile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn.decisions.checks import Bools, Floats, finite, outcomes
from churn.decisions.experiment import Effect, newcombe
from churn.errors import CampaignError, ConfigError

GRID: Final = 1_000  # points of the curves in a bootstrap
_AT_ONCE: Final = 200  # draws in memory
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
    ranking = UpliftRanking.of(y, w, u)
    q, _ = _curves(ranking.totals)
    normalised, auuc = _scores(ranking.totals)
    return QiniCurve(
        counts=ranking.counts,
        shares=ranking.counts / u.size,
        q=q,
        qini=float(normalised),
        auuc=float(auuc),
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

    Only how many customers of each kind fall between two points of the curve matters, and those counts of a resample
    are multinomial, exactly: a draw touches some hundreds of counts instead of every row. Of a ranking with more
    distinct predictions than `GRID` the curves are evaluated at that many points.
    """
    if draws < 1 or not 0.0 < confidence < 1.0:
        raise ConfigError(f"{draws} draws at confidence {confidence} give no interval", where="bootstrap")
    y, w, u = checked_experiment(y_retained, treated, uplift)
    ranking, curve = UpliftRanking.of(y, w, u), qini_curve(y, w, u)
    rng = np.random.default_rng(seed)
    turns = [min(_AT_ONCE, draws - done) for done in range(0, draws, _AT_ONCE)]
    drawn = np.concatenate([ranking.drawn_scores(turn, rng) for turn in turns], axis=1)
    tail = (1.0 - confidence) / 2
    (low, auuc_low), (high, auuc_high) = np.quantile(drawn, [tail, 1.0 - tail], axis=1)
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


@dataclass(frozen=True)
class UpliftRanking:
    """Customers from highest to lowest predicted uplift, counted by kind.

    The four kinds are treated and lost, treated and retained, held out and lost, held out and retained. `totals` (4, m)
    counts each down to the end of every run of equal predictions, beginning with nobody, and `counts` (m,) them all.
    `cell` (n,) says of each customer, in the order given, of which kind and between which two points of the grid.
    """

    totals: Floats
    counts: NDArray[np.int64]
    cell: NDArray[np.int64]
    points: int

    @classmethod
    def of(cls, y: Bools, w: Bools, u: Floats) -> UpliftRanking:
        """Return the customers ranked by predicted uplift `u` (n,), highest first."""
        order = np.argsort(-u, kind="stable")
        falling = u[order]
        kind = np.where(w, 0, 2) + y
        ends = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
        totals = np.array([np.concatenate([[0.0], np.cumsum(kind[order] == cell)[ends]]) for cell in range(4)])
        counts = np.concatenate([[0], ends + 1])
        points = np.unique(np.searchsorted(counts, np.linspace(0, u.size, min(GRID, counts.size)).round()))
        if counts.size <= GRID:
            points = np.arange(counts.size)
        place = np.empty(u.size, dtype=np.int64)
        place[order] = np.repeat(np.arange(points.size - 1), np.diff(counts[points]))
        return cls(totals, counts, kind * (points.size - 1) + place, points.size)

    def scores(self, times: Floats) -> tuple[float, float]:
        """(Qini, AUUC) of a resample that counts each customer, in the order they were given, so many times."""
        parts = np.bincount(self.cell, weights=times, minlength=4 * (self.points - 1)).reshape(4, -1)
        normalised, auuc = _scores(np.concatenate([np.zeros((4, 1)), np.cumsum(parts, axis=1)], axis=1))
        return float(normalised), float(auuc)

    def drawn_scores(self, draws: int, rng: np.random.Generator) -> Floats:
        """(2, draws): Qini and AUUC of that many resamples, each arm by itself."""
        arms = np.bincount(self.cell, minlength=4 * (self.points - 1)).reshape(2, -1)
        drawn = [rng.multinomial(arm.sum(), arm / arm.sum(), size=draws).reshape(draws, 2, -1) for arm in arms]
        totals = np.zeros((4, draws, self.points))
        np.cumsum(np.concatenate(drawn, axis=1).transpose(1, 0, 2), axis=2, out=totals[:, :, 1:])
        return np.array(_scores(totals))


def _curves(totals: Floats) -> tuple[Floats, Floats]:
    """Qini curve and uplift curve (..., m) from running totals (4, ..., m)."""
    lost_t, y_t, lost_c, y_c = totals
    n_t, n_c = lost_t + y_t, lost_c + y_c
    q = y_t - y_c * n_t / np.maximum(n_c, 1.0)
    everybody = (n_t + n_c)[..., -1:]
    up = (y_t / np.maximum(n_t, 1.0) - y_c / np.maximum(n_c, 1.0)) * (n_t + n_c) / everybody
    return q, up


def _scores(totals: Floats) -> tuple[Floats, Floats]:
    """Normalised Qini and AUUC (...) from running totals (4, ..., m)."""
    q, up = _curves(totals)
    counts = totals.sum(axis=0)
    lost_t, y_t, lost_c, y_c = totals[..., -1]
    last, size = q[..., -1], counts[..., -1]
    # A ranking that knows: the treated who stayed, then all who left, then the held out who stayed.
    perfect = y_t * y_t / 2 + (lost_t + lost_c) * y_t + y_c * (y_t + last) / 2
    room = perfect - last * size / 2
    area = np.trapezoid(q, counts, axis=-1) - last * size / 2
    # Where there is nothing to tell apart (everybody stayed, say), no ranking is better than chance.
    is_open = room > 1e-12 * np.maximum(1.0, perfect)
    normalised = np.where(is_open, area / np.where(is_open, room, 1.0), 0.0)
    return normalised, np.trapezoid(up, counts / size[..., None], axis=-1)


def resample(w: Bools, rng: np.random.Generator) -> Floats:
    """Return how often each row (n,) comes in one resample, drawn within each arm."""
    times = np.empty(w.size)
    for rows in (np.flatnonzero(w), np.flatnonzero(~w)):
        times[rows] = np.bincount(rng.integers(0, rows.size, rows.size), minlength=rows.size)
    return times


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
    chosen: str | None = None,
    draws: int = 500,
    seed: int = 0,
    confidence: float = 0.95,
) -> BestRanking:
    """Return the ranking of highest Qini among named predictions (n,) for the same customers, or that of name `chosen`.

    `low` and `high` are simultaneous: the same resamples judge every ranking, and the distance from estimate to bound
    is the quantile of the largest deviation among them (the single-step max-T of Romano and Wolf 2005), which holds for
    whichever is chosen. Raises ConfigError where none is given, CampaignError where an arm is empty.
    """
    if not uplifts or draws < 1 or not 0.0 < confidence < 1.0:
        raise ConfigError(f"{len(uplifts)} rankings, {draws} draws at {confidence} give no choice", where="bootstrap")
    rankings, points = {}, {}
    for name, uplift in uplifts.items():
        y, w, u = checked_experiment(y_retained, treated, uplift)
        rankings[name], points[name] = UpliftRanking.of(y, w, u), qini(y, w, u)
    rng = np.random.default_rng(seed)
    drawn = np.empty((draws, len(rankings), 2))
    for draw in range(draws):
        times = resample(w, rng)
        drawn[draw] = [ranking.scores(times) for ranking in rankings.values()]
    names = list(rankings)
    best = names.index(chosen) if chosen else max(range(len(names)), key=lambda i: points[names[i]][0])
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

"""Draws what a campaign could bring: other customers, another success rate, another value, other luck.

**Why cells instead of rows.** Net profit at a cut needs, of a resampled population, only how many customers fall above
the cut, how many of them churn, and what saving these is worth. Split the ranking into bins at the cuts of a grid; a
cell is (bin, churns or stays). Resampling n customers with replacement is n independent draws, so the cells' counts are
*exactly* Multinomial(n, cell shares): the row bootstrap and this one have the same distribution at every cut of the
grid, and 2,000 draws touch some hundreds of cells instead of 120,000 rows. Where outcomes are not known, a
customer drawn from a bin churns with her own p, so the cell (bin, churns) has the share sum(p) / n: exact too. Values
within a cell enter by mean and variance: exact where all in the cell are worth the same, else a normal sum of the
saved, right in its first two moments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn.decisions.checks import Bools, Floats
from churn.decisions.profit import Economics
from churn.decisions.threshold import ThresholdCurve


@dataclass(frozen=True)
class Cells:
    """The ranking in bins, best first, shape (b,): customers who churn and who stay, and values of those who churn.

    `contacts` counts customers down to each bin's end, `threshold` is the probability there.
    """

    churners: Floats
    stayers: Floats
    mean_value: Floats
    value_spread: Floats
    threshold: Floats

    @property
    def contacts(self) -> Floats:
        """Customers at or above each bin's lower end."""
        return np.cumsum(self.churners + self.stayers)

    def net_profit(self, economics: Economics) -> Floats:
        """Net profit down to each bin's end at the expected terms."""
        saved = economics.success_rate * self.churners
        takers = saved + self.stayers
        spent = economics.cost_of_contact * (self.churners + self.stayers) + economics.cost_of_taker * takers
        return np.cumsum(saved * self.mean_value - spent)


@dataclass(frozen=True)
class Draws:
    """Drawn campaigns, shape (draws, b) each: totals down to each bin's end.

    `net_profit` varies customers, terms and luck; `net_profit_at_terms` varies only the customers.
    """

    churners: NDArray[np.int64]
    net_profit: Floats
    net_profit_at_terms: Floats


def grid_cells(
    curve: ThresholdCurve, p: Floats, truth: Bools | None, value: float | Floats, *, contacts: list[float], bins: int
) -> Cells:
    """Return the ranking cut at about `bins` places evenly spread over customers and over thresholds.

    The cuts include every number in `contacts`; one that falls among equal probabilities splits them in proportion.
    """
    k = curve.threshold.size
    even = np.union1d(np.linspace(0, 1, bins // 2 + 1), (0.01, 0.02))  # the small shares that people ask for
    at = [np.searchsorted(curve.contacts, np.ceil(even * curve.customers).astype(np.int64))]
    at.append(k - np.searchsorted(curve.threshold[::-1], even * float(curve.threshold[0]), side="left") - 1)
    places = [curve.index_of(c) for c in contacts]
    at.append(np.array([i for place, share in places for i in ((place,) if share >= 1 else (place - 1, place))]))
    ends = np.unique(np.concatenate([*at, [k - 1]]).astype(np.int64).clip(-1, k - 1))
    ends = ends[ends >= 0]
    cut = curve.threshold[ends]
    if curve.entry_of is None:
        bin_of = ends.size - np.searchsorted(cut[::-1], p, side="right")
    else:
        bin_of = np.searchsorted(ends, curve.entry_of)
    weight = p if truth is None else truth.astype(np.float64)
    size = np.bincount(bin_of, minlength=ends.size).astype(np.float64)
    churners = np.bincount(bin_of, weights=weight, minlength=ends.size)
    if isinstance(value, float):
        mean, spread = np.full(ends.size, value), np.zeros(ends.size)
    else:
        some = np.maximum(churners, 1e-300)
        mean = np.bincount(bin_of, weights=weight * value, minlength=ends.size) / some
        square = np.bincount(bin_of, weights=weight * value * value, minlength=ends.size) / some
        variance = square - mean * mean
        spread = np.sqrt(np.where(variance > 1e-12 * square, variance, 0.0))
    cells = np.array([churners, np.maximum(size - churners, 0.0), mean, spread, cut])
    for place, share in places:
        if place >= 0 and share < 1:
            cells = _split(cells, int(np.searchsorted(ends, place)), share)
            break  # one chosen campaign; the others lie on whole thresholds
    return Cells(*cells)


def draw_campaigns(
    cells: Cells,
    economics: Economics,
    *,
    value_range: tuple[float, float],
    draws: int,
    seed: int,
    level_error: float = 0.0,
) -> Draws:
    """Return `draws` campaigns of the same size of population, drawn as the module's docstring says.

    Success: Beta through low, expected and high; saves are binomial at it. Value: triangular from `value_range` (as
    multiples), most likely as stated. Probabilities: all alike off by a share, normal with `level_error`.
    """
    rng = np.random.default_rng(seed)
    drawn = draw_population(cells, draws, rng, level_error)
    churners, stayers = drawn[:, : cells.churners.size], drawn[:, cells.churners.size :]
    success = draw_success(economics, draws, rng)[:, None]
    low, high = value_range
    worth = (rng.triangular(low, 1.0, high, draws) if low < high else np.ones(draws))[:, None]
    saves = rng.binomial(churners, success)
    value = saves * cells.mean_value
    if cells.value_spread.any():
        value += cells.value_spread * np.sqrt(saves) * rng.standard_normal(saves.shape)
    fixed = economics.cost_of_contact * (churners + stayers) + economics.cost_of_taker * stayers
    net = worth * value - economics.cost_of_taker * saves - fixed
    rate = economics.success_rate
    plain = churners * (rate * (cells.mean_value - economics.cost_of_taker)) - fixed
    for profit in (net, plain):
        np.cumsum(profit, axis=1, out=profit)
    return Draws(np.cumsum(churners, axis=1), net, plain)


def draw_population(cells: Cells, draws: int, rng: np.random.Generator, level_error: float = 0.0) -> NDArray[np.int64]:
    """Return drawn customers, shape (draws, 2 b): who churns of each bin, then who stays."""
    shares = np.concatenate([cells.churners, cells.stayers])
    customers, total = round(float(shares.sum())), shares.sum()
    if level_error <= 0.0:
        return np.asarray(rng.multinomial(customers, shares / total, size=draws), dtype=np.int64)
    level = np.maximum(1.0 + level_error * rng.standard_normal(draws), 0.0)[:, None]
    size = cells.churners + cells.stayers
    churners = np.minimum(cells.churners * level, size)
    chances = np.hstack([churners, size - churners])
    return np.asarray(rng.multinomial(customers, chances / chances.sum(axis=1, keepdims=True)), dtype=np.int64)


def draw_success(economics: Economics, draws: int, rng: np.random.Generator) -> Floats:
    """Return success rates (draws,) from the Beta distribution of `fit_beta`; all the same where it has no width."""
    shape = fit_beta(economics.success_rate_low, economics.success_rate, economics.success_rate_high)
    return np.full(draws, economics.success_rate) if shape is None else rng.beta(*shape, size=draws)


def fit_beta(low: float, expected: float, high: float) -> tuple[float, float] | None:
    """Return (alpha, beta) with mean `expected` whose 5 % and 95 % points lie `high - low` apart; None without width.

    Two numbers decide a Beta, so the mean and the width of the 90 % range are kept and the range may shift a little.
    """
    from scipy import optimize, special

    width = high - low
    if width <= 0.0 or expected in {0.0, 1.0}:
        return None

    def too_wide(log_size: float) -> float:
        a, b = expected * np.exp(log_size), (1.0 - expected) * np.exp(log_size)
        return float(special.betaincinv(a, b, 0.95) - special.betaincinv(a, b, 0.05)) - width

    # The least concentrated fit keeps one hump; a range wider than it allows gets it.
    smallest = float(np.log(1.0 / min(expected, 1.0 - expected)))
    if too_wide(smallest) <= 0.0:
        size = np.exp(smallest)
    else:
        size = np.exp(optimize.brentq(too_wide, smallest, 30.0)) if too_wide(30.0) < 0.0 else np.exp(30.0)
    return float(expected * size), float((1.0 - expected) * size)


def _split(cells: Floats, position: int, share: float) -> Floats:
    """Split the bin at `position`: its counts by `share`, everything else as it is."""
    first, rest = cells[:, position].copy(), cells[:, position].copy()
    first[:2] *= share
    rest[:2] *= 1.0 - share
    return np.concatenate([cells[:, :position], first[:, None], rest[:, None], cells[:, position + 1 :]], axis=1)

"""Answers "what if" at once: the slow draws are made when scores are published, and the terms are applied to them.

**What does not change with the terms.** With the value window's factor F = V / m (`Economics.margin_factor`), success rate g,
cost of a contact f and of a taker t, the net profit of a drawn population down to a cut is

    worth g F M - (f + t) N + t (1 - g) C        with luck   worth F r M' - t r C',   r = sqrt(g (1 - g)),

where N, C and M are contacts, churners among them and the margins of these, and C', M' are the luck of who is saved: for
each cell sqrt(churners) times a standard normal, and the same for margins. N, C, M, C', M' hold no term, so they
are drawn once (as `draws` does, from the cells of the ranking) and kept. A saved customer's luck is normal here and
binomial there: the same mean, variance and covariance with value, and the same band wherever tens of saves are expected.
Success rates and values are read off their distributions at fixed, evenly spread chances, so that an answer moves
smoothly while a term is dragged. Expected values are not drawn: they come from the whole curve, exactly.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn.decisions.checks import Floats, per_customer, probabilities
from churn.decisions.choices import Mode
from churn.decisions.draws import draw_population, fit_beta, grid_cells
from churn.decisions.profit import Economics, break_even_probability
from churn.decisions.sensitivity import DrawnRange, interval_of, tornado
from churn.decisions.simulation import Optimum, SimulationResult, choose, perfect_profit
from churn.decisions.threshold import CurvePoint, ThresholdCurve, threshold_curve
from churn.errors import DataError

_BINS = 160
_SMALL = (1, 2, 3, 5, 8, 12, 20, 32, 50, 80, 125, 200, 320, 500, 800)
_QUANTILES = np.array([0.05, 0.5, 0.95])
_FIT_POINTS = 401
_ORDERS_KEPT = 4  # of some ten megabytes each


@dataclass(frozen=True)
class Totals:
    """Drawn totals down to each cut, shape (cuts, draws) or, of one campaign, (draws,); see the module's docstring."""

    contacts: NDArray[np.float32]
    churners: NDArray[np.float32]
    margins: NDArray[np.float32]
    luck: NDArray[np.float32]
    margin_luck: NDArray[np.float32]


@dataclass(frozen=True)
class DrawnTerms:
    """What a question applies to the totals: drawn success rates and values (draws,), and the money per save."""

    economics: Economics
    success: Floats
    worth: Floats
    factor: float
    value: float | None

    def net_profit(self, totals: Totals) -> NDArray[np.float32]:
        """Net profit of each draw, shaped as the totals."""
        rate, spread = self.success, np.sqrt(self.success * (1.0 - self.success))
        fixed, taker = self.economics.cost_of_contact, self.economics.cost_of_taker
        per_churner, per_luck = taker * (1.0 - rate), -taker * spread
        net: NDArray[np.float32] = totals.contacts * np.float32(-fixed - taker)
        if self.value is None:
            net += totals.margins * (self.worth * self.factor * rate).astype(np.float32)
            net += totals.margin_luck * (self.worth * self.factor * spread).astype(np.float32)
        else:
            per_churner, per_luck = (
                per_churner + self.worth * self.value * rate,
                per_luck + self.worth * self.value * spread,
            )
        if taker or self.value is not None:
            net += totals.churners * per_churner.astype(np.float32)
            net += totals.luck * per_luck.astype(np.float32)
        return net


class PreparedCustomers:
    """Customers ready to be asked about, as often as one likes; nothing here changes after it is made.

    `churn_probability` and `monthly_margin` have shape (n,), and `rank` where customers do not come by probability; `level_error` is as `simulation.simulate` takes it. Raises DataError for values that cannot be used.
    """

    def __init__(
        self,
        churn_probability: ArrayLike,
        monthly_margin: ArrayLike,
        *,
        draws: int = 2_000,
        seed: int = 7,
        value_range: tuple[float, float] = (0.8, 1.2),
        rank: Floats | None = None,
        level_error: float = 0.0,
    ) -> None:
        self.probability = probabilities("churn_probability", churn_probability)
        if not self.probability.size:
            raise DataError("holds no customers", where="churn_probability", remedy="Score some customers first.")
        margin = per_customer("monthly_margin", monthly_margin, self.probability.size)
        self.margin = np.full(self.probability.size, margin) if isinstance(margin, float) else margin
        self.draws, self.seed, self.value_range, self.level_error = draws, seed, value_range, level_error
        # Any economics do: of this curve only what the terms do not touch is used.
        self.curve = threshold_curve(self.probability, None, self.margin, Economics(), rank=rank)
        self.stake = np.asarray(self.curve.stake)
        known = self.curve.contacts
        small = [float(known[i]) for i in np.searchsorted(known, _SMALL) if i < known.size]
        self.cells = grid_cells(self.curve, self.probability, None, self.margin, contacts=small, bins=_BINS)
        self.ends = np.searchsorted(known, np.rint(self.cells.contacts).astype(np.int64)).clip(max=known.size - 1)
        self._draw()

    def _draw(self) -> None:
        rng, cells = np.random.default_rng(self.seed), self.cells
        drawn = draw_population(cells, self.draws, rng, self.level_error).T
        churners = np.ascontiguousarray(drawn[: cells.churners.size], dtype=np.float64)
        contacts = churners + drawn[cells.churners.size :]
        root, mean, spread = np.sqrt(churners), cells.mean_value[:, None], cells.value_spread[:, None]
        saved, of_margin, of_save = (root * rng.standard_normal(root.shape) for _ in range(3))
        parts = (contacts, churners, mean * churners + spread * of_margin, saved, mean * saved + spread * of_save)
        self.totals = Totals(*(np.cumsum(part, axis=0).astype(np.float32) for part in parts))
        self._noise = rng.standard_normal((6, self.draws))
        chances = (np.arange(self.draws) + 0.5) / self.draws
        self._success_chance = rng.permutation(chances)
        low, high = self.value_range
        self._worth = rng.permutation(_triangular(chances, low, high)) if low < high else np.ones(self.draws)

    def answer(
        self, economics: Economics, *, mode: Mode = "optimum", amount: float | None = None, value: float | None = None
    ) -> SimulationResult:
        """Return what `simulation.simulate` does, for each customer's own margin or one `value` of a save for all.

        Raises ConfigError for an amount out of range.
        """
        factor = economics.margin_factor
        stake = self.stake * factor if value is None else float(value)
        curve = replace(self.curve, stake=stake, economics=economics)
        point, best = choose(curve, mode, amount), curve.optimum()
        terms = DrawnTerms(economics, self._success(economics), self._worth, factor, value)
        net = terms.net_profit(self.totals)
        winner = np.argmax(net, axis=0)
        none_pays = net[winner, np.arange(self.draws)] <= 0.0
        winning = np.where(none_pays, -1, winner)
        bands = _bands(net)
        chosen, reached = self._campaign(point, curve, terms)
        worth = self.margin * factor if value is None else float(value)
        money_at_cut = point.revenue / economics.success_rate if economics.success_rate > 0 else 0.0
        churners = curve.churners
        total = float(stake[-1]) if isinstance(stake, np.ndarray) else stake * churners
        average = total / churners if churners > 0 else float(np.mean(worth))
        return SimulationResult(
            mode=mode,
            outcomes="expected",
            point=point,
            customers=curve.customers,
            churners=churners,
            average_value=average,
            break_even=float(np.asarray(break_even_probability(average, economics))),
            profit=interval_of(chosen),
            loss_probability=float(np.mean(chosen < 0.0)),
            grid=tuple(curve.entry(int(i)) for i in self.ends),
            bands=bands,
            optimum=Optimum(
                point=best,
                threshold=interval_of(np.append(self.cells.threshold, 1.0)[winning]),
                contacts=interval_of(np.append(self.cells.contacts, 0.0)[winning]),
                profit=interval_of(chosen if best == point else self._campaign(best, curve, terms)[0]),
                optimism=0.0,
            ),
            tornado=tornado(point, money_at_cut, economics, self.value_range, interval_of(reached)),
            perfect_profit=perfect_profit(self.probability, None, worth, economics),
            splits_ties=curve.index_of(point.contacts)[1] < 1.0,
            draws=self.draws,
            seed=self.seed,
        )

    def _success(self, economics: Economics) -> Floats:
        fitted = _beta(economics.success_rate_low, economics.success_rate, economics.success_rate_high)
        if fitted is None:
            return np.full(self.draws, economics.success_rate)
        drawn: Floats = np.interp(self._success_chance, *fitted)
        return drawn

    def _campaign(self, point: CurvePoint, curve: ThresholdCurve, terms: DrawnTerms) -> tuple[Floats, Floats]:
        """Net profit and churners reached of one campaign, drawn (draws,) each; a bridge between the cuts around it."""
        if point.contacts <= 0:
            return np.zeros(self.draws), np.zeros(self.draws)
        at = int(np.searchsorted(self.cells.contacts, point.contacts - 1e-6).clip(max=self.cells.contacts.size - 1))
        before = float(self.cells.contacts[at - 1]) if at else 0.0
        share = min(max((point.contacts - before) / (float(self.cells.contacts[at]) - before), 0.0), 1.0)
        totals = self._bridge(at, share)
        net = terms.net_profit(totals).astype(np.float64)
        reached = totals.churners.astype(np.float64)
        # A cell is taken as one; where probability or margin change within it, its expectations are put right here.
        expected = [curve.entry(int(self.ends[i])) if i >= 0 else None for i in (at - 1, at)]
        line = [[cut.net_profit, cut.true_positives] if cut is not None else [0.0, 0.0] for cut in expected]
        middle = (1.0 - share) * np.array(line[0]) + share * np.array(line[1])
        return net + (point.net_profit - middle[0]), reached + (point.true_positives - middle[1])

    def _bridge(self, at: int, share: float) -> Totals:
        all_totals = (getattr(self.totals, name) for name in Totals.__dataclass_fields__)
        above, below = [], []
        for total in all_totals:
            above.append(total[at - 1].astype(np.float64) if at else np.zeros(self.draws))
            below.append(total[at].astype(np.float64))
        step = [low - high for high, low in zip(above, below, strict=True)]
        root = np.sqrt(np.maximum(step[1], 0.0))
        others = np.sqrt(np.maximum(step[0] - step[1], 0.0))
        mean, spread = float(self.cells.mean_value[at]), float(self.cells.value_spread[at])
        of_churners, of_stayers, of_saves, of_margins, of_saved_margins, _ = self._noise
        churners, luck = root * of_churners, root * of_saves
        noise = [
            churners + others * of_stayers,
            churners,
            mean * churners + spread * root * of_margins,
            luck,
            mean * luck + spread * root * of_saved_margins,
        ]
        swing = np.sqrt(share * (1.0 - share))
        parts = (a + share * s + swing * n for a, s, n in zip(above, step, noise, strict=True))
        return Totals(*(part.astype(np.float32) for part in parts))


class LiveCustomers:
    """Customers in every order that terms ask for: each order is prepared when it is first asked for, and a few are kept.

    By each customer's own margin m the most profitable come first by p (m + s), where only what stayers take moves s.
    """

    def __init__(
        self,
        churn_probability: ArrayLike,
        monthly_margin: ArrayLike,
        *,
        draws: int = 2_000,
        level_error: float = 0.0,
    ) -> None:
        self.by_probability = PreparedCustomers(churn_probability, monthly_margin, draws=draws, level_error=level_error)
        self._orders: OrderedDict[float, PreparedCustomers] = OrderedDict()
        self._lock = threading.Lock()
        self._ordered(0.0)

    @property
    def probability(self) -> Floats:
        """Churn probability (n,)."""
        return self.by_probability.probability

    @property
    def margin(self) -> Floats:
        """Monthly margin (n,)."""
        return self.by_probability.margin

    def answer(
        self, economics: Economics, *, mode: Mode = "optimum", amount: float | None = None, value: float | None = None
    ) -> SimulationResult:
        """Return what `simulation.simulate` does; as PreparedCustomers does of one order."""
        by_profit = self._by_profit(economics, value)
        if mode != "threshold" or by_profit is self.by_probability:
            return by_profit.answer(economics, mode=mode, amount=amount, value=value)
        result = self.by_probability.answer(economics, mode=mode, amount=amount, value=value)
        return replace(result, optimum=by_profit.answer(economics, value=value).optimum)

    def _by_profit(self, economics: Economics, value: float | None) -> PreparedCustomers:
        rate = economics.success_rate * economics.margin_factor
        if value is not None or rate <= 0.0:
            return self.by_probability
        return self._ordered(round(economics.cost_of_taker * (1.0 - economics.success_rate) / rate, 9))

    def _ordered(self, shift: float) -> PreparedCustomers:
        with self._lock:
            prepared = self._orders.get(shift)
            if prepared is None:
                rank = self.probability * (self.margin + shift)
                prepared = PreparedCustomers(
                    self.probability,
                    self.margin,
                    draws=self.by_probability.draws,
                    rank=rank,
                    level_error=self.by_probability.level_error,
                )
                self._orders[shift] = prepared
                while len(self._orders) > _ORDERS_KEPT:
                    self._orders.popitem(last=False)
            self._orders.move_to_end(shift)
            return prepared


def _bands(net: NDArray[np.float32]) -> tuple[DrawnRange, ...]:
    """The 5 %, 50 % and 95 % points of each row."""
    net.sort(axis=1)
    at = _QUANTILES * (net.shape[1] - 1)
    low = np.floor(at).astype(np.int64)
    share = at - low
    points = net[:, low] * (1.0 - share) + net[:, np.minimum(low + 1, net.shape[1] - 1)] * share
    return tuple(DrawnRange(*row) for row in points.tolist())


@lru_cache(maxsize=512)
def _beta(low: float, expected: float, high: float) -> tuple[Floats, Floats] | None:
    """The chances and success rates of the Beta that `draws.fit_beta` fits, at which it is interpolated."""
    from scipy import special

    shape = fit_beta(low, expected, high)
    if shape is None:
        return None
    # Denser towards the ends, where the distribution bends.
    chance = 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, _FIT_POINTS))
    return chance, special.betaincinv(*shape, chance)


def _triangular(chance: Floats, low: float, high: float) -> Floats:
    """Values of a triangular distribution with its top at 1 at these chances."""
    width, rising = high - low, (1.0 - low) / (high - low)
    below = low + np.sqrt(chance * width * (1.0 - low))
    above = high - np.sqrt((1.0 - chance) * width * (high - 1.0))
    return np.where(chance < rising, below, above)

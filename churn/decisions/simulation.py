"""What a campaign is worth and how sure that is: bands, the chance of a loss, the optimum, and what matters most."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from churn.decisions.checks import Bools, Floats, outcomes, per_customer, probabilities
from churn.decisions.choices import Mode, Outcomes
from churn.decisions.draws import Cells, Draws, draw_campaigns, grid_cells
from churn.decisions.profit import Economics, break_even_probability, contact_order
from churn.decisions.sensitivity import DrawnRange, Sensitivity, interval_of, tornado
from churn.decisions.threshold import CurvePoint, ThresholdCurve, threshold_curve
from churn.errors import ConfigError, DataError

BINS = 240


@dataclass(frozen=True)
class Optimum:
    """The best point of the curve, the range in which the best threshold and number of contacts fall when redrawn.

    `profit` is the drawn range of net profit at this point. `optimism` is by how much picking the best of many points
    on known outcomes overstates its net profit, on average (0 where outcomes are not known).
    """

    point: CurvePoint
    threshold: DrawnRange
    contacts: DrawnRange
    profit: DrawnRange
    optimism: float


@dataclass(frozen=True)
class SimulationResult:
    """One campaign, chosen by `mode`, and its surroundings.

    `grid` are points of the curve and `bands` (5 %, 50 %, 95 % of net profit) has one entry for each; `optimum` is None
    where only one point is known. `average_value` is the mean value of a save over those who churn.
    """

    mode: Mode
    outcomes: Outcomes
    point: CurvePoint
    customers: int
    churners: float
    average_value: float
    break_even: float
    profit: DrawnRange
    loss_probability: float
    grid: tuple[CurvePoint, ...]
    bands: tuple[DrawnRange, ...]
    optimum: Optimum | None
    tornado: tuple[Sensitivity, ...]
    perfect_profit: float
    splits_ties: bool
    draws: int
    seed: int


def simulate(
    churn_probability: ArrayLike,
    outcome: ArrayLike | None,
    value: ArrayLike,
    economics: Economics,
    *,
    mode: Mode = "optimum",
    amount: float | None = None,
    value_range: tuple[float, float] = (0.8, 1.2),
    draws: int = 2_000,
    seed: int = 7,
    level_error: float = 0.0,
) -> SimulationResult:
    """Simulate contacting the customers of highest expected profit (n,), as many as `mode` and `amount` say.

    By a threshold those of highest probability are; the optimum is that by expected profit nevertheless.

    `outcome` (n,) 1 = churned, None where not known yet: churners are then drawn from the probabilities. `value`: money
    that a save is worth, a number or (n,). `amount`: the threshold, budget or number of contacts; none for the optimum.
    `level_error`: the share by which the probabilities of all may err alike, a standard deviation, where outcomes are not known.
    Raises DataError for customers or values that cannot be used, ConfigError for an amount out of range.
    """
    p = probabilities("churn_probability", churn_probability)
    if not p.size:
        raise DataError("holds no customers", where="churn_probability", remedy="Score some customers first.")
    worth = per_customer("value", value, p.size)
    truth = None if outcome is None else outcomes("outcome", outcome, p.size)
    rank = contact_order(p, worth, economics)
    off = level_error if truth is None else 0.0
    by_profit = _Ranked(mode, amount, value_range, draws, seed, off)
    if rank is None or mode != "threshold":
        return by_profit.simulate(p, truth, worth, economics, rank)
    best = _Ranked("optimum", None, value_range, draws, seed, off).simulate(p, truth, worth, economics, rank)
    return replace(by_profit.simulate(p, truth, worth, economics, None), optimum=best.optimum)


@dataclass(frozen=True)
class _Ranked:
    """One way to choose from customers in one order."""

    mode: Mode
    amount: float | None
    value_range: tuple[float, float]
    draws: int
    seed: int
    level_error: float

    def simulate(
        self, p: Floats, truth: Bools | None, worth: float | Floats, economics: Economics, rank: Floats | None
    ) -> SimulationResult:
        """Return the simulation of customers from the highest `rank` down, by probability where it is None."""
        curve = threshold_curve(p, truth, worth, economics, rank=rank)
        point, best = choose(curve, self.mode, self.amount), curve.optimum()
        cells = grid_cells(curve, p, truth, worth, contacts=[point.contacts, best.contacts], bins=BINS)
        drawn = draw_campaigns(
            cells,
            economics,
            value_range=self.value_range,
            draws=self.draws,
            seed=self.seed,
            level_error=self.level_error,
        )
        result = _result(
            point,
            cells,
            drawn,
            economics,
            self.value_range,
            mode=self.mode,
            outcomes="expected" if truth is None else "known",
            grid=tuple(curve.at_contacts(c) for c in cells.contacts),
            perfect_profit=perfect_profit(p, truth, worth, economics),
            draws=self.draws,
            seed=self.seed,
        )
        return replace(
            result,
            optimum=_optimum(best, cells, drawn, economics, is_known=truth is not None),
            splits_ties=curve.index_of(point.contacts)[1] < 1.0,
        )


def simulate_counts(
    *,
    customers: int,
    churners: int,
    contacts: int,
    true_positives: int,
    threshold: float,
    value: float,
    economics: Economics,
    value_range: tuple[float, float] = (0.8, 1.2),
    draws: int = 2_000,
    seed: int = 7,
) -> SimulationResult:
    """Simulate a campaign of which only the counts are known, as in a study; the optimum is not known then.

    Raises ConfigError where the counts contradict one another.
    """
    if not (0 < true_positives <= contacts <= customers and true_positives <= churners <= customers):
        raise ConfigError("the counts contradict one another", where="true_positives")
    missed, left = churners - true_positives, customers - contacts
    if missed > left:
        raise ConfigError("more churners are missed than customers left alone", where="churners")
    cells = Cells(
        churners=np.array([true_positives, missed], dtype=np.float64),
        stayers=np.array([contacts - true_positives, left - missed], dtype=np.float64),
        mean_value=np.full(2, value),
        value_spread=np.zeros(2),
        threshold=np.array([threshold, 0.0]),
    )
    drawn = draw_campaigns(cells, economics, value_range=value_range, draws=draws, seed=seed)
    retained = economics.success_rate * true_positives
    misses = contacts - true_positives
    cost = economics.cost_of_contact * contacts + economics.cost_of_taker * (retained + misses)
    net = retained * value - cost
    point = CurvePoint(
        threshold=threshold,
        contacts=contacts,
        true_positives=true_positives,
        false_positives=misses,
        precision=true_positives / contacts,
        recall=true_positives / churners,
        cost=cost,
        retained=retained,
        revenue=retained * value,
        net_profit=net,
        roi=net / cost if cost > 0 else None,
    )
    best = economics.success_rate * (value - economics.cost_of_taker) - economics.cost_of_contact
    return _result(
        point,
        cells,
        drawn,
        economics,
        value_range,
        mode="threshold",
        outcomes="given",
        grid=(point,),
        perfect_profit=churners * max(best, 0.0),
        draws=draws,
        seed=seed,
    )


def perfect_profit(p: Floats, truth: Bools | None, worth: float | Floats, economics: Economics) -> float:
    """What contacting those who churn, and nobody else, would earn."""
    stakes = worth if truth is None or isinstance(worth, float) else worth[truth]
    gain = np.maximum(economics.success_rate * (stakes - economics.cost_of_taker) - economics.cost_of_contact, 0.0)
    return float(np.sum((p if truth is None else np.ones(int(np.count_nonzero(truth)))) * gain))


def choose(curve: ThresholdCurve, mode: Mode, amount: float | None) -> CurvePoint:
    """Return the campaign that `mode` and `amount` name. Raises ConfigError for an amount out of range."""
    if mode == "optimum":
        return curve.optimum()
    if amount is None or not np.isfinite(amount) or amount < 0:
        raise ConfigError(f"{amount} is not an amount, 0 or more", where=mode)
    if mode == "threshold":
        if amount > 1:
            raise ConfigError(f"{amount} is not a probability", where=mode, remedy="Give a number between 0 and 1.")
        return curve.at_threshold(amount)
    return within_budget(curve, amount) if mode == "budget" else curve.at_contacts(float(np.floor(amount)))


def within_budget(curve: ThresholdCurve, budget: float) -> CurvePoint:
    """Return the most profitable campaign that `budget` pays for even if everybody takes the incentive, as plans do."""
    cost = curve.economics.contact_cost + curve.economics.incentive_cost
    best = curve.optimum()
    most = np.floor(budget / cost + 1e-9) if cost > 0 else np.inf
    return best if best.contacts <= most else curve.at_contacts(float(most))


def _result(
    point: CurvePoint,
    cells: Cells,
    drawn: Draws,
    economics: Economics,
    value_range: tuple[float, float],
    *,
    mode: Mode,
    outcomes: Outcomes,
    grid: tuple[CurvePoint, ...],
    perfect_profit: float,
    draws: int,
    seed: int,
) -> SimulationResult:
    """Everything but the optimum, at the bin where the chosen campaign ends (none where nobody is contacted)."""
    place = int(np.searchsorted(cells.contacts, point.contacts - 1e-6)) if point.contacts > 0 else -1
    net = drawn.net_profit[:, place] if place >= 0 else np.zeros(draws)
    hits = drawn.churners[:, place] if place >= 0 else np.zeros(draws)
    stakes = np.cumsum(cells.churners * cells.mean_value)
    stake = float(stakes[place]) if place >= 0 else 0.0
    churners = float(cells.churners.sum())
    average = float(stakes[-1]) / churners if churners > 0 else float(cells.mean_value.mean())
    low, median, high = np.quantile(drawn.net_profit[:, : len(grid)], (0.05, 0.5, 0.95), axis=0)
    break_even = break_even_probability(average, economics)
    return SimulationResult(
        mode=mode,
        outcomes=outcomes,
        point=point,
        customers=round(float(cells.contacts[-1])),
        churners=churners,
        average_value=average,
        break_even=float(np.asarray(break_even)),
        profit=interval_of(net),
        loss_probability=float(np.mean(net < 0.0)),
        grid=grid,
        bands=tuple(DrawnRange(*map(float, points)) for points in zip(low, median, high, strict=True)),
        optimum=None,
        tornado=tornado(point, stake, economics, value_range, interval_of(hits)),
        perfect_profit=perfect_profit,
        splits_ties=False,
        draws=draws,
        seed=seed,
    )


def _optimum(best: CurvePoint, cells: Cells, drawn: Draws, economics: Economics, *, is_known: bool) -> Optimum:
    nobody = np.zeros((drawn.net_profit.shape[0], 1))
    winner = np.argmax(np.hstack([nobody, drawn.net_profit]), axis=1)
    threshold, contacts = np.append(1.0, cells.threshold), np.append(0.0, cells.contacts)
    place = int(np.searchsorted(cells.contacts, best.contacts - 1e-6)) if best.contacts > 0 else -1
    optimism = 0.0
    if is_known:
        # Choose on a redrawn population, look up on the given one: what the choice gained by luck alone (Efron 1983).
        redrawn = np.hstack([nobody, drawn.net_profit_at_terms])
        chosen = np.argmax(redrawn, axis=1)
        given = np.append(0.0, cells.net_profit(economics))
        optimism = float(np.mean(redrawn[np.arange(chosen.size), chosen] - given[chosen]))
    return Optimum(
        point=best,
        threshold=interval_of(threshold[winner]),
        contacts=interval_of(contacts[winner]),
        profit=interval_of(drawn.net_profit[:, place] if place >= 0 else nobody[:, 0]),
        optimism=max(optimism, 0.0),
    )

"""Finds the prices of the limits at which the linear relaxation of an allocation is solved, exactly and in few passes.

The relaxation's dual asks for prices that minimise D(price) = price x limit + sum over customers of the best net gain
(never below 0). With prices near their optimum, almost every customer's best offer is settled: only those for whom two
offers are close can change. So each step looks at everybody once, keeps a few thousand *close* customers, and solves
the rest of D exactly within the box of prices in which nobody else can change: a linear programme of a few thousand
columns. When the answer lies inside the box it is the optimum of the whole (D is convex); when it lies on its edge the
box moves. Where to begin is learnt from samples of customers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn.decisions.allocation.problem import NONE, AllocationProblem, Choice, Rows
from churn.decisions.checks import Floats
from churn.errors import CampaignError

CLOSE = 600  # customers in one linear programme
SAMPLE = 20_000  # sample for the first prices, where there are more than four times as many customers
_KINDS = 6_000  # kinds of identical customers: so few fit into one programme
_NEAR_SHARE = 2  # at first one in this many customers counts as close
_STEPS = 40
_SEED = 20  # of the samples; another leads to the same optimum


@dataclass(frozen=True)
class Relaxation:
    """The relaxation's solution: prices (m,), the bound D, and a choice (n,) that keeps whole customers only.

    `loose` are those to whom the relaxation gives a part of an offer; `reach` (m,) is how far prices went lately,
    and `unit` (m,) a scale for each of them.
    """

    price: Floats
    reach: Floats
    unit: Floats
    bound: float
    choice: Choice
    loose: Rows


@dataclass(frozen=True)
class _PriceStep:
    """Prices after one linear programme, D there, how far each went in its box (0..1), and the choice that belongs."""

    price: Floats
    bound: float
    box: Floats
    went: Floats
    choice: Choice
    loose: Rows

    @property
    def is_optimal(self) -> bool:
        """Whether no price was held by its box."""
        return bool(np.all(self.went < 1.0))


def relax(problem: AllocationProblem, start: Relaxation | None = None) -> Relaxation:
    """Return the relaxation's solution; `start` is that of a problem with nearly the same limits, where there is one.

    Raises CampaignError where the solver gives up, which valid amounts do not make it do.
    """
    if start is not None:
        step = _descend(problem, start.price, start.reach, start.unit)
        return Relaxation(step.price, _next_reach(step, start.unit), start.unit, step.bound, step.choice, step.loose)
    price = np.zeros(problem.limit.size)
    reach = unit = _first_reach(problem)
    free, value, _ = problem.look(price, reach)
    if problem.fits(problem.usage(free)):
        return Relaxation(price, reach, unit, float(value.sum()), free, np.empty(0, np.int64))
    for size in (CLOSE, SAMPLE):
        if problem.customers > size * (1 if size == CLOSE else 4):
            step = _descend(_sample(problem, size), price, reach, unit)
            price, reach = step.price, _next_reach(step, unit)
    return relax(problem, Relaxation(price, reach, unit, np.inf, free, np.empty(0, np.int64)))


def _sample(problem: AllocationProblem, size: int) -> AllocationProblem:
    """Return the problem of a random part of the customers, with the same part of each limit."""
    rows = np.random.default_rng(_SEED).choice(problem.customers, size, replace=False, shuffle=False)
    return problem.some(np.sort(rows), problem.limit * (size / problem.customers))


def _first_reach(problem: AllocationProblem) -> Floats:
    """A hundredth of what the best offers of all customers would earn per unit of each limit they take."""
    some = problem if problem.customers <= SAMPLE else _sample(problem, SAMPLE)
    is_made = some.gain > 0
    spent = np.where(is_made, some.cost, 0.0).sum(axis=1)
    usage = some.count @ is_made.sum(axis=1) + some.money @ spent
    unit: Floats = np.maximum(0.01 * some.gain.max(axis=0, initial=0.0).sum() / np.maximum(usage, 1e-9), 1e-9)
    return unit


def _next_reach(step: _PriceStep, unit: Floats) -> Floats:
    """Double the reach where the box held a price, shorten it where the price hardly moved, and keep all similar."""
    box = np.where(np.isfinite(step.box), step.box, np.maximum(0.1 * step.price, unit))
    share = box * (0.1 + 2.0 * step.went) / unit
    return unit * np.maximum(share, max(0.05 * share.max(initial=0.0), 1e-6))


def _descend(problem: AllocationProblem, price: Floats, reach: Floats, unit: Floats) -> _PriceStep:
    """Go from box to box, ever smaller ones, until the prices are optimal or no longer move.

    In the first boxes more customers are close than one programme takes, so a sample of them shows how they answer to
    prices that *change*; how they answer to the present ones is counted. The error is a small part of each move.
    """
    if _are_alike(problem):
        choice, _, _ = problem.look(price, reach)
        return _solve(problem, price, np.full_like(price, np.inf), choice, np.arange(problem.customers), 1.0)
    rng = np.random.default_rng(_SEED)
    near = max(CLOSE, min(problem.customers // _NEAR_SHARE, CLOSE * 60))
    for _ in range(_STEPS):
        choice, _, secure = problem.look(price, reach)
        scale = _scale(secure, near)
        close = np.flatnonzero((secure <= scale) & (secure < np.inf))  # what no price can change is settled
        weight = 1.0
        if near > CLOSE and close.size > CLOSE:
            weight = close.size / CLOSE
            close = np.sort(rng.choice(close, CLOSE, replace=False, shuffle=False))
        step = _solve(problem, price, scale * reach, choice, close, weight)
        if weight == 1.0 and (step.is_optimal or np.array_equal(step.price, price)):
            break
        if step.is_optimal:
            near = max(CLOSE, int(near * min(0.5, 0.3 * step.went.max())))
        price, reach = step.price, _next_reach(step, unit)
    else:
        if problem.customers <= SAMPLE:  # ties that no step resolves: solve for everybody at once, slow but sure
            step = _solve(problem, price, np.full_like(price, np.inf), choice, np.arange(problem.customers), 1.0)
    return step


def _are_alike(problem: AllocationProblem) -> bool:
    """Whether there are few kinds of customers, as stepwise calibration makes them; checks a sample first."""
    if problem.customers <= CLOSE:
        return False
    some, _, _ = _kinds(problem, np.arange(0, problem.customers, problem.customers // CLOSE))
    return some.size < 0.9 * CLOSE and _kinds(problem, np.arange(problem.customers))[0].size <= _KINDS


def _scale(secure: Floats, near: int) -> float:
    """How far prices may go with `near` customers close; further where more of them than that are on the very edge."""
    if secure.size <= near:
        return np.inf
    scale = float(np.partition(secure, near)[near])
    return scale if scale > 1e-9 else float(secure[secure > 1e-9].min(initial=np.inf))


def _solve(
    problem: AllocationProblem, price: Floats, box: Floats, choice: Choice, close: Rows, weight: float
) -> _PriceStep:
    """Minimise D over the box by its dual: everything open for `close`, `weight` times, the others as chosen."""
    from scipy import optimize, sparse

    low, high = np.maximum(price - box, 0.0), price + box
    fixed = choice.copy()
    fixed[close] = NONE
    among = np.full_like(choice, NONE)
    among[close] = choice[close]
    left = problem.limit - problem.usage(fixed) + (weight - 1.0) * problem.usage(among)
    kinds, times, kind_of = _kinds(problem, close)
    times *= weight
    here = problem.some(kinds, left)
    offer, row = _rivals(here, price, box)
    m, size = left.size, offer.size
    once = sparse.csr_matrix((np.ones(size), (row, np.arange(size))), shape=(kinds.size, size + 2 * m))
    within = sparse.csr_matrix(np.hstack([here.usage_of(offer, row), np.eye(m), -np.eye(m)]))
    # These terms keep prices in the box: a spare unit earns `low`, an excess unit costs `high`.
    solution = optimize.linprog(
        np.concatenate([-here.gain[offer, row], -low, np.where(np.isfinite(high), high, 0.0)]),
        A_ub=once,
        b_ub=times,
        A_eq=within,
        b_eq=left,
        bounds=np.array(
            [(0.0, np.inf)] * (size + m) + [(0.0, np.inf if is_boxed else 0.0) for is_boxed in np.isfinite(high)]
        ),
        method="highs-ipm",
    )
    if solution.x is None:
        raise CampaignError(f"the allocation could not be solved: {solution.message}", where="allocation")
    new = np.clip(-solution.eqlin.marginals, low, high)
    bound = problem.profit(fixed) + float(new @ left + times @ here.net(new, slice(None)).max(axis=0, initial=0.0))
    slack, excess = solution.x[size : size + m], solution.x[size + m :]
    small = 1e-7 * np.maximum(1.0, problem.limit)
    held = ((slack > small) & (low > 0.0)) | (excess > small)
    with np.errstate(divide="ignore", invalid="ignore"):
        went = np.where(box > 0, np.abs(new - price) / box, 0.0)
    went = np.where(held, 1.0, np.minimum(went, 0.999))
    loose = close
    if weight == 1.0:
        loose = _hand_out(fixed, close, kind_of, times, offer, row, solution.x[:size])
    return _PriceStep(new, bound, box, went, fixed, loose)


def _kinds(problem: AllocationProblem, close: Rows) -> tuple[Rows, Floats, Rows]:
    """Group customers with identical gains and costs: (first of each kind, its size, kind of each close customer)."""
    cells = [problem.gain[:, close]] + ([problem.cost[:, close]] if problem.cost.shape[1] != 1 else [])
    bits = np.ascontiguousarray(np.vstack(cells)).view(np.uint64)
    odd = 2 * np.random.default_rng(_SEED).integers(1, 2**62, (bits.shape[0], 1)) + 1
    mixed = (bits ^ (bits >> np.uint64(31))) * odd.astype(np.uint64)
    key = (mixed ^ (mixed >> np.uint64(29))).sum(axis=0, dtype=np.uint64)
    _, first, kind, times = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    if not np.array_equal(bits, bits[:, first][:, kind]):  # two kinds share a key: treat all customers as different
        return close, np.ones(close.size), np.arange(close.size)
    return close[first], times.astype(np.float64), kind


def _rivals(here: AllocationProblem, price: Floats, box: Floats) -> tuple[NDArray[np.int64], Rows]:
    """(offer, row) of every offer that could be somebody's best within the box."""
    can = here.gain > 0.0
    if np.isfinite(box).all():
        value, span = here.net(price, slice(None)), here.spans(box, slice(None))
        sure = np.maximum((value - span).max(axis=0, initial=0.0), 0.0)
        can &= value + span >= sure
    offer, row = np.nonzero(can)
    return offer, row


def _hand_out(
    fixed: Choice, close: Rows, kind_of: Rows, times: Floats, offer: NDArray[np.int64], row: Rows, part: Floats
) -> Rows:
    """Give each kind's customers their whole numbers of offers, first come first served; return those left loose."""
    whole = np.floor(part + 1e-7).astype(np.int64)
    order = np.lexsort((offer, row))
    wanted = np.repeat(offer[order], whole[order])
    by_kind = np.argsort(kind_of, kind="stable")
    starts = np.concatenate([[0], np.cumsum(times.astype(np.int64))[:-1]])
    given = np.bincount(row, weights=whole, minlength=times.size).astype(np.int64)
    place = np.repeat(starts - (np.cumsum(given) - given), given) + np.arange(wanted.size)
    fixed[close[by_kind[place]]] = wanted
    partly = np.bincount(row, weights=part, minlength=times.size) - given > 1e-7
    return np.sort(close[by_kind[(starts + given)[partly]]])

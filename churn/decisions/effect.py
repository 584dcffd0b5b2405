"""What an offer does, by cause: a signed churn avoided, believed with a range, and learnt from as-assigned outcomes.

The churn avoided of a customer is linear in a few numbers: tau(x) = sum over causes of p_cause(x) m_cause(x) rate_cause - harm,
with p_cause the part of the churn probability, m_cause a modifier of the offer, and harm the churn that contact adds. Here a
row of `design` holds the factors of those numbers, (p m, ..., -1), so that tau = design @ numbers.

**Learning.** churned ~ Bernoulli(p' - w tau), with w 1 for the treated and 0 for the holdout, and p' = expit(a + b logit p + c + d): the
probabilities are recalibrated together with the effect, so that a wrong p is not learnt as one. Customers whom nobody chose
or contacted show a and b far more surely than a few who were held out, and c, what their causes of churn add (see
`decisions.recalibration`); d, small, is how far the chosen may lie beside them.
Fisher scoring finds the maximum a posteriori; there the likelihood is a normal one in (a, b, d, numbers), and all but the
numbers are integrated out. What is left, `Evidence`, adds up over rounds and campaigns (precision and precision x mean).

**Belief.** The prior is normal through the file's low and high (its 5 % and 95 % points), mixed with a wide one around no effect,
for the case that the file is wrong: its weight grows only where outcomes contradict the file, so that harm is believed
within a round or two. All of it is arithmetic: the same outcomes give the same belief.

**Files of one company err alike.** Where the outcomes of its other offers show that these keep less than their files promise, the rates
of an offer begin at that share of its file (`share_kept`), so that contact which harms is not tried with one offer after another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from churn.decisions.checks import Bools, Floats

Z_90: Final = 1.6448536269514722  # 5 % and 95 % points of the normal distribution
FILE_IS_WRONG: Final = 0.1  # prior chance of it
_WIDE: Final = 0.5  # most that the standard deviation of a rate is in the wide prior, around 0
_WIDE_HARM: Final = 0.02
_LEAST: Final = 1e-4  # no range is narrower
# Prior standard deviations of the share of its files that a company's offers keep, around 1, and of one offer's around that.
_KEPT_SPREAD, _OFFERS_SPREAD = 0.5, 0.5
_EDGE: Final = 1e-3  # probabilities of churn are kept off 0 and 1 by this
# Prior standard deviations of the log-odds' level, of b (around 1), and of how far the level of the chosen may lie beside it.
_SHIFT, _SLOPE, _OWN_SHIFT = 1.0, 0.5, 0.1
_NUISANCES: Final = 3
_STEPS: Final = 100


@dataclass(frozen=True)
class RangePrior:
    """One number of an offer as its file has it: the 5 % point, expected, the 95 % point. `is_rate`: not the harm."""

    key: str
    low: float
    expected: float
    high: float
    is_rate: bool = True

    @property
    def spread(self) -> float:
        """Standard deviation of the normal distribution with that range."""
        return max((self.high - self.low) / (2.0 * Z_90), _LEAST)


@dataclass(frozen=True)
class Evidence:
    """What the outcomes of one campaign say of the numbers `keys` (k,): normal, by `precision` (k, k) and `shift` (k,).

    `shift` is precision x mean. `intercept` and `slope` are those of the recalibrated probabilities; `rounds` counts the plans.
    The numbers act on the model's own probabilities; `basis` (k,) says by what recalibration multiplied these, () by nothing.
    """

    keys: tuple[str, ...]
    precision: tuple[tuple[float, ...], ...]
    shift: tuple[float, ...]
    treated: int
    holdout: int
    intercept: float
    slope: float
    rounds: int = 1
    basis: tuple[float, ...] = ()

    def recalibrated(self) -> Evidence:
        """Return what the same outcomes say of numbers that act on recalibrated probabilities."""
        if not self.basis:
            return self
        basis = np.array(self.basis)
        precision = np.array(self.precision) * np.outer(basis, basis)
        return replace(
            self,
            precision=tuple(tuple(float(value) for value in row) for row in precision),
            shift=tuple(float(value) for value in basis * np.array(self.shift)),
            basis=(),
        )


@dataclass(frozen=True)
class BelievedNumber:
    """One number with its mean and 5 % and 95 % points: of the belief, and `prior` as the file has it."""

    key: str
    mean: float
    low: float
    high: float
    prior: RangePrior


@dataclass(frozen=True)
class Belief:
    """What is believed of an offer's numbers: `mean` (k,), `covariance` (k, k), each number with its range.

    `contradiction` is the chance that the file is wrong, `measured` how many rounds were learnt from. `kept` is the share of the
    file's rates that the belief began with.
    """

    numbers: tuple[BelievedNumber, ...]
    mean: Floats
    covariance: Floats
    contradiction: float
    measured: int
    kept: float = 1.0

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the numbers, in the order of a design's columns."""
        return tuple(number.key for number in self.numbers)

    def avoided(self, design: Floats) -> Floats:
        """Return the churn avoided (n,), signed, of rows of `design` (n, k)."""
        return np.asarray(design @ self.mean)

    def error(self, design: Floats) -> float:
        """Return the standard error of the mean churn avoided over the rows of `design` (n, k)."""
        if not len(design):
            return 0.0
        middle = design.mean(axis=0)
        return float(np.sqrt(max(middle @ self.covariance @ middle, 0.0)))

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Return drawn numbers, shape (count, k)."""
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.clip(values, 0.0, None))
        return np.asarray(self.mean + rng.standard_normal((count, self.mean.size)) @ root.T)


def learn_evidence(
    churned: Bools,
    treated: Bools,
    probability: Floats,
    design: Floats,
    priors: Sequence[RangePrior],
    *,
    is_beside: Bools | None = None,
    by_cause: Floats | None = None,
) -> Evidence:
    """Return what as-assigned outcomes say: `churned`, `treated`, `probability` (n,) before contact, `design` (n, k).

    `is_beside` (n,) marks customers whom nobody had chosen: they show how far the probabilities are off, but those of the
    chosen may be off by a little more or less. `by_cause` (n,) is what their causes of churn are known to add to the log-odds.
    The priors only say where the likelihood is looked at, not what it says.
    """
    from scipy.special import expit, logit

    y, w = churned.astype(np.float64), treated.astype(np.float64)
    x = logit(np.clip(probability, 1e-6, 1.0 - 1e-6))
    level = float(x.mean())  # centred, so that a and b do not stand in for each other
    x = x - level
    numbers = len(priors)
    own = np.ones(y.size) if is_beside is None else 1.0 - is_beside
    causes = np.zeros(y.size) if by_cause is None else by_cause
    start = np.concatenate([[level, 1.0, 0.0], [prior.expected for prior in priors]])
    spread = np.concatenate(
        [[_SHIFT, _SLOPE, _OWN_SHIFT], [max(prior.spread, _WIDE if prior.is_rate else _WIDE_HARM) for prior in priors]]
    )
    weak = np.diag(spread**-2.0)

    def parts(at: Floats) -> tuple[Floats, Floats]:
        base = expit(at[0] + at[1] * x + at[2] * own + causes)
        mean = np.clip(base - w * (design @ at[_NUISANCES:]), _EDGE, 1.0 - _EDGE)
        rise = (base * (1.0 - base))[:, None]
        return mean, np.hstack([rise, rise * x[:, None], rise * own[:, None], -w[:, None] * design])

    def loss(at: Floats) -> float:
        mean, _ = parts(at)
        off = (at - start) / spread
        return float(0.5 * off @ off - np.sum(y * np.log(mean) + (1.0 - y) * np.log1p(-mean)))

    at, best = start.copy(), loss(start)
    for _ in range(_STEPS):
        mean, slopes = parts(at)
        weight = 1.0 / (mean * (1.0 - mean))
        gradient = slopes.T @ (weight * (y - mean)) - weak @ (at - start)
        step = np.linalg.solve(slopes.T @ (weight[:, None] * slopes) + weak, gradient)
        size = 1.0
        while size > 1e-6 and loss(at + size * step) > best:
            size /= 2.0
        if size <= 1e-6:  # no step in this direction improves, and the next one would try the same
            break
        at = at + size * step
        previous, best = best, loss(at)
        if abs(previous - best) < 1e-10:
            break
    mean, slopes = parts(at)
    # How much luck is in outcomes is taken between those that came and those that the file expects: a few of whom by luck nobody
    # left would else seem sure to stay.
    by_file, _ = parts(np.concatenate([at[:_NUISANCES], start[_NUISANCES:]]))
    between = (mean + by_file) / 2.0
    weight = 1.0 / (between * (1.0 - between))
    information = slopes.T @ (weight[:, None] * slopes)
    shift = slopes.T @ (weight * (y - mean)) + information @ at
    # Level, slope and the own level are integrated out under their own prior.
    m = _NUISANCES
    nuisance = information[:m, :m] + weak[:m, :m]
    pull = shift[:m] + weak[:m, :m] @ start[:m]
    across = information[m:, :m]
    precision = information[m:, m:] - across @ np.linalg.solve(nuisance, across.T)
    left = shift[m:] - across @ np.linalg.solve(nuisance, pull)
    assert precision.shape == (numbers, numbers)
    return Evidence(
        keys=tuple(prior.key for prior in priors),
        precision=tuple(tuple(float(value) for value in row) for row in (precision + precision.T) / 2.0),
        shift=tuple(float(value) for value in left),
        treated=int(w.sum()),
        holdout=int(((1.0 - w) * own).sum()),
        intercept=float(at[0] + at[2] - at[1] * level),
        slope=float(at[1]),
    )


def believe(priors: Sequence[RangePrior], evidence: Sequence[Evidence] = (), kept: float = 1.0) -> Belief:
    """Return what is believed of the numbers after the evidence that names the same ones; other evidence is left out.

    `kept` is the share of the file's rates to begin with; see `share_kept`.
    """
    keys = tuple(prior.key for prior in priors)
    usable = [piece for piece in evidence if piece.keys == keys]
    precision = sum((np.array(piece.precision) for piece in usable), np.zeros((len(keys), len(keys))))
    shift = sum((np.array(piece.shift) for piece in usable), np.zeros(len(keys)))
    mean, spread, wide_mean, wide_spread = prior_centres(priors, kept)
    parts = [
        (share, *_normal(centre, width, precision, shift))
        for share, centre, width in (
            (1.0 - FILE_IS_WRONG, mean, spread),
            (FILE_IS_WRONG if usable else 0.0, wide_mean, wide_spread),  # unmeasured, the file stands
        )
        if share > 0.0
    ]
    weight = np.array([np.log(share) + log_evidence for share, _, _, log_evidence in parts])
    weight = np.exp(weight - weight.max())
    weight /= weight.sum()
    middle = sum((w * m for w, (_, m, _, _) in zip(weight, parts, strict=True)), np.zeros(len(keys)))
    covariance = sum(
        (w * (c + np.outer(m - middle, m - middle)) for w, (_, m, c, _) in zip(weight, parts, strict=True)),
        np.zeros((len(keys), len(keys))),
    )
    believed = []
    for k, prior in enumerate(priors):
        centres = np.array([m[k] for _, m, _, _ in parts])
        spreads = np.array([np.sqrt(c[k, k]) for _, _, c, _ in parts])
        low, high = (_quantile(share, weight, centres, spreads) for share in (0.05, 0.95))
        believed.append(BelievedNumber(prior.key, float(middle[k]), low, high, prior))
    wrong = float(weight[1]) if len(parts) > 1 else 0.0
    return Belief(tuple(believed), middle, covariance, wrong, sum(piece.rounds for piece in usable), kept)


def share_kept(others: Sequence[Sequence[tuple[Sequence[float], Evidence]]]) -> float:
    """Return the share of its file that an offer's rates begin with, by the outcomes of the company's `others`.

    Each other offer has the pieces of its evidence, with the numbers (k,) that its file states. The share that offers keep is normal
    around the company's own, which is normal around 1 before anything is measured. What is counted with lies one standard error
    above the mean, and never above 1: only outcomes that show less move it.
    """
    precision = shift = _KEPT_SPREAD**-2.0
    for pieces in others:
        known = shown = 0.0
        for expected, piece in pieces:
            stated = np.asarray(expected, dtype=np.float64)
            known += float(stated @ np.array(piece.precision) @ stated)
            shown += float(stated @ np.array(piece.shift))
        weight = 1.0 / (1.0 + known * _OFFERS_SPREAD**2)  # an offer of its own kind says so much less of the others
        precision += weight * known
        shift += weight * shown
    return float(min(shift / precision + precision**-0.5, 1.0))


def if_file_is_wrong(belief: Belief) -> tuple[Floats, Floats]:
    """Return mean and spread (k,) of the numbers where the file is wrong: around no effect, and wide."""
    _, _, mean, spread = prior_centres([number.prior for number in belief.numbers])
    return mean, spread


def draw_numbers(priors: Sequence[RangePrior], count: int, rng: np.random.Generator) -> Floats:
    """Return true numbers of `count` companies, (count, k), as `believe` holds them possible before anything is measured.

    Within the file's range, or, with the chance that it is wrong, around no effect at all; rates within -1..1, harm from 0 up.
    """
    mean, spread, wide_mean, wide_spread = prior_centres(priors)
    is_rate = np.array([prior.is_rate for prior in priors], dtype=bool)
    is_wrong = rng.random((count, 1)) < FILE_IS_WRONG
    noise = rng.standard_normal((count, len(priors)))
    stated = np.clip(mean + spread * noise, 0.0, 1.0)
    wide = np.clip(wide_mean + wide_spread * noise, np.where(is_rate, -1.0, 0.0), 1.0)
    return np.asarray(np.where(is_wrong, wide, stated))


def expected_precision(
    probability: Floats, design: Floats, priors: Sequence[RangePrior], treated: Floats, alone: Floats
) -> Floats:
    """Return the precision (d, k, k) that outcomes will have as `Evidence`, before they are known.

    Of n kinds of customers with `probability` (n,) and `design` (n, k), `treated` and `alone` (d, n) say how many of each
    are contacted and left alone, in d cases. Level and slope of the probabilities are integrated out, as in `learn_evidence`;
    how much chance there is in outcomes is taken at the numbers that the priors expect.
    """
    from scipy.special import logit

    p = np.clip(probability, _EDGE, 1.0 - _EDGE)
    x, rise = logit(p), p * (1.0 - p)
    base = np.column_stack([rise, rise * (x - x.mean())])
    held, contacted = np.hstack([base, np.zeros_like(design)]), np.hstack([base, -design])
    size = held.shape[1]

    def information(counts: Floats, slopes: Floats, mean: Floats) -> Floats:
        outer = np.einsum("ni,nj,n->nij", slopes, slopes, 1.0 / (mean * (1.0 - mean))).reshape(-1, size * size)
        sums = np.einsum("dn,nk->dk", counts, outer, optimize=False)  # too small for threads
        return np.asarray(sums.reshape(-1, size, size))

    left = np.clip(p - design @ np.array([prior.expected for prior in priors]), _EDGE, 1.0 - _EDGE)
    total = information(treated, contacted, left) + information(alone, held, p)
    nuisance = total[:, :2, :2] + np.diag([_SHIFT**-2.0, _SLOPE**-2.0])
    across = total[:, 2:, :2]
    precision = total[:, 2:, 2:] - across @ np.linalg.solve(nuisance, np.swapaxes(across, 1, 2))
    return np.asarray((precision + np.swapaxes(precision, 1, 2)) / 2.0)


def posterior_means(priors: Sequence[RangePrior], precision: Floats, shift: Floats) -> Floats:
    """Return the means (d, k) that `believe` has after evidence of `precision` (d, k, k) and `shift` (d, k)."""
    mean, spread, wide_mean, wide_spread = prior_centres(priors)
    right, _, right_weight = _normal(mean, spread, precision, shift)
    wide, _, wide_weight = _normal(wide_mean, wide_spread, precision, shift)
    odds = np.log(FILE_IS_WRONG / (1.0 - FILE_IS_WRONG)) + wide_weight - right_weight
    share = 1.0 / (1.0 + np.exp(-np.clip(odds, -500.0, 500.0)))[:, None]
    return np.asarray((1.0 - share) * right + share * wide)


def prior_centres(priors: Sequence[RangePrior], kept: float = 1.0) -> tuple[Floats, Floats, Floats, Floats]:
    """Return mean and spread (k,) of the prior by the file's ranges, and of the one that holds where the file is wrong.

    `kept` is the share of the file's rates to begin with.
    """
    mean = np.array([kept * prior.expected if prior.is_rate else prior.expected for prior in priors])
    spread = np.array([prior.spread for prior in priors])
    is_free = np.array([prior.is_rate and prior.high > prior.low for prior in priors], dtype=bool)
    # A file that is wrong promises too much, seldom too little: an effect beyond what it holds possible is luck more often than news.
    wide = np.array([min(_WIDE, max(abs(prior.low), abs(prior.high), prior.spread)) for prior in priors])
    return mean, spread, np.where(is_free, 0.0, mean), np.where(is_free, wide, spread)


def _normal(mean: Floats, spread: Floats, precision: Floats, shift: Floats) -> tuple[Floats, Floats, Floats]:
    """Return mean and covariance after the evidence, and the log of what the prior had expected it with.

    `precision` (..., k, k) and `shift` (..., k) may be of many cases at once.
    """
    prior = np.diag(spread**-2.0)
    both = prior + precision
    covariance = np.linalg.inv(both)
    centre = np.einsum("...ij,...j->...i", covariance, prior @ mean + shift)
    ratio = np.linalg.slogdet(prior)[1] - np.linalg.slogdet(both)[1]
    fit = np.einsum("...i,...ij,...j->...", centre, both, centre) - mean @ prior @ mean
    symmetric = (covariance + np.swapaxes(covariance, -1, -2)) / 2.0
    return np.asarray(centre), np.asarray(symmetric), np.asarray(0.5 * (ratio + fit))


def _quantile(share: float, weight: Floats, centre: Floats, spread: Floats) -> float:
    """Return the point below which `share` of a mixture of normals lies, by bisection."""
    from scipy.special import ndtr

    low, high = float((centre - 8 * spread).min()), float((centre + 8 * spread).max())
    for _ in range(80):
        middle = (low + high) / 2.0
        if float(weight @ ndtr((middle - centre) / spread)) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0

"""A multinomial logistic model of the hazard of each period by cause, with ridge penalties, fitted by Newton's steps.

The log-odds of a loss by cause c in period k, against staying, are a[k, c] + f[k] x . (w[c] + z[k] v[c]): every period has
a level of its own; a feature counts as w at first and as w + v in the end (z = 1 - 1 / k: half the way by the second
month, for what people did last week tells of the weeks that follow). f[k] is 1
where a period has many losses and falls to 0 where it has few: there everybody has the period's own hazard, which the
free level makes the product-limit estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from churn.decisions.checks import Floats
from churn.modeling.encoding.encoder import Matrix
from churn.modeling.lifetime.followed import GROUPS, Followed

FEW_LOSSES: Final = 8.0  # a period with so many losses counts features half
_STEPS = 25
_CLIP = 4.0  # spreads from the mean; further out says no more


@dataclass(frozen=True)
class Scaling:
    """How encoded columns become comparable: those of `columns` (m,), signed logarithms, less `centre`, by `spread`."""

    columns: tuple[int, ...]
    centre: tuple[float, ...]
    spread: tuple[float, ...]

    def __call__(self, matrix: Matrix) -> Matrix:
        """Return the scaled columns of encoded rows, (n, m)."""
        picked = matrix[:, list(self.columns)].astype(np.float32, copy=False)
        scaled = np.copysign(np.log1p(np.abs(picked)), picked)
        scaled -= np.asarray(self.centre, dtype=np.float32)
        scaled /= np.asarray(self.spread, dtype=np.float32)
        return np.clip(scaled, -_CLIP, _CLIP, out=scaled)


def fit_scaling(matrix: Matrix, columns: list[int]) -> Scaling:
    """Learn the scaling of `columns` of encoded rows; columns that are the same for everyone are left out."""
    picked = matrix[:, columns].astype(np.float64)
    bent = np.copysign(np.log1p(np.abs(picked)), picked)
    spread = bent.std(axis=0)
    differs = np.flatnonzero(spread > 1e-6)
    return Scaling(
        tuple(columns[i] for i in differs),
        tuple(np.round(bent.mean(axis=0)[differs], 6).tolist()),
        tuple(np.round(np.maximum(spread[differs], 1e-6), 6).tolist()),
    )


@dataclass(frozen=True)
class HazardWeights:
    """One set of the model's numbers: levels (K, C), first (m, C) and later (m, C) weights."""

    level: Floats
    first: Floats
    later: Floats

    def hazards(self, scaled: Matrix | Floats, trust: Floats) -> Floats:
        """Return the hazards of scaled rows, (n, K, C)."""
        odds = self.log_odds(scaled, trust)
        top = np.maximum(odds.max(axis=2, keepdims=True), 0.0)
        raised = np.exp(odds - top)
        return np.asarray(raised / (np.exp(-top) + raised.sum(axis=2, keepdims=True)))

    def log_odds(self, scaled: Matrix | Floats, trust: Floats) -> Floats:
        """Return the log-odds of each cause against staying, (n, K, C)."""
        both = np.concatenate([self.first, self.later], axis=1)
        line = np.asarray(scaled) @ (both.astype(np.float32) if scaled.dtype == np.float32 else both)
        first, later = np.split(line, 2, axis=1)
        bent = first[:, None, :] + course(trust.size)[None, :, None] * later[:, None, :]
        return np.asarray(self.level[None] + trust[None, :, None] * bent, dtype=np.float64)


def course(periods: int) -> Floats:
    """Return z = 1 - 1 / k of each period k: how far a feature is on the way from its first to its late weight, (K,)."""
    return 1.0 - 1.0 / np.arange(1, periods + 1)


@dataclass(frozen=True)
class Penalties:
    """Ridge penalties of the first weights w and of the later ones v."""

    first: float
    later: float


GRID: Final = tuple(Penalties(first, first * times) for first in (3.0, 12.0, 50.0) for times in (2.0, 30.0))
_HELD: Final = GROUPS - 2  # of the groups of customers, these and later ones are held out to choose penalties by


@dataclass(frozen=True)
class FittedHazards:
    """The model's weights, those without each group of customers (for intervals), and the trust in each period (K,).

    `penalties` are those that it was fitted under; None in a model that serves.
    """

    weights: HazardWeights
    without: tuple[HazardWeights, ...]
    trust: Floats
    penalties: Penalties | None = None


def choose_penalties(scaled: Matrix, rows: Followed, causes: int, periods: int) -> Penalties:
    """Return those of `GRID` under which customers who were held out are the most likely."""
    is_held = rows.group >= _HELD
    held, _ = _prepared(scaled[is_held], rows.some(is_held), causes, periods, GRID[0])
    if not held.lost.any():
        return GRID[len(GRID) // 2]
    learnt, trust = _prepared(scaled[~is_held], rows.some(~is_held), causes, periods, GRID[0])
    losses, theta = [], learnt.start()
    for penalties in GRID:
        theta = _minimised(learnt.under(penalties), theta)  # the last minimum is near the next
        losses.append(held.likelihood_loss(theta, trust))
    return GRID[int(np.argmin(losses))]


def fit_hazards(
    scaled: Matrix, rows: Followed, causes: int, periods: int, penalties: Penalties | None = None
) -> FittedHazards:
    """Fit on scaled rows (n, m); `rows.cause` in 0..causes - 1. Weights without a group are one step of Newton away.

    Penalties that are not given are chosen on customers held out.
    """
    penalties = penalties or choose_penalties(scaled, rows, causes, periods)
    objective, trust = _prepared(scaled, rows, causes, periods, penalties)
    theta = _minimised(objective)
    _, hessian = objective.slopes(theta)
    parts = objective.by_group(theta, rows.group)  # what each group's rows add to the slope of the loss
    moved = np.linalg.solve(hessian, parts.T).T
    without = tuple(objective.split(theta + GROUPS / (GROUPS - 1.0) * part) for part in moved)
    return FittedHazards(objective.split(theta), without, trust, penalties)


def _prepared(
    scaled: Matrix, rows: Followed, causes: int, periods: int, penalties: Penalties
) -> tuple[_PenalisedLoss, Floats]:
    """Return what is to be minimised on rows, and the trust in each period."""
    X = scaled.astype(np.float64)
    k = np.arange(periods)
    is_open = (k[None, :] < rows.observed[:, None]) | ((k[None, :] == rows.observed[:, None]) & rows.is_lost[:, None])
    lost = np.zeros((rows.size, periods, causes))
    seen = np.flatnonzero(rows.is_lost & (rows.observed < periods))
    lost[seen, rows.observed[seen], rows.cause[seen]] = 1.0
    losses = lost.sum(axis=(0, 2))
    trust = np.round(losses / (losses + FEW_LOSSES), 6)
    return _PenalisedLoss(X, is_open.astype(np.float64), lost, trust, penalties), trust


def _minimised(objective: _PenalisedLoss, start: Floats | None = None) -> Floats:
    """Return the theta of the least loss: Newton's steps from `start`, halved while the loss would rise."""
    theta = objective.start() if start is None else start
    loss = objective.loss(theta)
    for _ in range(_STEPS):
        gradient, hessian = objective.slopes(theta)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-4 and (after := objective.loss(theta - size * step)) > loss:
            size /= 2.0
        theta = theta - size * step
        if loss - after < 1e-6 * abs(loss):
            break
        loss = after
    return theta


class _PenalisedLoss:
    """The penalised negative log-likelihood; theta holds the levels by cause, then for each cause w and v."""

    def __init__(self, X: Floats, is_open: Floats, lost: Floats, trust: Floats, penalties: Penalties) -> None:
        self.X, self.is_open, self.lost, self.trust = X, is_open, lost, trust
        self.periods, self.causes = lost.shape[1:]
        self.z = course(self.periods)
        m = X.shape[1]
        ridge = np.concatenate([np.full(m, penalties.first), np.full(m, penalties.later)])
        self.ridge = np.concatenate([np.full(self.periods * self.causes, 1e-3), np.tile(ridge, self.causes)])

    def split(self, theta: Floats) -> HazardWeights:
        """Return the numbers of `theta` in their places."""
        K, C, m = self.periods, self.causes, self.X.shape[1]
        weights = theta[K * C :].reshape(C, 2, m)
        return HazardWeights(theta[: K * C].reshape(C, K).T.copy(), weights[:, 0].T.copy(), weights[:, 1].T.copy())

    def under(self, penalties: Penalties) -> _PenalisedLoss:
        """Return the loss of the same rows under other penalties."""
        return _PenalisedLoss(self.X, self.is_open, self.lost, self.trust, penalties)

    def start(self) -> Floats:
        """Return each period's own hazard for everybody."""
        at_risk = np.maximum(self.is_open.sum(axis=0)[:, None], 1.0)
        level = np.log(np.maximum(self.lost.sum(axis=0), 0.5) / at_risk)
        return np.concatenate([level.T.ravel(), np.zeros(2 * self.X.shape[1] * self.causes)])

    def loss(self, theta: Floats) -> float:
        """Return the penalised loss."""
        return self.likelihood_loss(theta, self.trust) + 0.5 * float(np.sum(self.ridge * theta**2))

    def likelihood_loss(self, theta: Floats, trust: Floats) -> float:
        """Return the negative log-likelihood of the rows."""
        odds = self.split(theta).log_odds(self.X, trust)
        top = np.maximum(odds.max(axis=2), 0.0)
        total = top + np.log(np.exp(-top) + np.exp(odds - top[:, :, None]).sum(axis=2))
        return float(np.sum(self.is_open * total)) - float(np.sum(self.lost * odds))

    def slopes(self, theta: Floats) -> tuple[Floats, Floats]:
        """Return the gradient and the Hessian."""
        K, C, m = self.periods, self.causes, self.X.shape[1]
        hazard = self.split(theta).hazards(self.X, self.trust) * self.is_open[:, :, None]
        gradient = self._gradient(hazard - self.lost).sum(axis=0) + self.ridge * theta
        hessian = np.diag(self.ridge)
        f, fz = self.trust, self.trust * self.z
        for c in range(C):
            for d in range(c, C):
                D = hazard[:, :, c] * ((c == d) - hazard[:, :, d])
                level_c, level_d = slice(c * K, (c + 1) * K), slice(d * K, (d + 1) * K)
                at_c, at_d = K * C + 2 * m * c, K * C + 2 * m * d
                hessian[level_c, level_d] += np.diag(D.sum(axis=0))
                across = np.concatenate([(D * f).T @ self.X, (D * fz).T @ self.X], axis=1)
                blocks = [self._gram(D @ weight) for weight in (f * f, f * fz, fz * fz)]
                inner = np.block([[blocks[0], blocks[1]], [blocks[1], blocks[2]]])
                hessian[at_c : at_c + 2 * m, at_d : at_d + 2 * m] += inner
                hessian[level_c, at_d : at_d + 2 * m] += across
                if c != d:
                    hessian[level_d, at_c : at_c + 2 * m] += across
                    hessian[at_d : at_d + 2 * m, at_c : at_c + 2 * m] += inner
                    hessian[level_d, level_c] += np.diag(D.sum(axis=0))
        first = slice(0, K * C)
        hessian[K * C :, first] = hessian[first, K * C :].T
        return gradient, hessian

    def _gram(self, weight: Floats) -> Floats:
        """Return X' diag(weight) X, for weights of one sign: as a product with itself, of which half is computed."""
        scaled = self.X * np.sqrt(np.abs(weight))[:, None]
        product = scaled.T @ scaled
        return product if weight.sum() >= 0 else -product

    def by_group(self, theta: Floats, group: NDArray[np.int64]) -> Floats:
        """Return what the rows of each group add to the gradient, (groups, size)."""
        hazard = self.split(theta).hazards(self.X, self.trust) * self.is_open[:, :, None]
        rest = hazard - self.lost
        return np.array([self._gradient(rest[group == g], self.X[group == g]).sum(axis=0) for g in range(GROUPS)])

    def _gradient(self, rest: Floats, X: Floats | None = None) -> Floats:
        """Return the gradient's sum as one row, (1, size), of what is left between hazard and loss (n, K, C)."""
        X = self.X if X is None else X
        parts = [rest.sum(axis=0).T.ravel()]
        for c in range(self.causes):
            parts += [X.T @ (rest[:, :, c] @ self.trust), X.T @ (rest[:, :, c] @ (self.trust * self.z))]
        return np.concatenate(parts)[None]

"""Coverage: how often the 95 % intervals of a campaign's effect and net profit hold the truth, over simulated campaigns.

The arithmetic alone: customers with a known churn probability in each arm, so that the true effect is known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.measuring import Result
from churn.progress import Progress

CAMPAIGNS = 1_000  # of each setting; 200 would leave an error of 1.5 points
STRATA = 5
VALUE = 69.16
COST = 2.0


@dataclass(frozen=True)
class Setting:
    """A kind of campaign: customers, their mean churn without contact, the share kept of it, and the holdout."""

    customers: int
    churn: float
    saved: float
    holdout: float


SETTINGS = (
    Setting(1_000, 0.30, 0.20, 0.5),
    Setting(5_000, 0.30, 0.10, 0.1),
    Setting(5_000, 0.08, 0.00, 0.2),
    Setting(20_000, 0.08, 0.25, 0.1),
    Setting(20_000, 0.30, -0.10, 0.2),
)


def run(customers: int, repeats: int, progress: Progress) -> list[Result]:  # noqa: ARG001 - the benches' form
    """Return, for each interval, its largest distance from 95 % over the settings."""
    campaigns = CAMPAIGNS if customers >= 120_000 else 200
    shares = []
    for setting in SETTINGS:
        progress.step(f"Coverage: {campaigns:,} campaigns of {setting.customers:,} customers")
        rng = np.random.default_rng([17, setting.customers, round(1_000 * setting.holdout)])
        shares.append(np.mean([_covers(setting, rng) for _ in range(campaigns)], axis=0))
    names = ("Newcombe", "CUPED", "stratified", "net profit")
    return [_judged(name, 100 * each, campaigns) for name, each in zip(names, np.transpose(shares), strict=True)]


def _covers(setting: Setting, rng: np.random.Generator) -> tuple[bool, bool, bool, bool]:
    """Whether each interval of one campaign holds the truth: what contact would do to customers like these."""
    from churn.decisions.experiment import cuped, incremental_profit, newcombe, stratified_effect

    n, mean = setting.customers, setting.churn
    risk = rng.beta(6 * mean, 6 * (1 - mean), n)
    stratum = np.argsort(np.argsort(risk)) * STRATA // n
    order = np.lexsort((rng.random(n), stratum))
    size = np.bincount(stratum)
    rank = np.empty(n, dtype=np.int64)
    rank[order] = np.arange(n) - np.repeat(np.cumsum(size) - size, size)
    in_stratum = rank >= np.round(setting.holdout * size)[stratum]
    # The plain arms are drawn without strata, so that each method judges the draw it is made for.
    plain = np.ones(n, dtype=bool)
    plain[rng.permutation(n)[: round(setting.holdout * n)]] = False
    draw = rng.random(n)
    churned = draw < risk * np.where(plain, 1 - setting.saved, 1.0)
    churned_in = draw < risk * np.where(in_stratum, 1 - setting.saved, 1.0)
    truth = setting.saved * mean
    n_t, n_c = int(plain.sum()), int((~plain).sum())
    effect = newcombe(int(churned[plain].sum()), n_t, int(churned[~plain].sum()), n_c)
    adjusted = cuped(churned, plain, risk)
    by_risk = stratified_effect(churned_in, in_stratum, stratum)
    worth = incremental_profit(effect, n_t, VALUE, COST * n_t)
    earned = truth * n_t * VALUE - COST * n_t
    return (
        effect.low <= truth <= effect.high,
        adjusted.low <= truth <= adjusted.high,
        by_risk.low <= truth <= by_risk.high,
        worth.net_profit_low <= earned <= worth.net_profit_high,
    )


def _judged(name: str, shares: np.ndarray, campaigns: int) -> Result:
    told = ", ".join(f"{share:.1f}" for share in shares)
    return Result(
        bench="P17",
        work=f"95 % interval, {name}: its coverage's largest distance from 95 %, {campaigns:,} campaigns of each of 5 kinds",
        figure=float(np.abs(shares - 95).max()),
        unit="points",
        goal="at most",
        bar=3.0,
        aim=1.5,
        ours=f"{told} % covered",
        reference="",
        repeats=campaigns,
        details={"coverage": shares.tolist(), "settings": [vars(setting) for setting in SETTINGS]},
    )

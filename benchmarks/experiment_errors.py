"""How often an experiment that does nothing, or harm, is called worth rolling out: many draws of each, as the product judges.

`python -m benchmarks.experiment_errors [--draws 400]`. Customers differ in risk and in value and the treatment moves
nobody, or drives some away; the columns tell much about the outcome and nothing about the effect. A roll-out is an advice
to contact everybody or some. At most 5 % of the draws may get one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from churn.decisions.experiment import wilson
from churn.decisions.rollout import Conclusion, conclude, policy_worth
from churn.modeling.uplift.policy import Prices, targeted_policy
from churn.modeling.uplift.train import average_effect, hold_contest
from churn.warehouse import FeatureDoc

MOST = 0.05
CUSTOMERS = 2_000
FEATURES = tuple(FeatureDoc(name, "bench", name) for name in ("silent_days", "usage", "plan"))


@dataclass(frozen=True)
class World:
    """An experiment to draw: what contact adds to staying, what it costs, and whether values have a long tail."""

    name: str
    effect: float
    cost: float = 0.0
    is_heavy_tailed: bool = False


WORLDS = (
    World("nothing happens, contact is free", 0.0),
    World("nothing happens, values have a long tail", 0.0, is_heavy_tailed=True),
    World("1 point of harm", -0.01),
    World("works, and costs as much as it brings", 0.02, cost=2.0),
)


def judged(world: World, seed: int, customers: int = CUSTOMERS) -> Conclusion:
    """Return what the product says of one draw."""
    rng = np.random.default_rng(seed)
    silent, usage = rng.exponential(10.0, customers), rng.gamma(2.0, 3.0, customers)
    plan = rng.choice(["basic", "plus", "gold"], customers)
    stays = np.clip(0.75 - 0.01 * silent + 0.01 * usage, 0.1, 0.95)
    treated = rng.random(customers) < 0.5
    stayed = rng.random(customers) < np.clip(stays + np.where(treated, world.effect, 0.0), 0.0, 1.0)
    value = 100.0 * (rng.lognormal(-0.5, 1.0, customers) if world.is_heavy_tailed else np.ones(customers))
    frame = pl.DataFrame(
        {
            "customer_id": [str(i) for i in range(customers)],
            "is_treated": treated,
            "is_retained": stayed,
            "silent_days": silent,
            "usage": usage,
            "plan": plan,
        }
    )
    prices = Prices(value, value, np.full(customers, world.cost), np.zeros(customers))
    contest = hold_contest(frame, FEATURES, seed=7, bases=("logistic_regression",))
    some = targeted_policy(contest, prices).worth
    y = stayed.astype(np.float64)
    everybody = policy_worth(prices.net(y, treated), treated, np.ones(customers, dtype=np.bool_))
    return conclude("as_planned", average_effect(y, treated), everybody, some, has_money=True)


def rolled_out(world: World, draws: int, customers: int = CUSTOMERS) -> int:
    """Return how many draws are called worth rolling out."""
    advices = [judged(world, seed, customers).advice for seed in range(draws)]
    return sum(advice in {"contact_everybody", "contact_some"} for advice in advices)


def main(arguments: Sequence[str]) -> int:
    """Print a line for each world; 1 where one is rolled out too often."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=400)
    draws = parser.parse_args(arguments).draws
    is_met = True
    for world in WORLDS:
        began = time.monotonic()
        wrong = rolled_out(world, draws)
        low, high = wilson(wrong, draws)
        is_met &= low <= MOST
        print(
            f"{world.name}: {wrong} of {draws} rolled out, {wrong / draws:.1%} ({low:.1%} to {high:.1%}), "
            f"{time.monotonic() - began:.0f} s"
        )
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

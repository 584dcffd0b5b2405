"""Off-policy intervals: how often they hold what another policy truly earns, over simulated logs of known customers.

Customers have known chances of churn without contact and under each of three offers. A logging policy draws their arm with
logged probabilities, and another policy is judged by the log; its true profit is known from a million customers of the same kind.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn.decisions.experiment import wilson
from churn.decisions.off_policy import DecisionLog, OffPolicyEstimate, off_policy, policy_of
from churn.progress import Progress

Floats = NDArray[np.float64]
LOGS = 500
TRUTH = 1_000_000
LEAST, MOST = 0.93, 0.97  # coverage that is wanted
CONTACT = np.array([0.5, 6.0, 0.5, 0.0])
INCENTIVE = np.array([0.0, 0.0, 5.0, 0.0])
ALONE = 3


@dataclass(frozen=True)
class Setting:
    """A kind of log: its decisions, the share of them drawn at random, and how far the outcome model is off."""

    words: str
    decisions: int
    slice_share: float
    model_error: float = 0.0  # factor on the effects that the model believes, less 1; and on the log-odds of churn
    is_gain: bool = True  # over the risk rule; else the policy's profit itself
    largest_weight: float | None = None
    rounds: int = 1  # decisions of one customer


SETTINGS = (
    Setting("the gain over the risk rule, a fifth at random", 4_000, 0.2),
    Setting("the same, the outcome model wrong by half", 4_000, 0.2, model_error=0.5),
    Setting("the same, three decisions a customer, a tenth at random", 12_000, 0.1, rounds=3),
    Setting("the profit itself, a twentieth at random", 20_000, 0.05, is_gain=False),
    Setting("the gain, a twentieth at random, weights cut at 60 of 80", 20_000, 0.05, largest_weight=60.0),
)


@dataclass(frozen=True)
class Customers:
    """n customers: `leaves` (n, 4) their chance of churn under each offer and alone, `value` of a save, what a model says."""

    leaves: Floats
    believed: Floats
    value: Floats
    risk: Floats

    def profit(self, leaves: Floats) -> Floats:
        """Return the expected profit (n, 4) where customers leave with these chances."""
        return np.asarray((1.0 - leaves) * (self.value[:, None] - INCENTIVE) - CONTACT)


def customers(count: int, model_error: float, rng: np.random.Generator) -> Customers:
    """Draw customers whose churn has two causes; offers act on one each, and one does harm."""
    voluntary = 1.0 / (1.0 + np.exp(-rng.normal(-3.0, 1.0, count)))
    involuntary = np.where(rng.random(count) < 0.15, rng.beta(2, 6, count), 0.005)
    alone = voluntary + (1.0 - voluntary) * involuntary
    need = rng.beta(1, 2, count)
    effects = np.column_stack([0.5 * involuntary, 0.5 * voluntary * need, 0.25 * voluntary - 0.004, np.zeros(count)])
    odds = np.log(alone / (1.0 - alone)) + model_error
    believed = 1.0 / (1.0 + np.exp(-odds))
    value = rng.gamma(8.0, 10.0, count)
    leaves = np.clip(alone[:, None] - effects, 0.0, 1.0)
    guess = np.clip(believed[:, None] - (1.0 + model_error) * effects, 0.0, 1.0)
    return Customers(leaves, guess, value, alone)


def by_belief(people: Customers) -> NDArray[np.int64]:
    """Return the arm (n,) of the highest believed profit."""
    return np.asarray(people.profit(people.believed).argmax(axis=1))


def risk_rule(people: Customers) -> NDArray[np.int64]:
    """Return the arm (n,) of a rule that discounts to whoever's risk is a tenth or more."""
    return np.where(people.risk >= 0.1, 2, ALONE)


def _log(setting: Setting, rng: np.random.Generator) -> tuple[Customers, DecisionLog]:
    people = customers(setting.decisions // setting.rounds, setting.model_error, rng)
    again = np.repeat(np.arange(people.value.size), setting.rounds)
    people = Customers(people.leaves[again], people.believed[again], people.value[again], people.risk[again])
    # The logging policy: the cheapest offer that a stale belief admits, and a random slice over all arms.
    stale = np.where(people.risk > 0.05, 1, ALONE)
    chances = (1.0 - setting.slice_share) * policy_of(stale, 4) + setting.slice_share / 4
    arm = (rng.random(len(again))[:, None] > chances.cumsum(axis=1)).sum(axis=1).clip(0, 3)
    rows = np.arange(arm.size)
    has_left = rng.random(arm.size) < people.leaves[rows, arm]
    profit = np.where(has_left, 0.0, people.value - INCENTIVE[arm]) - CONTACT[arm]
    least, most = np.broadcast_to(-CONTACT, chances.shape), people.profit(np.zeros_like(chances))
    return people, DecisionLog(arm, chances, profit, people.profit(people.believed), least, most, customer=again)


def _truth(setting: Setting) -> float:
    people = customers(TRUTH, setting.model_error, np.random.default_rng(1))
    true, rows = people.profit(people.leaves), np.arange(TRUTH)
    earned = true[rows, by_belief(people)]
    return float((earned - true[rows, risk_rule(people)] if setting.is_gain else earned).mean())


def run(progress: Progress, *, logs: int = LOGS) -> dict[str, Any]:
    """Return how often the intervals of `logs` logs, spread over the settings in which nothing is cut, hold the truth."""
    whole = sum(setting.largest_weight is None for setting in SETTINGS)
    began = time.monotonic()
    rows: list[dict[str, Any]] = []
    for place, setting in enumerate(SETTINGS):
        count = logs // whole
        progress.step(f"Off-policy: {count} logs, {setting.words}")
        truth = _truth(setting) * setting.decisions
        held, widths, effective, clipped, bias = 0, [], [], [], []
        for draw in range(count):
            people, log = _log(setting, np.random.default_rng([23, place, draw]))
            rule = policy_of(risk_rule(people), 4) if setting.is_gain else None
            estimate = off_policy(
                log, policy_of(by_belief(people), 4), against=rule, largest_weight=setting.largest_weight
            )
            assert isinstance(estimate, OffPolicyEstimate), estimate
            held += estimate.low <= truth <= estimate.high
            widths.append(estimate.high - estimate.low)
            effective.append(estimate.effective)
            clipped.append(estimate.clipped)
            bias.append((estimate.bias_high - estimate.bias_low) / (estimate.high - estimate.low))
        rows.append(
            {
                "words": setting.words,
                "decisions": setting.decisions,
                "logs": count,
                "held": held,
                "truth": truth,
                "width": float(np.mean(widths)),
                "effective": float(np.mean(effective)),
                "clipped": float(np.mean(clipped)),
                "bias_of_width": float(np.mean(bias)),
                "is_cut": setting.largest_weight is not None,
            }
        )
    uncut = [(row["held"], row["logs"]) for row in rows if not row["is_cut"]]
    held, count = sum(pair[0] for pair in uncut), sum(pair[1] for pair in uncut)
    low, high = wilson(held, count)
    return {
        "rows": rows,
        "logs": count,
        "coverage": held / count,
        "coverage_low": low,
        "coverage_high": high,
        "is_met": LEAST <= held / count <= MOST,
        "seconds": round(time.monotonic() - began, 1),
    }


def told(found: dict[str, Any]) -> str:
    """Return the coverage as a section of a page."""
    lines = [
        "## Does the log say what another policy would have earned?",
        "",
        f"{found['logs']} simulated logs of decisions whose probabilities are known, over three offers and leaving alone. Another policy",
        "(the best offer by what a model believes) is judged by each, doubly robust. The truth is its profit over a million customers.",
        "",
        f"The 95 % intervals hold it in **{found['coverage']:.1%}** ({found['coverage_low']:.1%} to {found['coverage_high']:.1%});",
        f"between {LEAST:.0%} and {MOST:.0%} was wanted: {'met' if found['is_met'] else 'missed'}.",
        "",
        "Where weights are cut, the interval allows for all that was cut and so holds more; these logs are not counted above.",
        "",
        "| what is asked | decisions | logs | held | the truth, $ | mean width, $ | effective sample size | clipped |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['words']} | {row['decisions']:,} | {row['logs']} | {row['held'] / row['logs']:.1%} | {row['truth']:,.0f} "
        f"| {row['width']:,.0f} | {row['effective']:,.0f} | {row['clipped']:.1%} |"
        for row in found["rows"]
    ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    from benchmarks.campaign_page import main

    sys.exit(main(["off-policy"]))

"""The height post against the truth: programmes foretold too small or tall enough are played out, customer by customer.

Companies, audiences and offers are drawn at random; the post says beforehand whether the programme can be proven better than the
plain risk rule. Then the offers' true numbers are drawn, and the months are played with the product's own arithmetic: choices
by what is believed, logged chances, outcomes by chance, evidence, belief, and the off-policy gain at the end.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn.decisions.allocation.allocate import allocate
from churn.decisions.doubt import Prospect, prospect_of_belief, trial_sizes
from churn.decisions.effect import Belief, Evidence, RangePrior, believe, draw_numbers, learn_evidence
from churn.decisions.height import height_of
from churn.decisions.off_policy import DecisionLog, OffPolicyEstimate, off_policy, policy_of
from churn.decisions.preposterior import ForeseenProgramme, ProgrammeOutlook, risk_rule, slice_chances
from churn.decisions.priced_arm import PricedArm
from churn.progress import Progress

Floats = NDArray[np.float64]
COMPANIES = 100  # of each verdict
MONTHS = 6
SIZES = ((500.0, 5_000.0), (20_000.0, 50_000.0))  # customers of an audience, a month: small and large ones in turns
SLICES = ((0.02, 0.05, 0.1), (0.2, 0.3))
WANTED = 0.8


@dataclass(frozen=True)
class Played:
    """What the months came to: whether the log proves it, and the gain over the risk rule and over the static plan."""

    is_certified: bool
    gain: float
    over_static: float


def outlook(rng: np.random.Generator, size: int) -> ProgrammeOutlook:
    """Draw a programme: an audience of known risks by cause, two to four offers with ranges, costs, maybe a budget.

    `size` says which of SIZES and SLICES it is drawn from.
    """
    count = 2_000
    voluntary = 1.0 / (1.0 + np.exp(-rng.normal(rng.uniform(-3.2, -1.5), 0.9, count)))
    involuntary = np.where(rng.random(count) < rng.uniform(0.05, 0.3), rng.beta(2, 5, count), 0.004)
    p = np.clip(voluntary + (1.0 - voluntary) * involuntary, 0.002, 0.95)
    involuntary = np.minimum(involuntary, p - 0.001)
    need = rng.beta(0.7, 1.5, count)
    arms = tuple(_arm(k, p - involuntary, involuntary, need, rng) for k in range(int(rng.integers(2, 5))))
    customers = float(np.exp(rng.uniform(*np.log(SIZES[size]))))
    return ProgrammeOutlook(
        arms=arms,
        probability=p,
        value=np.full(count, rng.uniform(40.0, 200.0)),
        customers=round(customers),
        slice_share=float(rng.choice(SLICES[size])),
        holdout_share=0.1,
        budget=None if rng.random() < 0.7 else 0.5 * customers,
        months=MONTHS,
    )


def _arm(k: int, voluntary: Floats, involuntary: Floats, need: Floats, rng: np.random.Generator) -> PricedArm:
    kind = ("involuntary", "voluntary", "needed", "both")[k]
    parts = {"involuntary": (involuntary,), "voluntary": (voluntary,), "needed": (voluntary * need,)}.get(
        kind, (voluntary, involuntary)
    )
    priors = []
    for place in range(len(parts)):
        low = rng.uniform(0.0, 0.3)
        width = rng.uniform(0.1, 0.5)
        priors.append(RangePrior(f"rate {place}", low, low + width / 2, low + width))
    priors.append(RangePrior("harm", 0.0, 0.001, 0.004, is_rate=False))
    return PricedArm(
        name=kind,
        priors=tuple(priors),
        design=np.column_stack([*parts, -np.ones(voluntary.size)]),
        contact_cost=float(rng.choice([0.5, 2.0, 6.0])),
        incentive_cost=float(rng.choice([0.0, 0.0, 5.0])),
        is_eligible=np.ones(voluntary.size, dtype=np.bool_),
    )


def play(programme: ProgrammeOutlook, rng: np.random.Generator) -> Played:
    """Draw the offers' true numbers, play the months, and read the proof from the log."""
    truth = [draw_numbers(arm.priors, 1, rng)[0] for arm in programme.arms]
    evidence: list[list[Evidence]] = [[] for _ in programme.arms]
    logs, wanted, rules = [], [], []
    gain = over_static = 0.0
    rule = risk_rule(programme)
    rule = np.where(rule < 0, len(programme.arms), rule)
    static = _choice(programme, [believe(arm.priors) for arm in programme.arms], rng)
    for _ in range(programme.months):
        beliefs = [believe(arm.priors, known) for arm, known in zip(programme.arms, evidence, strict=True)]
        best = _choice(programme, beliefs, rng)
        people = rng.integers(0, programme.probability.size, int(programme.customers))
        log = _month(programme, best, people, truth, beliefs, rng)
        true = _profit(programme, [arm.design @ numbers for arm, numbers in zip(programme.arms, truth, strict=True)])
        gain += float((_of(true, best) - _of(true, rule))[people].sum())
        over_static += float((_of(true, best) - _of(true, static))[people].sum())
        logs.append(log)
        wanted.append(policy_of(best[people], len(programme.arms) + 1))
        rules.append(policy_of(rule[people], len(programme.arms) + 1))
        _learn(programme, people, log, evidence)
    whole = DecisionLog(
        *(
            np.concatenate([getattr(log, name) for log in logs])
            for name in ("chosen", "probability", "profit", "predicted", "least", "most")
        )
    )
    estimate = off_policy(whole, np.concatenate(wanted), against=np.concatenate(rules))
    return Played(isinstance(estimate, OffPolicyEstimate) and estimate.is_proven, gain, over_static)


def _of(profit: Floats, choice: NDArray[np.int64]) -> Floats:
    return np.asarray(profit[np.arange(choice.size), choice])


def _profit(programme: ProgrammeOutlook, avoided: list[Floats]) -> Floats:
    """Return the profit (n, k + 1) over leaving alone, which is the last arm."""
    columns = []
    for arm, saved in zip(programme.arms, avoided, strict=True):
        kept = np.minimum(saved, programme.probability)
        taken = arm.incentive_cost * (1.0 - programme.probability + kept)
        columns.append(programme.value * kept - arm.contact_cost - taken)
    return np.column_stack([*columns, np.zeros(programme.probability.size)])


def _choice(programme: ProgrammeOutlook, beliefs: list[Belief], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the best arm (n,) of a usual audience, within the money that the slice leaves; doubtful ones for a few first."""
    profit = _profit(programme, [b.avoided(arm.design) for arm, b in zip(programme.arms, beliefs, strict=True)])[:, :-1]
    cost = np.array([arm.contact_cost + arm.incentive_cost for arm in programme.arms])
    budget = None
    if programme.budget is not None:
        weight = programme.customers / programme.probability.size
        slice_money = weight * float((slice_chances(programme, programme.slice_share)[:, :-1] @ cost).sum())
        share = (1.0 - programme.slice_share) * (1.0 - programme.holdout_share)
        budget = max(programme.budget - slice_money, 0.0) / share / weight
    choice = np.asarray(allocate(profit, cost, budget=budget).choice, dtype=np.int64)
    weight = programme.customers / programme.probability.size
    eligible = profit > 0.0
    for k, size in enumerate(trial_sizes([_prospect(programme, beliefs, profit, choice, k) for k in range(len(cost))])):
        if size is not None:
            share = size / max(weight * np.count_nonzero(eligible[:, k]), 1e-9)
            eligible[:, k] &= rng.random(eligible.shape[0]) < share
    choice = np.asarray(allocate(profit, cost, budget=budget, eligible=eligible).choice, dtype=np.int64)
    return np.where(choice < 0, len(cost), choice).astype(np.int64)


def _prospect(
    programme: ProgrammeOutlook, beliefs: list[Belief], profit: Floats, choice: NDArray[np.int64], k: int
) -> Prospect:
    """Return the prospect of one offer among those chosen for it; each row stands for many customers."""
    rows, weight = np.flatnonzero(choice == k), programme.customers / programme.probability.size
    seen = prospect_of_belief(profit[rows, k], programme.value[rows], programme.arms[k].design[rows], beliefs[k])
    return replace(
        seen, customers=round(seen.customers * weight), profit=seen.profit * weight, spread=seen.spread * weight
    )


def _month(
    programme: ProgrammeOutlook,
    best: NDArray[np.int64],
    people: NDArray[np.int64],
    truth: list[Floats],
    beliefs: list[Belief],
    rng: np.random.Generator,
) -> DecisionLog:
    """Return one month's decisions with their outcomes."""
    arms, alone = programme.arms, len(programme.arms)
    mine = best[people]
    kept = np.where(mine == alone, 1.0, 1.0 - programme.holdout_share)
    chances = slice_chances(programme, programme.slice_share)[people]
    chances[np.arange(people.size), mine] += (1.0 - programme.slice_share) * kept
    chances[:, alone] += (1.0 - programme.slice_share) * (1.0 - kept)
    chosen = (rng.random(people.size)[:, None] > chances.cumsum(axis=1)).sum(axis=1).clip(0, alone)
    p, value = programme.probability[people], programme.value[people]
    avoided = np.column_stack(
        [*(arm.design @ numbers for arm, numbers in zip(arms, truth, strict=True)), 0.0 * programme.probability]
    )
    leaves = np.clip(p - _of(avoided[people], chosen), 0.0, 1.0)
    incentive = np.array([*(arm.incentive_cost for arm in arms), 0.0])
    contact = np.array([*(arm.contact_cost for arm in arms), 0.0])
    stays = rng.random(people.size) >= leaves
    profit = stays * (value - incentive[chosen]) - contact[chosen]
    guess = np.column_stack(
        [*(b.avoided(arm.design) for arm, b in zip(arms, beliefs, strict=True)), 0.0 * programme.probability]
    )
    stay = np.clip(1.0 - p[:, None] + guess[people], 0.0, 1.0)
    most = value[:, None] - incentive - contact
    return DecisionLog(
        chosen,
        chances,
        profit,
        stay * (value[:, None] - incentive) - contact,
        np.broadcast_to(-contact, most.shape),
        most,
    )


def _learn(
    programme: ProgrammeOutlook, people: NDArray[np.int64], log: DecisionLog, evidence: list[list[Evidence]]
) -> None:
    """Add to each offer's evidence what the month's contacted with it, beside those left alone, teach."""
    contact = [arm.contact_cost for arm in programme.arms]
    has_churned = np.isclose(log.profit, -np.array([*contact, 0.0])[log.chosen])
    for k, arm in enumerate(programme.arms):
        rows = np.flatnonzero((log.chosen == k) | (log.chosen == len(programme.arms)))
        treated = log.chosen[rows] == k
        if treated.any() and not treated.all():
            who = people[rows]
            evidence[k].append(
                learn_evidence(has_churned[rows], treated, programme.probability[who], arm.design[who], arm.priors)
            )


def run(progress: Progress, *, companies: int = COMPANIES) -> dict[str, Any]:
    """Return how many of `companies` of each verdict came out as said."""
    began = time.monotonic()
    rows: dict[str, list[dict[str, Any]]] = {"too_small": [], "tall_enough": []}
    drawn = 0
    while min(map(len, rows.values())) < companies:
        rng = np.random.default_rng([29, drawn])
        drawn += 1
        programme = outlook(rng, drawn % len(SIZES))
        ahead = ForeseenProgramme(programme.thinned(0), 0).months_ahead(MONTHS)[-1]  # as height_post reads it
        height = height_of(ahead.certified)
        if height not in rows or len(rows[height]) >= companies:
            continue
        progress.step(
            f"Height: {drawn} companies drawn, {', '.join(f'{len(done)} {name}' for name, done in rows.items())}"
        )
        came = play(programme, rng)
        rows[height].append({"chance": ahead.certified, "expected": ahead.gain, **vars(came)})
    return {
        "companies": companies,
        "drawn": drawn,
        "months": MONTHS,
        "too_small_failed": float(np.mean([not row["is_certified"] for row in rows["too_small"]])),
        "tall_succeeded": float(np.mean([row["is_certified"] for row in rows["tall_enough"]])),
        "rows": rows,
        "seconds": round(time.monotonic() - began, 1),
    }


def told(found: dict[str, Any]) -> str:
    """Return the verdicts as a section of a page."""
    small, tall = found["too_small_failed"], found["tall_succeeded"]

    def verdict(share: float) -> str:
        return "met" if share >= WANTED else "missed"

    chances = {name: float(np.mean([row["chance"] for row in rows])) for name, rows in found["rows"].items()}
    return "\n".join(
        [
            "## Does the height post foretell what a programme can prove?",
            "",
            f"{found['drawn']} companies were drawn, with audiences of {SIZES[0][0]:,.0f} to {SIZES[1][1]:,.0f} customers a month and two to four offers, until",
            f"{len(found['rows']['too_small'])} too small and {len(found['rows']['tall_enough'])} tall enough were there. Each was then played for {found['months']} months, customer by customer, its offers' true",
            "numbers drawn from their ranges. Proven means that the off-policy interval of the programme's choices over the plain",
            "risk rule lies above 0. Doubtful offers are tried on a few first, in what is foreseen and in what is played.",
            *found.get("notes", ()),
            "",
            "| the post said | with a mean chance of proof of | came out as said | wanted |",
            "|---|---|---|---|",
            f"| too small | {chances['too_small']:.0%} | {small:.0%} were not proven | {WANTED:.0%}: {verdict(small)} |",
            f"| tall enough | {chances['tall_enough']:.0%} | {tall:.0%} were proven | {WANTED:.0%}: {verdict(tall)} |",
            "",
        ]
    )


if __name__ == "__main__":
    from benchmarks.campaign_page import main

    sys.exit(main(["height"]))

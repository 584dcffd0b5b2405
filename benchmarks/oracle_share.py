"""What share of the oracle's profit each way of choosing contacts earns, on simulated companies whose truth is known.

The oracle knows what each customer would do under each offer. Nobody else can: an outcome is partly chance. So a second
one is told beside it, who knows every customer's true probabilities; no rule made from data can do better than that.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from benchmarks.campaign_worlds import DAY, EARLIER, CampaignWorld, campaign_world, features_of
from churn.decisions.allocation.allocate import allocate
from churn.demo import OFFERS, potential_outcomes
from churn.progress import Progress

if TYPE_CHECKING:
    from churn.modeling.uplift.words import UpliftResult

Floats = NDArray[np.float64]
CUSTOMERS = 12_000
SEEDS = 10
BUDGET_A_CUSTOMER = 0.10  # money for contacts and incentives, per active customer
CASE_CUT = 0.65  # of a class-weighted model's score
BUDGETS: dict[str, float | None] = {"without a budget": None, "under a budget of $1,000": 1_000.0}
CEILING = {"max_iter": 200, "learning_rate": 0.06, "min_samples_leaf": 30}
AT_RISK = 0.03  # the earlier campaign's audience: churn probability from here on
LEARNERS, BASES, QINI_DRAWS = ("t_learner", "x_learner"), ("logistic_regression", "xgboost"), 200
POLICIES = {
    "contact_everyone": "contact everyone, with the offer that turns out best for it",
    "p_065": "contact above 0.65 of a class-weighted score (as the case did), with the offer that turns out best for it",
    "expected_profit": "the product's plan: calibrated expected profit, allocated under the budget",
    "measured": "the same with the success rates that a first round measured, half of each audience held out",
    "uplift": "the same by uplift learnt from an earlier month's randomised campaign, where it is proven; else by risk",
    "uplift_always": "the same by uplift, proven or not",
    "oracle_of_probabilities": "an oracle who knows every customer's true probabilities, under the budget",
    "oracle": "the oracle who knows every customer's outcome under every offer, under the budget",
}


def run(progress: Progress, *, customers: int = CUSTOMERS, seeds: int = SEEDS) -> dict[str, Any]:
    """Return each policy's profit and its share of the oracle's, over companies of seeds 1 to `seeds`."""
    began = time.monotonic()
    worlds = [campaign_world(customers, seed, progress) for seed in range(1, seeds + 1)]
    found = [_company(world, progress) for world in worlds]
    rows = []
    for name, words in POLICIES.items():
        profit = np.array([one["profit"][name] for one in found])
        share = profit / np.array([one["profit"]["oracle"] for one in found])
        expected = np.array([one["expected"][name] for one in found])
        of_knowable = expected / np.array([one["expected"]["oracle_of_probabilities"] for one in found])
        rows.append(
            {
                "policy": name,
                "words": words,
                "contacts": float(np.mean([one["contacts"][name] for one in found])),
                "spent": float(np.mean([one["spent"][name] for one in found])),
                "profit": _interval(profit),
                "share": _interval(share),
                "share_of_knowable": None if name == "oracle" else _interval(of_knowable),
            }
        )
    return {
        "customers": customers,
        "seeds": seeds,
        "budget": BUDGET_A_CUSTOMER * customers,
        "proven": {offer: sum(one["proven"][offer] for one in found) for offer in OFFERS},
        "assumed": {offer: _expected_rate(worlds[0].customers, offer) for offer in OFFERS},
        "rates": dict(zip(OFFERS, np.mean([one["rates"] for one in found], axis=0).tolist(), strict=True)),
        "rows": rows,
        "ceilings": {
            words: {
                name: _interval(np.array([one["shares"][words][name] for one in found]))
                for name in ("plan_of_ceiling", "plan_of_knowable", "ceiling_of_knowable")
            }
            for words in BUDGETS
        },
        "seconds": round(time.monotonic() - began, 1),
    }


def _expected_rate(customers: pl.DataFrame, offer: str) -> float:
    """Return which share of the churn of those it may contact the product's plan expects an offer to avoid."""
    admitted = customers.filter(f"admitted_{offer}")
    return float(admitted[f"avoided_{offer}"].sum()) / max(float(admitted["churn_probability"].sum()), 1e-9)


def _interval(values: Floats) -> dict[str, float | None]:
    """Return the mean over companies with its 95 % t interval."""
    mean = float(values.mean())
    if values.size < 2:
        return {"mean": mean, "low": None, "high": None}
    half = float(stats.t.ppf(0.975, values.size - 1) * values.std(ddof=1) / np.sqrt(values.size))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def _company(world: CampaignWorld, progress: Progress) -> dict[str, Any]:
    frame = world.customers
    terms = [(float(d.offer.contact_cost), float(d.offer.incentive_cost)) for d in world.definitions()]
    value = frame["value_of_save"].to_numpy()

    def profit_of(alone: str, under: str) -> Floats:
        """Value of those who stay because of it, less the contact, less the incentive of all who stay; (n, k)."""
        left = frame[alone].cast(pl.Float64).to_numpy()
        columns = []
        for offer, (contact, incentive) in zip(OFFERS, terms, strict=True):
            leaves = frame[f"{under}{offer}"].cast(pl.Float64).to_numpy()
            columns.append(value * (left - leaves) - contact - incentive * (1.0 - leaves))
        return np.column_stack(columns)

    realised, expected = profit_of("churn_without_contact", "churn_under_"), profit_of("p_no_contact", "p_")
    # Who leaves before a contact could act is lost under every offer; their probabilities begin after that.
    early = frame["is_lost_early"].to_numpy()
    expected[early] = realised[early]
    cost = np.array([contact + incentive for contact, incentive in terms])
    reachable = np.repeat(frame["may_be_contacted"].to_numpy()[:, None], len(OFFERS), axis=1)
    tau, proven = _uplift(world, progress)
    progress.step(f"Company {world.seed}: choosing")

    def best(profit: Floats, eligible: NDArray[np.bool_]) -> NDArray[np.int16]:
        limits = [d.limits.contacts for d in world.definitions()]
        capacity = np.array([np.inf if limit is None else float(limit) for limit in limits])
        budget = BUDGET_A_CUSTOMER * len(frame)
        return allocate(profit, cost, budget=budget, offer_capacity=capacity, eligible=eligible).choice

    by_risk = np.column_stack([frame[f"profit_{offer}"].to_numpy() for offer in OFFERS])
    admitted = np.column_stack([frame[f"eligible_{offer}"].to_numpy() for offer in OFFERS])
    p = frame["churn_probability"].to_numpy()
    contact, incentive = np.array(terms).T

    def profit_by(avoided: Floats) -> Floats:
        return np.asarray(value[:, None] * avoided - contact - incentive * (1 - p[:, None] + avoided))

    rates = _first_round(world)
    by_measured, by_uplift = profit_by(np.outer(p, rates)), profit_by(tau)
    is_proven = np.array([proven[offer] for offer in OFFERS])
    choices = {
        "contact_everyone": _single(realised, reachable[:, 0]),
        "p_065": _single(realised, reachable[:, 0] & _above_case_cut(p)),
        "expected_profit": best(by_risk, admitted),
        "measured": best(by_measured, np.column_stack([frame[f"admitted_{offer}"].to_numpy() for offer in OFFERS])),
        "uplift": best(np.where(is_proven, by_uplift, by_risk), np.where(is_proven, reachable, admitted)),
        "uplift_always": best(by_uplift, reachable),
        "oracle_of_probabilities": best(expected, reachable),
        "oracle": best(realised, reachable),
    }
    shares = _shares(
        world, expected, by_risk, admitted, reachable, cost, profit_of_ceiling(world, value, contact, incentive)
    )
    rows = np.arange(len(frame))
    told: dict[str, Any] = {
        "shares": shares,
        "proven": proven,
        "rates": rates,
        "profit": {},
        "expected": {},
        "contacts": {},
        "spent": {},
    }
    for name, choice in choices.items():
        chosen = choice >= 0
        told["profit"][name] = float(realised[rows[chosen], choice[chosen]].sum())
        told["expected"][name] = float(expected[rows[chosen], choice[chosen]].sum())
        told["contacts"][name] = int(chosen.sum())
        told["spent"][name] = float(cost[choice[chosen]].sum())
    return told


def _shares(
    world: CampaignWorld,
    expected: Floats,
    by_plan: Floats,
    admitted: NDArray[np.bool_],
    reachable: NDArray[np.bool_],
    cost: Floats,
    by_ceiling: Floats,
) -> dict[str, dict[str, float]]:
    """Return by budget what the shipped files' plan, and the ceiling, earn under the true probabilities; all are (n, k)."""
    limits = [d.limits.contacts for d in world.definitions()]
    capacity = np.array([np.inf if limit is None else float(limit) for limit in limits])

    def worth(profit: Floats, eligible: NDArray[np.bool_], budget: float | None) -> float:
        choice = allocate(profit, cost, budget=budget, offer_capacity=capacity, eligible=eligible).choice
        chosen = np.flatnonzero(choice >= 0)
        return float(expected[chosen, choice[chosen]].sum())

    shares = {}
    for words, budget in BUDGETS.items():
        plan, ceiling = worth(by_plan, admitted, budget), worth(by_ceiling, reachable, budget)
        knowable = worth(expected, reachable, budget)
        shares[words] = {
            "plan_of_ceiling": plan / ceiling,
            "plan_of_knowable": plan / knowable,
            "ceiling_of_knowable": ceiling / knowable,
        }
    return shares


def profit_of_ceiling(world: CampaignWorld, value: Floats, contact: Floats, incentive: Floats) -> Floats:
    """Return the profit of each offer (n, k) by E[churn avoided | features], as one earlier month teaches it.

    It is learnt without noise: from the true probabilities of everybody active at EARLIER, without and under each offer. What
    was learnt of a company is kept beside it.
    """
    offers = world.simulator.offers

    def targets(truth: pl.DataFrame) -> Floats:
        alone = truth["p_no_contact"].to_numpy()
        return np.column_stack([alone, *(alone - truth[f"p_{offer}"].to_numpy() for offer in offers)])

    kept = expected_truth(world, "ceiling", targets)
    p, avoided = kept[:, 0], kept[:, 1:]
    return np.asarray(value[:, None] * avoided - contact - incentive * (1 - p[:, None] + avoided))


def expected_truth(world: CampaignWorld, name: str, targets: Callable[[pl.DataFrame], Floats]) -> Floats:
    """Return E[targets | features] (n, m) of the customers, learnt from the `targets` (l, m) of an earlier month's truth.

    What was learnt of a company is kept beside it, under `name`.
    """
    path = world.home / f"{name}.npy"
    if not path.is_file():
        np.save(path, _learnt_truth(world, targets))
    return np.asarray(np.load(path), dtype=np.float64)


def _learnt_truth(world: CampaignWorld, targets: Callable[[pl.DataFrame], Floats]) -> Floats:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    frames, docs = features_of(world, (EARLIER, DAY))
    names = [doc.name for doc in docs]
    truth = world.simulator.outcomes(world.home / "data", EARLIER)
    then = frames[EARLIER].join(truth, on="customer_id", how="inner", suffix="_truth").sort("customer_id")
    now = world.customers.select("customer_id").join(frames[DAY], on="customer_id", how="left", maintain_order="left")
    both = pl.concat([then.select(names), now.select(names)], how="vertical_relaxed").with_columns(
        pl.col(pl.String).rank("dense").cast(pl.Float64)
    )
    matrix = both.select(pl.all().cast(pl.Float64)).to_numpy()
    is_seen = ~np.isnan(matrix[: then.height]).all(axis=0)  # a company may lack a whole kind of facts
    seen, asked = matrix[: then.height, is_seen], matrix[then.height :, is_seen]

    def learnt(target: Floats) -> Floats:
        estimator = HistGradientBoostingRegressor(random_state=world.seed, **CEILING)
        return np.asarray(estimator.fit(seen, target).predict(asked), dtype=np.float64)

    with threadpool_limits(limits=1):  # on a busy machine threads wait for each other longer than they work
        return np.column_stack([learnt(target) for target in targets(then).T])


def _single(realised: Floats, chosen: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Return the choice of the one offer that, in hindsight, earns most when given to all the chosen."""
    offer = int(np.argmax(realised[chosen].sum(axis=0)))
    return np.where(chosen, offer, -1).astype(np.int16)


def _above_case_cut(p: Floats) -> NDArray[np.bool_]:
    """Say whose score would pass CASE_CUT if churners and stayers had weighed the same in training (domain 2.5)."""
    rate = float(p.mean())
    balanced = p * 0.5 / rate / (p * 0.5 / rate + (1 - p) * 0.5 / (1 - rate))
    return np.asarray(balanced > CASE_CUT, dtype=np.bool_)


def _first_round(world: CampaignWorld) -> Floats:
    """Return each offer's success rate (k,) as a first round at EARLIER measured it: churn avoided over churn expected.

    Half of each offer's audience then is held out at random. Harm counts as a rate of 0.
    """
    then = world.earlier()
    rates = []
    for k, offer in enumerate(OFFERS):
        audience = then.filter(f"admitted_{offer}")
        treated = np.random.default_rng([world.seed, k]).permutation(audience.height) % 2 == 0
        left_alone = audience["churn_without_contact"].to_numpy()[~treated].mean()
        left_treated = audience[f"churn_under_{offer}"].to_numpy()[treated].mean()
        expected = audience["churn_probability"].to_numpy()[treated].mean()
        rates.append(float(np.clip((left_alone - left_treated) / expected, 0.0, 1.0)))
    return np.array(rates)


def _uplift(world: CampaignWorld, progress: Progress) -> tuple[Floats, dict[str, bool]]:
    """Return the churn avoided by each offer, (n, k), learnt from a campaign drawn at random two months before.

    Everyone at risk then was given one of the offers or none, each with the same chance.
    """
    from churn.modeling.uplift.train import train_uplift
    from churn.views.champion import load_champion

    progress.step(f"Company {world.seed}: learning uplift")
    frames, docs = features_of(world, (EARLIER, DAY))
    _, model = load_champion(world.context())
    then = frames[EARLIER].sort("customer_id")
    then = then.filter(pl.Series(model.predict(then).churn_probability >= AT_RISK))
    truth = potential_outcomes(world.home / "data", EARLIER)
    outcomes = ("churn_without_contact", *(f"churn_under_{offer}" for offer in OFFERS))
    then = then.join(truth.select("customer_id", *outcomes), on="customer_id", maintain_order="left")
    arm = np.random.default_rng(world.seed).integers(0, len(OFFERS) + 1, len(then))
    now = world.customers.select("customer_id").join(frames[DAY], on="customer_id", how="left", maintain_order="left")
    tau, proven = [], {}
    for k, offer in enumerate(OFFERS):
        treated = pl.Series(arm == k + 1)
        left = pl.when(treated).then(f"churn_under_{offer}").otherwise("churn_without_contact")
        campaign = then.with_columns(treated.alias("is_treated"), (~left).alias("is_retained"))
        campaign = campaign.filter(pl.Series((arm == 0) | (arm == k + 1))).drop(outcomes)
        result: UpliftResult = train_uplift(
            campaign, docs, seed=world.seed, learners=LEARNERS, bases=BASES, draws=QINI_DRAWS
        )
        tau.append(result.model.predict(now))
        proven[offer] = result.is_better_than_nothing
    return np.column_stack(tau), proven


def told(found: dict[str, Any]) -> str:
    """Return the shares as a section of a page."""

    def span(values: dict[str, Any] | None, shown: str, unit: float = 1.0) -> str:
        if not values:
            return ""
        middle = format(unit * values["mean"], shown)
        if values["low"] is None or values["low"] == values["high"]:
            return middle
        return f"{middle} ({format(unit * values['low'], shown)} to {format(unit * values['high'], shown)})"

    rates = ", ".join(f"{offer} {rate:.0%}" for offer, rate in found["rates"].items())
    assumed = ", ".join(f"{rate:.0%}" for rate in found["assumed"].values())
    proven = ", ".join(f"{offer} {count}" for offer, count in found["proven"].items())
    lines = [
        "## What share of the oracle's profit does each policy earn?",
        "",
        f"{found['seeds']} simulated companies of {found['customers']:,} customers (seeds 1 to {found['seeds']}), one month, three offers,",
        f"${found['budget']:,.0f} for each policy but the first two, who spend what they spend. Only those who agreed to be contacted.",
        "Means over the companies with 95 % intervals (Student's t). The last column measures profits expected under the true",
        "probabilities, against the best anyone could do who knows them: outcomes are partly chance, and no data foretell chance.",
        "",
        "| policy | contacts | spent at most | profit | share of the oracle's profit, % | share of what can be known, % |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['words']} | {row['contacts']:,.0f} | {row['spent']:,.0f} | {span(row['profit'], ',.0f')} "
        f"| {span(row['share'], '.1f', 100)} | {span(row['share_of_knowable'], '.1f', 100)} |"
        for row in found["rows"]
    ]
    lines += ["", *_ceiling_lines(found, span)]
    lines += [
        "",
        f"Uplift was proven (its Qini interval above 0) in so many of {found['seeds']} companies: {proven}. Its campaign was one month,",
        f"two months earlier: everyone with a churn probability of {AT_RISK:.0%} or more, a quarter left alone, a quarter for each offer.",
        f"The success rates that first rounds measured, on average: {rates}; the plans by the shipped files expect {assumed}.",
        "",
    ]
    return "\n".join(lines)


def _ceiling_lines(found: dict[str, Any], span: Any) -> list[str]:
    """Return the shares of the ceiling, and of what can be known, as a table."""
    lines = [
        "The ceiling is what the same allocation earns by E[churn avoided | features] of each offer, learnt by boosted trees on the",
        "true probabilities of one earlier month, without noise. It is learnt from one month of one company, so a plan may come out",
        "a little above it. Companies of 12,000 customers teach it more than those of 9,000, by which [the bar](#what-do-six-rounds-of-learning-earn) is",
        "judged below: there the same files come nearer to it. Expected profits under the true probabilities, shares in %.",
        "",
        "| limits | the shipped files' plan, of the ceiling | the plan, of what can be known | the ceiling, of what can be known |",
        "|---|---|---|---|",
    ]
    names = ("plan_of_ceiling", "plan_of_knowable", "ceiling_of_knowable")
    return lines + [
        f"| {words} | {' | '.join(span(shares[name], '.1f', 100) for name in names)} |"
        for words, shares in found["ceilings"].items()
    ]


if __name__ == "__main__":
    from benchmarks.campaign_page import main

    sys.exit(main(["oracle"]))

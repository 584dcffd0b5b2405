"""Six rounds of learning against the truth, on companies of two simulators: what the plans earn, promise and risk.

Each company is loaded, trained and scored by the product. Its newest month is then lived six times: the same customers, fresh
luck. In each round the product's arithmetic plans (files, and what earlier rounds taught), holds out, sees who leaves, and learns.
The truth is every customer's probability of churn under every offer.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.campaign_worlds import DAY, DEMO, MODEL, SECOND, CampaignWorld, Simulator, campaign_world
from benchmarks.oracle_share import expected_truth, profit_of_ceiling
from churn.campaigns.assignment import held_out
from churn.campaigns.expectation import Treated, draw_profit, economics_of, interval
from churn.campaigns.learning import evidence_of, level_of
from churn.campaigns.offer_effect import OfferEffect, Taught, design_of, priors_of
from churn.decisions.allocation.allocate import allocate
from churn.decisions.doubt import prospect_of_belief, trial_sizes
from churn.decisions.effect import Evidence, believe, share_kept
from churn.decisions.preposterior import ProgrammeOutlook, risk_rule
from churn.decisions.priced_arm import PricedArm
from churn.decisions.profit import CustomerTerms, value_contacts
from churn.decisions.recalibration import Recalibration, SeenLevel, apart, known_recalibration
from churn.documents.definition import CampaignDefinition
from churn.progress import Progress
from churn.workflows.measure.left_alone import MOST

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Choice = NDArray[np.int64]
CUSTOMERS: Final = 9_000
SEEDS: Final = 10
ROUNDS: Final = 6
WINDOW: Final = 30
BUDGETS: Final[dict[str, float | None]] = {"no budget": None, "1,000 a month": 1_000.0}
SIMULATORS: Final[tuple[tuple[str, Simulator], ...]] = (("the demo's", DEMO), ("a second of other mechanics", SECOND))
HARM: Final = 1.3  # odds of leaving of the contacted over those left alone, in companies where every offer harms
DRAWS: Final = 1_000
LEEWAY: Final = 0.05  # of what the files alone earn: the most that a round may earn less


@dataclass(frozen=True)
class Company:
    """n customers and k offers: what the product knows of them, and the truth, whose probabilities are `alone` and `under`."""

    definitions: tuple[CampaignDefinition, ...]
    ids: list[str]
    bands: list[str]
    probability: Floats
    involuntary: Floats
    value: Floats
    parts: tuple[tuple[Floats, Floats], ...]
    admitted: Bools
    reachable: Bools
    alone: Floats
    under: Floats
    level_error: float

    @property
    def contact(self) -> Floats:
        """What a contact costs, (k,)."""
        return np.array([float(d.offer.contact_cost) for d in self.definitions])

    @property
    def incentive(self) -> Floats:
        """What an incentive costs, (k,)."""
        return np.array([float(d.offer.incentive_cost) for d in self.definitions])

    @property
    def true_profit(self) -> Floats:
        """The profit (n, k) of each contact, expected under the true probabilities."""
        saved = self.alone[:, None] - self.under
        return np.asarray(self.value[:, None] * saved - self.contact - self.incentive * (1.0 - self.under))

    def knowing(self, voluntary: Floats, involuntary: Floats) -> Company:
        """Return the same customers, to whom the product gives these probabilities of leaving, (n,) each."""
        own = np.column_stack([self.probability - self.involuntary, self.involuntary])
        given = np.column_stack([voluntary, involuntary])
        parts = []
        for definition, (first, second) in zip(self.definitions, self.parts, strict=True):
            if definition.offer.success is None:
                parts.append((voluntary + involuntary, second))
                continue
            scales = np.column_stack([first, second]) / np.maximum(own, 1e-9)  # what modifiers make of a probability
            parts.append((given[:, 0] * scales[:, 0], given[:, 1] * scales[:, 1]))
        return replace(self, probability=voluntary + involuntary, involuntary=involuntary, parts=tuple(parts))

    def harmed(self) -> Company:
        """Return the same customers, all of whom any contact makes likelier to leave."""
        odds = HARM * self.alone / np.maximum(1.0 - self.alone, 1e-9)
        under = np.where(self.alone < 1.0, odds / (1.0 + odds), 1.0)
        return replace(self, under=np.repeat(under[:, None], len(self.definitions), axis=1))


@dataclass(frozen=True)
class Plan:
    """A round's plan: the offer (n,) of each customer, -1 for none, the expected profit (n, k), and each offer's effect.

    `probability` (n,) is what it counts with, `level_error` by which share that may err.
    """

    probability: Floats
    level_error: float
    choice: Choice
    profit: Floats
    effects: tuple[OfferEffect, ...]
    offers: tuple[Treated, ...]  # of everybody, as if all were treated


def company_of(world: CampaignWorld) -> Company:
    """Return what a round needs of a company."""
    from churn.views.champion import load_champion
    from churn.views.judgement import judge_model

    frame, offers = world.customers, world.simulator.offers
    early = frame["is_lost_early"].to_numpy()
    context = world.context()
    version, _ = load_champion(context)
    return Company(
        definitions=tuple(world.definitions()),
        ids=frame["customer_id"].to_list(),
        bands=frame["risk_band"].to_list(),
        probability=frame["churn_probability"].to_numpy(),
        involuntary=frame["involuntary_probability"].cast(pl.Float64).fill_null(0.0).to_numpy(),
        value=frame["value_of_save"].to_numpy(),
        parts=tuple((frame[f"first_{name}"].to_numpy(), frame[f"second_{name}"].to_numpy()) for name in offers),
        admitted=np.column_stack([frame[f"admitted_{name}"].to_numpy() for name in offers]),
        reachable=np.repeat(frame["may_be_contacted"].to_numpy()[:, None], len(offers), axis=1),
        alone=np.where(early, 1.0, frame["p_no_contact"].to_numpy()),
        under=np.where(early[:, None], 1.0, np.column_stack([frame[f"p_{name}"].to_numpy() for name in offers])),
        level_error=judge_model(context, version.version).level_error,
    )


def without_noise(world: CampaignWorld, company: Company) -> Company | None:
    """Return the company as if the product knew E[probability of each cause | features]; None where the truth has no causes."""
    if "p_involuntary" not in world.customers.columns:
        return None

    def causes(truth: pl.DataFrame) -> Floats:
        involuntary = truth["p_involuntary"].to_numpy()
        return np.column_stack([truth["p_no_contact"].to_numpy() - involuntary, involuntary])

    known = np.clip(expected_truth(world, "causes", causes), 0.0, 1.0)
    known /= np.maximum(known.sum(axis=1, keepdims=True), 1.0)
    return company.knowing(known[:, 0], known[:, 1])


@dataclass
class Lessons:
    """What the rounds so far have taught: evidence by offer, and by round how far the probabilities were off."""

    evidence: list[list[Evidence]]
    levels: list[SeenLevel]

    @classmethod
    def none(cls, company: Company) -> Lessons:
        """Return what is known before the first round."""
        return cls([[] for _ in company.definitions], [])


def plan(company: Company, lessons: Lessons, budget: float | None, draw: int = 0) -> Plan:
    """Return the product's plan by the files and the lessons; doubtful offers are tried on those whom `draw` picks."""
    from churn.config import BusinessSettings

    recalibration = known_recalibration(apart(lessons.levels, MODEL))
    factor = Taught((), recalibration).factor(company.probability, company.involuntary)
    probability = company.probability * factor
    effects, offers, profits, eligible = [], [], [], []
    for k, (definition, known) in enumerate(zip(company.definitions, lessons.evidence, strict=True)):
        offer = definition.offer
        kept = _kept(company, lessons, recalibration, k)
        belief = believe(priors_of(offer), Taught(known, recalibration).pieces, kept)
        effect = OfferEffect(belief, design_of(offer, *(part * factor for part in company.parts[k])), probability)
        economics = effect.within(economics_of(definition, BusinessSettings(), offer.risk_based_model))
        terms = CustomerTerms(avoided=effect.avoided)
        profit = value_contacts(probability, company.value, economics, terms, None).profit
        profits.append(profit)
        eligible.append(company.admitted[:, k] & (profit > max(float(definition.limits.min_expected_profit), 0.0)))
        effects.append(effect)
        offers.append(Treated(probability, effect.avoided, company.value, economics, terms=terms, effect=effect))
    profit = np.column_stack(profits)
    choice = best(company, profit, np.column_stack(eligible), budget)
    chosen = [np.flatnonzero(choice == k) for k in range(len(effects))]
    prospects = [
        prospect_of_belief(profit[rows, k], company.value[rows], effects[k].design[rows], effects[k].belief)
        for k, rows in enumerate(chosen)
    ]
    rng, sizes = np.random.default_rng([47, draw]), trial_sizes(prospects)
    for size, may in zip(sizes, eligible, strict=True):
        if size is not None:
            rows = np.flatnonzero(may)
            may[rng.permutation(rows)[size:]] = False
    if any(size is not None for size in sizes):
        choice = best(company, profit, np.column_stack(eligible), budget)
    error, rows = company.level_error, np.flatnonzero(choice >= 0)
    if recalibration is not None and rows.size:
        error = recalibration.error(company.probability[rows], company.involuntary[rows])
    return Plan(probability, error, choice, profit, tuple(effects), tuple(offers))


def _kept(company: Company, lessons: Lessons, recalibration: Recalibration | None, mine: int) -> float:
    """Return the share of its file that an offer's rates begin with, by the outcomes of the others."""
    stated = [[prior.expected for prior in priors_of(definition.offer)] for definition in company.definitions]
    pieces = [Taught(known, recalibration).pieces for known in lessons.evidence]
    return share_kept([[(stated[k], piece) for piece in pieces[k]] for k in range(len(stated)) if k != mine])


def best(company: Company, profit: Floats, eligible: Bools, budget: float | None) -> Choice:
    """Return the offer (n,) of the highest profit within the limits, -1 for none; a tenth of them are left alone."""
    share = np.array([1.0 - d.holdout.share for d in company.definitions])
    contacts = [d.limits.contacts for d in company.definitions]
    capacity = np.array([np.inf if limit is None else float(limit) for limit in contacts])
    cost = company.contact + company.incentive
    return np.asarray(
        allocate(
            profit * share, cost * share, budget=budget, offer_capacity=capacity / share, eligible=eligible
        ).choice,
        dtype=np.int64,
    )


def earned(company: Company, choice: Choice) -> float:
    """Return what a choice is truly expected to earn, a tenth of the chosen left alone."""
    rows = np.flatnonzero(choice >= 0)
    share = np.array([1.0 - d.holdout.share for d in company.definitions])
    return float((company.true_profit[rows, choice[rows]] * share[choice[rows]]).sum())


def least_lost(company: Company, choice: Choice) -> float:
    """Return the least that a first round may lose where every offer harms, if where offers help it earns 95 % of what `choice` does.

    Of the contacts of `choice` those are made that truly earn most for what they would lose: nobody who plans knows which they are.
    """
    rows = np.flatnonzero(choice >= 0)
    share = np.array([1.0 - d.holdout.share for d in company.definitions])[choice[rows]]
    gain = company.true_profit[rows, choice[rows]] * share
    loss = -company.harmed().true_profit[rows, choice[rows]] * share
    order = np.argsort(-gain / np.maximum(loss, 1e-9), kind="stable")
    gained, lost = (np.concatenate([[0.0], values[order].cumsum()]) for values in (gain, loss))
    peak = int(gained.argmax())
    return float(np.interp((1.0 - LEEWAY) * gain.sum(), gained[: peak + 1], lost[: peak + 1]))


def play(company: Company, budget: float | None, seed: int) -> list[dict[str, Any]]:
    """Return what six rounds come to, one row each."""
    rng = np.random.default_rng([31, seed])
    lessons = Lessons.none(company)
    rows = []
    for number in range(1, ROUNDS + 1):
        made = plan(company, lessons, budget, ROUNDS * seed + number)
        is_held = np.zeros(company.probability.size, dtype=np.bool_)
        for k, definition in enumerate(company.definitions):
            mine = np.flatnonzero(made.choice == k)
            is_held[mine] = held_out(
                [company.ids[i] for i in mine],
                [company.bands[i] for i in mine],
                campaign=f"{definition.name}_{number}",
                seed=seed,
                share=definition.holdout.share,
            )
        luck = rng.random(company.probability.size)
        treated = (made.choice >= 0) & ~is_held
        offer = np.maximum(made.choice, 0)
        leaves_alone = luck < company.alone
        leaves_under = luck < company.under[np.arange(offer.size), offer]
        left = np.where(treated, leaves_under, leaves_alone)
        static = plan(company, Lessons.none(company), budget, ROUNDS * seed + number)  # its trials drawn alike
        row = _row(company, made, treated, leaves_alone, leaves_under, number)
        rows.append({**row, "static": earned(company, static.choice)})
        _learn(company, made, treated, left, number, lessons)
    return rows


def _row(
    company: Company, made: Plan, treated: Bools, leaves_alone: Bools, leaves_under: Bools, number: int
) -> dict[str, Any]:
    offer = made.choice
    where = np.flatnonzero(treated)
    true = float(company.true_profit[where, offer[where]].sum())
    saved = company.value[where] * (leaves_alone[where].astype(float) - leaves_under[where])
    stays = 1.0 - leaves_under[where]
    came = float((saved - company.contact[offer[where]] - company.incentive[offer[where]] * stays).sum())
    campaigns = []
    for k, everyone in enumerate(made.offers):
        mine = np.flatnonzero(treated & (offer == k))
        effect = made.effects[k].of(mine)
        campaigns.append(
            replace(
                everyone,
                probability=made.probability[mine],
                avoided=everyone.avoided[mine],
                value=company.value[mine],
                terms=everyone.terms.of(mine),
                effect=effect,
            )
        )
    drawn = np.sum(draw_profit(campaigns, probability_error=made.level_error, draws=DRAWS, seed=number), axis=0)
    (span, _) = interval(drawn)
    return {
        "round": number,
        "contacts": [int((treated & (offer == k)).sum()) for k in range(len(company.definitions))],
        "expected": float(made.profit[where, offer[where]].sum()),
        "true": true,
        "came": came,
        "low": span.low,
        "high": span.high,
        "earned": earned(company, offer),
        "rates": [[round(number.mean, 4) for number in effect.belief.numbers] for effect in made.effects],
    }


def _learn(company: Company, made: Plan, treated: Bools, left: Bools, number: int, lessons: Lessons) -> None:
    """Add what the round taught of each offer, as assigned, beside those whom nobody chose."""
    alone, day = np.flatnonzero(made.choice < 0)[:MOST], DAY + timedelta(WINDOW * number)
    beside = pl.DataFrame(
        {
            "split": ["round"] * alone.size,
            "customer_id": [company.ids[i] for i in alone.tolist()],
            "snapshot_date": [day] * alone.size,
            "churn_probability": company.probability[alone],
            "involuntary_probability": company.involuntary[alone],
            "has_churned": left[alone],
        }
    )
    for k, definition in enumerate(company.definitions):
        mine = np.flatnonzero(made.choice == k)
        frame = pl.DataFrame(
            {
                "split": ["round"] * mine.size,
                "snapshot_date": [day] * mine.size,
                "plan_id": [str(number)] * mine.size,
                "arm": np.where(treated[mine], "treatment", "holdout"),
                "churn_probability": company.probability[mine],
                "involuntary_probability": company.involuntary[mine],
                "has_churned": left[mine],
                "voluntary_part": company.parts[k][0][mine],
                "involuntary_part": company.parts[k][1][mine],
            }
        )
        evidence = evidence_of(definition.offer, frame, beside) if mine.size else None
        if evidence is not None:
            lessons.evidence[k].append(evidence)
            lessons.levels.append(level_of(frame, beside, model_version=MODEL, day=day, window_days=WINDOW))


def risk_rule_of(company: Company, budget: float | None) -> Choice:
    """Return the plain risk rule's offer (n,) for each customer, -1 for none."""
    arms = tuple(
        PricedArm(
            name=definition.name,
            priors=priors_of(definition.offer),
            design=design_of(definition.offer, *company.parts[k]),
            contact_cost=float(company.contact[k]),
            incentive_cost=float(company.incentive[k]),
            is_eligible=company.admitted[:, k],
        )
        for k, definition in enumerate(company.definitions)
    )
    return risk_rule(
        ProgrammeOutlook(arms, company.probability, company.value, float(company.probability.size), budget=budget)
    )


def run(
    progress: Progress,
    *,
    customers: int = CUSTOMERS,
    seeds: int = SEEDS,
    first: int = 1,
    simulators: Sequence[str] = (DEMO.name, SECOND.name),
) -> dict[str, Any]:
    """Return, by simulator and budget, what the rounds came to on `seeds` companies of seeds from `first` on."""
    began = time.monotonic()
    cases = []
    for words, simulator in SIMULATORS:
        for seed in range(first, first + seeds) if simulator.name in simulators else ():
            world = campaign_world(customers, seed, progress, simulator)
            company = company_of(world)
            progress.step(f"Company {seed} of {words}: learning the ceiling")
            ceiling = profit_of_ceiling(world, company.value, company.contact, company.incentive)
            knowing = without_noise(world, company)
            for limits, budget in BUDGETS.items():
                progress.step(f"Company {seed} of {words}, {limits}: {ROUNDS} rounds")
                rule = risk_rule_of(company, budget)
                files = plan(company, Lessons.none(company), budget).choice
                cases.append(
                    {
                        "simulator": words,
                        "seed": seed,
                        "limits": limits,
                        "static": earned(company, files),
                        "knowing": knowing and earned(company, plan(knowing, Lessons.none(company), budget).choice),
                        "least_lost": least_lost(company, files),
                        "rule": earned(company, rule),
                        "rule_spend": float((company.contact + company.incentive)[rule[rule >= 0]].sum()),
                        "ceiling": earned(company, best(company, ceiling, company.reachable, budget)),
                        "knowable": earned(company, best(company, company.true_profit, company.reachable, budget)),
                        "rounds": play(company, budget, seed),
                        "harmed": play(company.harmed(), budget, seed),
                    }
                )
    return {
        "customers": customers,
        "seeds": seeds,
        "first": first,
        "cases": cases,
        "seconds": round(time.monotonic() - began, 1),
    }


if __name__ == "__main__":
    from benchmarks.campaign_page import main

    sys.exit(main(["rounds"]))

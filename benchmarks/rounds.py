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
from benchmarks.oracle_share import profit_of_ceiling
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
from churn.decisions.recalibration import Recalibration, SeenLevel, apart, proven_recalibration
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
REMARKS: Final = (
    f"Where every offer harms, contact multiplies the odds of leaving by {HARM}. The first round is planned by files that promise the opposite, and",
    "one customer more who is driven away costs as much as a hundred and forty e-mails: contacting a dozen customers at high risk loses more than",
    "2 % of what the risk rule spends in six rounds, so only who contacts nobody before he has outcomes could keep that bar. Who tries every offer on a few",
    "first would earn far less than the files alone in the first round of every company, which the bar above forbids. What the method holds: an offer that may well lose by its own file is tried on so few",
    "that the worst twentieth of cases costs 3 % of what the plan promises, once measured it is made to all at nine to one, and it begins with no more of its file than others were shown to keep of theirs.",
)


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

    recalibration = proven_recalibration(apart(lessons.levels, MODEL))
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
            for limits, budget in BUDGETS.items():
                progress.step(f"Company {seed} of {words}, {limits}: {ROUNDS} rounds")
                rule = risk_rule_of(company, budget)
                cases.append(
                    {
                        "simulator": words,
                        "seed": seed,
                        "limits": limits,
                        "static": earned(company, plan(company, Lessons.none(company), budget).choice),
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


def told(found: dict[str, Any]) -> str:
    """Return the rounds as a section of a page."""
    lines = [
        "## What do six rounds of learning earn?",
        "",
        f"Companies of {found['customers']:,} customers of two simulators, the demo's ({_companies(found, 0)}), and one of other mechanics and another",
        f"offer set ({_companies(found, 1)}), none of which anything was tuned on (seeds from {found['first']}). The newest month is lived six times: the same customers, fresh luck. The product plans by the",
        "files and what earlier rounds taught, a tenth held out. The ceiling is E[churn avoided | features], learnt without noise from an earlier",
        "month of the same company; what can be known is the best plan by the true probabilities. Means over the companies, lowest to highest.",
        *found.get("notes", ()),
        "",
        "| simulator | limits | files alone, % of the ceiling | rounds 3 to 6, % of the ceiling | files alone, % of what can be known | rounds 3 to 6, % of it | rounds at most 5 % below the files alone |",
        "|---|---|---|---|---|---|---|",
    ]
    for words, limits, cases in _groups(found):
        late = [float(np.mean([row["earned"] for row in case["rounds"][2:]])) for case in cases]
        shares = [
            _span([100 * case["static"] / case["ceiling"] for case in cases]),
            _span([100 * value / case["ceiling"] for case, value in zip(cases, late, strict=True)]),
            _span([100 * case["static"] / case["knowable"] for case in cases]),
            _span([100 * value / case["knowable"] for case, value in zip(cases, late, strict=True)]),
        ]
        fine = [_is_never_below(case) for case in cases]
        lines.append(f"| {words} | {limits} | {' | '.join(shares)} | in {sum(fine)} of {len(fine)} companies |")
    lines += [
        "",
        "| simulator | limits | expected / true profit, rounds 3 to 6 together | 90 % intervals hold what came | all offers harm: money lost in six rounds, % of the risk rule's spend | contacts of rounds 3 to 6 there, % of the first's |",
        "|---|---|---|---|---|---|",
    ]
    for words, limits, cases in _groups(found):
        rows = [row for case in cases for row in case["rounds"]]
        later = [row for row in rows if row["round"] > 2]
        ratio = sum(row["expected"] for row in later) / sum(row["true"] for row in later)
        by_case = [
            sum(row["expected"] for row in case["rounds"][2:]) / sum(row["true"] for row in case["rounds"][2:])
            for case in cases
        ]
        held = float(np.mean([row["low"] <= row["came"] <= row["high"] for row in rows]))
        lost = [
            -100 * sum(row["true"] for row in case["harmed"]) / max(ROUNDS * case["rule_spend"], 1e-9) for case in cases
        ]
        lines.append(
            f"| {words} | {limits} | {ratio:.2f} ({min(by_case):.2f} to {max(by_case):.2f}) | {held:.0%} of {len(rows)} "
            f"| {_span(lost)} | {_span([_left(case['harmed']) for case in cases])} |"
        )
    return "\n".join([*lines, "", *_verdicts(found), "", *REMARKS, ""])


def _is_never_below(case: dict[str, Any]) -> bool:
    """Return whether no round earned more than 5 % less than the files alone, their trials drawn as that round's."""
    return all(row["earned"] >= 0.95 * row.get("static", case["static"]) for row in case["rounds"])


def _companies(found: dict[str, Any], place: int) -> int:
    """Return how many companies of a simulator were played."""
    return len({case["seed"] for case in found["cases"] if case["simulator"] == SIMULATORS[place][0]})


def _verdicts(found: dict[str, Any]) -> list[str]:
    """Return what was wanted, and whether each simulator's companies came to it."""
    bars: dict[str, list[bool]] = {
        "files alone earn 85 % of the ceiling, 80 % under the budget": [],
        "expected over true profit from .8 to 1.25": [],
        "intervals that hold 85 to 95 %": [],
        "no round more than 5 % below the files": [],
        "2 % of the risk rule's spend lost where every offer harms": [],
    }
    names = []
    for words, _ in SIMULATORS:
        groups = [(limits, cases) for name, limits, cases in _groups(found) if name == words]
        if not groups:
            continue
        names.append(words)
        rows = [row for _, cases in groups for case in cases for row in case["rounds"]]
        late = [row for row in rows if row["round"] > 2]
        ratio = sum(row["expected"] for row in late) / sum(row["true"] for row in late)
        held = float(np.mean([row["low"] <= row["came"] <= row["high"] for row in rows]))
        every = [case for _, cases in groups for case in cases]
        fine = [_is_never_below(case) for case in every]
        lost = [-sum(row["true"] for row in case["harmed"]) / max(ROUNDS * case["rule_spend"], 1e-9) for case in every]
        is_met = (
            all(
                np.mean([case["static"] / case["ceiling"] for case in cases]) >= (0.85 if budget is None else 0.80)
                for (_, cases), budget in zip(groups, BUDGETS.values(), strict=True)
            ),
            0.8 <= ratio <= 1.25,
            0.85 <= held <= 0.95,
            float(np.mean(fine)) >= 0.95,
            float(np.mean(lost)) <= 0.02,
        )
        for met, verdicts in zip(is_met, bars.values(), strict=True):
            verdicts.append(bool(met))
    lines = [f"| wanted | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    return lines + [
        f"| {bar} | {' | '.join('met' if met else 'missed' for met in verdicts)} |" for bar, verdicts in bars.items()
    ]


def _left(rows: Sequence[dict[str, Any]]) -> float:
    """Return the contacts of a late round, in % of the first's."""
    return 100 * float(np.mean([sum(row["contacts"]) for row in rows[2:]]) / sum(rows[0]["contacts"]))


def _groups(found: dict[str, Any]) -> list[tuple[str, str, list[dict[str, Any]]]]:
    return [
        (words, limits, cases)
        for words, _ in SIMULATORS
        for limits in BUDGETS
        if (cases := [case for case in found["cases"] if case["simulator"] == words and case["limits"] == limits])
    ]


def _span(values: Sequence[float]) -> str:
    return f"{np.mean(values):.0f} ({min(values):.0f} to {max(values):.0f})"


if __name__ == "__main__":
    from benchmarks.campaign_page import main

    sys.exit(main(["rounds"]))

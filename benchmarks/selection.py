"""What the rule of choosing a model costs on small sets: money of the chosen candidate beside that of the best in hindsight.

Small trainings are drawn from public sets; the rows left over, thousands, tell what each candidate is worth: what contacting everybody
earns whom its probability says that a contact pays for, as plans do. Candidates are judged on their out-of-fold scores, resampled by
customer, so that 200 sets cost some dozens of trainings. Hindsight is lucky too: how lucky is told by an oracle that knows what
each candidate earns on one half of the rows left over, and is paid on the other half.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import ROOT
from churn.decisions.profit import Economics, expected_profit
from churn.modeling.averaging import cross_fitted_average, fit_weights
from churn.modeling.candidates import AVERAGE, CANDIDATES, Candidate
from churn.modeling.encoding.columns import Floats
from churn.modeling.encoding.encoder import LearningRows, fit_encoder
from churn.modeling.judging.bootstrap import CustomerDraws
from churn.modeling.judging.calibration import Calibrator, fit_calibrator
from churn.modeling.judging.evaluation import TestRows
from churn.modeling.judging.held import judge_held
from churn.modeling.learners import Sample, cross_fitted
from churn.modeling.result import CandidateResult
from churn.modeling.selection import select

SIZES: Final = (300, 600, 1_200, 3_000)
FOLDS: Final = 5
DRAWS: Final = 100
LEAST: Final = 0.98
PAGE = ROOT / "docs" / "model-quality.md"
MARK: Final = "<!-- The part on small sets is written by `python -m benchmarks.selection`. -->"
END: Final = "<!-- The rest is written by `python -m benchmarks.quality`. -->"
ORDER: Final = ("logistic_regression", "random_forest", "shallow_xgboost", "xgboost", "hist_gradient_boosting", "mlp")
CHEAP: Final = tuple(entry for entry in CANDIDATES if entry.name not in {"native_xgboost", "mlp"})


@dataclass(frozen=True)
class Population:
    """Customers to draw small sets from: features, outcomes 0/1 and the value of a save, (n,) each."""

    rows: LearningRows
    features: tuple[str, ...]
    value: Floats

    @property
    def economics(self) -> Economics:
        """An offer dear enough that some are better left alone: a tenth of what a median save is worth."""
        return Economics(contact_cost=0.1 * float(np.median(self.value)))


@dataclass(frozen=True)
class Scored:
    """One candidate of one small training: scores of its rows out of fold, and of the rows left over."""

    entry: Candidate | None  # None for the constant
    held: Floats
    later: Floats


@dataclass(frozen=True)
class SmallTraining:
    """A small set's candidates, and the outcomes and values of its own rows and of those left over."""

    scored: tuple[Scored, ...]
    y: Floats
    value: Floats
    later_y: Floats
    later_value: Floats
    fold: NDArray[np.int64]
    economics: Economics


@dataclass(frozen=True)
class Choice:
    """What the chosen candidate and the best in hindsight earn on the rows left over.

    `by_cut` is the chosen one's money where everybody from its threshold on is contacted, the one that paid most on the small set.
    `oracle` is what share of the best's money on one half of the rows the best of the other half earns, on average over both.
    """

    name: str
    money: float
    best_name: str
    best: float
    by_cut: float
    oracle: float


def train_small(population: Population, size: int, seed: int, entries: Sequence[Candidate] = CHEAP) -> SmallTraining:
    """Fit `entries`, their average and a constant on `size` customers, and score the others."""
    rng = np.random.default_rng(seed)
    rows = population.rows
    drawn = np.zeros(rows.y.size, dtype=np.bool_)
    drawn[rng.choice(rows.y.size, size=size, replace=False)] = True
    own, others = rows.some(drawn), rows.some(~drawn)
    own = LearningRows(own.frame, own.y, own.weight, np.arange(size))
    fold = rng.permutation(size) % FOLDS
    scored = [Scored(None, np.zeros(size), np.zeros(others.y.size))]
    for entry in entries:
        encoder, matrix = fit_encoder(own, population.features, entry.recipe, seed=seed)
        sample = Sample(matrix, own.y, own.weight)
        held = cross_fitted(entry.learn, entry.score, sample, entry.defaults, fold, seed)
        fitted = entry.learn(sample, entry.defaults, seed, None).estimator
        scored.append(Scored(entry, held, entry.score(fitted, encoder.transform(others.frame))))
    members = scored[1:]
    if len(members) > 1:
        scores = np.stack([member.held for member in members], axis=1)
        later = fit_weights(scores, own.y)(np.stack([member.later for member in members], axis=1))
        scored.append(Scored(AVERAGE, cross_fitted_average(scores, own.y, fold), later))
    value = population.value
    return SmallTraining(
        tuple(scored), own.y, value[drawn], others.y, value[~drawn], fold.astype(np.int64), population.economics
    )


def choose(training: SmallTraining, seed: int) -> Choice | None:
    """Draw the customers of a small training anew, choose by the product's rule, and look up what each would earn.

    None where the draw lacks churners or stayers in a fold, or where no candidate earns anything.
    """
    rng = np.random.default_rng(seed)
    index = np.sort(rng.integers(0, training.y.size, size=training.y.size))
    y, fold = training.y[index], training.fold[index]
    if any(np.ptp(y[fold != k]) == 0 for k in range(FOLDS)):
        return None
    draws = CustomerDraws.of(index, draws=DRAWS, seed=seed)
    rows = TestRows(y, training.value[index], draws, training.economics, 0.1)
    earned = expected_profit(training.later_y, training.later_value, training.economics)
    half = np.random.default_rng(seed).random(earned.size) < 0.5
    results, money, by_cut, halves = [], {}, {}, {}
    for scored in training.scored:
        entry = scored.entry

        def calibrate(raw: Floats, outcome: Floats, entry: Candidate | None = entry) -> Calibrator:
            return fit_calibrator(
                raw, outcome, raw_unit=entry.raw_unit if entry else "log_odds", method="platt", seed=seed
            )

        judged = judge_held(scored.held[index], rows, fold, calibrate, training.economics, is_one_model=False)
        name = entry.name if entry else "constant"
        p = judged.calibrator(scored.later)
        gained = earned * (expected_profit(p, training.later_value, training.economics) > 0.0)
        if entry is not None:
            money[name] = 1000 * float(gained.mean())
            by_cut[name] = 1000 * float((earned * (p >= judged.threshold)).mean())
            halves[name] = (float(gained[half].mean()), float(gained[~half].mean()))
        results.append(
            CandidateResult(
                name=name,
                title=entry.title if entry else "Constant",
                is_baseline=entry is None,
                metrics={},
                held_out=judged.figures,
                contacts_everyone=judged.contacts_everyone,
                threshold=judged.threshold,
                fit_seconds=0.0,
                rows_per_second=1.0,
                calibration="platt",
                is_calibrated=True,
                calibration_slope=1.0,
                members=AVERAGE.members if entry is AVERAGE else (),
            )
        )
    best = max(money, key=lambda name: money[name])
    if money[best] <= 0.0:
        return None
    chosen = select(results, metric="net_profit", interpretability=ORDER, currency="USD").name
    return Choice(chosen, money[chosen], best, money[best], by_cut[chosen], _oracle(list(halves.values())))


def _oracle(halves: Sequence[tuple[float, float]]) -> float:
    """Return the share of the best's money on one half that the best of the other half earns, on average over both."""
    first, second = (max(halves, key=lambda pair: pair[k]) for k in range(2))
    return (first[1] / second[1] + second[0] / first[0]) / 2.0


def choices(population: Population, *, sets: int, trainings: int, seed: int) -> Iterator[Choice]:
    """Yield `sets` choices over `trainings` small trainings of rising sizes."""
    count = 0
    for number in range(trainings):
        small = train_small(population, SIZES[number % len(SIZES)], seed + number)
        share = (sets * (number + 1)) // trainings - (sets * number) // trainings
        for draw in range(share):
            choice = choose(small, seed + 1_000 * number + draw)
            if choice is not None:
                count += 1
                yield choice


def main() -> int:
    """Choose on resampled small sets of each population; write the part of docs/model-quality.md on them."""
    from benchmarks.quality import training_set, value_of

    parser = argparse.ArgumentParser(prog="python -m benchmarks.selection", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with telco_ibm/telco.csv and mlc_churn/...")
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--trainings", type=int, default=16)
    options = parser.parse_args()
    names = ("telco_ibm", "mlc_churn")
    told: dict[str, list[Choice]] = {}
    for name in names:
        data = training_set(name, options.data.resolve() / name)
        y = data.frame["has_churned"].to_numpy().astype(float)
        rows = LearningRows(data.frame, y, np.ones(y.size), np.arange(y.size))
        population = Population(rows, tuple(doc.name for doc in data.features), value_of(data))
        told[name] = list(
            choices(population, sets=options.sets // len(names), trainings=options.trainings // len(names), seed=7)
        )
        sys.stderr.write(f"{name}: {share_of_best(told[name]):.4f} of {len(told[name])} sets\n")
    _write(told, options.trainings)
    return 0 if share_of_best([choice for part in told.values() for choice in part]) >= LEAST else 1


def share_of_best(made: Sequence[Choice]) -> float:
    """Return the chosen candidates' money as a share of the best in hindsight, on average over sets."""
    return float(np.mean([choice.money / choice.best for choice in made]))


def _write(told: dict[str, list[Choice]], trainings: int) -> None:
    every = [choice for part in told.values() for choice in part]
    text = PAGE.read_text(encoding="utf-8")
    head, rest = text.split(MARK)[0].rstrip(), text[text.index(END) :]
    if MARK not in text:
        head = text[: text.index(END)].rstrip()
    lines = [
        head,
        "",
        MARK,
        "",
        "## Choosing on small sets",
        "",
        f"{len(every)} sets of {SIZES[0]:,} to {SIZES[-1]:,} customers (`python -m benchmarks.selection --data DIR`): {trainings} small trainings, each judged on",
        "resampled customers with scores out of fold; what a candidate is worth is the money it earns on the thousands of customers left",
        "over, where everybody is contacted whom its probability says that a contact pays for, as plans do. `of the best`: money of the",
        f"chosen candidate as a share of that of the best in hindsight, on average over sets. The bar is {LEAST:.0%}. Hindsight picks luck too:",
        "`an oracle` knows what each candidate earns on half of the customers left over, and is paid, beside the best in hindsight, on the",
        "other half. `by a cut`: what the chosen one would earn, as a share of the same best, if everybody from that probability on were contacted that paid most on",
        "the small set.",
        "",
        "| set | sets | of the best | worst tenth of sets | an oracle | by a cut | chosen |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for name, made in (*told.items(), ("all", every)):
        shares = np.array([choice.money / choice.best for choice in made])
        counts = {entry: sum(choice.name == entry for choice in made) for entry in (*ORDER, AVERAGE.name)}
        chosen = ", ".join(f"{entry.replace('_', ' ')} {count}" for entry, count in counts.items() if count)
        oracle, cut = (
            float(np.mean(values)) for values in ([c.oracle for c in made], [c.by_cut / c.best for c in made])
        )
        lines.append(
            f"| {name} | {len(made)} | {shares.mean():.1%} | {float(np.quantile(shares, 0.1)):.1%} | {oracle:.1%} | {cut:.1%} | {chosen} |"
        )
    PAGE.write_text("\n".join([*lines, "", rest]), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())

"""Trains every candidate on the same rows, judges all on the same later rows, and selects the one to serve."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from churn.config import SelectionSettings, TrainingSettings
from churn.decisions.calibration import Gate
from churn.decisions.profit import Economics
from churn.errors import ModelError
from churn.modeling.baselines import Baseline, baselines
from churn.modeling.bootstrap import CustomerDraws
from churn.modeling.calibration import Calibrator, fit_calibrator
from churn.modeling.candidates import Candidate, candidates
from churn.modeling.card import build_card
from churn.modeling.columns import Floats
from churn.modeling.evaluation import TestRows, best_threshold, evaluate
from churn.modeling.leakage import scan_leakage
from churn.modeling.learners import Sample
from churn.modeling.preprocessing import Encoder, Matrix, Recipe, fit_encoder
from churn.modeling.result import CandidateResult, TrainingResult
from churn.modeling.selection import select
from churn.modeling.served import ServedModel
from churn.modeling.slices import Slices, cut
from churn.modeling.tuning import InnerSplit, Tuned, inner_split, tune
from churn.progress import SILENT, Progress

if TYPE_CHECKING:
    from churn.snapshots.dataset import TrainingSet

_BACKGROUND_ROWS = 200


@dataclass(frozen=True)
class _Encoded:
    """One recipe's encoder with the slices' matrices; `seconds_per_row` is what encoding one row takes."""

    encoder: Encoder
    train: Matrix
    later: dict[str, Matrix]
    seconds_per_row: float


@dataclass(frozen=True)
class _Fitted:
    """A candidate or baseline as it would serve, with its probabilities on the test rows."""

    result: CandidateResult
    estimator: Any
    calibrator: Calibrator
    recipe: Recipe | None
    raw_score: Floats
    churn_probability: Floats
    gate: Gate


def train_candidates(
    data: TrainingSet,
    *,
    training: TrainingSettings,
    selection: SelectionSettings,
    economics: Economics,
    split: str = "auto",
    progress: Progress = SILENT,
) -> TrainingResult:
    """Train, calibrate and judge `training.candidates` and the baselines; return the selected one ready to serve.

    `split`: auto (temporal where the dates allow), temporal or random. The same data, settings and seed give the same
    scores. Raises NotEnoughData, FutureLeak, or ModelError naming candidate or feature, before anything is trained.
    """
    entries = candidates(training.candidates)
    excluded = set(training.exclude_features)
    docs = tuple(doc for doc in data.features if doc.name not in excluded)
    if not docs:
        raise ModelError("no feature is left to learn from", where="training.exclude_features")
    names = tuple(doc.name for doc in docs)
    slices = cut(data, names, training, economics, split)
    progress.step("Scanning for leakage", 0.0)
    rows = slices.training_rows
    findings = scan_leakage(
        rows.frame, rows.y, names, limit=training.leakage_auc, horizon_days=data.policy.horizon_days
    )
    run = _Run(slices, names, training, selection, economics, progress)
    fitted = [run.baseline(rule) for rule in baselines(rows, names)]
    total_cost = sum(entry.cost for entry in entries)
    spent = 0.0
    for entry in entries:
        fitted.append(
            run.candidate(entry, minutes=training.tune_minutes * entry.cost / total_cost, done=spent / total_cost)
        )
        spent += entry.cost
    results = tuple(found.result for found in fitted)
    chosen = select(results, metric=selection.metric, interpretability=selection.interpretability)
    winner = next(found for found in fitted if found.result.name == chosen.name)
    model = run.serve(winner, data, docs)
    card = build_card(
        data=data,
        slices=slices,
        results=results,
        chosen=chosen,
        model=model,
        gate=winner.gate,
        findings=findings,
        training=training,
        selection=selection,
        economics=economics,
        cut_short=run.cut_short,
    )
    progress.step(f"Selected {winner.result.title.lower()}", 1.0)
    return TrainingResult(
        results, chosen.name, chosen.reason, chosen.has_signal, model, run.evaluation_set(winner), card
    )


class _Run:
    """One training: encoders are learnt once per recipe and shared by the candidates that use it."""

    def __init__(
        self,
        slices: Slices,
        features: tuple[str, ...],
        training: TrainingSettings,
        selection: SelectionSettings,
        economics: Economics,
        progress: Progress,
    ) -> None:
        self.slices, self.features, self.training = slices, features, training
        self.economics, self.progress = economics, progress
        self.cut_short: list[str] = []
        self._encoded: dict[str, _Encoded] = {}
        index = slices.rows["test"]
        draws = CustomerDraws.of(slices.customer[index], draws=selection.bootstrap_draws, seed=training.seed)
        self._test = TestRows(slices.y[index], slices.value[index], draws, economics, selection.recall_share)
        train = slices.rows["train"]
        self._inner: InnerSplit = inner_split(
            slices.snapshot[train],
            slices.training_rows.customer,
            slices.y[train],
            is_temporal=slices.kind == "temporal",
            seed=training.seed,
        )

    def candidate(self, entry: Candidate, *, minutes: float, done: float) -> _Fitted:
        """Tune, fit, calibrate and judge one candidate."""
        encoded = self._encode(entry.recipe)
        rows = self.slices.training_rows
        sample = Sample(encoded.train, rows.y, rows.weight)
        self.progress.step(f"Tuning {entry.title}", done)
        tuned = tune(
            entry, sample, self._inner, minutes=minutes, seed=self.training.seed, progress=_Within(self.progress, done)
        )
        if tuned.is_cut_short:
            self.cut_short.append(entry.name)
        self.progress.step(f"Fitting {entry.title} on {rows.y.size:,} rows", done)
        began = time.perf_counter()
        estimator = entry.learn(sample, tuned.params, self.training.seed, None).estimator
        fit_seconds = time.perf_counter() - began
        raw = {name: entry.score(estimator, matrix) for name, matrix in encoded.later.items() if name != "test"}
        began = time.perf_counter()
        raw["test"] = entry.score(estimator, encoded.later["test"])
        per_row = encoded.seconds_per_row + (time.perf_counter() - began) / max(len(raw["test"]), 1)
        return self._judge(entry, raw, estimator, fit_seconds, 1.0 / max(per_row, 1e-12), tuned)

    def baseline(self, rule: Baseline) -> _Fitted:
        """Judge one rule of thumb, calibrated like any candidate."""
        raw = {name: rule.score(self.slices.part(name)) for name in ("calibrate", "select")}
        began = time.perf_counter()
        raw["test"] = rule.score(self.slices.part("test"))
        rate = len(raw["test"]) / max(time.perf_counter() - began, 1e-9)
        return self._judge(rule, raw, None, 0.0, rate, Tuned({}, 0, is_cut_short=False))

    def serve(self, winner: _Fitted, data: TrainingSet, docs: tuple[Any, ...]) -> ServedModel:
        """Return the winner as the model that serves."""
        assert winner.recipe is not None
        encoded = self._encoded[winner.recipe.name]
        rng = np.random.default_rng(self.training.seed)
        size = min(_BACKGROUND_ROWS, len(encoded.train))
        weight = self.slices.weight / self.slices.weight.sum()
        rows = np.sort(rng.choice(len(encoded.train), size=size, replace=False, p=weight))
        return ServedModel(
            kind=winner.result.name,
            features=docs,
            policy=data.policy,
            fingerprint=data.fingerprint,
            encoder=encoded.encoder,
            estimator=winner.estimator,
            calibrator=winner.calibrator,
            background=encoded.train[rows],
            threshold=winner.result.threshold,
        )

    def evaluation_set(self, winner: _Fitted) -> pl.DataFrame:
        """Return the test rows with the winner's scores, for simulations and later comparisons."""
        frame = self.slices.part("test")
        kept = [name for name in ("customer_id", "snapshot_date") if name in frame.columns]
        return frame.select(kept).with_columns(
            frame["has_churned"].cast(pl.Boolean),
            pl.Series("raw_score", winner.raw_score),
            pl.Series("churn_probability", winner.churn_probability),
            frame["monthly_margin"].cast(pl.Float64).fill_null(0.0),
        )

    def _judge(
        self,
        entry: Candidate | Baseline,
        raw: dict[str, Floats],
        estimator: Any,
        fit_seconds: float,
        rows_per_second: float,
        tuned: Tuned,
    ) -> _Fitted:
        slices, is_baseline = self.slices, isinstance(entry, Baseline)
        for name, scores in raw.items():
            if not np.isfinite(scores).all():
                raise ModelError(
                    f"{entry.title} gave scores that are not numbers on the {name} slice",
                    where=f"candidate {entry.name}",
                    remedy="Leave it out with training.candidates, or look for extreme values in the features.",
                )
        calibrator = fit_calibrator(
            raw["calibrate"],
            slices.outcome("calibrate"),
            raw_unit="log_odds" if isinstance(entry, Baseline) else entry.raw_unit,
            method="platt" if is_baseline else self.training.calibration,
            seed=self.training.seed,
        )
        chosen_on, p = slices.rows["select"], calibrator(raw["test"])
        threshold = best_threshold(
            calibrator(raw["select"]), slices.y[chosen_on], slices.value[chosen_on], self.economics
        )
        figures = evaluate(self._test, raw["test"], p, threshold)
        result = CandidateResult(
            name=entry.name,
            title=entry.title,
            is_baseline=is_baseline,
            metrics=figures.metrics,
            threshold=threshold,
            fit_seconds=fit_seconds,
            rows_per_second=rows_per_second,
            calibration=calibrator.method,
            is_calibrated=figures.gate.is_passed,
            calibration_slope=figures.gate.slope,
            params=tuned.params,
            trials=tuned.trials,
            draws=figures.draws,
        )
        recipe = None if isinstance(entry, Baseline) else entry.recipe
        return _Fitted(result, estimator, calibrator, recipe, raw["test"], p, figures.gate)

    def _encode(self, recipe: Recipe) -> _Encoded:
        if recipe.name not in self._encoded:
            self.progress.step("Encoding features")
            encoder, train = fit_encoder(self.slices.training_rows, self.features, recipe, seed=self.training.seed)
            later = {name: encoder.transform(self.slices.part(name)) for name in ("calibrate", "select")}
            test = self.slices.part("test")
            began = time.perf_counter()
            later["test"] = encoder.transform(test)
            seconds = (time.perf_counter() - began) / max(test.height, 1)
            self._encoded[recipe.name] = _Encoded(encoder, train, later, seconds)
        return self._encoded[recipe.name]


class _Within:
    """Passes messages on with the progress of the whole training, not of one candidate's search."""

    def __init__(self, progress: Progress, done: float) -> None:
        self._progress, self._done = progress, done

    def step(self, message: str, done: float | None = None) -> None:
        """Note that `message` is now being done."""
        self._progress.step(message, self._done + 0.2 * (done or 0.0))

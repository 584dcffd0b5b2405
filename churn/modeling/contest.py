"""One training's contest: candidates and baselines fitted on the same rows and judged on the same later rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from churn.config import SelectionSettings, TrainingSettings
from churn.decisions.calibration import Gate
from churn.decisions.profit import Economics
from churn.errors import ModelError
from churn.modeling.baselines import Baseline
from churn.modeling.candidates import Candidate
from churn.modeling.encoding.columns import Floats
from churn.modeling.encoding.encoder import Encoder, Matrix, Recipe, fit_encoder
from churn.modeling.judging.bootstrap import CustomerDraws
from churn.modeling.judging.calibration import ISOTONIC_CHURNERS, Calibrator, fit_calibrator
from churn.modeling.judging.evaluation import TestRows, best_threshold, evaluate
from churn.modeling.learners import Parameters, Sample, cross_fitted
from churn.modeling.result import CandidateResult
from churn.modeling.serving.served import ServedModel
from churn.modeling.slices import Slices
from churn.modeling.tuning import InnerSplit, Tuned, inner_split, tune
from churn.progress import Progress

if TYPE_CHECKING:
    from churn.snapshots.dataset import TrainingSet
    from churn.warehouse.models.sql_models import FeatureDoc

_BACKGROUND_ROWS = 200
_CROSS_FIT_ROWS = 20_000
_CROSS_FOLDS = 4


@dataclass(frozen=True)
class EncodedSlices:
    """One recipe's encoder with the slices' matrices; `seconds_per_row` is what encoding one row takes."""

    encoder: Encoder
    train: Matrix
    later: dict[str, Matrix]
    seconds_per_row: float


@dataclass(frozen=True)
class FittedCandidate:
    """A candidate or baseline as it would serve, with its probabilities on the test rows."""

    result: CandidateResult
    estimator: Any
    calibrator: Calibrator
    recipe: Recipe | None
    raw_score: Floats
    churn_probability: Floats
    gate: Gate


class CandidateContest:
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
        self._encoded: dict[str, EncodedSlices] = {}
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

    def candidate(self, entry: Candidate, *, minutes: float, done: float) -> FittedCandidate:
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
        more = self._more_to_calibrate(entry, sample, tuned.params)
        return self._judge(entry, raw, estimator, fit_seconds, 1.0 / max(per_row, 1e-12), tuned, more)

    def baseline(self, rule: Baseline) -> FittedCandidate:
        """Judge one rule of thumb, calibrated like any candidate."""
        raw = {name: rule.score(self.slices.part(name)) for name in ("calibrate", "select")}
        began = time.perf_counter()
        raw["test"] = rule.score(self.slices.part("test"))
        rate = len(raw["test"]) / max(time.perf_counter() - began, 1e-9)
        return self._judge(rule, raw, None, 0.0, rate, Tuned({}, 0, is_cut_short=False))

    def serve(self, winner: FittedCandidate, data: TrainingSet, docs: tuple[FeatureDoc, ...]) -> ServedModel:
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

    def evaluation_set(self, winner: FittedCandidate) -> pl.DataFrame:
        """Return the test rows with the winner's scores, for simulations and later comparisons."""
        frame = self.slices.part("test")
        kept = [name for name in ("customer_id", "snapshot_date") if name in frame.columns]
        return frame.select(kept).with_columns(
            frame["has_churned"].cast(pl.Boolean),
            pl.Series("raw_score", winner.raw_score),
            pl.Series("churn_probability", winner.churn_probability),
            frame["monthly_margin"].cast(pl.Float64).fill_null(0.0),
        )

    def _more_to_calibrate(self, entry: Candidate, sample: Sample, params: Parameters) -> list[tuple[Floats, Floats]]:
        """Return cross-fitted raw scores and outcomes of the train slice, where a small random split leaves few rows.

        There the slices are alike, so every training row can say how its outcome relates to a score that never saw it.
        """
        few = self.slices.outcome("calibrate").sum() < ISOTONIC_CHURNERS
        if self.slices.kind != "random" or not few or sample.y.size > _CROSS_FIT_ROWS or sample.weight.max() > 1.0:
            return []
        self.progress.step(f"Calibrating {entry.title}")
        customer = self.slices.training_rows.customer
        fold = np.random.default_rng(self.training.seed).integers(0, _CROSS_FOLDS, size=int(customer.max()) + 1)[
            customer
        ]
        if any(np.ptp(sample.y[fold != k]) == 0 for k in range(_CROSS_FOLDS)):
            return []
        return [(cross_fitted(entry.learn, entry.score, sample, params, fold, self.training.seed), sample.y)]

    def _judge(
        self,
        entry: Candidate | Baseline,
        raw: dict[str, Floats],
        estimator: Any,
        fit_seconds: float,
        rows_per_second: float,
        tuned: Tuned,
        more: Sequence[tuple[Floats, Floats]] = (),
    ) -> FittedCandidate:
        slices, is_baseline = self.slices, isinstance(entry, Baseline)
        for name, scores in raw.items():
            if not np.isfinite(scores).all():
                raise ModelError(
                    f"{entry.title} gave scores that are not numbers on the {name} slice",
                    where=f"candidate {entry.name}",
                    remedy="Leave it out with training.candidates, or look for extreme values in the features.",
                )
        first = self._calibrator(entry, [(raw["calibrate"], slices.outcome("calibrate")), *more])
        cut_off = self._best_raw_score(first, raw["select"])
        # What serves is calibrated on the selection slice too: it is nearer to the days that will be scored.
        seen = [(raw[name], slices.outcome(name)) for name in ("calibrate", "select")]
        calibrator = self._calibrator(entry, [*seen, *more])
        p = calibrator(raw["test"])
        threshold = float(calibrator(np.array([cut_off]))[0]) if np.isfinite(cut_off) else np.inf
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
        return FittedCandidate(result, estimator, calibrator, recipe, raw["test"], p, figures.gate)

    def _calibrator(self, entry: Candidate | Baseline, seen: Sequence[tuple[Floats, Floats]]) -> Calibrator:
        is_baseline = isinstance(entry, Baseline)
        return fit_calibrator(
            np.concatenate([raw for raw, _ in seen]),
            np.concatenate([outcome for _, outcome in seen]),
            raw_unit="log_odds" if isinstance(entry, Baseline) else entry.raw_unit,
            method="platt" if is_baseline else self.training.calibration,
            seed=self.training.seed,
        )

    def _best_raw_score(self, calibrator: Calibrator, raw_score: Floats) -> float:
        """Return the lowest raw score worth contacting on the selection slice, infinite where no contact pays.

        `calibrator` has not seen that slice. The choice is kept as a raw score, so that a later curve leaves it as is.
        """
        chosen_on, p = self.slices.rows["select"], calibrator(raw_score)
        threshold = best_threshold(p, self.slices.y[chosen_on], self.slices.value[chosen_on], self.economics)
        return float(raw_score[p >= threshold].min(initial=np.inf))

    def _encode(self, recipe: Recipe) -> EncodedSlices:
        if recipe.name not in self._encoded:
            self.progress.step("Encoding features")
            encoder, train = fit_encoder(self.slices.training_rows, self.features, recipe, seed=self.training.seed)
            later = {name: encoder.transform(self.slices.part(name)) for name in ("calibrate", "select")}
            test = self.slices.part("test")
            began = time.perf_counter()
            later["test"] = encoder.transform(test)
            seconds = (time.perf_counter() - began) / max(test.height, 1)
            self._encoded[recipe.name] = EncodedSlices(encoder, train, later, seconds)
        return self._encoded[recipe.name]


class _Within:
    """Passes messages on with the progress of the whole training, not of one candidate's search."""

    def __init__(self, progress: Progress, done: float) -> None:
        self._progress, self._done = progress, done

    def step(self, message: str, done: float | None = None) -> None:
        """Note that `message` is now being done."""
        self._progress.step(message, self._done + 0.2 * (done or 0.0))

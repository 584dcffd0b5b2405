"""One training's contest: candidates and baselines fitted on the same rows and judged on the same later rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.config import SelectionSettings, TrainingSettings
from churn.decisions.calibration import Gate
from churn.decisions.profit import Economics
from churn.errors import ModelError
from churn.modeling.averaging import Average, Member, Weights, cross_fitted_average, fit_weights
from churn.modeling.baselines import Baseline, baselines
from churn.modeling.candidates import Candidate
from churn.modeling.encoding.columns import Floats
from churn.modeling.encoding.encoder import Encoder, LearningRows, Matrix, Recipe, fit_encoder
from churn.modeling.judging.bootstrap import CustomerDraws
from churn.modeling.judging.calibration import Calibrator, fit_calibrator
from churn.modeling.judging.evaluation import TestRows, evaluate
from churn.modeling.judging.held import judge_held
from churn.modeling.judging.ranking import area_under_roc
from churn.modeling.learners import Columns, Parameters, Sample, cross_fitted
from churn.modeling.monotone import columns_of_encoder
from churn.modeling.result import CandidateResult
from churn.modeling.serving.served import ServedModel
from churn.modeling.slices import Slices
from churn.modeling.tuning import InnerSplit, Tuned, inner_split, tune
from churn.progress import Progress

if TYPE_CHECKING:
    from churn.snapshots.dataset import TrainingSet
    from churn.warehouse.models.sql_models import FeatureDoc

_BACKGROUND_ROWS = 200
LATER: Final[tuple[str, ...]] = ("calibrate", "select")  # slices that judge, where folds do not


@dataclass(frozen=True)
class EncodedSlices:
    """One recipe's matrices of the slices; `seconds_per_row` is what encoding one row takes."""

    encoder: Encoder
    train: Matrix
    later: dict[str, Matrix]
    seconds_per_row: float


@dataclass(frozen=True)
class FittedCandidate:
    """A candidate or baseline, the parameters it was fitted with, and its probabilities on the test rows.

    `held_score` and `held_probability` are out-of-fold: of the rows to choose on, by models that were not trained on them. An
    average also has its `members` and their `weights`.
    """

    result: CandidateResult
    entry: Candidate | Baseline
    params: Parameters
    calibrator: Calibrator
    held_score: Floats
    held_probability: Floats
    raw_score: Floats
    churn_probability: Floats
    gate: Gate
    members: tuple[FittedCandidate, ...] = ()
    weights: Weights | None = None


@dataclass(frozen=True)
class FittedOnAll:
    """The final fit that serves: the encoder, its training rows' matrix, and the estimator."""

    encoder: Encoder
    matrix: Matrix
    estimator: Any  # what it is is up to the candidate's library


class CandidateContest:
    """One training run. Each encoder is fitted once per recipe and shared by the candidates that use it."""

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
        self.economics, self.progress, self.selection = economics, progress, selection
        self.cut_short: list[str] = []
        self.served_rows = 0
        self._encoded: dict[str, EncodedSlices] = {}
        index = slices.rows["test"]
        draws = CustomerDraws.of(slices.customer[index], draws=selection.bootstrap_draws, seed=training.seed)
        self._test = TestRows(slices.y[index], slices.value[index], draws, economics, selection.recall_share)
        train = slices.rows["train"]
        judged = train if slices.fold is not None else np.concatenate([slices.rows[name] for name in LATER])
        self._held_fold = (
            slices.fold if slices.fold is not None else np.repeat(range(2), [len(slices.rows[name]) for name in LATER])
        )
        held_draws = CustomerDraws.of(slices.customer[judged], draws=selection.bootstrap_draws, seed=training.seed)
        self._judged = judged
        self._held = TestRows(slices.y[judged], slices.value[judged], held_draws, economics, selection.recall_share)
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
        sample = Sample(encoded.train, rows.y, rows.weight, self._columns(encoded.encoder))
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
        if self.slices.fold is not None:
            self.progress.step(f"Judging {entry.title} in folds", done)
            held = cross_fitted(entry.learn, entry.score, sample, tuned.params, self.slices.fold, self.training.seed)
        else:
            held = np.concatenate([entry.score(estimator, encoded.later[name]) for name in LATER])
        began = time.perf_counter()
        test = entry.score(estimator, encoded.later["test"])
        per_row = encoded.seconds_per_row + (time.perf_counter() - began) / max(len(test), 1)
        return self._judge(entry, held, test, fit_seconds, 1.0 / max(per_row, 1e-12), tuned)

    def learnt_elsewhere(self, entry: Candidate, estimator: Any, encoder: Encoder) -> FittedCandidate:
        """Judge a model that was fitted elsewhere, on rows later than its training rows; there are no folds here."""
        self.progress.step(f"Judging {entry.title}")
        held = np.concatenate([entry.score(estimator, encoder.transform(self.slices.part(name))) for name in LATER])
        began = time.perf_counter()
        test = entry.score(estimator, encoder.transform(self.slices.part("test")))
        rate = len(test) / max(time.perf_counter() - began, 1e-9)
        return self._judge(entry, held, test, 0.0, rate, Tuned({}, 0, is_cut_short=False))

    def serve_elsewhere(
        self, judged: FittedCandidate, estimator: Any, encoder: Encoder, data: TrainingSet, docs: tuple[FeatureDoc, ...]
    ) -> ServedModel:
        """Return a model that was fitted elsewhere as a served model: not fitted again, with our calibration."""
        rows = self.slices.every_row(max_rows=self.training.max_rows, seed=self.training.seed)
        matrix = encoder.transform(rows.frame[self._background(rows)])
        return self._served(judged, FittedOnAll(encoder, matrix, estimator), matrix, data, docs)

    def average(self, entry: Candidate, fitted: Sequence[FittedCandidate]) -> FittedCandidate | None:
        """Judge the average of those of `fitted` that are its members; None where not two of them have any weight.

        Each row to choose on is scored with weights that were fitted on the other folds, as calibrators are.
        """
        able = [other for other in fitted if other.result.name in entry.members]
        if len(able) < 2:
            return None
        y, scores = self._held.y, np.stack([other.held_score for other in able], axis=1)
        weights = fit_weights(scores, y)
        members = tuple(other for other, weight in zip(able, weights.weights, strict=True) if weight > 0.0)
        if len(members) < 2:
            return None
        self.progress.step(f"Judging {entry.title.lower()}")
        held = cross_fitted_average(scores, y, self._held_fold)
        test = weights(np.stack([other.raw_score for other in able], axis=1))
        shares = {
            other.result.name: weight for other, weight in zip(able, weights.weights, strict=True) if weight > 0.0
        }
        seconds = sum(other.result.fit_seconds for other in members)
        rate = 1.0 / sum(1.0 / other.result.rows_per_second for other in members)
        judged = self._judge(entry, held, test, seconds, rate, Tuned(shares, 0, is_cut_short=False))
        result = replace(judged.result, members=tuple(shares))
        return replace(
            judged, result=result, members=members, weights=Weights(weights.intercept, tuple(shares.values()))
        )

    def baselines(self) -> list[FittedCandidate]:
        """Judge the rules of thumb, calibrated like any candidate and learnt from the same rows."""
        rows, fold = self.slices.training_rows, self.slices.fold
        fitted = []
        for rule in baselines(rows, self.features):
            if fold is None:
                held = np.concatenate([rule.score(self.slices.part(name)) for name in LATER])
            else:
                held = np.empty(rows.y.size)
                for k in np.unique(fold):
                    learnt = baselines(rows.some(fold != k), self.features)
                    again = next((other for other in learnt if other.name == rule.name), rule)
                    held[fold == k] = again.score(rows.frame.filter(fold == k))
            began = time.perf_counter()
            test = rule.score(self.slices.part("test"))
            rate = len(test) / max(time.perf_counter() - began, 1e-9)
            fitted.append(self._judge(rule, held, test, 0.0, rate, Tuned({}, 0, is_cut_short=False)))
        return fitted

    def auc_without(self, fitted: FittedCandidate, feature: str) -> float:
        """Return the test AUC of the same model fitted without one feature; of an average that of its best member."""
        if fitted.members:
            fitted = max(fitted.members, key=lambda member: member.result.value("auc"))
        entry, rows = fitted.entry, self.slices.training_rows
        assert isinstance(entry, Candidate)
        encoded = self._encode(entry.recipe)
        own = encoded.encoder.group_of == self.features.index(feature)
        train, test = encoded.train.copy(), encoded.later["test"].copy()
        train[:, own], test[:, own] = 0.0, 0.0
        sample = Sample(train, rows.y, rows.weight, self._columns(encoded.encoder))
        learnt = entry.learn(sample, fitted.params, self.training.seed, None)
        return area_under_roc(entry.score(learnt.estimator, test), self._test.y)

    def serve(self, winner: FittedCandidate, data: TrainingSet, docs: tuple[FeatureDoc, ...]) -> ServedModel:
        """Fit the winner again on every row, the test rows too, and return it as the model that serves.

        Its figures stay those of the contest, in which no model saw the rows that it was judged on.
        """
        entry = winner.entry
        assert isinstance(entry, Candidate)
        rows = self.slices.every_row(max_rows=self.training.max_rows, seed=self.training.seed)
        self.served_rows = rows.y.size
        self.progress.step(f"Fitting {entry.title} on all {rows.y.size:,} rows", 0.95)
        final = self._averaged(winner, rows) if winner.members else self._learnt(winner, rows)
        return self._served(winner, final, final.matrix[self._background(rows)], data, docs)

    def _background(self, rows: LearningRows) -> NDArray[np.int64]:
        """Return the places of rows that stand for the population."""
        rng = np.random.default_rng(self.training.seed)
        size = min(_BACKGROUND_ROWS, rows.y.size)
        return np.sort(rng.choice(rows.y.size, size=size, replace=False, p=rows.weight / rows.weight.sum()))

    def _served(
        self,
        winner: FittedCandidate,
        final: FittedOnAll,
        background: Matrix,
        data: TrainingSet,
        docs: tuple[FeatureDoc, ...],
    ) -> ServedModel:
        return ServedModel(
            kind=winner.result.name,
            features=docs,
            policy=data.policy,
            fingerprint=data.fingerprint,
            encoder=final.encoder,
            estimator=final.estimator,
            calibrator=winner.calibrator,
            background=background,
            threshold=winner.result.threshold,
        )

    def _learnt(self, winner: FittedCandidate, rows: LearningRows) -> FittedOnAll:
        entry = winner.entry
        assert isinstance(entry, Candidate)
        encoder, matrix = fit_encoder(rows, self.features, entry.recipe, seed=self.training.seed)
        sample = Sample(matrix, rows.y, rows.weight, self._columns(encoder))
        learnt = entry.learn(sample, winner.params, self.training.seed, None)
        return FittedOnAll(encoder, matrix, learnt.estimator)

    def _averaged(self, winner: FittedCandidate, rows: LearningRows) -> FittedOnAll:
        """Fit each member on its own columns of one wide matrix; members of the same recipe share theirs."""
        assert winner.weights is not None
        parts: dict[str, tuple[Encoder, Matrix, int]] = {}
        members: list[Member] = []
        width = 0
        for member, weight in zip(winner.members, winner.weights.weights, strict=True):
            entry = member.entry
            assert isinstance(entry, Candidate)
            if entry.recipe.name not in parts:
                encoder, matrix = fit_encoder(rows, self.features, entry.recipe, seed=self.training.seed)
                parts[entry.recipe.name] = (encoder, matrix, width)
                width += matrix.shape[1]
            encoder, matrix, first = parts[entry.recipe.name]
            sample = Sample(matrix, rows.y, rows.weight, self._columns(encoder))
            learnt = entry.learn(sample, member.params, self.training.seed, None)
            members.append(Member(entry.name, learnt.estimator, first, first + matrix.shape[1], weight))
        joint = Encoder(
            "+".join(parts), self.features, tuple(p for encoder, _, _ in parts.values() for p in encoder.plans)
        )
        wide = np.concatenate([matrix for _, matrix, _ in parts.values()], axis=1)
        return FittedOnAll(joint, wide, Average(winner.weights.intercept, tuple(members)))

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

    def unlearnt(self, winner: FittedCandidate) -> pl.DataFrame:
        """Return the rows that the winner was chosen on, each with its out-of-fold probability.

        Stayers are never sampled here: folds are used for sets small enough to be kept whole, and later rows are all judged.
        """
        frame = self.slices.frame[self._judged]
        kept = [name for name in ("customer_id", "snapshot_date") if name in frame.columns]
        return frame.select(kept).with_columns(pl.Series("churn_probability", winner.held_probability))

    def _judge(
        self,
        entry: Candidate | Baseline,
        held: Floats,
        test: Floats,
        fit_seconds: float,
        rows_per_second: float,
        tuned: Tuned,
    ) -> FittedCandidate:
        """Calibrate, choose the threshold, and count the figures, of scores by a model that knew none of the rows."""
        for scores in (held, test):
            if not np.isfinite(scores).all():
                raise ModelError(
                    f"{entry.title} gave scores that are not numbers",
                    where=f"candidate {entry.name}",
                    remedy="Leave it out with training.candidates, or look for extreme values in the features.",
                )
        judged = judge_held(
            held,
            self._held,
            self._held_fold,
            partial(self._calibrator, entry),
            self.economics,
            is_one_model=self.slices.fold is None,
        )
        p = judged.calibrator(test)
        figures = evaluate(self._test, test, p, judged.threshold)
        result = CandidateResult(
            name=entry.name,
            title=entry.title,
            is_baseline=isinstance(entry, Baseline),
            metrics=figures.metrics,
            held_out=judged.figures,
            contacts_everyone=judged.contacts_everyone,
            threshold=judged.threshold,
            fit_seconds=fit_seconds,
            rows_per_second=rows_per_second,
            calibration=judged.calibrator.method,
            is_calibrated=figures.gate.is_passed,
            calibration_slope=figures.gate.slope,
            params=tuned.params,
            trials=tuned.trials,
        )
        return FittedCandidate(
            result=result,
            entry=entry,
            params=tuned.params,
            calibrator=judged.calibrator,
            held_score=held,
            held_probability=judged.churn_probability,
            raw_score=test,
            churn_probability=p,
            gate=figures.gate,
        )

    def _calibrator(self, entry: Candidate | Baseline, raw: Floats, y: Floats) -> Calibrator:
        is_baseline = isinstance(entry, Baseline)
        return fit_calibrator(
            raw,
            y,
            raw_unit="log_odds" if isinstance(entry, Baseline) else entry.raw_unit,
            method="platt" if is_baseline else self.training.calibration,
            seed=self.training.seed,
        )

    def _columns(self, encoder: Encoder) -> Columns:
        return columns_of_encoder(encoder, self.training.monotone)

    def _encode(self, recipe: Recipe) -> EncodedSlices:
        if recipe.name not in self._encoded:
            self.progress.step("Encoding features")
            encoder, train = fit_encoder(self.slices.training_rows, self.features, recipe, seed=self.training.seed)
            later = {name: encoder.transform(self.slices.part(name)) for name in LATER if name in self.slices.rows}
            test = self.slices.part("test")
            began = time.perf_counter()
            later["test"] = encoder.transform(test)
            seconds = (time.perf_counter() - began) / max(test.height, 1)
            self._encoded[recipe.name] = EncodedSlices(encoder, train, later, seconds)
        return self._encoded[recipe.name]


class _Within:
    """Reports one candidate's steps as progress of the whole training."""

    def __init__(self, progress: Progress, done: float) -> None:
        self._progress, self._done = progress, done

    def step(self, message: str, done: float | None = None) -> None:
        """Note that `message` is now being done."""
        self._progress.step(message, self._done + 0.2 * (done or 0.0))

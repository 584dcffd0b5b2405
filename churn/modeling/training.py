"""Trains every candidate on the same rows, judges all on the same later rows, and selects the one to serve."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from churn.config import SelectionSettings, TrainingSettings
from churn.decisions.profit import Economics
from churn.errors import ConfigError, ModelError
from churn.modeling.baselines import segment_feature
from churn.modeling.candidates import candidates, competing
from churn.modeling.causes import learn_causes
from churn.modeling.contest import CandidateContest, FittedCandidate
from churn.modeling.judging.card import build_card
from churn.modeling.judging.causes import judge_causes
from churn.modeling.judging.fairness import fairness_slices
from churn.modeling.judging.leakage import JUMP_AUC, refuse_jump, scan_leakage
from churn.modeling.judging.within import within_segments
from churn.modeling.monotone import able_to_keep, require_directions
from churn.modeling.reasons.importance import feature_importance
from churn.modeling.result import CandidateResult, Selection, TrainingResult
from churn.modeling.selection import select
from churn.modeling.slices import cut
from churn.progress import SILENT, Progress

if TYPE_CHECKING:
    from churn.documents.model_card import LeakageFinding
    from churn.modeling.serving.served import ServedModel
    from churn.snapshots.dataset import TrainingSet

_LOOKED_AT = 2  # features of most weight: one alone can lift a ranking


def train_candidates(
    data: TrainingSet,
    *,
    training: TrainingSettings,
    selection: SelectionSettings,
    economics: Economics,
    currency: str,
    split: str = "auto",
    progress: Progress = SILENT,
) -> TrainingResult:
    """Train, calibrate and judge `training.candidates` and the baselines; return the selected one ready to serve.

    `split`: auto (temporal where the dates allow), temporal or random. The same data, settings and seed give the same
    scores. Raises NotEnoughData, FutureLeak, or ModelError naming candidate or feature, before anything is trained.
    """
    from threadpoolctl import threadpool_limits

    entries = [entry for entry in candidates(training.candidates) if not entry.members]
    averages = [entry for entry in candidates(training.candidates) if entry.members]
    if not entries:
        raise ConfigError(
            f"{averages[0].name} is an average of candidates, and none competes",
            where="training.candidates",
            remedy=f"Name two or more of {', '.join(averages[0].members)} beside it.",
        )
    excluded = {*training.exclude_features, *(c.feature for c in data.own_columns if c.use == "row_number")}
    docs = tuple(doc for doc in data.features if doc.name not in excluded)
    if not docs:
        raise ModelError("no feature is left to learn from", where="training.exclude_features")
    names = tuple(doc.name for doc in docs)
    slices = cut(data, names, training, economics, split)
    require_directions(slices.frame, names, training.monotone)
    entries = able_to_keep(competing(entries, slices.frame, names), training.monotone)
    progress.step("Scanning for leakage", 0.0)
    rows = slices.training_rows
    findings = scan_leakage(
        rows.frame,
        rows.y,
        names,
        limit=training.leakage_auc,
        horizon_days=data.policy.horizon_days,
        lead_days=data.policy.lead_days,
        trusted=training.trusted_features,
        history=slices.frame,
        weight=rows.weight,
    )
    run = CandidateContest(slices, names, training, selection, economics, progress)
    total = sum(entry.budget_weight for entry in entries)
    spent = 0.0
    # Matrices this narrow gain nothing from threads inside BLAS, and lose much where other work runs beside it.
    with threadpool_limits(limits=1, user_api="blas"):
        fitted = run.baselines()
        for entry in entries:
            minutes = training.tune_minutes * entry.budget_weight / total
            fitted.append(run.candidate(entry, minutes=minutes, done=spent / total))
            spent += entry.budget_weight
        averaged = [run.average(entry, fitted) for entry in averages]
    fitted += [entry for entry in averaged if entry is not None]
    results = tuple(entry.result for entry in fitted)
    chosen = select(results, metric=selection.metric, interpretability=selection.interpretability, currency=currency)
    winner = next(entry for entry in fitted if entry.result.name == chosen.name)
    model = run.serve(winner, data, docs)
    auc = winner.result.value("auc")
    if auc >= JUMP_AUC:
        for weight in feature_importance(model).features[:_LOOKED_AT]:
            refuse_jump(
                weight.feature,
                auc=auc,
                without=run.auc_without(winner, weight.feature),
                rows=len(slices.rows["test"]),
                limit=training.leakage_auc,
                trusted=training.trusted_features,
            )
    return conclude(DecidedContest(run, data, names, results, chosen, winner, model, tuple(findings)), progress)


@dataclass(frozen=True)
class DecidedContest:
    """A contest that is decided: who was judged, who was chosen, and the model that serves."""

    run: CandidateContest
    data: TrainingSet
    names: tuple[str, ...]
    results: tuple[CandidateResult, ...]
    chosen: Selection
    winner: FittedCandidate
    model: ServedModel
    findings: tuple[LeakageFinding, ...]
    reasons: str | None = None


def conclude(decided: DecidedContest, progress: Progress = SILENT) -> TrainingResult:
    """Learn the split by cause, write the card, and hand on the result."""
    from threadpoolctl import threadpool_limits

    run, model, winner, results = decided.run, decided.model, decided.winner, decided.results
    slices, training, names = run.slices, run.training, decided.names
    progress.step("Learning the causes of churn", 0.97)
    with threadpool_limits(limits=1, user_api="blas"):
        by_cause = learn_causes(slices, names, seed=training.seed)
    causes = judge_causes(by_cause, slices.outcome("test"), winner.churn_probability) if by_cause else None
    if by_cause and causes:
        model = replace(model, causes=replace(by_cause.model, is_trusted=causes.is_published))
    segment = segment_feature(slices.training_rows, names)
    alone = next((result.value("auc") for result in results if result.name == "segment_rate"), None)
    card = build_card(
        data=decided.data,
        slices=slices,
        results=results,
        chosen=decided.chosen,
        model=model,
        gate=winner.gate,
        findings=decided.findings,
        training=training,
        selection=run.selection,
        economics=run.economics,
        cut_short=run.cut_short,
        served_rows=run.served_rows or None,
        within=within_segments(
            slices.part("test"),
            winner.churn_probability,
            segment,
            headline=winner.result.value("auc"),
            alone=alone,
        )
        if segment is not None and alone is not None
        else None,
        causes=causes,
        fairness=fairness_slices(slices.part("test"), winner.churn_probability, winner.result.threshold),
        reasons=decided.reasons,
    )
    progress.step(f"Selected {winner.result.title.lower()}", 1.0)
    return TrainingResult(results, decided.chosen, model, run.evaluation_set(winner), run.unlearnt(winner), card)

"""Judges a model made elsewhere on the rows that our own candidates are judged on, and prepares it to serve."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from churn.config import SelectionSettings, TrainingSettings
from churn.decisions.profit import Economics
from churn.errors import ConfigError, ModelError
from churn.modeling.candidates import OUTSIDE, OUTSIDE_FOREST
from churn.modeling.contest import CandidateContest
from churn.modeling.encoding.columns_of import CodePlan
from churn.modeling.encoding.encoder import raw_encoder
from churn.modeling.judging.leakage import scan_leakage
from churn.modeling.outside import Outside, outside_model
from churn.modeling.reasons.sampled import REFERENCES, sampling_error
from churn.modeling.result import TrainingResult
from churn.modeling.selection import select
from churn.modeling.slices import Slices, cut
from churn.modeling.training import DecidedContest, conclude
from churn.progress import SILENT, Progress

if TYPE_CHECKING:
    import polars as pl

    from churn.modeling.serving.served import ServedModel
    from churn.snapshots.dataset import TrainingSet

_TRIED_ROWS: Final = 100  # on which the accuracy of sampled reasons is measured
TEMPORAL: Final = "temporal"


@dataclass(frozen=True)
class MadeElsewhere:
    """A fitted model, the features that it takes, in order, and the newest snapshot date of the rows it learnt from."""

    name: str
    model: Any  # of whatever library
    features: tuple[str, ...]
    learnt_until: date


def judge_outside(
    data: TrainingSet,
    made: MadeElsewhere,
    *,
    training: TrainingSettings,
    selection: SelectionSettings,
    economics: Economics,
    currency: str,
    progress: Progress = SILENT,
) -> TrainingResult:
    """Calibrate, gate and judge a model made elsewhere beside the rules of thumb, on rows that it cannot have learnt from.

    It serves as it is, never fitted again. Raises ModelError for a model that learnt from rows it would be judged on, that
    cannot be kept or cannot score, ConfigError for unknown features, NotEnoughData, FutureLeak.
    """
    from threadpoolctl import threadpool_limits

    docs = tuple(doc for doc in data.features if doc.name in set(made.features))
    _require_features(made, [doc.name for doc in data.features])
    slices = cut(data, made.features, training, economics, TEMPORAL)
    _require_later(slices, made)
    rows = slices.training_rows
    encoder = raw_encoder(rows.frame, made.features)
    levels = {plan.feature: plan.levels for plan in encoder.plans if isinstance(plan, CodePlan)}
    outside = outside_model(made.model, made.features, levels, encoder.transform(rows.frame), rows.weight)
    progress.step("Scanning for leakage", 0.0)
    findings = scan_leakage(
        rows.frame,
        rows.y,
        made.features,
        limit=training.leakage_auc,
        horizon_days=data.policy.horizon_days,
        lead_days=data.policy.lead_days,
        trusted=training.trusted_features,
        history=slices.frame,
        weight=rows.weight,
    )
    run = CandidateContest(slices, made.features, training, selection, economics, progress)
    kind = OUTSIDE_FOREST if outside.form == "forest" else OUTSIDE
    with threadpool_limits(limits=1, user_api="blas"):  # as candidates are judged
        judged = run.learnt_elsewhere(replace(kind, title=made.name), outside, encoder)
        results = tuple(entry.result for entry in [*run.baselines(), judged])
    chosen = select(results, metric=selection.metric, interpretability=selection.interpretability, currency=currency)
    model = run.serve_elsewhere(judged, outside, encoder, data, docs)
    reasons = _reasons(outside, model, slices.part("test"))
    return conclude(
        DecidedContest(run, data, made.features, results, chosen, judged, model, tuple(findings), reasons), progress
    )


def labelled_rows(data: TrainingSet, *, training: TrainingSettings, economics: Economics) -> pl.DataFrame:
    """Return the labelled rows with `slice` (train, calibrate, select, test) and `weight`, as our candidates see them.

    Raises NotEnoughData, and ModelError where the dates do not allow to judge on later ones.
    """
    import polars as pl

    names = [doc.name for doc in data.features]
    slices = cut(data, names, training, economics, TEMPORAL)
    parts = []
    for name in slices.rows:
        weight = slices.weight if name == "train" else np.ones(len(slices.rows[name]))
        parts.append(slices.part(name).with_columns(pl.lit(name).alias("slice"), pl.Series("weight", weight)))
    return pl.concat(parts)


def _require_features(made: MadeElsewhere, known: Sequence[str]) -> None:
    if not made.features:
        raise ConfigError(
            "no feature is named", where="features", remedy="Name those that the model takes, in its order."
        )
    for name in made.features:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            remedy = f"Did you mean `{near[0]}`?" if near else "home.features() returns a column for each."
            raise ConfigError(f"no feature is called `{name}`", where="features", remedy=remedy)
    if len(set(made.features)) < len(made.features):
        raise ConfigError("a feature is named twice", where="features")


def _require_later(slices: Slices, made: MadeElsewhere) -> None:
    """Raise ModelError unless all evaluation rows are later than the model's training rows."""
    days = [part.first_date for part in slices.summary() if part.slice != "train" and part.first_date is not None]
    first = min(days)
    if made.learnt_until >= first:
        raise ModelError(
            f"it learnt from rows of {made.learnt_until}, and would be judged on those from {first} on",
            where=f"model {made.name}",
            remedy="Fit it on the rows of home.training_rows() whose `slice` is train, and say their newest date.",
        )


def _reasons(outside: Outside, model: ServedModel, test: pl.DataFrame) -> str:
    """Return a sentence on how reasons are computed and how exact they are."""
    if outside.ensemble is not None:
        return "exact Shapley values of its trees."
    matrix = model.matrix(test.sample(min(_TRIED_ROWS, test.height), seed=0))
    error, same = sampling_error(outside.scores, matrix, model.background, model.group_of, len(model.feature_names))
    return (
        f"Shapley values estimated by asking the model, against {REFERENCES} customers of the background. On test customers the "
        f"standard error of a value is {error:.0%} of the size of one, and another sample names the same strongest reason for "
        f"{same:.0%} of them."
    )

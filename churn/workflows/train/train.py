"""Trains every candidate on point-in-time snapshots, selects one, registers it, and promotes it when asked or first."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from churn.campaigns.economics import economics_from
from churn.context import Context
from churn.errors import ModelError
from churn.modeling import MadeElsewhere, judge_outside, labelled_rows, learn_lifetime, save_bundle, train_candidates
from churn.modeling.candidates import candidates as known_candidates
from churn.modeling.lifetime import FILE as LIFETIME_FILE
from churn.monitoring.reference import FILE
from churn.snapshots.customer_terms import term_means
from churn.snapshots.dataset import data_cutoff, share_within, training_dates, training_set
from churn.snapshots.dates import require_told
from churn.snapshots.learnt_sql import SQL_FILE, sql_of
from churn.snapshots.policy import SnapshotPolicy
from churn.snapshots.treatments import mark_assigned
from churn.store import ModelVersion
from churn.views.model import prepare_figures
from churn.warehouse.models.sql_models import load_models
from churn.workflows.mirror import MirrorResult, mirror_if_configured, mirrors_models
from churn.workflows.train.reference import reference_of

if TYPE_CHECKING:
    import polars as pl

    from churn.modeling import TrainingResult
    from churn.modeling.lifetime.serving import LifetimeFile
    from churn.snapshots.dataset import TrainingSet
    from churn.warehouse.connection import Warehouse


@dataclass(frozen=True)
class TrainedModel:
    """A registered version, with the training that made it; `mirror` is what became of it at MLflow, None without one."""

    version: str
    is_champion: bool
    training: TrainingResult
    snapshot_dates: tuple[date, ...]
    counts: dict[str, int]
    split: str
    is_simulated_company: bool
    seconds: float
    mirror: MirrorResult | None = None


def train_model(
    context: Context,
    *,
    candidates: list[str] | None = None,
    split: str | None = None,
    tune: bool = True,
    promote: bool = False,
    who: str = "command line",
    as_of: date | None = None,
    snapshots: int | None = None,
) -> TrainedModel:
    """Train, select and register; the first version is promoted, later ones when `promote` is set.

    `as_of` learns only from what was known when that day began; `snapshots` takes only so many dates, the newest.
    Raises NotEnoughData when there is too little to learn from, ConfigError when a candidate's name is unknown,
    ModelError when promotion is asked for a model that learned nothing.
    """
    began = time.monotonic()
    settings = context.settings
    training = settings.training
    if candidates:
        training = training.model_copy(update={"candidates": list(candidates)})
    if not tune:
        training = training.model_copy(update={"tune_minutes": 0.0})
    known_candidates(training.candidates)  # an unknown name is told at once, not after the features are built
    with context.recorded("train_model", context.today):
        with context.open_warehouse("churn train") as warehouse:
            data = assemble_training_set(context, warehouse, as_of=as_of, snapshots=snapshots)
            means = term_means(warehouse, load_models(settings.home), settings.simulation.formulas)
        result = train_candidates(
            data,
            training=training,
            selection=settings.selection,
            economics=economics_from(settings, means),
            currency=settings.business.currency,
            split=split or training.split,
            progress=context.progress,
        )
        return _kept(context, result, data, promote=promote, who=who, began=began)


def _kept(
    context: Context,
    result: TrainingResult,
    data: TrainingSet,
    *,
    promote: bool,
    who: str,
    began: float,
    is_first_promoted: bool = True,
) -> TrainedModel:
    """Learn the hazards, register the version, and mirror it."""
    training = context.settings.training
    lifetime = learn_lifetime(result.model, data, training=training, progress=context.progress)
    result = replace(result, card=result.card.model_copy(update={"lifetime": lifetime.verdict}))
    version, is_champion = _register(
        context, result, data, lifetime, promote=promote, who=who, is_first_promoted=is_first_promoted
    )
    prepare_figures(context, version)
    dates = tuple(sorted(data.frame["snapshot_date"].unique().to_list()))
    return TrainedModel(
        version=version,
        is_champion=is_champion,
        training=result,
        snapshot_dates=dates,
        counts=dict(data.counts),
        split=result.card.split,
        is_simulated_company=context.is_simulated,
        seconds=time.monotonic() - began,
        mirror=mirror_if_configured(context),
    )


def register_model(
    context: Context, made: MadeElsewhere, *, promote: bool = False, who: str = "command line"
) -> TrainedModel:
    """Judge a model made elsewhere and register it as a version, which waits as challenger unless `promote` is set.

    Raises what `churn.modeling.judge_outside` raises, and ModelError when promotion is asked for one that may not serve.
    """
    began = time.monotonic()
    settings = context.settings
    with context.recorded("register_model", context.today):
        with context.open_warehouse("churn register") as warehouse:
            data = assemble_training_set(context, warehouse)
            means = term_means(warehouse, load_models(settings.home), settings.simulation.formulas)
        result = judge_outside(
            data,
            made,
            training=settings.training,
            selection=settings.selection,
            economics=economics_from(settings, means),
            currency=settings.business.currency,
            progress=context.progress,
        )
        return _kept(context, result, data, promote=promote, who=who, began=began, is_first_promoted=False)


def training_rows(context: Context) -> pl.DataFrame:
    """Return the labelled rows that a training would learn from and judge on, each with its `slice` and `weight`."""
    with context.open_warehouse("churn training rows") as warehouse:
        data = assemble_training_set(context, warehouse)
        means = term_means(warehouse, load_models(context.settings.home), context.settings.simulation.formulas)
    economics = economics_from(context.settings, means)
    return labelled_rows(data, training=context.settings.training, economics=economics)


def assemble_training_set(
    context: Context, warehouse: Warehouse, *, as_of: date | None = None, snapshots: int | None = None
) -> TrainingSet:
    """Build snapshots and features for the newest mature dates and return the training set; arguments as `train_model`.

    Of a company with more rows than `[training] max_snapshot_rows` it has a share of the customers. Customers whom
    a campaign contacted before the window opened, by the sources or by our own assignments, are flagged as treated.
    """
    settings = context.settings
    policy = SnapshotPolicy.from_settings(settings)
    models = load_models(settings.home)
    cutoff = data_cutoff(warehouse)
    require_told(warehouse, policy)
    if as_of is not None:
        cutoff = min(cutoff, datetime.combine(as_of, datetime.min.time()))
    limit = snapshots or settings.training.snapshots
    dates = training_dates(warehouse, policy, every=settings.training.every, limit=limit, as_of=cutoff)
    share = share_within(
        warehouse, models, policy, dates, data_cutoff=cutoff, most_rows=settings.training.max_snapshot_rows
    )
    context.engine.build_snapshots(
        warehouse,
        models,
        policy,
        dates,
        data_cutoff=cutoff,
        shares=dict.fromkeys(dates, share),
        progress=context.progress,
    )
    with context.open_store() as store:
        assigned = store.assignments.customers(arm="treatment")
    return mark_assigned(training_set(warehouse, models, policy), assigned)


def _register(
    context: Context,
    result: TrainingResult,
    data: TrainingSet,
    lifetime: LifetimeFile,
    *,
    promote: bool,
    who: str,
    is_first_promoted: bool,
) -> tuple[str, bool]:
    selection = result.selection
    if promote and not selection.may_serve:
        raise ModelError(
            "nothing to learn was found, so the model is not promoted"
            if not selection.has_signal
            else f"a rule of thumb does as well ({selection.better_rule}), so the model is not promoted",
            where="train",
            remedy=selection.reason,
        )
    now = context.clock()
    with context.open_store() as store:
        champion = store.models.champion()
        version = _version(now, selection.name, {m.version for m in store.models.list()})
        kept = {
            FILE: reference_of(data, result.model.feature_names, result.card).as_json(),
            LIFETIME_FILE: lifetime.as_json(),
        }
        if mirrors_models(context):
            kept[SQL_FILE] = dict(sql_of(load_models(context.settings.home), data))
        save_bundle(result, context.settings.models_path / version, extras=kept)
        store.models.register(
            ModelVersion(
                version=version,
                kind=selection.name,
                created_at=now,
                fingerprint=result.model.fingerprint,
                status="challenger",
                metrics=result.best.figures(),
                reason=selection.reason,
                bundle=version,
            )
        )
        is_first = is_first_promoted and champion is None and selection.may_serve
        if promote or is_first:
            why = "asked for at training" if promote else "the first model with something to say"
            store.models.promote(version, who=who, why=why, at=now)
    return version, promote or is_first


def _version(now: datetime, kind: str, taken: set[str]) -> str:
    base = f"{now:%Y%m%d-%H%M%S}-{kind}"
    version, number = base, 2
    while version in taken:
        version, number = f"{base}-{number}", number + 1
    return version

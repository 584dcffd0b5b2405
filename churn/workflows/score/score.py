"""Scores a date as of that date (features, calibrated probability, reasons, expected profit) and publishes the list."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from churn.context import Context
from churn.errors import ConfigError, ModelError
from churn.modeling import load_lifetime
from churn.snapshots.dataset import data_cutoff, default_snapshot_date
from churn.snapshots.policy import SnapshotPolicy
from churn.store import ScoreRun
from churn.views.champion import bundle_path, load_champion
from churn.workflows.plan.rules import facts_in_words, read_facts
from churn.workflows.refresh import stop_on_blocked_checks
from churn.workflows.score.frame import ScoredFrame, score_frame
from churn.workflows.score.serving_writer import prune_serving_files, write_score_history, write_serving_files

if TYPE_CHECKING:
    from churn.modeling import Lifetime, ServedModel
    from churn.store import ModelVersion
    from churn.warehouse.connection import Warehouse


@dataclass(frozen=True)
class ScoreResult:
    """One scored date. `is_published` is false when the list in use belongs to a later date."""

    snapshot_date: date
    model_version: str
    run_id: str
    customers: int
    bands: dict[str, int]
    listed: int
    turnover: float | None
    mean_probability: float
    is_published: bool
    is_calibrated: bool
    seconds: float


def score_customers(
    context: Context, *, snapshot_date: date | None = None, from_date: date | None = None, to_date: date | None = None
) -> list[ScoreResult]:
    """Score one date, or each day from `from_date` to `to_date`; by default the day after the newest fact.

    Each date sees only what was known then, so a second run gives the same list. Raises QualityBlocked when a
    blocking rule finds defects: the list in use stays, marked stale. Raises NoChampion before the first training.
    """
    if (from_date is None) != (to_date is None) or (snapshot_date and from_date):
        raise ConfigError("give either --date, or --from and --to", where="churn score")
    if from_date and to_date and from_date > to_date:
        raise ConfigError(f"{from_date} is after {to_date}", where="--from", remedy="Swap them.")
    version, model = load_champion(context)
    lifetime = load_lifetime(bundle_path(context, version))
    _refuse_changed_definition(context, model)
    with (
        context.recorded("score_customers", snapshot_date or to_date),
        context.open_warehouse("churn score") as warehouse,
    ):
        cutoff = data_cutoff(warehouse)
        dates = _dates(
            context, default_snapshot_date(warehouse, context.today, cutoff), cutoff, snapshot_date, from_date, to_date
        )
        return [_score_one(context, warehouse, version, model, day, cutoff, lifetime) for day in dates]


def _refuse_changed_definition(context: Context, model: ServedModel) -> None:
    ours, theirs = SnapshotPolicy.from_settings(context.settings), model.policy
    changed = [
        n
        for n in (
            "definition",
            "dated_by",
            "horizon_days",
            "lead_days",
            "inactivity_days",
            "excluded_plans",
            "excludes_free",
        )
        if getattr(ours, n) != getattr(theirs, n)
    ]
    if changed:
        raise ModelError(
            f"the champion was trained for another churn definition ({', '.join(changed)})",
            where="[churn]",
            remedy="Train again with `churn train --promote`, or restore the setting.",
        )


def _dates(
    context: Context, newest: date, cutoff: datetime, day: date | None, from_date: date | None, to_date: date | None
) -> list[date]:
    days = [day or newest]
    if from_date and to_date:
        days = [from_date + timedelta(days=n) for n in range((to_date - from_date).days + 1)]
    if days[-1] > max(newest, context.today):
        raise ConfigError(
            f"{days[-1]} lies in the future",
            where="--date",
            remedy=f"The data reach {cutoff:%Y-%m-%d}; score {newest} at the latest.",
        )
    lag = context.settings.churn.max_lag_days
    if days[-1] > newest + timedelta(days=lag):
        raise ConfigError(
            f"the data reach {cutoff:%Y-%m-%d}, {(days[-1] - newest).days} days before {days[-1]}: the list "
            "would take the silence since for that of the customers",
            where="--date",
            remedy=f"Load newer data with `churn refresh`, score {newest}, or raise [churn] max_lag_days (now {lag}).",
        )
    return days


def _score_one(
    context: Context,
    warehouse: Warehouse,
    version: ModelVersion,
    model: ServedModel,
    day: date,
    cutoff: datetime,
    lifetime: Lifetime | None,
) -> ScoreResult:
    began = time.monotonic()
    stop_on_blocked_checks(context, warehouse, day, level="block")
    scored = score_frame(context, warehouse, model, version.version, day, cutoff, lifetime)
    context.progress.step(f"Publishing {scored.frame.height:,} scores of {day}")
    is_published = _publish(context, warehouse, scored, version, day, cutoff)
    return ScoreResult(
        snapshot_date=day,
        model_version=version.version,
        run_id=scored.run_id,
        customers=scored.frame.height,
        bands=scored.bands,
        listed=int(scored.frame["is_listed"].sum()),
        turnover=scored.turnover,
        mean_probability=scored.mean_probability,
        is_published=is_published,
        is_calibrated=version.metrics is not None and version.metrics.is_calibrated,
        seconds=time.monotonic() - began,
    )


def _with_contact_facts(
    context: Context, warehouse: Warehouse, scored: ScoredFrame, day: date, cutoff: datetime
) -> ScoredFrame:
    ids = scored.frame["customer_id"]
    facts = read_facts(context, warehouse, ids, day, context.clock(), reached=cutoff)
    return replace(scored, frame=scored.frame.with_columns(facts_in_words(ids, facts)))


def _publish(
    context: Context, warehouse: Warehouse, scored: ScoredFrame, version: ModelVersion, day: date, cutoff: datetime
) -> bool:
    write_score_history(context, scored.frame, version.version, day)
    with context.open_store() as store:
        current = store.scores.current_run()
    if current is not None and current.snapshot_date > day:
        return False
    scored = _with_contact_facts(context, warehouse, scored, day, cutoff)
    write_serving_files(context, warehouse, scored, version.version, day)
    with context.open_store() as store:
        store.scores.publish(
            ScoreRun(
                run_id=scored.run_id,
                snapshot_date=day,
                model_version=version.version,
                scored_at=context.clock(),
                data_cutoff=scored.data_cutoff,
                customers=scored.frame.height,
                fingerprint=scored.fingerprint,
                is_stale=False,
                stale_reason=None,
            ),
            scored.frame,
        )
    prune_serving_files(context)
    return True

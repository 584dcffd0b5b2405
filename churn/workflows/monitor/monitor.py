"""Says whether the model still holds: drift, matured results, skew and health, ranked by money at risk; and what follows."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from churn.context import Context
from churn.documents.monitoring import Finding
from churn.errors import ConfigError
from churn.modeling import load_bundle
from churn.snapshots.dataset import data_cutoff, default_snapshot_date
from churn.views.champion import bundle_path
from churn.warehouse.models.sql_models import load_models
from churn.workflows.monitor.counting import CountDays
from churn.workflows.monitor.dates import ComparedDates, compared_dates, list_runs, past_night
from churn.workflows.monitor.keep import MonitorResult, finish
from churn.workflows.monitor.looks import ModelLook, MonitoredModel, look_at
from churn.workflows.monitor.machinery import machinery_findings
from churn.workflows.monitor.observation import Observation
from churn.workflows.monitor.renew import Renewal, renew
from churn.workflows.train.reference import find_reference

if TYPE_CHECKING:
    from churn.monitoring.day_counts import DayCounts
    from churn.store import ModelVersion
    from churn.warehouse.connection import Warehouse


NO_MODEL = "No model has been promoted, so there is nothing to monitor."


def monitor_model(
    context: Context, on: date | None = None, *, retrain: bool | None = None, promote: bool | None = None
) -> MonitorResult:
    """Run every monitor as of `on` (by default the day the data reach), keep what they found, raise and resolve alerts.

    Only facts and labels known by then count. Where the policy asks for a training it follows when `retrain` is set, and
    a challenger that surely earns more is promoted when `promote` is; both default to [monitoring]. Raises ConfigError
    for a day in the future, NotEnoughData where no facts are loaded.
    """
    rules = context.settings.monitoring
    retrain = rules.retrain == "automatic" if retrain is None else retrain
    promote = rules.promotion == "automatic" if promote is None else promote
    with context.recorded("monitor_model", on):
        observation = _observe(context, on)
        look = observation.look
        renewal = (
            renew(context, observation, look, retrain=retrain, promote=promote)
            if isinstance(look, ModelLook)
            else Renewal()
        )
        return finish(context, observation, renewal)


def _observe(context: Context, on: date | None) -> Observation:
    with context.open_warehouse("churn monitor") as warehouse:
        cutoff = data_cutoff(warehouse)  # reads all facts
        reached = default_snapshot_date(warehouse, context.today, cutoff)
        day = on or reached
        if day > max(reached, context.today):
            raise ConfigError(f"{day} lies in the future", where="--date", remedy=f"The data reach {reached}.")
        version = _version(context, day, is_past=day < reached)
        cutoff = min(cutoff, datetime.combine(day, datetime.min.time()))  # what was known as the day began
        look = _no_champion(context) if version is None else _look(context, warehouse, version, day, cutoff)
    # A simulated company's time ends with its data, and a look back ignores what came after.
    is_over = day < reached or context.is_simulated
    machinery = machinery_findings(context, datetime.combine(day, datetime.min.time()) if is_over else context.clock())
    return Observation(day, cutoff, version, look, tuple(machinery))


def _version(context: Context, day: date, *, is_past: bool) -> ModelVersion | None:
    """Return the champion; of a past day the model that served as it began, not one which learnt what came after."""
    with context.open_store() as store:
        if is_past:
            began = datetime.combine(day, datetime.min.time())
            for change in store.models.history():  # newest first
                if change.served_from <= began:
                    return store.models.get(change.version)
        return store.models.champion()


def _no_champion(context: Context) -> Finding:
    with context.open_store() as store:
        registered = store.models.list()
    why = f"{registered[0].version} waits: {registered[0].reason}" if registered else "Run `churn train`."
    return Finding(monitor="model", subject="champion", severity="unknown", sentence=f"{NO_MODEL} {why}")


def _look(
    context: Context, warehouse: Warehouse, version: ModelVersion, on: date, cutoff: datetime
) -> ModelLook | Finding:
    """Build the rows to compare, and let each monitor look at them."""
    folder = bundle_path(context, version)
    served = load_bundle(folder)
    context.progress.step("Reading what the model learnt from", 0.0)
    reference = find_reference(context, warehouse, served, folder, as_of=cutoff)
    model = MonitoredModel.load(version, served, folder, reference)
    dates = compared_dates(
        warehouse,
        served.policy,
        on,
        cutoff=cutoff,
        after=model.learnt_until,
        cohorts=context.settings.monitoring.cohorts,
    )
    night = past_night(context, warehouse, on)
    days = dates.days | ({night.snapshot_date} if night else set())
    context.progress.step(f"Building {len(days)} snapshot dates", 0.1)
    counts = _built(context, warehouse, model, sorted(days), dates)
    context.progress.step("Comparing", 0.7)
    return look_at(context, warehouse, model, dates, night, list_runs(warehouse, on), counts)


def _built(
    context: Context, warehouse: Warehouse, model: MonitoredModel, days: list[date], dates: ComparedDates
) -> dict[date, DayCounts] | None:
    """Build `days`, and count where they are built how features are spread on some; None without a reference to count by."""
    models, served = load_models(context.settings.home), model.served
    if model.reference is None:
        context.engine.build_snapshots(
            warehouse,
            models,
            served.policy,
            days,
            data_cutoff=dates.cutoff,
            wanted=served.feature_names,
            progress=context.progress,
        )
        return None
    counting = CountDays(model.reference, dates.counted, tuple(served.feature_names))
    counted = context.engine.count_snapshots(
        warehouse,
        models,
        served.policy,
        days,
        counting,
        data_cutoff=dates.cutoff,
        wanted=served.feature_names,
        progress=context.progress,
    )
    return counting.read(counted)

"""Says whether the model still holds: drift, matured results, skew and health, ranked by money at risk; and what follows."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from churn.context import Context
from churn.errors import ConfigError
from churn.modeling import load_bundle
from churn.monitoring.findings import Finding
from churn.monitoring.health import Push, outcome_findings, push_findings
from churn.snapshots.dataset import build_snapshots, data_cutoff, default_snapshot_date
from churn.views.champion import bundle_path
from churn.views.home import is_demo_home
from churn.warehouse.models.sql_models import load_models
from churn.workflows.monitor.dates import list_runs, past_night, plan_dates
from churn.workflows.monitor.looks import Looks
from churn.workflows.monitor.renew import renew
from churn.workflows.monitor.report import finish
from churn.workflows.monitor.seen import MonitorResult, Seen
from churn.workflows.train.reference import find_reference

if TYPE_CHECKING:
    from churn.modeling import ServedModel
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
        seen = _look(context, on)
        renewed = renew(context, seen, retrain=retrain, promote=promote)
        return finish(context, seen, renewed)


def _look(context: Context, on: date | None) -> Seen:
    with context.open_store() as store:
        version = store.models.champion()
        registered = store.models.list()
    with context.open_warehouse("churn monitor") as warehouse:
        reached = default_snapshot_date(warehouse, context.today)
        day = on or reached
        if day > max(reached, context.today):
            raise ConfigError(f"{day} lies in the future", where="--date", remedy=f"The data reach {reached}.")
        if day < reached:
            version = _served_on(context, day) or version
        if version is None:
            newest = registered[0] if registered else None
            why = f" {newest.version} waits: {newest.reason}" if newest else " Run `churn train`."
            finding = Finding("model", "champion", "unknown", NO_MODEL + why)
            cutoff = min(data_cutoff(warehouse), datetime.combine(day, datetime.min.time()))
            seen = Seen(day, cutoff, None, None, [finding], {})
        else:
            model = load_bundle(bundle_path(context, version))
            seen = _watch(context, warehouse, version, model, day)
    seen.findings += _machinery(context, seen, is_past=day < reached)
    return seen


def _served_on(context: Context, day: date) -> ModelVersion | None:
    """Return the model that served as `day` began: a look back judges that one, not one which learnt what came after."""
    began = datetime.combine(day, datetime.min.time())
    with context.open_store() as store:
        for change in store.models.history():  # newest first
            if change.served_from <= began:
                return store.models.get(change.version)
    return None


def _watch(context: Context, warehouse: Warehouse, version: ModelVersion, model: ServedModel, on: date) -> Seen:
    """Build the rows to compare, and let each monitor look at them."""
    folder = bundle_path(context, version)
    midnight = datetime.combine(on, datetime.min.time())
    cutoff = min(data_cutoff(warehouse), midnight)
    context.progress.step("Reading what the model learnt from", 0.0)
    reference = find_reference(context, warehouse, model, folder, as_of=cutoff)
    looks = Looks.of(context, version, model, folder, reference)
    plan = plan_dates(
        warehouse, model.policy, on, after=looks.learnt_until, cohorts=context.settings.monitoring.cohorts
    )
    night = past_night(context, warehouse, on)
    days = plan.days | ({night.snapshot_date} if night else set())
    context.progress.step(f"Building {len(days)} snapshot dates", 0.1)
    models = load_models(context.settings.home)
    build_snapshots(warehouse, models, model.policy, sorted(days), data_cutoff=plan.cutoff, progress=context.progress)
    context.progress.step("Comparing", 0.7)
    return looks.take(warehouse, plan, night, list_runs(warehouse, on))


def _machinery(context: Context, seen: Seen, *, is_past: bool) -> list[Finding]:
    """Judge pushes and outcomes from the store. A simulated company's time ends with its data."""
    rules = context.settings.monitoring
    is_told = is_past or is_demo_home(context.settings.home)
    now = datetime.combine(seen.on, datetime.min.time()) if is_told else context.clock()
    with context.open_store() as store:
        runs = [
            run
            for run in store.sync_runs.history(limit=500)
            if run.action == "push" and run.started_at.date() <= now.date()
        ]
        counts = store.assignments.counts()
        heard = {str(row["campaign"]) for row in store.outcomes.counts()}
        plans = {name: store.plans.latest(name) for name in counts}
        measured = {name: store.measurements.latest(name) for name in counts}
    left: dict[str, int] = {}
    for name, arms in counts.items():
        plan = plans[name]
        window = int(plan.inputs.get("window_days") or context.settings.churn.horizon_days) if plan else 0
        left[name] = (now.date() - arms["last_snapshot_date"]).days - window
    over = {name for name, days in left.items() if days > 0 or ((one := measured[name]) and one.is_mature)}
    newest = {(run.connector, run.campaign): run for run in reversed(runs)}
    pushes = [
        Push(
            connector=run.connector,
            campaign=run.campaign,
            started_at=run.started_at,
            state=run.state,
            rows=int(
                sum(
                    v
                    for k, v in run.counts.items()
                    if k in {"written", "unchanged", "rejected", "cleared"} and isinstance(v, int)
                )
            ),
            rejected=int(run.counts.get("rejected", 0) or 0),
            run_id=run.run_id,
            is_over=run.campaign in over,
        )
        for run in newest.values()
    ]
    found = push_findings(pushes, now=now, silent_days=rules.sync_silent_days, rejected_share=rules.rejected_share)
    waiting = [(name, int(arms["treatment"] or 0), int(name in heard), left[name]) for name, arms in counts.items()]
    return [*found, *outcome_findings(waiting, value_at_stake=context.settings.simulation.contact_cost)]

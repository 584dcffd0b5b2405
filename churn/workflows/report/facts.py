"""Gathers what the monthly report tells of one month: from the warehouse, the store, and the files that jobs leave."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from churn.context import Context
from churn.decisions.bands import BANDS
from churn.decisions.simulation_request import SimulationRequest
from churn.errors import ChurnError, ConfigError, NotCalibrated, NotFound
from churn.snapshots.dataset import data_cutoff, write_policy
from churn.snapshots.dates import is_flat
from churn.snapshots.policy import SnapshotPolicy
from churn.views.campaign_standing import brought_by, promised_by
from churn.views.home import is_demo_home
from churn.views.insights import latest_insights
from churn.views.model import model_view
from churn.views.overview import saved_of
from churn.views.quality import read_quality
from churn.warehouse.models.build import build
from churn.warehouse.models.sql_models import load_needed
from churn.workflows.report.month import Month, last_whole
from churn.workflows.simulate import simulate_campaign

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from churn.store import Measurement, PlanRecord, Store
    from churn.warehouse.connection import Warehouse


_SCORES: Final = "history.scores"
_REASONS_SHOWN: Final = 6


def risk_facts(warehouse: Warehouse, month: Month) -> dict[str, Any] | None:
    """Return the newest score run up to the month's end: who is at which risk, why, and how that was a month before."""
    if not warehouse.has_table(_SCORES):
        return None
    runs = [
        row[0]
        for row in warehouse.rows(
            f"select distinct snapshot_date from {_SCORES} where snapshot_date <= ? order by 1 desc", [month.after]
        )
    ]
    if not runs:
        return None
    day = runs[0]
    bands = warehouse.rows(
        "select risk_band, count(*), sum(churn_probability), sum(greatest(expected_profit, 0)), "
        f"count(*) filter (where is_listed) from {_SCORES} where snapshot_date = ? group by risk_band",
        [day],
    )
    found = {row[0]: row[1:] for row in bands}
    version, run_id = warehouse.rows(
        f"select any_value(model_version), any_value(run_id) from {_SCORES} where snapshot_date = ?", [day]
    )[0]
    # A run of about a month before, so that the two lists can be held against each other.
    earlier = next((one for one in runs if one <= day - timedelta(days=26)), None)
    before = (
        dict(warehouse.rows(f"select risk_band, count(*) from {_SCORES} where snapshot_date = ? group by 1", [earlier]))
        if earlier
        else {}
    )
    return {
        "snapshot_date": day.isoformat(),
        "compared_with": earlier.isoformat() if earlier else None,
        "model_version": version,
        "run_id": run_id,
        "customers": sum(row[0] for row in found.values()),
        "expected_churners": float(sum(row[1] for row in found.values())),
        "listed": sum(row[3] for row in found.values()),
        "bands": [
            {
                "band": band,
                "customers": int(found[band][0]) if band in found else 0,
                "expected_churners": float(found[band][1]) if band in found else 0.0,
                "expected_profit": float(found[band][2]) if band in found else 0.0,
                "before": int(before.get(band, 0)) if earlier else None,
            }
            for band in reversed(BANDS)
        ],
        "reasons": _reasons(warehouse, day),
    }


def _reasons(warehouse: Warehouse, day: date) -> list[dict[str, Any]]:
    """Return what most often stands first among the reasons of listed customers."""
    texts = warehouse.rows(f"select reasons from {_SCORES} where snapshot_date = ? and is_listed", [day])
    counted: Counter[tuple[str, bool]] = Counter()
    for (text,) in texts:
        rising = [one for one in json.loads(text or "[]") if one["points"] > 0]
        if rising:
            counted[rising[0]["feature"], bool(rising[0]["is_actionable"])] += 1
    return [
        {"feature": feature, "is_actionable": is_actionable, "customers": customers, "share": customers / len(texts)}
        for (feature, is_actionable), customers in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[
            :_REASONS_SHOWN
        ]
    ]


def campaign_facts(store: Store, month: Month) -> dict[str, Any]:
    """Return campaigns, saved, spent, ledger and measured_plans as they stood for the report of `month`.

    `campaigns`: name, title, treatment, holdout, expected, realised, stage of those planned
    before the month was over, with the newest measurement of the time in which its report was the newest. `ledger`:
    see `ledger_of`. What was planned or measured later is left out, so that an old report can be written again.
    """
    planned: dict[str, list[PlanRecord]] = {}
    for plan in store.plans.list():  # newest first
        if plan.planned_at < month.ends_at:
            planned.setdefault(plan.campaign, []).append(plan)
    measured: dict[str, Measurement] = {}
    for one in store.measurements.list():  # newest first
        if one.campaign in planned and one.measured_at < month.known_until:
            measured.setdefault(one.campaign, one)
    rows: list[dict[str, Any]] = []
    entries: list[dict[str, Any]] = []
    for name, plans in sorted(planned.items()):
        arms = _arms(store, name, {plan.plan_id for plan in plans})
        promised, brought = _promised(plans), _brought(measured.get(name))
        rows.append(
            {
                "name": name,
                "title": plans[0].definition.title,
                **_total(arms),
                "expected": promised,
                "realised": brought,
                "stage": "measured" if brought else "running",
            }
        )
        entries += _entries(plans, arms, measured.get(name), brought)
    profits = [profit for one in measured.values() if (profit := brought_by(one)) is not None]
    rows.sort(key=lambda row: -abs(row["realised"]["value"]) if row["realised"] else 1.0)
    return {
        "campaigns": rows,
        "saved": saved.as_json()
        if (saved := saved_of(profits, sum(row["stage"] == "running" for row in rows)))
        else None,
        "spent": sum(one.result.earned.costs.total for one in measured.values() if one.result.earned is not None),
        "ledger": ledger_of(entries),
        "measured_plans": sorted({plan for one in measured.values() for plan in one.plan_ids}),
    }


def ledger_of(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what was promised and kept by month of plan, the newest first; the entries of a month are added up.

    Keys: first, last (months, ISO; they differ where plans of several months were measured together), campaigns,
    treatment, holdout, promised (profit, low, high, or None), measured (value, low, high, or None), waiting (campaigns
    not measured yet). Ranges of what is promised are added; errors of measurements are independent: in quadrature.
    """
    grouped: dict[tuple[date, date], list[dict[str, Any]]] = {}
    for entry in entries:
        grouped.setdefault((entry["first"], entry["last"]), []).append(entry)
    found = []
    for (first, last), parts in sorted(grouped.items(), reverse=True):
        promised = [part["promised"] for part in parts if part["promised"]]
        measured = [part["measured"] for part in parts if part["measured"]]
        value = sum(one["value"] for one in measured)
        found.append(
            {
                "first": first.isoformat(),
                "last": last.isoformat(),
                "campaigns": len(parts),
                "treatment": sum(part["treatment"] for part in parts),
                "holdout": sum(part["holdout"] for part in parts),
                "promised": {key: sum(one[key] for one in promised) for key in ("profit", "low", "high")}
                if promised
                else None,
                "measured": {
                    "value": value,
                    "low": value - math.hypot(*(one["value"] - one["low"] for one in measured)),
                    "high": value + math.hypot(*(one["high"] - one["value"] for one in measured)),
                }
                if measured
                else None,
                "waiting": sum(part["measured"] is None for part in parts),
            }
        )
    return found


def _arms(store: Store, name: str, plan_ids: set[str]) -> dict[str, dict[str, int]]:
    """Return customers by plan and arm."""
    import polars as pl

    frame = store.assignments.of(name).filter(pl.col("plan_id").is_in(sorted(plan_ids)))
    found: dict[str, dict[str, int]] = {}
    for plan, arm, count in frame.group_by("plan_id", "arm").len().iter_rows():
        found.setdefault(plan, {})[arm] = count
    return found


def _total(arms: dict[str, dict[str, int]]) -> dict[str, int]:
    return {arm: sum(one.get(arm, 0) for one in arms.values()) for arm in ("treatment", "holdout")}


def _entries(
    plans: Sequence[PlanRecord],
    arms: dict[str, dict[str, int]],
    measurement: Measurement | None,
    realised: dict[str, Any] | None,
) -> list[dict[str, Any]]:
    """Return one entry for the plans measured together, and one for each that waits; plans of nobody are left out."""
    told = set(measurement.plan_ids) if measurement is not None and realised is not None else set()
    chosen = [plan for plan in plans if plan.plan_id in arms]
    together = [plan for plan in chosen if plan.plan_id in told]
    groups = ([together] if together else []) + [[plan] for plan in chosen if plan.plan_id not in told]
    found = []
    for group in groups:
        months = [plan.planned_at.date().replace(day=1) for plan in group]
        found.append(
            {
                "first": min(months),
                "last": max(months),
                "promised": _promised(group),
                "measured": realised if group is together else None,
                **_total({plan.plan_id: arms[plan.plan_id] for plan in group}),
            }
        )
    return found


def _promised(plans: Sequence[PlanRecord]) -> dict[str, Any] | None:
    promised = promised_by(plans)
    return None if promised is None else promised.as_json()


def _brought(measurement: Measurement | None) -> dict[str, Any] | None:
    brought = brought_by(measurement)
    return None if brought is None else brought.as_json()


MONTHS: Final = 18
_TREND, _COHORTS = "marts.churn_by_month", "marts.cohort_retention"
_COHORTS_SHOWN, _AGES_SHOWN = 9, 9
# What only the newest run of something says: no history of it is kept but the facts told at the time.
_OF_THE_TIME: Final = ("decision", "insights", "quality")


def report_facts(context: Context, month: Month | None, *, beside: Executor) -> dict[str, Any]:
    """Return the facts of `month`; of the last whole month of the data where none is given.

    A month with a whole one after it is told as it was known while its report was the newest (`Month.known_until`);
    what no history is kept of comes from the facts written then, and is left out where there are none (`is_in_time`
    is false then). Every part is None, or empty, where nothing is known: the report then says why. What needs no
    warehouse is gathered by `beside` meanwhile. Raises ConfigError for a month that the data do not reach, DataError
    when nothing was ever loaded.
    """
    settings = context.settings
    with context.open_warehouse("churn report") as warehouse:
        cutoff = data_cutoff(warehouse)
        chosen = month or last_whole(cutoff)
        if datetime.combine(chosen.first, datetime.min.time()) >= cutoff:
            raise ConfigError(
                f"the data end before {chosen.name}",
                where="--month",
                remedy=f"They reach {cutoff:%Y-%m-%d}; the last whole month is {last_whole(cutoff).name}.",
            )
        is_newest = chosen.first >= last_whole(cutoff).first
        told = beside.submit(_of_today, context) if is_newest else beside.submit(_of_the_time, context, chosen)
        trend, cohorts = _from_contracts(context, warehouse, chosen, cutoff)
        risk = risk_facts(warehouse, chosen)
    with context.open_store() as store:
        campaigns = campaign_facts(store, chosen)
        # As of the month's end; where nobody looked then, what was found while its report was the newest.
        monitored = store.monitoring.latest(on=chosen.after) or store.monitoring.latest(
            on=(chosen.known_until - timedelta(days=1)).date()
        )
        nights = [run for run in store.jobs.list("nightly", limit=400) if chosen.holds(run.logical_date)]
        served = None if is_newest else _served_at(store, chosen.ends_at)
    return {
        "month": chosen.name,
        "first_day": chosen.first.isoformat(),
        "next_month": chosen.after.isoformat(),
        "is_whole": chosen.ends_at <= cutoff,
        "is_newest": is_newest,
        "known_until": None if is_newest else (chosen.known_until - timedelta(days=1)).date().isoformat(),
        "data_cutoff": (cutoff if is_newest else min(cutoff, chosen.known_until)).isoformat(timespec="seconds"),
        "currency": settings.business.currency,
        "target": settings.business.churn_target,
        "definition": settings.churn.definition,
        "horizon_days": settings.churn.horizon_days,
        "lead_days": settings.churn.lead_days,
        "grace_days": settings.churn.grace_days,
        "is_simulated": is_demo_home(settings.home),
        "churn": _churn(trend, chosen, settings.business.churn_target),
        "cohorts": cohorts,
        "risk": risk,
        **campaigns,
        "model": None if served is None and not is_newest else _model(context, served),
        "monitoring": monitored.as_json() if monitored is not None else None,
        "nights": {
            "done": sum(run.state == "done" for run in nights),
            "failed": [str(run.logical_date) for run in nights if run.state in {"failed", "missed"}],
        },
        **told.result(),
    }


def _of_today(context: Context) -> dict[str, Any]:
    """Return what the newest runs say."""
    return {
        "decision": _decision(context),
        "insights": _insights(context),
        "quality": quality.as_json() if (quality := read_quality(context.settings.home)) else None,
        "is_in_time": True,
    }


def _of_the_time(context: Context, month: Month) -> dict[str, Any]:
    """Return what was told of a past month while it was the newest, or that nobody wrote it down."""
    try:
        text = (context.settings.home / "reports" / f"monthly-{month.name}.json").read_text(encoding="utf-8")
        kept = json.loads(text)
    except (OSError, ValueError):
        kept = {}
    if isinstance(kept, dict) and kept.get("is_in_time") and all(key in kept for key in _OF_THE_TIME):
        return {key: kept[key] for key in _OF_THE_TIME} | {"is_in_time": True}
    gone = {"is_known": False, "code": "past", "why": ""}
    return {"decision": gone, "insights": None, "quality": None, "is_in_time": False}


def _served_at(store: Store, moment: datetime) -> str | None:
    """Return the version that served at `moment`; None before the first."""
    return next((one.version for one in store.models.history() if one.served_from <= moment), None)


def _from_contracts(
    context: Context, warehouse: Warehouse, month: Month, cutoff: datetime
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return churn by month and retention by month of joining, as far as `month`; empty without contracts."""
    if is_flat(warehouse) or not warehouse.rows("select 1 from staging.subscription_events limit 1"):
        return [], []
    models = load_needed(context.settings.home, (_TREND, _COHORTS))
    policy = SnapshotPolicy.from_settings(context.settings)
    until = min(cutoff, datetime.combine(month.after, datetime.min.time()))
    write_policy(warehouse, policy, [until.date()], until)
    build(warehouse, models, schemas=("snapshots", "marts"), names=(_TREND, _COHORTS), keep_standing=True)
    trend = warehouse.frame(f"select * from {_TREND} order by month desc limit {MONTHS}").to_dicts()
    cohorts = warehouse.frame(
        f"select cohort_month, months_since, customers, retained from {_COHORTS} where months_since < {_AGES_SHOWN} "
        f"and cohort_month in (select distinct cohort_month from {_COHORTS} order by 1 desc limit {_COHORTS_SHOWN}) "
        "order by cohort_month, months_since"
    ).to_dicts()
    return (
        [{**row, "month": row["month"].isoformat()} for row in reversed(trend)],
        [{**row, "cohort_month": row["cohort_month"].isoformat()} for row in cohorts],
    )


def _churn(trend: Sequence[dict[str, Any]], month: Month, target: float) -> dict[str, Any] | None:
    """Return the month beside the one before, the same a year before, and the target; None where it is not known."""
    by_month = {row["month"]: row for row in trend}
    now = by_month.get(month.first.isoformat())
    if now is None or not now["customers"]:
        return None
    before = (month.first - timedelta(days=1)).replace(day=1)
    excess = now["churn_rate"] - target
    lost = now["monthly_revenue_lost"]
    return {
        "now": now,
        "before": by_month.get(before.isoformat()),
        "year_before": by_month.get(month.first.replace(year=month.first.year - 1).isoformat()),
        "gap": excess,
        "excess_revenue": lost * excess / now["churn_rate"] if now["churn_rate"] > 0 and excess > 0 else 0.0,
        "trend": list(trend),
    }


def _insights(context: Context) -> dict[str, Any] | None:
    try:
        return latest_insights(context.settings.home).as_json()
    except NotFound:
        return None


def _decision(context: Context) -> dict[str, Any]:
    """Return what contacting the best customers now is expected to bring, or why that cannot be told."""
    try:
        document = simulate_campaign(context, SimulationRequest())
    except NotCalibrated as error:
        return {"is_known": False, "code": "not_calibrated", "why": str(error)}
    except ChurnError as error:
        return {"is_known": False, "code": "nothing_scored", "why": str(error)}
    day = document.snapshot_date
    return {
        "is_known": True,
        "contacts": document.contacts,
        "threshold": document.threshold,
        "cost": document.cost,
        "net_profit": document.net_profit,
        "net_profit_interval": document.net_profit_interval.as_json(),
        "loss_probability": document.loss_probability,
        "profit_model": document.profit_model,
        "success_rate": document.economics.success_rate,
        "contact_cost": document.economics.contact_cost,
        "run_snapshot_date": None if day is None else day.isoformat(),
    }


def _model(context: Context, version: str | None) -> dict[str, Any] | None:
    """Return the champion's facts, or those of `version`, which served in a month long past."""
    view = model_view(context, version)
    champion = view.champion if version is None else view.version
    if champion is None:
        return None
    return {
        "version": champion.version,
        "kind": champion.kind,
        "created_at": champion.created_at.isoformat(timespec="seconds"),
        "metrics": champion.metrics.as_json() if champion.metrics else {},
        "calibration": [row.as_json() for row in view.figures.curves.calibration] if view.figures else None,
        "features": {feature.name: feature.description for feature in view.card.features} if view.card else {},
        "error": view.error,
    }

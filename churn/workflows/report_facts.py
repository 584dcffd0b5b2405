"""Gathers what the monthly report tells of one month: from the warehouse, the store, and the files that jobs leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from churn.decisions.bands import BANDS
from churn.errors import ChurnError, ConfigError, NotCalibrated, NotFound
from churn.workflows.campaign_list import campaign_rows
from churn.workflows.context import Context
from churn.workflows.demo_home import is_demo_home
from churn.workflows.explore_data import latest_insights
from churn.workflows.model_view import model_view
from churn.workflows.overview import saved_of
from churn.workflows.quality_file import read_quality
from churn.workflows.simulate_campaign import simulate_campaign
from churn.workflows.simulation_request import SimulationRequest

if TYPE_CHECKING:
    from churn.store import Store
    from churn.warehouse.connection import Warehouse

MONTHS: Final = 18
_TREND, _COHORTS = "marts.churn_by_month", "marts.cohort_retention"
_SCORES = "history.scores"
_COHORTS_SHOWN, _AGES_SHOWN = 9, 9
_REASONS_SHOWN = 6


@dataclass(frozen=True)
class Month:
    """A calendar month; `first` is its first day, `after` the first day of the next."""

    first: date

    @property
    def after(self) -> date:
        """The first day of the next month."""
        return (self.first.replace(day=28) + timedelta(days=4)).replace(day=1)

    @property
    def name(self) -> str:
        """As the command line and file names tell it: 2026-06."""
        return f"{self.first:%Y-%m}"


def read_month(text: str) -> Month:
    """Return the month that `text` (YYYY-MM) names. Raises ConfigError for anything else."""
    try:
        return Month(datetime.strptime(text, "%Y-%m").date())  # noqa: DTZ007  # a month has no zone
    except ValueError as error:
        raise ConfigError(f"`{text}` is no month", where="--month", remedy="Write it as 2026-06.") from error


def report_facts(context: Context, month: Month | None) -> dict[str, Any]:
    """Return the facts of `month`; of the last whole month of the data where none is given.

    Every part is None, or empty, where nothing is known: the report then says why. Raises ConfigError for a month that
    the data do not reach, DataError when nothing was ever loaded.
    """
    from churn.snapshots.dataset import data_cutoff

    settings = context.settings
    with context.open_warehouse("churn report") as warehouse:
        cutoff = data_cutoff(warehouse)
        chosen = month or _last_whole(cutoff)
        if datetime.combine(chosen.first, datetime.min.time()) >= cutoff:
            raise ConfigError(
                f"the data end before {chosen.name}",
                where="--month",
                remedy=f"They reach {cutoff:%Y-%m-%d}; the last whole month is {_last_whole(cutoff).name}.",
            )
        trend, cohorts = _from_contracts(context, warehouse, chosen, cutoff)
        risk = _risk(warehouse, chosen)
    campaigns = campaign_rows(context)
    with context.open_store() as store:
        spent = _spent(store, campaigns)
        measured = [store.measurements.latest(row["name"]) for row in campaigns]
        # As of the month's end; where nobody looked then, what was found since.
        monitored = store.monitoring.latest(on=chosen.after) or store.monitoring.latest()
        nights = [run for run in store.jobs.list("nightly", limit=400) if _within(run.logical_date, chosen)]
    return {
        "month": chosen.name,
        "first_day": chosen.first.isoformat(),
        "next_month": chosen.after.isoformat(),
        "is_whole": datetime.combine(chosen.after, datetime.min.time()) <= cutoff,
        "data_cutoff": cutoff.isoformat(timespec="seconds"),
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
        "insights": _insights(context),
        "campaigns": campaigns,
        "saved": saved_of(campaigns),
        "spent": spent,
        "measured_plans": sorted({plan for one in measured if one is not None for plan in one.plan_ids}),
        "decision": _decision(context),
        "model": _model(context),
        "monitoring": monitored.document if monitored is not None else None,
        "quality": read_quality(settings.home),
        "nights": {
            "done": sum(run.state == "done" for run in nights),
            "failed": [str(run.logical_date) for run in nights if run.state in {"failed", "missed"}],
        },
    }


def _last_whole(cutoff: datetime) -> Month:
    return Month((cutoff.date().replace(day=1) - timedelta(days=1)).replace(day=1))


def _within(day: date | None, month: Month) -> bool:
    return day is not None and month.first <= day < month.after


def _from_contracts(
    context: Context, warehouse: Warehouse, month: Month, cutoff: datetime
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return churn by month and retention by month of joining, as far as `month`; empty without contracts."""
    from churn.snapshots.dataset import write_policy
    from churn.snapshots.dates import is_flat
    from churn.snapshots.policy import SnapshotPolicy
    from churn.warehouse.build import build
    from churn.warehouse.sql_models import load_models

    if is_flat(warehouse) or not warehouse.rows("select 1 from staging.subscription_events limit 1"):
        return [], []
    models, policy = load_models(context.settings.home), SnapshotPolicy.from_settings(context.settings)
    until = min(cutoff, datetime.combine(month.after, datetime.min.time()))
    write_policy(warehouse, policy, [until.date()], until)
    build(warehouse, models, schemas=("snapshots", "marts"), names=(_TREND, _COHORTS))
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


def _risk(warehouse: Warehouse, month: Month) -> dict[str, Any] | None:
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
    import json

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


def _insights(context: Context) -> dict[str, Any] | None:
    try:
        return latest_insights(context.settings.home)
    except NotFound:
        return None


def _spent(store: Store, campaigns: Sequence[dict[str, Any]]) -> float:
    """Return what the measured campaigns cost, contacts and incentives."""
    found = [store.measurements.latest(row["name"]) for row in campaigns if row["realised"] is not None]
    return float(sum(one.result["money"]["costs"]["total"] for one in found if one is not None))


def _decision(context: Context) -> dict[str, Any]:
    """Return what contacting the best customers now is expected to bring, or why that cannot be told."""
    try:
        found = simulate_campaign(context, SimulationRequest()).document
    except NotCalibrated as error:
        return {"is_known": False, "code": "not_calibrated", "why": str(error)}
    except ChurnError as error:
        return {"is_known": False, "code": "nothing_scored", "why": str(error)}
    wanted = ("contacts", "threshold", "cost", "net_profit", "net_profit_interval", "loss_probability", "profit_model")
    economics = found["economics"]
    return {
        "is_known": True,
        **{key: found[key] for key in wanted},
        "success_rate": economics["success_rate"],
        "contact_cost": economics["contact_cost"],
        "run_snapshot_date": found["snapshot_date"],
    }


def _model(context: Context) -> dict[str, Any] | None:
    view = model_view(context)
    if view["champion"] is None:
        return None
    champion, curves = view["champion"], (view["figures"] or {}).get("curves", {})
    return {
        "version": champion.version,
        "kind": champion.kind,
        "created_at": champion.created_at.isoformat(timespec="seconds"),
        "metrics": champion.metrics,
        "calibration": curves.get("calibration"),
        "features": {one["name"]: one["description"] for one in (view["card"] or {}).get("features", [])},
        "history": [
            {
                "version": change.version,
                "action": change.action,
                "why": change.why,
                "served_from": change.served_from.isoformat(timespec="seconds"),
            }
            for change in view["history"][:6]
        ],
        "error": view["error"],
    }

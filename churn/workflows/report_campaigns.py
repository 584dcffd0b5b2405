"""What the monthly report tells of campaigns: those planned until the month's end, and what was known of them in time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from churn.views.campaigns import Standing, row_of
from churn.views.overview import saved_of
from churn.workflows.report_month import Month

if TYPE_CHECKING:
    from churn.store import Measurement, PlanRecord, Store

_KEPT = ("name", "title", "treatment", "holdout", "expected", "realised")


def campaign_facts(store: Store, month: Month) -> dict[str, Any]:
    """Return campaigns, saved, spent, ledger and measured_plans as they stood for the report of `month`.

    `campaigns`: name, title, treatment, holdout, expected, realised (see `campaign_list.row_of`) of those planned
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
    rows, entries = [], []
    for name, plans in sorted(planned.items()):
        found = measured.get(name)
        arms = _arms(store, name, {plan.plan_id for plan in plans})
        row = row_of(name, None, None, _standing(plans, _total(arms), found, month.known_until))
        rows.append({key: row[key] for key in _KEPT} | {"stage": "measured" if row["realised"] else "running"})
        entries += _entries(plans, arms, found, row["realised"])
    costs = [float(one.result["money"]["costs"]["total"]) for one in measured.values() if _has_money(one)]
    rows.sort(key=lambda row: -abs(row["realised"]["value"]) if row["realised"] else 1.0)
    return {
        "campaigns": rows,
        "saved": saved_of(rows),
        "spent": sum(costs),
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


def _has_money(measurement: Measurement) -> bool:
    return "net_profit" in (measurement.result.get("money") or {})


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


def _standing(
    plans: Sequence[PlanRecord], arms: dict[str, int], measurement: Measurement | None, today: datetime
) -> Standing:
    return Standing(
        plans=plans,
        arms=arms,
        measurement=measurement,
        runs=(),
        rejections=(),
        alarm=None,
        ready_date=None,
        data_until=None,
        today=today,
    )


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


def _promised(plans: Sequence[PlanRecord]) -> dict[str, float] | None:
    row = row_of(plans[0].campaign, None, None, _standing(plans, {}, None, plans[0].planned_at))
    expected: dict[str, float] | None = row["expected"]
    return expected

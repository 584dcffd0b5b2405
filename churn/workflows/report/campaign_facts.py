"""Gathers how campaigns stood for the report of a month, and sums promised and measured profit by month of plan."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from churn.documents.campaign_profit import BroughtProfit, PromisedProfit
from churn.documents.document import Range
from churn.documents.month_facts import LedgerMonth, LedgerPromise, MonthCampaigns, ReportedCampaign
from churn.views.campaign_standing import ArmSizes, brought_by, promised_by
from churn.views.overview import saved_of
from churn.workflows.report.month import Month
from churn.workflows.report.programme_facts import programme_facts

if TYPE_CHECKING:
    from churn.store import Measurement, PlanRecord, Store


@dataclass(frozen=True)
class _LedgerEntry:
    """Plans of one campaign that were measured together, or one that waits: their months, customers and profit."""

    first: date
    last: date
    promised: PromisedProfit | None
    measured: BroughtProfit | None
    arms: ArmSizes
    is_waiting: bool


def campaign_facts(store: Store, month: Month) -> MonthCampaigns:
    """Return the campaigns planned before `month` was over, as they stood for its report: of a programme's round, when it was approved.

    A measurement counts if it was made while that report was the newest. What was planned or measured later is left
    out, so that an old report can be written again.
    """
    planned: dict[str, list[PlanRecord]] = {}
    approved = {
        offer.campaign: past.decided_at
        for past in store.programmes.rounds(state="approved")
        for offer in past.result.offers
        if past.decided_at is not None
    }
    for plan in store.plans.list():  # newest first
        if approved.get(plan.campaign, plan.planned_at) < month.ends_at:
            planned.setdefault(plan.campaign, []).append(plan)
    measured: dict[str, Measurement] = {}
    for measurement in store.measurements.list():  # newest first
        if measurement.campaign in planned and measurement.measured_at < month.known_until:
            measured.setdefault(measurement.campaign, measurement)
    campaigns: list[ReportedCampaign] = []
    entries: list[_LedgerEntry] = []
    for name, plans in sorted(planned.items()):
        arms = _arms(store, name, {plan.plan_id for plan in plans})
        sizes, brought = _together(arms.values()), brought_by(measured.get(name))
        campaigns.append(
            ReportedCampaign(
                name=name,
                title=plans[0].definition.title,
                treatment=sizes.treatment,
                holdout=sizes.holdout,
                expected=promised_by(plans),
                realised=brought,
                stage="measured" if brought else "no_verdict" if _is_over(measured.get(name), plans) else "running",
            )
        )
        entries += _entries(plans, arms, measured.get(name), brought, approved)
    profits = [profit for measurement in measured.values() if (profit := brought_by(measurement)) is not None]
    costs = [measurement.result.earned.costs for measurement in measured.values() if measurement.result.earned]
    return MonthCampaigns(
        campaigns=tuple(sorted(campaigns, key=lambda row: -abs(row.realised.value) if row.realised else 1.0)),
        saved=saved_of(profits, sum(row.stage == "running" for row in campaigns)),
        spent=sum(cost.total for cost in costs),
        ledger=_ledger(entries),
        programmes=programme_facts(store, month, measured),
        measured_plans=tuple(sorted({plan for measurement in measured.values() for plan in measurement.plan_ids})),
    )


def _ledger(entries: Sequence[_LedgerEntry]) -> tuple[LedgerMonth, ...]:
    """Return a row for each month of plan, the newest first; the entries of a month are added up.

    Ranges of what is promised are added; errors of measurements are independent, so they add up in quadrature.
    """
    grouped: dict[tuple[date, date], list[_LedgerEntry]] = {}
    for entry in entries:
        grouped.setdefault((entry.first, entry.last), []).append(entry)
    return tuple(
        LedgerMonth(
            first=first,
            last=last,
            campaigns=len(group),
            treatment=sum(entry.arms.treatment for entry in group),
            holdout=sum(entry.arms.holdout for entry in group),
            promised=_promise([entry.promised for entry in group if entry.promised]),
            measured=_sum([entry.measured for entry in group if entry.measured]),
            waiting=sum(entry.is_waiting for entry in group),
        )
        for (first, last), group in sorted(grouped.items(), reverse=True)
    )


def _promise(promised: Sequence[PromisedProfit]) -> LedgerPromise | None:
    if not promised:
        return None
    return LedgerPromise(
        profit=sum(profit.profit for profit in promised),
        low=sum(profit.low for profit in promised),
        high=sum(profit.high for profit in promised),
    )


def _sum(measured: Sequence[BroughtProfit]) -> Range | None:
    if not measured:
        return None
    value = sum(profit.value for profit in measured)
    return Range(
        value=value,
        low=value - math.hypot(*(profit.value - profit.low for profit in measured)),
        high=value + math.hypot(*(profit.high - profit.value for profit in measured)),
    )


def _arms(store: Store, name: str, plan_ids: set[str]) -> dict[str, ArmSizes]:
    """Return the size of both arms by plan; a plan that chose nobody has none."""
    import polars as pl

    frame = store.assignments.of(name).filter(pl.col("plan_id").is_in(sorted(plan_ids)))
    counts: dict[str, dict[str, int]] = {}
    for plan, arm, count in frame.group_by("plan_id", "arm").len().iter_rows():
        counts.setdefault(plan, {})[arm] = count
    return {plan: ArmSizes(by_arm.get("treatment", 0), by_arm.get("holdout", 0)) for plan, by_arm in counts.items()}


def _together(sizes: Iterable[ArmSizes]) -> ArmSizes:
    parts = list(sizes)
    return ArmSizes(sum(part.treatment for part in parts), sum(part.holdout for part in parts))


def _entries(
    plans: Sequence[PlanRecord],
    arms: Mapping[str, ArmSizes],
    measurement: Measurement | None,
    brought: BroughtProfit | None,
    approved: Mapping[str, datetime],
) -> list[_LedgerEntry]:
    """Return an entry for the plans measured together, and one for each that waits; plans of nobody are left out."""
    measured_ids = set(measurement.plan_ids) if measurement is not None and brought is not None else set()
    chosen = [plan for plan in plans if plan.plan_id in arms]
    together = [plan for plan in chosen if plan.plan_id in measured_ids]
    groups = ([together] if together else []) + [[plan] for plan in chosen if plan.plan_id not in measured_ids]
    entries = []
    for group in groups:
        months = [approved.get(plan.campaign, plan.planned_at).date().replace(day=1) for plan in group]
        entries.append(
            _LedgerEntry(
                first=min(months),
                last=max(months),
                promised=promised_by(group),
                measured=brought if group is together else None,
                arms=_together(arms[plan.plan_id] for plan in group),
                is_waiting=group is not together and not _is_over(measurement, group),
            )
        )
    return entries


def _is_over(measurement: Measurement | None, plans: Sequence[PlanRecord]) -> bool:
    """Whether all windows of these plans have closed in a measurement, whatever it could say."""
    return (
        measurement is not None
        and measurement.is_mature
        and {plan.plan_id for plan in plans} <= set(measurement.plan_ids)
    )

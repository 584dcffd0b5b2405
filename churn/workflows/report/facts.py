"""Gathers the facts of the monthly report from the warehouse, the store, and the files that jobs write."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from pydantic import ConfigDict

from churn.context import Context
from churn.decisions.bands import BANDS
from churn.decisions.simulation_request import SimulationRequest
from churn.documents.exploration import InsightsDocument
from churn.documents.month_facts import (
    AheadFacts,
    BandAhead,
    BandFacts,
    ChurnFacts,
    CohortAge,
    Decision,
    FirstReason,
    KnownDecision,
    ModelFacts,
    MonthFacts,
    MonthHistory,
    MonthOperation,
    NightFacts,
    NoFigures,
    RiskFacts,
    TimelyFacts,
    TrendMonth,
    UnknownDecision,
)
from churn.documents.simulation import SimulationDocument
from churn.errors import ChurnError, ConfigError, NotCalibrated, NotFound
from churn.snapshots.dataset import data_cutoff, write_policy
from churn.snapshots.dates import is_flat
from churn.snapshots.policy import SnapshotPolicy
from churn.views.insights import latest_insights
from churn.views.model import model_view
from churn.views.quality import read_quality
from churn.warehouse.models.build import build
from churn.warehouse.models.sql_models import load_needed
from churn.workflows.report.campaign_facts import campaign_facts
from churn.workflows.report.month import Month, last_whole
from churn.workflows.simulate import simulate_campaign

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from churn.store import Store
    from churn.warehouse.connection import Warehouse


MONTHS: Final = 18
_SCORES: Final = "history.scores"
_REASONS_SHOWN: Final = 6
_TREND, _COHORTS = "marts.churn_by_month", "marts.cohort_retention"
_COHORTS_SHOWN, _AGES_SHOWN = 9, 9


class _EarlierReport(TimelyFacts):
    """The facts of a report that was written before; the rest of them is gathered anew."""

    model_config = ConfigDict(extra="ignore")


def report_facts(context: Context, month: Month | None, *, beside: Executor) -> MonthFacts:
    """Return the facts of `month`; of the last whole month of the data where none is given.

    A month with a whole one after it is told as it was known while its report was the newest (`Month.known_until`). No
    history is kept of what only the newest runs say: it comes from the report written then, and is left out where there
    is none (`is_in_time` is false then). What needs no warehouse is gathered by `beside` meanwhile. Raises ConfigError
    for a month that the data do not reach, DataError when nothing was ever loaded.
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
        timely = beside.submit(_of_today, context) if is_newest else beside.submit(_of_the_time, context, chosen)
        trend, cohorts = _from_contracts(context, warehouse, chosen, cutoff)
        risk = risk_facts(context, warehouse, chosen)
    with context.open_store() as store:
        campaigns = campaign_facts(store, chosen)
        # As of the month's end; where nobody looked then, what was found while its report was the newest.
        monitored = store.monitoring.latest(on=chosen.after) or store.monitoring.latest(
            on=(chosen.known_until - timedelta(days=1)).date()
        )
        nights = [run for run in store.jobs.list("nightly", limit=400) if chosen.holds(run.logical_date)]
        served = None if is_newest else _served_at(store, chosen.ends_at)
    history = MonthHistory(
        month=chosen.name,
        first_day=chosen.first,
        next_month=chosen.after,
        is_whole=chosen.ends_at <= cutoff,
        is_newest=is_newest,
        known_until=None if is_newest else (chosen.known_until - timedelta(days=1)).date(),
        data_cutoff=context.utc_of(cutoff if is_newest else min(cutoff, chosen.known_until)),
        currency=settings.business.currency,
        target=settings.business.churn_target,
        definition=settings.churn.definition,
        horizon_days=settings.churn.horizon_days,
        lead_days=settings.churn.lead_days,
        grace_days=settings.churn.grace_days,
        is_simulated=context.is_simulated,
        churn=_churn(trend, chosen, settings.business.churn_target),
        cohorts=cohorts,
        risk=risk,
    )
    operation = MonthOperation(
        model=None if served is None and not is_newest else _model(context, served),
        monitoring=monitored,
        nights=NightFacts(
            done=sum(run.state == "done" for run in nights),
            failed=tuple(
                run.logical_date for run in nights if run.state in {"failed", "missed"} and run.logical_date is not None
            ),
        ),
    )
    return MonthFacts.of(history, campaigns, operation, timely.result())


def risk_facts(context: Context, warehouse: Warehouse, month: Month) -> RiskFacts | None:
    """Return the newest score run up to the month's end: who is at which risk, why, and how that was a month before."""
    if not warehouse.has_table(_SCORES):
        return None
    runs: list[date] = [
        row[0]
        for row in warehouse.rows(
            f"select distinct snapshot_date from {_SCORES} where snapshot_date <= ? order by 1 desc", [month.after]
        )
    ]
    if not runs:
        return None
    day = runs[0]
    rows = warehouse.rows(
        "select risk_band, count(*), sum(churn_probability), sum(greatest(expected_profit, 0)), "
        f"count(*) filter (where is_listed) from {_SCORES} where snapshot_date = ? group by risk_band",
        [day],
    )
    by_band = {band: (customers, churners, profit, listed) for band, customers, churners, profit, listed in rows}
    version, run_id = warehouse.rows(
        f"select any_value(model_version), any_value(run_id) from {_SCORES} where snapshot_date = ?", [day]
    )[0]
    # A run of about a month before, so that the two lists can be compared.
    earlier = next((run for run in runs if run <= day - timedelta(days=26)), None)
    before: dict[str, int] = (
        dict(warehouse.rows(f"select risk_band, count(*) from {_SCORES} where snapshot_date = ? group by 1", [earlier]))
        if earlier
        else {}
    )
    with context.open_store() as store:
        has_money = store.published.model_tells_money(version)
    bands = []
    for band in reversed(BANDS):
        customers, churners, profit, _ = by_band.get(band, (0, 0.0, 0.0, 0))
        bands.append(
            BandFacts(
                band=band,
                customers=customers,
                expected_churners=churners,
                expected_profit=profit if has_money else None,
                before=before.get(band, 0) if earlier else None,
            )
        )
    return RiskFacts(
        snapshot_date=day,
        compared_with=earlier,
        model_version=version,
        run_id=run_id,
        customers=sum(row[0] for row in by_band.values()),
        expected_churners=sum(row[1] for row in by_band.values()),
        listed=sum(row[3] for row in by_band.values()),
        bands=tuple(bands),
        reasons=_reasons(warehouse, day),
        ahead=_ahead(warehouse, day),
    )


def _ahead(warehouse: Warehouse, day: date) -> AheadFacts | None:
    """Return the months ahead of the customers scored on `day`; None where the model said nothing of them."""
    if "months_kept" not in warehouse.frame(f"select * from {_SCORES} limit 0").columns:
        return None
    means = "avg(churn_within_90d), avg(churn_within_180d), avg(churn_within_360d), avg(months_kept), avg(months_after_save)"
    rows = {
        band: BandAhead(
            band=band,
            customers=count,
            within_90d=quarter,
            within_180d=half,
            within_360d=year,
            months_kept=kept,
            months_after_save=saved,
        )
        for band, count, quarter, half, year, kept, saved in warehouse.rows(
            f"select risk_band, count(*), {means} from {_SCORES} where snapshot_date = ? and months_kept is not null "
            "group by risk_band",
            [day],
        )
    }
    if not rows:
        return None
    ((quarter, year, kept),) = warehouse.rows(
        f"select avg(churn_within_90d), avg(churn_within_360d), avg(months_kept) from {_SCORES} where snapshot_date = ?",
        [day],
    )
    bands = tuple(rows[band] for band in reversed(BANDS) if band in rows)
    return AheadFacts(within_90d=quarter, within_360d=year, months_kept=kept, bands=bands)


def _reasons(warehouse: Warehouse, day: date) -> tuple[FirstReason, ...]:
    """Return what most often stands first among the reasons of listed customers."""
    texts = warehouse.rows(f"select reasons from {_SCORES} where snapshot_date = ? and is_listed", [day])
    counted: Counter[tuple[str, bool]] = Counter()
    for (text,) in texts:
        rising = [reason for reason in json.loads(text or "[]") if reason["points"] > 0]
        if rising:
            counted[rising[0]["feature"], bool(rising[0]["is_actionable"])] += 1
    most_often = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:_REASONS_SHOWN]
    return tuple(
        FirstReason(feature=feature, is_actionable=is_actionable, customers=customers, share=customers / len(texts))
        for (feature, is_actionable), customers in most_often
    )


def _of_today(context: Context) -> TimelyFacts:
    """Return what the newest runs say."""
    return TimelyFacts(
        decision=_decision(context),
        insights=_insights(context),
        quality=read_quality(context.settings.home),
        is_in_time=True,
    )


def _of_the_time(context: Context, month: Month) -> TimelyFacts:
    """Return what the report of a past month said while it was the newest, or that nobody wrote it down."""
    try:
        text = (context.settings.home / "reports" / f"monthly-{month.name}.json").read_text(encoding="utf-8")
        earlier = _EarlierReport.model_validate_json(text)
    except (OSError, ValueError):  # there is none, or none that can be read
        earlier = None
    if earlier is not None and earlier.is_in_time:
        return earlier
    return TimelyFacts(decision=UnknownDecision(code="past", why=""), insights=None, quality=None, is_in_time=False)


def _served_at(store: Store, moment: datetime) -> str | None:
    """Return the version that served at `moment`; None before the first."""
    return next((change.version for change in store.models.history() if change.served_from <= moment), None)


def _from_contracts(
    context: Context, warehouse: Warehouse, month: Month, cutoff: datetime
) -> tuple[tuple[TrendMonth, ...], tuple[CohortAge, ...]]:
    """Return churn by month and retention by month of joining, as far as `month`; empty without contracts."""
    if is_flat(warehouse) or not warehouse.rows("select 1 from staging.subscription_events limit 1"):
        return (), ()
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
    return tuple(TrendMonth(**row) for row in reversed(trend)), tuple(CohortAge(**row) for row in cohorts)


def _churn(trend: Sequence[TrendMonth], month: Month, target: float) -> ChurnFacts | None:
    """Return the month beside the one before, the same a year before, and the target; None where it is not known."""
    by_month = {row.month: row for row in trend}
    now = by_month.get(month.first)
    if now is None or not now.customers:
        return None
    excess = now.churn_rate - target
    return ChurnFacts(
        now=now,
        before=by_month.get((month.first - timedelta(days=1)).replace(day=1)),
        year_before=by_month.get(month.first.replace(year=month.first.year - 1)),
        gap=excess,
        excess_revenue=now.monthly_revenue_lost * excess / now.churn_rate if now.churn_rate > 0 and excess > 0 else 0.0,
        trend=tuple(trend),
    )


def _insights(context: Context) -> InsightsDocument | None:
    try:
        return latest_insights(context.settings.home)
    except NotFound:
        return None


def _decision(context: Context) -> Decision:
    """Return what contacting the best customers now is expected to bring, or why that cannot be told."""
    try:
        document = simulate_campaign(context, SimulationRequest())
    except NotCalibrated as error:
        return UnknownDecision(code="not_calibrated", why=str(error))
    except ChurnError as error:
        return UnknownDecision(code="nothing_scored", why=str(error))
    return decision_of(document)


def decision_of(document: SimulationDocument) -> KnownDecision:
    """Return what a simulation says about whom to contact now."""
    steps = {step.step: int(step.customers) for step in document.funnel}
    return KnownDecision(
        recommended=steps.get("recommended"),
        left_out=steps["recommended"] - steps["not_held_out"] if steps else None,
        contacts=document.contacts,
        threshold=document.threshold,
        cost=document.cost,
        net_profit=document.net_profit,
        net_profit_interval=document.net_profit_interval,
        loss_probability=document.loss_probability,
        profit_model=document.profit_model,
        success_rate=document.economics.success_rate,
        contact_cost=document.economics.contact_cost,
        run_snapshot_date=document.snapshot_date,
    )


def _model(context: Context, version: str | None) -> ModelFacts | None:
    """Return the champion's facts, or those of `version`, which served in a month long past."""
    view = model_view(context, version)
    served = view.champion if version is None else view.version
    if served is None:
        return None
    return ModelFacts(
        version=served.version,
        kind=served.kind,
        created_at=served.created_at,
        metrics=served.metrics or NoFigures(),
        calibration=view.figures.curves.calibration if view.figures else None,
        features={feature.name: feature.description for feature in view.card.features} if view.card else {},
        error=view.error,
    )

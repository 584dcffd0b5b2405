"""Measures what a campaign caused, keeps the measurement, raises the alarm if it harms, and says it in words."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from churn.campaigns.learning import evidence_of, learning_of, level_of
from churn.campaigns.measurement import MeasurementTerms, comparable, costs_of, measure
from churn.campaigns.measurement_words import ALARM, alarm_of, words_of
from churn.campaigns.random_slice import RANDOM_STRATUM
from churn.context import Context
from churn.documents.measurement import (
    EarlierFigures,
    ErasedArms,
    Maturity,
    Measured,
    MeasurementDocument,
    MeasurementOrigin,
    OfferLearning,
)
from churn.errors import CampaignError, DataError
from churn.views.offer_evidence import taught_of_offers
from churn.workflows.measure.follow import FollowedCustomers, follow_customers
from churn.workflows.measure.left_alone import left_alone, with_causes
from churn.workflows.measure.windows import in_their_windows

if TYPE_CHECKING:
    import polars as pl

    from churn.decisions.recalibration import SeenLevel
    from churn.store import Alert, PlanRecord


@dataclass(frozen=True)
class MeasuredCampaign:
    """A measurement as one document, whose keys are the same whatever could be said; `measurement_id` in the store."""

    document: MeasurementDocument
    measurement_id: int

    @property
    def is_mature(self) -> bool:
        """Whether every assigned customer's window has closed."""
        return self.document.is_mature


def measure_campaign(context: Context, campaign: str, *, so_far: bool = False) -> MeasuredCampaign:
    """Measure `campaign` as of now, by the labels of each assigned customer's own window.

    Before every window has closed there is no verdict, unless `so_far` asks for one on those whose windows have.
    Raises CampaignError for a campaign that was never planned or chose nobody, DataError when none of its customers is
    in the data any more.
    """
    with context.recorded("measure_campaign", context.today):
        with context.open_store() as store:
            plans = store.plans.list(campaign)[::-1]
            assignments = store.assignments.of(campaign)
            events = store.outcomes.of(campaign)
            planned = sorted({plan.campaign for plan in store.plans.list()})
            erased = store.privacy.erased_counts(campaign)
        _refuse(campaign, plans, assignments, planned)
        with context.open_warehouse("churn measure") as warehouse:
            followed = follow_customers(context, warehouse, plans, assignments, events)
            frame = in_their_windows(with_causes(warehouse, plans, followed.frame), plans)
            followed = replace(followed, frame=frame)
            beside = left_alone(context, warehouse, plans, frame.filter("is_mature"))
        if not followed.frame["is_known"].any():
            raise DataError(
                f"none of the {assignments.height:,} assigned customers is in the data any more",
                where=campaign,
                remedy="Load the customers' subscriptions again with `churn refresh`, ids unchanged.",
            )
        document = _document(context, campaign, plans, followed, beside, erased, so_far=so_far)
        measurement_id = _keep(context, campaign, plans, document)
    return MeasuredCampaign(document, measurement_id)


def open_alarms(context: Context, campaign: str | None = None) -> list[Alert]:
    """Return the harm alarms that nobody has resolved yet."""
    with context.open_store() as store:
        return store.alerts.open(kind=ALARM, subject=campaign)


def _refuse(campaign: str, plans: Sequence[PlanRecord], assignments: pl.DataFrame, planned: Sequence[str]) -> None:
    if not plans:
        near = difflib.get_close_matches(campaign, planned, n=1, cutoff=0.5)
        known = f"Planned are: {', '.join(planned)}." if planned else "Nothing is planned yet: run `churn plan`."
        remedy = f"Did you mean `{near[0]}`?" if near else known
        raise CampaignError("this campaign was never planned", where=campaign, remedy=remedy)
    if assignments.is_empty():
        raise CampaignError(
            "its plans chose nobody, so there is nothing to measure", where=campaign, remedy="Plan it again."
        )


def _document(
    context: Context,
    campaign: str,
    plans: Sequence[PlanRecord],
    followed: FollowedCustomers,
    beside: pl.DataFrame | None,
    erased: Mapping[str, int],
    *,
    so_far: bool,
) -> MeasurementDocument:
    import polars as pl

    frame = followed.frame
    mature = frame.filter("is_mature")
    is_mature = mature.height == frame.height
    is_judged = is_mature or bool(so_far and mature.height)
    closed = mature if is_judged else frame
    chosen = comparable(closed) if is_judged else closed
    newest = plans[-1]
    costs = costs_of(chosen, stayers_take=newest.profit_model == "incentive")
    terms = MeasurementTerms(holdout_share=holdout_share(plans, chosen), costs=costs)
    # Leave out what has not matured: without a label it would look like customers who are gone.
    figures = measure(chosen.with_columns(pl.when("is_mature").then("has_churned")), terms)
    if not is_judged:
        figures = figures.unjudged()
    days = frame["snapshot_date"].unique().sort()
    origin = MeasurementOrigin(
        campaign=campaign,
        title=newest.definition.title,
        measured_at=context.clock().replace(microsecond=0),
        data_cutoff=context.utc_of(followed.data_cutoff),
        currency=context.settings.business.currency,
        is_mature=is_mature,
        is_so_far=so_far,
        maturity=Maturity(
            assigned=frame.height, mature=mature.height, ready_date=None if is_mature else followed.ready_date
        ),
        without_comparison=closed.height - chosen.height,
        erased=ErasedArms(treatment=erased.get("treatment", 0), holdout=erased.get("holdout", 0)),
        windows=tuple(followed.windows),
        horizon_days=newest.inputs.horizon_days,
        snapshot_dates=(days[0], days[-1]),
        plans=len(plans),
        profit_model=newest.profit_model,
        model_version=newest.model_version,
        events=followed.events,
    )
    learnt = _learnt(context, plans, chosen, beside) if figures.status == "measured" else None
    measured = Measured.of(origin, figures, learnt)
    if is_mature:
        measured = measured.model_copy(update={"earlier": _earlier(context, plans, measured)})
    return measured.put_into_words(words_of(measured), alarm_of(measured))


def _earlier(context: Context, plans: Sequence[PlanRecord], measured: Measured) -> EarlierFigures | None:
    """Return what the last mature measurement of the same plans said, if data that came since changed it."""
    with context.open_store() as store:
        last = store.measurements.latest(plans[-1].campaign, is_mature=True)
    if last is None or set(last.plan_ids) != {plan.plan_id for plan in plans}:
        return None
    return measured.moved_since(last.result)


def _learnt(
    context: Context, plans: Sequence[PlanRecord], chosen: pl.DataFrame, beside: pl.DataFrame | None
) -> OfferLearning | None:
    """Return what those whose windows have closed teach of the offer, with the other rounds of it that were measured.

    `beside` are customers whom nobody contacted, see `left_alone`.
    """
    plan = plans[-1]
    chosen = chosen.filter("is_mature")
    evidence = evidence_of(plan.definition.offer, chosen, beside)
    if evidence is None:
        return None
    with context.open_store() as store:
        others = taught_of_offers(store, [plan.campaign], without=plan.campaign)[plan.campaign].evidence
    return learning_of(plan.definition.offer, evidence, others, _levels(context, plans, chosen, beside))


def _levels(
    context: Context, plans: Sequence[PlanRecord], chosen: pl.DataFrame, beside: pl.DataFrame | None
) -> list[SeenLevel]:
    """Return how far the probabilities were off on the days of plans whose window is that of the probabilities.

    Who leaves within sixty days says nothing of probabilities of thirty.
    """
    horizon = context.settings.churn.horizon_days
    days = {(plan.snapshot_date, plan.model_version) for plan in plans if plan.window_days == horizon}
    seen = [
        level_of(chosen, beside, model_version=version, day=day, window_days=horizon) for day, version in sorted(days)
    ]
    return [level for level in seen if level.customers]


def holdout_share(plans: Sequence[PlanRecord], frame: pl.DataFrame) -> float:
    """Return the share that should have been held out of those in `frame`: that of each plan, weighed by its customers.

    A later plan fills up the holdout of the plans with the same share, never of others; see `used_by`. In a random slice
    another share is left alone.
    """
    is_random = frame["stratum"] == RANDOM_STRATUM
    chosen = dict(frame.filter(~is_random).group_by("plan_id").len().iter_rows())
    drawn = dict(frame.filter(is_random).group_by("plan_id").len().iter_rows())
    held = sum(
        plan.definition.holdout.share * chosen.get(plan.plan_id, 0)
        + (plan.inputs.leave_alone or 0.0) * drawn.get(plan.plan_id, 0)
        for plan in plans
    )
    return held / frame.height if frame.height else 0.0


def _keep(context: Context, campaign: str, plans: Sequence[PlanRecord], document: MeasurementDocument) -> int:
    """Save the measurement; raise the alarm where it harms, and end it where a later measurement no longer says so."""
    now = context.clock()
    with context.open_store() as store:
        if document.alarm:
            store.alerts.raise_(ALARM, campaign, "critical", document.alarm, now)
        elif document.verdict is not None:
            store.alerts.resolve(ALARM, campaign, now)
        plan_ids = [plan.plan_id for plan in plans]
        return store.measurements.save(campaign, plan_ids, document, is_mature=document.is_mature, measured_at=now)

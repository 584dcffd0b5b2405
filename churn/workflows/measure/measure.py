"""Measures what a campaign caused, keeps the measurement, raises the alarm if it harms, and says it in words."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn.campaigns.measurement import MeasurementTerms, comparable, costs_of, measure
from churn.campaigns.measurement_words import ALARM, alarm_of, words_of
from churn.context import Context
from churn.documents.measurement import ErasedArms, Maturity, Measured, MeasurementDocument, MeasurementOrigin
from churn.errors import CampaignError, ConfigError, DataError
from churn.files import csv_text, write_text
from churn.reports.campaign import render_campaign
from churn.workflows.measure.follow import Followed, follow

if TYPE_CHECKING:
    import polars as pl
    from pydantic import JsonValue

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
            followed = follow(context, warehouse, plans, assignments, events)
        if not followed.frame["is_known"].any():
            raise DataError(
                f"none of the {assignments.height:,} assigned customers is in the data any more",
                where=campaign,
                remedy="Load the customers' subscriptions again with `churn refresh`, ids unchanged.",
            )
        document = _document(context, campaign, plans, followed, erased, so_far=so_far)
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
    followed: Followed,
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
    # What has not matured bears no label yet: it would look like customers who are gone.
    figures = measure(chosen.with_columns(pl.when("is_mature").then("has_churned")), terms)
    if not is_judged:
        figures = figures.unjudged()
    days = frame["snapshot_date"].unique().sort()
    origin = MeasurementOrigin(
        campaign=campaign,
        title=newest.definition.title,
        measured_at=context.clock().replace(microsecond=0),
        data_cutoff=followed.data_cutoff,
        currency=context.settings.business.currency,
        is_mature=is_mature,
        is_so_far=so_far,
        maturity=Maturity(
            assigned=frame.height, mature=mature.height, ready_date=None if is_mature else followed.ready_date
        ),
        without_comparison=closed.height - chosen.height,
        erased=ErasedArms(treatment=erased.get("treatment", 0), holdout=erased.get("holdout", 0)),
        windows=tuple(followed.windows),
        snapshot_dates=(days[0], days[-1]),
        plans=len(plans),
        profit_model=newest.profit_model,
        model_version=newest.model_version,
        events=followed.events,
    )
    measured = Measured.of(origin, figures)
    return measured.put_into_words(words_of(measured), alarm_of(measured))


def holdout_share(plans: Sequence[PlanRecord], frame: pl.DataFrame) -> float:
    """Return the share that should have been held out of those in `frame`: that of each plan, weighed by its customers.

    A later plan fills up the holdout of the plans with the same share, never of others; see `used_by`.
    """
    sizes = dict(frame.group_by("plan_id").len().iter_rows())
    held = sum(plan.definition.holdout.share * sizes.get(plan.plan_id, 0) for plan in plans)
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


ENDINGS: Final = (".html", ".json", ".csv")
_COLUMNS: Final = (
    "part",
    "segment",
    "treatment",
    "holdout",
    "churn_treatment",
    "churn_holdout",
    "delta",
    "low",
    "high",
    "p_value",
    "p_corrected",
)


def check_ending(path: Path) -> None:
    """Raise ConfigError when no measurement can be written to a file of this name."""
    if path.suffix not in ENDINGS:
        raise ConfigError(f"cannot write `{path.suffix}`", where=str(path), remedy="Use .html, .json or .csv.")


def write(document: MeasurementDocument, path: Path, *, home: Path) -> Path:
    """Write `document` to `path`: the effects as .csv, all of it as .json, or a page as .html. The write is atomic.

    Raises ConfigError for another ending, ResourceError when the place cannot be written.
    """
    check_ending(path)
    if path.suffix == ".json":
        return write_text(path, json.dumps(document.as_json(), indent=2, allow_nan=False) + "\n")
    if path.suffix == ".csv":
        return write_text(path, _csv(document))
    return write_text(path, render_campaign(document, home=home))


def _csv(document: MeasurementDocument) -> str:
    return csv_text([_COLUMNS, *([row.get(name) for name in _COLUMNS] for row in _rows(document))])


def _rows(document: MeasurementDocument) -> Iterator[dict[str, JsonValue]]:
    """Yield the effects, the as-assigned one first, then adjusted, delivered, and by segment."""
    delivered = document.delivered.effect if document.delivered is not None else None
    for part, effect in (
        ("as assigned", document.effect),
        ("unstratified", document.plain_effect),
        ("cuped", document.cuped),
        ("delivered", delivered),
    ):
        if effect is not None:
            yield {"part": part, **effect.as_json()}
    for segment in document.segments:
        yield {"part": segment.dimension, **segment.as_json()}

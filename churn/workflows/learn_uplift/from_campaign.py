"""Learns from a campaign's holdout whom contact persuades: assignments, features as of then, and what became of them."""

from __future__ import annotations

import difflib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from churn.campaigns.measurement import comparable
from churn.context import Context
from churn.documents.uplift import CustomersToLeave, UpliftDocument, UpliftOrigin, UsedCustomers
from churn.errors import CampaignError, NotEnoughData
from churn.files import TABLES, check_ending, write_frame
from churn.modeling.uplift.learners import LEARNERS
from churn.modeling.uplift.train import BASES, train_uplift
from churn.snapshots.dataset import data_cutoff, default_snapshot_date, feature_frame, scoring_set
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse.models.sql_models import load_models
from churn.workflows.learn_uplift.keep import (
    LoadedUplift,
    folder_of,
    keep,
    latest_learning,
    latest_uplift,
    write_page,
)
from churn.workflows.measure import follow_customers

if TYPE_CHECKING:
    import polars as pl

    from churn.modeling.uplift.words import UpliftResult
    from churn.warehouse import FeatureDoc
    from churn.warehouse.connection import Warehouse
    from churn.workflows.measure import FollowedCustomers


__all__ = ["LearntUplift", "LoadedUplift", "latest_learning", "latest_uplift", "learn_uplift"]


@dataclass(frozen=True)
class LearntUplift:
    """What was found, the document that says it, and the files: bundle, page, and the customers' list if asked for."""

    result: UpliftResult
    document: UpliftDocument
    bundle: Path | None
    page: Path | None
    list_file: Path | None


@dataclass(frozen=True)
class CampaignRows:
    """The campaign's customers whose outcome is known: keys, is_treated, is_retained, features."""

    frame: pl.DataFrame
    features: tuple[FeatureDoc, ...]
    windows: list[int]
    counts: UsedCustomers
    snapshot_dates: tuple[date, ...]


def learn_uplift(
    context: Context,
    campaign: str,
    *,
    learners: Sequence[str] | None = None,
    bases: Sequence[str] | None = None,
    out: Path | None = None,
    language: str | None = None,
) -> LearntUplift:
    """Learn uplift from `campaign`, keep the model, and write the page; `out` takes the customers of today.

    The page is in `language`, by default the company's. Raises ConfigError for a wrong ending or a language without words,
    CampaignError when nobody was assigned to it or nobody was left alone, NotEnoughData when outcomes are not mature yet
    (saying when they are) or too few.
    """
    if out is not None:
        check_ending(out, TABLES)
    spoken = context.speaking(language)
    began = time.monotonic()
    with (
        context.recorded("learn_uplift", context.today),
        context.open_warehouse(f"churn uplift {campaign}") as warehouse,
    ):
        rows = campaign_rows(context, warehouse, campaign)
        result = train(context, rows.frame, rows.features, learners, bases)
        origin = UpliftOrigin(
            campaign=campaign,
            learnt_at=context.clock(),
            window_days=tuple(rows.windows),
            snapshot_dates=rows.snapshot_dates,
            counts=rows.counts,
        )
        document, version = keep(context, result, UpliftDocument.of(origin, result.figures()))
        listed = to_leave = None
        if out is not None or result.harm.groups:
            loaded = LoadedUplift(campaign, version, result.model, document)
            listed, day = uplift_list(context, warehouse, loaded)
            alone = int(listed["do_not_contact"].is_not_null().sum())
            to_leave = CustomersToLeave(customers=alone, of=listed.height, snapshot_date=day)
    document = document.model_copy(update={"do_not_contact": to_leave, "seconds": time.monotonic() - began})
    with spoken:
        page = write_page(context, document)
    file = None
    if out is not None and listed is not None:
        file = write_frame(out, listed, currency=context.settings.business.currency, sheet="Customers")
    return LearntUplift(result, document, folder_of(context, campaign, version), page, file)


def train(
    context: Context,
    frame: pl.DataFrame,
    features: Sequence[FeatureDoc],
    learners: Sequence[str] | None,
    bases: Sequence[str] | None,
    outcome: str = "retention",
) -> UpliftResult:
    """Train with the settings' seed; None of `learners` or `bases` stands for all that are tried by themselves."""
    return train_uplift(
        frame,
        features,
        seed=context.settings.training.seed,
        learners=learners or tuple(LEARNERS),
        bases=bases or BASES,
        outcome=outcome,
        progress=context.progress,
    )


def campaign_rows(context: Context, warehouse: Warehouse, campaign: str) -> CampaignRows:
    """Return the assigned customers with the features of their snapshot date and what became of them.

    Outcomes are those of `churn measure`: churn within the campaign's window, as assigned, whether or not the contact
    was delivered. Where plans held out different shares, only the share with most customers of both arms is used, since
    otherwise an arm's customers would be those of other dates.
    """
    import polars as pl

    followed = _followed(context, warehouse, campaign)
    frame = followed.frame
    mature = frame.filter("is_mature")
    if mature.is_empty():
        raise NotEnoughData(
            f"not yet mature: 0 of {frame.height:,}",
            where=f"campaign {campaign}",
            remedy=f"Outcomes are ready on {followed.ready_date}, once data up to then are loaded.",
        )
    split = comparable(mature)["split"].mode().sort()[0]
    known = mature.filter(pl.col("split") == split, pl.col("has_churned").is_not_null())
    features, docs = _features(context, warehouse, known["snapshot_date"].unique().sort().to_list())
    joined = (
        known.select("customer_id", "snapshot_date", "arm", "has_churned")
        .join(features, on=["customer_id", "snapshot_date"])
        .sort("snapshot_date", "customer_id")
        .with_columns(is_retained=~pl.col("has_churned"), is_treated=pl.col("arm") == "treatment")
    )
    counts = UsedCustomers(
        assigned=frame.height,
        used=joined.height,
        not_mature=frame.height - mature.height,
        other_share=mature.filter(pl.col("split") != split).height,
        not_known=mature.filter(pl.col("split") == split).height - joined.height,
    )
    return CampaignRows(
        joined, docs, followed.windows, counts, tuple(joined["snapshot_date"].unique().sort().to_list())
    )


def _followed(context: Context, warehouse: Warehouse, campaign: str) -> FollowedCustomers:
    import polars as pl

    with context.open_store() as store:
        plans, assigned = store.plans.list(campaign)[::-1], store.assignments.of(campaign)
        events = store.outcomes.of(campaign)
        planned = sorted({plan.campaign for plan in store.plans.list()})
    if assigned.is_empty():
        near = [name for name in difflib.get_close_matches(campaign, planned, n=1, cutoff=0.5) if name != campaign]
        hint = f"Did you mean `{near[0]}`?" if near else f"Run `churn plan {campaign}` first."
        raise CampaignError("nobody was assigned to it yet", where=f"campaign {campaign}", remedy=hint)
    if assigned.filter(pl.col("arm") == "holdout").is_empty():
        raise CampaignError(
            "nobody was left alone, so nothing can be learnt about what contact causes",
            where=f"campaign {campaign}",
            remedy="Give the next round a [holdout] share above 0.",
        )
    return follow_customers(context, warehouse, plans, assigned, events)


def _features(context: Context, warehouse: Warehouse, dates: list[date]) -> tuple[pl.DataFrame, tuple[FeatureDoc, ...]]:
    """Return the features of `dates` as scoring builds them: the keys and the features a model may see."""
    models = load_models(context.settings.home)
    policy = SnapshotPolicy.from_settings(context.settings)
    cutoff = data_cutoff(warehouse)
    context.engine.build_snapshots(warehouse, models, policy, dates, data_cutoff=cutoff, progress=context.progress)
    frame, docs = feature_frame(warehouse, models)
    excluded = set(context.settings.training.exclude_features)
    kept = tuple(doc for doc in docs if doc.name not in excluded)
    return frame.select("customer_id", "snapshot_date", *(doc.name for doc in kept)), kept


def uplift_list(
    context: Context, warehouse: Warehouse, uplift: LoadedUplift, *, day: date | None = None
) -> tuple[pl.DataFrame, date]:
    """Return customer_id, uplift, do_not_contact (a reason, or null) of `day`, by default the newest; and that day.

    Sorted by customer. Features are built as of the day, as scoring does. Raises DataError for a date without data.
    """
    import polars as pl

    models, policy = load_models(context.settings.home), SnapshotPolicy.from_settings(context.settings)
    chosen = day or default_snapshot_date(warehouse, context.today)
    context.engine.build_snapshots(
        warehouse, models, policy, [chosen], data_cutoff=data_cutoff(warehouse), progress=context.progress
    )
    data = scoring_set(warehouse, models, policy, chosen, wanted=uplift.feature_names)
    listed = data.frame.select("customer_id").with_columns(
        pl.Series("uplift", uplift.predict(data.frame)),
        uplift.do_not_contact(data.frame).alias("do_not_contact"),
    )
    return listed.sort("customer_id"), chosen

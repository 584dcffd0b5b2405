"""Learns from a campaign's holdout whom contact persuades: assignments, features as of then, and what became of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.errors import CampaignError, NotEnoughData
from churn.workflows.context import Context
from churn.workflows.uplift_bundles import LoadedUplift, folder_of, keep, latest_learning, latest_uplift

if TYPE_CHECKING:
    import polars as pl

    from churn.modeling.uplift import UpliftResult
    from churn.warehouse import FeatureDoc
    from churn.warehouse.connection import Warehouse

__all__ = ["LearntUplift", "LoadedUplift", "latest_learning", "latest_uplift", "learn_uplift"]


@dataclass(frozen=True)
class LearntUplift:
    """What was found, the document that says it, and the files: bundle, page, and the customers' list if asked for."""

    result: UpliftResult
    document: dict[str, Any]
    bundle: Path | None
    page: Path | None
    list_file: Path | None


@dataclass(frozen=True)
class CampaignRows:
    """The campaign's customers whose outcome is known: keys, is_treated, is_retained, features."""

    frame: pl.DataFrame
    features: tuple[FeatureDoc, ...]
    window_days: int
    counts: dict[str, int]
    snapshot_dates: tuple[date, ...]


def learn_uplift(
    context: Context,
    campaign: str,
    *,
    learners: Sequence[str] | None = None,
    bases: Sequence[str] | None = None,
    out: Path | None = None,
) -> LearntUplift:
    """Learn uplift from `campaign`, keep the model, and write the page; `out` takes the customers of today.

    Raises CampaignError when nobody was assigned to it or nobody was left alone, NotEnoughData when outcomes are not
    mature yet (saying when they are) or too few.
    """
    from churn.workflows.uplift_files import check_list_ending, write_list, write_page
    from churn.workflows.uplift_list import uplift_list

    if out is not None:
        check_list_ending(out)
    began = time.monotonic()
    with (
        context.recorded("learn_uplift", context.today),
        context.open_warehouse(f"churn uplift {campaign}") as warehouse,
    ):
        rows = campaign_rows(context, warehouse, campaign)
        result = train(context, rows.frame, rows.features, learners, bases)
        document = {
            "campaign": campaign,
            "learnt_at": context.clock(),
            "window_days": rows.window_days,
            "snapshot_dates": list(rows.snapshot_dates),
            "counts": rows.counts,
            **result.document(),
        }
        version = keep(context, campaign, result, document)
        document |= {"version": version}
        listed = None
        if out is not None or result.harm.groups:
            loaded = LoadedUplift(campaign, version, result.model, document)
            listed, day = uplift_list(context, warehouse, loaded)
            alone = listed["do_not_contact"].is_not_null().sum()
            document["do_not_contact"] = {"customers": int(alone), "of": listed.height, "snapshot_date": day}
    document["seconds"] = time.monotonic() - began
    page = write_page(context, document)
    file = None if out is None or listed is None else write_list(listed, out)
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
    from churn.modeling.uplift import BASES, train_uplift
    from churn.modeling.uplift_learners import LEARNERS

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

    An outcome is churn by the settings' definition within the campaign's window from the snapshot date on, as
    assigned, whether or not the contact was delivered.
    """
    import polars as pl

    assigned, window_days = _assignments(context, campaign)
    told = _outcomes(context, warehouse, assigned, window_days)
    known = told.filter(pl.col("has_churned").is_not_null())
    immature = told.filter(~pl.col("is_mature"))
    counts = {
        "assigned": assigned.height,
        "used": 0,
        "not_mature": immature.height,
        "not_known": told.height - known.height - immature.height,
    }
    if known.is_empty():
        ready = max(assigned["snapshot_date"].to_list()) + timedelta(days=window_days)
        raise NotEnoughData(
            f"outcomes are not mature yet: 0 of {assigned.height:,}",
            where=f"campaign {campaign}",
            remedy=f"They are ready on {_ready(context, assigned, window_days) or ready}.",
        )
    frame, docs = _features(context, warehouse, known["snapshot_date"].unique().sort().to_list())
    excluded = set(context.settings.training.exclude_features)
    features = tuple(doc for doc in docs if doc.name not in excluded)
    joined = known.join(
        frame.select("customer_id", "snapshot_date", *(doc.name for doc in features)),
        on=["customer_id", "snapshot_date"],
    ).sort("snapshot_date", "customer_id")
    counts["used"] = joined.height
    return CampaignRows(
        joined.with_columns(is_retained=~pl.col("has_churned"), is_treated=pl.col("arm") == "treatment"),
        features,
        window_days,
        counts,
        tuple(joined["snapshot_date"].unique().sort().to_list()),
    )


def _assignments(context: Context, campaign: str) -> tuple[pl.DataFrame, int]:
    import polars as pl

    with context.open_store() as store:
        rows = store.assignments.of(campaign)
        plan = store.plans.latest(campaign)
    if rows.is_empty() or plan is None:
        raise CampaignError(
            "nobody was assigned to it yet", where=f"campaign {campaign}", remedy=f"Run `churn plan {campaign}` first."
        )
    if rows.filter(pl.col("arm") == "holdout").is_empty():
        raise CampaignError(
            "nobody was left alone, so nothing can be learnt about what contact causes",
            where=f"campaign {campaign}",
            remedy="Give the next round a [holdout] share above 0.",
        )
    days = plan.definition.get("window_days") or context.settings.churn.horizon_days
    return rows.select("customer_id", "snapshot_date", "arm"), int(days)


def _policy(context: Context, window_days: int) -> Any:
    from churn.snapshots.policy import SnapshotPolicy

    return replace(SnapshotPolicy.from_settings(context.settings), horizon_days=window_days, lead_days=0)


def _ready(context: Context, assigned: pl.DataFrame, window_days: int) -> date | None:
    policy = _policy(context, window_days)
    moments: list[datetime] = [policy.matures_at(day) for day in assigned["snapshot_date"].unique().to_list()]
    return min(moments).date() if moments else None


def _outcomes(context: Context, warehouse: Warehouse, assigned: pl.DataFrame, window_days: int) -> pl.DataFrame:
    from churn.snapshots.dataset import data_cutoff
    from churn.snapshots.fates import fates
    from churn.warehouse.sql_models import load_models

    context.progress.step("Looking up what became of the campaign's customers")
    found = fates(
        warehouse,
        load_models(context.settings.home),
        _policy(context, window_days),
        assigned.select("customer_id", "snapshot_date"),
        data_cutoff=data_cutoff(warehouse),
    )
    return assigned.join(found, on=["customer_id", "snapshot_date"], how="inner")


def _features(context: Context, warehouse: Warehouse, dates: list[date]) -> tuple[pl.DataFrame, tuple[FeatureDoc, ...]]:
    from churn.snapshots.dataset import build_snapshots, data_cutoff, feature_frame
    from churn.snapshots.policy import SnapshotPolicy
    from churn.warehouse.sql_models import load_models

    models = load_models(context.settings.home)
    policy = SnapshotPolicy.from_settings(context.settings)
    cutoff = data_cutoff(warehouse)
    build_snapshots(warehouse, models, policy, dates, data_cutoff=cutoff, progress=context.progress)
    return feature_frame(warehouse, models)

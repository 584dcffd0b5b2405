"""Finds customers of a campaign's lists whom no campaign had chosen, and what became of them: they show how far probabilities are off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from churn.context import Context
from churn.snapshots.dates import data_cutoff
from churn.snapshots.fates import fates
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse.models.sql_models import load_models
from churn.workflows.measure.windows import in_their_windows

if TYPE_CHECKING:
    import polars as pl

    from churn.store import PlanRecord
    from churn.warehouse.connection import Warehouse

MOST: Final = 10_000  # customers of one day's list; more make the probabilities' level no surer that matters


def left_alone(
    context: Context, warehouse: Warehouse, plans: Sequence[PlanRecord], chosen: pl.DataFrame
) -> pl.DataFrame | None:
    """Return split, customer_id, snapshot_date, churn_probability, involuntary_probability and has_churned of customers contacted by nobody.

    They were scored when `chosen` were, and come once for each split of these.

    `chosen`: customer_id, snapshot_date, plan_id, split. Left out are the chosen themselves, whom another campaign contacted
    within a window before, and those whose fate is not known yet. Whom one contacts later in the window is not: only who is
    still there is contacted, so that without them too many would seem to leave; what the rest of the window is expected to
    save of them is taken off their probability. Of one day at most `MOST` are taken, by a hash. None where no scores of
    those days are kept.
    """
    import polars as pl

    if not warehouse.has_table("history.scores"):
        return None
    days = chosen["snapshot_date"].unique().to_list()
    if not days:
        return None
    longest = timedelta(max(plan.window_days for plan in plans))
    with context.open_store() as store:
        days_of = {
            plan.campaign: plan.inputs.horizon_days or plan.window_days
            for plan in store.plans.list()
            if min(days) - longest <= plan.snapshot_date <= max(days) + longest
        }
        assigned = pl.concat(
            [
                store.assignments.of(name)
                .filter(pl.col("arm") == "treatment")
                .select("customer_id", "expected_uplift", pl.col("snapshot_date").alias("since"))
                .with_columns(days=pl.lit(days_of[name], dtype=pl.Int64))
                for name in sorted(days_of)
            ]
        )
    base = replace(SnapshotPolicy.from_settings(context.settings), lead_days=0)
    models, cutoff = load_models(context.settings.home), data_cutoff(warehouse)
    by_plan = {plan.plan_id: plan for plan in plans}
    parts = []
    for plan_id, day, split in sorted(chosen.select("plan_id", "snapshot_date", "split").unique().rows()):
        plan, mine = by_plan[plan_id], chosen.filter(pl.col("snapshot_date") == day)["customer_id"]
        opened = day - timedelta(plan.window_days)
        busy = assigned.filter(pl.col("since").is_between(opened, day, closed="right"))
        listed = _listed(warehouse, day, plan.model_version)
        free = listed.filter(~pl.col("customer_id").is_in(pl.concat([mine, busy["customer_id"]]).implode())).head(MOST)
        if free.is_empty():
            continue
        context.progress.step(f"Following {free.height:,} customers whom nobody contacted")
        policy = replace(base, horizon_days=plan.window_days)
        fate = fates(warehouse, models, policy, free, data_cutoff=cutoff, progress=context.progress)
        known = free.join(fate.filter("is_mature"), on="customer_id", how="inner", maintain_order="left")
        known = in_their_windows(known.with_columns(plan_id=pl.lit(plan_id)), [plan])
        known = _less_saved_later(known, assigned, day, plan.window_days)
        parts.append(
            known.filter(pl.col("has_churned").is_not_null()).select(
                pl.lit(split).alias("split"),
                "customer_id",
                "snapshot_date",
                "churn_probability",
                "involuntary_probability",
                "has_churned",
            )
        )
    return pl.concat(parts) if parts else None


def with_causes(warehouse: Warehouse, plans: Sequence[PlanRecord], frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` (customer_id, snapshot_date, plan_id) with involuntary_probability, null where no score of that day knows it."""
    import polars as pl

    if not warehouse.has_table("history.scores"):
        return frame.with_columns(pl.lit(None, dtype=pl.Float64).alias("involuntary_probability"))
    versions = {plan.plan_id: plan.model_version for plan in plans}
    days = frame["snapshot_date"].unique().to_list()
    marks = ", ".join("?" for _ in days)
    known = warehouse.frame(
        f"select customer_id, snapshot_date, model_version, {_involuntary(warehouse)} from history.scores "
        f"where snapshot_date in ({marks})",
        days,
    ).unique(["customer_id", "snapshot_date", "model_version"], keep="any")
    return (
        frame.with_columns(model_version=pl.col("plan_id").replace_strict(versions, return_dtype=pl.String))
        .join(known, on=["customer_id", "snapshot_date", "model_version"], how="left", maintain_order="left")
        .drop("model_version")
    )


def _involuntary(warehouse: Warehouse) -> str:
    """Return the SQL of the involuntary part; dates scored before there were causes of churn know none."""
    has_causes = "involuntary_probability" in warehouse.frame("select * from history.scores limit 0").columns
    return "involuntary_probability" if has_causes else "cast(null as double) as involuntary_probability"


def _less_saved_later(known: pl.DataFrame, assigned: pl.DataFrame, day: date, window_days: int) -> pl.DataFrame:
    """Return `known` with the probabilities lower by what contacts after `day` are expected to save within the window.

    `assigned`: customer_id, since, expected_uplift within `days` of it. A contact acts on the days that are left at a
    constant rate.
    """
    import polars as pl

    left = (pl.lit(day + timedelta(window_days)) - pl.col("since")).dt.total_days()
    later = assigned.filter((pl.col("since") > day) & (left > 0)).with_columns(
        saved=pl.col("expected_uplift").fill_null(0.0) * (left / pl.col("days")).clip(0.0, 1.0)
    )
    saved = later.group_by("customer_id").agg(pl.col("saved").sum())
    p = pl.col("churn_probability")
    share = pl.when(p > 0.0).then((1.0 - pl.col("saved").fill_null(0.0) / p).clip(0.0, 1.0 / p)).otherwise(1.0)
    lower = known.join(saved, on="customer_id", how="left", maintain_order="left").with_columns(share=share)
    return lower.with_columns(p * pl.col("share"), pl.col("involuntary_probability") * pl.col("share"))


def _listed(warehouse: Warehouse, day: date, model_version: str) -> pl.DataFrame:
    """Return customer_id, snapshot_date, churn_probability and involuntary_probability of a day's scores, by a hash."""
    return warehouse.frame(
        f"select customer_id, snapshot_date, churn_probability, {_involuntary(warehouse)} "
        "from history.scores where snapshot_date = ? and model_version = ? order by hash(customer_id), customer_id",
        [day, model_version],
    )

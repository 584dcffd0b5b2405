"""Follows assigned customers to the end of their windows: labels, whom the campaign reached, and who took the offer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from churn.campaigns.random_slice import RANDOM_STRATUM
from churn.context import Context
from churn.documents.measurement import EventCounts
from churn.snapshots.dates import data_cutoff
from churn.snapshots.fates import fates
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse.models.sql_models import load_models

if TYPE_CHECKING:
    import polars as pl

    from churn.store import PlanRecord
    from churn.warehouse.connection import Warehouse


# Whoever accepted or declined was reached; `lost` and `canceled` also happen to people whom nobody called.
REACHED: Final = ("contacted", "delivered", "accepted", "declined", "unsubscribed", "won")
# People unsubscribe or buy without an offer, so these events do not prove contact with the holdout.
OFFERED: Final = ("contacted", "delivered", "accepted", "declined")
# Only these cover everybody who was contacted: a CRM that reports purchases omits calls without success.
TELLING: Final = ("contacted", "delivered")


@dataclass(frozen=True)
class FollowedCustomers:
    """Assigned customers and what became of them.

    `frame`: the assignment's columns, split, is_known, is_mature, has_churned, churned_at, plan, is_delivered,
    is_accepted. `windows`: days of the outcome windows. `ready_date`: when the last of them is final. `events`: how
    many outcome events there are, how many are about others, and how many from before the assignment.
    """

    frame: pl.DataFrame
    windows: list[int]
    data_cutoff: datetime
    ready_date: date
    events: EventCounts


def follow_customers(
    context: Context, warehouse: Warehouse, plans: Sequence[PlanRecord], assignments: pl.DataFrame, events: pl.DataFrame
) -> FollowedCustomers:
    """Label every assigned customer over [snapshot_date, snapshot_date + window of their plan), without lead.

    Raises NotEnoughData when no facts are loaded.
    """
    import polars as pl

    context.progress.step(f"Following {assignments.height:,} customers to the end of their windows")
    base = replace(SnapshotPolicy.from_settings(context.settings), lead_days=0)
    policies = {plan.plan_id: replace(base, horizon_days=plan.window_days) for plan in plans}
    models, cutoff = load_models(context.settings.home), data_cutoff(warehouse)
    parts = []
    for policy in sorted(set(policies.values()), key=lambda p: p.horizon_days):
        ids = [plan_id for plan_id, used in policies.items() if used == policy]
        part = assignments.filter(pl.col("plan_id").is_in(ids))
        if part.is_empty():
            continue
        labels = fates(warehouse, models, policy, part, data_cutoff=cutoff, progress=context.progress)
        ends = {day: policy.label_window(day)[1] for day in part["snapshot_date"].unique().to_list()}
        parts.append(
            part.join(labels, on=["customer_id", "snapshot_date"], how="left", maintain_order="left").with_columns(
                window_end_at=pl.col("snapshot_date").replace_strict(ends, return_dtype=pl.Datetime("us")),
            )
        )
    frame = _with_split(pl.concat(parts), plans)
    frame, counts = _with_contacts(warehouse, frame, events)
    used = {policies[plan_id] for plan_id in frame["plan_id"].unique().to_list()}
    return FollowedCustomers(
        frame=frame,
        windows=sorted({policy.window_days for policy in used}),
        data_cutoff=cutoff,
        ready_date=_ready(frame, policies),
        events=counts,
    )


def _ready(frame: pl.DataFrame, policies: dict[str, SnapshotPolicy]) -> date:
    pairs = frame.select("plan_id", "snapshot_date").unique().rows()
    return max(policies[plan_id].matures_at(day) for plan_id, day in pairs).date()


def _with_split(frame: pl.DataFrame, plans: Sequence[PlanRecord]) -> pl.DataFrame:
    """Add `split`: where plans held out different shares, customers of one share are compared with their like only.

    So are those of a random slice: a plan chose the others, chance them.
    """
    import polars as pl

    names = {plan.plan_id: f"{plan.definition.holdout.share:.6f}" for plan in plans}
    by_share = pl.col("plan_id").replace_strict(names, return_dtype=pl.String)
    is_random = pl.col("stratum") == RANDOM_STRATUM
    return frame.with_columns(split=pl.when(is_random).then(pl.lit(RANDOM_STRATUM)).otherwise(by_share))


def _with_contacts(warehouse: Warehouse, frame: pl.DataFrame, events: pl.DataFrame) -> tuple[pl.DataFrame, EventCounts]:
    """Add is_delivered and is_accepted: by outcome events and by the contacts that the warehouse holds, in the window.

    Where no contact with the treated was reported, none of them counts as delivered, even those who answered.
    """
    import polars as pl

    campaign = str(frame["campaign"][0])
    starts = frame.select("customer_id", "window_end_at", start_at=pl.col("snapshot_date").cast(pl.Datetime("us")))
    matched = events.filter("is_matched").join(starts, on="customer_id")
    inside = pl.col("occurred_at").is_between(pl.col("start_at"), pl.col("window_end_at"), closed="left")
    timely = matched.filter(inside)
    telling = timely.filter(pl.col("kind").is_in(TELLING)).select("customer_id")
    if warehouse.has_table("staging.contacts"):
        known = warehouse.frame(
            "select customer_id, occurred_at from staging.contacts where superseded_at is null and campaign = ?",
            [campaign],
        )
        known = known.with_columns(pl.col("occurred_at").cast(pl.Datetime("us"))).join(starts, on="customer_id")
        telling = pl.concat([telling, known.filter(inside).select("customer_id")])
    is_treated = pl.col("arm") == "treatment"
    is_told = frame.filter(is_treated).join(telling, on="customer_id", how="semi").height > 0

    def of(kinds: Sequence[str]) -> pl.Expr:
        """Say for each customer whether a contact, or an event of one of `kinds`, was reported."""
        events = timely.filter(pl.col("kind").is_in(kinds)).select("customer_id")
        return pl.col("customer_id").is_in(pl.concat([telling, events])["customer_id"].unique().to_list())

    accepted = timely.filter(kind="accepted")["customer_id"].unique().to_list()
    frame = frame.with_columns(
        is_delivered=pl.when(is_treated).then(of(REACHED) & pl.lit(is_told)).otherwise(of(OFFERED)),
        is_accepted=pl.col("customer_id").is_in(accepted),
    )
    counts = EventCounts(
        events=events.height,
        unmatched=events.height - matched.height,
        before_assignment=matched.filter(pl.col("occurred_at") < pl.col("start_at")).height,
        after_window=matched.filter(pl.col("occurred_at") >= pl.col("window_end_at")).height,
    )
    return frame, counts

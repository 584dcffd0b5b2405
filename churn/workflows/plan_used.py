"""What earlier plans have taken of a campaign's limits, and what is left for this one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from churn.campaigns.assignment import Arms
from churn.campaigns.definition import CampaignDefinition
from churn.context import Context
from churn.workflows.plan_choice import Limits, Used

if TYPE_CHECKING:
    import polars as pl


def used_by(context: Context, assigned: pl.DataFrame, definition: CampaignDefinition) -> Used:
    """Return the arms of a campaign by stratum, and the money committed to those contacted.

    A share that was changed begins a draw of its own: if it had to make up for what plans with another share held out,
    new customers would be held out far more or less often than it says, or not at all, and could not be compared.
    """
    import polars as pl

    from churn.workflows.measure.measure import share_of

    mine = assigned.filter(pl.col("campaign") == definition.name)
    with context.open_store() as store:
        plans = store.plans.list(definition.name)
    same = [plan.plan_id for plan in plans if share_of(plan) == definition.holdout.share]
    treated = mine.filter(pl.col("arm") == "treatment")
    return Used(
        strata=_arms(mine),
        committed=float((treated["contact_cost"] + treated["incentive_cost"]).sum()),
        alike=_arms(mine.filter(pl.col("plan_id").is_in(same))),
    )


def _arms(rows: pl.DataFrame) -> dict[str, Arms]:
    import polars as pl

    counts = rows.group_by("stratum").agg(
        (pl.col("arm") == "treatment").sum().alias("t"), (pl.col("arm") == "holdout").sum().alias("h")
    )
    return {stratum: Arms(treatment, holdout) for stratum, treatment, holdout in counts.sort("stratum").iter_rows()}


def limits_left(
    context: Context,
    definitions: Sequence[CampaignDefinition],
    used: Sequence[Used],
    day: date,
    budget: Decimal | float | None,
) -> Limits:
    """Return what is left of `budget` after these campaigns' earlier plans, and of the channels after today's.

    A channel's capacity is per plan: contacts planned for the same snapshot date count, by whatever campaign.
    """
    import polars as pl

    capacity = context.settings.campaigns.channel_capacity
    taken = dict.fromkeys(capacity, 0)
    if capacity:
        channels = {definition.name: definition.offer.channel for definition in definitions}
        with context.open_store() as store:
            today = store.assignments.customers(arm="treatment").filter(pl.col("snapshot_date") == day)
            counts = dict(today.group_by("campaign").len().iter_rows())
            for name, count in counts.items():
                plan = None if name in channels else store.plans.latest(name)
                channel = channels.get(name) or (plan.definition["offer"]["channel"] if plan else None)
                if channel in taken:
                    taken[channel] += count
    left = None if budget is None else max(float(budget) - sum(each.committed for each in used), 0.0)
    return Limits(left, {name: max(float(capacity[name] - taken[name]), 0.0) for name in capacity})

"""What earlier plans have taken of a campaign's limits, and what is left for this one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from churn.campaigns.assignment import Arms
from churn.campaigns.definition import CampaignDefinition
from churn.workflows.context import Context
from churn.workflows.plan_choice import Limits, Used

if TYPE_CHECKING:
    import polars as pl


def used_by(assigned: pl.DataFrame, campaign: str) -> Used:
    """Return the arms of `campaign` by stratum, and the money committed to those contacted."""
    import polars as pl

    mine = assigned.filter(pl.col("campaign") == campaign)
    strata = {
        stratum: Arms(treatment=treatment, holdout=holdout)
        for stratum, treatment, holdout in mine.group_by("stratum")
        .agg((pl.col("arm") == "treatment").sum().alias("t"), (pl.col("arm") == "holdout").sum().alias("h"))
        .sort("stratum")
        .iter_rows()
    }
    treated = mine.filter(pl.col("arm") == "treatment")
    return Used(strata, float((treated["contact_cost"] + treated["incentive_cost"]).sum()))


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

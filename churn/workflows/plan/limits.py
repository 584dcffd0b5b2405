"""What campaigns may still spend: budgets, contacts and channels, less what earlier plans and a random slice take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from churn.campaigns.assignment import Arms
from churn.campaigns.random_slice import DrawnSlice
from churn.context import Context
from churn.decisions.checks import Floats
from churn.documents.definition import CampaignDefinition
from churn.workflows.plan.priced import Priced

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Used:
    """What earlier plans of one campaign have taken: arms by stratum, and money committed to the treated.

    `alike` are the arms of those drawn with the share that holds now; None stands for all. `month_contacts` and
    `month_committed` are what earlier rounds of a programme took of this month's limits; of a campaign alone, the former are those erased since.
    """

    strata: Mapping[str, Arms]
    committed: float
    alike: Mapping[str, Arms] | None = None
    month_contacts: int = 0
    month_committed: float = 0.0

    @property
    def treatment(self) -> int:
        """Customers contacted."""
        return sum(arms.treatment for arms in self.strata.values())

    @property
    def holdout(self) -> int:
        """Customers held out."""
        return sum(arms.holdout for arms in self.strata.values())


@dataclass(frozen=True)
class RemainingLimits:
    """What is left to spend: money in all, and per channel how many contacts, earlier plans subtracted."""

    budget: float | None
    channels: Mapping[str, float]


@dataclass(frozen=True)
class Left:
    """Limits as given to the allocation: money in all, contacts and money (k,), contacts per channel (h,)."""

    budget: float | None
    contacts: Floats
    money: Floats
    channels: Floats

    @classmethod
    def of(
        cls, priced: Sequence[Priced], used: Sequence[Used], limits: RemainingLimits, channels: Sequence[str]
    ) -> Left:
        """Return the limits of campaigns, less what earlier plans have taken."""

        def rest(limit: float | None, taken: float) -> float:
            return np.inf if limit is None else max(float(limit) - taken, 0.0)

        pairs = list(zip([campaign.definition.limits for campaign in priced], used, strict=True))
        return cls(
            budget=limits.budget,
            contacts=np.array([rest(own.contacts, had.treatment + had.month_contacts) for own, had in pairs]),
            money=np.array(
                [
                    rest(None if own.budget is None else float(own.budget), had.committed + had.month_committed)
                    for own, had in pairs
                ]
            ),
            channels=np.array([limits.channels.get(name, np.inf) for name in channels], dtype=np.float64),
        )

    def less_slice(self, drawn: DrawnSlice, priced: Sequence[Priced], code: NDArray[np.int64]) -> Left:
        """Return what a random slice leaves of the limits."""
        rows = [np.flatnonzero(drawn.is_contacted & (drawn.offer == k)) for k in range(len(priced))]
        counts = np.array([mine.size for mine in rows], dtype=np.float64)
        spent = np.array([offer.committed(mine) for offer, mine in zip(priced, rows, strict=True)])
        by_channel = np.array([counts[code == h].sum() for h in range(self.channels.size)])
        return Left(
            budget=None if self.budget is None else max(self.budget - float(spent.sum()), 0.0),
            contacts=np.maximum(self.contacts - counts, 0.0),
            money=np.maximum(self.money - spent, 0.0),
            channels=np.maximum(self.channels - by_channel, 0.0),
        )

    def less_overrun(self, true: Left, counts: Floats, money: Floats, code: NDArray[np.int64]) -> Left | None:
        """Return the limits less what `counts` contacts for `money` overrun of the true ones; None where nothing is."""
        spent = float(np.sum(money))
        by_channel = np.array([counts[code == h].sum() for h in range(self.channels.size)])
        over = 0.0 if true.budget is None else max(spent - true.budget, 0.0)
        contacts = np.maximum(counts - true.contacts, 0.0)
        over_money = np.maximum(money - true.money, 0.0)
        channels = np.maximum(by_channel - true.channels, 0.0)
        if over + contacts.sum() + over_money.sum() + channels.sum() <= 1e-6:
            return None
        return Left(
            budget=None if self.budget is None else max(self.budget - over, 0.0),
            contacts=np.maximum(self.contacts - contacts, 0.0),
            money=np.maximum(self.money - over_money, 0.0),
            channels=np.maximum(self.channels - channels, 0.0),
        )


def used_by(context: Context, assigned: pl.DataFrame, definition: CampaignDefinition) -> Used:
    """Return the arms of a campaign by stratum, and the money committed to those contacted.

    A share that was changed begins a draw of its own: if it had to make up for what plans with another share held out,
    new customers would be held out far more or less often than it says, or not at all, and could not be compared.
    Who was erased since counts in contacts, and in money as the others did on average.
    """
    import polars as pl

    mine = assigned.filter(pl.col("campaign") == definition.name)
    with context.open_store() as store:
        plans = store.plans.list(definition.name)
        erased = store.privacy.erased_counts(definition.name)
    same = [plan.plan_id for plan in plans if plan.definition.holdout.share == definition.holdout.share]
    treated = mine.filter(pl.col("arm") == "treatment")
    committed, gone = float((treated["contact_cost"] + treated["incentive_cost"]).sum()), erased.get("treatment", 0)
    return Used(
        strata=_arms(mine),
        committed=committed * (1.0 + gone / treated.height) if treated.height else 0.0,
        month_contacts=gone,
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
    *,
    taken_by_others: float = 0.0,
) -> RemainingLimits:
    """Return what is left of `budget` after these campaigns' earlier plans, and of the channels after today's.

    `taken_by_others` is what offers took of it that take part no more. A channel's capacity is per plan: contacts planned for
    the same snapshot date count, by whatever campaign.
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
                channel = channels.get(name) or (plan.definition.offer.channel if plan else None)
                if channel in taken:
                    taken[channel] += count
    committed = taken_by_others + sum(earlier.committed + earlier.month_committed for earlier in used)
    left = None if budget is None else max(float(budget) - committed, 0.0)
    return RemainingLimits(left, {name: max(float(capacity[name] - taken[name]), 0.0) for name in capacity})


def channels_of(priced: Sequence[Priced]) -> list[str]:
    """Return the channels of some campaigns, in the order in which the allocation knows them."""
    return sorted({campaign.definition.offer.channel for campaign in priced})

"""Prices every customer for every campaign, chooses at most one offer each under the limits, and draws the arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from churn.campaigns.assignment import held_out
from churn.campaigns.random_slice import NONE, DrawnSlice, SliceRoom, SliceTerms, draw_slice, no_slice
from churn.decisions.allocation.allocate import Allocation, allocate
from churn.decisions.checks import Bools, Floats
from churn.errors import CampaignError
from churn.workflows.plan.limits import Left, RemainingLimits, Used, channels_of
from churn.workflows.plan.priced import Priced

if TYPE_CHECKING:
    import polars as pl


TRIES = 20  # each lowers the limits by the last one's overrun from rounding; two are enough in practice


@dataclass(frozen=True)
class NewAssignments:
    """Who is newly assigned: `campaign` (n,) is a position, -1 for none; `is_holdout` (n,).

    `policy` (n,) is whom the allocation would assign to what, those in the random slice `drawn` included; `slice_cost` is the
    profit that the slice is expected to forgo, what it takes of the limits counted at their prices.
    """

    campaign: NDArray[np.int64]
    is_holdout: Bools
    policy: NDArray[np.int64]
    drawn: DrawnSlice
    allocation: Allocation
    channels: Mapping[str, float]  # contacts left to each channel before this plan
    slice_cost: float = 0.0

    @property
    def is_random(self) -> Bools:
        """Who is assigned by chance alone (n,)."""
        return self.drawn.is_member

    def treated(self, position: int) -> NDArray[np.intp]:
        """Return the rows newly contacted by a campaign."""
        return np.flatnonzero((self.campaign == position) & ~self.is_holdout)

    def held_out(self, position: int) -> NDArray[np.intp]:
        """Return the rows newly held out of a campaign."""
        return np.flatnonzero((self.campaign == position) & self.is_holdout)


def choose(
    priced: Sequence[Priced],
    used: Sequence[Used],
    limits: RemainingLimits,
    scores: pl.DataFrame,
    *,
    nobody: bool = False,
    slice_asked: AskedSlice | None = None,
) -> NewAssignments:
    """Return at most one offer per customer for the most profit, and the arms, within every limit as spent.

    With `nobody`, no one new is chosen: the plan stands as it was made. A random slice is drawn first, and takes its part of
    the limits.

    Only the treated cost money, so a campaign with a tenth held out may choose a ninth more than it can pay for; what
    rounding of the arms overruns is taken off the limits and chosen again.
    """
    ids, bands = scores["customer_id"].to_list(), scores["risk_band"].to_list()
    share = np.array([offer.treated_share for offer in priced])
    cost = _costs(priced)
    profit = np.column_stack([offer.profit for offer in priced]) * share
    eligible = np.column_stack([offer.eligibility.is_eligible & (not nobody) for offer in priced])
    channels = channels_of(priced)
    code = np.array([channels.index(offer.definition.offer.channel) for offer in priced])
    mixed = np.array([share[code == h].min(initial=1.0) for h in range(len(channels))])
    true = Left.of(priced, used, limits, channels)
    drawn = no_slice(scores.height, len(priced))
    if slice_asked is not None:
        drawn = _drawn_slice(slice_asked, priced, true, ids, cost, code)
        eligible &= ~drawn.is_member[:, None]
        true = true.less_slice(drawn, priced, code)
    left = true
    for _ in range(TRIES):
        allocation = allocate(
            profit,
            cost * share,
            budget=left.budget,
            offer_capacity=np.floor(left.contacts / share + 1e-9),
            offer_budget=left.money,
            channel=code,
            channel_capacity=np.floor(left.channels / mixed + 1e-9),
            eligible=eligible,
        )
        choice = _draw_arms(allocation, priced, used, ids, bands, limits, drawn)
        counts = np.array([choice.treated(k).size for k in range(len(priced))], dtype=np.float64)
        spent = np.array([offer.committed(choice.treated(k)) for k, offer in enumerate(priced)])
        tighter = left.less_overrun(true, counts, spent, code)
        if tighter is None:
            choice = replace(choice, allocation=_per_contact(allocation, share, mixed))
            return _with_slice(choice, priced, profit, cost * share, code, allocation, share)
        left = tighter
    raise CampaignError(
        "the arms cannot be drawn within the limits", where="[limits]", remedy="Raise the budget or the contacts."
    )


@dataclass(frozen=True)
class AskedSlice:
    """The random slice that a round asks for, and the share of every limit that it may take at most."""

    terms: SliceTerms
    limits_share: float


def _drawn_slice(
    wanted: AskedSlice,
    priced: Sequence[Priced],
    left: Left,
    ids: Sequence[str],
    cost: Floats,
    code: NDArray[np.int64],
) -> DrawnSlice:
    possible = np.column_stack([offer.is_worth_trying for offer in priced])
    part = wanted.limits_share
    room = SliceRoom(
        budget=np.inf if left.budget is None else left.budget * part,
        contacts=left.contacts * part,
        money=left.money * part,
        channels=left.channels * part,
        channel=code,
    )
    return draw_slice(ids, possible, np.broadcast_to(cost, possible.shape), wanted.terms, room)


def _with_slice(
    choice: NewAssignments,
    priced: Sequence[Priced],
    profit: Floats,
    cost: Floats,
    code: NDArray[np.int64],
    allocation: Allocation,
    share: Floats,
) -> NewAssignments:
    """Return the choice with the random slice in it; what the policy would do with its members follows from the prices."""
    drawn = choice.drawn
    rows = np.flatnonzero(drawn.is_member)
    if not rows.size:
        return choice
    eligible = np.column_stack([offer.eligibility.is_eligible[rows] for offer in priced])
    money = allocation.shadow_budget + allocation.shadow_offer_budget
    price = allocation.shadow_offer + (allocation.shadow_channel[code] if allocation.shadow_channel.size else 0.0)
    net = profit[rows] - (cost if cost.ndim == 1 else cost[rows]) * money - price
    order = np.arange(rows.size)
    got = np.where(drawn.is_contacted[rows], (net / share)[order, drawn.offer[rows]], 0.0)
    net = np.where(eligible, net, -np.inf)
    best = np.argmax(net, axis=1)
    policy = choice.policy.copy()
    policy[rows] = np.where(net[order, best] > 0.0, best, NONE)
    forgone = float(np.maximum(net[order, best], 0.0).sum() - got.sum())
    campaign = np.where(drawn.is_member, drawn.offer, choice.campaign)
    is_holdout = np.where(drawn.is_member, drawn.is_left_alone, choice.is_holdout)
    return replace(choice, campaign=campaign, is_holdout=is_holdout, policy=policy, slice_cost=forgone)


def _costs(priced: Sequence[Priced]) -> Floats:
    """Return what a contact takes of the budget: (k,), or (n, k) where an offer's costs differ by customer."""
    costs = [offer.values.unit_cost for offer in priced]
    if not any(isinstance(cost, np.ndarray) for cost in costs):
        return np.array(costs, dtype=np.float64)
    return np.column_stack([np.broadcast_to(cost, priced[0].profit.shape) for cost in costs])


def _draw_arms(
    allocation: Allocation,
    priced: Sequence[Priced],
    used: Sequence[Used],
    ids: Sequence[str],
    bands: Sequence[str],
    limits: RemainingLimits,
    drawn: DrawnSlice,
) -> NewAssignments:
    campaign = np.asarray(allocation.choice, dtype=np.int64)
    is_holdout = np.zeros(campaign.size, dtype=np.bool_)
    for k, (priced_campaign, had) in enumerate(zip(priced, used, strict=True)):
        rows = np.flatnonzero(campaign == k)
        is_holdout[rows] = held_out(
            [ids[i] for i in rows.tolist()],
            [bands[i] for i in rows.tolist()],
            campaign=priced_campaign.definition.name,
            seed=priced_campaign.definition.holdout.seed,
            share=priced_campaign.definition.holdout.share,
            before=had.strata if had.alike is None else had.alike,
        )
    return NewAssignments(campaign, is_holdout, campaign, drawn, allocation, limits.channels)


def _per_contact(allocation: Allocation, share: Floats, mixed: Floats) -> Allocation:
    """Shadow prices of a place among the chosen, said per contact made."""
    return replace(
        allocation,
        shadow_offer=allocation.shadow_offer / share,
        shadow_channel=allocation.shadow_channel / mixed,
    )

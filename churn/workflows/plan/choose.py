"""Prices every customer for every campaign, chooses at most one offer each under the limits, and draws the arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from churn.campaigns.assignment import Arms, held_out
from churn.campaigns.eligibility import Eligibility, eligibility
from churn.campaigns.offer_effect import OfferEffect
from churn.context import Context
from churn.decisions.allocation.allocate import Allocation, allocate
from churn.decisions.profit import ALIKE, ContactValues, CustomerTerms, Economics, value_contacts
from churn.documents.definition import CampaignDefinition
from churn.errors import CampaignError

if TYPE_CHECKING:
    import polars as pl


Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
TRIES = 20  # each lowers the limits by the last one's overrun from rounding; two are enough in practice


@dataclass(frozen=True)
class Priced:
    """One campaign's arithmetic for all customers (n,): what contact brings, under named terms, and who is eligible.

    `value` is the value of a save; `terms` are those that differ by customer, whose means `economics` has.
    """

    definition: CampaignDefinition
    economics: Economics
    terms: CustomerTerms
    value: Floats
    values: ContactValues
    effect_error: float | None  # of a measured effect, see Treated
    effect: OfferEffect | None
    parts: tuple[Floats, Floats] | None  # what the offer's rates act on, see parts_of
    sentence: str | None
    cause_note: str | None  # what must be said of the probability by cause
    eligibility: Eligibility

    @property
    def profit(self) -> Floats:
        """Expected profit of contacting each customer."""
        return self.values.profit

    @property
    def avoided(self) -> Floats:
        """Churn avoided by contacting each customer."""
        return self.values.avoided

    @property
    def is_measured(self) -> bool:
        """Whether the churn avoided was measured, not assumed."""
        return self.effect_error is not None

    def committed(self, rows: NDArray[np.intp]) -> float:
        """Return what contacting `rows` may cost at most: the budget assumes that everyone takes the incentive."""
        cost = self.values.unit_cost
        return float(cost[rows].sum()) if isinstance(cost, np.ndarray) else float(cost) * rows.size

    @property
    def treated_share(self) -> float:
        """Share of the chosen who are contacted."""
        return 1.0 - self.definition.holdout.share


@dataclass(frozen=True)
class Used:
    """What earlier plans of one campaign have taken: arms by stratum, and money committed to the treated.

    `alike` are the arms of those drawn with the share that holds now; None stands for all.
    """

    strata: Mapping[str, Arms]
    committed: float
    alike: Mapping[str, Arms] | None = None

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
class NewAssignments:
    """Who is newly assigned: `campaign` (n,) is a position, -1 for none; `is_holdout` (n,)."""

    campaign: NDArray[np.int64]
    is_holdout: Bools
    allocation: Allocation
    channels: Mapping[str, float]  # contacts left to each channel before this plan

    def treated(self, position: int) -> NDArray[np.intp]:
        """Return the rows newly contacted by a campaign."""
        return np.flatnonzero((self.campaign == position) & ~self.is_holdout)

    def held_out(self, position: int) -> NDArray[np.intp]:
        """Return the rows newly held out of a campaign."""
        return np.flatnonzero((self.campaign == position) & self.is_holdout)


def price(
    definition: CampaignDefinition,
    economics: Economics,
    scores: pl.DataFrame,
    left_out: Mapping[str, Bools],
    terms: CustomerTerms = ALIKE,
    uplift: Floats | None = None,
    effect_error: float = 0.0,
    sentence: str | None = None,
    effect: OfferEffect | None = None,
    parts: tuple[Floats, Floats] | None = None,
    cause_note: str | None = None,
) -> Priced:
    """Return expected profits under `economics` and who is eligible, those who would earn too little left out.

    `terms` (n,) are those that differ by customer, `uplift` (n,) is the churn avoided where that was measured, with the
    standard error of its mean, `effect` what the offer does by cause, which `terms` hold as churn avoided.
    """
    p, value = scores["churn_probability"].to_numpy(), _value(definition, scores, terms)
    values = value_contacts(p, value, economics, terms, uplift)
    minimum = float(definition.limits.min_expected_profit)
    low = (values.profit < minimum) | (values.profit <= 0.0)
    eligible = eligibility({**left_out, "low_profit": low}, p.size)
    error = None if uplift is None else effect_error
    return Priced(definition, economics, terms, value, values, error, effect, parts, sentence, cause_note, eligible)


def _value(definition: CampaignDefinition, scores: pl.DataFrame, terms: CustomerTerms) -> Floats:
    """Return the value of a save, (n,): by the offer's own formula or number, else that of the scores."""
    own = definition.offer.value_of_save
    if terms.value_of_save is not None:
        return terms.value_of_save
    if own is not None and not isinstance(own, str):
        return np.full(scores.height, float(own))
    return scores["value_of_save"].to_numpy()


def choose(
    priced: Sequence[Priced],
    used: Sequence[Used],
    limits: RemainingLimits,
    scores: pl.DataFrame,
    *,
    nobody: bool = False,
) -> NewAssignments:
    """Return at most one offer per customer for the most profit, and the arms, within every limit as spent.

    With `nobody`, no one new is chosen: the plan stands as it was made.

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
    left = _Left.of(priced, used, limits, channels)
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
        choice = _draw_arms(allocation, priced, used, ids, bands, limits)
        counts = np.array([choice.treated(k).size for k in range(len(priced))], dtype=np.float64)
        spent = np.array([offer.committed(choice.treated(k)) for k, offer in enumerate(priced)])
        tighter = left.less_overrun(_Left.of(priced, used, limits, channels), counts, spent, code)
        if tighter is None:
            return replace(choice, allocation=_per_contact(allocation, share, mixed))
        left = tighter
    raise CampaignError(
        "the arms cannot be drawn within the limits", where="[limits]", remedy="Raise the budget or the contacts."
    )


def _costs(priced: Sequence[Priced]) -> Floats:
    """Return what a contact takes of the budget: (k,), or (n, k) where an offer's costs differ by customer."""
    costs = [offer.values.unit_cost for offer in priced]
    if not any(isinstance(cost, np.ndarray) for cost in costs):
        return np.array(costs, dtype=np.float64)
    return np.column_stack([np.broadcast_to(cost, priced[0].profit.shape) for cost in costs])


def channels_of(priced: Sequence[Priced]) -> list[str]:
    """Return the channels of some campaigns, in the order in which the allocation knows them."""
    return sorted({campaign.definition.offer.channel for campaign in priced})


@dataclass(frozen=True)
class _Left:
    """Limits as given to the allocation: money in all, contacts and money (k,), contacts per channel (h,)."""

    budget: float | None
    contacts: Floats
    money: Floats
    channels: Floats

    @classmethod
    def of(
        cls, priced: Sequence[Priced], used: Sequence[Used], limits: RemainingLimits, channels: Sequence[str]
    ) -> _Left:
        def rest(limit: float | None, taken: float) -> float:
            return np.inf if limit is None else max(float(limit) - taken, 0.0)

        pairs = list(zip([campaign.definition.limits for campaign in priced], used, strict=True))
        return cls(
            budget=limits.budget,
            contacts=np.array([rest(own.contacts, had.treatment) for own, had in pairs]),
            money=np.array(
                [rest(None if own.budget is None else float(own.budget), had.committed) for own, had in pairs]
            ),
            channels=np.array([limits.channels.get(name, np.inf) for name in channels], dtype=np.float64),
        )

    def less_overrun(self, true: _Left, counts: Floats, money: Floats, code: NDArray[np.int64]) -> _Left | None:
        """Return the limits less what `counts` contacts for `money` overrun of the true ones; None where nothing is."""
        spent = float(np.sum(money))
        by_channel = np.array([counts[code == h].sum() for h in range(self.channels.size)])
        over = 0.0 if true.budget is None else max(spent - true.budget, 0.0)
        contacts = np.maximum(counts - true.contacts, 0.0)
        over_money = np.maximum(money - true.money, 0.0)
        channels = np.maximum(by_channel - true.channels, 0.0)
        if over + contacts.sum() + over_money.sum() + channels.sum() <= 1e-6:
            return None
        return _Left(
            budget=None if self.budget is None else max(self.budget - over, 0.0),
            contacts=np.maximum(self.contacts - contacts, 0.0),
            money=np.maximum(self.money - over_money, 0.0),
            channels=np.maximum(self.channels - channels, 0.0),
        )


def _draw_arms(
    allocation: Allocation,
    priced: Sequence[Priced],
    used: Sequence[Used],
    ids: Sequence[str],
    bands: Sequence[str],
    limits: RemainingLimits,
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
    return NewAssignments(campaign, is_holdout, allocation, limits.channels)


def _per_contact(allocation: Allocation, share: Floats, mixed: Floats) -> Allocation:
    """Shadow prices of a place among the chosen, said per contact made."""
    return replace(
        allocation,
        shadow_offer=allocation.shadow_offer / share,
        shadow_channel=allocation.shadow_channel / mixed,
    )


def used_by(context: Context, assigned: pl.DataFrame, definition: CampaignDefinition) -> Used:
    """Return the arms of a campaign by stratum, and the money committed to those contacted.

    A share that was changed begins a draw of its own: if it had to make up for what plans with another share held out,
    new customers would be held out far more or less often than it says, or not at all, and could not be compared.
    """
    import polars as pl

    mine = assigned.filter(pl.col("campaign") == definition.name)
    with context.open_store() as store:
        plans = store.plans.list(definition.name)
    same = [plan.plan_id for plan in plans if plan.definition.holdout.share == definition.holdout.share]
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
) -> RemainingLimits:
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
                channel = channels.get(name) or (plan.definition.offer.channel if plan else None)
                if channel in taken:
                    taken[channel] += count
    left = None if budget is None else max(float(budget) - sum(earlier.committed for earlier in used), 0.0)
    return RemainingLimits(left, {name: max(float(capacity[name] - taken[name]), 0.0) for name in capacity})

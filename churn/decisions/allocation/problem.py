"""The allocation as arrays: gains, costs and limits, with what offers are worth at given prices of the limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn.decisions.checks import Bools, Floats
from churn.errors import CampaignError, DataError

Choice = NDArray[np.int16]
Rows = NDArray[np.int64]

NONE = -1
_BLOCK = 16_384  # customers at a time, so that their offers stay in the processor's cache


@dataclass(frozen=True)
class AllocationProblem:
    """k offers to n customers under m limits.

    `gain` (k, n) is the expected profit, -inf where the offer is not to be made; `cost` (k, n) or (k, 1). A limit c
    is on contacts where `count` (m, k) is 1 and on money where `money` (m, k) is 1; `limit` (m,), all finite.
    """

    gain: Floats
    cost: Floats
    count: Floats
    money: Floats
    limit: Floats

    @property
    def customers(self) -> int:
        """How many customers there are."""
        return int(self.gain.shape[1])

    @property
    def offers(self) -> int:
        """How many offers there are."""
        return int(self.gain.shape[0])

    def some(self, rows: Rows, limit: Floats) -> AllocationProblem:
        """Return the problem of some customers under another limit."""
        cost = self.cost[:, rows] if self.cost.shape[1] != 1 else self.cost
        return replace(self, gain=self.gain[:, rows], cost=cost, limit=limit)

    def cost_of(self, offer: NDArray[np.integer], rows: Rows) -> Floats:
        """Return what each offer of a pair (offer, customer) costs."""
        cost: Floats = self.cost[offer, rows if self.cost.shape[1] != 1 else 0]
        return cost

    def usage_of(self, offer: NDArray[np.integer], rows: Rows) -> Floats:
        """Return (m, pairs): what each pair (offer, customer) takes of each limit."""
        return self.count[:, offer] + self.money[:, offer] * self.cost_of(offer, rows)

    def usage(self, choice: Choice) -> Floats:
        """Return (m,): what a choice takes of each limit."""
        taken = np.flatnonzero(choice != NONE)
        offer = choice[taken]
        contacts = np.bincount(offer, minlength=self.offers)
        spent = np.bincount(offer, weights=self.cost_of(offer, taken), minlength=self.offers)
        return self.count @ contacts + self.money @ spent

    def profit(self, choice: Choice) -> float:
        """Return the total expected profit of a choice."""
        taken = np.flatnonzero(choice != NONE)
        return float(self.gain[choice[taken], taken].sum())

    def fits(self, usage: Floats) -> bool:
        """Whether a usage keeps every limit, to the rounding of a sum."""
        return bool(np.all(usage <= self.limit + 1e-9 * np.maximum(1.0, self.limit)))

    def look(self, price: Floats, reach: Floats) -> tuple[Choice, Floats, Floats]:
        """Return each customer's best offer at `price` (m,), what it is worth net of prices, and how far it is secure.

        As long as no price moves by more than `secure` times its `reach` (m,), another choice cannot become better. Of
        equally good offers the first is taken, and no offer rather than one that is worth nothing.
        """
        best_offer = np.empty(self.customers, dtype=np.int16)
        best_value, secure = np.empty(self.customers), np.empty(self.customers)
        for part in self._blocks():
            value, span = self.net(price, part), self.spans(reach, part)
            offer = np.full(value.shape[1], NONE, np.int16)
            worth, width = np.zeros(value.shape[1]), np.zeros(value.shape[1])
            for j in range(self.offers):
                is_better = value[j] > worth
                offer[is_better] = j
                worth = np.maximum(worth, value[j])
                width = np.where(is_better, span[j], width)
            with np.errstate(divide="ignore", invalid="ignore"):
                lasts = worth / width
                for j in range(self.offers):
                    rival = (worth - value[j]) / (width + span[j])
                    rival[offer == j] = np.inf
                    lasts = np.fmin(lasts, rival)
            best_offer[part], best_value[part] = offer, worth
            secure[part] = np.where(np.isnan(lasts), np.inf, lasts)
        return best_offer, best_value, secure

    def net(self, price: Floats, part: slice | Rows) -> Floats:
        """Return (k, rows): gains less the price of what they take."""
        cost = self.cost[:, part] if self.cost.shape[1] != 1 else self.cost
        worth: Floats = self.gain[:, part] - ((price @ self.count)[:, None] + (price @ self.money)[:, None] * cost)
        return worth

    def spans(self, reach: Floats, part: slice | Rows) -> Floats:
        """Return (k, rows) or (k, 1): by how much net gains move when every price moves by its reach."""
        cost = self.cost[:, part] if self.cost.shape[1] != 1 else self.cost
        width: Floats = (reach @ self.count)[:, None] + (reach @ self.money)[:, None] * cost
        return width

    def _blocks(self) -> Iterator[slice]:
        for start in range(0, self.customers, _BLOCK):
            yield slice(start, min(start + _BLOCK, self.customers))


@dataclass(frozen=True)
class LimitList:
    """Every limit that was asked for, in order: name, offers it is on, whether it is in money, and how much."""

    name: tuple[str, ...]
    position: tuple[int, ...]
    count: Floats
    money: Floats
    limit: Floats

    def prices(self, name: str, size: int, price: Floats) -> Floats:
        """Return the prices (size,) of the limits called `name`; 0 where there is none."""
        prices = np.zeros(size)
        for row, (limit_name, position) in enumerate(zip(self.name, self.position, strict=True)):
            if limit_name == name:
                prices[position] = price[row]
        return prices


def limits(
    offers: int,
    budget: float | None,
    offer_capacity: ArrayLike | None,
    offer_budget: ArrayLike | None,
    channel: ArrayLike | None,
    channel_capacity: ArrayLike | None,
) -> LimitList:
    """Return the limits as rows, those of infinity left out, capacities cut to whole contacts.

    Raises CampaignError naming the limit that is missing, negative, or of the wrong length.
    """
    one_offer = np.eye(offers)
    rows: list[tuple[str, int, Floats, bool, float]] = []
    if budget is not None:
        rows.append(("budget", 0, np.ones(offers), True, float(_amounts("budget", [budget], 1)[0])))
    if offer_capacity is not None:
        amounts = np.floor(_amounts("offer_capacity", offer_capacity, offers))
        rows += [("offer_capacity", j, one_offer[j], False, amounts[j]) for j in range(offers)]
    if offer_budget is not None:
        amounts = _amounts("offer_budget", offer_budget, offers)
        rows += [("offer_budget", j, one_offer[j], True, amounts[j]) for j in range(offers)]
    if channel_capacity is not None:
        amounts = np.floor(_amounts("channel_capacity", channel_capacity, None))
        codes = _codes(channel, offers, amounts.size)
        rows += [
            ("channel_capacity", h, np.where(codes == h, 1.0, 0.0), False, amounts[h]) for h in range(amounts.size)
        ]
    kept = [row for row in rows if np.isfinite(row[4]) and row[2].any()]
    shape = (len(kept), offers)
    return LimitList(
        name=tuple(row[0] for row in kept),
        position=tuple(row[1] for row in kept),
        count=np.array([row[2] * (not row[3]) for row in kept]).reshape(shape),
        money=np.array([row[2] * row[3] for row in kept]).reshape(shape),
        limit=np.array([row[4] for row in kept], dtype=np.float64),
    )


def gains(profit: ArrayLike, cost: ArrayLike, eligible: ArrayLike | None) -> tuple[Floats, Floats]:
    """Return gains (k, n), -inf where an offer is not to be made, and costs (k, n) or (k, 1), checked.

    Raises DataError naming the argument whose shape is wrong, or that holds a missing, infinite or negative amount where
    the offer is allowed.
    """
    given = np.asarray(profit, dtype=np.float64)
    if given.ndim != 2:
        raise DataError(f"expected customers x offers, got shape {given.shape}", where="profit")
    n, k = given.shape
    allowed: Bools | None = None
    if eligible is not None:
        allowed = np.asarray(eligible, dtype=np.bool_)
        if allowed.shape != (n, k):
            raise DataError(f"expected shape {(n, k)}, got {allowed.shape}", where="eligible")
        allowed = allowed.T
    price = np.asarray(cost, dtype=np.float64)
    if price.shape not in {(n, k), (k,)}:
        raise DataError(f"expected shape {(n, k)} or {(k,)}, got {price.shape}", where="cost")
    # (k,) goes first: with n == 1 or n == k a vector still means one cost per offer.
    costs = price[:, None] if price.ndim == 1 else np.ascontiguousarray(price.T)
    gain = np.ascontiguousarray(given.T)
    _require_amounts("profit", gain, allowed)
    _require_amounts("cost", costs, None if costs.shape[1] != n or allowed is None else allowed, least=0.0)
    is_made = gain > 0.0 if allowed is None else allowed & (gain > 0.0)
    if costs.shape[1] == n and allowed is not None:
        costs = np.where(allowed, costs, 0.0)
    return np.where(is_made, gain, -np.inf), costs


def _require_amounts(name: str, amounts: Floats, allowed: Bools | None, least: float = -np.inf) -> None:
    with np.errstate(invalid="ignore", over="ignore"):
        if np.isfinite(amounts.sum()) and (least == -np.inf or not amounts.size or amounts.min() >= least):
            return
    wrong = ~np.isfinite(amounts) | (amounts < least)
    if allowed is not None:
        wrong &= allowed
    if bad := int(np.count_nonzero(wrong)):
        offer, customer = (int(at[0]) for at in np.nonzero(wrong))
        raise DataError(
            f"{bad:,} amounts are missing, infinite{' or negative' if least == 0.0 else ''}",
            where=f"{name} of customer {customer}, offer {offer}",
            remedy="Give every allowed offer an amount, or mark it as not eligible.",
        )


def _amounts(name: str, values: ArrayLike, size: int | None) -> Floats:
    amounts = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if amounts.ndim != 1 or (size is not None and amounts.size != size):
        raise CampaignError(f"expected {size} limits, got shape {amounts.shape}", where=name)
    if np.isnan(amounts).any() or (amounts < 0).any():
        raise CampaignError(
            f"{amounts.tolist()} holds a missing or negative limit",
            where=name,
            remedy="Give 0 or more; no limit is infinity.",
        )
    return amounts


def _codes(channel: ArrayLike | None, offers: int, channels: int) -> NDArray[np.int64]:
    codes = np.asarray(-1 if channel is None else channel)
    if codes.shape != (offers,) or not np.isin(codes, np.arange(channels)).all():
        raise CampaignError(
            f"expected the channel of each of {offers} offers, 0 to {channels - 1}",
            where="channel",
            remedy="Channel capacities need every offer's channel as a position among them.",
        )
    return codes.astype(np.int64)

"""Draws a round's random slice by hash, and says with which probability each customer gets each arm.

A customer is in the slice where a hash of seed, round and customer is below the slice's share; there a second hash draws
an offer, of those that may be made to this customer at all, by the offers' weights, and a third whether they are left
alone in its place. Each round draws anew, so that the probabilities hold whatever happened in earlier rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from churn.campaigns.assignment import places
from churn.decisions.checks import Bools, Floats

Offers = NDArray[np.int64]  # positions of offers (n,), -1 for none
NONE: Final = -1
RANDOM_STRATUM: Final = "random slice"  # of assignments drawn by chance: they are compared with one another only


@dataclass(frozen=True)
class SliceTerms:
    """How a slice is drawn: `name` tells its draw from every other, `weights` (k,) are those of the offers."""

    name: str
    share: float
    leave_alone: float
    weights: tuple[float, ...]
    seed: int


@dataclass(frozen=True)
class SliceRoom:
    """What a slice may take at most: money in all, contacts and money of each offer (k,), contacts of each channel (h,).

    `channel` (k,) is each offer's position among the channels; infinity means no limit.
    """

    budget: float
    contacts: Floats
    money: Floats
    channels: Floats
    channel: NDArray[np.int64]


@dataclass(frozen=True)
class DrawnSlice:
    """Who is in the slice: `offer` (n,) drawn for them, whether they are left alone in its place, and the share it has.

    `chances` (n, k) are those of each offer for somebody in the slice, being left alone in its place included; rows sum to 1
    where any offer may be made.
    """

    offer: Offers
    is_left_alone: Bools
    share: float
    leave_alone: float
    chances: Floats

    @property
    def is_member(self) -> Bools:
        """Who is in the slice (n,)."""
        return np.asarray(self.offer != NONE)

    @property
    def is_contacted(self) -> Bools:
        """Who gets the offer drawn (n,)."""
        return self.is_member & ~self.is_left_alone


def no_slice(customers: int, offers: int) -> DrawnSlice:
    """Return the slice that nobody is in."""
    nobody = np.zeros(customers, dtype=np.bool_)
    return DrawnSlice(np.full(customers, NONE, dtype=np.int64), nobody, 0.0, 0.0, np.zeros((customers, offers)))


def draw_slice(
    customers: Sequence[str], possible: Bools, cost: Floats, terms: SliceTerms, room: SliceRoom
) -> DrawnSlice:
    """Return who is in the slice, and what they draw; `possible` (n, k) says which offers may be made to whom.

    `cost` (n, k) is what a contact may cost at most. Where the share asked for would take more than the `room`, those last
    in the draw are taken out: the share becomes smaller for everybody alike.
    """
    n, k = possible.shape
    weighed = possible * np.asarray(terms.weights)
    total = weighed.sum(axis=1)
    can = total > 0.0
    chances = np.divide(weighed, total[:, None], out=np.zeros((n, k)), where=can[:, None])
    if terms.share <= 0.0 or not can.any():
        return no_slice(n, k)
    place = places(customers, campaign=f"{terms.name} slice", seed=terms.seed)
    inside = np.flatnonzero(can & (place < terms.share))
    inside = inside[np.lexsort((inside, place[inside]))]
    ids = [customers[i] for i in inside.tolist()]
    drawn = places(ids, campaign=f"{terms.name} offer", seed=terms.seed)
    offer = (np.cumsum(chances[inside], axis=1) <= drawn[:, None]).sum(axis=1)
    last = k - 1 - np.argmax(possible[inside][:, ::-1], axis=1)  # rounding must not lead beyond the last possible offer
    offer = np.minimum(offer, last)
    alone = places(ids, campaign=f"{terms.name} leave alone", seed=terms.seed) < terms.leave_alone
    fitting = _fitting(offer, alone, cost[inside, offer], room)
    share = terms.share if fitting == inside.size else float(place[inside[fitting]])
    kept = inside[:fitting]
    offers, left_alone = np.full(n, NONE, dtype=np.int64), np.zeros(n, dtype=np.bool_)
    offers[kept], left_alone[kept] = offer[:fitting], alone[:fitting]
    return DrawnSlice(offers, left_alone, share, terms.leave_alone, chances)


def _fitting(offer: Offers, alone: Bools, cost: Floats, room: SliceRoom) -> int:
    """Return how many, from the first on, together stay within the room."""
    contacted = ~alone
    spent = np.where(contacted, cost, 0.0)
    over = np.cumsum(spent) > room.budget + 1e-9
    for j in range(room.contacts.size):
        mine = offer == j
        over |= np.cumsum(mine & contacted) > room.contacts[j]
        over |= np.cumsum(np.where(mine, spent, 0.0)) > room.money[j] + 1e-9
    for h in range(room.channels.size):
        over |= np.cumsum((room.channel[offer] == h) & contacted) > room.channels[h]
    return int(np.argmax(over)) if over.any() else int(offer.size)


def arm_probabilities(drawn: DrawnSlice, policy: Offers, held_out: Floats) -> Floats:
    """Return the probability of each arm (n, k + 1), leaving alone the last: rows sum to 1.

    `policy` (n,) is the offer that the plan would make to each customer if they are not in the slice, `held_out` (n,) the
    share of such customers that is left alone by chance.
    """
    n, k = drawn.chances.shape
    in_slice = np.where(drawn.chances.sum(axis=1) > 0.0, drawn.share, 0.0)
    arms = np.zeros((n, k + 1))
    arms[:, :k] = drawn.chances * (in_slice * (1.0 - drawn.leave_alone))[:, None]
    chosen = np.flatnonzero(policy != NONE)
    arms[chosen, policy[chosen]] += (1.0 - in_slice[chosen]) * (1.0 - held_out[chosen])
    arms[:, k] = 1.0 - arms[:, :k].sum(axis=1)
    return np.clip(arms, 0.0, 1.0)

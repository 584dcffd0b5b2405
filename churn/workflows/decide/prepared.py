"""A published round held in memory: what each of its customers drew, and with which probability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from churn.decisions.checks import Bools, Floats

if TYPE_CHECKING:
    from churn.documents.programme_round import PlannedOffer
    from churn.store import ProgrammeRound, Store


@dataclass(frozen=True)
class Draw:
    """What one customer drew: the arm, its probability, and whether chance or the plan decided."""

    arm: str
    probability: float
    is_random: bool
    is_holdout: bool


@dataclass(frozen=True)
class PreparedRound:
    """One round: `rows` gives each customer's place in the arrays (n,); `arms` ends with leaving alone."""

    programme: str
    number: int
    offers: Mapping[str, PlannedOffer]
    ends: Mapping[str, date]  # of the outcome window, by offer
    rows: Mapping[str, int]
    arms: tuple[str, ...]
    arm: NDArray[np.int8]
    probability: Floats
    is_random: Bools
    is_holdout: Bools

    @property
    def over(self) -> date:
        """The day on which the last of its windows has closed."""
        return max(self.ends.values())

    def draw(self, customer_id: str) -> Draw | None:
        """Return what a customer drew; None for whom no offer could be made in this round."""
        row = self.rows.get(customer_id)
        if row is None:
            return None
        return Draw(
            self.arms[self.arm[row]],
            round(float(self.probability[row]), 6),
            bool(self.is_random[row]),
            bool(self.is_holdout[row]),
        )


def prepare(store: Store, planned: ProgrammeRound) -> PreparedRound:
    """Read a round and its log into memory."""
    import polars as pl

    columns = ("customer_id", "arm", "probabilities", "is_random", "is_holdout")
    log = store.programmes.log(planned.programme, planned.round, columns)
    arms = tuple(arm.offer for arm in planned.result.arms)
    place = log["arm"].replace_strict(list(arms), list(range(len(arms))), return_dtype=pl.Int8)
    chances = log["probabilities"].str.json_decode(pl.List(pl.Float64))
    own = pl.DataFrame({"chances": chances, "place": place}).select(pl.col("chances").list.get(pl.col("place")))
    offers = {offer.offer: offer for offer in planned.result.offers}
    return PreparedRound(
        programme=planned.programme,
        number=planned.round,
        offers=offers,
        ends={name: planned.snapshot_date + timedelta(days=offer.window_days) for name, offer in offers.items()},
        rows={customer: row for row, customer in enumerate(log["customer_id"].to_list())},
        arms=arms,
        arm=place.to_numpy(),
        probability=own.to_series().to_numpy(),
        is_random=log["is_random"].to_numpy(),
        is_holdout=log["is_holdout"].to_numpy(),
    )

"""Prices every customer for a campaign under named terms, and says who is eligible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from churn.campaigns.eligibility import Eligibility, eligibility
from churn.campaigns.offer_effect import OfferEffect
from churn.decisions.checks import Bools, Floats
from churn.decisions.effect import Z_90
from churn.decisions.offer_simulation import PricedCustomers
from churn.decisions.profit import ALIKE, ContactValues, CustomerTerms, Economics, value_contacts
from churn.decisions.recalibration import Recalibration
from churn.documents.definition import CampaignDefinition

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Priced:
    """One campaign's arithmetic for all customers (n,): what contact brings, under named terms, and who is eligible.

    `probability` is that of churn as it is counted with: the list's, recalibrated where measured rounds tell how far it is off.
    `value` is the value of a save; `terms` are those that differ by customer, whose means `economics` has.
    """

    definition: CampaignDefinition
    probability: Floats
    economics: Economics
    terms: CustomerTerms
    value: Floats
    values: ContactValues
    effect_error: float | None  # of a measured effect, see Treated
    effect: OfferEffect | None
    parts: tuple[Floats, Floats] | None  # what the offer's rates act on, see parts_of
    sentence: str | None
    cause_note: str | None  # what must be said of the probability by cause
    left_out: Mapping[str, Bools]  # by rule whom it leaves out whatever they would earn
    eligibility: Eligibility
    recalibration: Recalibration | None  # that `probability` went by

    @property
    def profit(self) -> Floats:
        """Expected profit of contacting each customer."""
        return self.values.profit

    @cached_property
    def best_profit(self) -> Floats:
        """Profit of contacting each customer where the effect lies at the good end of its range, (n,)."""
        economics, avoided = self.economics, self.avoided
        if self.effect is not None:
            most = self.effect.most_avoided
        elif self.effect_error is not None:
            most = avoided + Z_90 * self.effect_error
        elif economics.success_rate > 0.0:
            most = avoided * max(economics.success_rate_high / economics.success_rate, 1.0)
        else:
            most = self.probability * economics.success_rate_high
        most = np.minimum(np.maximum(most, avoided), self.probability)
        best = value_contacts(self.probability, self.value, economics, replace(self.terms, avoided=most), most)
        return np.maximum(best.profit, self.profit)

    @property
    def is_worth_trying(self) -> Bools:
        """Whom the random slice may draw the offer for (n,): a contact that loses even in the best case teaches nothing worth its loss."""
        return self.eligibility.is_possible & ~(self.best_profit < 0.0)

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

    def customers(self, who: Bools) -> PricedCustomers:
        """Return some of the customers as a simulation takes them."""
        values, unit = self.values, self.values.unit_cost
        return PricedCustomers(
            probability=self.probability[who],
            value=self.value[who],
            values=ContactValues(
                values.avoided[who],
                values.revenue[who],
                values.cost[who],
                values.profit[who],
                unit[who] if isinstance(unit, np.ndarray) else unit,
            ),
            economics=self.economics,
            terms=self.terms.of(who),
            belief=None if self.effect is None else self.effect.belief,
            design=None if self.effect is None else self.effect.design[who],
            effect_error=self.effect_error,
        )

    def level_error(self, frame: pl.DataFrame, rows: Bools, judged: float) -> float:
        """Return by which share the probabilities of `rows` (n,) may err alike: as measured rounds leave it, else as the model was `judged`."""
        if self.recalibration is None or not rows.any():
            return judged
        involuntary = frame["involuntary_probability"].cast(float).to_numpy()[rows]
        return self.recalibration.error(frame["churn_probability"].to_numpy()[rows], np.nan_to_num(involuntary))

    @property
    def treated_share(self) -> float:
        """Share of the chosen who are contacted."""
        return 1.0 - self.definition.holdout.share


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
    *,
    probability: Floats | None = None,
    recalibration: Recalibration | None = None,
) -> Priced:
    """Return expected profits under `economics` and who is eligible, those who would earn too little left out.

    `probability` (n,) is that of churn, by the list or as `recalibration` makes it. `terms` (n,) are those that differ by customer, `uplift` (n,) is the churn avoided where that was measured, with the
    standard error of its mean, `effect` what the offer does by cause, which `terms` hold as churn avoided.
    """
    value = _value(definition, scores, terms)
    probability = scores["churn_probability"].to_numpy() if probability is None else probability
    values = value_contacts(probability, value, economics, terms, uplift)
    minimum = float(definition.limits.min_expected_profit)
    low = (values.profit < minimum) | (values.profit <= 0.0)
    eligible = eligibility({**left_out, "low_profit": low}, probability.size)
    error = None if uplift is None else effect_error
    return Priced(
        definition,
        probability,
        economics,
        terms,
        value,
        values,
        error,
        effect,
        parts,
        sentence,
        cause_note,
        left_out,
        eligible,
        recalibration,
    )


def _value(definition: CampaignDefinition, scores: pl.DataFrame, terms: CustomerTerms) -> Floats:
    """Return the value of a save, (n,): by the offer's own formula or number, else that of the scores."""
    own = definition.offer.value_of_save
    if terms.value_of_save is not None:
        return terms.value_of_save
    if own is not None and not isinstance(own, str):
        return np.full(scores.height, float(own))
    return scores["value_of_save"].to_numpy()

"""What one save is worth, and what contacting one customer is expected to earn, under three named profit models.

With p the calibrated churn probability, V the value of a save, gamma the success rate, f the contact cost and d the
incentive cost:

* `case_study`: p gamma V - (f + d). The whole cost falls on every contact. It assumes that the churn avoided,
  tau, is gamma p.
* `incentive`: p gamma (V - d) - (1 - p) d - f. Stayers take the incentive too (Neslin and others 2006; Verbraken,
  Verbeke and Baesens 2013).
* `uplift`: tau V - f - d u, where tau is the churn avoided by contact and u the chance that the offer is used. Where
  no tau is known it is taken as gamma p, and every result says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, get_args, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn.decisions.checks import Bools, Floats, probabilities
from churn.decisions.choices import ProfitModel
from churn.errors import ConfigError

DESCRIPTIONS: Final[dict[ProfitModel, str]] = {
    "case_study": "p x success x value - cost of a contact, where churn avoided is taken as success x p",
    "incentive": "p x success x (value - incentive) - (1 - p) x incentive - contact; stayers take the incentive too",
    "uplift": "churn avoided x value - contact - incentive x chance of use",
}


@dataclass(frozen=True)
class CustomerTerms:
    """What of an offer's terms differs from customer to customer, shape (n,) each; None where one number holds for all.

    Amounts are 0 or more and rates within 0..1: who has no such terms is sorted out where they are read. A modifier scales
    the rate of its cause. `avoided` is the churn avoided, signed, where the offer acts by cause; see decisions.effect.
    """

    contact_cost: Floats | None = None
    incentive_cost: Floats | None = None
    success_rate: Floats | None = None
    value_of_save: Floats | None = None
    voluntary_modifier: Floats | None = None
    involuntary_modifier: Floats | None = None
    avoided: Floats | None = None

    def of(self, rows: NDArray[np.integer] | Bools) -> CustomerTerms:
        """Return the terms of some of the customers."""

        def some(values: Floats | None) -> Floats | None:
            return None if values is None else values[rows]

        return CustomerTerms(
            some(self.contact_cost),
            some(self.incentive_cost),
            some(self.success_rate),
            some(self.value_of_save),
            some(self.voluntary_modifier),
            some(self.involuntary_modifier),
            some(self.avoided),
        )


ALIKE: Final = CustomerTerms()  # one number of each term holds for all customers


@dataclass(frozen=True)
class ContactValues:
    """What contacting each customer is expected to bring, shape (n,), in money; `avoided` is churn avoided.

    `profit` is `revenue` less `cost`; `cost` counts the incentive as the profit model has it taken, `unit_cost` as if
    everybody took it: one number where it is the same for all.
    """

    avoided: Floats
    revenue: Floats
    cost: Floats
    profit: Floats
    unit_cost: float | Floats


@dataclass(frozen=True)
class Economics:
    """The offer's terms. Money in the configured currency, rates in 0..1, months and rates per month.

    `success_rate` is the share of contacted churners who stay *because* of the contact; low and high are its 5 % and
    95 % points. `offer_use` is the chance that a contacted customer uses the incentive (uplift model only). `save_value` is
    the money that a save is worth whoever stays; None where that is each customer's margin over the months.
    Raises ConfigError naming the argument that is out of range.
    """

    profit_model: ProfitModel = "case_study"
    contact_cost: float = 2.0
    incentive_cost: float = 0.0
    success_rate: float = 0.40
    success_rate_low: float = 0.25
    success_rate_high: float = 0.55
    value_months: float = 3
    hazard_after_save: float = 0.08
    discount_rate: float = 0.0
    offer_use: float = 1.0
    save_value: float | None = None

    def __post_init__(self) -> None:
        if self.profit_model not in get_args(ProfitModel):
            raise ConfigError(
                f"no profit model `{self.profit_model}`",
                where="profit_model",
                remedy=f"Choose one of {', '.join(get_args(ProfitModel))}.",
            )
        for name in ("contact_cost", "incentive_cost"):
            _require(name, getattr(self, name), 0.0, math.inf, "an amount of money, 0 or more")
        for name in ("success_rate", "success_rate_low", "success_rate_high", "hazard_after_save", "offer_use"):
            _require(name, getattr(self, name), 0.0, 1.0, "a share between 0 and 1")
        if not (self.value_months >= 1 and (math.isinf(self.value_months) or float(self.value_months).is_integer())):
            raise ConfigError(
                f"{self.value_months} is not a whole number of months, 1 or more, or infinity", where="value_months"
            )
        _require("discount_rate", self.discount_rate, 0.0, math.inf, "a monthly rate, 0 or more")
        if self.save_value is not None:
            _require("save_value", self.save_value, 0.0, math.inf, "an amount of money, 0 or more")
        if not self.success_rate_low <= self.success_rate <= self.success_rate_high:
            raise ConfigError(
                f"{self.success_rate_low} <= {self.success_rate} <= {self.success_rate_high} does not hold",
                where="success_rate",
                remedy="Give low <= expected <= high.",
            )

    @property
    def cost_of_contact(self) -> float:
        """Money that one contact costs whoever it reaches, before any incentive that only some take."""
        return self._fixed(self.contact_cost, self.incentive_cost)

    @property
    def cost_of_taker(self) -> float:
        """Money that each customer who stays (a stayer, or a churner who was saved) costs on top of the contact."""
        return self.incentive_cost if self.profit_model == "incentive" else 0.0

    def costs(self, terms: CustomerTerms) -> tuple[float | Floats, float | Floats]:
        """Return what one contact costs and what a taker costs on top, by customer where their terms differ."""
        contact = self.contact_cost if terms.contact_cost is None else terms.contact_cost
        incentive = self.incentive_cost if terms.incentive_cost is None else terms.incentive_cost
        return self._fixed(contact, incentive), incentive if self.profit_model == "incentive" else 0.0

    @overload
    def _fixed(self, contact: float, incentive: float) -> float: ...

    @overload
    def _fixed(self, contact: float | Floats, incentive: float | Floats) -> float | Floats: ...

    def _fixed(self, contact: float | Floats, incentive: float | Floats) -> float | Floats:
        if self.profit_model == "case_study":
            return contact + incentive
        return contact + incentive * self.offer_use if self.profit_model == "uplift" else contact

    @overload
    def value_of_save(self, monthly_margin: float, months: None = None) -> float: ...

    @overload
    def value_of_save(self, monthly_margin: Floats | Sequence[float], months: Floats | None = None) -> Floats: ...

    def value_of_save(
        self, monthly_margin: float | Floats | Sequence[float], months: Floats | None = None
    ) -> float | Floats:
        """Return the money at stake if a customer stays: `save_value` where there is one, else m * `margin_factor`.

        `monthly_margin` m is money, a number or one per customer (n,). Where `months` (n,) are given, of
        decisions.lifetime.months_after_save, they stand in the place of the factor. Raises ConfigError as `margin_factor`.
        """
        margin = np.asarray(monthly_margin, dtype=np.float64)
        if self.save_value is not None:
            return self.save_value if margin.ndim == 0 else np.full(margin.shape, self.save_value)
        if months is not None:
            return margin * np.asarray(months, dtype=np.float64)
        return float(margin) * self.margin_factor if margin.ndim == 0 else margin * self.margin_factor

    @property
    def margin_factor(self) -> float:
        """How many months of margin a save is counted as: the sum over t < value_months of ((1 - h) / (1 + r))^t.

        h is `hazard_after_save`, r `discount_rate`. Where `value_months` is infinite the sum is 1 / (1 - ratio). Formula:
        geometric series of a constant hazard. Raises ConfigError where the sum has no end.
        """
        ratio = (1.0 - self.hazard_after_save) / (1.0 + self.discount_rate)
        if math.isinf(self.value_months):
            if ratio >= 1.0:
                raise ConfigError("an endless horizon needs a hazard or a discount rate above 0", where="value_months")
            return 1.0 / (1.0 - ratio)
        # The closed form loses digits as the ratio nears 1; so many months are few enough to add up.
        return float(np.sum(ratio ** np.arange(int(self.value_months))))


def value_contacts(
    churn_probability: ArrayLike,
    value: ArrayLike,
    economics: Economics,
    terms: CustomerTerms = ALIKE,
    uplift: ArrayLike | None = None,
) -> ContactValues:
    """Return what contacting each customer is expected to bring: the one function that every expected profit comes from.

    `value` is the value of a save, a number or one per customer, where `terms` have none of their own. `uplift` (n,) is
    the churn avoided by contact, used by the uplift model only, which takes success_rate * p where none is given.
    Raises DataError where a probability is missing or outside 0..1. Formulas: the module's docstring.
    """
    p = probabilities("churn_probability", churn_probability)
    v = np.asarray(value if terms.value_of_save is None else terms.value_of_save, dtype=np.float64)
    fixed, taker = economics.costs(terms)
    avoided = churn_avoided(p, economics, terms, uplift)
    cost = taker * (avoided + (1.0 - p)) + fixed
    revenue = avoided * v
    contact = economics.contact_cost if terms.contact_cost is None else terms.contact_cost
    incentive = economics.incentive_cost if terms.incentive_cost is None else terms.incentive_cost
    return ContactValues(avoided, revenue, cost, revenue - cost, contact + incentive)


def churn_avoided(
    p: Floats, economics: Economics, terms: CustomerTerms = ALIKE, uplift: ArrayLike | None = None
) -> Floats:
    """Return by how much contact lowers each customer's churn probability `p`, shape (n,).

    The measured `uplift` where the uplift model has one, what the offer avoids by cause where `terms` say it (signed), else
    the success rate times the probability.
    """
    if economics.profit_model == "uplift" and uplift is not None:
        return np.asarray(uplift, dtype=np.float64)
    if terms.avoided is not None:
        return terms.avoided
    rate = economics.success_rate if terms.success_rate is None else terms.success_rate
    return np.asarray(rate * p, dtype=np.float64)


def averaged(economics: Economics, terms: CustomerTerms) -> Economics:
    """Return `economics` with the means of what differs by customer; its range of success reaches the mean at least."""

    def mean(values: Floats | None, otherwise: float) -> float:
        return otherwise if values is None or not values.size else float(values.mean())

    rate = min(mean(terms.success_rate, economics.success_rate), 1.0)
    return replace(
        economics,
        contact_cost=mean(terms.contact_cost, economics.contact_cost),
        incentive_cost=mean(terms.incentive_cost, economics.incentive_cost),
        success_rate=rate,
        success_rate_low=min(economics.success_rate_low, rate),
        success_rate_high=max(economics.success_rate_high, rate),
    )


def expected_profit(
    churn_probability: ArrayLike, value: ArrayLike, economics: Economics, uplift: ArrayLike | None = None
) -> Floats:
    """Return the expected profit of contacting each customer, shape (n,), in money, where one offer holds for all.

    Arguments and errors as of `value_contacts`.
    """
    return value_contacts(churn_probability, value, economics, uplift=uplift).profit


def contact_order(p: Floats, value: float | Floats, economics: Economics) -> Floats | None:
    """Return what customers are contacted by from its highest down, shape (n,), so that the most profitable come first.

    It grows with the expected profit; None where that grows with the probability alone, as where a save is worth the
    same for all.
    """
    if isinstance(value, float):
        return None
    taker = economics.cost_of_taker
    return np.asarray(p * (economics.success_rate * (value - taker) + taker), dtype=np.float64)


def break_even_probability(value: ArrayLike, economics: Economics) -> float | Floats:
    """Return the calibrated probability above which a contact earns money, a number or one per value.

    Above 1 (or infinite) means that no contact can pay. The uplift model's is that of tau = success_rate * p.
    Case study: c / (gamma V). Incentive: (d + f) / (gamma (V - d) + d).
    """
    v = np.asarray(value, dtype=np.float64)
    taker = economics.cost_of_taker
    slope = economics.success_rate * (v - taker) + taker
    fixed = economics.cost_of_contact + taker
    with np.errstate(divide="ignore", invalid="ignore"):
        result = np.where(slope > 0.0, fixed / slope, np.inf)
    return float(result) if result.ndim == 0 else result


def _require(name: str, value: float, low: float, high: float, meaning: str) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise ConfigError(f"{value} is not {meaning}", where=name)

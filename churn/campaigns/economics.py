"""Turns the settings' [business] and [simulation] into the economics that decisions compute with."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeVar

from churn.config import Settings
from churn.config.formulas import TermName
from churn.decisions.profit import Economics

T = TypeVar("T")

_NONE: Final[Mapping[TermName, float]] = MappingProxyType({})


def economics_from(settings: Settings, means: Mapping[TermName, float] = _NONE) -> Economics:
    """Return the offer and the value window that `settings` describe.

    Of a term that is SQL `means` has the mean over the customers at hand; without it the term's default stands in its place,
    which only what needs no cost of a contact (the value of a save) may go by.
    """
    business, offer = settings.business, settings.simulation
    default = Economics()

    def number(name: TermName, term: float | str, otherwise: T) -> float | T:
        return means.get(name, otherwise) if isinstance(term, str) else term

    rate = number("success_rate", offer.success_rate, default.success_rate)
    is_formula = isinstance(offer.success_rate, str)  # its range holds for the mean, which it then reaches at least
    return Economics(
        profit_model=offer.profit_model,
        contact_cost=number("contact_cost", offer.contact_cost, default.contact_cost),
        incentive_cost=number("incentive_cost", offer.incentive_cost, default.incentive_cost),
        success_rate=rate,
        success_rate_low=min(offer.success_rate_low, rate) if is_formula else offer.success_rate_low,
        success_rate_high=max(offer.success_rate_high, rate) if is_formula else offer.success_rate_high,
        value_months=business.value_months,
        hazard_after_save=business.hazard_after_save,
        discount_rate=business.discount_rate,
        save_value=None if offer.value_of_save is None else number("value_of_save", offer.value_of_save, None),
    )

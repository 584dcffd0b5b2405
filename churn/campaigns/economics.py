"""Turns the settings' [business] and [simulation] into the economics that decisions compute with."""

from __future__ import annotations

from churn.config import Settings
from churn.decisions.profit import Economics


def economics_from(settings: Settings) -> Economics:
    """Return the offer and the value window that `settings` describe."""
    business, offer = settings.business, settings.simulation
    return Economics(
        profit_model=offer.profit_model,
        contact_cost=offer.contact_cost,
        incentive_cost=offer.incentive_cost,
        success_rate=offer.success_rate,
        success_rate_low=offer.success_rate_low,
        success_rate_high=offer.success_rate_high,
        value_months=business.value_months,
        hazard_after_save=business.hazard_after_save,
        discount_rate=business.discount_rate,
    )

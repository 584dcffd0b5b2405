"""The words on a customer's months ahead."""

from __future__ import annotations

from churn.views.months_ahead import MonthsAhead, months_ahead
from churn.views.scored_customer import ScoredCustomer


def customer(**known: float | None) -> ScoredCustomer:
    ahead = {
        "churn_within_30d": 0.1,
        "churn_within_90d": 0.25,
        "churn_within_180d": 0.4,
        "churn_within_360d": 0.625,
        "months_kept": 8.44,
        "months_kept_low": 8.0,
        "months_kept_high": 8.9,
        "months_after_save": 11.3,
    }
    row: ScoredCustomer = {
        "customer_id": "a",
        "churn_probability": 0.1,
        "involuntary_probability": None,
        "voluntary_probability": None,
        "raw_score": 0.1,
        "risk_band": "medium",
        "percentile": 90.0,
        "expected_profit": 1.0,
        "value_of_save": 69.16,
        "monthly_margin": 25.0,
        "plan": "basic",
        "reasons": [],
        "previous_probability": None,
        "change": None,
        "change_reasons": None,
        "is_listed": True,
        **ahead,
        **known,  # type: ignore[typeddict-item]
    }
    return row


def test_the_horizons_and_the_months_are_told_in_one_breath() -> None:
    ahead = months_ahead(customer())
    assert ahead is not None
    assert ahead.sentence == (
        "Leaves within three months with 25 %, within six with 40 %, within twelve with 62 %. Of the next twelve months 8.4 "
        "are expected to be kept (90 % interval 8.0 to 8.9)."
    )
    assert ahead.curve == ((0, 1.0), (1, 0.9), (3, 0.75), (6, 0.6), (12, 0.375))
    assert ahead == MonthsAhead((0.1, 0.25, 0.4, 0.625), 8.44, 8.0, 8.9, 11.3)


def test_where_nothing_is_known_nothing_is_told() -> None:
    assert months_ahead(customer(months_kept=None)) is None
    assert months_ahead(customer(churn_within_30d=None)) is None

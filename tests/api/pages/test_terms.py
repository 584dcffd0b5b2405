from __future__ import annotations

import pytest

from churn.api.pages.terms import COUNTED_IN_MONTHS, TERMS, worth_in_words
from churn.config import BusinessSettings


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {},
            (
                "A kept customer counts for 3 months of margin; of those kept, 8 % are taken to leave each month after all; "
                "later months count in full. Who has no known fee and paid nothing lately is assumed to pay $25 a month."
            ),
        ),
        (
            {
                "value_months": 1,
                "hazard_after_save": 0.0,
                "discount_rate": 0.01,
                "margin_rate": 0.6,
                "default_monthly_fee": 9.9,
                "currency": "EUR",
            },
            (
                "A kept customer counts for 1 month of margin (60 % of the fee); nobody kept is taken to leave in them; each month "
                "later is worth 1 % less. Who has no known fee and paid nothing lately is assumed to pay €9.90 a month."
            ),
        ),
    ],
)
def test_how_a_kept_customer_is_counted_is_told_in_words(given: dict[str, float | str], words: str) -> None:
    assert worth_in_words(BusinessSettings.model_validate(given)) == words


def test_every_amount_that_is_counted_in_months_has_an_explanation() -> None:
    assert set(TERMS) >= COUNTED_IN_MONTHS

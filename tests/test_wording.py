"""Amounts, shares and counts as people write them."""

import pytest

from churn.wording import count, money, percent, short_money


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (46_000, "USD", "$46,000"),
        (-0.609, "USD", "-$0.61"),
        (69.16, "USD", "$69.16"),
        (-0.001, "USD", "$0"),
        (1234.56, "EUR", "€1,235"),
        (12.5, "CHF", "12.50 CHF"),
        (999.5, "JPY", "¥1,000"),
        (0, "USD", "$0"),
    ],
)
def test_money_shows_cents_only_where_they_matter(amount, currency, text):
    assert money(amount, currency) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.4, "40 %"), (0.064, "6.4 %"), (0.08, "8 %"), (0.00123, "0.12 %"), (0, "0 %"), (2.09, "209 %")],
)
def test_percent_shows_more_digits_the_smaller_it_is(share, text):
    assert percent(share) == text


def test_percent_keeps_the_digits_asked_for():
    assert percent(0.1, 1) == "10.0 %"


def test_counts_are_whole():
    assert count(11_000.4) == "11,000"


@pytest.mark.parametrize(
    ("amount", "text"), [(150_000, "$150k"), (-1_200_000, "-$1.2M"), (999.6, "$1k"), (0, "$0"), (2.5e9, "$2.5B")]
)
def test_short_money_fits_an_axis(amount, text):
    assert short_money(amount) == text
    assert short_money(1_500, "CHF") == "1.5k CHF"

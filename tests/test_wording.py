"""Amounts, shares and counts as people write them."""

import re

import pytest

from churn.wording import (
    count,
    currency_prefix,
    day,
    decimal,
    in_markdown,
    money,
    month,
    percent,
    short_money,
    short_month,
)


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
        (12.5, "JPY", "¥12"),
        (0.6094, "KWD", "0.609 KWD"),
        (12.5, "KWD", "12.500 KWD"),
        (-1_234.5, "KWD", "-1,234 KWD"),
        (250, "CLP", "250 CLP"),
        (1_500, "CAD", "CA$1,500"),
        (7.5, "XYZ", "7.50 XYZ"),
        (0, "USD", "$0"),
    ],
)
def test_money_shows_cents_only_where_they_matter(amount, currency, text):
    assert money(amount, currency) == text


def test_decimals_that_are_asked_for_are_as_many_as_the_currency_has():
    assert (money(5, "USD", cents=True), money(5, "JPY", cents=True)) == ("$5.00", "¥5")
    assert money(5, "KWD", cents=True) == "5.000 KWD"


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ("$1,234", "-0.609 KWD", "8.5 %", "1,234.50", "5 March 2026", "March 2026", "Mar 26")),
        ("de", ("1.234 $", "-0,609 KWD", "8,5 %", "1.234,50", "5. März 2026", "März 2026", "Mär 26")),
        ("fr", ("1 234 $US", "-0,609 KWD", "8,5 %", "1 234,50", "5 mars 2026", "mars 2026", "mars 26")),
        ("ja", ("$1,234", "-KWD 0.609", "8.5%", "1,234.50", "2026年3月5日", "2026年3月", "3月 26")),
        ("hi", ("$1,234", "-KWD 0.609", "8.5%", "1,234.50", "5 मार्च 2026", "मार्च 2026", "मार्च 26")),
    ],
)
def test_each_language_has_its_own_form(language, texts):
    written = (
        money(1_234, "USD", language=language),
        money(-0.609, "KWD", language=language),
        percent(0.085, language=language),
        decimal(1_234.5, 2, language=language),
        day("2026-03-05", language=language),
        month("2026-03-05", language=language),
        short_month("2026-03-05", language=language),
    )
    assert tuple(re.sub("[\u00a0\u202f]", " ", text) for text in written) == texts


def test_lakhs_are_grouped_as_in_india():
    assert count(1_234_567, language="hi") == "12,34,567"


def test_a_language_that_nobody_knows_has_the_form_of_english():
    assert percent(0.085, 1, language="xx") == "8.5 %"
    assert decimal(1_234.5, 1, language="xx") == "1,234.5"


def test_axes_have_the_sign_of_a_currency_before_the_amount():
    assert [currency_prefix(currency) for currency in ("USD", "AUD", "CHF")] == ["$", "A$", "CHF "]


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


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("seg|ment", r"seg\|ment"),
        ("a *b*", r"a \*b\*"),
        ("[x](y)", r"\[x\](y)"),
        ("<b>", r"\<b\>"),
        ("plan_name", "plan_name"),
    ],
)
def test_names_in_markdown_are_shown_as_they_stand(text: str, written: str) -> None:
    assert in_markdown(text) == written

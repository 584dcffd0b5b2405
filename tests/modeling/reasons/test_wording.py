"""Every feature of the product, said at zero, at ordinary, extreme and unknown values, as a salesman could say it."""

from __future__ import annotations

import re

import polars as pl
import pytest

from churn.config import Settings
from churn.modeling.reasons.wording import case_for, fill, missing_case
from churn.modeling.reasons.words import words_of
from churn.warehouse.models.sql_models import FeatureDoc, load_models

BANNED = re.compile(
    r"\b0 times\b|\b1 times\b|of each|\bfor each\b|\{|\}|\bnan\b|\binf\b|: (no|yes)$|[<>|]|\b0 (?!of\b|%)\w+s\b|sine|-\d|\b\d+\.\d*[1-9]\d"
)
COUNTS = [0, 1, 2, 3, 31, 250, 98_765]
NUMBERS = [0.0, 1.0, 0.02, 0.4, 0.997, 1.8, 3.25, 12.3456, 250.0, 98_765.4321]
FRACTIONAL = re.compile(
    r"_(share|part|ratio|rate|trend|slope|decayed|focus|per|sine|cosine)(_|$)|average|^days_between"
)
BELOW = [-1, -7, -0.25]
SIGNED = {
    "usage_slope",
    "active_days_change",
    "usage_hour_sine",
    "usage_hour_cosine",
    "usage_weekday_sine",
    "usage_weekday_cosine",
}
MONEY = re.compile(r"\b(pays|paid|spends?|spent)\b")


def documented() -> list[FeatureDoc]:
    models = load_models(Settings().home)
    return [doc for model in models.values() if model.schema == "features" for doc in model.columns if doc.phrase]


def said(doc: FeatureDoc, value: object) -> str:
    return words_of(pl.Series([value], strict=False), doc.name, doc).texts[0]


def values_of(doc: FeatureDoc) -> list[float]:
    is_fractional = FRACTIONAL.search(doc.name) or (
        doc.wording and re.search(r"\{(pace|percent|money|round)\}|<0\.", doc.wording)
    )
    return [*(NUMBERS if is_fractional else COUNTS), *(BELOW if doc.name in SIGNED else ())]


@pytest.mark.parametrize("doc", documented(), ids=lambda doc: f"{doc.group}-{doc.name}")
def test_each_value_is_said_in_words_that_people_use(doc: FeatureDoc) -> None:
    for value in values_of(doc):
        text = said(doc, value).replace("{key}", "payments")
        without_amounts = re.sub(r"\d+\.\d\d\b", "", text) if MONEY.search(text) else text
        assert not BANNED.search(without_amounts), (value, text)
    missing = said(doc, None)
    assert missing.endswith(": not known") or missing == missing_case(doc.wording or "")
    assert not BANNED.search(missing.replace("{key}", "payments"))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("usage_ratio_7_30", 0.0, "no use in the last week"),
        ("usage_ratio_7_30", 0.42, "last week's use was 58 % below the month's pace"),
        ("usage_ratio_7_30", 1.02, "last week's use was at the month's pace"),
        ("usage_ratio_7_30", 1.5, "last week's use was 50 % above the month's pace"),
        ("usage_ratio_7_30", 3.0, "last week's use was 3 times the month's pace"),
        ("active_days_change", -2, "2 active days fewer than in the month before"),
        ("active_days_change", 2, "2 active days more than in the month before"),
        ("days_since_last_login", 0, "logged in today"),
        ("days_since_last_login", 1, "no login for 1 day"),
        ("inactivity_risk", 91.4, "silent for far longer than usual"),
        ("has_unpaid_bill", True, "a bill is unpaid"),
        ("has_unpaid_bill", False, "no bill is unpaid"),
        ("upgrades", 0, "never upgraded"),
        ("upgrades", 1, "upgraded once"),
        ("number_of_payment_failures_60d", 0, "no failed payments in 60 days"),
        ("customer_time_in_months", 1.0, "customer for 1 month"),
        ("customer_time_in_months", 13.7, "customer for 14 months"),
        ("customer_time_in_months", 78.4, "customer for 6.5 years"),
        ("days_since_subscription_start", 1, "1 day into the current subscription"),
        ("days_since_subscription_start", 364, "364 days into the current subscription"),
        ("days_since_first_payment", 1653, "first payment 4.5 years ago"),
        ("days_since_last_login", None, "no login so far"),
        ("days_since_last_payment_failure", None, "no payment has failed"),
        ("silence_against_habit", 1.2, "1 session missed since the last login, by the usual pace"),
        ("silence_against_habit", 9.8, "10 sessions missed since the last login, by the usual pace"),
        ("payment_silence", 1.4, "pays at the usual pace"),
        ("ticket_part", 0.346, "34.6 % of tickets have {key}"),
        ("ticket_part", 0.0, "no ticket has {key}"),
        ("days_between_payments", 1.0, "pays every day"),
        ("payment_method", "direct_debit", "pays by direct debit"),
        ("payment_method", "SEPA_2", "pays by SEPA_2"),
        ("number_of_payment_failures_60d", 1, "1 failed payment in 60 days"),
    ],
)
def test_a_value_is_said_by_its_case(name: str, value: object, text: str) -> None:
    doc = next(doc for doc in documented() if doc.name == name)
    assert said(doc, value) == text


def test_the_first_case_that_holds_is_taken_and_the_last_for_all_others() -> None:
    wording = "<0: falls | 0: stays | rises by {abs}"
    assert [case_for(wording, value) for value in (-0.5, 0, 4, None, "x")] == [
        "falls",
        "stays",
        "rises by {abs}",
        "rises by {abs}",
        "rises by {abs}",
    ]
    assert fill("rises by {abs}, {times}", 2.0) == "rises by 2, twice"

"""An id leaves every text, also where it looks like a number or is a part of another id."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.redaction import ERASED, Redaction

_IDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=5, max_size=20)


@given(_IDS)
def test_a_telling_id_leaves_any_text(customer_id: str) -> None:
    told = f"customer {customer_id} was refused; see /v1/customers/{customer_id}/risk"
    cleaned = Redaction(customer_id).text(told)
    assert ERASED in cleaned
    assert not Redaction(customer_id).is_in(cleaned)


@pytest.mark.parametrize(
    ("told", "cleaned"),
    [
        ('{"rows": 42, "customer": "42"}', f'{{"rows": 42, "customer": "{ERASED}"}}'),
        ("42 rows of /v1/customers/42/risk", f"42 rows of /v1/customers/{ERASED}/risk"),
        ("42", ERASED),
        ("3,421 of 42 rows", "3,421 of 42 rows"),
    ],
)
def test_a_short_id_is_never_taken_for_a_number(told: str, cleaned: str) -> None:
    assert Redaction("42").text(told) == cleaned


def test_an_id_within_another_stays() -> None:
    assert Redaction("C0000042").text("C00000421 XC0000042 C0000042") == f"C00000421 XC0000042 {ERASED}"

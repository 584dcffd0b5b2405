"""Texts that name the files of campaigns call them by their titles, and leave words alone that only look like a name."""

from __future__ import annotations

import pytest

from churn.languages.words import speaking
from churn.views.titles import titled

TITLES = {"fix_payment": "Help to fix a failed payment", "keep": "Stay with us"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fix_payment", "“Help to fix a failed payment”"),
        ("fix_payment to hubspot: 3 created.", "“Help to fix a failed payment” to hubspot: 3 created."),
        (
            "keep: 2 to contact; fix_payment: 1 to contact",
            "“Stay with us”: 2 to contact; “Help to fix a failed payment”: 1 to contact",
        ),
        ("`keep` pays back within 12 months.", "“Stay with us” pays back within 12 months."),
        (
            "We keep what fix_payment.toml says, and fix_payments",
            "We keep what fix_payment.toml says, and fix_payments",
        ),
        ("Nobody is left for fix_payment.", "Nobody is left for “Help to fix a failed payment”."),
        ("keep-r1", "keep-r1"),
    ],
)
def test_campaigns_are_called_by_their_titles(text: str, said: str) -> None:
    assert titled(text, TITLES) == said
    assert titled(text, {}) == text


def test_the_marks_around_a_title_are_those_of_the_language() -> None:
    with speaking("de"):
        assert titled("fix_payment", TITLES) == "„Help to fix a failed payment“"

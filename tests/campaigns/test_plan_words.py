"""What plans say of an offer's numbers: the file's own range until something was measured, and small harm to its digits."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn.campaigns.definition_words import definition_words
from churn.campaigns.plan_words import rate_words
from churn.campaigns.reading import read_campaign
from churn.documents.plan import BelievedRate

ROOT = Path(__file__).parents[2]


def believed(acts_on: str, rounds: int = 0, **values: float) -> BelievedRate:
    given = {"expected": 0.3, "low": 0.12, "high": 0.48, "file_expected": 0.3, "file_low": 0.15, "file_high": 0.45}
    return BelievedRate(acts_on=acts_on, scaled_by=None, rounds=rounds, **given | values)


HARM = {
    "expected": 0.0005,
    "low": -0.0005,
    "high": 0.0015,
    "file_expected": 0.0005,
    "file_low": 0.0,
    "file_high": 0.002,
}


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (believed("harm", **HARM), "harm 0.05 points (0 to 0.2)"),
        (believed("harm", 2, **HARM), "harm measured 0.05 points (-0.05 to 0.15) from 2 rounds, the file says 0.05 points"),
        (believed("voluntary"), "canceling 30 % (15 to 45)"),
        (believed("voluntary", 1), "canceling measured 30 % (12 to 48) from 1 round, the file says 30 %"),
    ],
)  # fmt: skip
def test_a_number_is_told_with_the_range_that_it_has(rate: BelievedRate, words: str) -> None:
    assert rate_words(rate) == words


def test_a_definition_gives_small_harm_to_the_same_digits() -> None:
    definition = read_campaign("fix_payment", ROOT / "campaigns" / "fix_payment.toml")
    offer = dict(definition_words(definition, window_days=30, currency="USD"))["Offer"]
    assert "Contact is taken to drive 0.05 points (0 to 0.2) of customers away" in offer

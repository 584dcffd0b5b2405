"""What the pages' scripts say and how their charts write, in the language spoken, for a page to hand over."""

from __future__ import annotations

from typing import Final

from churn.languages.words import N_, tr
from churn.reports.charts.svg import axis_numbers, axis_times

_WORDS: Final = (
    N_("The service does not answer; what is shown is the last answer."),
    N_("The service does not answer."),
    N_("Copied"),
    N_("Copy link"),
    N_("Link copied"),
    N_("Save this chart as a picture"),
    N_("Customers with “{}” in their id"),
)


def script_words() -> dict[str, object]:
    """Return the scripts' words by their English text, and how charts write numbers and days, for static/words.js."""
    return {"words": {text: tr(text) for text in _WORDS}, "numbers": axis_numbers(), "times": axis_times()}

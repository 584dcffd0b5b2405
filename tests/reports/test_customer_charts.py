"""The charts of one customer."""

from __future__ import annotations

import re

from churn.reports.charts.customer import waterfall

LONG = "the newest payment failed 12 days ago, and two before it in the last three months"


def test_a_long_reason_is_told_to_its_end_on_a_phone_too() -> None:
    steps = [{"text": LONG, "points": 0.05, "start": 0.084, "end": 0.134}]
    figure = waterfall(steps, base=0.084, probability=0.134, describe="what the risk is made of")
    _, wide, narrow = figure.split("<svg")
    for drawn in (wide, narrow):
        words = " ".join(re.findall(r">([^<>]+)</t", drawn))
        assert all(word in words for word in LONG[1:].split()), words
        assert "…" not in words


def test_a_reason_beyond_all_lines_ends_with_a_sign() -> None:
    steps = [{"text": LONG * 3, "points": 0.05, "start": 0.084, "end": 0.134}]
    figure = waterfall(steps, base=0.084, probability=0.134, describe="what the risk is made of")
    assert figure.count("…") == 2

"""The value of the newest row, or of the first, has an order that leaves no tie: which of two equals is read first is luck."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests import ROOT

PICKED = re.compile(r"\b(?:arg_max|arg_min|max_by|min_by)\(")
VERSION = re.compile(r", fact_version\) over ")  # of one fact no two versions have the same number


def calls(text: str) -> Iterator[str]:
    """Yield each call that picks a value by an order, with what stands behind it."""
    for begun in PICKED.finditer(text):
        depth, at = 1, begun.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        yield text[begun.start() : at + 6]


def test_what_is_picked_by_an_order_is_picked_by_one_without_ties() -> None:
    files = [*ROOT.glob("sql/**/*.sql"), *(ROOT / "churn").rglob("*.py")]
    picked = [(file.relative_to(ROOT).as_posix(), call) for file in files for call in calls(file.read_text("utf-8"))]
    assert len(picked) > 10
    loose = [f"{name}: {call}" for name, call in picked if not re.search(r"struct_pack\(|_NEWEST", call)]
    assert [call for call in loose if not VERSION.search(call)] == []

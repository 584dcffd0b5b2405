"""The page of a measured campaign: self-contained, the verdict first, every state of a measurement said."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import date
from typing import Any

import polars as pl
import pytest

from churn.documents.measurement import Maturity
from churn.reports.campaign import render_campaign
from churn.reports.charts.svg import TOKENS
from tests.campaigns.measured import document, followed
from tests.reports.test_simulation_page import read

_SECTIONS = ("What it caused", "Promised and kept", "Model or campaign?", "Segments, as exploration")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return render_campaign(document(followed()), home=tmp_path_factory.mktemp("home"))


def test_the_page_is_one_file_that_asks_for_nothing_and_runs_nothing(page: str) -> None:
    reader, _ = read(page)
    assert not {tag for tag, _ in reader.tags} & {"script", "link", "iframe", "img", "object", "image", "use"}
    for tag, attributes in reader.tags:
        assert not [name for name in attributes if name.startswith("on") or name in {"src", "href", "xlink:href"}], tag
    assert "default-src 'none'" in page
    assert len(page.encode()) < 200_000


def test_the_verdict_comes_first_and_every_sentence_is_there(page: str) -> None:
    _, text = read(page)
    words = document(followed()).words
    assert text.index(words.title) < text.index(words.headline) < text.index("Who was followed")
    for title in _SECTIONS:
        assert title in text
    for each in words.story:
        assert each.sentence.split(": ", 1)[-1][1:] in text or each.code in {"two_by_two", "segments"}


def test_every_chart_says_in_words_what_it_shows(page: str) -> None:
    reader, _ = read(page)
    charts = [attributes for tag, attributes in reader.tags if tag == "svg"]
    assert len(charts) == 6  # three, each wide and narrow
    assert {label.split()[0] for label in (c["aria-label"] for c in charts)} == {"Churn", "Share"}
    keys = {light for light, _ in TOKENS.values()} | {"none", "transparent"}
    for svg in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL):
        ET.fromstring(svg)
        assert set(re.findall(r'(?:fill|stroke)="([^"]+)"', svg)) <= keys


def test_the_same_document_gives_the_same_bytes(page: str, tmp_path: Any) -> None:
    assert render_campaign(document(followed()), home=tmp_path) == page


def test_a_harmful_campaign_shows_the_alarm_once_and_at_the_top(tmp_path: Any) -> None:
    made = document(followed(3000, 334, avoided=-0.08))
    _, text = read(render_campaign(made, home=tmp_path))
    told = made.alarm.removeprefix("STOP: ")
    assert text.count(told) == 1
    assert text.index(told) < text.index("Who was followed")


@pytest.mark.parametrize(
    ("frame", "share", "changes", "words"),
    [
        (followed(1204, 60), 0.1, {}, "the split is broken"),
        (followed(300, 0), 0.0, {}, "nobody was left alone to compare with"),
        (followed(0, 30), 1.0, {}, "nobody was contacted"),
        (followed(12, 3), 0.2, {}, "No effect is proven"),
        (followed(300, 30).with_columns(plan=pl.lit(None, dtype=pl.String)), 0.09, {}, "Who was followed"),
    ],
)
def test_every_state_of_a_measurement_has_a_page(
    tmp_path: Any, frame: pl.DataFrame, share: float, changes: dict[str, Any], words: str
) -> None:
    _, text = read(render_campaign(document(frame, share=share, **changes), home=tmp_path))
    assert words in text


def test_what_has_matured_so_far_is_marked_as_such(tmp_path: Any) -> None:
    maturity = Maturity(assigned=2000, mature=1338, ready_date=date(2026, 8, 15))
    made = document(followed(), is_mature=False, is_so_far=True, maturity=maturity)
    _, text = read(render_campaign(made, home=tmp_path))
    assert "So far only. 1,338 of 2,000 outcomes are known; the rest are ready on 15 August 2026." in text


def test_names_are_escaped(tmp_path: Any) -> None:
    made = render_campaign(document(followed(), title='<script>alert(1)</script> & "co"'), home=tmp_path)
    assert "<script" not in made
    assert "&lt;script&gt;" in made

"""The page of a simulation: self-contained, escaped, readable without a picture, the same bytes every time."""

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from churn.reports.charts.svg import TOKENS
from churn.reports.simulation import render_simulation
from tests.reports.documents import document

pytestmark = pytest.mark.slow

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Reader(HTMLParser):
    """Collects tags and text, and checks that every tag is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in {"style", "title"}:
            self.text.append(data)


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader, " ".join(" ".join(reader.text).replace("\u00a0", " ").split())


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return render_simulation(document(mode="contacts", amount=300), home=tmp_path_factory.mktemp("home"))


def test_the_page_is_one_file_that_asks_for_nothing_and_runs_nothing(page):
    reader, _ = read(page)
    assert not {tag for tag, _ in reader.tags} & {"script", "link", "iframe", "img", "object", "image", "use"}
    for tag, attributes in reader.tags:
        assert not [name for name in attributes if name.startswith("on") or name in {"src", "href", "xlink:href"}], tag
    assert "@import" not in page
    assert "url(" not in page
    assert "default-src 'none'" in page
    assert len(page.encode()) < 200_000


def test_the_answer_comes_first_in_words(page):
    _, text = read(page)
    answer = document(mode="contacts", amount=300)
    assert f"Contact 300 customers, spend $600, expect ${answer.net_profit:,.0f} net." in text
    assert "Nine times in ten the result lies between" in text
    for title in ("How many to contact", "Other cuts", "What matters most", "What this assumes", "Method"):
        assert title in text
    for each in answer.audit:
        assert each.sentence in text


def test_every_chart_says_in_words_what_it_shows_and_hides_the_twin_that_does_not_fit(page):
    reader, _ = read(page)
    charts = [attributes for tag, attributes in reader.tags if tag == "svg"]
    assert len(charts) == 4
    assert all(c["role"] == "img" and "Net profit" in c["aria-label"] for c in charts)
    assert all("width" not in c for c in charts)
    assert ".narrow { display: none; }" in page


def test_charts_are_well_formed_and_use_only_colours_that_the_stylesheet_can_turn_dark(page):
    keys = {light for light, _ in TOKENS.values()} | {"none", "transparent"}
    for svg in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL):
        ET.fromstring(svg)
        assert set(re.findall(r'(?:fill|stroke)="([^"]+)"', svg)) <= keys
    for name, (light, dark) in TOKENS.items():
        assert f'svg [fill="{light}"]{{fill:var(--{name})}}' in page
        assert f"--{name}:{dark};" in page


def test_light_and_dark_text_have_enough_contrast():
    for side in (0, 1):
        paper = TOKENS["paper"][side]
        assert contrast(TOKENS["ink"][side], paper) > 10
        for name in ("muted", "chosen", "best", "curve"):
            assert contrast(TOKENS[name][side], paper) >= 4.5, name


def test_the_same_document_gives_the_same_bytes(tmp_path, page):
    assert render_simulation(document(mode="contacts", amount=300), home=tmp_path) == page


def test_names_are_escaped(tmp_path):
    made = render_simulation(document(name='<script>alert(1)</script> & "co"'), home=tmp_path)
    assert "<script" not in made
    assert "&lt;script&gt;" in made


def test_an_uncalibrated_simulation_says_so_at_the_top(tmp_path):
    _, text = read(render_simulation(document(is_overridden=True), home=tmp_path))
    assert "Not calibrated." in text
    assert text.index("Not calibrated.") < text.index("How many to contact")


def test_a_campaign_of_nobody_and_known_outcomes_render_too(tmp_path):
    _, text = read(render_simulation(document(value=0.5), home=tmp_path))
    assert "Contact nobody" in text
    _, text = read(render_simulation(document(known=True, currency="CHF"), home=tmp_path))
    assert "past customers" in text
    assert "CHF" in text


def test_a_user_can_lay_a_template_over_ours(tmp_path):
    folder = tmp_path / "reports" / "simulation"
    folder.mkdir(parents=True)
    (folder / "simulation.html.j2").write_text(
        "{% extends '_base.html' %}{% block content %}ours: {{ d.contacts }}{% endblock %}"
    )
    assert "ours: 300" in render_simulation(document(mode="contacts", amount=300), home=tmp_path)


def contrast(one, other):
    """WCAG contrast ratio."""

    def luminance(color):
        channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)

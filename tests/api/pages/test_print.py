"""Pages on paper: the layout of a wide screen, within its edges, without anything that only a screen can do."""

from __future__ import annotations

import re

import pytest

from tests.api.pages.conftest import Visitor

PAGES = ("/", "/campaigns/fix_payment", "/model", "/figures", "/insights", "/jobs")
PAPER = {"A4": 210, "Letter": 216}  # widths in millimetres
MARGINS = 28


def customer_of(visitor: Visitor) -> str:
    visitor.visit("/risk-list")
    return str(visitor.page.locator("a.who-link").first.get_attribute("href"))


@pytest.mark.parametrize("paper", PAPER)
def test_pages_are_printed_within_their_edges_and_without_forms(visitor: Visitor, paper: str) -> None:
    page = visitor.page
    page.emulate_media(media="print")
    width = int((PAPER[paper] - MARGINS) / 25.4 * 96)
    for path in (*PAGES, customer_of(visitor)):
        page.set_viewport_size({"width": width, "height": 1000})
        visitor.visit(path)
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert beyond <= 0, f"{path} is {beyond} px wider than {paper}"
        shown = page.eval_on_selector_all(
            "main form, main input:not([type=hidden]), main select, nav, .actions, .chart-save",
            "parts => parts.filter(part => part.checkVisibility()).map(part => part.outerHTML.slice(0, 80))",
        )
        assert shown == [], path
        heads = page.eval_on_selector_all("main thead", "heads => heads.map(head => getComputedStyle(head).position)")
        assert "absolute" not in heads, f"{path} has the cards of a phone"
    page.emulate_media(media="screen")
    visitor.size("desktop")


@pytest.mark.parametrize(("path", "most"), [("/", 1), ("/campaigns/fix_payment", 2), ("/model", 9)])
def test_pages_take_no_more_paper_than_they_need(visitor: Visitor, path: str, most: int) -> None:
    visitor.visit(path)
    for paper in PAPER:
        document = visitor.page.pdf(format=paper)
        assert 1 <= len(re.findall(rb"/Type\s*/Page\b", document)) <= most, paper

"""The palette goes to any page that one may open, and to customers by any part of their id."""

from __future__ import annotations

from tests.api.pages.conftest import Visitor


def open_palette(visitor: Visitor) -> None:
    visitor.page.keyboard.press("Control+k")
    visitor.page.locator("#palette input").wait_for(state="visible")


def test_a_few_letters_and_enter_go_to_a_page(visitor: Visitor) -> None:
    visitor.visit("/reports")
    open_palette(visitor)
    visitor.page.keyboard.type("audit")
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url("**/audit")
    open_palette(visitor)
    visitor.page.keyboard.press("ArrowDown")
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url("**/figures")
    open_palette(visitor)
    visitor.assert_accessible()
    visitor.screenshot("palette")
    visitor.page.keyboard.press("Escape")
    assert not visitor.page.locator("#palette").is_visible()


def test_what_is_no_page_is_looked_for_among_customers(visitor: Visitor) -> None:
    visitor.visit("/reports")
    open_palette(visitor)
    visitor.page.keyboard.type("C0000")
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url("**/risk-list?show=all&q=C0000")
    visitor.see("C0000")


def test_only_pages_that_one_may_open_are_offered(stranger: Visitor) -> None:
    stranger.sign_in(("read",)).visit("/reports")
    open_palette(stranger)
    stranger.page.keyboard.type("audit")
    assert stranger.page.locator("#palette li:not([hidden]):not([data-search])").count() == 0

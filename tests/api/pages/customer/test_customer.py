"""A customer's page as its user reads it: why, what to do, what if, what happened; and ids that mean harm."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from churn.api.pages.people import customer_path
from churn.context import Context
from churn.store import ScoreRun
from churn.views.risk_list import read_risk_list
from tests.api.pages.conftest import Served, Visitor, context_of, serve
from tests.api.pages.test_risk_list import HOSTILE


def worst(visitor: Visitor) -> dict:
    return read_risk_list(visitor.served.context, top=1).customers[0]


def test_a_customer_is_explained_from_the_average_to_the_probability(visitor):
    one = worst(visitor)
    visitor.visit("/risk-list").page.get_by_role("link", name=one["customer_id"]).click()
    visitor.see(one["customer_id"], "What to do", "Why", "What changed", "Probability over time", "What happened")
    visitor.see("Probability of leaving", f"{100 * one['churn_probability']:.1f}")
    visitor.page.locator("#waterfall svg").first.wait_for()
    assert "average customer" in visitor.page.locator("#waterfall svg").first.get_attribute("aria-label")
    visitor.page.wait_for_load_state("networkidle")
    visitor.assert_accessible()
    visitor.screenshot("customer")


def test_charts_come_after_the_page_and_without_scripts_by_a_link(visitor: Visitor, browser: Any) -> None:
    address = customer_path(worst(visitor)["customer_id"])
    page = visitor.visit(address).page
    page.locator("#history svg").first.wait_for()
    assert page.locator("[data-drawn-at]").count() == 0
    plain = browser.new_context(java_script_enabled=False)
    plain.add_cookies(page.context.cookies())
    still = plain.new_page()
    still.goto(f"{visitor.served.address}{address}")
    assert still.locator("#waterfall svg").count() == 0
    still.locator("#waterfall").get_by_role("link", name="Show the chart").click()
    assert still.locator("#waterfall svg").count() >= 1
    assert still.get_by_role("link", name="Show the chart").count() == 0
    plain.close()


def test_charts_that_cannot_be_fetched_leave_their_links(visitor: Visitor) -> None:
    visitor.allowed = ("503", "charts: ")
    visitor.page.route("**/*charts=drawn*", lambda route: route.fulfill(status=503, body="busy"))
    page = visitor.visit(customer_path(worst(visitor)["customer_id"])).page
    page.locator("#waterfall:not([aria-busy]) a").wait_for()
    page.unroute("**/*charts=drawn*")
    page.locator("#waterfall a").click()
    page.locator("#waterfall svg").first.wait_for()


def test_a_lever_and_a_dial_move_the_probability_and_back(visitor):
    one = worst(visitor)
    visitor.visit(customer_path(one["customer_id"]))
    answer = visitor.page.locator("#what-if-answer")
    before = answer.locator(".answer-number").inner_text()
    levers = visitor.page.locator(".lever input")
    assert levers.count() >= 1
    levers.first.check()
    answer.get_by_text("points").wait_for()
    assert answer.locator(".answer-number").inner_text() != before
    visitor.see("It is no promise of what a contact achieves")
    visitor.assert_accessible()
    levers.first.uncheck()
    answer.get_by_text("As it is").wait_for()
    assert answer.locator(".answer-number").inner_text() == before
    dial = visitor.page.locator(".dial input").first
    told = visitor.page.locator(f"#{dial.get_attribute('data-told-in')}")
    was = told.inner_text()
    dial.focus()
    dial.press("ArrowRight" if was == dial.get_attribute("min") else "ArrowLeft")
    assert told.inner_text() != was


def test_whoever_is_not_on_the_list_is_not_found_and_told_so(visitor):
    visitor.allowed = ("404",)
    visitor.visit("/customers/nobody", status=404).see("Nobody of this id is known", "Look among everybody")
    visitor.visit("/customers?id=", status=404)
    visitor.visit(f"/customers?id={'x' * 1_001}", status=422)
    visitor.allowed = ("404", "422")


def test_the_what_if_form_refuses_what_is_not_on_it(visitor):
    one = worst(visitor)["customer_id"]
    visitor.visit("/risk-list")
    ask = visitor.page.request.get
    address = f"{visitor.served.address}/what-if"
    for form, status in (
        ({"customer_id": one}, 200),
        ({"customer_id": one, "dial.sessions_7d": "NaN"}, 200),
        ({"customer_id": one, "dial.sessions_7d": "1e400"}, 200),
        ({"customer_id": one, "dial.__class__": "1"}, 404),
        ({"customer_id": one, "lever": "all"}, 404),
        ({"customer_id": "nobody"}, 404),
        ({}, 404),
    ):
        assert ask(address, params=form).status == status, form


@pytest.fixture(scope="module")
def served_hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A list of customers whose ids, plans and reasons all mean harm; published without any serving file."""
    context: Context = context_of(tmp_path_factory.mktemp("hostile") / "home")
    evil = "<img src=x onerror=alert(1)>"
    reasons = f'[{{"feature": "f", "value": 1, "text": "{evil}", "is_actionable": true, "points": 0.2}}]'
    n = len(HOSTILE)
    frame = pl.DataFrame(
        {
            "customer_id": HOSTILE,
            "churn_probability": [0.9] * n,
            "raw_score": [1.0] * n,
            "risk_band": ["critical"] * n,
            "percentile": [100.0] * n,
            "expected_profit": [10.0] * n,
            "value_of_save": [20.0] * n,
            "monthly_margin": [10.0] * n,
            "plan": [evil] * n,
            "reasons": [reasons] * n,
            "previous_probability": [0.5] * n,
            "change": [0.4] * n,
            "change_reasons": [reasons] * n,
            "is_listed": [True] * n,
            "churn_within_30d": [0.9] * n,
            "churn_within_90d": [0.92] * n,
            "churn_within_180d": [0.94] * n,
            "churn_within_360d": [0.97] * n,
            "months_kept": [1.2] * n,
            "months_kept_low": [1.1] * n,
            "months_kept_high": [1.3] * n,
            "months_after_save": [7.5] * n,
        }
    )
    now = datetime(2026, 7, 1)
    run = ScoreRun("run", now.date(), "gone", now, now, n, "f", is_stale=True, stale_reason=f"a rule found {evil}")
    with context.open_store() as store:
        store.scores.publish(run, frame)
    yield from serve(context)


def test_ids_that_mean_harm_are_only_text(visitors, served_hostile):
    visitor = visitors(served_hostile).sign_in()
    visitor.page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    visitor.visit("/risk-list").see("9 customers", "These scores are out of date")
    visitor.page.get_by_role("columnheader", name="Months of 12").wait_for()
    visitor.assert_accessible()
    links = [link.get_attribute("href") for link in visitor.page.locator("#list tbody th a").all()]
    assert sorted(links) == sorted(customer_path(name) for name in HOSTILE)
    for name, path in zip(HOSTILE, map(customer_path, HOSTILE), strict=True):
        visitor.visit(path).see("What to do", "within twelve with 97 %", "worth 7.5 months of margin")
        assert visitor.page.locator("h1").inner_text()[:20] == name[:20]
        assert visitor.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    visitor.assert_accessible()
    rows = visitor.page.request.get(f"{served_hostile.address}/risk-list.csv").text()
    assert "\n'=cmd" in rows
    assert "\n=cmd" not in rows


def test_a_list_without_serving_files_still_has_a_page_for_each_customer(visitors, served_hostile):
    visitor = visitors(served_hostile).sign_in().visit(customer_path(HOSTILE[0]))
    visitor.see(
        "kept from the next score run on", "One score so far", "What happened is kept from the next score run on"
    )

"""The risk list as its user walks it: filter, search, sort, page, export, push."""

from __future__ import annotations

import csv
import io
import re
from urllib.parse import quote

import pytest

from churn.api.pages.people import customer_path
from churn.views.risk_list import read_risk_list
from tests.api.pages.conftest import Visitor

HOSTILE = (
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "..",
    "a/b?c#d",
    "=cmd|' /C calc'!A0",
    '" onmouseover="alert(1)',
    "{{ 7 * 7 }}",
    "مرحبا \u202eevil",
    "x" * 1_000,
)


def shown(visitor: Visitor) -> list[str]:
    return visitor.page.locator("#list tbody th a").all_inner_texts()


def risks(visitor: Visitor) -> list[float]:
    return [float(text.split("\u202f")[0]) for text in visitor.page.locator(".risk-number").all_inner_texts()]


def settle(visitor: Visitor, words: str) -> None:
    visitor.page.locator("#list .list-head", has_text=re.compile(words)).wait_for(timeout=20_000)


def test_the_list_is_read_filtered_sorted_and_paged(visitor):
    visitor.visit("/risk-list")
    run = read_risk_list(visitor.served.context)
    visitor.see("Risk list", f"{run.count:,} customers", f"1 to 50 of {run.count:,}")
    visitor.page.get_by_role("columnheader", name="Expected profit").wait_for()
    visitor.assert_accessible()
    visitor.screenshot("risk-list")
    first = shown(visitor)
    assert first == [one["customer_id"] for one in run.customers[:50]]
    visitor.page.get_by_role("link", name="Next").click()
    visitor.page.wait_for_url("**after=*")
    visitor.see(f"51 to {min(100, run.count)} of {run.count:,}")
    second = shown(visitor)
    assert not set(first) & set(second)
    visitor.page.get_by_role("link", name="Previous").click()
    visitor.page.wait_for_url("**before=*")
    visitor.see(f"1 to 50 of {run.count:,}")
    assert shown(visitor) == first
    visitor.page.get_by_role("link", name="Risk", exact=True).click()
    visitor.page.wait_for_url("**sort=churn_probability*")
    visitor.page.locator("th[aria-sort=descending]", has_text="Risk").wait_for()
    assert risks(visitor) == sorted(risks(visitor), reverse=True)


def test_filters_follow_each_other_without_a_button_and_the_address_keeps_them(visitor):
    visitor.visit("/risk-list")
    visitor.page.get_by_label("Everybody").check(force=True)
    visitor.page.wait_for_url("**show=all*")
    visitor.page.get_by_label("Low").check(force=True)
    visitor.page.wait_for_url("**band=low*")
    visitor.page.get_by_label("Risk from, %").fill("2")
    visitor.page.get_by_label("Risk from, %").press("Enter")
    visitor.page.wait_for_url("**min=2*")
    visitor.page.locator("#list .band.is-low").first.wait_for()
    assert visitor.page.locator("#list .band:not(.is-low)").count() == 0
    assert min(risks(visitor)) >= 2
    visitor.page.reload()
    assert visitor.page.get_by_label("Low").is_checked()
    assert visitor.page.get_by_label("Risk from, %").input_value() == "2"


def test_a_search_finds_by_any_part_of_the_id_and_says_when_it_does_not(visitor):
    name = read_risk_list(visitor.served.context, top=1).customers[0]["customer_id"]
    visitor.visit("/risk-list")
    visitor.page.get_by_role("searchbox").fill(name[1:].lower())
    settle(visitor, r"^\s*1 customer\b")
    assert shown(visitor) == [name]
    visitor.page.get_by_role("searchbox").fill("nobody-is-called-so")
    visitor.see("Nobody matches", "No id here has")
    visitor.assert_accessible()
    visitor.page.get_by_role("link", name="Clear the filters").click()
    settle(visitor, "customers")


@pytest.mark.parametrize("query", ["band=dire&sort=raw&min=many&dir=up&after=%00", "min=-5&show=x", "min=nan", "q=%FF"])
def test_an_address_that_makes_no_sense_shows_the_list_all_the_same(visitor, query):
    visitor.visit(f"/risk-list?{query}")
    visitor.see("Risk list")


def test_the_export_is_what_the_list_shows_and_runs_no_formula(visitor):
    visitor.visit("/risk-list?sort=churn_probability")
    with visitor.page.expect_download() as waited:
        visitor.page.get_by_role("link", name="Export").click()
    rows = list(csv.DictReader(io.StringIO(waited.value.path().read_text("utf-8"))))
    assert [row["customer_id"] for row in rows[:50]] == shown(visitor)
    assert len(rows) == read_risk_list(visitor.served.context).count
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@"))]


def test_a_push_is_a_job_that_the_page_follows_and_a_reader_may_not_ask_for(visitor, visitors):
    visitor.visit("/risk-list")
    visitor.page.get_by_role("button", name="Push the list").click()
    visitor.see("Last push", "Waiting", "No scheduler is running")
    visitor.assert_accessible()
    with visitor.served.context.open_store() as store:
        (run,) = store.jobs.list("sync")
    assert run.parameters == {"campaign": "risk-list", "connector": "file"}
    reader = visitors(visitor.served).sign_in(("read",)).visit("/risk-list")
    assert reader.page.get_by_role("button", name="Push the list").count() == 0
    answer = reader.page.request.post(
        f"{visitor.served.address}/risk-list/push", form={"connector": "file"}, max_redirects=0
    )
    assert answer.status == 403


def test_a_home_without_scores_says_what_to_do(newcomer):
    newcomer.visit("/risk-list").see("Nobody has been scored yet", "Score under Jobs and data")
    newcomer.assert_accessible()
    newcomer.screenshot("risk-list-empty")


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_no_id_breaks_out_of_the_page(visitor, name):
    visitor.allowed = ("404",)
    visitor.visit(customer_path(name), status=404)
    visitor.see("Nobody of this id is known")
    visitor.visit(f"/risk-list?q={quote(name)}").see("Nobody matches")
    assert visitor.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0

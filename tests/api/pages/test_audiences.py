"""An audience from where one stands: from a part of the risk list, and by a range of risk that is dragged below its histogram."""

from __future__ import annotations

import html
import re

from churn.workflows.define import AudiencePreviews
from tests.api.conftest import Service
from tests.api.pages.conftest import Visitor
from tests.api.pages.test_pages import signed_in


def test_what_the_risk_list_is_filtered_by_becomes_the_audience_of_a_new_campaign(standing: Service) -> None:
    client = signed_in(standing, ("read", "push"))
    listed = client.get("/risk-list?band=high&min=22.5&plan=premium").text
    links = re.findall(r'href="(/new-campaign[^"]*)"', listed)
    form = client.get(html.unescape(links[0])).text
    assert re.findall(r'name="audience.bands" value="(\w+)" checked', form) == ["high"]
    assert 'name="audience.min_probability" type="text" value="22.5"' in form
    assert "current_plan = &#39;premium&#39;</textarea>" in form
    whole = re.findall(r'href="(/new-campaign[^"]*)"', client.get("/risk-list").text)
    assert html.unescape(whole[0]) == "/new-campaign?band=high&band=critical", "who is on the list"
    assert "/new-campaign" not in client.get("/risk-list?q=00004").text, "one customer is no audience"
    assert "/new-campaign" not in signed_in(standing, ("read",)).get("/risk-list").text, (
        "nor one for who may not make it"
    )


def test_a_name_of_a_plan_ends_no_condition(standing: Service) -> None:
    form = signed_in(standing, ("read", "push")).get("/new-campaign?plan=x' or '1'='1").text
    assert "current_plan = &#39;x&#39;&#39; or &#39;&#39;1&#39;&#39;=&#39;&#39;1&#39;</textarea>" in form


def test_the_histogram_holds_everybody_who_has_a_score(standing: Service) -> None:
    with standing.context.open_store() as store:
        frame = store.scores.page(limit=None, order=None, columns=["churn_probability"]).frame
    scores = AudiencePreviews(standing.context).scores()
    assert len(scores) == 20
    assert sum(scores) == frame.height
    assert sum(scores[10:]) == frame.filter(frame["churn_probability"] >= 0.5).height


def test_a_range_of_risk_is_dragged_and_counted(visitor: Visitor) -> None:
    page = visitor.visit("/new-campaign").page
    visitor.see("Whom it would reach", "What its holdout can tell")
    low, high = page.get_by_role("slider", name="Risk from"), page.get_by_role("slider", name="Risk up to")
    assert (low.input_value(), high.input_value()) == ("0", "100")
    before = page.locator(".preview-count b").inner_text()
    low.fill("40")
    assert page.get_by_role("textbox", name="Risk from").input_value() == "40"
    assert page.locator(".score-bars rect.is-in").count() == 12
    page.wait_for_function("before => document.querySelector('.preview-count b')?.textContent !== before", arg=before)
    page.get_by_role("textbox", name="Risk up to").fill("60")
    assert high.input_value() == "60"
    assert page.locator(".score-bars rect.is-in").count() == 4
    low.fill("80")
    assert low.input_value() == "60", "the lower end stays below the upper one"
    low.fill("20")
    visitor.assert_accessible()
    visitor.screenshot("campaign-range")

from __future__ import annotations

import json

import pytest

from churn.campaigns.history import campaign_versions
from churn.campaigns.reading import load_campaign
from churn.views.insights import LATEST


def insight(rank, words, condition, rate, lift, customers, money, **more):
    return {
        "rank": rank,
        "sentence": f"{words[:1].upper()}{words[1:]}: {100 * rate:.0f} % churn.",
        "words": words,
        "note": None,
        "condition": condition,
        "features": condition.split()[:1],
        "churn_rate": rate,
        "interval": [rate - 0.01, rate + 0.02],
        "rest_rate": rate / lift,
        "lift": lift,
        "lift_interval": [lift - 0.3, lift + 0.4],
        "share": customers / 4_000,
        "customers": customers,
        "money_at_risk_monthly": money,
        "involuntary_share": 0.1,
        "searched_rate": rate,
        "tested_rows": 2_000,
        "tested_churned": 400,
        "tested_on": ["2026-05-01"],
        "p_value": 1e-9,
        "p_adjusted": 1e-8,
    } | more


FOUND = {
    "snapshot_date": "2026-06-01",
    "explored_at": "2026-06-01T00:00:00",
    "currency": "USD",
    "horizon_days": 30,
    "customers": 4_000,
    "churn_rate": 0.078,
    "headline": "No login for 14 days or more: 21 % of these customers leave, 5.0 times the rest.",
    "tally": "1,000 conditions were looked at, 3 tested on other data, 3 groups were confirmed.",
    "method": "Searched on earlier dates, tested on later ones.",
    "tested_on": ["2026-05-01"],
    "is_simulated": True,
    "notes": [],
    "insights": [
        insight(1, "no login for 14 days or more", "days_since_last_login >= 14", 0.21, 5.0, 800, 3_920.0),
        insight(
            2,
            "more than 2 failed payments in 60 days",
            "number_of_payment_failures_60d > 2",
            0.37,
            5.3,
            120,
            1_100.0,
            note="82 % of them are lost to the failed payment itself, not by decision: mend the payment before persuading.",
        ),
        insight(
            3,
            "more than 3 support tickets in 90 days and no login for 9 days or more",
            "support_tickets_90d > 3 and days_since_last_login >= 9",
            0.42,
            5.8,
            12,
            153.0,
            features=["support_tickets_90d", "days_since_last_login"],
        ),
    ],
}


@pytest.fixture
def explored(visitor):
    path = visitor.served.home / LATEST
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(FOUND), encoding="utf-8")
    yield visitor
    path.unlink()


def test_before_any_exploration_the_page_offers_one_and_asks_for_the_job(visitor):
    visitor.visit("/insights")
    visitor.see("Not explored yet")
    visitor.assert_accessible()
    visitor.screenshot("insights-empty")
    visitor.page.get_by_role("button", name="Explore the data").click()
    visitor.see("No scheduler is running: it waits until whoever runs churn starts one")
    with visitor.served.context.open_store() as store:
        assert store.jobs.latest("explore").state == "queued"


def test_insights_are_told_with_their_money_and_can_be_filtered(explored):
    explored.visit("/insights")
    explored.see(
        "No login for 14 days or more", "3 of 3 insights", "82 % of them are lost to the failed payment itself"
    )
    explored.assert_accessible()
    explored.screenshot("insights")
    explored.page.get_by_role("searchbox", name="About").fill("payment")
    explored.see("1 of 3 insights")
    assert explored.page.url.endswith("q=payment&order=money&kind=all")
    explored.page.get_by_role("searchbox", name="About").fill("walrus")
    explored.see("No insight is about that")
    explored.visit("/insights?kind=pair")
    explored.see("1 of 3 insights")
    explored.visit("/insights?order=churn")
    assert explored.page.locator(".insights h2").first.inner_text().startswith("More than 3 support tickets")


def test_an_insight_becomes_the_audience_of_a_draft(explored):
    explored.visit("/insights")
    explored.page.locator("#insight-1 summary").first.click()
    explored.page.get_by_label("Title of the campaign").first.fill("Wake the silent")
    explored.screenshot("insights-audience")
    explored.page.get_by_role("button", name="Make the draft").first.click()
    explored.page.wait_for_url("**/campaigns/wake_the_silent")
    kept = load_campaign(explored.served.home, "wake_the_silent")
    assert kept.audience.filter == "days_since_last_login >= 14"
    assert "Found by exploring the data" in kept.description
    (version,) = campaign_versions(explored.served.home, "wake_the_silent")
    assert version.who, "it says who made it, also where nobody owns it yet"


def test_a_title_that_is_taken_is_told_beside_the_field(explored):
    explored.allowed = ("422",)
    explored.visit("/insights")
    explored.page.locator("#insight-2 summary").first.click()
    explored.page.locator("#insight-2").get_by_label("Title of the campaign").fill("Support call")
    explored.page.locator("#insight-2").get_by_role("button", name="Make the draft").click()
    explored.see("There is a campaign `support_call` already")


def test_who_may_only_read_sees_insights_and_no_button_to_make_campaigns(explored, visitors):
    reader = visitors(explored.served).sign_in(["read"])
    reader.visit("/insights")
    reader.see("No login for 14 days or more")
    assert reader.page.get_by_text("Make it an audience").count() == 0

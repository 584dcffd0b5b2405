from __future__ import annotations

import json
import re

import pytest

from churn.bootstrap import build_context
from churn.config import load_settings
from churn.errors import ConfigError, NotFound
from churn.views.insights import latest_insights
from churn.workflows.explore import explore_data
from tests.company import copy_home

pytestmark = pytest.mark.xdist_group("company")


@pytest.fixture(scope="module")
def explored(finished_company, tmp_path_factory):
    """A copy of the finished company that was explored by the command line once."""

    from tests.company import Company

    home = tmp_path_factory.mktemp("explored") / "home"
    copy_home(finished_company.home, home)
    company = Company(home)
    return company, company.json("explore")


def test_the_three_findings_of_the_case_come_out_by_themselves(explored):
    _, document = explored
    found = {each["features"][0]: each for each in document["insights"] if len(each["features"]) == 1}
    assert found["days_since_last_login"]["condition"] == "days_since_last_login >= 14"
    assert found["days_since_last_login"]["churn_rate"] == pytest.approx(0.22, abs=0.03)
    assert found["days_since_last_login"]["lift"] > 3.9
    failed = found["number_of_payment_failures_60d"]
    assert failed["condition"] == "number_of_payment_failures_60d > 2"
    assert failed["interval"][0] < 0.36 < failed["interval"][1] + 0.03
    assert "failed payment itself" in failed["note"]
    # Of 4,000 customers few have several tickets, so where exactly the cut falls is chance.
    assert re.fullmatch(r"support_tickets_90d > [2-5]", found["support_tickets_90d"]["condition"])
    assert found["support_tickets_90d"]["lift"] > 1.8


def test_insights_are_ranked_by_money_tested_later_and_told_in_a_sentence(explored):
    _, document = explored
    money = [each["money_at_risk_monthly"] for each in document["insights"]]
    assert money == sorted(money, reverse=True)
    assert max(document["searched_on"]) < min(document["tested_on"])
    assert all(each["p_adjusted"] < 0.05 for each in document["insights"])
    first = document["insights"][0]
    assert re.fullmatch(
        r"No login for 14 days or more: \d+ % churn \(\d+ to \d+ %\), [\d.]+ times the rest, [\d.]+ % of customers, "
        r"\$[\d,]+ a month at risk\.",
        first["sentence"],
    )


def test_an_insight_is_an_audience_that_plan_accepts(explored):
    company, document = explored
    for each in document["insights"][:3]:
        told = company.run("explore", "--as-filter", str(each["rank"])).stdout
        assert f"# {each['sentence']}" in told
        campaign = company.home / "campaigns" / "found.toml"
        campaign.parent.mkdir(exist_ok=True)
        campaign.write_text(f'[campaign]\ntitle = "Found"\n\n{told}', encoding="utf-8")
        assert company.json("campaigns", "validate", "found")["is_valid"]
        planned = company.json("plan", "found", "--dry-run")
        assert planned["campaigns"][0]["treatment"] >= 0
    company.run("explore", "--as-filter", "99", code=2)


def test_the_profile_holds_every_column_and_no_customer(explored):
    company, document = explored
    columns = {column["name"]: column for column in document["profile"]}
    assert len(columns) > 90
    silent = columns["days_since_last_login"]
    assert silent["box"]["first"] <= silent["box"]["median"] <= silent["box"]["third"]
    held = sum(silent["histogram"]["counts"]) + silent["histogram"]["below"] + silent["histogram"]["above"]
    assert held == silent["rows"] - silent["missing"]
    assert sum(each["rows"] for each in silent["churn"]) == document["labelled_rows"]
    assert all(each["low"] <= each["churn_rate"] <= each["high"] for each in silent["churn"])
    assert {each["value"] for each in columns["payment_method"]["top"]} >= {"card", "wallet"}
    for name in ("exploration.html", "exploration.json"):
        text = (company.home / "reports" / name).read_text(encoding="utf-8")
        assert not re.search(r"\bC\d{7}\b", text), "a customer's id"
        assert len(text) < 3_000_000


def test_survival_and_retention_are_told_with_who_joined_before_the_records(explored):
    _, document = explored
    everyone = document["survival"]["groups"][0]
    shares = [point["share"] for point in everyone["points"]]
    assert shares == sorted(shares, reverse=True)
    assert 0 < shares[-1] < 0.3
    cohort = document["retention"][0]
    assert cohort["kept"][0]["share"] == pytest.approx(1.0, abs=0.05)
    assert [k["share"] for k in cohort["kept"]] == sorted((k["share"] for k in cohort["kept"]), reverse=True)


def test_a_date_beyond_the_data_and_a_wrong_ending_are_refused(explored, tmp_path):
    company, _ = explored
    context = build_context(settings=load_settings(config=company.home / "churn.toml", home=company.home, environ={}))
    with pytest.raises(ConfigError, match="beyond the data"):
        explore_data(context, on=context.today.replace(year=context.today.year + 9))
    with pytest.raises(ConfigError, match="cannot write"):
        explore_data(context, out=tmp_path / "page.pdf")


def test_without_outcomes_the_profile_is_told_and_nothing_is_claimed(explored, company):
    _, document = explored
    early = document["dates"][0]
    found = company.json("explore", "--date", early, "--out", str(company.home / "early.html"))
    assert found["insights"] == []
    assert found["churn_rate"] is None
    assert "no outcomes yet" in found["headline"]
    assert len(found["profile"]) > 90
    assert "Nobody can say yet" in (company.home / "early.html").read_text(encoding="utf-8")
    json.loads((company.home / "early.json").read_text(encoding="utf-8"))


def test_asking_for_insights_before_any_exploration_says_what_to_do(tmp_path):
    with pytest.raises(NotFound, match="churn explore"):
        latest_insights(tmp_path)

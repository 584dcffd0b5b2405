"""The demo's campaigns: planned, played and measured, with the truth beside."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import polars as pl
import pytest

from churn.bootstrap import build_context
from churn.cli.project import show_campaigns
from churn.workflows.demo import play_programme
from churn.workflows.demo.campaigns import CAMPAIGNS, DemoCampaigns, TrueEffect, run_campaigns, true_effect
from tests.company import Company, copy_home

pytestmark = pytest.mark.xdist_group("demo_campaigns")


@pytest.fixture(scope="module")
def home(finished_company: Company, tmp_path_factory: pytest.TempPathFactory) -> Company:

    home = tmp_path_factory.mktemp("campaigns") / "home"
    copy_home(finished_company.home, home)
    return Company(home)


@pytest.fixture(scope="module")
def campaigns(home: Company) -> DemoCampaigns:
    context = build_context(home=home.home)
    return run_campaigns(replace(context, clock=lambda: datetime(2026, 7, 1)))


def test_every_campaign_is_measured_beside_its_truth(campaigns: DemoCampaigns) -> None:
    assert {row.campaign for row in campaigns.measured} <= set(CAMPAIGNS)
    measured = [row for row in campaigns.measured if row.status == "measured"]
    assert measured
    for row in measured:
        assert row.effect is not None
        assert row.net_profit is not None
        assert row.effect.low <= row.effect.delta <= row.effect.high
        assert row.is_covered == (row.effect.low <= row.true_effect <= row.effect.high)
        assert row.net_profit.low <= row.net_profit.high
    assert any(row.is_covered for row in measured)


def test_contacts_answers_and_labels_agree_with_the_assignments(campaigns: DemoCampaigns) -> None:
    assigned = campaigns.plan.assignments
    treated = assigned.filter(arm="treatment")
    assert sum(campaigns.played.contacted.values()) == treated.height
    assert campaigns.outcomes is not None
    assert campaigns.outcomes.kinds["contacted"] == treated.height
    assert campaigns.outcomes.unmatched == campaigns.outcomes.rejected == 0
    held_out = assigned.filter(arm="holdout").join(campaigns.played.month.outcomes, on="customer_id")
    assert held_out["offer"].is_null().all()
    assert held_out["has_churned"].to_list() == held_out["churn_without_contact"].to_list()


def test_the_treated_are_pushed_and_the_held_out_are_not(campaigns: DemoCampaigns) -> None:
    pushed = "".join(path.read_text() for path in sorted(campaigns.files["lists"].rglob("*.csv")))
    arms = {arm: rows["customer_id"].to_list() for (arm,), rows in campaigns.plan.assignments.group_by("arm")}
    assert all(customer in pushed for customer in arms["treatment"])
    assert not any(customer in pushed for customer in arms["holdout"])


def test_the_answers_can_be_told_again_and_nothing_is_counted_twice(campaigns: DemoCampaigns, home: Company) -> None:
    again = home.json("outcomes", "import", str(campaigns.files["outcomes"]))
    assert again["new"] == 0


def test_the_table_shows_measured_and_true(campaigns: DemoCampaigns, capsys: pytest.CaptureFixture[str]) -> None:
    show_campaigns(campaigns, "USD")
    shown = capsys.readouterr().out
    assert "in truth" in shown
    assert all(row.campaign in shown for row in campaigns.measured)


def test_the_true_effect_is_that_of_the_treated_only() -> None:
    assigned = pl.DataFrame(
        {
            "campaign": ["fix_payment"] * 4,
            "customer_id": list("abcd"),
            "arm": ["treatment", "treatment", "treatment", "holdout"],
            "value_of_save": [10.0, 20.0, 40.0, 80.0],
        }
    )
    outcomes = pl.DataFrame(
        {
            "customer_id": list("abcd"),
            "churn_without_contact": [True, False, True, True],
            "churn_under_fix_payment": [False, True, True, False],
        }
    )
    assert true_effect("fix_payment", assigned, outcomes) == TrueEffect(effect=0.0, retained=-10.0)


def test_a_round_of_a_programme_is_played_beside_its_truth(home: Company, campaigns: DemoCampaigns) -> None:
    day = campaigns.played.month.cutoff_date
    played = play_programme(build_context(home=home.home), rounds=1)
    assert played.days == (day,)
    assert [offer.offer for offer in played.offers] == ["fix_payment", "support_call", "price_incentive"]
    contacted = [offer for offer in played.offers if offer.contacted]
    assert contacted
    for offer in contacted:
        assert offer.true_effect is not None
        assert -0.5 <= offer.true_effect <= 1.0
    assert {title for title, _ in played.believed}

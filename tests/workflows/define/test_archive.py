"""What is archived is hidden, planned no more and pushed no more; its figures stay, and it comes back as it was."""

from __future__ import annotations

import pytest

from churn.campaigns.history import campaign_versions, programme_versions
from churn.campaigns.programmes import load_programme
from churn.campaigns.reading import load_campaign
from churn.errors import CampaignError
from churn.jobs.requests import ask_plan
from churn.views.advice import advise, readable_campaigns
from churn.views.campaign_standing import campaign_rows
from churn.views.campaigns import list_campaigns, show_campaign
from churn.views.next_offers import NextOffers, next_best_offers
from churn.views.programmes import list_programmes
from churn.workflows.define import archive, keep_campaign, restore, validate_programmes
from churn.workflows.define.keeping import Saving
from churn.workflows.keep_campaigns import plan_programmes
from churn.workflows.keep_campaigns.keep import running_campaigns
from tests.workflows.plan.keeping import PROGRAMME, assigned, keep_in, plan
from tests.workflows.plan.town import DAY, Town


def names(town: Town, *, archived: bool = False) -> set[str]:
    return {row.name for row in list_campaigns(town.context, archived=archived)}


def test_an_archived_campaign_is_hidden_and_not_planned_and_comes_back_as_it_was(town: Town) -> None:
    town.campaign("call")
    file = town.home / "campaigns" / "call.toml"
    text = file.read_text()
    before = load_campaign(town.home, "call")
    town.plan("call")
    assert "call" in running_campaigns(town.context, DAY)
    day = archive(town.context, "campaigns", "call", who="maria", why="The offer is over.")
    assert f"archived = {day}" in file.read_text()
    known = load_campaign(town.home, "call")
    assert (known.archived, known.hash) == (day, before.hash)
    assert "call" not in names(town)
    assert names(town, archived=True) == {"call"}
    (row,) = [row for row in campaign_rows(town.context) if row.archived]
    assert (row.name, row.stage, row.is_changed_since) == ("call", "archived", False)
    assert show_campaign(town.context, "call").plans, "its plans stay"
    assert "call" not in running_campaigns(town.context, DAY)
    with pytest.raises(CampaignError, match="is archived since"):
        town.plan("call")
    with pytest.raises(CampaignError, match="is archived since"):
        ask_plan(town.context, "call", who="maria")
    assert [version.why for version in campaign_versions(town.home, "call")] == [None, "The offer is over."]
    assert restore(town.context, "campaigns", "call", who="maria")
    assert file.read_text() == text
    assert not restore(town.context, "campaigns", "call", who="maria"), "it is back already"
    assert "call" in running_campaigns(town.context, DAY)


def test_a_plan_of_all_campaigns_leaves_archived_ones_out(town: Town) -> None:
    town.campaign("call")
    for name in names(town) - {"call"}:
        archive(town.context, "campaigns", name, who="maria")
    assert set(town.plan().assignments["campaign"].unique()) == {"call"}


def test_nobody_is_advised_an_archived_campaign(town: Town) -> None:
    town.campaign("call")
    town.plan("call")
    with town.context.open_store() as store:
        customer = store.assignments.customers(["call"], arm="treatment")["customer_id"][0]
        rows = store.assignments.of_customers([customer])[customer]
    subject = {"expected_profit": 1.0, "risk_band": "high", "reasons": []}
    assert advise(subject, rows, readable_campaigns(town.context), {}).campaign == "call"  # type: ignore[arg-type]
    archive(town.context, "campaigns", "call", who="maria")
    assert advise(subject, rows, readable_campaigns(town.context), {}).campaign is None  # type: ignore[arg-type]


def test_a_campaign_whose_offer_competes_stays_until_its_programme_is_archived(town: Town) -> None:
    keep_in(town)
    with pytest.raises(CampaignError, match="competes in `keep`"):
        archive(town.context, "campaigns", "call", who="maria")
    archive(town.context, "programmes", "keep", who="maria")
    archive(town.context, "campaigns", "call", who="maria")
    restore(town.context, "programmes", "keep", who="maria")
    (complaint,) = validate_programmes(town.context)
    assert "`call` is archived" in complaint.what
    with pytest.raises(Exception, match="`call` is archived"):
        plan(town)


def test_an_archived_programme_plans_no_round_and_offers_nothing(town: Town) -> None:
    keep_in(town, PROGRAMME)
    plan(town)
    customers = assigned(town)["customer_id"].to_list()
    offers = NextOffers(town.context)
    assert next_best_offers(town.context, customers, offers)
    rounds = {name for name in running_campaigns(town.context, DAY) if name.startswith(("call_", "mail_"))}
    assert rounds
    archive(town.context, "programmes", "keep", who="maria")
    assert list_programmes(town.context) == []
    assert [row.name for row in list_programmes(town.context, archived=True)] == ["keep"]
    assert not rounds & set(running_campaigns(town.context, DAY))
    assert rounds <= {row.name for row in campaign_rows(town.context) if row.archived}
    assert next_best_offers(town.context, customers, NextOffers(town.context)) == {}
    assert plan_programmes(town.context).phrases == ()
    with pytest.raises(CampaignError, match="is archived since"):
        plan(town)
    assert load_programme(town.home, "keep").archived is not None
    assert [version.who for version in programme_versions(town.home, "keep")] == [None, "maria"]


def test_what_a_browser_sent_with_its_ends_of_lines_is_no_change_of_the_file_itself(town: Town) -> None:
    town.campaign("call")
    file = town.home / "campaigns" / "call.toml"
    text = file.read_text().replace("[campaign]", "# Checked.\n[campaign]", 1)
    keep_campaign(town.context, "call", text.replace("\n", "\r\n"), Saving("maria"))
    assert b"\r" not in file.read_bytes()
    archive(town.context, "campaigns", "call", who="jan")
    assert [version.who for version in campaign_versions(town.home, "call")] == [None, "maria", "jan"]

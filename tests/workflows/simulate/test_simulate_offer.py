"""A campaign simulated on its own terms comes to what its plan does, to the cent: causes, modifiers, harm, SQL, limits, holdout."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

from churn.campaigns.economics import economics_from
from churn.config import Settings
from churn.decisions.simulation_request import SimulationRequest
from churn.errors import CampaignError, ConfigError, DataError
from churn.snapshots.customer_terms import term_means, terms_of_settings
from churn.views.serving_files import FORMULAS, run_path
from churn.workflows.report.facts import decision_of
from churn.workflows.score.formula_values import published_formulas
from churn.workflows.simulate import simulate_campaign
from churn.workflows.simulate.live import Simulator
from tests.workflows.plan.town import DAY, PLAIN, SIZE, VALUE, Town, probabilities, score_frame
from tests.workflows.simulate.test_contact_rules import published
from tests.worlds import shipped_models

BY_CAUSE = """
[campaign]
title = "Help them pay"
window_days = 30

[audience]
filter = "has_unpaid_bill or support_tickets_90d >= 0"
max_probability = 0.7

[offer]
channel = "phone"
contact_cost = "case when customer_id_is_even then 2 else 1 end"
value_of_save = "20 * monthly_fee"
harm = { low = 0.0, expected = 0.002, high = 0.004 }

[offer.success]
voluntary = { low = 0.1, expected = 0.2, high = 0.3, scaled_by = "case when has_unpaid_bill then 1.5 else 0.5 end" }
involuntary = { low = 0.2, expected = 0.4, high = 0.6 }

[limits]
contacts = 150

[holdout]
share = 0.2
seed = 5
""".replace("customer_id_is_even", "has_unpaid_bill")


@pytest.fixture
def offering(town: Town) -> Town:
    town = published(town)
    town.campaign("calls", BY_CAUSE)
    town.campaign("plain", PLAIN)
    frame = score_frame()
    words = _facts(town)
    town.publish(run_id="r3", contact_facts=words, involuntary_probability=(0.3 * probabilities()).tolist())
    publish_formulas(town, frame["customer_id"], "r3")
    return town


def _facts(town: Town) -> list[str]:
    with town.context.open_store() as store:
        page = store.scores.page(limit=None, order=None, columns=["customer_id", "contact_facts"])
    return page.frame.sort("customer_id")["contact_facts"].to_list()


def publish_formulas(town: Town, ids: pl.Series, run_id: str) -> None:
    with town.context.open_warehouse("tests") as warehouse:
        values = published_formulas(town.context, warehouse, ids, DAY)
    assert values is not None
    path = run_path(town.home, run_id) / FORMULAS
    path.parent.mkdir(parents=True, exist_ok=True)
    values.write_parquet(path)


@pytest.mark.parametrize("name", ["calls", "plain"])
@pytest.mark.parametrize("amount", [{}, {"budget": 90.0}, {"contacts": 40}])
def test_simulator_page_and_plan_agree_on_a_campaigns_own_terms(offering, name, amount):
    request = SimulationRequest(campaign=name, **amount)
    document = simulate_campaign(offering.context, request)
    page = Simulator(offering.context).answer(request).document
    assert page == document
    if "contacts" in amount:
        text = (
            BY_CAUSE.replace("contacts = 150", "contacts = 40")
            if name == "calls"
            else PLAIN + "\n[limits]\ncontacts = 40\n"
        )
        offering.campaign(name, text)
    plan = offering.document(name, is_dry_run=True, budget=amount.get("budget"))
    assert 0 < document.contacts < SIZE
    assert document.contacts == plan.expected.contacts
    assert document.net_profit == pytest.approx(plan.expected.profit, abs=0.01)
    assert document.cost == pytest.approx(plan.expected.cost, abs=0.01)
    assert document.retained == pytest.approx(plan.expected.saves, abs=0.06)  # rounded there
    last = document.funnel[-1]
    assert (last.customers, last.expected_profit) == (document.contacts, document.net_profit)
    assert document.offer is not None
    assert {reason.rule: reason.removed for reason in last.reasons}["held_out"] == document.offer.held_out > 0
    assert document.net_profit_interval.low < document.net_profit < document.net_profit_interval.high


def test_the_document_says_what_the_offer_is_believed_to_do(offering):
    offer = simulate_campaign(offering.context, SimulationRequest(campaign="calls")).offer
    assert offer is not None
    assert [rate.acts_on for rate in offer.rates] == ["voluntary", "involuntary", "harm"]
    assert set(offer.terms_by_customer) == {"contact_cost", "value_of_save", "voluntary_modifier"}
    plain = simulate_campaign(offering.context, SimulationRequest())
    assert plain.offer is None
    assert "offer" not in plain.as_json()


def test_amounts_of_the_request_replace_the_files(offering):
    dear = simulate_campaign(offering.context, SimulationRequest(campaign="plain", contact_cost=10.0))
    offering.campaign("plain", PLAIN.replace("contact_cost = 2", "contact_cost = 10"))
    assert dear.net_profit == pytest.approx(offering.document("plain", is_dry_run=True).expected.profit, abs=0.01)


def test_by_a_threshold_everybody_from_it_up_who_may_be_contacted_is(offering):
    document = simulate_campaign(offering.context, SimulationRequest(campaign="plain", threshold=0.5))
    assert document.threshold is not None
    assert document.threshold >= 0.5
    allowed = simulate_campaign(offering.context, SimulationRequest(threshold=0.5)).contacts
    assert document.contacts == allowed


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"campaign": "calls", "margin": 3.0}, "cannot be given for a campaign"),
        ({"campaign": "calls", "success_rate": 0.3}, "states its success by cause"),
        ({"campaign": "calls", "on": "evaluation"}, "published scores"),
        ({"programme": "keep"}, "several offers"),
    ],
)
def test_what_a_campaigns_file_decides_cannot_be_asked(offering, request_, words):
    with pytest.raises(ConfigError, match=words):
        simulate_campaign(offering.context, SimulationRequest(**request_))


def test_an_unknown_campaign_and_sql_newer_than_the_list_are_refused(offering):
    with pytest.raises(CampaignError, match="no campaign `call`"):
        simulate_campaign(offering.context, SimulationRequest(campaign="call"))
    offering.campaign("calls", BY_CAUSE.replace("then 2 else", "then 3 else"))
    with pytest.raises(DataError, match="was not evaluated for the list"):
        simulate_campaign(offering.context, SimulationRequest(campaign="calls"))


COST = "case when has_unpaid_bill then 3 else 0.5 end"


def test_terms_of_the_settings_may_be_sql_too(offering):
    town = Town(offering.home, simulation={"draws": 300, "contact_cost": COST, "success_rate": 0.3})
    publish_formulas(town, score_frame()["customer_id"], "r3")
    document = simulate_campaign(town.context, SimulationRequest())
    assert document.offer is not None
    assert (document.offer.campaign, document.offer.terms_by_customer) == (None, ("contact_cost",))
    assert Simulator(town.context).answer(SimulationRequest()).document == document
    cost = np.array([3.0 if i % 3 == 0 else 0.5 for i in range(SIZE)])
    profit = 0.3 * probabilities() * VALUE - cost
    allowed = simulate_campaign(town.context, SimulationRequest(threshold=0.0)).contacts
    assert document.contacts <= allowed < SIZE
    assert document.funnel[0].expected_profit == pytest.approx(profit.sum(), abs=0.01)
    assert document.funnel[1].customers == (profit > 0).sum()
    plain = simulate_campaign(town.context, SimulationRequest(contact_cost=2.0))
    assert plain.offer is None  # every term is a number again
    with pytest.raises(ConfigError, match="holds SQL"):
        simulate_campaign(town.context, SimulationRequest(months=3))


def test_where_one_number_is_needed_sql_stands_for_its_mean(offering):
    settings = Settings.model_validate({"home": offering.home, "simulation": {"contact_cost": COST}})
    keys = score_frame().select("customer_id", pl.lit(DAY).alias("snapshot_date"))
    with offering.context.open_warehouse("tests") as warehouse:
        terms = terms_of_settings(warehouse, shipped_models(), settings.simulation.formulas, keys)
        means = term_means(warehouse, shipped_models(), settings.simulation.formulas)
        with pytest.raises(ConfigError, match=r"\[simulation\] contact_cost"):
            terms_of_settings(warehouse, shipped_models(), {"contact_cost": "has_unpaid_bil"}, keys)
    assert terms.terms.contact_cost is not None
    assert terms.terms.contact_cost.tolist() == [3.0 if i % 3 == 0 else 0.5 for i in range(SIZE)]
    assert economics_from(settings, means).contact_cost == pytest.approx(means["contact_cost"])
    assert means["contact_cost"] == pytest.approx(terms.terms.contact_cost.mean())


WORTH = "case when has_unpaid_bill then 20.5 else 3 * monthly_fee + 40 end"
SAME = PLAIN.replace("[holdout]\nshare = 0.2", "[holdout]\nshare = 0.0")


def _worth(town: Town, formula: str) -> pl.Series:
    keys = score_frame().select("customer_id", pl.lit(DAY).alias("snapshot_date"))
    with town.context.open_warehouse("tests") as warehouse:
        terms = terms_of_settings(warehouse, shipped_models(), {"value_of_save": formula}, keys).terms
    assert terms.value_of_save is not None
    return pl.Series(terms.value_of_save)


@pytest.mark.parametrize("stated", [35.5, WORTH])
@pytest.mark.parametrize("budget", [None, 60.0])
def test_simulator_page_report_and_plan_agree_where_the_settings_say_what_a_save_is_worth(offering, stated, budget):
    terms = {"draws": 300, "contact_cost": 2.0, "success_rate": 0.4, "success_rate_low": 0.3, "success_rate_high": 0.5}
    town = Town(offering.home, simulation={**terms, "value_of_save": stated})
    values = _worth(town, WORTH) if isinstance(stated, str) else pl.Series([stated] * SIZE)
    assert values.n_unique() == (2 if isinstance(stated, str) else 1)
    town.publish(run_id="r4", contact_facts=_facts(town), value_of_save=values)  # as scoring would
    publish_formulas(town, score_frame()["customer_id"], "r4")
    town.campaign("same", SAME)  # which says nothing of what a save is worth
    plan = town.document("same", is_dry_run=True, budget=budget).expected
    report = decision_of(simulate_campaign(town.context, SimulationRequest(budget=budget)))
    page = Simulator(town.context).answer(SimulationRequest(budget=budget)).document
    by_campaign = simulate_campaign(town.context, SimulationRequest(campaign="same", budget=budget))
    assert 0 < plan.contacts < SIZE
    for door in (report, page, by_campaign):
        assert door.contacts == plan.contacts
        assert (door.cost, door.net_profit) == pytest.approx((plan.cost, plan.profit), abs=0.01)
    margin = simulate_campaign(town.context, SimulationRequest(margin=25.0, budget=budget))  # given, it goes first
    assert margin.value_of_save == pytest.approx(69.16, abs=0.01)


def test_what_sql_of_the_settings_says_is_not_known_of_past_customers(offering):
    town = Town(offering.home, simulation={"draws": 300, "contact_cost": COST, "value_of_save": WORTH})
    with pytest.raises(ConfigError, match="past customers are kept without the features") as caught:
        simulate_campaign(town.context, SimulationRequest(on="evaluation"))
    assert caught.value.where == "[simulation] contact_cost, value_of_save"
    assert caught.value.remedy == "Give one number for all: --contact-cost AMOUNT --value AMOUNT."


@pytest.mark.parametrize(
    ("formula", "what", "remedy"),
    [
        ("3 * monthly_fe", "no feature `monthly_fe`", "Did you mean `monthly_fee`?"),
        ("plan", "`value_of_save` gives varchar, not a number", "Write a value such as"),
        ("sum(monthly_fee)", "`sum` may not be used in a term", "Use comparisons, arithmetic"),
    ],
)
def test_a_wrong_value_of_the_settings_is_refused_by_name(offering, formula, what, remedy):
    with pytest.raises(ConfigError, match=re.escape(what)) as caught:
        _worth(offering, formula)
    assert caught.value.where == "[simulation] value_of_save"
    assert remedy in str(caught.value.remedy)

"""The simulator counts whom one may contact, by the rules and to the cent of a plan on the same terms."""

from __future__ import annotations

import polars as pl
import pytest

from churn.decisions.simulation_request import SimulationRequest
from churn.snapshots.dates import data_cutoff
from churn.workflows.plan.rules import facts_from_words, facts_in_words, read_facts
from churn.workflows.simulate import simulate_campaign
from churn.workflows.simulate.live import Simulator
from tests.workflows.plan.town import DAY, NOW, PLAIN, SIZE, Town, customer, score_frame

FREE = PLAIN.replace("[holdout]\nshare = 0.2", "[holdout]\nshare = 0.0")
SAME = SimulationRequest(contact_cost=2, success_rate=0.4, success_rate_low=0.3, success_rate_high=0.5, value=100)


def published(town: Town, **sections: object) -> Town:
    """Publish the town's scores with what is known of contacting its customers, as scoring does."""
    town = Town(town.home, **sections)
    ids = score_frame()["customer_id"]
    with town.context.open_warehouse("tests") as warehouse:
        words = facts_in_words(ids, read_facts(town.context, warehouse, ids, DAY, NOW, reached=data_cutoff(warehouse)))
    town.publish(run_id="r2", contact_facts=words.to_list())
    return town


def steps(document) -> dict[str, tuple[float, dict[str, int]]]:
    return {
        step.step: (step.customers, {reason.rule: reason.removed for reason in step.reasons})
        for step in document.funnel
    }


@pytest.mark.parametrize("budget", [None, 60.0])
def test_simulator_page_and_plan_agree_to_the_cent(town, budget):
    town = published(town)
    town.campaign("calls", FREE)
    request = SimulationRequest(**{**vars(SAME), "budget": budget})
    document = simulate_campaign(town.context, request)
    page = Simulator(town.context).answer(request).document
    plan = town.document("calls", is_dry_run=True, budget=budget)
    assert 0 < document.contacts < SIZE
    for simulated in (document, page):
        assert simulated.contacts == plan.expected.contacts
        assert simulated.net_profit == pytest.approx(plan.expected.profit, abs=0.01)
        assert simulated.cost == pytest.approx(plan.expected.cost, abs=0.01)
        assert simulated.funnel == document.funnel


def test_the_funnel_names_each_reason_and_ends_at_those_contacted(town):
    town = published(town, campaigns={"global_holdout_share": 0.1})
    found = steps(simulate_campaign(town.context, SAME))
    assert found["scored"] == (SIZE, {})
    assert set(found["allowed"][1]) == {"no_consent", "objected"}
    assert set(found["rested"][1]) == {"contacted_recently"}
    assert found["not_held_out"][1]["global_holdout"] > 0
    assert found["chosen"][0] == found["not_held_out"][0]
    settings = {"simulation": {"draws": 300, "skip_open_tickets": True, "requires_consent": False}}
    found = steps(simulate_campaign(published(town, **settings).context, SAME))
    assert set(found["allowed"][1]) == {"objected"}
    assert set(found["rested"][1]) == {"contacted_recently", "open_ticket"}


def test_whoever_objects_after_the_scoring_is_not_counted(town):
    town = published(town)
    simulator = Simulator(town.context)
    before = simulate_campaign(town.context, SAME)
    p = score_frame()["churn_probability"]
    somebody = customer(next(i for i in range(1, SIZE) if p[i] > 0.3 and i % 10 not in {3, 4} and i % 11))
    assert simulator.answer(SAME).document.contacts == before.contacts
    with town.context.open_store() as store:
        contacts = store.published.contact_counts()
        store.privacy.note_objection(somebody, who="test", at=NOW)
        assert store.published.contact_counts() != contacts
    after = simulate_campaign(town.context, SAME)
    assert after.contacts == before.contacts - 1
    assert Simulator(town.context).answer(SAME).document.net_profit == after.net_profit


def test_scores_without_contact_facts_say_so_and_leave_nobody_out_for_consent(town):
    document = simulate_campaign(town.context, SAME)
    assert "contact_facts_unknown" in {caveat.code for caveat in document.audit}
    assert "no_consent" not in steps(document)["allowed"][1]


def test_facts_are_read_back_as_they_were(town):
    ids = score_frame()["customer_id"]
    with town.context.open_warehouse("tests") as warehouse:
        facts = read_facts(town.context, warehouse, ids, DAY, NOW, reached=data_cutoff(warehouse))
    again = facts_from_words(pl.DataFrame({"customer_id": ids, "contact_facts": facts_in_words(ids, facts)}))
    for name in ("has_agreed", "has_objected", "has_left", "is_waiting"):
        assert (getattr(again, name) == getattr(facts, name)).all(), name
    day = pl.col("contacted_at").dt.date()
    known = facts.contacted.filter(pl.col("customer_id").is_in(ids.implode())).select("customer_id", day)
    assert again.contacted.select("customer_id", day).sort("customer_id").equals(known.sort("customer_id"))

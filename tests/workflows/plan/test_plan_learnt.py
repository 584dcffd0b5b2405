"""Plans go by what earlier rounds of the offer taught, say so beside the file, and drop an offer found to do harm."""

from __future__ import annotations

import numpy as np
import pytest

from churn.campaigns.learning import learning_of
from churn.decisions.effect import Evidence
from churn.decisions.recalibration import see_level
from churn.decisions.simulation_request import SimulationRequest
from churn.documents.definition import Offer
from churn.store import open_store
from churn.workflows.simulate import simulate_campaign
from tests.documents.samples import measurement_document
from tests.workflows.plan.keeping import keep_in
from tests.workflows.plan.town import NOW, PLAIN, VALUE, customer, probabilities
from tests.workflows.simulate.test_contact_rules import published


def teach(town, rate: float, *, precision: float = 1e4, campaign: str = "calls_1", levels=()) -> None:
    """Let a round of the offer be planned and measured to have that success rate, surely."""
    town.campaign(campaign, PLAIN.replace("window_days = 30", "window_days = 30\nowner = 'x'"))
    if campaign != "calls":
        town.plan(campaign, budget=20)
    offer = Offer.model_validate(
        {"success_rate_low": 0.3, "success_rate_expected": 0.4, "success_rate_high": 0.5, "contact_cost": 2}
    )
    evidence = Evidence(("all",), ((precision,),), (precision * rate,), 500, 500, 0.0, 1.0)
    document = measurement_document(campaign, learnt=learning_of(offer, evidence, [], levels))
    with open_store(town.settings.database_url) as store:
        store.measurements.save(campaign, ["p"], document, is_mature=True, measured_at=NOW)


def test_the_next_round_is_priced_by_what_was_measured_and_says_so_beside_the_file(town) -> None:
    town.campaign("calls")
    before = town.document("calls", is_dry_run=True)
    teach(town, 0.18)
    plan = town.plan("calls", is_dry_run=True)
    (rate,) = plan.document.campaigns[0].effect
    assert rate.expected == pytest.approx(0.18, abs=0.01)
    assert (rate.rounds, rate.file_expected) == (1, 0.4)
    p = {customer(n): value for n, value in enumerate(probabilities())}
    rows = plan.assignments.filter(campaign="calls").select("customer_id", "expected_profit")
    for name, profit in rows.iter_rows():
        assert profit == pytest.approx(rate.expected * p[name] * VALUE - 2, abs=1e-3)
    assert plan.document.expected.profit < before.expected.profit
    told = [sentence for sentence in plan.document.sentences if "goes by what was measured" in sentence]
    assert "measured 18 %" in told[0]
    assert "from 1 round, the file says 40 %" in told[0]


def test_an_offer_measured_to_do_harm_contacts_nobody(town) -> None:
    town.campaign("calls")
    teach(town, -0.2, precision=2e3)
    document = town.document("calls", is_dry_run=True)
    assert document.campaigns[0].chosen == 0
    assert document.campaigns[0].effect[0].expected < 0


def test_a_plan_is_made_anew_once_something_was_learnt(town) -> None:
    town.campaign("calls")
    town.plan("calls")
    assert town.document("calls").stands_since is not None
    teach(town, 0.3, campaign="calls")
    assert town.document("calls", is_dry_run=True).stands_since is None


@pytest.mark.parametrize("rate", [0.4, 0.8])
def test_other_offers_that_keep_what_their_files_say_teach_nothing(town, rate) -> None:
    town.campaign("calls")
    teach(town, rate, campaign="letters_1")
    assert town.document("calls", is_dry_run=True).campaigns[0].effect == ()


def test_where_other_offers_are_shown_to_harm_an_offer_begins_with_less_than_its_file_says(town) -> None:
    town = published(town)
    town.campaign("calls")
    before = town.document("calls", is_dry_run=True)
    for campaign in ("letters_1", "visits_1"):
        teach(town, -0.2, campaign=campaign)
    document = town.document("calls", is_dry_run=True)
    (rate,) = document.campaigns[0].effect
    assert (rate.rounds, rate.file_expected) == (0, 0.4)
    assert rate.expected == pytest.approx(0.4 * 0.29, abs=0.005)  # by share_kept: 0 +- .29 of their files
    assert document.campaigns[0].chosen < before.campaigns[0].chosen
    (said,) = [sentence for sentence in document.sentences if "other measured offers kept" in sentence]
    assert said.startswith("`calls` begins with 29 % of what its file says")
    simulated = simulate_campaign(town.context, SimulationRequest(campaign="calls"))
    assert simulated.net_profit == pytest.approx(document.expected.profit, abs=0.01)


def test_a_plan_counts_with_the_level_that_rounds_of_any_offer_showed_and_says_so(town) -> None:
    town.campaign("calls")
    before = town.plan("calls", is_dry_run=True)
    p = np.full(40_000, 0.2)
    fewer = see_level(
        np.arange(p.size) < 6_000,  # 15 % left where 20 % were expected
        p,
        np.zeros(p.size),
        model_version=before.document.model_version,
        day=before.document.snapshot_date,
        window_days=30,
    )
    teach(town, 0.3, campaign="letters_1", levels=[fewer])
    plan = town.plan("calls", is_dry_run=True)
    said = [sentence for sentence in plan.document.sentences if "leavers than the model said" in sentence]
    assert len(said) == 1
    assert said[0].startswith(
        "The last measured round showed 25 % fewer leavers than the model said (6,000 left of 40,000"
    )
    assert said[0].endswith("8,000 were expected): this plan counts with that.")
    was, now = (
        dict(made.assignments.filter(campaign="calls").select("customer_id", "expected_profit").iter_rows())
        for made in (before, plan)
    )
    listed = {customer(n): value for n, value in enumerate(probabilities())}
    for name in set(was) & set(now):
        factor = (now[name] + 2) / (was[name] + 2)  # a contact costs 2 whatever the probability
        assert 0.6 < factor < 0.9, listed[name]
    assert plan.document.expected.profit < before.document.expected.profit


def test_another_models_level_changes_nothing(town) -> None:
    town.campaign("calls")
    p = np.full(40_000, 0.2)
    seen = see_level(np.arange(p.size) < 6_000, p, np.zeros(p.size), model_version="another", window_days=30)
    teach(town, 0.3, campaign="letters_1", levels=[seen])
    said = " ".join(town.document("calls", is_dry_run=True).sentences)
    assert "than the model said" not in said


def test_a_round_of_a_programme_says_so_too(town) -> None:
    keep_in(town)
    p = np.full(40_000, 0.2)
    version = town.plan("keep", is_dry_run=True).document.model_version
    more = see_level(np.arange(p.size) < 10_000, p, np.zeros(p.size), model_version=version, window_days=30)
    teach(town, 0.3, campaign="letters_1", levels=[more])
    sentences = town.plan("keep", is_dry_run=True).round.sentences
    assert any("showed 25 % more leavers than the model said" in sentence for sentence in sentences)

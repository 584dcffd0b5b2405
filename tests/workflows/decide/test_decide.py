from __future__ import annotations

import json
from datetime import date, timedelta

import polars as pl
import pytest

from churn.errors import CampaignError, NotFound
from churn.store import MomentDecision, open_store
from churn.workflows.approve import approve_round
from churn.workflows.decide import Deciders, MomentRequest
from churn.workflows.measure import take_outcomes
from tests.workflows.plan.keeping import APPROVAL, PROGRAMME, keep_in, logged, plan, write
from tests.workflows.plan.town import Town, score_frame, score_run


@pytest.fixture
def keep(town: Town) -> Town:
    keep_in(town)
    plan(town)
    return town


def decided(town: Town, customer: str, *, key: str | None = None, moment: str = "call") -> MomentDecision:
    return Deciders(town.context).decide(MomentRequest("keep", customer, moment, "desk", key))


def one_of(town: Town, *conditions: pl.Expr) -> dict[str, object]:
    row: dict[str, object] = logged(town).filter(*conditions).row(0, named=True)
    return row


CONTACTED = pl.col("arm") != "leave_alone"


def test_the_offer_drawn_is_the_answer_with_its_probability(keep: Town) -> None:
    row = one_of(keep, CONTACTED, ~pl.col("is_random"))
    answer = decided(keep, str(row["customer_id"]))
    chances = json.loads(str(row["probabilities"]))
    place = ["call", "mail", "leave_alone"].index(str(row["arm"]))
    assert (answer.arm, answer.reason) == (row["arm"], "best_offer")
    assert answer.probability == pytest.approx(chances[place], abs=1e-6)
    drawn = one_of(keep, CONTACTED, pl.col("is_random"))
    assert decided(keep, str(drawn["customer_id"])).reason == "by_chance"


def test_holdout_strangers_and_those_left_alone_get_nothing(keep: Town) -> None:
    held = one_of(keep, pl.col("is_holdout"))
    assert (decided(keep, str(held["customer_id"])).arm, decided(keep, str(held["customer_id"])).reason) == (
        "leave_alone",
        "holdout",
    )
    alone = one_of(keep, ~CONTACTED, ~pl.col("is_holdout"))
    assert decided(keep, str(alone["customer_id"])).reason == "better_left_alone"
    stranger = decided(keep, "nobody")
    assert (stranger.arm, stranger.reason, stranger.probability) == ("leave_alone", "not_in_round", None)


def test_an_objection_and_a_contact_since_forbid_the_offer(keep: Town) -> None:
    rows = logged(keep).filter(CONTACTED)["customer_id"].to_list()
    with open_store(keep.settings.database_url) as store:
        store.privacy.note_objection(rows[0], who="tests", at=keep.now)
    assert decided(keep, rows[0]).reason == "objected"
    event = {"event_id": "e1", "occurred_at": keep.now.isoformat()}
    campaign = f"{one_of(keep, pl.col('customer_id') == rows[2])['arm']}_20260301"
    take_outcomes(
        keep.context,
        [
            {"customer_id": rows[1], "campaign": "other", "kind": "contacted", **event},
            {"customer_id": rows[2], "campaign": campaign, "kind": "contacted", **event},
            {"customer_id": rows[3], "campaign": "other", "kind": "unsubscribed", **event},
        ],
        source="tests",
    )
    assert decided(keep, rows[1]).reason == "contacted_recently"
    assert decided(keep, rows[2]).arm != "leave_alone"  # their own offer is no other contact
    assert decided(keep, rows[3]).reason == "objected"
    keep.now += timedelta(days=40)
    assert decided(keep, rows[4]).reason == "round_over"


def test_an_objection_and_a_consent_taken_back_in_the_data_forbid_the_offer(keep: Town) -> None:
    rows = logged(keep).filter(CONTACTED)["customer_id"].to_list()
    said = {rows[0]: "agreed objected", rows[1]: "refused", rows[2]: "agreed"}
    frame = score_frame()
    facts = [said.get(name) for name in frame["customer_id"]]
    with open_store(keep.settings.database_url) as store:
        store.scores.publish(score_run(date(2026, 3, 2), "r2"), frame.with_columns(pl.Series("contact_facts", facts)))
    assert [decided(keep, name).reason for name in rows[:2]] == ["objected", "no_consent"]
    assert {decided(keep, name).arm for name in rows[2:4]} <= {"call", "mail"}


def test_whoever_left_since_or_waits_for_an_answer_gets_nothing(keep: Town) -> None:
    rows = logged(keep).filter(CONTACTED)["customer_id"].to_list()
    said = {rows[0]: "agreed left", rows[2]: "agreed waiting"}
    frame = score_frame().filter(pl.col("customer_id") != rows[1])  # who left is scored no more
    facts = [said.get(name, "agreed") for name in frame["customer_id"]]
    with open_store(keep.settings.database_url) as store:
        store.scores.publish(score_run(date(2026, 3, 2), "r2"), frame.with_columns(pl.Series("contact_facts", facts)))
    assert [decided(keep, name).reason for name in rows[:2]] == ["not_active", "not_active"]
    assert decided(keep, rows[2]).arm != "leave_alone"  # neither offer leaves those alone who wait


def test_an_offer_that_leaves_those_alone_who_wait_is_not_made_to_them(town: Town) -> None:
    keep_in(town)
    for name in ("call", "mail"):
        path = town.home / "campaigns" / f"{name}.toml"
        path.write_text(path.read_text() + "\n[audience]\nskip_open_tickets = true\n")
    plan(town)
    who = str(one_of(town, CONTACTED)["customer_id"])
    facts = pl.Series("contact_facts", ["agreed waiting"] * score_frame().height)
    with open_store(town.settings.database_url) as store:
        store.scores.publish(score_run(date(2026, 3, 2), "r2"), score_frame().with_columns(facts))
    assert decided(town, who).reason == "open_ticket"


def test_whoever_was_erased_is_a_stranger_and_nothing_is_kept_of_them(keep: Town) -> None:
    who = str(one_of(keep, CONTACTED)["customer_id"])
    deciders = Deciders(keep.context)
    request = MomentRequest("keep", who, "call", "desk", "k1")
    assert deciders.decide(request).probability is not None
    with open_store(keep.settings.database_url) as store:
        store.privacy.erase(who, at=keep.now)
    answer = deciders.decide(request)  # the round is held in memory, with what they drew
    assert (answer.arm, answer.reason, answer.probability) == ("leave_alone", "not_in_round", None)
    with open_store(keep.settings.database_url) as store:
        assert store.programmes.decisions("keep") == []


def test_the_same_key_is_answered_alike_and_kept_once(keep: Town) -> None:
    who = str(one_of(keep, CONTACTED)["customer_id"])
    first = decided(keep, who, key="k1")
    with open_store(keep.settings.database_url) as store:
        store.privacy.note_objection(who, who="tests", at=keep.now)
    keep.now += timedelta(hours=1)
    assert decided(keep, who, key="k1") == first
    assert decided(keep, who, key="k2").reason == "objected"
    with open_store(keep.settings.database_url) as store:
        assert len(store.programmes.decisions("keep")) == 2
    with pytest.raises(CampaignError, match="came with another request"):
        decided(keep, who, key="k1", moment="cancel_click")


def test_a_draft_decides_nothing_until_it_is_approved(town: Town) -> None:
    keep_in(town, PROGRAMME + APPROVAL)
    plan(town)
    who = str(one_of(town, CONTACTED)["customer_id"])
    deciders = Deciders(town.context)
    with pytest.raises(NotFound, match="has no approved round"):
        deciders.decide(MomentRequest("keep", who, "call", "desk"))
    approve_round(town.context, "keep", who="ada")
    assert Deciders(town.context).decide(MomentRequest("keep", who, "call", "desk")).arm != "leave_alone"
    write(town)

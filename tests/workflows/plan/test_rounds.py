"""Rounds of a programme in the town: drafts, approval, the log of probabilities, limits, and offers that are off."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from churn.campaigns.measurement_words import ALARM
from churn.campaigns.programme_words import OFFER_OFF
from churn.campaigns.random_slice import RANDOM_STRATUM
from churn.documents.document import Range
from churn.documents.measurement import OfferLearning
from churn.errors import CampaignError, ConfigError, NotFound
from churn.store import PlanRecord, open_store
from churn.views.programmes import list_programmes, show_programme
from churn.workflows.approve import approve_round, reject_round
from churn.workflows.keep_campaigns import plan_programmes
from churn.workflows.report.campaign_facts import campaign_facts
from churn.workflows.report.month import Month
from tests.documents.samples import measurement_document
from tests.workflows.plan.keeping import APPROVAL, MAIL, PROGRAMME, assigned, keep_in, logged, plan, write
from tests.workflows.plan.town import DAY, VALUE, Town, score_frame, score_run


@pytest.fixture
def keep(town: Town) -> Town:
    return keep_in(town)


def test_without_approval_a_round_assigns_at_once_within_every_limit(keep: Town) -> None:
    document = plan(keep)
    rows = assigned(keep)
    treated = rows.filter(arm="treatment")
    assert rows["customer_id"].n_unique() == rows.height  # one assignment at a time
    assert set(rows["campaign"]) == {"call_20260301", "mail_20260301"}
    assert float(treated["contact_cost"].sum()) <= 150
    assert treated.filter(campaign="call_20260301").height <= 30
    assert document.committed == pytest.approx(float(treated["contact_cost"].sum()))
    assert [arm.offer for arm in document.arms] == ["call", "mail", "leave_alone"]
    assert sum(arm.contacted for arm in document.arms) == treated.height
    with open_store(keep.settings.database_url) as store:
        (kept,) = store.programmes.rounds("keep")
        assert (kept.state, kept.decided_by, kept.note) == ("approved", None, "no approval is required")
        plans = {plan.campaign: plan for plan in store.plans.list()}
    assert plans["call_20260301"].inputs.programme == "keep"


def test_everybody_eligible_is_logged_with_the_probability_of_every_arm(keep: Town) -> None:
    document = plan(keep)
    log, rows = logged(keep), assigned(keep)
    assert log.height == document.eligible > rows.height
    for row in log.iter_rows(named=True):
        chances = dict(zip(["call", "mail", "leave_alone"], json.loads(row["probabilities"]), strict=True))
        assert sum(chances.values()) == pytest.approx(1.0, abs=1e-6)
        assert chances[row["arm"]] > 0.0
        best = 0.5 * row["churn_probability"] * VALUE  # where the call succeeds as often as its file thinks possible
        assert (chances["call"] > 0.0) == (best >= 2.0)  # the slice reaches every arm that can pay
        assert len(json.loads(row["expected_profits"])) == 3
    drawn = log.filter("is_random")
    assert drawn.height == document.random_slice.customers
    assert log.filter(pl.col("offer").is_not_null()).height == rows.height
    joined = log.join(rows, on="customer_id", suffix="_there")
    assert (joined["value_of_save"] == VALUE).all()
    assert (joined.filter("is_random")["stratum"] == RANDOM_STRATUM).all()
    assert (joined.filter(arm_there="holdout")["arm"] == "leave_alone").all()


def test_the_holdout_of_a_round_is_its_share_and_is_not_contacted(keep: Town) -> None:
    write(keep, "[offers.mail]\n[holdout]\nshare = 0.3\n[random_slice]\nshare = 0\n")
    plan(keep)
    rows = assigned(keep)
    assert rows.filter(arm="holdout").height / rows.height == pytest.approx(0.3, abs=0.01)
    held = logged(keep).filter("is_holdout")
    assert set(held["customer_id"]) == set(rows.filter(arm="holdout")["customer_id"])
    assert (held["arm"] == "leave_alone").all()


def test_a_draft_assigns_nobody_until_it_is_approved(keep: Town) -> None:
    write(keep, PROGRAMME + APPROVAL)
    document = plan(keep)
    assert document.is_draft
    assert assigned(keep).is_empty()
    assert list_programmes(keep.context)[0].waiting == 1
    published = approve_round(keep.context, "keep", who="ada", note="fine")
    rows = assigned(keep)
    assert rows.height == published.treatment + published.holdout
    assert rows.height == logged(keep)["offer"].drop_nulls().len()
    shown = show_programme(keep.context, "keep")
    assert (shown.rounds[0].state, shown.rounds[0].decided_by, shown.waiting) == ("approved", "ada", None)
    with pytest.raises(CampaignError, match="is approved by ada, not a draft"):
        approve_round(keep.context, "keep", 1, who="ada")


def test_whoever_objects_before_the_approval_is_left_out(keep: Town) -> None:
    write(keep, PROGRAMME + APPROVAL)
    plan(keep)
    who = logged(keep)["customer_id"].filter(logged(keep)["offer"].is_not_null())[0]
    with open_store(keep.settings.database_url) as store:
        store.privacy.note_objection(who, who="tests", at=keep.now)
    assert approve_round(keep.context, "keep", who="ada").left_out == 1
    assert who not in set(assigned(keep)["customer_id"])


def test_who_may_not_be_contacted_any_more_leaves_log_counts_and_money_whatever_they_drew(keep: Town) -> None:
    write(keep, PROGRAMME + APPROVAL)
    draft, log = plan(keep), logged(keep)
    names = log["customer_id"].to_list()
    words = dict.fromkeys(names, "agreed")
    words |= dict(
        zip(names[::9], ["agreed objected", "refused", "agreed left", "agreed contacted:2026-03-02"] * 99, strict=False)
    )
    gone = {name for name, said in words.items() if said != "agreed"} | {names[1]}  # who is on the list no more
    listed = score_frame().filter(pl.col("customer_id") != names[1])
    said = [words.get(name, "agreed") for name in listed["customer_id"]]
    with open_store(keep.settings.database_url) as store:
        store.scores.publish(score_run(date(2026, 3, 2), "r2"), listed.with_columns(pl.Series("contact_facts", said)))
    keep.now = datetime(2026, 3, 3, 6)
    published = approve_round(keep.context, "keep", who="ada")
    chosen = log.filter(pl.col("offer").is_not_null())
    assert published.left_out == chosen.filter(pl.col("customer_id").is_in(list(gone))).height > 5
    assert set(logged(keep)["customer_id"]) == set(names) - gone
    rows = assigned(keep)
    assert set(rows["customer_id"]) == set(chosen["customer_id"]) - gone
    round_now = show_programme(keep.context, "keep").newest
    treated = rows.filter(arm="treatment")
    assert round_now is not None
    assert (round_now.is_draft, round_now.eligible, round_now.left_out) == (
        False,
        draft.eligible - len(gone),
        published.left_out,
    )
    assert round_now.committed == pytest.approx(float(treated["contact_cost"].sum()))
    for arm in round_now.arms[:-1]:
        mine = treated.filter(campaign=arm.campaign)
        assert (arm.contacted, arm.held_out) == (mine.height, rows.filter(campaign=arm.campaign, arm="holdout").height)
        assert arm.expected_profit == pytest.approx(float(mine["expected_profit"].sum()), abs=0.02)
        part = round_now.plan.campaign(arm.campaign or "")
        assert part is not None
        assert (part.treatment, part.expected.profit) == (arm.contacted, arm.expected_profit)
        assert part.expected.saves == pytest.approx(float(mine["expected_uplift"].sum()), abs=0.06)
        assert arm.expected_cost == pytest.approx(part.expected.cost, abs=0.011)
    assert round_now.arms[-1].at_random == logged(keep).filter("is_random", arm="leave_alone").height
    assert not [sentence for sentence in round_now.sentences if "draft until" in sentence]
    assert any(f"{published.left_out} of the draft were left out" in sentence for sentence in round_now.sentences)
    assert plan_of(keep, draft.offers[1].campaign).result == round_now.plan


def plan_of(town: Town, campaign: str) -> PlanRecord:
    with open_store(town.settings.database_url) as store:
        found = store.plans.latest(campaign)
    assert found is not None
    return found


def test_a_round_that_was_cut_off_before_it_held_is_finished_by_the_next_night(
    keep: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is killed between keeping the round and assigning its customers must not lose the month."""

    def cut_off(*_given: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("churn.workflows.plan.plan.publish_round", cut_off)
        with pytest.raises(KeyboardInterrupt):
            plan(keep)
    assert assigned(keep).is_empty()
    assert keep.plan("keep", is_dry_run=True).round is not None
    assert assigned(keep).is_empty()
    kept = plan_programmes(keep.context)
    assert [phrase.split(",")[0] for phrase in kept.phrases] == ["keep: round 1"]
    log = logged(keep)
    assert set(assigned(keep)["customer_id"]) == set(log.filter(pl.col("offer").is_not_null())["customer_id"])
    with open_store(keep.settings.database_url) as store:
        assert [past.state for past in store.programmes.rounds("keep")] == ["approved"]
    assert plan_programmes(keep.context).phrases == ()


def test_an_approved_round_is_no_draft_any_more_and_is_else_as_planned(keep: Town) -> None:
    write(keep, PROGRAMME + APPROVAL)
    draft = plan(keep)
    approve_round(keep.context, "keep", who="ada")
    now = show_programme(keep.context, "keep").newest
    assert now is not None
    changed = {"is_draft": False, "expires_at": None, "sentences": draft.sentences[:-1]}
    assert now == draft.model_copy(update=changed)
    assert "It is a draft" in draft.sentences[-1]


def test_a_draft_of_whose_windows_one_is_over_is_not_approved(keep: Town) -> None:
    write(keep, PROGRAMME + APPROVAL + "expires_days = 60\n")
    plan(keep)
    keep.now = datetime(2026, 3, 31, 6)
    with pytest.raises(
        CampaignError, match="the 30 days in which the outcome of `call` is counted ended on 2026-03-31"
    ):
        approve_round(keep.context, "keep", who="ada")
    keep.now = datetime(2026, 3, 30, 6)
    assert approve_round(keep.context, "keep", who="ada").treatment


def test_only_those_named_approve_and_the_budget_owner_may_reject(keep: Town) -> None:
    write(keep, PROGRAMME + APPROVAL + 'by = ["ada"]\nbudget_owner = "cfo"\n')
    plan(keep)
    with pytest.raises(CampaignError, match="cfo may not approve it: ada may"):
        approve_round(keep.context, "keep", who="cfo")
    with pytest.raises(CampaignError, match="bob may not reject it: ada, cfo may"):
        reject_round(keep.context, "keep", who="bob")
    assert reject_round(keep.context, "keep", who="cfo", note="too dear").state == "rejected"
    with pytest.raises(CampaignError, match="is rejected by cfo"):
        approve_round(keep.context, "keep", who="ada")
    assert assigned(keep).is_empty()


def test_a_draft_lapses_and_a_later_one_takes_its_place(keep: Town) -> None:
    write(keep, PROGRAMME + APPROVAL + "expires_days = 3\n")
    plan(keep)
    keep.publish(run_id="r2", order=3)
    assert plan(keep).round == 2
    assert [row.state for row in show_programme(keep.context, "keep").rounds] == ["draft", "superseded"]
    keep.now += timedelta(days=4)
    assert show_programme(keep.context, "keep").rounds[0].state == "expired"
    with pytest.raises(CampaignError, match="is expired, not a draft"):
        approve_round(keep.context, "keep", who="ada")
    with pytest.raises(NotFound, match="has no round 7"):
        approve_round(keep.context, "keep", 7, who="ada")


def test_a_round_on_the_same_scores_stands_and_a_dry_run_keeps_nothing(keep: Town) -> None:
    plan(keep, is_dry_run=True)
    assert not show_programme(keep.context, "keep").rounds
    first = plan(keep)
    again = keep.plan("keep")
    assert again.round == first
    assert again.document.stands_since == keep.now
    assert len(show_programme(keep.context, "keep").rounds) == 1


def test_a_draft_is_planned_anew_where_a_file_of_its_offers_the_settings_or_the_wish_changed(keep: Town) -> None:
    write(keep, PROGRAMME + APPROVAL)
    first = plan(keep)
    keep.campaign("mail", MAIL.replace("contact_cost = 1", "contact_cost = 1.5"))
    second = plan(keep)
    assert (first.round, second.round) == (1, 2)
    assert second.offers[1].definition.offer.contact_cost == Decimal("1.5")
    assert plan(keep).round == 2
    keep.settings = keep.settings.model_copy(
        update={"business": keep.settings.business.model_copy(update={"value_months": 7})}
    )
    assert plan(keep).round == 3
    with open_store(keep.settings.database_url) as store:
        store.alerts.raise_(ALARM, "mail_20260201", "critical", "Contact drives customers away", keep.now)
    off = plan(keep)
    assert (off.round, [verdict.offer for verdict in off.switched_off]) == (4, ["mail"])
    knowingly = plan(keep, despite_alarm=True)
    assert (knowingly.round, knowingly.switched_off) == (5, ())
    rounds = show_programme(keep.context, "keep").rounds
    assert [row.state for row in rounds] == ["draft", *["superseded"] * 4]


def test_only_an_approved_round_bears_what_was_measured(keep: Town) -> None:
    """A draft that was planned anew names the same campaigns as the round that took its place."""
    write(keep, PROGRAMME + APPROVAL)
    plan(keep)
    keep.publish(run_id="r2", order=3)
    again = plan(keep)
    approve_round(keep.context, "keep", who="ada")
    (name, *_) = [arm.campaign for arm in again.arms if arm.contacted and arm.campaign]
    with open_store(keep.settings.database_url) as store:
        document = measurement_document(name, net=Range(value=50.0, low=10.0, high=90.0))
        store.measurements.save(name, [], document, is_mature=True, measured_at=keep.now)
    approved, superseded = show_programme(keep.context, "keep").rounds
    assert (approved.state, approved.measured) == ("approved", 1)
    assert approved.net_profit is not None
    assert (superseded.state, superseded.measured, superseded.net_profit) == ("superseded", 0, None)


def test_the_next_round_leaves_out_those_whose_window_runs_and_counts_the_month(keep: Town) -> None:
    first = plan(keep)
    before = set(assigned(keep)["customer_id"])
    keep.now = datetime(2026, 3, 8, 6)
    keep.publish(date(2026, 3, 8), run_id="r2")
    second = plan(keep)
    assert second.round == 2
    assert second.budget_used_before == first.committed
    assert first.committed + second.committed <= 150
    new = set(assigned(keep)["customer_id"]) - before
    with open_store(keep.settings.database_url) as store:
        rows = store.assignments.customers()
    assert rows["customer_id"].n_unique() == rows.height
    assert len(new) == rows.filter(pl.col("campaign").str.ends_with("_20260308")).height


def test_who_was_erased_since_was_contacted_and_paid_for_all_the_same(keep: Town) -> None:
    first = plan(keep)
    rows = assigned(keep)
    gone = rows.filter(arm="treatment")["customer_id"].head(20)
    with open_store(keep.settings.database_url) as store:
        for customer in gone:
            store.privacy.erase(customer, at=keep.now)
    keep.now = datetime(2026, 3, 8, 6)
    keep.publish(date(2026, 3, 8), run_id="r2")
    second = plan(keep)
    assert second.budget_used_before == first.committed
    for arm in first.arms[:-1]:
        later = next(other for other in second.arms if other.offer == arm.offer)
        assert later.taken_before == arm.contacted
    assert first.committed + second.committed <= 150


def test_a_campaign_alone_does_not_spend_again_what_was_spent_on_who_was_erased(town: Town) -> None:
    town.campaign("mail", MAIL + "[limits]\ncontacts = 60\nbudget = 60\n")
    town.plan("mail")
    with open_store(town.settings.database_url) as store:
        treated = store.assignments.of("mail").filter(arm="treatment")
        for customer in treated["customer_id"].head(treated.height // 2):
            store.privacy.erase(customer, at=town.now)
    town.now = datetime(2026, 3, 8, 6)
    town.publish(date(2026, 3, 8), run_id="r2")
    town.plan("mail")
    with open_store(town.settings.database_url) as store:
        now = store.assignments.of("mail").filter(arm="treatment")
    assert treated.height == 60
    assert now.height == 30


def test_a_month_reports_a_round_when_it_was_approved(keep: Town) -> None:
    """Planned in March and approved in April: until then nobody was assigned."""
    write(keep, PROGRAMME + APPROVAL)
    keep.now = datetime(2026, 3, 28, 6)
    keep.publish(date(2026, 3, 28), run_id="r2")
    plan(keep)
    keep.now = datetime(2026, 4, 2, 6)
    approve_round(keep.context, "keep", who="ada")
    with open_store(keep.settings.database_url) as store:
        march, april = (campaign_facts(store, Month(date(2026, month, 1))) for month in (3, 4))
    assert (march.campaigns, march.programmes, march.ledger) == ((), (), ())
    assert {campaign.name for campaign in april.campaigns} == {"call_20260328", "mail_20260328"}
    assert [programme.rounds for programme in april.programmes] == [1]
    assert [(row.first, row.last) for row in april.ledger] == [(date(2026, 4, 1), date(2026, 4, 1))]


@pytest.mark.parametrize(
    "offers", ["[offers.call]\n[offers.letter]\n", "[offers.call]\n[offers.mail]\nis_on = false\n"]
)
def test_what_an_offer_took_of_the_month_counts_when_it_takes_part_no_more(keep: Town, offers: str) -> None:
    rest = "[limits]\nbudget = 100\n[random_slice]\nshare = 0\n"
    keep.campaign("letter", MAIL)
    write(keep, "[offers.call]\n[offers.mail]\n" + rest)
    assert plan(keep).committed == 100.0
    write(keep, offers + rest)
    second = plan(keep)
    assert (second.budget_used_before, second.committed) == (100.0, 0.0)
    write(keep, offers + rest.replace("100", "130"))
    assert 25.0 < plan(keep).committed <= 30.0


def test_an_offer_whose_harm_was_measured_is_off_and_people_are_told(keep: Town) -> None:
    plan(keep)
    with open_store(keep.settings.database_url) as store:
        store.alerts.raise_(ALARM, "mail_20260301", "critical", "Contact drives customers away", keep.now)
    keep.now = datetime(2026, 4, 8, 6)
    keep.publish(date(2026, 4, 8), run_id="r2")
    second = plan(keep)
    assert [off.offer for off in second.switched_off] == ["mail"]
    arm = second.arm("mail")
    assert arm is not None
    assert (arm.contacted, arm.at_random) == (0, 0)
    with open_store(keep.settings.database_url) as store:
        (alert,) = store.alerts.open(kind=OFFER_OFF)
    assert alert.subject == "keep mail"
    keep.publish(date(2026, 4, 8), run_id="r3", order=2)
    knowingly = plan(keep, despite_alarm=True)
    assert not knowingly.switched_off


def test_an_offer_that_is_believed_to_harm_is_off_in_the_next_round(keep: Town) -> None:
    plan(keep)
    harm = OfferLearning(
        keys=("all",),
        precision=((20_000.0,),),
        shift=(-2_000.0,),  # a rate of -10 %: contact drives away a tenth as many as would have left anyhow
        treated=900,
        holdout=300,
        rounds=1,
        intercept=0.0,
        slope=1.0,
        effect=(),
    )
    measured = measurement_document("mail_20260301").model_copy(update={"learnt": harm})
    with open_store(keep.settings.database_url) as store:
        store.measurements.save("mail_20260301", ["p1"], measured, is_mature=True, measured_at=keep.now)
    keep.now = datetime(2026, 4, 8, 6)
    keep.publish(date(2026, 4, 8), run_id="r2")
    (off,) = plan(keep).switched_off
    assert off.offer == "mail"
    assert off.effect < 0
    assert off.certainty > 0.99
    assert "is believed to change churn by +" in off.why
    with open_store(keep.settings.database_url) as store:
        assert [alert.subject for alert in store.alerts.open(kind=OFFER_OFF)] == ["keep mail"]


def test_a_programme_is_planned_by_itself_and_a_campaign_beside_it_as_before(keep: Town) -> None:
    with pytest.raises(ConfigError, match="is planned by itself"):
        keep.plan("keep", "call")
    alone = keep.plan("call")
    assert alone.round is None
    assert set(alone.assignments["campaign"]) == {"call"}
    taken = set(alone.assignments["customer_id"])
    plan(keep)
    assert not taken & set(logged(keep)["customer_id"])  # their window runs


def test_nobody_is_assigned_by_a_policy_that_the_log_does_not_say(keep: Town) -> None:
    plan(keep)
    log = logged(keep).filter(~pl.col("is_random"))
    due = np.where(log["is_holdout"], "leave_alone", log["policy_arm"])
    assert (log["arm"].to_numpy() == due).all()
    assert (log["snapshot_date"] == DAY).all()


DOUBTFUL = MAIL.replace("success_rate_low = 0.3", "success_rate_low = 0.0").replace(
    "success_rate_expected = 0.35", "success_rate_expected = 0.05"
)


def test_an_offer_that_may_well_lose_by_its_file_is_tried_on_a_few_drawn_by_chance(keep: Town) -> None:
    keep.campaign("mail", DOUBTFUL)
    write(
        keep, "[offers.call]\ncapacity = 30\n[offers.mail]\n[limits]\ncooldown_days = 10\n[random_slice]\nshare = 0.1\n"
    )
    document = plan(keep)
    (trial,) = document.on_trial
    assert (trial.offer, trial.rounds) == ("mail", 0)
    assert trial.chance < 0.75
    assert 0 < trial.customers < trial.of / 2
    assert any("`mail` is on trial: by its file" in sentence for sentence in document.sentences)
    log = logged(keep)
    by_plan = log.filter(pl.col("policy_arm") == "mail", ~pl.col("is_random"))
    assert by_plan.height <= trial.customers
    position = [arm.offer for arm in document.arms].index("mail")
    chance = pl.Series([json.loads(row)[position] for row in log["probabilities"]])
    only_by_chance = log.filter(pl.col("policy_arm") != "mail", pl.Series(chance) > 0)
    assert only_by_chance.height > trial.customers  # the slice reaches them still
    rules = {row.rule: row.removed for row in document.plan.eligibility if row.campaign == "mail_20260301"}
    assert rules["on_trial"] > 0
    assert sum(rules.values()) + next(p.eligible for p in document.plan.campaigns if p.name == "mail_20260301") == 600


def test_offers_that_surely_earn_are_on_no_trial(keep: Town) -> None:
    document = plan(keep)
    assert document.on_trial == ()
    assert "on_trial" not in document.as_json()
    assert "on_trial" not in {row.rule for row in document.plan.eligibility}

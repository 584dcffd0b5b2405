"""Planning a town whose every number is known: who may be contacted, who is, who is held out, what is kept."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from churn.campaigns.eligibility import RULES
from churn.errors import CampaignError, ConfigError, DataError, NotCalibrated, QualityBlocked, ResourceError
from churn.store import open_store
from churn.warehouse import open_warehouse
from churn.warehouse.loading.ledger import prepare
from tests.workflows.plan.town import DAY, NOW, PLAIN, SIZE, customer, facts, probabilities, register_model

FREE = PLAIN.replace("[holdout]\nshare = 0.2", "[holdout]\nshare = 0.0")


def test_the_counts_per_rule_add_up_to_everybody(town):
    town.campaign("calls")
    document = town.document("calls")
    rows = document.eligibility
    shown_where_they_count = {"unknown_terms", "impossible_terms", "on_trial"}
    assert [row.rule for row in rows] == [rule for rule in RULES if rule not in shown_where_they_count]
    left = SIZE
    for row in rows:
        left -= row.removed
        assert row.remaining == left
    assert left == document.campaigns[0].eligible > 0


def test_each_rule_leaves_out_whom_it_names(town):
    town.campaign(
        "calls",
        PLAIN.replace("[offer]", '[audience]\nbands = ["high", "critical"]\nskip_open_tickets = true\n\n[offer]'),
    )
    removed = town.removed("calls")
    p = probabilities()
    numbers = np.arange(SIZE)
    inside = p >= 0.2
    assert removed["not_in_audience"] == SIZE - inside.sum()
    agreed = numbers % 10 != 3
    assert removed["no_consent"] == (inside & ~agreed).sum()
    objected = numbers % 10 == 4
    assert removed["objected"] == (inside & objected).sum()
    rest = inside & agreed & ~objected
    recent = numbers % 11 == 0
    assert removed["contacted_recently"] == (rest & recent).sum()
    waiting = (numbers % 14 == 0) & ~recent
    assert removed["open_ticket"] == (rest & waiting).sum()
    assert removed["low_profit"] == 0


def test_consent_in_words_that_nobody_mapped_stops_the_plan_until_they_are_or_it_is_confirmed(town):
    needs_consent = PLAIN.replace("[offer]", "[audience]\nrequires_consent = true\n\n[offer]", 1)
    town.campaign("calls", needs_consent)
    with open_warehouse(town.settings.warehouse_path, holder="tests") as warehouse:
        prepare(warehouse)
        warehouse.execute(
            "insert into raw.rejected_rows values ('customers', 'c.csv', 1, 'marketing_consent: ''nein'' is not a BOOLEAN,"
            " which counts as no consent', '{}', true, 1, timestamp '2026-03-01')"
        )
    with pytest.raises(QualityBlocked, match=r"`nein` \(1 customers\)"):
        town.plan("calls", is_dry_run=True)
    confirmed = type(town)(town.home, campaigns={"unreadable_consent_is_no": True})
    confirmed.plan("calls", is_dry_run=True)
    town.campaign("calls", needs_consent.replace("requires_consent = true", "requires_consent = false"))
    town.plan("calls", is_dry_run=True)


def test_only_who_is_expected_to_earn_more_than_the_minimum_is_contacted(town):
    town.campaign("calls", PLAIN.replace("[holdout]", "[limits]\nmin_expected_profit = 12.50\n\n[holdout]"))
    assigned = town.plan("calls").assignments
    expected = assigned["churn_probability"] * 0.4 * 100 - 2
    assert (assigned["expected_profit"] - expected).abs().max() < 1e-9
    assert assigned["expected_profit"].min() >= 12.5


def test_whoever_objects_or_leaves_after_the_scoring_is_left_alone(town):
    town.campaign("calls", FREE)
    before = set(town.plan("calls", is_dry_run=True).assignments["customer_id"])
    gone, objecting = sorted(before)[:2]
    later = datetime(2026, 3, 1, 5)
    world = facts()
    world.customer(objecting, "2025-01-05", later, marketing_consent=True, objected_at=later)
    for row in world.rows["subscription_events"]:
        if row["customer_id"] == gone:
            kept = row
    world.add(
        "subscription_events",
        later,
        **{k: kept[k] for k in ("customer_id", "subscription_id", "plan", "monthly_fee")},
        event_type="canceled",
        end_reason="voluntary",
    )
    town.refresh(world)
    assert before - set(town.plan("calls").assignments["customer_id"]) == {gone, objecting}


def test_whoever_unsubscribes_at_a_crm_has_objected(town):
    town.campaign("calls", FREE)
    before = set(town.plan("calls", is_dry_run=True).assignments["customer_id"])
    someone = min(before)
    event = {
        "customer_id": someone,
        "campaign": "other",
        "event_id": "1",
        "kind": "unsubscribed",
        "occurred_at": NOW,
        "source": "t",
    }
    with open_store(town.settings.database_url) as store:
        store.outcomes.add(pl.DataFrame([event]), NOW)
    assert before - set(town.plan("calls").assignments["customer_id"]) == {someone}


def test_a_holdout_of_all_campaigns_is_never_in_any(town, tmp_path):
    town.campaign("calls", FREE)
    town.campaign("mails", FREE.replace("phone", "email"))
    town.settings = town.settings.model_copy(
        update={"campaigns": town.settings.campaigns.model_copy(update={"global_holdout_share": 0.3})}
    )
    one, other = town.removed("calls", is_dry_run=True), town.removed("mails", is_dry_run=True)
    assert one["global_holdout"] == other["global_holdout"] > 50


def test_customers_who_agreed_to_nothing_known_are_not_left_out_for_it_and_the_plan_says_so(town):
    world = facts()
    for row in world.rows["customers"]:
        row["marketing_consent"] = None
    town.refresh(world)
    town.campaign("calls")
    document = town.document("calls")
    assert [r.removed for r in document.eligibility if r.rule == "no_consent"] == [0]
    assert any("do not say who agreed to marketing" in sentence for sentence in document.sentences)


def test_the_audience_is_what_its_filter_says(town):
    town.campaign("payers", PLAIN.replace("[offer]", '[audience]\nfilter = "has_unpaid_bill"\n\n[offer]'))
    chosen = town.plan("payers").assignments["customer_id"]
    assert chosen.len() > 50
    assert all(int(one[1:]) % 3 == 0 for one in chosen)


def test_a_budget_is_spent_on_those_contacted_and_never_overrun(town):
    town.campaign("calls")
    document = town.document("calls", budget=101)
    plan = document.campaigns[0]
    assert plan.treatment == 50
    assert abs(plan.holdout - 0.2 * plan.chosen) < 1
    assert document.allocation.committed == 100
    assert document.shadow_prices.next_thousand > 0
    assert any(s.startswith("The next $1,000 of budget earns $") for s in document.sentences)


def test_planning_again_keeps_who_is_assigned_and_counts_what_was_spent(town):
    town.campaign("calls")
    first = town.plan("calls", budget=100).assignments
    again = town.plan("calls", budget=100)
    assert not again.assignments["is_new"].any()
    assert "was made on 2026-03-01" in again.document.sentences[0]
    with open_store(town.settings.database_url) as store:
        assert [plan.plan_id for plan in store.plans.list("calls")] == [again.document.campaigns[0].plan_id]
    more = town.plan("calls", budget=160)
    assert any(s.startswith("Of the budget of $160, earlier plans took $") for s in more.document.sentences)
    kept = more.assignments.filter(~pl.col("is_new")).drop("is_new")
    assert kept.sort("customer_id").equals(first.drop("is_new").sort("customer_id"))
    held = more.document.holdout["calls"]
    assert 79 <= held.treatment <= 80
    assert abs(held.holdout - 0.2 * (held.treatment + held.holdout)) < 2
    assert f"{first.height} assigned earlier stay as they are" in more.document.sentences[0]


def test_the_same_list_in_another_order_gives_the_same_plan(town):
    town.campaign("calls")
    one = town.plan("calls", budget=150, is_dry_run=True).assignments
    town.publish(order=3, run_id="r2")
    other = town.plan("calls", budget=150, is_dry_run=True).assignments
    assert one.drop("plan_id").equals(other.drop("plan_id"))


def test_arms_do_not_depend_on_other_campaigns(town):
    town.campaign("calls")
    alone = town.plan("calls", is_dry_run=True).assignments
    town.campaign(
        "mails",
        PLAIN.replace("phone", "email").replace("seed = 5", "seed = 6").replace("contact_cost = 2", "contact_cost = 3"),
    )
    together = town.plan("calls", "mails", is_dry_run=True).assignments
    key = ["customer_id", "arm"]
    assert together.filter(pl.col("campaign") == "calls").select(key).equals(alone.select(key))


def test_nobody_gets_two_offers_and_a_running_window_keeps_others_away(town):
    town.campaign("calls", PLAIN.replace("[holdout]", "[limits]\ncontacts = 60\n\n[holdout]"))
    town.campaign(
        "mails", PLAIN.replace("phone", "email").replace("success_rate_expected = 0.4", "success_rate_expected = 0.35")
    )
    together = town.plan("calls", "mails", budget=400).assignments
    assert together["customer_id"].n_unique() == together.height
    assert together.filter(pl.col("campaign") == "mails").height > 0
    town.campaign("third", FREE)
    found = town.plan("third")
    assert not set(found.assignments["customer_id"]) & set(together["customer_id"])
    rules = {row.rule: row.removed for row in found.document.eligibility}
    assert rules["in_another_campaign"] == together.height


def test_a_shorter_window_of_a_later_plan_closes_no_earlier_one(town):
    limited = PLAIN.replace("[holdout]", "[limits]\ncontacts = 60\n\n[holdout]")
    town.campaign("calls", limited.replace("window_days = 30", "window_days = 60"))
    first = town.plan("calls").assignments
    town.campaign("calls", limited.replace("contacts = 60", "contacts = 70"))
    town.plan("calls")
    town.campaign("next", FREE)
    town.now = datetime(2026, 4, 5, 6)
    town.publish(date(2026, 4, 5), run_id="r2")
    assert set(town.plan("next").assignments["customer_id"]).isdisjoint(first["customer_id"])


def test_after_the_window_those_contacted_are_left_alone_for_the_cooldown_and_the_others_are_free(town):
    cool = "[limits]\ncooldown_days = 45\n\n[holdout]"
    town.campaign("calls", PLAIN.replace("[holdout]", cool))
    first = town.plan("calls").assignments
    town.campaign("next", FREE.replace("[holdout]", cool))
    later = date(2026, 4, 5)  # the window of 30 days has closed, the cooldown of 45 has not
    town.now = datetime(2026, 4, 5, 6)
    town.publish(later, run_id="r2")
    chosen = set(town.plan("next").assignments["customer_id"])
    assert chosen.isdisjoint(first.filter(pl.col("arm") == "treatment")["customer_id"])
    assert chosen.issuperset(first.filter(pl.col("arm") == "holdout")["customer_id"])


def test_a_channel_makes_no_more_contacts_than_it_can_in_one_day_of_plans(town):
    rules = town.settings.campaigns.model_copy(update={"channel_capacity": {"phone": 40}})
    town.settings = town.settings.model_copy(update={"campaigns": rules})
    town.campaign("calls")
    town.campaign("other")
    assert town.document("calls", "other").allocation.contacts == 40
    assert town.document("calls", "other").allocation.contacts == 0


def test_a_dry_run_answers_the_same_and_keeps_nothing(town):
    town.campaign("calls")
    dry = town.plan("calls", budget=90, is_dry_run=True)
    with open_store(town.settings.database_url) as store:
        assert store.plans.list() == []
        assert store.assignments.of("calls").is_empty()
    wet = town.plan("calls", budget=90)
    assert wet.assignments.equals(dry.assignments)
    assert wet.document.model_copy(update={"is_dry_run": True}) == dry.document
    with open_store(town.settings.database_url) as store:
        assert store.assignments.of("calls").height == wet.assignments.height


def test_a_plan_keeps_the_definition_it_was_made_from(town):
    town.campaign("calls")
    town.plan("calls", budget=90)
    town.campaign("calls", PLAIN.replace("contact_cost = 2", "contact_cost = 3"))
    with open_store(town.settings.database_url) as store:
        kept = store.plans.latest("calls")
    assert kept.definition.offer.contact_cost == 2
    assert kept.result.campaigns[0].definition_hash == kept.definition_hash
    assert (kept.window_days, kept.inputs.window_days) == (30, 30)
    assert kept.result.campaign("calls").window_days == 30


def test_the_expected_profit_comes_with_an_interval_around_it(town):
    town.campaign("calls", FREE)
    expected = town.document("calls").expected
    band = expected.profit_interval
    assert band.low < expected.profit < band.high
    assert abs(band.median / expected.profit - 1) < 0.1
    assert expected.cost == expected.contacts * 2
    assert expected.profit == pytest.approx(expected.value - expected.cost)


def test_the_incentive_model_counts_those_who_would_have_stayed(town):
    incentive = FREE.replace("case_study", "incentive").replace(
        "contact_cost = 2", "contact_cost = 2\nincentive_cost = 10"
    )
    town.campaign("discount", incentive)
    assigned = town.plan("discount").assignments
    p = assigned["churn_probability"]
    assert (assigned["expected_profit"] - (p * 0.4 * (100 - 10) - (1 - p) * 10 - 2)).abs().max() < 1e-9


def test_a_campaign_that_was_never_measured_goes_by_risk_and_says_so(town):
    town.campaign("calls", PLAIN.replace('"case_study"', '"auto"'))
    document = town.document("calls")
    assert document.campaigns[0].profit_model == "case_study"
    assert any("churn avoided is taken as success rate x probability" in s for s in document.sentences)


def test_the_holdout_has_its_price_and_its_power_in_words(town):
    town.campaign("calls")
    document = town.document("calls")
    power, held = document.power["calls"], document.holdout["calls"]
    assert 0 < power.minimum_detectable_effect < 1
    assert held.profit_forgone > 0
    text = next(s for s in document.sentences if s.startswith("Leaving"))
    assert "forgoes $" in text
    assert "points" in text


def test_without_a_holdout_the_plan_says_that_nothing_can_be_measured(town):
    town.campaign("calls", FREE)
    assert any("cannot be measured" in s for s in town.document("calls").sentences)


def test_an_older_date_is_planned_from_the_history_of_scores(town):
    town.campaign("calls")
    current = town.plan("calls", is_dry_run=True).assignments
    with town.context.open_warehouse("tests") as warehouse:
        frame = pl.DataFrame({"customer_id": [customer(i) for i in range(SIZE)], "churn_probability": probabilities()})
        bands = pl.when(pl.col("churn_probability") >= 0.4).then(pl.lit("critical")).otherwise(pl.lit("low"))
        rows = frame.with_columns(
            bands.alias("risk_band"),
            pl.lit(50.0).alias("percentile"),
            pl.lit("v1").alias("model_version"),
            pl.lit("old").alias("run_id"),
            pl.lit(DAY).alias("snapshot_date"),
        )
        warehouse.write("history.scores", rows)
    town.publish(date(2026, 3, 8), run_id="r2")
    document = town.document("calls", snapshot_date=DAY, is_dry_run=True)
    assert (document.snapshot_date, document.run_id) == (DAY, "old")
    # 25 a month over three months at 8 % hazard is worth 69.16, not the 100 of the published list.
    old = town.plan("calls", snapshot_date=DAY, is_dry_run=True).assignments
    assert old["value_of_save"].unique().to_list() == pytest.approx([69.16])
    assert set(old["customer_id"]) < set(current["customer_id"])
    own = town.settings.simulation.model_copy(
        update={"value_of_save": "case when has_unpaid_bill then 90.5 else 80 end"}
    )
    town.settings = town.settings.model_copy(update={"simulation": own})
    by_sql = town.plan("calls", snapshot_date=DAY, is_dry_run=True).assignments
    assert sorted(by_sql["value_of_save"].unique()) == [80.0, 90.5]
    town.publish(date(2026, 3, 31), run_id="r3")
    with pytest.raises(CampaignError, match=r"30 days in which its outcome is counted ended before 2026-03-31"):
        town.plan("calls", snapshot_date=DAY, is_dry_run=True)
    with pytest.raises(DataError, match=r"was never scored.*churn score --date 2026-02-01"):
        town.plan("calls", snapshot_date=date(2026, 2, 1))


def test_scores_whose_window_the_data_have_outrun_are_refused(town, monkeypatch):
    town.campaign("calls")
    monkeypatch.setattr("churn.workflows.plan.eligibility.data_cutoff", lambda _: datetime(2026, 3, 31))
    with pytest.raises(CampaignError, match=r"are over: .* data reach 2026-03-31.*Run `churn score` first"):
        town.plan("calls")
    monkeypatch.setattr("churn.workflows.plan.eligibility.data_cutoff", lambda _: datetime(2026, 3, 30))
    assert town.document("calls", is_dry_run=True).customers == SIZE


def test_scores_that_cannot_be_money_or_are_stale_stop_the_plan_unless_allowed(town):
    town.campaign("calls")
    with open_store(town.settings.database_url) as store:
        store.scores.mark_stale("data are fresh: 1 found", at=NOW)
    with pytest.raises(QualityBlocked, match=r"stale: data are fresh.*--allow-stale"):
        town.plan("calls")
    register_model(town.home, bias=2.0)
    with pytest.raises(NotCalibrated, match=r"--allow-uncalibrated"):
        town.plan("calls", allow_stale=True)
    sentences = town.document("calls", allow_stale=True, allow_uncalibrated=True).sentences
    assert any("stale and were used on request" in s for s in sentences)
    assert any("failed the calibration gate" in s for s in sentences)


def test_what_cannot_be_planned_says_why_and_what_to_do(town):
    town.campaign("calls")
    with pytest.raises(CampaignError, match=r"no campaign `cals`.*Did you mean `calls`"):
        town.plan("cals")
    with pytest.raises(CampaignError, match=r"budget of 0"):
        town.plan("calls", budget=0)
    with pytest.raises(ConfigError, match=r"less than nothing"):
        town.plan("calls", budget=-5)
    with pytest.raises(ConfigError, match=r"not an amount"):
        town.plan("calls", budget=float("nan"))
    town.campaign("nobody", PLAIN.replace("[offer]", "[audience]\nmin_probability = 0.99\n\n[offer]"))
    with pytest.raises(CampaignError, match=r"nobody of 600 customers is in the audience of `nobody`"):
        town.plan("nobody")
    town.campaign("wrong", PLAIN.replace("[offer]", '[audience]\nfilter = "has_unpaid_bil"\n\n[offer]'))
    with pytest.raises(ConfigError, match=r"wrong.toml:7: no feature `has_unpaid_bil`. Did you mean `has_unpaid_bill`"):
        town.plan("wrong")
    for text in ("age_band > 5", "customer_time_in_months"):
        town.campaign("wrong", PLAIN.replace("[offer]", f'[audience]\nfilter = "{text}"\n\n[offer]'))
        with pytest.raises(ConfigError, match=r"wrong.toml:7: the filter cannot be asked"):
            town.plan("calls", "wrong")
    town.campaign("all_out", PLAIN.replace("share = 0.2", "share = 1.0"))
    with pytest.raises(ConfigError, match=r"all_out.toml:15: `holdout.share` is wrong"):
        town.plan("all_out")


def test_without_scores_there_is_no_plan(tmp_path):
    from tests.workflows.plan.town import Town

    empty = Town(tmp_path)
    empty.campaign("calls")
    with pytest.raises(DataError, match=r"no scores have been published yet.*churn score"):
        empty.plan("calls")


class Taught:
    """What a measured campaign taught: uplift by customer number, and whom contact drives away."""

    campaign = "calls"
    feature_names = ("customer_time_in_months",)
    sentence = "Contact by uplift finds more."
    result = SimpleNamespace(effect=SimpleNamespace(delta=0.1, low=0.05, high=0.15))

    def __init__(self, *, is_better, is_harmful=False):
        self.is_better_than_nothing = is_better
        self.is_harmful = is_harmful

    def predict(self, frame):
        assert frame["customer_time_in_months"].null_count() == 0
        return np.array([0.3 if int(one[1:]) % 2 else -0.1 for one in frame["customer_id"]])

    def do_not_contact(self, frame):
        return pl.Series(["drives them away" if int(one[1:]) % 5 == 0 else None for one in frame["customer_id"]])


@pytest.mark.parametrize("is_better", [True, False])
def test_auto_goes_by_measured_uplift_where_it_beats_chance_and_never_contacts_whom_it_harms(
    town, monkeypatch, is_better
):
    monkeypatch.setattr("churn.workflows.plan.pricing.latest_learning", lambda *_: Taught(is_better=is_better))
    town.campaign("calls", PLAIN.replace('"case_study"', '"auto"'))
    planned = town.plan("calls")
    numbers = [int(one[1:]) for one in planned.assignments["customer_id"]]
    assert planned.document.campaigns[0].profit_model == ("uplift" if is_better else "case_study")
    assert planned.document.campaigns[0].is_uplift_measured == is_better
    assert any("Contact by uplift finds more." in s for s in planned.document.sentences)
    assert all(number % 5 for number in numbers)
    assert all(number % 2 for number in numbers) == is_better
    if is_better:
        assert planned.assignments["expected_profit"].to_list() == pytest.approx([0.3 * 100 - 2] * len(numbers))
        assert planned.document.eligibility[-2].rule == "harmful"
        assert planned.document.eligibility[-2].removed > 0


@pytest.mark.parametrize("model", ["auto", "case_study", "uplift"])
@pytest.mark.parametrize("is_better", [True, False])
def test_where_contact_was_learnt_to_do_harm_nobody_is_contacted_unless_it_is_asked_for(
    town, monkeypatch, model, is_better
):
    monkeypatch.setattr(
        "churn.workflows.plan.pricing.latest_learning", lambda *_: Taught(is_better=is_better, is_harmful=True)
    )
    town.campaign("calls", PLAIN.replace('"case_study"', f'"{model}"'))
    planned = town.plan("calls")
    assert planned.assignments.is_empty()
    assert any("`calls` contacts nobody" in sentence for sentence in planned.document.sentences)
    assert not any("goes by risk" in sentence for sentence in planned.document.sentences)
    assert not town.plan("calls", despite_alarm=True).assignments.is_empty()


def test_a_campaign_whose_harm_alarm_is_open_is_planned_on_request_only(town):
    for name in ("calls", "visits"):
        town.campaign(name)
    with open_store(town.settings.database_url) as store:
        store.alerts.raise_("campaign_harms", "calls", "critical", "STOP: Call them drives customers away.", NOW)
    with pytest.raises(CampaignError, match=r"`calls` was measured.*STOP: Call them.*--despite-alarm.*without it"):
        town.plan("calls", "visits")
    with pytest.raises(CampaignError, match="--despite-alarm"):
        town.plan("calls", is_dry_run=True)
    assert town.document("visits", is_dry_run=True).alarms == ()
    document = town.document("calls", despite_alarm=True)
    (alarm,) = document.alarms
    assert (alarm.campaign, alarm.raised_at) == ("calls", NOW)
    assert alarm.message == "STOP: Call them drives customers away."
    assert any("planned on request: STOP: Call them" in sentence for sentence in document.sentences)
    with open_store(town.settings.database_url) as store:
        assert store.plans.latest("calls").result.alarms == document.alarms
        store.alerts.resolve("campaign_harms", "calls", NOW)
    assert town.document("calls").alarms == ()


@pytest.mark.parametrize(("before", "after"), [(0.0, 0.2), (0.5, 0.1), (0.1, 0.4)])
def test_a_changed_share_holds_for_new_customers_and_makes_up_for_nobody(town, before, after):
    def text(share, contacts):
        limited = PLAIN.replace("share = 0.2", f"share = {share}")
        return f"{limited}\n[limits]\ncontacts = {contacts}\n"

    town.campaign("calls", text(before, 60))
    town.plan("calls")
    town.campaign("calls", text(after, 160))
    rows = town.plan("calls").assignments.filter("is_new")
    by_band = rows.group_by("stratum").agg((pl.col("arm") == "holdout").sum().alias("held"), pl.len().alias("all"))
    assert 98 <= rows.filter(arm="treatment").height <= 102  # the first round may fall short of 60 by rounding
    for _, held, every in by_band.iter_rows():
        assert abs(held - after * every) <= 1


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".json"])
def test_a_file_of_assignments_is_written_whole_or_not_at_all(town, tmp_path, monkeypatch, ending):
    town.campaign("calls")
    out = tmp_path / f"plan{ending}"
    out.write_text("the one before")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        with pytest.raises(ResourceError, match="No space left"):
            town.plan("calls", out=out)
    assert out.read_text() == "the one before"
    assert town.plan("calls", out=out).assignments.height > 0  # the plan itself was kept, and is written now
    assert out.read_bytes() != b"the one before"

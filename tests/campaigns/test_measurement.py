"""What a campaign caused: the figures against known ones, every way in which there is no verdict, and the words."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn.campaigns.measurement import (
    MeasurementTerms,
    comparable,
    costs_of,
    measure,
    segments,
    strata_of,
    two_by_two,
    value_of_a_save,
)
from churn.campaigns.measurement_words import words_of
from churn.decisions.experiment import newcombe
from churn.documents.measurement import EventCounts, MeasuredLevel, OfferLearning
from tests.campaigns.measured import document, followed


def one_stratum(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(stratum=pl.lit("all"))


def oracle() -> pl.DataFrame:
    """1,200 of 5,000 treated and 170 of 500 held out left: delta .10, Newcombe .0581 to .1442 (the classic figures)."""
    frame = one_stratum(followed(5000, 500))
    left = pl.int_range(pl.len()).over("arm") < pl.when(pl.col("arm") == "treatment").then(1200).otherwise(170)
    return frame.with_columns(has_churned=left)


def test_the_effect_is_that_of_the_arms_as_assigned_with_newcombes_interval() -> None:
    found = document(oracle(), share=500 / 5500)
    effect = found.effect
    assert (effect.delta, effect.low, effect.high) == pytest.approx((0.10, 0.0581, 0.1442), abs=5e-5)
    assert (found.status, found.verdict, found.effect.method) == ("measured", "works", "newcombe")
    assert found.money.saves.value == pytest.approx(500)
    assert found.money.saves.low == pytest.approx(0.0581 * 5000, abs=0.5)


def test_strata_in_which_the_arms_were_drawn_are_compared_within() -> None:
    found = document(followed())
    assert found.effect.method == "stratified newcombe"
    assert found.plain_effect.method == "newcombe"
    assert found.effect.delta == pytest.approx(0.05, abs=0.003)


def test_plans_with_other_holdout_shares_are_compared_with_their_like_only() -> None:
    # The second plan holds out half of customers who leave anyway: pooled, its holdout would feign an effect.
    calm = one_stratum(followed(900, 100, churn=0.05, avoided=0.0)).with_columns(split=pl.lit("0.1"))
    wild = one_stratum(followed(200, 200, churn=0.4, avoided=0.0)).with_columns(split=pl.lit("0.5"))
    found = document(pl.concat([calm, wild]), share=300 / 1400)
    assert found.effect.delta == pytest.approx(0.0, abs=0.01)
    assert found.plain_effect.delta > 0.1


def test_cuped_removes_the_noise_that_the_risk_before_explains() -> None:
    frame = one_stratum(followed(4000, 1000, churn=0.3, avoided=0.0))
    told = frame.with_columns(churn_probability=pl.when("has_churned").then(0.9).otherwise(0.1))
    found = document(told, share=0.2)
    assert found.cuped.variance_removed > 0.99
    assert document(frame, share=0.2).cuped.variance_removed < 0.9


def test_the_delivered_effect_scales_by_those_who_were_reached() -> None:
    frame = followed().with_columns(is_delivered=(pl.col("arm") == "treatment") & (pl.col("number") % 2 == 0))
    found = document(frame)
    assert found.delivered.share_treatment == pytest.approx(0.5, abs=0.01)
    assert found.delivered.effect.delta == pytest.approx(found.effect.delta * 2, rel=0.02)


def test_where_the_holdout_was_reached_as_often_nothing_is_said_of_being_reached() -> None:
    found = document(followed().with_columns(is_delivered=pl.lit(value=True)))
    assert found.delivered.effect is None
    assert any("should have been left alone were contacted all the same" in note for note in found.words.notes)


def test_a_broken_split_blocks_the_verdict() -> None:
    found = document(followed(1204, 60), share=0.1)
    assert found.status == "split_broken"
    assert (found.verdict, found.effect, found.money, found.alarm) == (None, None, None, None)
    assert "the split is broken" in found.words.headline
    assert found.sample_ratio.p_value < 0.001


def test_customers_who_leave_the_data_from_one_arm_only_break_the_split() -> None:
    gone = (pl.col("arm") == "holdout") & (pl.col("number") % 2 == 0)
    frame = followed(4000, 445).with_columns(has_churned=pl.when(~gone).then("has_churned"))
    assert document(frame).status == "split_broken"


def test_without_a_holdout_nothing_is_claimed() -> None:
    found = document(followed(500, 0), share=0.0)
    assert (found.status, found.effect) == ("no_holdout", None)
    assert "nobody was left alone to compare with" in found.words.headline
    assert found.money.costs.contacted == 500


def test_with_everyone_held_out_nothing_is_claimed() -> None:
    found = document(followed(0, 300), share=1.0)
    assert found.status == "nobody_treated"
    assert "Nobody was contacted" in found.words.headline


def test_an_arm_that_has_left_the_data_leaves_no_verdict() -> None:
    frame = followed().with_columns(has_churned=pl.when(pl.col("arm") == "treatment").then("has_churned"))
    found = document(frame)
    assert found.status == "nothing_known"
    assert "left alone none is in the data any more" in found.words.headline


def test_a_holdout_in_which_nobody_left_is_measured_and_said() -> None:
    frame = followed(1000, 111, avoided=0.119).with_columns(
        has_churned=pl.when(pl.col("arm") == "holdout").then(False).otherwise("has_churned")
    )
    found = document(frame)
    assert found.status == "measured"
    assert any("Nobody of those left alone left" in note for note in found.words.notes)


def test_an_effect_wholly_below_zero_raises_the_alarm_in_loud_words() -> None:
    found = document(followed(3000, 334, avoided=-0.08))
    assert found.verdict == "harms"
    assert found.alarm.startswith("STOP: Call by technical support drives customers away.")
    assert found.words.headline.startswith(found.alarm)
    assert found.effect.high < 0
    assert "stop, then look at the offer" in next(
        each.sentence for each in found.words.story if each.code == "two_by_two"
    )


def test_net_profit_counts_every_cost_and_bears_the_effects_interval() -> None:
    found = document(followed()).money
    assert found.costs.contact_cost == 2.0 * 1204
    assert found.costs.incentive_cost == 5.0 * found.costs.used
    for end in ("value", "low", "high"):
        revenue = getattr(found.revenue, end)
        assert revenue == pytest.approx(getattr(found.saves, end) * 80.0)
        assert getattr(found.net_profit, end) == pytest.approx(revenue - found.costs.total)


def test_costs_follow_what_was_told_and_say_what_was_assumed() -> None:
    frame = followed(100, 10)
    told = costs_of(frame, stayers_take=True)
    assert (told.contacted, told.contact_basis, told.incentive_basis) == (100, "outcomes", "outcomes")
    silent = frame.with_columns(is_delivered=False, is_accepted=False)
    stayers, everyone = costs_of(silent, stayers_take=True), costs_of(silent, stayers_take=False)
    left = int(frame.filter(arm="treatment")["has_churned"].sum())
    assert (stayers.contacted, stayers.contact_basis, stayers.used) == (100, "assumed", 100 - left)
    assert (everyone.used, everyone.incentive_basis) == (100, "everyone")
    free = costs_of(frame.with_columns(incentive_cost=0.0), stayers_take=True)
    assert (free.used, free.incentive_basis, free.incentive_cost) == (0, "none", 0.0)


def test_a_held_out_customer_who_was_contacted_by_mistake_costs_a_contact_too() -> None:
    frame = followed(100, 10).with_columns(is_delivered=pl.lit(value=True))
    assert costs_of(frame, stayers_take=True).contacted == 110


def test_a_save_is_worth_what_those_likely_to_leave_are_worth() -> None:
    frame = followed(2, 1).with_columns(
        churn_probability=pl.Series([0.9, 0.1, 0.5]), value_of_save=pl.Series([100.0, 20.0, 7.0])
    )
    assert value_of_a_save(frame) == pytest.approx(0.9 * 100 + 0.1 * 20)
    assert value_of_a_save(frame.with_columns(churn_probability=0.0)) == pytest.approx(60.0)


def test_segments_are_corrected_for_being_several_and_one_split_is_told_once() -> None:
    rows = segments(followed(4000, 1000), 0.95)
    assert {row.dimension for row in rows} == {"risk_band", "plan"}  # the strata are the bands
    assert all(row.p_corrected >= row.p_value for row in rows)
    assert segments(followed(30, 8), 0.95) == ()


def test_the_two_by_two_tells_the_models_work_from_the_campaigns() -> None:
    both = document(followed(4000, 445, avoided=0.06))
    only_model = document(followed(4000, 445, avoided=0.0))
    frame = followed(4000, 445, avoided=0.06)
    shuffled = frame.with_columns(churn_probability=pl.col("churn_probability").shuffle(seed=1))
    only_campaign = document(shuffled)
    neither = document(
        followed(60, 20, avoided=0.0).with_columns(pl.col("churn_probability").shuffle(seed=1)), share=0.25
    )
    said = [
        next(each.sentence for each in one.words.story if each.code == "two_by_two")
        for one in (both, only_model, only_campaign, neither)
    ]
    for sentence, words in zip(
        said,
        ("keep both", "look at the offer, not the list", "by something else than risk", "Neither is proven"),
        strict=True,
    ):
        assert words in sentence
    assert two_by_two(frame.with_columns(churn_probability=0.5), 0.95) is None


def test_the_ledger_sets_the_plan_beside_what_was_measured() -> None:
    found = document(followed())
    treated = followed().filter(arm="treatment")
    assert found.ledger.expected_saves == pytest.approx(treated["expected_uplift"].sum())
    assert found.ledger.expected_profit == pytest.approx(treated["expected_profit"].sum())
    assert found.ledger.is_saves_within is True
    assert found.ledger.holdout_churned == 16
    no_uplift = document(followed().with_columns(expected_uplift=pl.lit(None, dtype=pl.Float64)))
    assert no_uplift.ledger.expected_saves is None
    assert "the plan expected $" in "".join(each.sentence for each in no_uplift.words.story)


def test_the_headline_can_be_repeated_to_the_board() -> None:
    found = document(followed(20_000, 2_222, avoided=0.06))
    low, high = round(found.money.saves.low), round(found.money.saves.high)
    assert found.words.headline == (
        f"Of 20,000 customers chosen for contact, 1,200 left (6.0 %); of 2,222 like them left alone, 267 did (12.0 %). So it kept "
        f"{found.money.saves.value:,.0f} customers who would have left, between {low:,} and {high:,}. That earned "
        f"${found.money.net_profit.value:,.0f} net of all costs, between ${found.money.net_profit.low:,.0f} "
        f"and ${found.money.net_profit.high:,.0f}. All with 95 % confidence."
    )


def test_an_open_result_says_that_it_is_open_and_what_would_have_been_found() -> None:
    found = document(followed(500, 56, avoided=0.01))
    assert found.verdict == "open"
    assert found.words.headline.startswith("No effect is proven.")
    assert any("four times in five" in note for note in found.words.notes)


@settings(max_examples=40, deadline=None)
@given(
    treated=st.integers(2, 400),
    held_out=st.integers(2, 400),
    churn=st.floats(0.0, 0.6),
    avoided=st.floats(-0.3, 0.3),
    seed=st.integers(0, 5),
)
def test_every_measurement_can_be_said_and_agrees_with_newcombe(
    treated: int, held_out: int, churn: float, avoided: float, seed: int
) -> None:
    frame = one_stratum(followed(treated, held_out, churn=churn, avoided=min(avoided, churn), seed=seed))
    found = document(frame, share=held_out / (treated + held_out))
    hits = [int(frame.filter(arm=arm)["has_churned"].sum()) for arm in ("treatment", "holdout")]
    expected = newcombe(hits[0], treated, hits[1], held_out)
    assert (found.effect.delta, found.effect.low) == (expected.delta, expected.low)
    assert found.words.headline
    assert all(each.sentence.endswith(".") for each in found.words.story)
    assert (found.alarm is not None) == (expected.high < 0)


def test_measuring_twice_gives_the_same() -> None:
    frame = followed()
    terms = MeasurementTerms(holdout_share=0.1, costs=costs_of(frame, stayers_take=True))
    assert measure(frame, terms) == measure(frame, terms)


def test_strata_that_lack_an_arm_join_their_like_by_risk_and_never_another_split() -> None:
    rows = [
        ("a", "critical", "treatment"),  # nobody of it was left alone: joins `high`, not what comes next by name
        ("a", "high", "treatment"),
        ("a", "high", "holdout"),
        ("a", "low", "treatment"),
        ("a", "low", "holdout"),
        ("b", "low", "holdout"),  # joins `medium` of its own split
        ("b", "medium", "treatment"),
        ("b", "medium", "holdout"),
        ("c", "low", "treatment"),
    ]
    frame = pl.DataFrame(rows, schema=["split", "stratum", "arm"], orient="row")
    assert comparable(frame)["split"].unique().sort().to_list() == ["a", "b"]
    labels = strata_of(comparable(frame)).tolist()
    assert labels == ["a 001"] * 3 + ["a 000"] * 2 + ["b 000"] * 3
    alone = frame.filter(split="c")
    assert comparable(alone).equals(alone)


@pytest.mark.parametrize(("customers", "is_said"), [(4_191, True), (134, False)])
def test_what_is_learnt_says_who_tells_of_leaving_without_contact(customers: int, is_said: bool) -> None:
    """The rates may say harm beside an effect that is none: of a few held out many may leave by luck."""
    level = MeasuredLevel(
        model_version="m1",
        day=date(2026, 7, 1),
        window_days=30,
        customers=customers,
        expected=196.0,
        churned=238,
        precision=(),
        shift=(),
    )
    learnt = OfferLearning(
        keys=(),
        precision=(),
        shift=(),
        treated=1204,
        holdout=134,
        rounds=1,
        intercept=0.0,
        slope=1.0,
        effect=(),
        levels=(level,),
    )
    measured = document(followed()).model_copy(update={"learnt": learnt})
    (sentence,) = [part.sentence for part in words_of(measured).story if part.code == "learnt"]
    assert (
        "told there by 4,191 customers whom nobody contacted, and not by the 134 held out alone" in sentence
    ) == is_said


def test_events_that_count_for_nothing_are_told_with_the_reason() -> None:
    told = document(
        followed(), events=EventCounts(events=20, unmatched=1, before_assignment=2, after_window=7)
    ).words.notes
    assert "2 outcome events from before the assignment do not count." in told
    assert "7 outcome events from after the window do not count, nor what they cost." in told
    assert "1 outcome event is about somebody not in this campaign." in told

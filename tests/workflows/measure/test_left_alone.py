"""Whom nobody contacted: they show how far the probabilities of a campaign's day were off."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from churn.campaigns.learning import evidence_of
from churn.documents.definition import Offer
from churn.store import open_store
from churn.workflows.measure import measure_campaign
from churn.workflows.measure.left_alone import left_alone
from tests.documents.samples import definition, plan_record
from tests.workflows.measure.campaign_world import DAY, company, context, customers, plan

SINGLE = Offer.model_validate({"success_rate_low": 0.1, "success_rate_expected": 0.3, "success_rate_high": 0.5})


def scored(count: int, version: str = "m1") -> pl.DataFrame:
    """The score history of the plan's day."""
    names = customers(count)
    return pl.DataFrame(
        {
            "customer_id": names,
            "snapshot_date": [DAY] * count,
            "churn_probability": [number / 100 for number in range(count)],
            "model_version": [version] * count,
        }
    )


def found_in(home: Path, world, history: pl.DataFrame | None) -> pl.DataFrame | None:
    here = context(home, world)
    chosen = pl.DataFrame({"customer_id": customers(20), "snapshot_date": DAY, "plan_id": "p1", "split": "0.2"})
    with open_store(f"sqlite:///{home / 'store.sqlite'}") as store:
        plans = store.plans.list("support_call")
    with here.open_warehouse("test") as warehouse:
        if history is not None:
            warehouse.write("history.scores", history)
        return left_alone(here, warehouse, plans, chosen)


def test_those_not_chosen_by_any_campaign_are_followed_with_their_own_fates(tmp_path: Path) -> None:
    world = company(40, leaves=lambda number: number % 4 == 0)
    world.contact("c030", "2024-06-05", campaign="by_hand")
    plan(tmp_path, customers(20))
    other = plan_record("p2", campaign="winback", definition=definition("winback", share=0.5, window_days=30))
    rows = pl.DataFrame({"customer_id": ["c021", "c022"], "arm": ["treatment", "holdout"]})
    with open_store(f"sqlite:///{tmp_path / 'store.sqlite'}") as store:
        first = store.assignments.of("support_call").head(2).drop("customer_id", "arm", "campaign", "plan_id")
        kept = [name for name in first.columns if name not in {"snapshot_date", "assigned_at"}]
        store.plans.save(replace(other, snapshot_date=DAY), pl.concat([rows, first.select(kept)], how="horizontal"))
    beside = found_in(tmp_path, world, scored(40))
    assert beside is not None
    fates = dict(zip(beside["churn_probability"].round(2).to_list(), beside["has_churned"].to_list(), strict=True))
    # The holdout of another campaign was left alone, its treated were not; a letter of June reached only who was still there.
    assert fates == {number / 100: number % 4 == 0 for number in range(20, 40) if number != 21}
    assert set(beside["split"]) == {"0.2"}


@pytest.mark.parametrize("days_later", [14, 30])
def test_whom_a_later_campaign_contacts_is_not_left_out_for_having_stayed(tmp_path: Path, days_later: int) -> None:
    """Only who is still there is contacted later: without them the others would seem to leave far more often than they do."""
    world = company(200, leaves=lambda number: number % 4 == 0)  # on 10 June
    plan(tmp_path, customers(20))
    later, stayed = DAY + timedelta(days=days_later), [name for name in customers(200)[20:] if int(name[1:]) % 4]
    plan(tmp_path, stayed[:90], plan_id="p2", day=later, arms=["treatment"] * 90, campaign="next")
    history = scored(200).with_columns(churn_probability=pl.lit(0.25), involuntary_probability=pl.lit(0.1))
    beside = found_in(tmp_path, world, history)
    assert beside is not None
    assert (beside.height, int(beside["has_churned"].sum())) == (180, 45)  # a quarter, as the scores say
    saved = 0.1 * max(30 - days_later, 0) / 30  # of the tenth that the later contact is expected to save
    changed = beside.filter(pl.col("churn_probability") != 0.25)
    assert changed.height == (90 if saved else 0)
    assert changed["churn_probability"].to_list() == pytest.approx([0.25 - saved] * changed.height)
    assert changed["involuntary_probability"].to_list() == pytest.approx([0.1 * (1 - saved / 0.25)] * changed.height)


def test_whom_another_campaign_contacted_in_the_window_before_is_left_out(tmp_path: Path) -> None:
    world = company(40, leaves=lambda number: number % 4 == 0)
    plan(tmp_path, customers(20))
    for number, days in enumerate((0, 29, 30)):
        name = [customers(40)[21 + number]]
        day = DAY - timedelta(days=days)
        plan(tmp_path, name, plan_id=f"b{days}", day=day, arms=["treatment"], campaign=f"before_{days}")
    beside = found_in(tmp_path, world, scored(40))
    assert beside is not None
    assert {round(100 * p) for p in beside["churn_probability"]} == set(range(20, 40)) - {21, 22}


def test_scores_of_another_model_or_none_show_nothing(tmp_path: Path) -> None:
    world = company(40, leaves=lambda number: number % 4 == 0)
    plan(tmp_path, customers(20))
    assert found_in(tmp_path, world, None) is None
    assert found_in(tmp_path, world, scored(40, version="m0")) is None


def test_left_alone_customers_keep_a_wrong_probability_from_being_learnt_as_an_effect() -> None:
    # 30 % were expected and 15 % would leave: of ten held out that cannot be seen, of thousands left alone it can.
    arms = pl.DataFrame(
        {
            "split": ["a"] * 410,
            "plan_id": ["a"] * 410,
            "arm": ["treatment"] * 400 + ["holdout"] * 10,
            "churn_probability": [0.3] * 410,
            "has_churned": [n < 60 for n in range(400)] + [n < 2 for n in range(10)],
        }
    )
    beside = pl.DataFrame(
        {"split": ["a"] * 4000, "churn_probability": [0.3] * 4000, "has_churned": [n < 600 for n in range(4000)]}
    )
    few, many = evidence_of(SINGLE, arms), evidence_of(SINGLE, arms, beside)
    assert many.shift[0] / many.precision[0][0] == pytest.approx(0.0, abs=0.05)
    assert many.precision[0][0] > 3 * few.precision[0][0]
    assert (many.treated, many.holdout) == (400, 10)


@pytest.mark.parametrize("drawn", [0, 10])
def test_a_measurement_keeps_how_far_the_days_probabilities_were_off(tmp_path: Path, drawn: int) -> None:
    world = company(40, leaves=lambda number: number % 4 == 0)
    plan(tmp_path, customers(20), strata=["random slice"] * drawn + ["high"] * (20 - drawn))
    history = scored(40).with_columns(involuntary_probability=pl.col("churn_probability") / 2)

    def opened(_holder):
        warehouse = world.warehouse()
        warehouse.write("history.scores", history)
        return warehouse

    learnt = measure_campaign(context(tmp_path, world, open_warehouse=opened), "support_call").document.learnt
    (level,) = learnt.levels
    with open_store(f"sqlite:///{tmp_path / 'store.sqlite'}") as store:
        held = store.assignments.of("support_call").filter(arm="holdout")
    assert (level.day, level.model_version, level.window_days) == (DAY, "m1", 30)
    assert (
        level.customers == 20 + held.height
    )  # whom no plan chose, once beside slice and others alike, and the holdout
    assert level.churned == 5 + sum(int(name[1:]) % 4 == 0 for name in held["customer_id"])
    assert level.precision[2][2] > 0.0  # the causes were known
    assert len(learnt.basis) == len(learnt.keys)

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from churn.modeling.uplift.harm import PREDICTED, HarmfulGroup, Rule, find_harm, harmed_by
from tests.modeling.uplift.experiments import experiment, learn

NAMES = ("silent_days", "usage", "age", "plan")


def search(frame: pl.DataFrame, uplift: np.ndarray | None = None, seed: int = 0):
    return find_harm(
        frame,
        NAMES,
        frame["is_retained"].cast(pl.Float64).to_numpy(),
        frame["is_treated"].to_numpy(),
        np.zeros(frame.height) if uplift is None else uplift,
        seed=seed,
    )


def test_a_group_that_contact_drives_away_is_found_and_confirmed():
    found = search(experiment(8_000, harm=0.2, effect=0.05))
    assert "plan is gold" in {group.rule.text for group in found.groups}
    for group in found.groups:
        assert group.found[2] < 0
        assert group.confirmed[2] < 0
        assert group.p_value < 0.05


def test_where_contact_harms_nobody_nobody_is_listed():
    assert sum(len(search(experiment(3_000, seed=seed, effect=0.0), seed=seed).groups) for seed in range(20)) <= 1


def test_what_looks_harmful_by_chance_is_suspected_and_not_confirmed():
    found = [search(experiment(3_000, seed=seed, effect=0.0), seed=seed) for seed in range(20)]
    assert sum(each.suspected for each in found) > 3
    assert sum(len(each.groups) for each in found) <= 1


def test_the_list_names_the_reason_for_each_customer():
    frame = experiment(8_000, harm=0.2, effect=0.08)
    model = learn(frame).model
    fresh = experiment(1_000, seed=77, harm=0.2)
    reasons = model.do_not_contact(fresh)
    gold = fresh["plan"] == "gold"
    assert reasons.filter(gold).null_count() == 0
    assert reasons.filter(~gold).null_count() > 0.6 * (~gold).sum()


def test_those_predicted_to_lose_most_are_a_group_too():
    frame = experiment(8_000, harm=0.25, effect=0.05)
    found = search(frame, frame["tau"].to_numpy() + np.random.default_rng(1).normal(0, 0.01, 8_000))
    assert PREDICTED in {group.rule.feature for group in found.groups}


def test_a_group_is_too_small_to_prove_anything():
    rare = experiment(4_000).with_columns(
        plan=pl.when(pl.int_range(pl.len()) < 30).then(pl.lit("rare")).otherwise("plan")
    )
    assert "plan is rare" not in {group.rule.text for group in search(rare).groups}


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (Rule("monthly_fee", high=20.0), "monthly fee below 20"),
        (Rule("age_years", 30.0, 40.0), "age years of 30 or more and below 40"),
        (Rule("age_years", 30.0), "age years of 30 or more"),
        (Rule("plan", level="gold"), "plan is gold"),
    ],
)
def test_a_rule_is_said_in_words(rule, text):
    assert rule.text == text


def test_a_missing_value_belongs_to_no_range():
    frame = pl.DataFrame({"age": [None, 20.0, 40.0]})
    assert Rule("age", high=30.0).covers(frame, np.zeros(3)).tolist() == [False, True, False]


def test_a_customer_of_two_groups_gets_the_first_reason():
    frame = pl.DataFrame({"plan": ["gold", "basic"], "age": [20.0, 20.0]})
    groups = [
        HarmfulGroup(rule, 1, 0.5, (-0.1, -0.2, -0.05), (-0.1, -0.2, -0.05), 0.01)
        for rule in (Rule("plan", level="gold"), Rule("age", high=30.0))
    ]
    assert harmed_by(groups, frame, np.zeros(2)).to_list() == ["plan is gold", "age below 30"]
    assert HarmfulGroup.of(groups[0].document()) == groups[0]

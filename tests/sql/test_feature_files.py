"""Every feature file: its rows, its documentation, and the same bytes at training and serving."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

from churn.snapshots.columns import KEYS
from churn.snapshots.dataset import feature_frame
from tests.sql.companies import add_facts, add_records, base_company, known_by
from tests.worlds import World, at, build, shipped_models

GROUPS = sorted(name for name in shipped_models() if name.startswith("features."))
MONTHS = [f"2023-{month:02d}-01" for month in range(7, 13)] + [f"2024-{month:02d}-01" for month in range(1, 7)]
NAMED_IN_THE_CASE = (
    "days_since_last_login",
    "number_of_payment_failures_60d",
    "average_weekly_usage",
    "customer_time_in_months",
    "support_tickets_90d",
    "payment_failure_ratio",
    "is_new_user",
    "inactivity_risk",
)


def company() -> World:
    """Return a company with facts over all of a year, some told late."""
    random = np.random.default_rng(11)
    world = base_company(at("2024-06-01"), random, facts=50)
    draw = known_by(at("2024-06-01"), random, days=500)
    return add_records(add_facts(world, 250, draw, random), 20, draw, random)


@pytest.mark.parametrize("name", [name for name in GROUPS if name != "features.attributes"])
def test_every_feature_has_a_sentence_and_a_phrase_with_a_place_for_its_value(name: str) -> None:
    for doc in shipped_models()[name].columns:
        if doc.name not in KEYS:
            assert re.fullmatch(r"[A-Z].*\.", doc.description), doc
            assert doc.phrase is not None, doc
            assert "{}" in doc.phrase, doc


def test_there_are_features_enough_and_the_case_finds_its_own_by_name() -> None:
    names = [doc.name for name in GROUPS for doc in shipped_models()[name].columns if doc.name not in KEYS]
    assert len(names) == len(set(names)) >= 70
    assert set(NAMED_IN_THE_CASE) <= set(names)


def test_every_feature_table_has_exactly_the_rows_of_the_spine() -> None:
    with company().warehouse() as warehouse:
        build(warehouse, *MONTHS)
        spine = warehouse.rows("select customer_id, snapshot_date from snapshots.spine order by all")
        assert len(spine) == len(set(spine)) > 80
        for name in [*GROUPS, "snapshots.labels", "snapshots.customer_value"]:
            assert warehouse.rows(f"select customer_id, snapshot_date from {name} order by all") == spine, name


@pytest.mark.parametrize("day", [MONTHS[0], MONTHS[6], MONTHS[-1]])
def test_scoring_one_date_gives_the_same_bytes_as_training_on_twelve(day: str) -> None:
    with company().warehouse() as warehouse:
        models = build(warehouse, *MONTHS)
        many, docs = feature_frame(warehouse, models)
        build(warehouse, day)
        one, _ = feature_frame(warehouse, models, wanted=[doc.name for doc in docs])
    of_many = many.filter(pl.col("snapshot_date") == at(day).date())
    assert one.height >= 5
    assert one.schema == of_many.schema
    assert one.rows() == of_many.rows()


def test_the_order_in_which_facts_arrive_and_the_number_of_threads_do_not_change_a_bit() -> None:
    world = company()
    frames = []
    for threads in (1, 4):
        for facts in world.rows.values():
            facts.reverse()
        with world.warehouse() as warehouse:
            warehouse.execute(f"set threads = {threads}")
            models = build(warehouse, *MONTHS[-2:])
            frames.append(feature_frame(warehouse, models)[0])
    assert frames[0].rows() == frames[1].rows()

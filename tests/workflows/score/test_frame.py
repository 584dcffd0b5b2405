"""Scoring a date encodes and scores everybody once, and publishes what the model alone would say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import get_ident

import numpy as np
import polars as pl
import pytest
from threadpoolctl import threadpool_limits

from churn.bootstrap import build_context
from churn.config import SimulationSettings
from churn.modeling.encoding.encoder import Encoder
from churn.snapshots.dataset import scoring_set
from churn.views.champion import load_champion
from churn.warehouse.models.sql_models import load_models
from churn.workflows.score import score_customers


@pytest.fixture
def context(company):
    return build_context(home=company.home)


@pytest.fixture
def transformed(monkeypatch):
    """Each encoder that was given a frame, with the height of the frame."""
    heights: list[tuple[int, int]] = []
    original, here = Encoder.transform, get_ident()

    def counted(self, frame):
        if get_ident() == here:  # a service that stands for other tests works in threads of its own
            heights.append((id(self), frame.height))
        return original(self, frame)

    monkeypatch.setattr(Encoder, "transform", counted)
    return heights


@pytest.fixture
def published(context):
    """Return what is published now: the run and its frame, by customer."""

    def read():
        with context.open_store() as store:
            page = store.published.page(limit=None)
            assert page.run is not None
            return page.run, page.frame.sort("customer_id")

    return read


def test_every_customer_is_encoded_once_for_the_probability_and_once_for_its_causes(context, transformed):
    (result,) = score_customers(context)
    assert [height for _, height in transformed] == [result.customers] * 2
    assert len({encoder for encoder, _ in transformed}) == 2


def test_the_run_says_in_utc_until_when_the_data_reach(context, published):
    score_customers(context)
    reached = published()[0].data_cutoff
    reporting = context.settings.reporting.model_copy(update={"timezone": "Asia/Tokyo"})
    score_customers(replace(context, settings=context.settings.model_copy(update={"reporting": reporting})))
    assert published()[0].data_cutoff == reached - timedelta(hours=9)


def test_what_a_save_is_worth_may_be_sql_over_features_and_is_published(context, published):
    terms = {
        "value_of_save": "2 * monthly_fee + 10",
        "contact_cost": "case when monthly_fee > 30 then null else 1.5 end",
    }
    own = SimulationSettings.model_validate(terms)
    score_customers(replace(context, settings=context.settings.model_copy(update={"simulation": own})))
    scores = published()[1].with_columns(
        fee=pl.col("monthly_margin") / context.settings.business.margin_rate,
        profit=0.4 * pl.col("churn_probability") * pl.col("value_of_save") - 1.5,
    )
    assert (scores["value_of_save"] - 2 * scores["fee"] - 10).abs().max() < 1e-9
    has_cost = scores["fee"] <= 30
    assert 0 < has_cost.sum() < scores.height
    assert (scores["expected_profit"] - scores["profit"]).filter(has_cost).abs().max() < 1e-9
    assert scores["expected_profit"].filter(~has_cost).unique().to_list() == [0.0]


def test_published_scores_are_the_bits_that_the_model_predicts(context, published):
    score_customers(context)
    run, scores = published()
    _, model = load_champion(context)
    with context.open_warehouse("test") as warehouse:
        models = load_models(context.settings.home)
        frame = scoring_set(warehouse, models, model.policy, run.snapshot_date, wanted=model.feature_names).frame
    with threadpool_limits(1, "blas"):  # as scores are computed: sums of several threads differ in their last bits
        predicted = model.predict(frame)
        involuntary = model.involuntary_probability(frame, predicted.churn_probability)
    order = np.argsort(frame["customer_id"].to_numpy())
    assert scores["customer_id"].to_list() == frame["customer_id"].gather(order).to_list()
    assert scores["raw_score"].to_numpy().tobytes() == predicted.raw_score[order].tobytes()
    assert scores["involuntary_probability"].to_numpy().tobytes() == involuntary[order].tobytes()
    assert scores["churn_probability"].to_numpy().tobytes() == predicted.churn_probability[order].tobytes()


def test_a_second_run_publishes_the_same_bytes(context, published):
    score_customers(context)
    _, first = published()
    score_customers(context)
    assert published()[1].equals(first, null_equal=True)

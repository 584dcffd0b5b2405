from __future__ import annotations

import json
from datetime import datetime

import numpy as np
import polars as pl
import pytest

from churn.decisions.uplift import qini_curve
from churn.documents.uplift import UpliftDocument, UpliftFigures, UpliftOrigin, UsedCustomers
from churn.errors import ConfigError, ModelError, NotEnoughData
from churn.modeling.candidates import CANDIDATES
from churn.modeling.uplift.balance import find_imbalances
from churn.modeling.uplift.contest import FOLDS, Experiment, folds
from churn.modeling.uplift.learners import LEARNERS
from tests.modeling.uplift.experiments import FEATURES, experiment, fit, learn

FRAME = experiment(4_000, spread=0.12, effect=0.06)


@pytest.fixture(scope="module")
def learnt():
    return learn(FRAME, bases=("logistic_regression", "xgboost"), draws=100)


def test_learnt_uplift_goes_with_the_true_one(learnt):
    fresh = experiment(4_000, seed=99, spread=0.12, effect=0.06)
    predicted = learnt.model.predict(fresh)
    assert np.corrcoef(predicted, fresh["tau"])[0, 1] > 0.7
    assert learnt.is_better_than_nothing
    assert "for whom matters" in learnt.sentence


def test_predictions_are_as_large_as_the_truth_so_that_money_can_rest_on_them(learnt):
    fresh = experiment(4_000, seed=98, spread=0.12, effect=0.06)
    predicted = learnt.model.predict(fresh)
    half = predicted > np.median(predicted)
    assert predicted.mean() == pytest.approx(fresh["tau"].mean(), abs=0.03)
    for rows in (half, ~half):
        assert predicted[rows].mean() == pytest.approx(fresh["tau"].to_numpy()[rows].mean(), abs=0.04)


PAIRS = [(learner, "logistic_regression") for learner in LEARNERS] + [("x_learner", c.name) for c in CANDIDATES[1:]]


@pytest.mark.parametrize(("learner", "base"), PAIRS)
def test_each_learner_and_each_candidate_finds_a_strong_difference(learner, base):
    fresh = experiment(1_000, seed=6, spread=0.3, effect=0.1)
    model = fit(experiment(1_500, seed=5, spread=0.3, effect=0.1), learner, base)
    assert np.corrcoef(model.predict(fresh), fresh["tau"])[0, 1] > 0.4
    assert (model.learner, model.base) == (learner, base)


def test_the_average_effect_is_the_difference_of_the_arms(learnt):
    shares = FRAME.group_by("is_treated").agg(pl.col("is_retained").mean()).sort("is_treated")["is_retained"]
    assert learnt.effect.delta == pytest.approx(shares[1] - shares[0])
    assert learnt.model.predict(FRAME).mean() == pytest.approx(learnt.effect.delta, abs=1e-9)


def test_without_heterogeneity_it_says_so_nearly_always():
    wrong = 0
    for seed in range(10):
        found = learn(experiment(1_000, seed=seed, effect=0.06), seed=seed, draws=100)
        wrong += found.is_better_than_nothing
        if not found.is_better_than_nothing:
            assert "contacts are chosen by expected profit from risk" in found.sentence
    assert wrong <= 1  # 2.5 % are expected at most


def test_a_small_holdout_is_enough_to_learn_from_where_the_effect_differs_much():
    found = learn(experiment(5_000, spread=0.2, effect=0.1, treated_share=0.85))
    assert found.is_better_than_nothing


def test_no_customer_is_judged_by_a_model_that_saw_them():
    noise = experiment(1_500, seed=8, effect=0.0).with_columns(
        pl.Series("plan", [f"code {i % 700}" for i in range(1_500)])  # enough values to learn outcomes by heart
    )
    found = learn(noise, bases=("random_forest",), learners=("t_learner",))
    own = qini_curve(
        noise["is_retained"],
        noise["is_treated"],
        found.model.fitted.uplift(found.model.fitted.encoder.transform(noise)),
    )
    assert own.qini > 0.1 > found.best.interval.qini


def test_every_fold_holds_its_share_of_arms_and_outcomes():
    stayed, treated = np.arange(400) % 4 < 3, np.arange(400) < 100
    fold = folds(Experiment(pl.DataFrame(), (), stayed.astype(float), treated), seed=1)
    for rows in (treated & stayed, treated & ~stayed, ~treated & stayed, ~treated & ~stayed):
        counts = np.bincount(fold[rows], minlength=FOLDS)
        assert np.ptp(counts) <= 1


def test_the_same_seed_gives_the_same_model():
    frame = experiment(1_200, spread=0.1)
    one, other = (learn(frame, bases=("xgboost",), learners=("x_learner",), draws=20) for _ in range(2))
    assert np.array_equal(one.model.predict(frame), other.model.predict(frame))
    assert one.figures() == other.figures()


def test_the_figures_read_back_and_name_the_convention(learnt):
    figures = learnt.figures()
    written = json.loads(json.dumps(figures.as_json(), allow_nan=False))
    assert UpliftFigures.read(written, where="figures") == figures
    assert figures.convention.startswith("Q(k) = Y_T - Y_C N_T / N_C")
    assert figures.treated_share == pytest.approx(0.5, abs=0.02)
    assert len(figures.deciles) == 10
    assert len(figures.contenders) == len(LEARNERS) * 2
    assert figures.qini.low <= figures.qini.alone_low + 1e-9


def test_a_document_leaves_out_what_its_origin_does_not_have(learnt):
    origin = UpliftOrigin(
        campaign="trial", learnt_at=datetime(2026, 8, 10, 6), file="trial.csv", counts=UsedCustomers(assigned=9, used=8)
    )
    written = UpliftDocument.of(origin, learnt.figures()).as_json()
    assert list(written)[:4] == ["campaign", "learnt_at", "file", "counts"]
    assert written["counts"] == {"assigned": 9, "used": 8}
    assert not {"window_days", "snapshot_dates", "version", "do_not_contact", "seconds"} & set(written)


def test_deciles_fall_from_the_first_to_the_last(learnt):
    measured = [d.effect.delta for d in learnt.deciles if d.effect is not None]
    assert np.mean(measured[:3]) > np.mean(measured[-3:]) + 0.1


def test_too_few_in_an_arm_are_named():
    frame = experiment(600, treated_share=0.95)
    with pytest.raises(NotEnoughData, match=r"only \d+ customers of the holdout stayed; at least 25"):
        learn(frame)


def test_an_unknown_outcome_is_refused():
    frame = experiment(400).with_columns(
        is_retained=pl.when(pl.col("age") > 50).then(None).otherwise(pl.col("is_retained"))
    )
    with pytest.raises(ModelError, match="arm or outcome"):
        learn(frame)


def test_a_missing_feature_is_named():
    with pytest.raises(ModelError, match="`usage`"):
        learn(FRAME.drop("usage"))


def test_an_unknown_learner_is_refused():
    with pytest.raises(ConfigError, match="`s_learner`"):
        learn(FRAME, learners=("s_learner",))


def test_a_column_made_by_the_contact_is_named():
    rng = np.random.default_rng(4)
    opened = experiment(3_000).with_columns(
        age=pl.when(pl.col("is_treated")).then(pl.lit(1.0)).otherwise(0.0) * pl.Series(rng.random(3_000) < 0.3)
    )
    found = learn(opened)
    assert [each.feature for each in found.imbalances] == ["age"]
    assert "known only after the contact" in found.imbalances[0].sentence


def test_arms_drawn_by_chance_are_not_complained_of():
    def found(seed):
        frame = experiment(800, seed=seed)
        return find_imbalances(frame, [doc.name for doc in FEATURES], frame["is_treated"].to_numpy())

    assert sum(len(found(seed)) for seed in range(30)) == 0


@pytest.mark.parametrize("kind", [pl.Int64, pl.String])
def test_stores_that_were_assigned_as_a_whole_are_named_and_stores_within_which_customers_were_drawn_are_not(kind):
    stores = pl.Series(np.repeat(np.arange(40), 25)).cast(kind)
    frame = pl.DataFrame({"store": stores})
    whole = np.repeat(np.random.default_rng(2).permutation(np.arange(40) % 2 == 0), 25)
    (imbalance,) = find_imbalances(frame, ["store"], whole)
    assert imbalance.is_whole
    assert "whole groups were assigned" in imbalance.sentence
    drawn = np.random.default_rng(3).random(1_000) < 0.5
    assert find_imbalances(frame, ["store"], drawn) == ()
    told = pl.DataFrame({"store": np.where(drawn, "mail", "none")})
    assert not any(found.is_whole for found in find_imbalances(told, ["store"], drawn))


def test_features_that_nothing_is_known_of_do_no_harm():
    frame = experiment(1_500, spread=0.15).with_columns(age=pl.lit(None, dtype=pl.Float64), plan=pl.lit("one"))
    assert learn(frame).model.predict(frame).size == 1_500


def test_nobody_is_predicted_for_an_empty_frame(learnt):
    assert learnt.model.predict(FRAME.head(0)).size == 0
    assert learnt.model.do_not_contact(FRAME.head(0)).len() == 0


def test_more_rows_than_needed_are_sampled(monkeypatch):
    monkeypatch.setattr("churn.modeling.uplift.train.MAX_ROWS", 1_000)
    assert learn(experiment(1_500)).out_of_fold.height == 1_000


def test_the_features_are_those_given(learnt):
    assert learnt.model.feature_names == tuple(doc.name for doc in FEATURES)

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from churn.errors import ConfigError, FutureLeak, ModelError, NotEnoughData
from churn.modeling import card_markdown
from churn.modeling.candidates import candidates, competing
from tests.modeling.made_up import customers, train, training_set

FRAME = customers(count=700)


@pytest.fixture(scope="module")
def result():
    return train(FRAME)


def test_every_candidate_and_baseline_is_judged_on_the_same_rows(result):
    assert [c.name for c in result.candidates] == [
        "constant",
        "last_login_rule",
        "segment_rate",
        "logistic_regression",
        "random_forest",
        "shallow_xgboost",
        "xgboost",
        "hist_gradient_boosting",
        "mlp",
        "average",
    ]
    by_name = {c.name: c.value("auc") for c in result.candidates}
    assert by_name["constant"] == 0.5
    assert all(by_name[name] > by_name["last_login_rule"] + 0.03 for name in list(by_name)[3:])


def test_the_chosen_candidate_has_signal_and_a_sentence(result):
    assert result.selection.has_signal
    assert result.selection.reason.count(". ") == 0
    assert result.best.name == result.selection.name == result.model.kind


def test_results_are_plain_values_with_intervals(result):
    for found in json.loads(json.dumps([c.figures().as_json() for c in result.candidates], allow_nan=False)):
        for key in (
            "auc",
            "recall",
            "pr_auc",
            "brier",
            "ece",
            "empc",
            "net_profit",
            "precision",
            "f1",
            "log_loss",
            "lift",
        ):
            low, high = found[f"{key}_interval"]
            assert low <= high
            assert isinstance(found[key], float)
        assert {"name", "threshold", "fit_seconds", "rows_per_second", "is_calibrated"} <= found.keys()


def test_the_evaluation_set_is_the_test_rows_scored_by_a_model_that_did_not_see_them(result):
    assert result.evaluation.columns == [
        "customer_id",
        "snapshot_date",
        "has_churned",
        "raw_score",
        "churn_probability",
        "monthly_margin",
    ]
    assert result.evaluation["snapshot_date"].unique().to_list() == [FRAME["snapshot_date"].max()]
    rows = result.evaluation.select("customer_id", "snapshot_date").join(FRAME, on=["customer_id", "snapshot_date"])
    served = result.model.predict(rows).churn_probability
    assert not np.array_equal(served, result.evaluation["churn_probability"].to_numpy())
    assert np.corrcoef(served, result.evaluation["churn_probability"].to_numpy())[0, 1] > 0.95


def test_the_model_that_serves_has_learnt_from_every_row_and_the_figures_from_none_of_the_test_rows():
    """What only the newest day teaches is in the model that serves, and not in the figures."""
    newest = FRAME["snapshot_date"] == FRAME["snapshot_date"].max()
    frame = FRAME.with_columns(
        plan=pl.when(newest & (pl.col("plan") == "pro")).then(pl.lit("new")).otherwise(pl.col("plan"))
    )
    found = train(frame, candidates=["logistic_regression"])
    assert any("new" in name for name in found.model.encoded_names)
    assert found.evaluation.height == int(newest.sum()) - int((newest & FRAME["is_treated"]).sum())


def test_few_rows_without_dates_are_judged_in_folds_and_all_of_them_are_learnt_from():
    found = train(customers(count=900, dates=1), candidates=["logistic_regression"])
    assert [part.slice for part in found.card.slices] == ["train", "test"]
    assert "in 5 folds of customers" in found.card.split_description
    assert found.best.held_out.draws["net_profit"].size == 60
    again = train(customers(count=900, dates=1), candidates=["logistic_regression"])
    assert again.evaluation.equals(found.evaluation)


def test_the_same_data_and_seed_give_the_same_scores(result):
    again = train(FRAME)
    assert again.evaluation.equals(result.evaluation)
    assert again.selection.reason == result.selection.reason


def test_the_card_tells_data_split_candidates_calibration_and_features(result):
    card = json.loads(json.dumps(result.card.as_json(), allow_nan=False))
    assert card["split"] == "temporal"
    assert [s["slice"] for s in card["slices"]] == ["train", "calibrate", "select", "test"]
    assert card["counts"]["treated_rows"] > 0
    assert card["counts"]["treated_rows_used"] == 0
    assert {"scikit-learn", "xgboost", "numpy"} <= card["versions"].keys()
    text = card_markdown(result.card)
    for expected in (
        result.selection.reason,
        "Forward in time",
        "| **",
        "Calibration",
        "days_since_last_login",
        "Seed 7",
    ):
        assert expected in text


def test_treated_customers_are_kept_only_where_too_few_others_remain():
    frame = FRAME.with_columns(pl.Series("is_treated", np.arange(FRAME.height) % 50 != 0))
    found = train(frame, candidates=["logistic_regression"], min_churners=200)
    assert found.card.counts["treated_rows_used"] == found.card.counts["treated_rows"] > 0
    assert "too few others remain" in card_markdown(found.card)


def test_noise_is_called_noise():
    found = train(customers(count=500, strength=0.0, seed=3))
    assert not found.selection.has_signal
    assert found.selection.reason.startswith("Nothing to learn was found")


def test_one_date_is_split_at_random_by_customer():
    frame = customers(count=1_500, dates=1)
    found = train(frame, candidates=["logistic_regression"])
    assert found.card.split == "random"
    assert found.evaluation.height == pytest.approx(150, abs=15)
    with pytest.raises(NotEnoughData):
        train(frame, split="temporal")


def test_flat_data_without_dates_or_logins_train_too():
    frame = (
        customers(count=900, dates=1)
        .drop("days_since_last_login")
        .with_columns(pl.lit(None, dtype=pl.Date).alias("snapshot_date"))
    )
    found = train(frame, candidates=["logistic_regression"])
    assert [c.name for c in found.candidates] == ["constant", "segment_rate", "logistic_regression"]


def test_two_hundred_rows_train_when_the_minimums_allow_it():
    found = train(customers(count=200, dates=1), split="random", min_churners=2, min_stayers=2)
    assert 15 <= found.evaluation.height <= 20


def test_a_cap_on_rows_keeps_probabilities_true():
    frame = customers(count=3_000, dates=9, base=-2.2)
    found = train(frame, candidates=["logistic_regression", "xgboost"], max_rows=2_500)
    trained_on = found.card.slices[0]
    assert trained_on.rows <= 2_510
    assert found.card.counts["train_rows_before_sampling"] > 8_000
    p, y = found.evaluation["churn_probability"], found.evaluation["has_churned"]
    assert p.mean() == pytest.approx(y.mean(), rel=0.15)
    assert "stayers were sampled" in card_markdown(found.card)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (FRAME.with_columns(has_churned=pl.lit(value=False)), "20 more churners"),
        (FRAME.with_columns(has_churned=pl.lit(value=True)), "20 more stayers"),
        (FRAME.filter(pl.col("customer_id") == "c00001"), "too few"),
        (FRAME.clear(), "no labelled customer"),
        (FRAME.with_columns(has_churned=pl.lit(None, dtype=pl.Boolean)), "no labelled customer"),
    ],
    ids=["no churners", "no stayers", "one customer", "no rows", "no labels"],
)
def test_too_little_to_learn_from_is_said(frame, message):
    with pytest.raises(NotEnoughData, match=message):
        train(frame)


def test_a_leak_stops_training_and_excluding_it_helps():
    frame = FRAME.with_columns(pl.col("has_churned").cast(pl.Float64).alias("balance"))
    with pytest.raises(ModelError, match="`balance` alone"):
        train(frame)
    with pytest.raises(FutureLeak, match="`logins_next_30d`"):
        train(frame.rename({"balance": "logins_next_30d"}))
    found = train(frame, candidates=["logistic_regression"], exclude_features=["balance"])
    assert "balance" not in found.model.feature_names
    assert found.card.excluded_features == ("balance",)


def test_a_feature_the_set_lacks_is_named():
    data = training_set(FRAME)
    with pytest.raises(ModelError, match="lack feature `city`"):
        train(type(data)(FRAME.drop("city"), data.features, data.policy, data.fingerprint, data.counts))


def test_excluding_every_feature_and_unknown_names_are_errors():
    names = [f.name for f in training_set(FRAME).features]
    with pytest.raises(ModelError, match="no feature is left"):
        train(FRAME, exclude_features=names)
    with pytest.raises(ConfigError, match="no candidate is called `svm`"):
        train(FRAME, candidates=["svm"])
    with pytest.raises(ModelError, match="no split `sideways`"):
        train(FRAME, split="sideways")


def test_scoring_survives_missing_infinite_and_unseen_values_and_names_absent_features(result):
    odd = FRAME.head(50).with_columns(
        days_since_last_login=pl.lit(float("inf")),
        average_weekly_usage=pl.lit(None, dtype=pl.Float64),
        plan=pl.lit("never heard of"),
        city=pl.lit(None, dtype=pl.String),
    )
    found = result.model.predict(odd)
    assert np.isfinite(found.churn_probability).all()
    assert ((found.churn_probability > 0) & (found.churn_probability < 1)).all()
    with pytest.raises(ModelError, match="lack feature `average_weekly_usage`"):
        result.model.predict(FRAME.drop("average_weekly_usage"))
    assert result.model.predict(FRAME.clear()).raw_score.shape == (0,)


def test_the_model_shows_its_matrix_and_whose_each_column_is(result):
    model = result.model
    matrix = model.matrix(FRAME)
    assert matrix.shape == (FRAME.height, len(model.encoded_names))
    assert matrix.dtype == np.float32
    assert len(model.group_of) == matrix.shape[1]
    assert model.encoder.unused == ("city",), "it tells nothing of churn"
    assert set(np.asarray(model.feature_names)[model.group_of]) == set(model.feature_names) - {"city"}
    assert model.background.shape == (200, matrix.shape[1])


def test_progress_rises_to_the_end():
    from churn.config import SelectionSettings, TrainingSettings
    from churn.decisions.profit import Economics
    from churn.modeling import train_candidates

    class Heard:
        def __init__(self):
            self.done = []

        def step(self, message, done=None):
            if done is not None:
                self.done.append(done)

    heard = Heard()
    train_candidates(
        training_set(customers(count=300)),
        training=TrainingSettings(min_churners=20, min_stayers=20, tune_minutes=0.02),
        selection=SelectionSettings(bootstrap_draws=20),
        economics=Economics(),
        currency="EUR",
        progress=heard,
    )
    assert heard.done[-1] == 1.0
    assert heard.done == sorted(heard.done)


def test_adding_a_candidate_is_one_entry(monkeypatch, tmp_path):
    from sklearn.tree import DecisionTreeClassifier

    from churn.modeling import candidates as listed
    from churn.modeling import load_bundle, save_bundle
    from churn.modeling.encoding.encoder import TREES
    from churn.modeling.learners import Learnt

    stump = listed.Candidate(
        name="stump",
        title="Small tree",
        recipe=TREES,
        raw_unit="probability",
        learn=lambda data, params, seed, _watch: Learnt(
            DecisionTreeClassifier(random_state=seed, **params).fit(data.X, data.y, sample_weight=data.weight)
        ),
        score=lambda estimator, X: estimator.predict_proba(X)[:, 1],
        defaults={"max_depth": 4},
        search=lambda trial: {"max_depth": trial.suggest_int("max_depth", 2, 6)},
        trusted=("sklearn.tree._tree.Tree",),
    )
    monkeypatch.setattr(listed, "CANDIDATES", (*listed.CANDIDATES, stump))
    found = train(FRAME, candidates=["stump"], tune_minutes=0.02)
    save_bundle(found, tmp_path / "v1")
    again = load_bundle(tmp_path / "v1").predict(FRAME)
    assert found.selection.name == "stump"
    assert np.array_equal(again.raw_score, found.model.predict(FRAME).raw_score)


def test_five_hundred_features_train():
    rng = np.random.default_rng(8)
    frame = customers(count=400, dates=1).with_columns(
        pl.Series(f"noise_{i}", rng.normal(size=400)) for i in range(500)
    )
    assert train(frame, split="random", candidates=["logistic_regression"]).model.background.shape[1] > 500


def test_a_candidate_whose_scores_are_not_numbers_is_refused(monkeypatch):
    from dataclasses import replace

    from churn.modeling import candidates as listed

    broken = replace(listed.candidate("logistic_regression"), score=lambda _e, X: np.full(len(X), np.nan))
    monkeypatch.setattr(listed, "CANDIDATES", (broken,))
    with pytest.raises(ModelError, match="gave scores that are not numbers"):
        train(FRAME, candidates=["logistic_regression"])


@pytest.mark.parametrize("split", ["temporal", "random"])
def test_probabilities_pass_the_calibration_gate_where_there_is_signal(split):
    found = train(customers(count=4_000, base=-1.8), split=split, candidates=["logistic_regression", "xgboost"])
    assert found.card.calibration.is_passed, found.card.calibration.reasons
    assert found.best.is_calibrated
    assert all(c.is_calibrated for c in found.candidates if not c.is_baseline)


def test_rows_chosen_on_are_kept_with_what_models_said_that_had_not_learnt_from_them():
    later = train(FRAME, candidates=["logistic_regression"])
    in_folds = train(FRAME, candidates=["logistic_regression"], split="random")
    dates = set(later.unlearnt["snapshot_date"])
    assert max(dates) < min(later.evaluation["snapshot_date"]), (
        "of a split forward in time: what calibrated and selected"
    )
    used = FRAME.filter(~pl.col("is_treated")).height
    assert in_folds.unlearnt.height + in_folds.evaluation.height == used, "of folds: all that is not the test"
    assert not set(in_folds.unlearnt["customer_id"]) & set(in_folds.evaluation["customer_id"])
    kept = in_folds.unlearnt.join(FRAME, on=["customer_id", "snapshot_date"])
    assert abs(kept["churn_probability"].mean() - kept["has_churned"].mean()) < 0.01


@pytest.mark.parametrize(("levels", "competes"), [(4, False), (5, True)])
def test_splits_by_category_compete_where_a_category_has_many_values(levels, competes):
    frame = pl.DataFrame({"plan": [f"p{i % levels}" for i in range(100)], "usage": range(100)})
    entries = competing(candidates(["xgboost", "native_xgboost"]), frame, ["plan", "usage"])
    assert ("native_xgboost" in {entry.name for entry in entries}) == competes

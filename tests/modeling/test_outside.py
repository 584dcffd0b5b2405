"""A model made elsewhere is judged, calibrated, kept and explained as one of ours, or refused with the reason."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
import pytest

from churn.config import SelectionSettings, TrainingSettings
from churn.decisions.profit import Economics
from churn.errors import ConfigError, ModelError
from churn.modeling import (
    MadeElsewhere,
    ServedModel,
    TrainingResult,
    card_markdown,
    explain,
    judge_outside,
    labelled_rows,
    load_bundle,
    save_bundle,
)
from churn.modeling.reasons.sampled import sampled_contributions
from churn.modeling.serving.online import online_scorer
from tests.modeling.made_up import customers, training_set

NUMBERS = ("days_since_last_login", "number_of_payment_failures_60d", "average_weekly_usage")
SETTINGS = TrainingSettings(min_churners=20, min_stayers=20)
TERMS = Economics(value_months=12)


class Rule:
    """A model of the user's own: probabilities by a formula over a frame with words, kept as JSON."""

    def __init__(self, slope: float) -> None:
        self.slope = slope

    def predict_proba(self, frame: pl.DataFrame) -> Any:
        odds = frame["days_since_last_login"].fill_null(30.0) * self.slope - 2.0 + (frame["plan"] == "basic") * 0.5
        return (1.0 / (1.0 + (-odds).exp())).to_numpy()

    def to_bytes(self) -> bytes:
        return json.dumps(self.slope).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        return cls(json.loads(data))


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return labelled_rows(training_set(customers()), training=SETTINGS, economics=TERMS).filter(
        pl.col("slice") == "train"
    )


@pytest.fixture
def entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package, as it were, that says that `Rule` is a model of churn."""
    info = tmp_path / "rule_of_ours-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rule-of-ours\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[churn.models]\nrule = {Rule.__module__}:Rule\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])


def judged(model: Any, features: tuple[str, ...], until: date = date(2025, 3, 1)) -> TrainingResult:
    return judge_outside(
        training_set(customers()),
        MadeElsewhere("mine", model, features, until),
        training=SETTINGS,
        selection=SelectionSettings(bootstrap_draws=20),
        economics=TERMS,
        currency="EUR",
    )


def again(result: TrainingResult, folder: Path) -> ServedModel:
    save_bundle(result, folder)
    assert not [path.name for path in folder.iterdir() if path.suffix in {".pkl", ".pickle", ".joblib"}]
    return load_bundle(folder)


def xgboost(X: Any, y: Any) -> Any:
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=30, max_depth=3).fit(X, y)


def forest(X: Any, y: Any) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(20, min_samples_leaf=20, random_state=0).fit(X, y)


def hist(X: Any, y: Any) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=20).fit(X, y)


def pipeline(X: Any, y: Any) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(SimpleImputer(), LogisticRegression()).fit(X, y)


def boosting(X: Any, y: Any) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    return make_pipeline(SimpleImputer(), GradientBoostingClassifier(n_estimators=20, random_state=0)).fit(X, y)


def lightgbm(X: Any, y: Any) -> Any:
    library = pytest.importorskip("lightgbm")
    return library.LGBMClassifier(n_estimators=20, verbose=-1).fit(X, y)


def catboost(X: Any, y: Any) -> Any:
    library = pytest.importorskip("catboost")
    return library.CatBoostClassifier(iterations=20, verbose=False, allow_writing_files=False).fit(X, y)


@pytest.mark.filterwarnings("ignore")  # of the libraries
@pytest.mark.parametrize(
    ("fit", "method"),
    [
        (xgboost, "exact"),
        (forest, "exact"),
        (hist, "exact"),
        (pipeline, "approximate"),
        (boosting, "approximate"),
        (lightgbm, "approximate"),
        (catboost, "approximate"),
    ],
)
def test_a_model_of_a_library_scores_as_there_and_is_explained(
    fit: Callable[..., Any], method: str, rows: pl.DataFrame, tmp_path: Path
) -> None:
    X = rows.select(pl.col(NUMBERS).cast(pl.Float32)).to_numpy()
    model = fit(X, rows["has_churned"].to_numpy())
    result = judged(model, NUMBERS)
    assert result.best.value("auc") > 0.6
    assert result.selection.has_signal
    served = again(result, tmp_path / "bundle")
    new = customers(seed=5, count=100, dates=1)
    raw = served.predict(new).raw_score
    theirs = model.predict_proba(new.select(pl.col(NUMBERS).cast(pl.Float32)).to_numpy())[:, 1]
    ours = raw if served.raw_unit == "probability" else 1 / (1 + np.exp(-raw))
    np.testing.assert_allclose(ours, theirs, atol=2e-6)

    explanation = explain(served, new)
    assert explanation.method == method
    np.testing.assert_allclose(explanation.base_score + explanation.contributions.sum(axis=1), raw, atol=1e-4)
    scorer = online_scorer(served)
    np.testing.assert_allclose(scorer.predict(new.to_dicts()).raw_score, raw, atol=1e-6)
    assert ("estimated" in card_markdown(result.card)) == (method == "approximate")


def test_a_class_of_an_installed_package_takes_words(entry_point: None, tmp_path: Path) -> None:
    features = ("plan", "days_since_last_login")
    result = judged(Rule(0.06), features)
    served = again(result, tmp_path / "bundle")
    new = customers(seed=5, count=100, dates=1)
    raw = served.predict(new).raw_score
    np.testing.assert_allclose(1 / (1 + np.exp(-raw)), Rule(0.06).predict_proba(new), atol=1e-6)
    explanation = explain(served, new)
    np.testing.assert_allclose(explanation.base_score + explanation.contributions.sum(axis=1), raw, atol=1e-4)
    assert np.ptp(explanation.contributions[:, 0]) == pytest.approx(0.5, abs=1e-3)  # what the plan does


def test_a_class_that_is_no_longer_installed_is_named(
    entry_point: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_bundle(judged(Rule(0.06), ("plan", "days_since_last_login")), tmp_path / "bundle")
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place != str(tmp_path)])
    with pytest.raises(ModelError, match="no installed package has an entry point `rule`"):
        load_bundle(tmp_path / "bundle")


def test_what_cannot_be_judged_or_kept_is_refused(rows: pl.DataFrame) -> None:
    X, y = rows.select(NUMBERS).to_numpy(), rows["has_churned"].to_numpy()
    model = xgboost(X, y)
    with pytest.raises(ModelError, match="would be judged on those from 2025-"):
        judged(model, NUMBERS, until=date(2025, 9, 1))
    with pytest.raises(ConfigError, match="no feature is called `days_since_login`") as wrong:
        judged(model, ("days_since_login",))
    assert wrong.value.remedy == "Did you mean `days_since_last_login`?"
    with pytest.raises(ModelError, match="cannot score rows of 2 features"):
        judged(model, NUMBERS[:2])
    with pytest.raises(ModelError, match="`plan` is a category, and this model takes numbers"):
        judged(model, ("plan", *NUMBERS))
    with pytest.raises(ModelError, match="a `Rule` cannot be kept without pickle"):
        judged(Rule(0.1), NUMBERS)  # no package names it
    from sklearn.linear_model import LogisticRegression
    from xgboost import XGBRegressor

    with pytest.raises(ModelError, match="cannot score rows"):
        judged(LogisticRegression(), NUMBERS)  # not fitted
    with pytest.raises(ModelError, match="its objective is reg:squarederror"):
        judged(XGBRegressor(n_estimators=2).fit(X, y), NUMBERS)


def test_the_callers_own_model_stays_as_it_was(rows: pl.DataFrame) -> None:
    import xgboost

    names = list(NUMBERS)
    data = xgboost.DMatrix(rows.select(NUMBERS).to_numpy(), rows["has_churned"].to_numpy(), feature_names=names)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 2}, data, 10)
    judged(booster, NUMBERS)
    assert booster.feature_names == names
    assert booster.predict(data).shape == (rows.height,)


def test_sampled_values_of_a_sum_are_exact() -> None:
    rng = np.random.default_rng(3)
    weights = np.array([1.0, -2.0, 0.5, 3.0])
    matrix, references = (rng.normal(size=(size, 4)).astype(np.float32) for size in (20, 8))
    gains, base = sampled_contributions(lambda X: X @ weights, matrix, references, np.array([0, 1, 1, 2]), 3)
    parts = (matrix - references.mean(axis=0)) * weights
    expected = np.stack([parts[:, 0], parts[:, 1] + parts[:, 2], parts[:, 3]], axis=1)
    np.testing.assert_allclose(gains, expected, atol=1e-5)
    assert base == pytest.approx(float((references @ weights).mean()))

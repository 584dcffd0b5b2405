"""The simulated company shows the case's findings, and is as hard to foresee as the case."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.demo.measures import Snapshots, churn_where

pytestmark = pytest.mark.xdist_group("company")
SILENT = pl.col("silent_days") >= 14
A_FIFTH = 0.2


def test_eight_in_a_hundred_customers_leave_each_month(snapshots: Snapshots) -> None:
    assert churn_where(snapshots, pl.lit(value=True)) == pytest.approx(0.08, rel=A_FIFTH)


def test_most_leave_by_decision_and_some_because_payment_failed(snapshots: Snapshots) -> None:
    involuntary = float(np.mean(snapshots["is_involuntary"].fill_null(value=False).to_numpy()))
    assert involuntary == pytest.approx(0.02, rel=A_FIFTH)
    assert churn_where(snapshots, pl.lit(value=True)) - involuntary == pytest.approx(0.06, rel=A_FIFTH)


def test_two_silent_weeks_mean_more_than_five_times_the_churn(snapshots: Snapshots) -> None:
    assert churn_where(snapshots, SILENT) == pytest.approx(0.22, rel=A_FIFTH)
    assert churn_where(snapshots, ~SILENT) == pytest.approx(0.04, rel=A_FIFTH)


def test_repeated_payment_failures_mean_that_a_third_leave(snapshots: Snapshots) -> None:
    assert churn_where(snapshots, pl.col("failures_60d") > 2) == pytest.approx(0.35, rel=A_FIFTH)


def test_heavy_ticketers_leave_more_and_ask_mostly_about_technical_trouble(snapshots: Snapshots) -> None:
    heavy = pl.col("tickets_90d") > 3
    assert churn_where(snapshots, heavy) == pytest.approx(0.18, rel=A_FIFTH)
    asked = snapshots.filter(heavy).select(pl.col("technical_90d").sum() / pl.col("tickets_90d").sum()).item()
    assert asked > 0.6


def test_churn_is_steady_from_month_to_month(snapshots: Snapshots) -> None:
    monthly = snapshots.group_by("month").agg(pl.col("has_churned").mean())["has_churned"]
    assert float(monthly.max() - monthly.min()) < 0.03


def test_a_good_model_sees_as_much_as_in_the_case_and_a_linear_one_less(snapshots: Snapshots) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    columns = ["silent_days", "sessions_7d", "sessions_30d", "sessions_90d", "evening", "failures_60d", "since_failure"]
    columns += ["since_success", "tickets_90d", "technical_90d", "tickets_30d", "tenure_months", "age", "monthly_fee"]
    X = snapshots.with_columns(wallet=pl.col("method") == "wallet", debit=pl.col("method") == "direct_debit")
    X = X.select(pl.col(*columns, "wallet", "debit").cast(pl.Float64)).to_numpy()
    y = snapshots["has_churned"].to_numpy()
    is_test = snapshots["month"].to_numpy() >= snapshots["month"].max() - 1
    is_train = snapshots["month"].to_numpy() < snapshots["month"].max() - 2
    boosted = HistGradientBoostingClassifier(max_iter=80, learning_rate=0.1, min_samples_leaf=60, random_state=0)
    linear = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler(), LogisticRegression(max_iter=500))
    with threadpool_limits(1):  # many threads on few cores wait for each other
        found = {
            name: roc_auc_score(y[is_test], model.fit(X[is_train], y[is_train]).predict_proba(X[is_test])[:, 1])
            for name, model in {"boosted": boosted, "linear": linear}.items()
        }
    assert 0.83 < found["boosted"] < 0.90
    assert 0.73 < found["linear"] < found["boosted"] - 0.03

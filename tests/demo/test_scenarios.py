"""Each scenario differs from the base world as it says."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from churn.demo import SCENARIOS, generate_company


def ages(truth: pl.DataFrame, folder: Path) -> pl.DataFrame:
    people = pl.read_parquet(folder / "customers.parquet").unique("customer_id").select("customer_id", "birth_date")
    return truth.join(people, on="customer_id").with_columns(
        age=(pl.col("month_start_date") - pl.col("birth_date")).dt.total_days() / 365.25
    )


def test_every_scenario_says_what_it_is() -> None:
    assert set(SCENARIOS) == {"base", "competitor", "dirty", "no-signal"}
    assert all(scenario.description.endswith(".") for scenario in SCENARIOS.values())


def test_a_competitor_pulls_the_young_away_from_month_fourteen_on(tmp_path: Path) -> None:
    generate_company(tmp_path, customers=3_000, scenario="competitor", seed=2)
    truth = ages(pl.read_parquet(tmp_path / "truth.parquet").filter(pl.col("has_churned").is_not_null()), tmp_path)
    is_late = pl.col("month") >= 13

    def rise(ages: pl.Expr) -> float:
        before, after = (truth.filter(ages & when)["has_churned"].mean() for when in (~is_late, is_late))
        return float(after / before)

    assert rise(pl.col("age") < 30) > 1.5
    assert rise(pl.col("age") > 45) < 1.25
    late = float(np.mean(truth.filter(pl.col("month") >= 13)["has_churned"].to_numpy()))
    early = float(np.mean(truth.filter(pl.col("month") < 13)["has_churned"].to_numpy()))
    assert late > 1.15 * early


def test_without_signal_churn_is_the_same_for_everyone(tmp_path: Path) -> None:
    generate_company(tmp_path, customers=3_000, months=6, scenario="no-signal")
    truth = pl.read_parquet(tmp_path / "truth.parquet").filter(pl.col("has_churned").is_not_null())
    assert truth["p_no_contact"].std() < 0.01
    assert truth["has_churned"].mean() == pytest.approx(0.08, rel=0.1)
    sessions = pl.read_parquet(tmp_path / "sessions-*.parquet")
    first = datetime(2026, 3, 1)
    recent = sessions.filter(pl.col("started_at").is_between(first - timedelta(days=14), first, closed="left"))
    rows = truth.filter(pl.col("month_start_date") == first.date())
    quiet = rows.join(recent, on="customer_id", how="anti")
    assert abs(quiet["has_churned"].mean() - rows["has_churned"].mean()) < 0.03
    reasons = pl.read_parquet(tmp_path / "subscriptions.parquet")["end_reason"]
    assert "payment_failure" not in set(reasons)


def test_dirty_deliveries_hold_every_fault_that_the_checks_look_for(tmp_path: Path) -> None:
    files = generate_company(tmp_path, customers=1_500, months=3, scenario="dirty")
    cutoff = datetime.combine(files.cutoff_date, datetime.min.time())
    read = {table: pl.read_parquet(path) for table, path in files.files.items()}
    people = read["customers"].select("customer_id")
    past = read["support_tickets"].filter(pl.col("opened_at") < cutoff)
    monthly = read["sessions"].group_by(pl.col("started_at").dt.month()).len().sort("started_at")["len"]
    fees = (
        read["subscriptions"].drop_nulls(["plan", "monthly_fee"]).group_by("plan").agg(pl.col("monthly_fee").n_unique())
    )
    faults = {
        "nulls": read["payments"]["customer_id"].null_count(),
        "ranges": (read["payments"]["amount"] < 0).sum() + (read["sessions"]["duration_minutes"] > 1440).sum(),
        "births": (read["customers"]["birth_date"].dt.year() < 1900).sum(),
        "duplicates": read["sessions"].is_duplicated().mean() > 0.15,
        "orphans": len(read["payments"].drop_nulls("customer_id").join(people, on="customer_id", how="anti")),
        "stale": past["opened_at"].max() < cutoff - timedelta(days=40),
        "drop": monthly[2] < 0.6 * monthly[1],
        "future": (read["sessions"]["started_at"] > cutoff).sum(),
        "plan and fee": fees["monthly_fee"].max() > 1,
    }
    assert all(faults.values()), faults


def test_dirty_csv_holds_dates_that_are_none(tmp_path: Path) -> None:
    files = generate_company(tmp_path, customers=1_500, months=2, scenario="dirty", file_format="csv")
    text = pl.read_csv(files.files["payments"], infer_schema=False)["attempted_at"]
    assert text.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False).is_null().sum() > 0

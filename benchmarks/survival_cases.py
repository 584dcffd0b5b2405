"""Three data sets to judge survival curves on: rows of features, how long each was followed, and months as a customer before."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from benchmarks.company import company
from churn.modeling.encoding.encoder import LINEAR, LearningRows, Matrix, fit_encoder
from churn.modeling.lifetime.followed import GROUPS, Followed, followed
from churn.modeling.lifetime.judging import cut_day
from churn.modeling.lifetime.learn import features_of
from churn.progress import Progress
from churn.snapshots.dataset import build_snapshots, data_cutoff, training_dates, training_set
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse.models.sql_models import load_models

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class SurvivalCase:
    """Rows to learn from and later or other rows to judge on, encoded alike; `tenure` in months, `cohort` by name."""

    name: str
    learn: Followed
    test: Followed
    learn_matrix: Matrix
    test_matrix: Matrix
    periods: int

    def tenure(self, part: Followed) -> NDArray[np.int64]:
        """Return the months that each row's customer had been there already."""
        return part.frame["_tenure"].to_numpy().astype(np.int64)

    def cohort(self, part: Followed) -> list[str]:
        """Return the cohort of each row."""
        return [str(value) for value in part.frame["_cohort"].to_list()]


def simulated(customers: int, progress: Progress) -> SurvivalCase:
    """Return the simulated company: learnt from what was known in the middle of its months, judged on what came after."""
    made = company(customers, 18, progress)
    context = made.context()
    policy, models = SnapshotPolicy.from_settings(context.settings), load_models(made.home)
    with context.open_warehouse("bench") as warehouse:
        dates = training_dates(warehouse, policy, limit=12)
        build_snapshots(warehouse, models, policy, dates, data_cutoff=data_cutoff(warehouse))
        data = training_set(warehouse, models, policy)
    rows = followed(data, keeps_treated=False)
    tenure = pl.col("customer_time_in_months").fill_null(0).floor().cast(pl.Int64)
    frame = features_of(data, rows).with_columns(
        tenure.alias("_tenure"), pl.col("plan").fill_null("none").alias("_cohort")
    )
    rows = Followed(frame, rows.observed, np.minimum(rows.cause, 0), rows.group, rows.day)
    days = sorted(frame["snapshot_date"].unique().to_list())
    seen = {day: int(rows.observed[rows.day == np.datetime64(day, "D")].max()) for day in days}
    day = cut_day(days, seen)
    assert day is not None
    learn = rows.some(rows.day < np.datetime64(day, "D")).as_known_on(day, data.policy).sampled(12_000)
    test = rows.some(rows.day >= np.datetime64(day, "D")).sampled(12_000)
    features = tuple(doc.name for doc in data.features)
    return _case(f"simulated company, {customers:,} customers, out of time", learn, test, features, min(seen[day], 12))


def telco(folder: Path) -> SurvivalCase:
    """Return the IBM telco file as tenure data: months from the first on, judged on other customers."""
    frame = pl.read_csv(folder / "telco_ibm" / "telco.csv").filter(pl.col("tenure") > 0)
    has_left = (frame["Churn"] == "Yes").to_numpy()
    observed = frame["tenure"].to_numpy().astype(np.int64) - has_left
    # What was paid in all is tenure x fee: it knows the time.
    features = tuple(n for n in frame.columns if n not in {"customerID", "tenure", "Churn", "TotalCharges"})
    frame = frame.rename({"customerID": "customer_id"}).with_columns(
        pl.lit(0).alias("_tenure"), pl.col("Contract").alias("_cohort"), pl.lit(date(2020, 1, 1)).alias("snapshot_date")
    )
    return _by_customer("telco, tenure from the first month, other customers", frame, observed, has_left, features, 60)


def socialnet(data: Path) -> SurvivalCase:
    """Return the social network of a third party's simulator: two snapshots, four months, judged on other customers."""
    folder = data / "fightchurn_socialnet7"
    terms = pl.read_parquet(folder / "subscription.parquet")
    events = pl.read_parquet(folder / "event_daily.parquet")
    accounts = pl.read_parquet(folder / "account.parquet")
    spans = terms.group_by("account_id").agg(pl.min("start_date").alias("first"), pl.max("end_date").alias("last"))
    frames, observed, left = [], [], []
    told_until = date(2020, 6, 1)
    for day in (date(2020, 2, 1), date(2020, 3, 1)):
        active = spans.filter((pl.col("first") < day) & (pl.col("last") >= day)).join(accounts, on="account_id")
        before = events.filter(pl.col("event_date").is_between(day - timedelta(days=28), day, closed="left"))
        counts = before.pivot("event_type", index="account_id", values="n", aggregate_function="sum")
        week = before.filter(pl.col("event_date") >= day - timedelta(days=7))
        recent = week.group_by("account_id").agg(
            pl.sum("n").alias("last_week"), pl.n_unique("event_date").alias("days")
        )
        rows = (
            active.join(counts, on="account_id", how="left")
            .join(recent, on="account_id", how="left")
            .sort("account_id")
        )
        exit_day = rows["last"].clip(upper_bound=told_until)
        periods = ((exit_day - pl.Series([day] * rows.height)).dt.total_days() // 30).to_numpy().astype(np.int64)
        frames.append(
            rows.with_columns(
                pl.col("account_id").cast(pl.String).alias("customer_id"),
                pl.lit(day).alias("snapshot_date"),
                ((pl.lit(day) - pl.col("first")).dt.total_days() // 30).alias("_tenure"),
                pl.col("channel").alias("_cohort"),
                (pl.lit(day) - pl.col("first")).dt.total_days().alias("tenure_days"),
                (pl.lit(day) - pl.col("date_of_birth")).dt.total_days().alias("age_days"),
            )
        )
        observed.append(periods)
        left.append((rows["last"] < told_until).to_numpy())
    frame = pl.concat(frames, how="diagonal_relaxed")
    kinds = sorted(events["event_type"].unique().to_list())
    frame = frame.with_columns(pl.col(*kinds, "last_week", "days").fill_null(0))
    features = ("channel", "country", "tenure_days", "age_days", "last_week", "days", *kinds)
    name = "socialnet7, four months, other customers"
    return _by_customer(name, frame, np.concatenate(observed), np.concatenate(left), features, 4)


def _by_customer(
    name: str,
    frame: pl.DataFrame,
    observed: NDArray[np.int64],
    has_left: NDArray[np.bool_],
    features: tuple[str, ...],
    periods: int,
) -> SurvivalCase:
    digests = [int.from_bytes(hashlib.blake2b(c.encode(), digest_size=6).digest(), "big") for c in frame["customer_id"]]
    number = np.array(digests, dtype=np.int64)
    day = frame["snapshot_date"].to_numpy().astype("datetime64[D]")
    rows = Followed(frame, observed, np.where(has_left, 0, -1).astype(np.int64), number % GROUPS, day)
    is_test = (number // GROUPS) % 3 == 0
    return _case(name, rows.some(~is_test), rows.some(is_test), features, periods)


def _case(name: str, learn: Followed, test: Followed, features: tuple[str, ...], periods: int) -> SurvivalCase:
    y = (learn.is_lost & (learn.observed == 0)).astype(np.float64)
    if not y.any():
        y = learn.is_lost.astype(np.float64)
    _, customer = np.unique(learn.frame["customer_id"].to_numpy(), return_inverse=True)
    rows = LearningRows(learn.frame, y, np.ones(learn.size), customer.astype(np.int64))
    encoder, matrix = fit_encoder(rows, features, LINEAR, seed=7)
    return SurvivalCase(name, learn, test, matrix, encoder.transform(test.frame), periods)

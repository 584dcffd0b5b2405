"""Reads a simulated company's files as an analyst would, and measures churn by hand-written features."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from churn.demo import CompanyFiles

DAY = timedelta(days=1)
Snapshots = pl.DataFrame  # one row per customer active at a month's start, with features and the label


@dataclass(frozen=True)
class Facts:
    """The delivered tables, each record once."""

    customers: pl.DataFrame
    subscriptions: pl.DataFrame
    payments: pl.DataFrame
    sessions: pl.DataFrame
    tickets: pl.DataFrame
    truth: pl.DataFrame


def load_facts(company: CompanyFiles) -> Facts:
    read = {name: pl.read_parquet(path) for name, path in company.files.items()}
    return Facts(
        customers=read["customers"].sort("known_at", nulls_last=False).unique("customer_id", keep="first"),
        subscriptions=read["subscriptions"].unique(),
        payments=read["payments"].unique("payment_id"),
        sessions=read["sessions"].unique(),
        tickets=read["support_tickets"].unique("ticket_id"),
        truth=pl.read_parquet(company.truth),
    )


def departures(subscriptions: pl.DataFrame) -> pl.DataFrame:
    """Return customer_id, left_at, is_involuntary of every churn: cancellations that were withdrawn are none."""
    ends = subscriptions.filter(pl.col("end_reason").is_in(["voluntary", "payment_failure"])).select(
        "customer_id",
        left_at=pl.coalesce("canceled_at", "ended_at"),
        is_involuntary=pl.col("end_reason") == "payment_failure",
    )
    starts = subscriptions.select("customer_id", next_at="started_at")
    back = ends.join(starts, on="customer_id").filter(
        pl.col("next_at").is_between(pl.col("left_at"), pl.col("left_at") + 8 * DAY)
    )
    return ends.join(back, on=["customer_id", "left_at"], how="anti")


def observe(company: CompanyFiles, facts: Facts, first_month: int = 0) -> Snapshots:
    """Return every snapshot whose window has closed, with a handful of honest features and `has_churned`."""
    dates = sorted(facts.truth["month_start_date"].unique())[first_month:]
    left = departures(facts.subscriptions)
    return pl.concat(
        [
            _snapshot(facts, left, day).with_columns(month=pl.lit(i))
            for i, day in enumerate(dates)
            if day + 32 * DAY <= company.cutoff_date
        ]
    )


def _snapshot(facts: Facts, left: pl.DataFrame, day: date) -> pl.DataFrame:
    t = datetime(day.year, day.month, day.day)
    has_not_yet = lambda column: pl.col(column).is_null() | (pl.col(column) >= t)  # noqa: E731
    active = facts.subscriptions.filter(
        (pl.col("started_at") < t) & has_not_yet("canceled_at") & has_not_yet("ended_at")
    )
    known = lambda frame, at, days: frame.filter(  # noqa: E731
        (pl.col(at) < t) & (pl.col(at) >= t - days * DAY) & (pl.col("known_at").is_null() | (pl.col("known_at") < t))
    )
    failed = pl.col("status") == "failed"
    at = pl.col("attempted_at")
    payments = known(facts.payments, "attempted_at", 60).group_by("customer_id").agg(
        failures_60d=failed.sum(), since_failure=(t - at.filter(failed).max()).dt.total_days(),
        since_success=(t - at.filter(~failed).max()).dt.total_days(), method=pl.col("method").max(),
    )  # fmt: skip
    technical = pl.col("category") == "technical"
    tickets = known(facts.tickets, "opened_at", 90).group_by("customer_id").agg(
        tickets_90d=pl.len(), technical_90d=technical.sum(), tickets_30d=(pl.col("opened_at") >= t - 30 * DAY).sum()
    )  # fmt: skip
    began = pl.col("started_at")
    used = facts.sessions.filter(began < t).group_by("customer_id").agg(
        silent_days=(t - began.max()).dt.total_hours() / 24,
        **{f"sessions_{days}d": (began >= t - days * DAY).sum() for days in (7, 30, 90)},
        evening=((began.dt.hour() >= 21) | (began.dt.hour() < 3)).mean(),
    )  # fmt: skip
    rows = active.select("customer_id", "plan", "monthly_fee").unique("customer_id").join(left.filter(
        pl.col("left_at").is_between(t, t + 32 * DAY, closed="left")), on="customer_id", how="left")  # fmt: skip
    rows = rows.filter(pl.col("left_at").is_null() | (pl.col("left_at") >= t + 2 * DAY))
    people = facts.customers.select("customer_id", "signed_up_at", "birth_date")
    for side in (payments, tickets, used, people):
        rows = rows.join(side, on="customer_id", how="left")
    return rows.with_columns(
        has_churned=pl.col("left_at").is_not_null(),
        tickets_90d=pl.col("tickets_90d").fill_null(0),
        failures_60d=pl.col("failures_60d").fill_null(0),
        tenure_months=(t - pl.col("signed_up_at")).dt.total_days() / 30.44,
        age=(pl.lit(day) - pl.col("birth_date")).dt.total_days() / 365.25,
        snapshot_date=pl.lit(day),
    )


def churn_where(snapshots: Snapshots, condition: pl.Expr) -> float:
    """Return the churn share among the rows that meet `condition`."""
    return float(np.mean(snapshots.filter(condition)["has_churned"].to_numpy()))

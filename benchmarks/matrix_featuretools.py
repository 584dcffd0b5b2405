"""The eight features of the case by Featuretools: its primitives with cutoff times, and what it has none for in pandas."""

from __future__ import annotations

import warnings
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.matrix_pandas import EIGHT, load


def eight_features(files: Path, dates: list[date]) -> dict[str, Any]:
    """Return what the matrix of `dates` holds: its rows and the sum of each feature."""
    warnings.simplefilter("ignore")
    import featuretools as ft
    import pandas as pd

    tables = load(files)
    entities = _entities(ft, tables)
    frames = []
    for day in dates:
        t = pd.Timestamp(day)
        subscriptions = tables["subscriptions"]
        is_active = (subscriptions.started_at < t) & ~(subscriptions.canceled_at < t) & ~(subscriptions.ended_at < t)
        people = pd.DataFrame(
            {"customer_id": subscriptions.customer_id[is_active].unique(), "time": t - pd.Timedelta(1, "us")}
        )
        frames.append(_of_date(ft, entities, people, t, tables["customers"]))
    frame = pd.concat(frames)
    matrix = frame[list(EIGHT)].astype("float64").to_numpy()
    return {"rows": len(matrix), "sums": dict(zip(EIGHT, [float(v) for v in pd.DataFrame(matrix).sum()], strict=True))}


def _entities(ft: Any, tables: dict[str, Any]) -> Any:
    """Return the entity set; late facts carry the time they became known, which is what cutoff times compare."""
    entities = ft.EntitySet("company")
    customers = tables["customers"][["customer_id"]].copy()
    entities.add_dataframe(dataframe_name="customers", dataframe=customers, index="customer_id")
    payments = tables["payments"].assign(
        failed=lambda p: p.status == "failed", at=lambda p: p.known_at.fillna(p.attempted_at)
    )
    tickets = tables["tickets"].assign(at=lambda p: p.known_at.fillna(p.opened_at))
    for name, frame, index, time in (
        ("sessions", tables["sessions"], "session_id", "started_at"),
        ("payments", payments[["payment_id", "customer_id", "at", "failed"]], "payment_id", "at"),
        ("tickets", tickets[["ticket_id", "customer_id", "at"]], "ticket_id", "at"),
        (
            "subscriptions",
            tables["subscriptions"][["subscription_id", "customer_id", "started_at"]],
            "subscription_id",
            "started_at",
        ),
    ):
        entities.add_dataframe(
            dataframe_name=name, dataframe=frame, index=index, make_index=name == "sessions", time_index=time
        )
        entities.add_relationship("customers", "customer_id", name, "customer_id")
    return entities


def _of_date(ft: Any, entities: Any, people: Any, t: Any, customers: Any) -> Any:
    def calculated(days: int | None, tables: set[str], primitives: list[str]) -> Any:
        frame, _ = ft.dfs(
            entityset=entities,
            target_dataframe_name="customers",
            cutoff_time=people,
            training_window=f"{days} days" if days else None,
            agg_primitives=primitives,
            trans_primitives=[],
            ignore_dataframes=list({"sessions", "payments", "tickets", "subscriptions"} - tables),
            max_depth=1,
        )
        return frame

    ever = calculated(None, {"sessions", "subscriptions"}, ["time_since_first", "time_since_last"])
    paid = calculated(None, {"payments"}, ["num_true", "count"])
    failures = calculated(60, {"payments"}, ["num_true"])
    recent = calculated(90, {"sessions", "tickets"}, ["count"])

    def days_since(column: str) -> Any:
        return np.ceil(ever[column] / 86_400)

    frame = people.set_index("customer_id")[[]].copy()
    frame["days_since_last_login"] = days_since("TIME_SINCE_LAST(sessions.started_at)")
    observed = days_since("TIME_SINCE_FIRST(sessions.started_at)").clip(upper=90)
    frame["average_weekly_usage"] = 7.0 * recent["COUNT(sessions)"].fillna(0) / observed
    frame["number_of_payment_failures_60d"] = failures["NUM_TRUE(payments.failed)"].fillna(0)
    frame["payment_failure_ratio"] = paid["NUM_TRUE(payments.failed)"] / paid["COUNT(payments)"]
    frame["support_tickets_90d"] = recent["COUNT(tickets)"].fillna(0)
    joined = customers.set_index("customer_id").signed_up_at.reindex(frame.index)
    signed_up = np.ceil((t - joined).dt.total_seconds() / 86_400)
    tenure = days_since("TIME_SINCE_FIRST(subscriptions.started_at)").combine(signed_up, np.fmax)
    frame["customer_time_in_months"] = (tenure / 30.4375).round(2)
    frame["is_new_user"] = tenure < 91
    frame["inactivity_risk"] = frame.days_since_last_login / frame.average_weekly_usage.clip(lower=7.0 / 90)
    return frame

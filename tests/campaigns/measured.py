"""Assigned customers that were followed to the end, made up with a known effect, and the document that says so."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl

from churn.campaigns.measurement import MeasurementTerms, costs_of, measure
from churn.campaigns.measurement_words import alarm_of, words_of
from churn.documents.measurement import EventCounts, Maturity, Measured, MeasurementDocument, MeasurementOrigin


def followed(
    treated: int = 1204,
    held_out: int = 134,
    *,
    churn: float = 0.12,
    avoided: float = 0.05,
    seed: int = 7,
    **columns: Any,
) -> pl.DataFrame:
    """Customers in two strata of risk, whose contact avoids `avoided` of `churn`; exact shares, so no luck.

    The riskier stratum churns twice as much. `columns` replaces columns.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for arm, count in (("treatment", treated), ("holdout", held_out)):
        for stratum, share, factor in (("high", 0.5, 4 / 3), ("medium", 0.5, 2 / 3)):
            n = round(count * share) if stratum == "high" else count - round(count * 0.5)
            rate = (churn - (avoided if arm == "treatment" else 0.0)) * factor
            leaves = np.arange(n) < round(n * rate)
            parts.append(
                pl.DataFrame(
                    {
                        "arm": [arm] * n,
                        "stratum": [stratum] * n,
                        "risk_band": [stratum] * n,
                        "plan": ["basic" if i % 3 else "premium" for i in range(n)],
                        "churn_probability": np.clip(churn * factor + rng.normal(0, 0.01, n), 0, 1),
                        "has_churned": leaves,
                    },
                    schema_overrides={
                        "arm": pl.String,
                        "stratum": pl.String,
                        "risk_band": pl.String,
                        "plan": pl.String,
                    },
                )
            )
    frame = (
        pl.concat(parts)
        .with_row_index("number")
        .with_columns(
            pl.format("C{}", "number").alias("customer_id"),
            plan_id=pl.lit("p1"),
            split=pl.lit("0.1"),
            is_known=True,
            is_mature=True,
            value_of_save=pl.lit(80.0),
            contact_cost=pl.lit(2.0),
            incentive_cost=pl.lit(5.0),
            expected_uplift=pl.col("churn_probability") * 0.4,
            expected_profit=pl.col("churn_probability") * 0.4 * 80.0 - 2.0,
            is_delivered=pl.col("arm") == "treatment",
            is_accepted=(pl.col("arm") == "treatment") & (pl.col("number") % 5 == 0),
        )
    )
    return frame.with_columns(
        value if isinstance(value, pl.Expr) else pl.Series(name, value) for name, value in columns.items()
    )


def document(
    frame: pl.DataFrame, *, share: float = 0.1, stayers_take: bool = False, **changes: Any
) -> MeasurementDocument:
    """The document that the workflow would make of `frame`; `changes` replaces what it tells of its origin."""
    terms = MeasurementTerms(holdout_share=share, costs=costs_of(frame, stayers_take=stayers_take))
    origin = MeasurementOrigin(
        campaign="support_call",
        title="Call by technical support",
        measured_at=datetime(2026, 8, 9, 3),
        data_cutoff=datetime(2026, 8, 9),
        currency="USD",
        is_mature=True,
        is_so_far=False,
        maturity=Maturity(assigned=frame.height, mature=frame.height, ready_date=None),
        windows=(30,),
        snapshot_dates=(date(2026, 7, 1), date(2026, 7, 1)),
        plans=1,
        profit_model="incentive",
        model_version="m1",
        events=EventCounts(events=0, unmatched=0, before_assignment=0, after_window=0),
    ).model_copy(update=changes)
    figures = measure(frame, terms)
    measured = Measured.of(origin, figures if origin.is_mature or origin.is_so_far else figures.unjudged())
    return measured.put_into_words(words_of(measured), alarm_of(measured))

"""How customers answered the contacts of a played month: the events that a CRM would hand back."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from churn.demo.offers import OFFERS
from churn.demo.streams import Streams

# Of those whom the offer does not move, it is welcome to so many all the same: most take a discount.
_ACCEPTING_SHARE = {"fix_payment": 0.25, "support_call": 0.35, "price_incentive": 0.55}


def responses(outcomes: pl.DataFrame, contacts: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return event_id, customer_id, campaign, kind (contacted, accepted, declined) and occurred_at of every answer.

    `outcomes` is that of a PlayedMonth, `contacts` what was played. Whoever stays because of the offer has accepted it.
    """
    contacted = contacts.join(outcomes.drop("offer"), on="customer_id", how="left", maintain_order="left").sort(
        "customer_id"
    )
    random = Streams(seed).of("responses", int(contacts["contacted_at"].dt.epoch("d").min() or 0))  # type: ignore[arg-type]  # a day is a number
    draw = random.random((2, len(contacted)))
    under = pl.coalesce(*(pl.when(pl.col("offer") == name).then(pl.col(f"churn_under_{name}")) for name in OFFERS))
    contacted = contacted.with_columns(
        pl.col("contacted_at").alias("occurred_at"),
        pl.Series("luck", draw[0]),
        (timedelta(hours=1) + pl.Series("wait", draw[1]) * timedelta(hours=20)).alias("wait"),
        (pl.col("churn_without_contact") & ~under).fill_null(value=False).alias("is_saved"),
        (~pl.col("churn_without_contact") & under).fill_null(value=False).alias("is_lost_by_it"),
    )
    accepts = pl.col("is_saved") | (
        ~pl.col("is_lost_by_it") & (pl.col("luck") < pl.col("offer").replace_strict(_ACCEPTING_SHARE, default=0.1))
    )
    answered = contacted.with_columns(
        pl.when(accepts).then(pl.lit("accepted")).when(pl.col("luck") > 0.8).then(pl.lit("declined")).alias("kind"),
        (pl.col("occurred_at") + pl.col("wait")).dt.truncate("1s").alias("occurred_at"),
    ).filter(pl.col("kind").is_not_null())
    first = contacted.with_columns(pl.lit("contacted").alias("kind"))
    columns = ("customer_id", "campaign", "kind", "occurred_at")
    events = pl.concat([first.select(columns), answered.select(columns)]).sort("occurred_at", "customer_id", "kind")
    event_id = pl.concat_str("campaign", "customer_id", "kind", separator=":").alias("event_id")
    return events.select(event_id, *columns)

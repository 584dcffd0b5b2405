"""Judges outcome events: which can be taken, which cannot and why; and which came before their customer was assigned."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

import polars as pl

from churn.campaigns.outcome_files import OUTCOME_FIELDS
from churn.store.campaign_records import OUTCOME_KINDS

# A CRM's clock may run ahead of ours by this much; more is a mistake, and would count things that have not happened.
CLOCK_TOLERANCE: Final = timedelta(minutes=5)
_EARLIEST: Final = date(1990, 1, 1)


@dataclass(frozen=True)
class Judged:
    """Outcome rows, told apart.

    `accepted`: customer_id, campaign, event_id, kind, occurred_at (UTC), rejection_id. `rejected`: the five fields as
    text, row_number, rejection_id, reason.
    """

    accepted: pl.DataFrame
    rejected: pl.DataFrame


def judge(rows: pl.DataFrame, *, now: datetime) -> Judged:
    """Tell the rows that can be taken from those that cannot; `now` is UTC.

    `rows` is as `read_outcomes` returns it. Every row ends up in exactly one of the two. A campaign may be empty where
    the sender did not know it; everything else may not.
    """
    kinds = pl.col("kind").str.to_lowercase()
    texts = rows["occurred_at"].to_list()
    moments = [None if text is None else _instant(text) for text in texts]
    ahead = now + CLOCK_TOLERANCE
    judged = rows.with_columns(
        kind=kinds,
        at=pl.Series(moments, dtype=pl.Datetime("us")),
        rejection_id=pl.Series(list(_ids(rows)), dtype=pl.String),
    ).with_columns(reason=_reason(ahead))
    is_fine = pl.col("reason").is_null()
    accepted = judged.filter(is_fine).select(
        "customer_id",
        pl.col("campaign").fill_null(""),
        "event_id",
        "kind",
        pl.col("at").alias("occurred_at"),
        "rejection_id",
    )
    rejected = judged.filter(~is_fine).select(*OUTCOME_FIELDS, "row_number", "rejection_id", "reason")
    return Judged(accepted, rejected)


def _reason(ahead: datetime) -> pl.Expr:
    absent = [
        (pl.col(name).is_null(), pl.lit(f"has no {name}"))
        for name in ("customer_id", "event_id", "kind", "occurred_at")
    ]
    late = pl.format("occurred at {}, which is still to come: clock skew beyond 5 minutes", pl.col("occurred_at"))
    tests = [
        (pl.col("fault").is_not_null(), pl.col("fault")),
        *absent,
        (
            ~pl.col("kind").is_in(OUTCOME_KINDS),
            pl.format(f"is of the unknown kind {{}}; known: {', '.join(OUTCOME_KINDS)}", pl.col("kind")),
        ),
        (pl.col("at").is_null(), pl.format("occurred_at is no instant: {}", pl.col("occurred_at"))),
        (
            pl.col("at").dt.date() < _EARLIEST,
            pl.format("occurred at {}, before there were campaigns", pl.col("occurred_at")),
        ),
        (pl.col("at") > ahead, late),
    ]
    found = pl.lit(None, dtype=pl.String)
    for test, reason in reversed(tests):
        found = pl.when(test).then(reason).otherwise(found)
    return found


def contradictions(accepted: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return those `accepted` rows whose event id stands for another kind already, in `known` or earlier among them.

    `known`: campaign, customer_id, event_id, kind. The result has `known_kind` beside the columns of `accepted`.
    """
    key = ["campaign", "customer_id", "event_id"]
    first = pl.concat([known.select(*key, "kind"), accepted.select(*key, "kind")]).unique(
        key, keep="first", maintain_order=True
    )
    return accepted.join(first.rename({"kind": "known_kind"}), on=key, how="inner").filter(
        pl.col("kind") != pl.col("known_kind")
    )


def with_campaign(events: pl.DataFrame, assigned: pl.DataFrame) -> pl.DataFrame:
    """Fill in the campaign of events that do not name one: the last to which the customer was assigned before them.

    `events`: customer_id, campaign ("" for none), occurred_at, ...; `assigned`: campaign, customer_id, snapshot_date.
    Where there was none, the campaign stays "".
    """
    nameless = events.filter(campaign="")
    if nameless.is_empty() or assigned.is_empty():
        return events
    named = (
        nameless.with_row_index("event")
        .select("event", "customer_id", "occurred_at")
        .join(assigned.select("customer_id", "snapshot_date", assigned_to="campaign"), on="customer_id")
        .filter(pl.col("snapshot_date").cast(pl.Datetime("us")) <= pl.col("occurred_at"))
        .sort("snapshot_date", "assigned_to")
        .group_by("event")
        .agg(pl.col("assigned_to").last())
    )
    filled = (
        nameless.with_row_index("event")
        .join(named, on="event", how="left")
        .with_columns(campaign=pl.col("assigned_to").fill_null(""))
        .select(events.columns)
    )
    return pl.concat([events.filter(pl.col("campaign") != ""), filled])


def before_assignment(events: pl.DataFrame, assigned: pl.DataFrame) -> pl.DataFrame:
    """Return the events that happened before the day as of which their customer was assigned to their campaign.

    `assigned`: campaign, customer_id, snapshot_date. Such events are kept, and count for nothing in a measurement.
    """
    joined = events.join(assigned.select("campaign", "customer_id", "snapshot_date"), on=["campaign", "customer_id"])
    return joined.filter(pl.col("occurred_at") < pl.col("snapshot_date").cast(pl.Datetime("us")))


def _ids(rows: pl.DataFrame) -> Iterable[str]:
    """Name each row by what it says, so that the same row told again is known to be the same."""
    for values in rows.select(OUTCOME_FIELDS).iter_rows():
        text = "\x1f".join("" if value is None else value for value in values)
        yield hashlib.sha256(text.encode()).hexdigest()[:32]


@lru_cache(maxsize=4096)
def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
    except (ValueError, OverflowError):  # the last day of the calendar has no hour later
        return None

"""Reads outcomes: counts by campaign and kind, the newest events, and the rows that were rejected."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from churn.context import Context
from churn.documents.document import Document
from churn.files import TABLES, check_ending, write_frame


class CountedOutcomes(Document):
    """Events of one kind of a campaign, how many of them are about its customers, and when the last occurred."""

    campaign: str
    kind: str
    events: int
    matched: int
    last_occurred_at: datetime


class OutcomeEventRow(Document):
    """One event; `is_matched` where its customer is assigned to the campaign."""

    campaign: str
    customer_id: str
    event_id: str
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    source: str
    is_matched: bool


class ListedOutcomes(Document):
    """How many events there are, the newest of them, and how many rows could not be taken."""

    counts: tuple[CountedOutcomes, ...]
    events: tuple[OutcomeEventRow, ...]
    rejected: int


class RejectedOutcome(Document):
    """A row that could not be taken, as it came, and why."""

    rejection_id: str
    source: str
    row_number: int | None
    customer_id: str | None
    campaign: str | None
    event_id: str | None
    kind: str | None
    occurred_at: str | None
    reason: str
    recorded_at: datetime


class RejectedOutcomes(Document):
    """How many rows could not be taken, the newest of them, and the file they were written to."""

    rejected: int
    rows: tuple[RejectedOutcome, ...]
    file: Path | None


def list_outcomes(context: Context, *, campaign: str | None = None, limit: int = 20) -> ListedOutcomes:
    """Return how many events there are by campaign and kind, and the newest of them."""
    with context.open_store() as store:
        counts = store.outcomes.counts()
        events = store.outcomes.recent(campaign=campaign, limit=limit)
        rejected = store.outcomes.rejected().height
    return ListedOutcomes(
        counts=tuple(CountedOutcomes(**vars(count)) for count in counts if campaign in {None, count.campaign}),
        events=tuple(OutcomeEventRow(**event) for event in events.iter_rows(named=True)),
        rejected=rejected,
    )


def rejected_outcomes(context: Context, *, out: Path | None = None, limit: int | None = None) -> RejectedOutcomes:
    """Return the rows that could not be taken, newest first, with the reason of each; write them to a table if asked."""
    with context.open_store() as store:
        rows = store.outcomes.rejected(limit=None if out is not None else limit)
    if out is not None:
        check_ending(out, TABLES)
        columns = ["customer_id", "campaign", "event_id", "kind", "occurred_at", "reason", "source", "row_number"]
        write_frame(out, rows.select(columns))
    return RejectedOutcomes(
        rejected=rows.height,
        rows=tuple(RejectedOutcome(**row) for row in rows.head(limit or rows.height).iter_rows(named=True)),
        file=out,
    )

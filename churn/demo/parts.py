"""Writes a played month as new files beside the company's: new rows, and rows whose end is now known."""

from __future__ import annotations

from datetime import datetime, time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from churn.demo import deliveries, tables
from churn.demo.engagement import cut_sessions
from churn.demo.state import CompanyState
from churn.demo.tables import Arrays
from churn.demo.timeline import DAY
from churn.demo.writers import write_frame

if TYPE_CHECKING:
    from typing import Protocol

    from churn.demo.ledger import Ledger
    from churn.demo.membership import Membership
    from churn.demo.streams import Streams

    class Told(Protocol):
        """A simulated month."""

        membership: Membership
        payments: Ledger
        tickets: Ledger
        sessions: Ledger
        streams: Streams


def write_parts(
    folder: Path, before: CompanyState, month: Told, contacts: pl.DataFrame, end_day: int
) -> tuple[dict[str, Path], dict[str, int]]:
    """Write one part per table, named by the month's first day; return their paths and row counts.

    `before` is the state at the month's start, `end_day` the first day that is not delivered. Raises ResourceError.
    """
    first, cutoff = before.month_starts[-1], end_day * DAY
    ids = tables.customer_ids(month.membership.customer_count)
    random = month.streams.of("play deliveries", before.calendar.months)
    payments = tables.payments_table(month.payments.columns(), ids, first=before.payments)
    payments = deliveries.with_late_facts(payments, "attempted_at", cutoff, random)
    rows = month.tickets.columns()
    rows["number"] = before.tickets + np.arange(month.tickets.rows)
    rows = _joined(_ended(before.open_tickets, "closed_at", cutoff), rows)
    tickets = tables.tickets_table(rows, ids, cutoff, rows["number"])
    tickets = deliveries.with_late_facts(tickets, "opened_at", cutoff, random)
    is_told_again = pl.col("opened_at") < pl.lit(datetime.combine(first, time()))
    tickets = tickets.with_columns(pl.when(is_told_again).then("closed_at").otherwise("known_at").alias("known_at"))
    sessions = tables.sessions_table(cut_sessions(month.sessions.columns(), random), ids)
    frames = {
        "customers": _customers(folder, month.membership, ids, random),
        "subscriptions": tables.subscriptions_table(_subscriptions(before, month.membership, cutoff), ids, cutoff),
        "payments": payments,
        "sessions": deliveries.with_duplicates(sessions, random),
        "support_tickets": tickets,
        "contacts": contacts.select("customer_id", "contacted_at", "campaign", "channel").sort("contacted_at"),
    }
    files = {name: folder / f"{name}-{first.isoformat()}.parquet" for name, frame in frames.items() if len(frame)}
    for name, path in files.items():
        write_frame(frames[name], path)
    return files, {name: len(frames[name]) for name in files}


def _ended(rows: Arrays, ended: str, cutoff: int) -> Arrays:
    is_over = rows[ended] < cutoff
    return {name: values[is_over] for name, values in rows.items()}


def _joined(first: Arrays, second: Arrays) -> Arrays:
    return {name: np.concatenate([first[name], values]) for name, values in second.items()}


def _subscriptions(before: CompanyState, membership: Membership, cutoff: int) -> Arrays:
    """Return the rows that are new or have changed: begun or closed in the month, or closed before and ended in it."""
    rows = membership.subscriptions.columns()
    is_news = (rows["subscription"] >= before.subscriptions) | (rows["reason"] != 0)
    return _joined(
        _ended(before.ending_subscriptions, "ended_at", cutoff),
        {name: values[is_news] for name, values in rows.items()},
    )


def _customers(folder: Path, membership: Membership, ids: pl.Series, random: np.random.Generator) -> pl.DataFrame:
    """Return who has signed up, and again those who objected to marketing."""
    new = deliveries.as_typed(tables.customers_table(membership.customers.columns(), ids), random)
    objections = membership.objections.columns()
    records = pl.concat([pl.scan_parquet(path) for path in sorted(folder.glob("customers*.parquet"))])
    known = records.select(new.columns).filter(
        pl.col("customer_id").is_in(ids.gather(objections["customer"]).implode())
    )
    older = known.collect().unique("customer_id", keep="first", maintain_order=True)
    versions = deliveries.with_corrections(pl.concat([older, new]), objections, ids)
    is_again = pl.col("known_at").is_null() & pl.col("customer_id").is_in(older["customer_id"].implode())
    return versions.filter(~is_again)

"""Cuts the canonical raw tables from the ledgers: ids, timestamps and words, as a business would deliver them."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.demo.billing import STATUSES
from churn.demo.campaigns_past import CONTACT_CHANNELS
from churn.demo.membership import END_REASONS
from churn.demo.population import CHANNELS, CITIES, DEVICES, FEES, METHODS, PLANS, country_of
from churn.demo.support import CATEGORIES

_LATEST = 253_402_300_799  # the last second of the year 9999: beyond, microseconds would overflow

Arrays = dict[str, NDArray[Any]]


def customer_ids(count: int) -> pl.Series:
    """Return the ids of customers 0..count-1; gather from it to name many rows fast."""
    return _ids("C", np.arange(count), 7)


def _ids(letter: str, numbers: NDArray[Any], width: int) -> pl.Series:
    digits = pl.Series("id", numbers).cast(pl.String).str.zfill(width)
    return pl.Series("id", [letter], dtype=pl.String).new_from_index(0, len(numbers)) + digits


def instants(seconds: NDArray[Any], until: int | None = None) -> pl.Series:
    """Return UTC timestamps; null from `until` (seconds) on."""
    values = pl.Series("at", np.minimum(seconds, _LATEST).astype(np.int64) * 1_000_000)
    if until is not None:
        values = values.set(pl.Series(seconds >= until), None)
    return values.cast(pl.Datetime("us"))


def words(codes: NDArray[Any], names: tuple[str, ...]) -> pl.Series:
    """Return the name behind each code; an empty name becomes null."""
    table = pl.Series("word", [name or None for name in names], dtype=pl.String)
    return table.gather(codes.astype(np.uint32))


def customers_table(rows: Arrays, ids: pl.Series) -> pl.DataFrame:
    """Return one row per customer, as known at sign-up."""
    number = rows["customer"]
    names = pl.Series("city", CITIES.tolist(), dtype=pl.String)
    return pl.DataFrame(
        {
            "customer_id": ids.gather(number),
            "signed_up_at": instants(rows["signed_up_at"]),
            "birth_date": pl.Series(rows["birth_day"].astype(np.int32)).cast(pl.Date),
            "city": names.gather(rows["city"].astype(np.uint32)),
            "country": pl.Series(country_of(rows["city"]).astype(str).tolist(), dtype=pl.String),
            "email": pl.select(pl.lit("c") + pl.Series(number).cast(pl.String) + pl.lit("@example.com")).to_series(),
            "phone": pl.select(pl.lit("+1555") + pl.Series(rows["phone"]).cast(pl.String)).to_series(),
            "marketing_consent": rows["has_consent"],
            "acquisition_channel": words(rows["channel"], CHANNELS),
            "device": words(rows["device"], DEVICES),
        }
    )


def subscriptions_table(rows: Arrays, ids: pl.Series, cutoff: int) -> pl.DataFrame:
    """Return one row per subscription; what happens from `cutoff` (seconds) on is not known yet."""
    reason = np.where((rows["canceled_at"] < cutoff) | (rows["ended_at"] < cutoff), rows["reason"], 0)
    return pl.DataFrame(
        {
            "subscription_id": _ids("S", rows["subscription"], 7),
            "customer_id": ids.gather(rows["customer"]),
            "plan": words(rows["plan"], PLANS),
            "monthly_fee": FEES[rows["plan"]].astype(np.float64),
            "started_at": instants(rows["started_at"]),
            "canceled_at": instants(rows["canceled_at"], cutoff),
            "ended_at": instants(rows["ended_at"], cutoff),
            "end_reason": words(reason, END_REASONS),
        }
    )


def payments_table(rows: Arrays, ids: pl.Series, first: int = 0) -> pl.DataFrame:
    """Return one row per payment attempt or refund, numbered from `first`."""
    return pl.DataFrame(
        {
            "payment_id": _ids("P", first + np.arange(len(rows["customer"])), 8),
            "customer_id": ids.gather(rows["customer"]),
            "attempted_at": instants(rows["attempted_at"]),
            "amount": rows["amount"].astype(np.float64),
            "status": words(rows["status"], STATUSES),
            "method": words(rows["method"], METHODS),
        }
    )


def tickets_table(rows: Arrays, ids: pl.Series, cutoff: int, numbers: NDArray[Any]) -> pl.DataFrame:
    """Return one row per ticket, bearing its number; those closed from `cutoff` (seconds) on are still open."""
    return pl.DataFrame(
        {
            "ticket_id": _ids("T", numbers, 8),
            "customer_id": ids.gather(rows["customer"]),
            "opened_at": instants(rows["opened_at"]),
            "closed_at": instants(rows["closed_at"], cutoff),
            "category": words(rows["category"], CATEGORIES),
        }
    )


def contacts_table(rows: Arrays, ids: pl.Series) -> pl.DataFrame:
    """Return one row per contact made."""
    at = instants(rows["contacted_at"])
    return pl.DataFrame(
        {
            "customer_id": ids.gather(rows["customer"]),
            "contacted_at": at,
            "campaign": pl.select(pl.lit("comeback_discount_") + at.dt.strftime("%Y_%m")).to_series(),
            "channel": words(rows["channel"], CONTACT_CHANNELS),
        }
    )


def sessions_table(rows: Arrays, ids: pl.Series) -> pl.DataFrame:
    """Return one row per session."""
    return pl.DataFrame(
        {
            "customer_id": ids.gather(rows["customer"]),
            "started_at": instants(rows["started_at"]),
            "duration_minutes": rows["duration_minutes"].astype(np.float64).round(1),
        }
    )

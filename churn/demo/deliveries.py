"""How deliveries reach the warehouse in every world: late, repeated, corrected, with cities as people type them."""

from __future__ import annotations

import numpy as np
import polars as pl

from churn.demo.tables import Arrays, instants

DUPLICATE_SHARE = 0.03
_LATE_SHARE = 0.02
_TYPO_SHARE = 0.03
DAY = 86_400


def with_late_facts(frame: pl.DataFrame, instant: str, cutoff: int, random: np.random.Generator) -> pl.DataFrame:
    """Add `known_at`: null for most rows, days after `instant` for a few; rows learned after `cutoff` are not there yet."""
    at = frame[instant].dt.epoch("s").to_numpy()
    is_late = random.random(len(at)) < _LATE_SHARE
    known_at = at + (random.uniform(0.5, 12.0, len(at)) * DAY).astype(np.int64)
    known = instants(np.where(is_late, known_at, cutoff), cutoff)
    return frame.with_columns(known.alias("known_at")).filter(pl.Series(~(is_late & (known_at >= cutoff))))


def with_duplicates(frame: pl.DataFrame, random: np.random.Generator, share: float = DUPLICATE_SHARE) -> pl.DataFrame:
    """Append exact copies of a share of rows."""
    copies = np.flatnonzero(random.random(len(frame)) < share).astype(np.uint32)
    return pl.concat([frame, frame[copies]])


def with_redeliveries(
    frame: pl.DataFrame, instant: str, cutoff: int, random: np.random.Generator, share: float = DUPLICATE_SHARE
) -> pl.DataFrame:
    """Append copies of a share of rows, half of them exact, half marked as learned again later."""
    copies = np.flatnonzero(random.random(len(frame)) < share).astype(np.uint32)
    again = frame[copies]
    at = again[instant].dt.epoch("s").to_numpy() + (random.uniform(0.2, 5.0, len(again)) * DAY).astype(np.int64)
    is_exact = (random.random(len(again)) < 0.5) | (at >= cutoff)
    before = again["known_at"]
    later = pl.max_horizontal(instants(at).alias("later"), before.alias("before"))
    known = pl.select(pl.when(pl.Series(is_exact)).then(before.alias("before")).otherwise(later)).to_series()
    return pl.concat([frame, again.with_columns(known.alias("known_at"))])


def with_corrections(customers: pl.DataFrame, objections: Arrays, ids: pl.Series) -> pl.DataFrame:
    """Add `objected_at` and `known_at`: a customer who objects to marketing is delivered again, as known from then on."""
    first = pl.DataFrame(
        {"customer_id": ids.gather(objections["customer"]), "objected": instants(objections["objected_at"])}
    )
    first = first.group_by("customer_id", maintain_order=True).agg(pl.col("objected").min())
    nothing = pl.lit(None, dtype=pl.Datetime("us"))
    versions = customers.with_columns(nothing.alias("objected_at"), nothing.alias("known_at"))
    again = customers.join(first, on="customer_id", how="inner", maintain_order="left").with_columns(
        pl.col("objected").alias("objected_at"),
        pl.col("objected").alias("known_at"),
        pl.lit(value=False).alias("marketing_consent"),
    )
    return pl.concat([versions, again.select(versions.columns)])


def as_typed(customers: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    """Spell a small share of cities as people do: other case, stray spaces, two letters swapped."""
    way = np.floor(random.random(len(customers)) / _TYPO_SHARE * 4).astype(np.int64)
    city = pl.col("city")
    swapped = city.str.slice(0, 2) + city.str.slice(3, 1) + city.str.slice(2, 1) + city.str.slice(4)
    pick = pl.Series("way", way)
    return customers.with_columns(
        pl.when(pick == 0)
        .then(city.str.to_uppercase())
        .when(pick == 1)
        .then(city.str.to_lowercase())
        .when(pick == 2)
        .then(city + pl.lit(" "))
        .when(pick == 3)
        .then(swapped)
        .otherwise(city)
        .alias("city")
    )

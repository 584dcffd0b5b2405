"""Compares the list as it shall be with what a system last acknowledged, so that nightly noise writes nothing.

Texts that decide (band, action, campaign) count exactly; numbers count when they move by more than a dead band; run,
date, model and reasons ride along with whatever is written for another cause.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from churn.crm.connector import Value

if TYPE_CHECKING:
    import polars as pl


EXACT = ("risk_band", "recommended_action", "campaign", "next_best_offer", "email_sha256")
PERCENTILE_STEP = 5.0  # points; a rank moves with everybody else's scores
PROFIT_STEP = 0.10  # share of the amount before: it follows the probability, which has its own step
PROFIT_LEAST = 1.0  # in the configured currency; below it a difference is small change
_SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Changes:
    """The list cut by what there is to do. `writes` has the list's columns and `exact_hash`, in the list's order.

    `is_known`: we have written the record before; `is_whole`: what it holds is not certain, so all fields are sent.
    `leaves`: customers whose record is ours though they are no longer on the list; `unchanged`: rows in step.
    """

    writes: pl.DataFrame
    leaves: pl.DataFrame
    unchanged: int
    known: int

    @property
    def changed_known(self) -> int:
        """Rows to write whose record we have written before."""
        return int(self.writes["is_known"].sum())


def compare(
    wanted: pl.DataFrame,
    acknowledged: pl.DataFrame,
    *,
    mapped: Sequence[str],
    probability_step: float,
    is_full: bool = False,
) -> Changes:
    """Return what must be written for `acknowledged` to become `wanted`.

    `wanted` is one row per customer in the order they are to be sent, with the columns named by `mapped` (ours);
    `acknowledged` has the columns that the store's records give. `is_full` writes every row.
    """
    import polars as pl

    rows = wanted.with_columns(exact_hash(wanted, mapped)).join(
        acknowledged.rename({name: f"{name}_then" for name in acknowledged.columns if name != "customer_id"}),
        on="customer_id",
        how="left",
        maintain_order="left",
    )
    is_known = pl.col("exact_hash_then").is_not_null()
    moved = [
        _moved(name, step)
        for name, step in (
            ("churn_probability", pl.lit(probability_step)),
            ("percentile", pl.lit(PERCENTILE_STEP)),
            ("expected_profit", (pl.col("expected_profit_then").abs() * PROFIT_STEP).clip(lower_bound=PROFIT_LEAST)),
        )
        if name in mapped
    ]
    is_whole = ~is_known | pl.col("is_uncertain_then").fill_null(value=False) | pl.lit(is_full)
    is_changed = pl.any_horizontal(
        is_whole,
        pl.col("exact_hash") != pl.col("exact_hash_then"),
        pl.col("is_marked_then").fill_null(value=False),
        *moved,
    ).fill_null(value=True)
    rows = rows.with_columns(is_known.alias("is_known"), is_whole.alias("is_whole"), is_changed.alias("is_changed"))
    writes = rows.filter("is_changed").drop("is_changed", pl.selectors.ends_with("_then"))
    leaves = acknowledged.join(wanted.select("customer_id"), on="customer_id", how="anti")
    return Changes(writes, leaves, rows.height - writes.height, int(rows["is_known"].sum()))


def _moved(name: str, step: pl.Expr) -> pl.Expr:
    import polars as pl

    now, then = pl.col(name), pl.col(f"{name}_then")
    # A hair below the step counts as the step: 0.52 - 0.50 is 0.020000000000000018, 0.32 - 0.30 a little less.
    is_far = ((now - then).abs() >= step - 1e-9).fill_null(value=False)
    return is_far | (now.is_null() != then.is_null())


def exact_hash(frame: pl.DataFrame, mapped: Sequence[str]) -> pl.Series:
    """Return a hash of the fields that count exactly, by row; there are few different ones, so each is hashed once."""
    import polars as pl

    names = [name for name in EXACT if name in frame.columns and (name in mapped or name == "risk_band")]
    texts = frame.select(
        pl.concat_str(
            [pl.format("{}={}", pl.lit(name), pl.col(name).fill_null("")) for name in names], separator=_SEPARATOR
        ).alias("exact_hash")
    )["exact_hash"]
    unique = texts.unique()
    hashes = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in unique]
    return texts.replace_strict(unique, pl.Series(hashes, dtype=pl.String), return_dtype=pl.String)


def _in_utc(remote: str | float) -> str:
    """Return an instant as a system tells it (ISO 8601 with any offset, or since 1970) as ISO 8601 in UTC."""
    text = str(remote).replace(" ", "T")
    try:
        number = float(remote)
        seconds = number / 1_000 if abs(number) >= _MILLISECONDS else number
        return datetime.fromtimestamp(seconds, tz=UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (at.astimezone(UTC) if at.tzinfo else at).isoformat()


_MILLISECONDS = 100_000_000_000  # numbers from here on are no seconds: those would be of the year 5138
_TOLERANCE = 0.005  # systems keep two decimals of a number at the least


def canonical(value: Value) -> str | int | bool | None:
    """Return `value` as text, number or truth value: floats to six decimals, instants to the second, "" as None."""
    if value is None or value == "":
        return None
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return f"{round(value, 6) + 0.0:.6f}" if math.isfinite(value) else None  # + 0.0 makes -0.0 plain
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, date) else value


def as_json(values: Mapping[str, Value]) -> dict[str, str | float | bool | None]:
    """Return values as JSON carries them: instants and dates as ISO 8601, instants with the Z of UTC."""

    def one(value: Value) -> str | float | bool | None:
        if isinstance(value, datetime):
            return f"{value.isoformat(timespec='seconds')}Z"
        return value.isoformat() if isinstance(value, date) else value

    return {name: one(value) for name, value in values.items()}


def payload_hash(values: Mapping[str, Value]) -> str:
    """Return a hash of a record's values: sorted keys, fixed rounding."""
    plain = {name: canonical(value) for name, value in values.items()}
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def differs(ours: Value, theirs: Value) -> bool:
    """Return whether a value read back is not the one written, allowing for how systems keep numbers and instants."""
    mine, remote = canonical(ours), canonical(theirs)
    if mine == remote or (mine is None and theirs == 0):  # some systems have no empty number
        return False
    if mine is None or remote is None:
        return True
    if isinstance(ours, datetime):
        return str(mine)[:16] != _in_utc(remote)[:16]
    if isinstance(ours, date):
        return str(mine) != str(remote)[:10]
    try:
        a, b = float(mine), float(remote)
    except ValueError:
        return str(mine).strip().lower() != str(remote).strip().lower()
    return abs(a - b) > _TOLERANCE + 1e-6 * abs(a)

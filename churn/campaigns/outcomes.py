"""Judges outcome events: which are accepted, which are rejected and why, and which came before the assignment."""

from __future__ import annotations

import csv
import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import polars as pl

from churn.errors import ConfigError, ContractBroken
from churn.files import unguarded
from churn.store.records import OUTCOME_KINDS

OUTCOME_FIELDS: Final = ("customer_id", "campaign", "event_id", "kind", "occurred_at")
ENDINGS: Final = (".csv", ".parquet", ".json", ".ndjson", ".jsonl")
_SHORTEST: Final = 3  # letters; a shorter name such as `id` resembles too many others
_SCHEMA = dict.fromkeys(OUTCOME_FIELDS, pl.String) | {"row_number": pl.Int64, "fault": pl.String}


def read_outcomes(path: Path, *, campaign: str | None = None) -> pl.DataFrame:
    """Return the rows of a file: the five fields as text, row_number from 1, and `fault` where a row is no row.

    `campaign` stands in where the file has no such column. Raises ConfigError for a file that is not there or of
    another kind, ContractBroken naming file and column for one that cannot be read, is empty, or lacks a column.
    """
    if path.is_dir():
        raise ConfigError("is a folder", where=str(path), remedy="Give the file in it.")
    kind = path.suffix.lower()
    if kind not in ENDINGS:
        raise ConfigError(
            f"cannot read `{path.suffix}`", where=str(path), remedy="Give a .csv, .parquet, .json or .ndjson file."
        )
    try:
        if path.stat().st_size == 0:
            raise ContractBroken("the file is empty", where=str(path), remedy="Check that the export ran.")
        frame = _read(path, kind, campaign)
    except FileNotFoundError as error:
        raise ConfigError("no such file", where=str(path), remedy="Check the path.") from error
    except OSError as error:
        raise ContractBroken(f"cannot be read: {error.strerror or error}", where=str(path)) from error
    except (UnicodeDecodeError, csv.Error, json.JSONDecodeError, pl.exceptions.PolarsError) as error:
        raise ContractBroken(
            f"is no readable {kind[1:].upper()}: {str(error).splitlines()[0]}",
            where=str(path),
            remedy="Export it again." if kind == ".parquet" else "Export it again, as UTF-8.",
        ) from error
    if frame.is_empty():
        raise ContractBroken(
            "the file holds columns but no rows", where=str(path), remedy="Check what the export selects."
        )
    return frame


def _read(path: Path, kind: str, campaign: str | None) -> pl.DataFrame:
    if kind == ".parquet":
        frame = pl.read_parquet(path)
        _require(frame.columns, campaign, path)
        records: Iterable[Mapping[str, Any]] = frame.select(c for c in OUTCOME_FIELDS if c in frame.columns).iter_rows(
            named=True
        )
        return _frame(((number, record, None) for number, record in enumerate(records, 1)), campaign)
    if kind == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return _frame(_csv_rows(csv.reader(lines), campaign, path), campaign)
    return _frame(_json_rows(path, kind, campaign), campaign)


def _csv_rows(
    lines: Iterator[list[str]], campaign: str | None, path: Path
) -> Iterator[tuple[int, Mapping[str, Any], str | None]]:
    header = [name.strip() for name in next(lines, [])]
    _require(header, campaign, path)
    for number, cells in enumerate((cells for cells in lines if cells), 1):
        fault = None if len(cells) == len(header) else f"has {len(cells)} fields where the header has {len(header)}"
        # What `churn plan --out` wrote, and others sent back, may carry the guard against formulas.
        yield number, dict(zip(header, map(unguarded, cells), strict=False)), fault


def _json_rows(path: Path, kind: str, campaign: str | None) -> Iterator[tuple[int, Mapping[str, Any], str | None]]:
    text = path.read_text(encoding="utf-8-sig")
    if kind == ".json":
        content = json.loads(text)
        records = content if isinstance(content, list) else [content]
        is_object = [isinstance(record, dict) for record in records]
    else:
        records = [_line(line) for line in text.splitlines() if line.strip()]
        is_object = [record is not None for record in records]
    names = {str(name): None for record in records if isinstance(record, dict) for name in record}
    _require(list(names), campaign, path)
    for number, (record, fine) in enumerate(zip(records, is_object, strict=True), 1):
        yield number, record if fine else {}, None if fine else "is no JSON object"


def _line(text: str) -> dict[str, Any] | None:  # free: a line of somebody's file
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        return None  # a broken line becomes a row with a fault, so that the others still count
    return content if isinstance(content, dict) else None


def _require(columns: Sequence[str], campaign: str | None, path: Path) -> None:
    missing = [name for name in OUTCOME_FIELDS if name not in columns and not (name == "campaign" and campaign)]
    if not missing:
        return
    near = {name: difflib.get_close_matches(name, columns, n=1, cutoff=0.5) for name in missing}
    hints = [
        f"`{matches[0]}` looks like {name}" for name, matches in near.items() if matches and len(matches[0]) > _SHORTEST
    ]
    remedy = f"{'; '.join(hints)}: rename it." if hints else f"Needed are {', '.join(OUTCOME_FIELDS)}."
    if missing == ["campaign"] and not hints:
        remedy = "Add the column, or name the campaign with --campaign."
    has = ", ".join(columns) if columns else "no columns"
    raise ContractBroken(f"lacks {', '.join(missing)} (it has {has})", where=str(path), remedy=remedy)


def _frame(rows: Iterable[tuple[int, Mapping[str, Any], str | None]], campaign: str | None) -> pl.DataFrame:
    columns: dict[str, list[Any]] = {name: [] for name in _SCHEMA}
    for number, record, fault in rows:
        for name in OUTCOME_FIELDS:
            columns[name].append(_text(record.get(name)))
        columns["row_number"].append(number)
        columns["fault"].append(fault)
    frame = pl.DataFrame(columns, schema=_SCHEMA)
    return frame if campaign is None else frame.with_columns(pl.col("campaign").fill_null(campaign))


def _text(value: Any) -> str | None:
    """Return a value as text; an instant in UTC without a zone, None for nothing or blanks."""
    if isinstance(value, datetime):
        return (value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    text = "" if value is None else str(value).strip()
    return text or None


# A CRM's clock may be ahead of ours by this much; events further in the future are rejected.
CLOCK_TOLERANCE: Final = timedelta(minutes=5)
_EARLIEST: Final = date(1990, 1, 1)


@dataclass(frozen=True)
class JudgedOutcomes:
    """Outcome rows, accepted and rejected.

    `accepted`: customer_id, campaign, event_id, kind, occurred_at (UTC), rejection_id. `rejected`: the five fields as
    text, row_number, rejection_id, reason.
    """

    accepted: pl.DataFrame
    rejected: pl.DataFrame


def judge(rows: pl.DataFrame, *, now: datetime) -> JudgedOutcomes:
    """Split rows into accepted and rejected ones; `now` is UTC.

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
    return JudgedOutcomes(accepted, rejected)


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
    first_reason = pl.lit(None, dtype=pl.String)
    for test, reason in reversed(tests):
        first_reason = pl.when(test).then(reason).otherwise(first_reason)
    return first_reason


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
    """Derive each row's id from its content, so that a repeated row is recognised."""
    for values in rows.select(OUTCOME_FIELDS).iter_rows():
        text = "\x1f".join("" if value is None else value for value in values)
        yield hashlib.sha256(text.encode()).hexdigest()[:32]


@lru_cache(maxsize=4096)
def _instant(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant
    except (ValueError, OverflowError):  # near the last day of the calendar
        return None

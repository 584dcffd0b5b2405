"""Answers SQL over the published tables: a consistent copy, so that neither jobs nor people wait for it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from churn.context import Context
from churn.files import TABLES, check_ending, frame_csv, write_frame
from churn.views.tables import require_tables
from churn.warehouse.published.query import QueryLimits, query_files

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class QueryAnswer:
    """The rows of an answer as of `published_at`; `is_cut_off` where there are more than `limit`."""

    frame: pl.DataFrame
    types: tuple[str, ...]
    is_cut_off: bool
    published_at: datetime
    data_cutoff: datetime
    seconds: float
    file: Path | None = None

    @property
    def columns(self) -> list[tuple[str, str]]:
        """The columns with their types."""
        return list(zip(self.frame.columns, self.types, strict=True))

    def csv(self) -> str:
        """Return the rows as CSV, safe to open in a spreadsheet."""
        return frame_csv(self.frame)

    def rows(self) -> Iterator[list[JsonValue]]:
        """Yield each row as the plain values that JSON holds."""
        return ([_plain(value) for value in row] for row in self.frame.iter_rows())


def query_tables(
    context: Context, sql: str, *, limit: int | None = None, seconds: float = 600.0, out: Path | None = None
) -> QueryAnswer:
    """Run one select over the published tables; write its rows to `out` if given.

    Raises DataError before the first publication, ConfigError for SQL that does not run, is no select or reaches for
    anything else, ResourceError when it takes longer than `seconds` or too much memory.
    """
    if out is not None:
        check_ending(out, TABLES, where="--out")
    began = time.monotonic()
    tables = require_tables(context.settings.tables_path)
    rows = query_files(tables.files, sql, QueryLimits(limit, seconds))
    if out is not None:
        write_frame(out, rows.frame, currency=tables.document.currency, sheet="Answer")
    return QueryAnswer(
        rows.frame,
        rows.types,
        rows.is_cut_off,
        tables.document.published_at,
        tables.document.data_cutoff,
        time.monotonic() - began,
        out,
    )


def _plain(value: object) -> JsonValue:
    match value:
        case None | bool() | int() | str():
            return value
        case float() | Decimal():
            return _number(value)
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case datetime():
            return value.isoformat()
    return str(value)


def _number(value: float | Decimal) -> int | float | None:
    """Return a number that JSON has: a decimal without places, such as a sum of whole numbers, is whole."""
    if isinstance(value, Decimal) and value.as_tuple().exponent == 0:
        return int(value)
    return float(value) if math.isfinite(value) else None

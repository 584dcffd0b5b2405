"""Writes a table as CSV so that a spreadsheet runs none of its cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

# A spreadsheet runs a cell that begins with one of these as a formula (CWE-1236).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def frame_csv(frame: pl.DataFrame) -> str:
    """Return `frame` as CSV, with a quote before every text that a spreadsheet would run as a formula."""
    import polars as pl

    texts = [name for name, kind in frame.schema.items() if isinstance(kind, pl.String | pl.Categorical | pl.Enum)]
    harmless = frame.with_columns(pl.col(texts).cast(pl.String)).with_columns(
        pl.when(pl.col(name).str.slice(0, 1).is_in(list(FORMULA_STARTS)))
        .then(pl.lit("'") + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
        for name in texts
    )
    # polars leaves a carriage return unquoted, and a spreadsheet begins a new row, with a new first cell, after it.
    has_returns = any(harmless[name].str.contains("\r", literal=True).any() for name in texts)
    harmless = harmless.rename({name: str(_harmless(name)) for name in harmless.columns})
    return harmless.write_csv(quote_style="non_numeric" if has_returns else "necessary")


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV, with a quote before every text that a spreadsheet would run as a formula."""
    text = io.StringIO()
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    for row in rows:
        cells = [_harmless(value) for value in row]
        # csv leaves a carriage return unquoted here, and a spreadsheet begins a new row after it, as in `frame_csv`.
        has_return = any(isinstance(cell, str) and "\r" in cell for cell in cells)
        (quoted if has_return else plain).writerow(cells)
    return text.getvalue()


def _harmless(value: object) -> object:
    """Return a cell as it is written: a text that a spreadsheet would run as a formula gets a quote before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def unguarded(text: str) -> str:
    """Return a cell of a CSV as it was before it was guarded: an id such as +49170 comes back as it went out."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_STARTS) else text

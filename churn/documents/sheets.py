"""Puts documents on the sheets of a workbook: a list of equal parts as rows, the single values of one as names and values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel

from churn.files import Sheet
from churn.files.columns import Kind

Cell = object  # what a workbook's cell takes: text, number, day, instant, yes or no, or nothing


def rows_sheet(
    name: str, parts: Sequence[BaseModel], *, kinds: Mapping[str, Kind] | None = None, leave_out: Sequence[str] = ()
) -> Sheet:
    """Return a sheet with a row for each of `parts`. A part within a part gives columns of its own: `effect_low`."""
    rows = [dict(_cells(part, "", leave_out)) for part in parts]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return Sheet(name, columns, [[row.get(column) for column in columns] for row in rows], len(rows), kinds or {})


def values_sheet(
    name: str, document: BaseModel, *, kinds: Mapping[str, Kind] | None = None, leave_out: Sequence[str] = ()
) -> Sheet:
    """Return a sheet of two columns with the single values of `document`; lists of parts are left out."""
    rows = [cell for cell in _cells(document, "", leave_out) if not isinstance(cell[1], list | tuple | dict)]
    return Sheet(name, ("what", "value"), rows, len(rows), kinds or {}, is_by_row=True)


def texts_sheet(name: str, column: str, texts: Sequence[str]) -> Sheet:
    """Return a sheet with a sentence in each row."""
    return Sheet(name, (column,), [(text,) for text in texts], len(texts))


def _cells(part: BaseModel, before: str, leave_out: Sequence[str]) -> Iterator[tuple[str, Cell]]:
    for name, value in part:
        if before + name in leave_out:
            continue
        if isinstance(value, BaseModel):
            yield from _cells(value, f"{before}{name}_", leave_out)
        else:
            yield before + name, value

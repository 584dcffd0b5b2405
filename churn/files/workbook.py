"""Writes Excel workbooks: numbers as numbers in the format they have, texts as texts, never a formula.

A text that begins like a formula stays a text, as it is: the file says of each cell what it holds, unlike CSV.
"""

from __future__ import annotations

import io
import json
import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn.errors import ChurnError, ConfigError
from churn.files.columns import Kind, kind_of
from churn.files.whole import require_workbooks, write_whole

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

MOST_ROWS: Final = 1_048_576  # of a sheet, its header among them
MOST_COLUMNS: Final = 16_384
LONGEST_TEXT: Final = 32_767
_EXACT: Final = 10**15 - 1  # spreadsheets show and keep fifteen digits of a number
_FIRST_YEAR: Final = 1901  # Excel counts days from 1900, and its February 1900 has a day too many
_WIDEST: Final = 60
_LOOKED_AT: Final = 200  # rows that a column's width is taken from


@dataclass(frozen=True)
class Sheet:
    """A table: its name, columns and rows. `count` is how many rows there are, where that is known before.

    `kinds` says what the numbers of a column are where its name alone does not; in a list of names and values
    (`is_by_row`) it goes by the name in the first column.
    """

    name: str
    columns: Sequence[str]
    rows: Iterable[Sequence[object]]
    count: int | None = None
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    is_by_row: bool = False


def write_workbook(path: Path, sheets: Iterable[Sheet], *, currency: str | None = None) -> Path:
    """Write `sheets` to `path`, amounts of money in `currency`.

    Raises ConfigError for a table that no sheet can hold or where no library is installed, ResourceError when the place
    cannot be written.
    """
    require_workbooks(str(path))
    return write_whole(path, lambda part: _write(part, sheets, currency, where=str(path)))


def workbook_bytes(sheets: Iterable[Sheet], *, currency: str | None = None) -> bytes:
    """Return the same as the content of a file. Raises ConfigError."""
    require_workbooks("workbook")
    content = io.BytesIO()
    _write(content, sheets, currency, where="workbook")
    return content.getvalue()


def _write(target: Path | io.BytesIO, sheets: Iterable[Sheet], currency: str | None, *, where: str) -> None:
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    sheets = [sheet for sheet in sheets if sheet.columns]
    for sheet in sheets:
        if sheet.count is not None and sheet.count >= MOST_ROWS:
            raise _too_long(where, f"{sheet.count:,} rows")
        if len(sheet.columns) > MOST_COLUMNS:
            raise ConfigError(
                f"a sheet holds {MOST_COLUMNS:,} columns, and these are {len(sheet.columns):,}",
                where=where,
                remedy="Write .parquet.",
            )
    # Rows go to disk as they come, so that a long list takes no more memory than a short one.
    with tempfile.TemporaryDirectory(prefix="churn-workbook-") as scratch:
        book = xlsxwriter.Workbook(target, {"constant_memory": True, "tmpdir": scratch})
        try:
            formats = _Formats(book, currency)
            for sheet in sheets:
                _fill(book.add_worksheet(sheet.name), sheet, formats, where)
        except ChurnError:
            _give_up(book)
            raise
        try:
            book.close()
        except FileCreateError as error:
            raise OSError(str(error)) from error


def _give_up(book: Workbook) -> None:
    """Close the temporary files of a workbook that is not written."""
    for sheet in book.worksheets():
        if sheet.row_data_fh is not None and not sheet.row_data_fh.closed:
            sheet.row_data_fh.close()
    book.fileclosed = True


class _Formats:
    """The formats of a workbook, each made once."""

    def __init__(self, book: Workbook, currency: str | None) -> None:
        self.head = book.add_format({"bold": True, "bottom": 1})
        self.kinds: dict[Kind, Format] = {
            "money": book.add_format({"num_format": _money(currency)}),
            "share": book.add_format({"num_format": "0.0%"}),
            "number": book.add_format({"num_format": "#,##0.00##"}),
        }
        self.count = book.add_format({"num_format": "#,##0"})
        self.day = book.add_format({"num_format": "yyyy-mm-dd"})
        self.instant = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})


def _money(currency: str | None) -> str:
    if currency is None:
        return "#,##0.00"
    from babel.numbers import get_currency_precision

    decimals = get_currency_precision(currency)
    return f"[${currency}] #,##0{'.' + '0' * decimals if decimals else ''}"


def _fill(into: Worksheet, sheet: Sheet, formats: _Formats, where: str) -> None:
    kinds = [sheet.kinds.get(name) or kind_of(name) for name in sheet.columns]
    rows = iter(sheet.rows)
    first = [row for _, row in zip(range(_LOOKED_AT), rows, strict=False)]
    for place, width in enumerate(_widths(sheet.columns, first)):
        into.set_column(place, place, width)
    into.freeze_panes(1, 0)
    for place, name in enumerate(sheet.columns):
        into.write_string(0, place, name, formats.head)
    number = 0
    for part in (first, rows):
        for row in part:
            number += 1
            if number >= MOST_ROWS:
                raise _too_long(where, "there are more")
            of_row = sheet.kinds.get(str(row[0])) or kind_of(str(row[0])) if sheet.is_by_row else None
            for place, value in enumerate(row):
                if value is not None:
                    _put(into, number, place, value, of_row or kinds[place], formats, where)
    if number and sheet.columns:
        into.autofilter(0, 0, number, len(sheet.columns) - 1)


def _put(into: Worksheet, row: int, column: int, value: object, kind: Kind, formats: _Formats, where: str) -> None:
    match value:
        case bool():
            into.write_boolean(row, column, value)
        case int() if abs(value) <= _EXACT:
            into.write_number(row, column, value, formats.count if kind == "number" else formats.kinds[kind])
        case float() | Decimal() if not math.isfinite(value):
            return  # a cell holds neither; CSV and JSON leave it empty too
        case float() | Decimal():
            into.write_number(row, column, float(value), formats.kinds[kind])
        case datetime() if value.year >= _FIRST_YEAR:
            into.write_datetime(row, column, value.replace(tzinfo=None), formats.instant)
        case date() if value.year >= _FIRST_YEAR and not isinstance(value, datetime):
            into.write_datetime(row, column, datetime(value.year, value.month, value.day), formats.day)  # noqa: DTZ001 - a day has no zone
        case _:
            text = _text(value)
            if len(text.encode("utf-16-le")) // 2 > LONGEST_TEXT:
                raise ConfigError(
                    f"a cell holds {LONGEST_TEXT:,} characters, and one of row {row:,} has {len(text):,}",
                    where=where,
                    remedy="Write .csv or .parquet.",
                )
            into.write_string(row, column, text)


def _text(value: object) -> str:
    match value:
        case str():
            return value
        case int():
            return str(value)
        case date() | datetime():
            return value.isoformat()
        case dict() | list() | tuple():
            return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[float]:
    """Return a width for each column, from its name and its first rows."""
    widths = [len(name) + 3 for name in columns]  # with room for the button of the filter
    for row in rows:
        for place, value in enumerate(row):
            widths[place] = max(widths[place], 12 if isinstance(value, float | date) else len(_text(value)) + 1)
    return [float(min(width, _WIDEST)) for width in widths]


def _too_long(where: str, rows: str) -> ConfigError:
    return ConfigError(
        f"a sheet holds {MOST_ROWS - 1:,} rows below its header, and {rows}",
        where=where,
        remedy="Write .csv or .parquet, or fewer rows.",
    )

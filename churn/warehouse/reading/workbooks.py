"""Reads sheets of workbooks (xlsx, xls, xlsb, ods) by writing them as CSV, so that all rules for text hold for them too.

A cell is written as what it is: a day as 2026-03-01, a time to the second, a number with a point and without a fraction
that it does not have, so that the id 17 is 17 and not 17.0.
"""

from __future__ import annotations

import csv
import datetime as dt
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from churn.errors import ConfigError, ContractBroken
from churn.warehouse.connection import Warehouse
from churn.warehouse.reading.csv_files import read_csv
from churn.warehouse.reading.delivery import Delivery, SourceFile

ENDINGS: Final = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
OPTIONS: Final = frozenset({"sheet", "header", "skip", "names"})
_EXACT: Final = 10**15  # spreadsheets keep fifteen digits of a number
_OF_A_TABLE: Final = 3  # columns from which on a sheet is a table
Row = Sequence[object]
Sheet = Sequence[Row]


def read_workbook(warehouse: Warehouse, file: SourceFile, options: Mapping[str, Any], scratch: Path) -> Delivery:
    """Return the rows of the sheets that `options.sheet` names, one or a list of one form; of the only sheet if not given.

    Raises ContractBroken for a workbook that cannot be read, and where it has to be told which sheet it is.
    """
    wanted = options.get("sheet", [])
    names = [str(name) for name in (wanted if isinstance(wanted, list) else [wanted])]
    sheets = sheets_of(file.path, names, where=file.name)
    if not sheets:
        raise ContractBroken("the workbook holds no value", where=file.name, remedy="Check that the export ran.")
    if not names and len(sheets) > 1:
        count, first, listed = len(sheets), next(iter(sheets)), ", ".join(f'"{name}"' for name in sheets)
        raise ContractBroken(
            f"the workbook has {count} sheets: {listed}",
            where=file.name,
            remedy=f'Say which: options = {{ sheet = "{first}" }}, or a list of those that have one form.',
        )
    has_header = bool(options.get("header", "names" not in options))
    lines = _joined(list(sheets.values()), int(options.get("skip", 0)), file.name, has_header=has_header)
    with tempfile.NamedTemporaryFile(
        "w", dir=scratch, suffix=".csv", delete=False, encoding="utf-8", newline=""
    ) as stream:
        csv.writer(stream, lineterminator="\n").writerows(lines)
    path = Path(stream.name)
    passed = {name: given for name, given in options.items() if name not in {"sheet", "skip"}}
    copied = SourceFile(file.name, path, path.stat().st_size, file.changed, file.content_hash)
    return read_csv(warehouse, copied, {**passed, "delim": ","}, scratch)


def sheets_of(path: Path, names: Sequence[str] = (), *, where: str) -> dict[str, Sheet]:
    """Return the rows of the sheets `names`, or of every one that holds a value, in the workbook's order.

    Raises ContractBroken for a workbook that cannot be read and a sheet that it does not have, ConfigError where nothing
    is installed that reads workbooks.
    """
    try:
        from python_calamine import CalamineError, CalamineWorkbook, PasswordError
    except ImportError as error:
        raise ConfigError(
            "workbooks cannot be read here", where=where, remedy="pip install 'churn[excel]', or save the sheet as CSV."
        ) from error
    try:
        book = CalamineWorkbook.from_path(path)
        missing = next((name for name in names if name not in book.sheet_names), None)
        if missing is not None:
            listed = ", ".join(f'"{name}"' for name in book.sheet_names)
            raise ContractBroken(f'there is no sheet "{missing}"', where=where, remedy=f"There are {listed}.")
        rows = {name: book.get_sheet_by_name(name).to_python() for name in names or book.sheet_names}
    except PasswordError as error:
        raise ContractBroken("the workbook has a password", where=where, remedy="Save it without one.") from error
    except (CalamineError, OSError, ValueError) as error:
        remedy = "Check that it is whole, or save the sheet as CSV."
        raise ContractBroken(f"the workbook cannot be read: {error}", where=where, remedy=remedy) from error
    return {name: lines for name, lines in rows.items() if any(map(_is_filled, lines))}


def how_to_read(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the options for the sheets of one form that hold most rows, and the names of the other sheets."""
    sheets = sheets_of(path, where=str(path))
    skips = {name: _titles(sheet) for name, sheet in sheets.items()}
    forms: dict[tuple[str, ...], list[str]] = {}
    for name, sheet in sheets.items():
        head = next((line for line in sheet[skips[name] :] if _is_filled(line)), [])
        forms.setdefault((str(skips[name]), *map(_text, head)), []).append(name)
    if not forms:
        return {}, ()
    names = max(forms.values(), key=lambda listed: sum(len(sheets[name]) for name in listed))
    options: dict[str, Any] = {} if len(sheets) == 1 else {"sheet": names[0] if len(names) == 1 else names}
    skip = skips[names[0]]
    return {**options, **({"skip": skip} if skip else {})}, tuple(name for name in sheets if name not in names)


def _titles(sheet: Sheet) -> int:
    """Return how many lines stand above the header: a title, or when the report was made, of which none fills two cells."""
    filled = [sum(cell != "" for cell in line) for line in sheet]
    first = next((place for place, count in enumerate(filled) if count > 1), 0)
    return first if max(filled) >= _OF_A_TABLE else 0


def _is_filled(line: Row) -> bool:
    return any(cell != "" for cell in line)


def _joined(sheets: Sequence[Sheet], skip: int, where: str, *, has_header: bool) -> Iterator[list[str]]:
    """Yield the lines of all sheets as text, under the header of the first, which all must have."""
    first: list[str] = []
    for sheet in sheets:
        lines = [[_text(cell) for cell in line] for line in sheet[skip:]]
        lines = [line for line in lines if any(line)]
        if not lines:
            continue
        if has_header and first:
            if lines[0] != first:
                raise ContractBroken(
                    "the sheets have other headers",
                    where=where,
                    remedy="Name the sheets of one form, or a section for each.",
                )
            lines = lines[1:]
        first = first or lines[0]
        yield from lines


def _text(cell: object) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < _EXACT else repr(cell)
    if isinstance(cell, dt.datetime):
        return str(cell.date()) if cell.time() == dt.time() else cell.isoformat(sep=" ")
    return str(cell)

"""Finds and removes one customer in an Excel workbook: the rows that name them, and the id wherever else it stands.

The parts of the file are read as text, so that a workbook which somebody has edited keeps everything else as it was.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from churn.redaction import Redaction

_SHEET: Final = re.compile(r"xl/worksheets/[^/]+\.xml")
_STRINGS: Final = "xl/sharedStrings.xml"
_ROW: Final = re.compile(r"<row\b[^>]*?(?:/>|>.*?</row>)", re.DOTALL)
_CELL: Final = re.compile(r"<c\b([^>]*?)(?:/>|>(.*?)</c>)", re.DOTALL)
_TEXT: Final = re.compile(r"(<t\b[^>]*>)(.*?)(</t>)", re.DOTALL)
_STRING: Final = re.compile(r"<si\b[^>]*?(?:/>|>(.*?)</si>)", re.DOTALL)
_VALUE: Final = re.compile(r"<v\b[^>]*>(.*?)</v>", re.DOTALL)


def rows_in_workbook(path: Path, customer_id: str) -> list[dict[str, str]]:
    """Return the rows that name a customer, by the heads of their columns; nothing of a file that is no workbook."""
    parts = _parts(path)
    strings = _strings(parts)
    named = []
    for name, text in parts.items():
        if _SHEET.fullmatch(name):
            rows = [dict(_cells(row, strings)) for row in _ROW.findall(text)]
            heads = rows[0] if rows else {}
            named += [
                {heads.get(column, column): value for column, value in row.items()}
                for row in rows
                if customer_id in row.values()
            ]
    return named


def erase_from_workbook(path: Path, customer_id: str, put: Callable[[Path, bytes], None]) -> int:
    """Remove those rows, and the id from every other text, and let `put` write the file; return how many places it were."""
    parts = _parts(path)
    strings = _strings(parts)
    redaction = Redaction(customer_id)
    clean: dict[str, str] = {}
    gone = 0
    for name, text in parts.items():
        kept, rows = text, 0
        if _SHEET.fullmatch(name):
            kept, rows = _without_rows(text, customer_id, strings)
        without, texts = _redacted(kept, redaction)
        gone += rows if name == _STRINGS else rows + texts  # a shared text is a cell that was counted with its row
        if without != text:
            clean[name] = without
    if clean:
        put(path, _rewritten(path, clean))
    return max(gone, 1) if clean else 0


def _parts(path: Path) -> dict[str, str]:
    """Return the sheets and the shared texts of a workbook."""
    try:
        with zipfile.ZipFile(path) as file:
            names = [name for name in file.namelist() if _SHEET.fullmatch(name) or name == _STRINGS]
            return {name: file.read(name).decode() for name in names}
    except (zipfile.BadZipFile, UnicodeDecodeError):
        return {}


def _strings(parts: dict[str, str]) -> list[str]:
    return [_joined(inner) for inner in _STRING.findall(parts.get(_STRINGS, ""))]


def _joined(inner: str) -> str:
    return unescape("".join(text for _, text, _ in _TEXT.findall(inner)))


def _cells(row: str, strings: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the letters of each cell's column and what it holds."""
    for attributes, inner in _CELL.findall(row):
        place = re.search(r'\br="([A-Z]+)', attributes)
        value = _VALUE.search(inner)
        text = _joined(inner) if value is None else unescape(value[1])
        if 't="s"' in attributes and value is not None:
            text = strings[int(value[1])]
        yield place[1] if place else "", text


def _without_rows(text: str, customer_id: str, strings: list[str]) -> tuple[str, int]:
    gone = 0

    def kept(row: re.Match[str]) -> str:
        nonlocal gone
        if any(value == customer_id for _, value in _cells(row[0], strings)):
            gone += 1
            return ""
        return row[0]

    return _ROW.sub(kept, text), gone


def _redacted(text: str, redaction: Redaction) -> tuple[str, int]:
    places = 0

    def clean(text: re.Match[str]) -> str:
        nonlocal places
        plain = unescape(text[2])
        if (without := redaction.text(plain)) == plain:
            return text[0]
        places += 1
        return f"{text[1]}{escape(without)}{text[3]}"

    return _TEXT.sub(clean, text), places


def _rewritten(path: Path, parts: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry, parts[entry.filename].encode() if entry.filename in parts else old.read(entry))
    return content.getvalue()

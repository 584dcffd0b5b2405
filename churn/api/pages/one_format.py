"""Writes numbers and days of a rendered page in one form: `7.8 %` kept together, a true minus, `1 July 2026`.

Sentences come from plans, monitors and measurements with the plain signs that terminals and JSON want; on a page each of them
looks like the figures beside it. Only what is read as text changes: no attribute, script, code or field; and no `bdi`, title or
link to a customer, which hold ids and what other systems wrote, to be read and copied as they are.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from churn.wording import day, short_day

_PARTS: Final = re.compile(
    r"(<(script|style|pre|code|textarea|kbd|bdi|title)\b.*?</\2>|<a\b[^>]*href=\"/customers\b[^>]*>.*?</a>"
    r"|<option>[^<]*|<!--.*?-->|<[^>]*>)",
    re.DOTALL | re.IGNORECASE,
)
_PERCENT: Final = re.compile(r"(?<=\d)(?:[ \u00a0]|&nbsp;)?%")
_MINUS: Final = re.compile(r"(?<![\w.)\]/-])-(?=[$€£]?\d)")
_DAY: Final = re.compile(r"(?<![\w/=.-])(20\d\d-\d\d-\d\d)(?![\w-]|\.\w)")
_ALONE: Final = re.compile(r"\s*20\d\d-\d\d-\d\d( \d\d:\d\d(:\d\d)?( UTC)?)?\s*\Z")


def in_one_format(html: str) -> str:
    """Return a page whose texts write percentages, negative numbers and days as all pages do."""
    pieces = []
    end = 0
    for part in _PARTS.finditer(html):
        pieces += [_text(html[end : part.start()]), part[0]]
        end = part.end()
    return "".join([*pieces, _text(html[end:])])


def _text(text: str) -> str:
    if "%" in text:
        text = _PERCENT.sub("\u202f%", text)
    if "-" in text:
        words = _short_day if _ALONE.match(text) else _long_day
        text = _MINUS.sub("\u2212", _DAY.sub(words, text))
    return text


def _long_day(match: re.Match[str]) -> str:
    moment = _read(match[1])
    return match[0] if moment is None else day(moment)


def _short_day(match: re.Match[str]) -> str:
    """Return a day as tables have it: `1 Jul 2026`."""
    moment = _read(match[1])
    return match[0] if moment is None else short_day(moment)


def _read(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:  # it only looks like a day
        return None

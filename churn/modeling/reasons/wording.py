"""Chooses the text of a reason by the value of its feature.

The second quoted text behind a column of a feature file has cases, `CONDITION: text`, divided by ` | `; the last has no condition and holds
for all other values: `"0: never upgraded | upgraded {times}"`. A condition is a number that the value equals, `<` and a
number, or `missing`. In a text these stand for the value v:

* `{}` with one decimal at most, `{abs}` without its sign, `{round}` as a whole number of at least 1, `{money}` with two decimals
* `{share}` of a share: `34.6 %`
* `{days}` and `{months}`: `1 day`, `364 days`, `14 months`, from two years on `2.5 years`
* `{pace}` of a quotient: `58 % below`, `at`, `80 % above`, `3 times`; `{percent}` how far it lies from 1: `20 %`
* `{times}`: `once`, `twice`, `3 times`
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_CASE: Final = re.compile(r"^(<?)\s*(-?\d+(?:\.\d+)?):\s+(.*)$")
_MISSING: Final = "missing: "
_YEAR: Final = {"day": 365.25, "month": 12.0}
_LIKE: Final = 0.05  # a quotient as close to 1 is called equal
_TWICE: Final = 2.0  # from here on a quotient is told as so many times


def case_for(wording: str, value: object) -> str:
    """Return the text that `wording` has for `value`; without conditions texts and unknown values get the last one."""
    *cases, last = (case.strip() for case in wording.split(" | "))
    if isinstance(value, bool | int | float):
        for case in cases:
            match = _CASE.match(case)
            if match and (value < float(match[2]) if match[1] else value == float(match[2])):
                return match[3]
    return last


def missing_case(wording: str) -> str | None:
    """Return the text that `wording` has where the value is missing."""
    cases = (case.strip() for case in wording.split(" | "))
    return next((case.removeprefix(_MISSING) for case in cases if case.startswith(_MISSING)), None)


def fill(text: str, value: float) -> str:
    """Put a number in the place of every mark but `{}`."""
    for mark, say in _MARKS.items():
        if mark in text:
            text = text.replace(mark, say(value))
    return text


def _pace(value: float) -> str:
    if value < 1.0 - _LIKE:
        return f"{100 * (1 - value):.0f} % below"
    if value <= 1.0 + _LIKE:
        return "at"
    return f"{100 * (value - 1):.0f} % above" if value < _TWICE else f"{short(value)} times"


def _times(value: float) -> str:
    return {1: "once", 2: "twice"}.get(round(value), f"{value:,.0f} times")


def _share(value: float) -> str:
    return f"{short(100 * value)} %"


def _span(value: float, unit: str) -> str:
    years = value / _YEAR[unit]
    if years >= _TWICE:
        return f"{short(years)} years"
    number = max(1, round(value))
    return f"1 {unit}" if number == 1 else f"{number} {unit}s"


def _days(value: float) -> str:
    return _span(value, "day")


def _months(value: float) -> str:
    return _span(value, "month")


def short(value: float) -> str:
    """Return a number with one decimal at most: more says nothing to whoever reads a reason."""
    rounded = round(value, 1)
    if rounded == 0 and value != 0:
        return "less than 0.1" if value > 0 else "hardly below 0"
    return f"{rounded:,.1f}".removesuffix(".0")


def _percent(value: float) -> str:
    return f"{100 * abs(value - 1):.0f} %"


def _money(value: float) -> str:
    return f"{value:,.2f}".removesuffix(".00")


def whole(value: float) -> str:
    """Return a number without decimals, 1 at least."""
    return f"{max(1, round(value)):,}"


def _size(value: float) -> str:
    return f"{abs(value):,.0f}"


_MARKS: Final[dict[str, Callable[[float], str]]] = {
    "{pace}": _pace,
    "{percent}": _percent,
    "{times}": _times,
    "{money}": _money,
    "{share}": _share,
    "{days}": _days,
    "{months}": _months,
    "{abs}": _size,
}

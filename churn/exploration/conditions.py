"""Conditions over features: as SQL for a campaign's audience, as the rows they cover, and in words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from churn.exploration.encoding import MISSING, Encoded
from churn.warehouse.connection import literal, quoted

Bools = NDArray[np.bool_]

_PLAIN_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
_RESERVED: Final = frozenset({"plan", "order", "group", "table", "user", "end", "start", "case", "when", "all", "in"})
_UNITS: Final = re.compile(r"\{\} (days|months|weeks|hours|minutes|years)\b(?!')")
_NOT_PAST: Final = r"(?!(?:of|in|per|a|the|its|so|x|still|since|over)\b)"  # the noun counted stands before these
_COUNTED: Final = re.compile(rf"^\{{\}} ((?:{_NOT_PAST}[a-z]+ ){{0,2}}?{_NOT_PAST}[a-z]*[^s\W])s\b")
_TIMES: Final = re.compile(r"\{\} times\b(?! (?:the|its|a)\b)")
_SHARE: Final = re.compile(r"\{\} of (?!\d|1\b)")


@dataclass(frozen=True)
class Condition:
    """A run of codes of one column, `first` to `last`, both included; what it says follows from the column."""

    column: Encoded
    first: int
    last: int

    def covers(self, rows: slice | NDArray[np.int64]) -> Bools:
        """Return which of `rows`, places in the table, meet the condition."""
        codes = self.column.codes[rows]
        return np.asarray((codes >= self.first) & (codes <= self.last))

    @property
    def low(self) -> float | None:
        """The least number covered; None where it is open below, and for texts."""
        return self.column.edges[self.first - 2] if self.column.kind != "text" and self.first >= 2 else None

    @property
    def high(self) -> float | None:
        """The first number above it that is no longer covered; None where it is open above, and for texts."""
        return self.column.edges[self.last - 1] if self.column.kind != "text" and self.last < self._top else None

    @property
    def _top(self) -> int:
        return self.column.size - 1

    @property
    def sql(self) -> str:
        """The condition as SQL over features, true for exactly the rows covered."""
        name = _identifier(self.column.name)
        if self.first == MISSING:
            return f"{name} is null"
        if self.column.kind == "text":
            return f"{name} = {literal(self.column.levels[self.first - 1])}"
        if self.column.kind == "flag":
            return f"{name} = {'true' if self.first == 2 else 'false'}"
        low, high = self.low, self.high
        if self.column.is_integer:
            parts = [] if low is None else [_at_least(name, low, self.column)]
            parts += [] if high is None else [f"{name} < {_number(high)}"]
        else:
            parts = [] if low is None else [f"{name} >= {_number(low)}"]
            parts += [] if high is None else [f"{name} < {_number(high)}"]
        return " and ".join(parts) or f"{name} is not null"

    @property
    def words(self) -> str:
        """The condition as people say it, in small letters: `more than 2 failed payments in 60 days`."""
        doc = self.column.doc
        phrase = doc.phrase if doc.phrase and "{}" in doc.phrase else f"{_spoken(self.column.name)} is {{}}"
        if phrase == f"{self.column.name} is {{}}":
            phrase = f"{_spoken(self.column.name)} is {{}}"
        if self.first == MISSING:
            return (
                f"{_lowered(doc.description.rstrip('.'))}: not known" if doc.description else f"{doc.name}: not known"
            )
        if self.column.kind == "text":
            return phrase.replace("{}", self.column.levels[self.first - 1])
        if self.column.kind == "flag":
            return _flag(phrase, is_true=self.first == 2)
        if min(v for v in (self.low, self.high) if v is not None) < 0 and doc.description:
            phrase = f"{_lowered(doc.description.rstrip('.'))}: {{}}"  # "fewer than -3 days more" is for nobody
        return _range(phrase, self.low, self.high, is_integer=self.column.is_integer)


def _at_least(name: str, low: float, column: Encoded) -> str:
    """Counts are worded `more than 2`, days `14 or more`; the SQL follows the words."""
    return f"{name} >= {_number(low)}" if is_duration(column) else f"{name} > {_number(low - 1)}"


def is_duration(column: Encoded) -> bool:
    """Say whether a column counts days, weeks or months."""
    return bool(_UNITS.search(column.doc.phrase or "")) or "days" in column.name.split("_")[:1]


def _range(phrase: str, low: float | None, high: float | None, *, is_integer: bool) -> str:
    if _SHARE.search(phrase) and not is_integer:
        low, high = (None if v is None else 100 * v for v in (low, high))
        phrase = phrase.replace("{}", "{} %", 1)
    if low is not None and high is not None:
        top = high - 1 if is_integer else high
        return phrase.replace("{}", _said(low) if low == top else f"{_said(low)} to {_said(top)}")
    if (spoken := _one_sided(phrase, low, high)) is not None:
        return spoken
    if low is not None:
        return _more(phrase, low, is_integer=is_integer)
    assert high is not None  # a condition is closed on one side at least
    if is_integer and high == 1 and "{} of " in phrase:
        return phrase.replace("{}", "none")
    if is_integer and high == 1 and (_COUNTED.search(phrase) or _TIMES.search(phrase)):
        return _TIMES.sub("never", phrase).replace("{}", "no")
    return phrase.replace("{}", f"{'fewer' if is_integer else 'less'} than {_said(high)}")


def _one_sided(phrase: str, low: float | None, high: float | None) -> str | None:
    """Return spans of time and columns without a phrase of their own in words; None for anything else."""
    if phrase.endswith(" is {}"):
        name = phrase.removesuffix(" is {}")
        return f"{name} below {_said(high or 0.0)}" if low is None else f"{name} of {_said(low)} or more"
    unit = _UNITS.search(phrase)
    if unit is None:
        return None
    span = f"{_said(low)} {unit[1]} or more" if low is not None else f"less than {_said(high or 0.0)} {unit[1]}"
    return phrase.replace(unit[0], span)


def _more(phrase: str, low: float, *, is_integer: bool) -> str:
    counted = _COUNTED.search(phrase) if is_integer else None
    if low == 1 and counted:
        return _COUNTED.sub(lambda m: f"any {m[1]}", phrase)
    if low == 1 and is_integer and _TIMES.search(phrase):
        return _TIMES.sub("at least once", phrase)
    if low == 2 and counted:
        return _COUNTED.sub(lambda m: f"more than 1 {m[1]}", phrase)
    if "at {}" in phrase:
        return phrase.replace("{}", f"{_said(low)} or more")
    return phrase.replace("{}", f"more than {_said(low - 1)}" if is_integer else f"at least {_said(low)}")


def _flag(phrase: str, *, is_true: bool) -> str:
    if phrase.endswith(": {}"):
        bare = phrase.removesuffix(": {}")
        return bare if is_true else f"{bare}: no"
    if phrase.endswith(" is {}"):
        bare = phrase.removesuffix(" is {}")
        return bare if is_true else f"not {bare}"
    return phrase.replace("{}", "yes" if is_true else "no")


def _identifier(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) and name not in _RESERVED else quoted(name)


def _number(value: float) -> str:
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.6g}"


def _said(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.4g}"


def _spoken(name: str) -> str:
    """Return `MonthlyCharges` or `monthly_charges` as `monthly charges`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name.removesuffix("_attribute"))
    return " ".join(
        w if w.isupper() and len(w) > 1 else w.lower() for w in apart.replace("_", " ").replace(".", ": ").split()
    )


def _lowered(title: str) -> str:
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]

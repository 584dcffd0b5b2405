"""The words of a language and how it writes numbers: read from `reports/words/CODE.toml`, shipped or a user's own."""

from __future__ import annotations

import json
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, TypedDict

from markupsafe import Markup

from churn import wording
from churn.errors import ConfigError
from churn.languages.catalogue import nearest_language
from churn.languages.recorded import recorded
from churn.languages.words import speaking
from churn.resources import layered

FALLBACK: Final = "en"
_NBSP: Final = "\u00a0"
_MINUS: Final = "\u2212"
DASH: Final = "\u2013"  # where there is nothing to tell


class AxisLocale(TypedDict):
    """How numbers are written, as d3-format names the parts."""

    decimal: str
    thousands: str
    grouping: list[int]
    currency: list[str]
    percent: str


@dataclass(frozen=True)
class Language:
    """Sentences by key, with English for what a language lacks; numbers, days and months in its own form."""

    code: str
    words: Mapping[str, Any]
    fallback: Mapping[str, Any]

    def __call__(self, key: str, **values: Any) -> str:
        """Return the sentence `key` (section.name) filled with `values`, themselves in words already.

        Raises ConfigError for a key that no language knows, or a sentence that asks for a value not given.
        """
        for words in (self.words, self.fallback):
            entry: Any = words
            for part in key.split("."):
                entry = entry.get(part) if isinstance(entry, Mapping) else None
            if isinstance(entry, str):
                try:
                    return string.Formatter().vformat(entry, (), values)
                except (KeyError, IndexError, ValueError) as error:
                    raise ConfigError(
                        f"`{key}` asks for what there is not: {error}", where=f"reports/words/{self.code}.toml"
                    ) from error
        raise ConfigError(f"no words for `{key}`", where=f"reports/words/{self.code}.toml")

    def knows(self, key: str) -> bool:
        """Say whether some language has a sentence for `key`."""
        try:
            self(key)
        except ConfigError as error:
            return "no words" not in error.what
        return True

    def recorded(self, text: str) -> str:
        """Return a sentence that was written in English, such as a finding, in this language where it is known."""
        with speaking(self._catalogue):
            return recorded(text)

    def lang_of(self, text: str) -> str:
        """Return the code of English where `text` stays English in a report of this language, and nothing else."""
        return FALLBACK if self.code != FALLBACK and self.recorded(text) == text else ""

    @property
    def _catalogue(self) -> str:
        return nearest_language(self.code)

    def money(self, amount: float | None, currency: str) -> str:
        """Return a whole amount with its currency."""
        if amount is None:
            return DASH
        return wording.money(amount, currency, cents=False, language=self.code).replace("-", _MINUS)

    def percent(self, share: float | None, digits: int | None = None) -> str:
        """Return a share of 0..1 in per cent."""
        return DASH if share is None else wording.percent(share, digits, language=self.code).replace(" ", _NBSP)

    def points(self, share: float) -> str:
        """Return the size of a difference of two shares in percentage points, one digit."""
        return wording.decimal(abs(100 * share), 1, language=self.code)

    def count(self, number: float | None) -> str:
        """Return a whole number."""
        return DASH if number is None else wording.count(number, language=self.code)

    def decimal(self, number: float | None, digits: int) -> str:
        """Return a number with `digits` decimals."""
        return DASH if number is None else wording.decimal(number, digits, language=self.code)

    def month(self, day: date | str) -> str:
        """Return the month of a day with its year."""
        return wording.month(day, language=self.code)

    def short_month(self, day: date | str) -> str:
        """Return the month of a day in short, with two digits of its year."""
        return wording.short_month(day, language=self.code)

    def day(self, day: date | str | None) -> str:
        """Return a day in words."""
        return DASH if day is None else wording.day(day, language=self.code)

    def instant(self, moment: str | datetime) -> str:
        """Return an instant in words, UTC."""
        return wording.instant(moment, language=self.code)

    def axis_locale(self) -> AxisLocale:
        """Return how the axes of charts write numbers."""
        decimal, thousands = wording.separators(self.code)
        return {
            "decimal": decimal,
            "thousands": thousands,
            "grouping": [3],
            "currency": ["", ""],
            "percent": f"{_NBSP}%",
        }

    def money_axis(self, currency: str) -> str:
        """Return the Vega expression that writes an axis label as money: $1.5k, 1,5 Tsd. $."""
        symbol = wording.symbol(currency, self.code)
        space = _NBSP if symbol.isalpha() else ""
        size = (
            f"(abs(datum.value) >= 1e6 ? format(abs(datum.value) / 1e6, '~f') + {json.dumps(self('format.million'))} "
            f": abs(datum.value) >= 1e3 ? format(abs(datum.value) / 1e3, '~f') + {json.dumps(self('format.thousand'))} "
            ": format(abs(datum.value), '~f'))"
        )
        if wording.is_symbol_first(currency, self.code):
            written = f"{json.dumps(symbol + space)} + {size}"
        else:
            written = f"{size} + {json.dumps(_NBSP + symbol)}"
        return f"(datum.value < 0 ? '{_MINUS}' : '') + {written}"

    def safe(self, text: str) -> Markup:
        """Return `text` escaped, with `1 %` and the like kept on one line."""
        return Markup(str(Markup.escape(text)).replace(" %", "&nbsp;%"))  # noqa: S704  # escaped in the same expression


def languages(home: Path) -> list[str]:
    """Return the codes of the languages that there are words for."""
    return sorted(
        name.removeprefix("words/") for name in layered("reports", home, ".toml") if name.startswith("words/")
    )


def read_language(code: str, home: Path) -> Language:
    """Return a language. Raises ConfigError for one without words, or words that are no TOML."""
    known = languages(home)
    if code not in known:
        raise ConfigError(
            f"no words for the language `{code}`",
            where="--language",
            remedy=f"There are: {', '.join(known)}. Another one is a file: reports/words/{code}.toml in the home.",
        )
    return Language(code, _read(code, home), _read(FALLBACK, home))


def _read(code: str, home: Path) -> dict[str, Any]:  # free: a file of words that users write too
    path = layered("reports", home, ".toml")[f"words/{code}"]
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path)) from error

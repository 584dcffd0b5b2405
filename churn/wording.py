"""Writes amounts, shares, counts and days the way people read them, the same on a terminal, in a report and in an audit.

English is written in this house's own form; any other language as Babel has it: the one that is given, or the one spoken for
whoever asks. Babel also knows each currency's sign and
how many decimals it has. It is imported when needed: most commands need none of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from churn.languages.catalogue import ENGLISH
from churn.languages.words import language as spoken

if TYPE_CHECKING:
    from babel import Locale
    from babel.numbers import NumberPattern

_MARKDOWN: Final = re.compile(r"([\\`*\[\]<>|])")


def money(amount: float, currency: str = "USD", *, cents: bool | None = None, language: str | None = None) -> str:
    """Return `amount` with its currency: `$46,000`, `-$0.61`, `1,200 CHF`; in German `46.000 $`.

    Decimals, as many as the currency has, are shown below a thousand where there are any, unless `cents` decides.
    """
    decimals = _decimals(currency)
    rounded = round(amount, decimals)
    if cents is None:
        cents = abs(rounded) < 1000 and not float(rounded).is_integer()
    places = decimals if cents else 0
    digits = f"{abs(rounded):,.{places}f}"
    is_negative = rounded < 0 and bool(digits.strip("0.,"))
    locale = _locale(language)
    if locale is None:
        return _in_english(digits, currency, is_negative=is_negative)
    from babel.numbers import format_currency

    exact = Decimal(digits.replace(",", "")) * (-1 if is_negative else 1)
    pattern = _with_places(locale.currency_formats["standard"], places)
    if symbol(currency, language).isalpha():  # a code of letters keeps its distance from the digits
        pattern = pattern.replace("¤#", "¤\u00a0#")
    return format_currency(exact, currency, pattern, locale, currency_digits=False)


def short_money(amount: float, currency: str = "USD", *, language: str | None = None) -> str:
    """Return `amount` for an axis, three digits at most: `$150k`, `-$1.2M`; in German `150.000 $`, `1,2 Mio. $`."""
    locale = _locale(language)
    if locale is not None:
        if abs(amount) < 999_500:
            return money(round(amount), currency, language=language)
        from babel.numbers import format_compact_currency

        return format_compact_currency(amount, currency, locale=locale, fraction_digits=1)
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(amount) >= size * 0.9995:
            scaled = abs(amount) / size
            digits_shown = f"{scaled:.1f}".rstrip("0").rstrip(".") if scaled < 10 else f"{scaled:.0f}"
            return _in_english(f"{digits_shown}{letter}", currency, is_negative=amount < 0)
    return money(round(amount), currency, language=language)


def symbol(currency: str, language: str | None = None) -> str:
    """Return a currency's sign, or its code where it has none: `$`, `A$`, `CHF`."""
    return _symbol(currency, language or spoken())


def is_symbol_first(currency: str, language: str | None = None) -> bool:
    """Say whether a currency's sign stands before the amount; in English a sign does, and a code of letters does not."""
    locale = _locale(language)
    if locale is None:
        return not symbol(currency, ENGLISH).isalpha()
    pattern: str = locale.currency_formats["standard"].pattern
    return pattern.startswith("¤")


def currency_prefix(currency: str) -> str:
    """Return what stands before an amount where all must stand before it, as on the axes of charts: `$`, `CHF `."""
    return f"{symbol(currency)} " if symbol(currency).isalpha() else symbol(currency)


def percent(share: float, digits: int | None = None, *, language: str | None = None) -> str:
    """Return `share` (0..1) as a percentage, with one digit below 10 % and two below 1 % unless `digits` decides."""
    if digits is None:
        scaled = abs(100.0 * share)
        text = f"{100.0 * share:.{0 if scaled >= 10 else 1 if scaled >= 1 else 2}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        text = f"{100.0 * share:.{digits}f}"
    locale = _locale(language)
    if locale is None:
        return f"{text} %"
    from babel.numbers import format_percent

    pattern = _with_places(locale.percent_formats[None], len(text.partition(".")[2]))
    return format_percent(Decimal(text) / 100, pattern, locale)


def points(share: float) -> str:
    """Write a share that is mostly far below a percent in points, such as 0.05."""
    text = f"{100 * share:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def signed(number: float, digits: int) -> str:
    """Return a number with its sign, a true minus: `+1.2`, `\u22120.4`."""
    sign = "\u2212" if f"{number:+.{digits}f}".startswith("-") else "+"
    return f"{sign}{decimal(abs(number), digits)}"


def count(number: float, *, language: str | None = None) -> str:
    """Return a number of customers, whole: `11,000`."""
    return decimal(round(number), 0, language=language)


def decimal(number: float, digits: int, *, language: str | None = None) -> str:
    """Return a number with `digits` decimals: `1,234.50`, in German `1.234,50`."""
    text = f"{number:,.{digits}f}"
    locale = _locale(language)
    if locale is None:
        return text
    from babel.numbers import format_decimal

    pattern = _with_places(locale.decimal_formats[None], digits)
    return format_decimal(Decimal(text.replace(",", "")), pattern, locale)


def significant(number: float, digits: int) -> str:
    """Return a number with `digits` that count, such as the p-value 0.0123."""
    text = f"{number:.{digits}g}"
    return text.replace(".", separators()[0])


def separators(language: str | None = None) -> tuple[str, str]:
    """Return the decimal and the thousands separator."""
    locale = _locale(language)
    if locale is None:
        return ".", ","
    symbols = locale.number_symbols["latn"]
    return symbols["decimal"], symbols["group"]


@dataclass(frozen=True)
class CalendarNames:
    """The names of days, from Sunday, and of months in a language, whole and short."""

    days: tuple[str, ...]
    short_days: tuple[str, ...]
    months: tuple[str, ...]
    short_months: tuple[str, ...]


def calendar_names(language: str | None = None) -> CalendarNames | None:
    """Return the names of days and months; None for English."""
    locale = _locale(language)
    if locale is None:
        return None
    week = (6, *range(6))  # Babel counts from Monday
    return CalendarNames(
        tuple(locale.days["stand-alone"]["wide"][place] for place in week),
        tuple(locale.days["stand-alone"]["abbreviated"][place] for place in week),
        tuple(locale.months["stand-alone"]["wide"][place] for place in range(1, 13)),
        tuple(locale.months["stand-alone"]["abbreviated"][place] for place in range(1, 13)),
    )


def day(moment: date | str | None, *, language: str | None = None) -> str:
    """Return a day as `31 January 2026`; a dash for none. Takes ISO text too."""
    if moment is None:
        return "-"
    when = _date(moment)
    locale = _locale(language)
    if locale is None:
        return f"{when.day} {when:%B %Y}"
    from babel.dates import format_date

    return format_date(when, "long", locale)


def short_day(moment: date | str, *, language: str | None = None) -> str:
    """Return a day as tables have it: `31 Jan 2026`. Takes ISO text too."""
    when = _date(moment)
    locale = _locale(language)
    if locale is None:
        return f"{when.day} {when:%b %Y}"
    from babel.dates import format_skeleton

    return format_skeleton("yMMMd", when, locale=locale)


def day_of_month(moment: date, *, language: str | None = None) -> str:
    """Return a day with its weekday and without its year: `Sat 31 Jan`."""
    locale = _locale(language)
    if locale is None:
        return f"{moment:%a %d %b}"
    from babel.dates import format_skeleton

    return format_skeleton("MMMEd", moment, locale=locale)


def month(moment: date | str, *, language: str | None = None) -> str:
    """Return the month of a day with its year: `January 2026`."""
    when = _date(moment)
    locale = _locale(language)
    if locale is None:
        return f"{when:%B %Y}"
    from babel.dates import format_skeleton

    return format_skeleton("yMMMM", when, locale=locale)


def month_name(moment: date, *, language: str | None = None) -> str:
    """Return the month of a day without its year: `January`."""
    locale = _locale(language)
    if locale is None:
        return f"{moment:%B}"
    from babel.dates import format_date

    return format_date(moment, "LLLL", locale)


def short_month(moment: date | str, *, language: str | None = None) -> str:
    """Return the month of a day in short, with two digits of its year: `Jan 26`."""
    when = _date(moment)
    locale = _locale(language)
    if locale is None:
        return f"{when:%b %y}"
    from babel.dates import format_date

    return format_date(when, "LLL yy", locale)


def instant(moment: datetime | str | None, *, language: str | None = None) -> str:
    """Return an instant as `31 January 2026, 03:14 UTC`; a dash for none. Takes ISO text too."""
    if moment is None:
        return "-"
    when = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{day(when.date(), language=language)}, {when:%H:%M} UTC"


def in_markdown(text: str) -> str:
    """Return a name or value as Markdown that shows it as it stands: `a|b` parts no cells, `*x*` is not emphasised."""
    return _MARKDOWN.sub(r"\\\1", text)


def _in_english(digits: str, currency: str, *, is_negative: bool) -> str:
    sign, mark = "-" if is_negative else "", symbol(currency, ENGLISH)
    return f"{sign}{digits} {mark}" if mark.isalpha() else f"{sign}{mark}{digits}"


@lru_cache(maxsize=64)
def _symbol(currency: str, language: str) -> str:
    from babel.numbers import get_currency_symbol

    return get_currency_symbol(currency, _locale(language) or ENGLISH)


@lru_cache(maxsize=64)
def _decimals(currency: str) -> int:
    from babel.numbers import get_currency_precision

    return get_currency_precision(currency)


def _with_places(pattern: NumberPattern, places: int) -> str:
    """Return a pattern of numbers with exactly so many decimals."""
    return re.sub(r"0(\.[0#]+)?", f"0.{'0' * places}" if places else "0", pattern.pattern, count=1)


def _locale(language: str | None) -> Locale | None:
    """Return what Babel knows of a language, or of the one spoken; None for English and for one that it does not know."""
    code = language or spoken()
    return None if code == ENGLISH else _known_locale(code)


@lru_cache(maxsize=16)
def _known_locale(language: str) -> Locale | None:
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return None


def _date(moment: date | str) -> date:
    return date.fromisoformat(moment[:10]) if isinstance(moment, str) else moment

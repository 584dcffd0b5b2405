"""Writes amounts, shares and counts the way people read them, the same on a terminal, in a report and in an audit."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

SYMBOLS: Final[dict[str, str]] = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "BRL": "R$", "AUD": "A$"}
_NO_CENTS: Final = frozenset({"JPY", "KRW", "CLP", "VND"})


def money(amount: float, currency: str = "USD", *, cents: bool | None = None) -> str:
    """Return `amount` with its currency: `$46,000`, `-$0.61`, `1,200 CHF`.

    Cents are shown below a thousand where there are any, unless `cents` decides.
    """
    rounded = round(amount, 2)
    if cents is None:
        cents = abs(rounded) < 1000 and not float(rounded).is_integer() and currency not in _NO_CENTS
    digits = f"{abs(rounded):,.2f}" if cents else f"{abs(rounded):,.0f}"
    sign = "-" if rounded < 0 and digits.strip("0.,") else ""
    symbol = SYMBOLS.get(currency)
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{digits} {currency}"


def percent(share: float, digits: int | None = None) -> str:
    """Return `share` (0..1) as a percentage, with one digit below 10 % and two below 1 % unless `digits` decides."""
    if digits is not None:
        return f"{100.0 * share:.{digits}f} %"
    scaled = abs(100.0 * share)
    text = f"{100.0 * share:.{0 if scaled >= 10 else 1 if scaled >= 1 else 2}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def count(number: float) -> str:
    """Return a number of customers, whole: `11,000`."""
    return f"{round(number):,}"


def short_money(amount: float, currency: str = "USD") -> str:
    """Return `amount` for an axis, three digits at most: `$150k`, `-$1.2M`."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(amount) >= size * 0.9995:
            scaled = abs(amount) / size
            digits = f"{scaled:.1f}".rstrip("0").rstrip(".") if scaled < 10 else f"{scaled:.0f}"
            symbol = SYMBOLS.get(currency)
            sign = "-" if amount < 0 else ""
            return f"{sign}{symbol}{digits}{letter}" if symbol else f"{sign}{digits}{letter} {currency}"
    return money(round(amount), currency)


def day(moment: date | str | None) -> str:
    """Return a day as `31 January 2026`; a dash for none. Takes ISO text too."""
    if moment is None:
        return "-"
    when = date.fromisoformat(moment[:10]) if isinstance(moment, str) else moment
    return f"{when.day} {when:%B %Y}"


def instant(moment: datetime | str | None) -> str:
    """Return an instant as `31 January 2026, 03:14 UTC`; a dash for none. Takes ISO text too."""
    if moment is None:
        return "-"
    when = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{day(when.date())}, {when:%H:%M} UTC"

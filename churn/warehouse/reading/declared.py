"""What a source's section says about how its values are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from churn.config import SourceSettings
from churn.errors import ConfigError
from churn.warehouse.reading.values import Reading


def reading_of(name: str, source: SourceSettings, company: str = "UTC") -> Reading:
    """Return how the values of a source are to be read, times in the zone of the `company`.

    Raises ConfigError for years of two digits without `pivot_year`, and for signs that are not one character.
    """
    options = source.options
    forms = tuple(str(options[key]) for key in ("timestampformat", "dateformat") if key in options)
    dates = _by_column(source.dates)
    declared: dict[str, tuple[str, ...]] = {column: (form,) for column, form in dates.items()}
    if forms and "" not in declared:
        declared[""] = forms
    if source.pivot_year is None and any("%y" in form for column in declared.values() for form in column):
        raise ConfigError(
            "`%y` stands for years of two digits, which may be of two centuries",
            where=f"sources.{name}",
            remedy="Add pivot_year = 2030: the latest year that two digits mean.",
        )
    decimal, thousands = _sign(name, options, "decimal_separator"), _sign(name, options, "thousands")
    if decimal and decimal == thousands:
        remedy = "Give the two different signs."
        raise ConfigError("`decimal_separator` and `thousands` are the same", where=f"sources.{name}", remedy=remedy)
    missing = options.get("nullstr", ())
    words = (missing,) if isinstance(missing, str) else tuple(str(word) for word in missing)
    zones = _by_column(source.zone)
    local = "" if company == "UTC" else company
    return Reading(decimal, thousands, declared, zones, source.codes, source.pivot_year, words, company=local)


def _by_column(given: str | Mapping[str, str] | None) -> dict[str, str]:
    if given is None:
        return {}
    return {"": given} if isinstance(given, str) else dict(given)


def _sign(name: str, options: Mapping[str, Any], key: str) -> str:
    sign = str(options.get(key, ""))
    if len(sign) > 1:
        raise ConfigError(f"`{key}` is one sign, not `{sign}`", where=f"sources.{name}.options", remedy='Such as ",".')
    return sign

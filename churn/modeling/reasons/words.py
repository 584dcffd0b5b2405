"""Words one feature's values for people who never saw its SQL: numbers, shares, flags, days, categories, and nothing known."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.documents.reason import FeatureValue
from churn.modeling.reasons.wording import case_for, fill, missing_case, short, whole

if TYPE_CHECKING:
    from churn.warehouse.models.sql_models import FeatureDoc

SHARE: Final = re.compile(r"_(share|ratio|rate)(_\d+d)?$")
# The noun after a count, as in "{} failed payments": at most one word between them, and no preposition.
_NOT_PAST: Final = r"(?!(?:of|in|per|a|the|its|so|x)\b)"
COUNTED: Final = re.compile(rf"(\{{\}} {_NOT_PAST}(?:\w+ {_NOT_PAST})??\w*[^s\W])(ies|s)\b(?!'| the\b| its\b)")

_CODE: Final = re.compile(r"[a-z]+(_[a-z]+)+")  # a category as a program writes it, such as direct_debit

_HARDLY: Final = 0.5


@dataclass(frozen=True)
class Words:
    """A feature's distinct values in words; `code` (n,) says which of them each row has."""

    feature: str
    is_actionable: bool
    values: Sequence[FeatureValue]
    texts: Sequence[str]
    code: NDArray[np.int64]


def words_of(column: pl.Series, feature: str, doc: FeatureDoc | None) -> Words:
    """Word the values of `column` (n,), the feature's raw values, by its documentation."""
    values, code = _distinct(column)
    texts = [_sentence(value, feature, doc) for value in values]
    return Words(feature, bool(doc and doc.is_actionable), [_plain(value) for value in values], texts, code)


def word_of(value: FeatureValue, feature: str, doc: FeatureDoc | None) -> tuple[FeatureValue, str]:
    """Return one value as it is shown, and its words, as `words_of` does for a whole column."""
    if not isinstance(value, str | None):
        value = _rounded_one(float(value))
    return value, _sentence(value, feature, doc)


def _distinct(column: pl.Series) -> tuple[list[Any], NDArray[np.int64]]:
    """Return the distinct values, floats rounded as they are shown, and each row's place among them."""
    if column.dtype.is_float() or column.dtype.is_decimal():
        numbers = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        unique, code = np.unique(_rounded(numbers), return_inverse=True)
        return [None if not np.isfinite(v) else v for v in unique.tolist()], code.astype(np.int64)
    unique_values = column.unique(maintain_order=True)
    places = unique_values.to_frame("value").with_row_index("place")
    placed = column.to_frame("value").join(places, on="value", how="left", nulls_equal=True, maintain_order="left")
    return unique_values.to_list(), placed["place"].to_numpy().astype(np.int64)


def _rounded(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to about three digits, keeping all of those before the decimal point."""
    size = np.abs(np.where(np.isfinite(numbers), numbers, 0.0))
    places = np.select([size >= 100, size >= 10, size >= 1], [0, 1, 2], default=3)
    scale = 10.0**places
    return np.round(numbers * scale) / scale + 0.0  # + 0.0 turns -0.0 into 0.0


def _rounded_one(number: float) -> float | None:
    """Round one number as `_rounded` does, ten times faster than through an array; None where nothing is known."""
    if not math.isfinite(number):
        return None
    size = abs(number)
    scale = 10.0 ** (0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3)
    return round(number * scale) / scale + 0.0


def _sentence(value: Any, feature: str, doc: FeatureDoc | None) -> str:
    name = feature.replace("_", " ").replace(".", ": ")
    title = doc.description.strip().rstrip(".") if doc and doc.description.strip() else name
    if value is None:
        stated = missing_case(doc.wording) if doc and doc.wording else None
        return stated or f"{_lowered(title)}: not known"
    if doc and doc.wording:
        return _by_case(value, feature, doc.wording)
    return _by_phrase(value, feature, doc.phrase) if doc and doc.phrase else f"{title}: {_told(value)}"


def _by_case(value: Any, feature: str, wording: str) -> str:
    text = case_for(wording, value)
    if isinstance(value, bool | int | float):
        text = fill(text, value)
        if "{round}" in text:
            number = whole(value)
            counted = text.replace("{round}", "{}")
            return (_singular(counted) if number == "1" else counted).replace("{}", number)
    if not isinstance(value, float) or "{} of " in text or "about {}" in text:
        return _by_phrase(value, feature, text)
    number = short(value)
    return (_singular(text) if number == "1" else text).replace("{}", number)


def _by_phrase(value: Any, feature: str, phrase: str) -> str:
    if SHARE.search(feature) and isinstance(value, float) and "{} of " in phrase and "times" not in phrase:
        return phrase.replace("{}", f"{_told(round(100 * value, 1))} %")
    if "about {}" in phrase and isinstance(value, float):
        value, phrase = _about(value, phrase)
    if not isinstance(value, str | bool):
        if value == 0 and COUNTED.match(phrase):
            return phrase.replace("{}", "no")
        phrase = _singular(phrase) if value == 1 else phrase
    is_flag = feature.startswith(("is_", "has_")) and value in {0, 1}
    if phrase.endswith(": {}") and (value is True or (is_flag and value == 1)):
        return phrase.removesuffix(": {}")  # "a bill is unpaid", and "a bill is unpaid: no" where it is not
    return phrase.replace("{}", _told(bool(value) if is_flag else value))


def _singular(phrase: str) -> str:
    return COUNTED.sub(lambda match: match[1] + ("y" if match[2] == "ies" else ""), phrase)


def _about(value: float, phrase: str) -> tuple[int, str]:
    """Return a count in which older events weigh less without its parts of one, which say nothing to whoever reads it."""
    if value < _HARDLY:
        return 0, phrase.replace("about {}", "hardly any" if value > 0 else "no")
    return max(1, round(value)), phrase  # 0.5 would be rounded to 0


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    text = str(value)
    return text.replace("_", " ") if _CODE.fullmatch(text) else text


def _plain(value: Any) -> FeatureValue:
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _lowered(title: str) -> str:
    """Start a sentence's words in small letters, unless it starts with an abbreviation."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]

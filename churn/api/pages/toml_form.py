"""The form over a TOML file: its keys as fields of a page, and what was filled in as changes of the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, Literal, get_args

from starlette.datastructures import FormData

from churn.campaigns.writing import TomlValue
from churn.decisions.bands import Band
from churn.languages.words import language

Kind = Literal["text", "long", "number", "percent", "flag", "choice", "bands", "map", "names"]
Choices = tuple[tuple[str, str], ...]
Values = Mapping[str, str]
Changes = dict[tuple[str, ...], TomlValue]
BANDS: Final = get_args(Band)


@dataclass(frozen=True)
class FileField:
    """One field: the key of the file that it stands for, and how it is labelled, asked for and explained."""

    place: tuple[str, ...]
    label: str
    kind: Kind = "text"
    hint: str = ""
    choices: Choices = ()
    suggestions: tuple[str, ...] = ()
    is_required: bool = False
    is_money: bool = False

    @property
    def name(self) -> str:
        """The name of the input: the key's path with points."""
        return ".".join(self.place)


def read_form(fields: Iterable[FileField], form: FormData) -> dict[str, str]:
    """Return what was filled in, by field; line ends as files have them."""
    values = {}
    for field in fields:
        if field.kind == "bands":
            values[field.name] = " ".join(str(band) for band in form.getlist(field.name))
        elif field.kind == "flag":
            values[field.name] = "yes" if form.get(field.name) else ""
        else:
            values[field.name] = str(form.get(field.name, "")).replace("\r\n", "\n").strip()
    return values


def changed(fields: Iterable[FileField], values: Values, before: Values) -> Changes:
    """Return the keys of the file that were filled in otherwise than `before`; None for those left empty."""
    return {
        field.place: read_value(values[field.name], field.kind)
        for field in fields
        if values[field.name] != before[field.name]
    }


def value_at(definition: object, place: Sequence[str], heading: str) -> object:
    """Return what a definition holds at a key of its file; the keys of the section `heading` are its own."""
    section, *keys = place
    value: object = definition if section == heading else getattr(definition, section)
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else getattr(value, key, None)
    return value


def shown_value(value: object, kind: Kind) -> str:
    """Return a value of the file as the text of its field."""
    if value is None:
        return ""
    if kind == "flag":
        return "yes" if value else ""
    if kind in {"bands", "names"} and isinstance(value, Sequence):
        return (" " if kind == "bands" else "\n").join(value)
    if kind == "map" and isinstance(value, Mapping):
        return "\n".join(f"{ours} = {theirs}" for ours, theirs in value.items())
    if isinstance(value, str):
        return value
    number = Decimal(str(value))
    return _plain(100 * number if kind == "percent" else number)


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def read_value(text: str, kind: Kind) -> TomlValue:
    """Return what the file holds for a text; what is no number stays a text, which may be SQL or be complained of."""
    if kind == "flag":
        return bool(text)
    if kind == "bands":
        return text.split()
    if kind == "names":
        return [line.strip() for line in text.splitlines() if line.strip()] or None
    if kind == "map":
        pairs = [line.partition("=") for line in text.splitlines() if line.strip()]
        return {ours.strip(): theirs.strip() for ours, _, theirs in pairs} or None
    return _number(text) if kind == "number" else _number(text, of=100) if kind == "percent" else text or None


def _number(text: str, *, of: int = 1) -> TomlValue:
    """Return a number written as a part `of` a whole (100 for percent) as the file holds it; None for nothing."""
    try:
        number = Decimal(_digits(text.removesuffix("%").strip(), has_thousands=of == 1)) / of
    except InvalidOperation:
        return text or None
    if not number.is_finite():
        return text
    return int(number) if of == 1 and number == number.to_integral_value() else Decimal(_plain(number))


_COMMA: Final = re.compile(r"\d+,\d{1,2}")  # in any language the decimals
_ENGLISH: Final = re.compile(r"[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
_GERMAN: Final = re.compile(r"[1-9]\d{0,2}([. ]\d{3})+(,\d+)?")


def _digits(text: str, *, has_thousands: bool) -> str:
    """Return a number as people write it in the language spoken, or with a decimal comma in any, as files have it."""
    text = text.replace("\u00a0", " ").replace("\u202f", " ")
    if has_thousands and language() == "de" and _GERMAN.fullmatch(text):
        return text.replace(".", "").replace(" ", "").replace(",", ".")
    if has_thousands and language() != "de" and _ENGLISH.fullmatch(text):
        return text.replace(",", "")
    return text.replace(",", ".") if _COMMA.fullmatch(text) else text


def field_at(fields: Sequence[FileField], place: Sequence[str]) -> str:
    """Return the name of the field that a complaint about a key of the file belongs to; empty where there is none."""
    for end in range(len(place), 0, -1):
        name = ".".join(place[:end])
        if any(field.name == name for field in fields):
            return name
        nearest = next((field.name for field in fields if field.name.startswith(f"{name}.")), "")
        if nearest and end > 1:
            return nearest
    return ""

"""Writes a campaign's definition as its file, or changes keys of one: the TOML that reads back as the same definition."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from churn.errors import ConfigError

if TYPE_CHECKING:
    from tomlkit import TOMLDocument
    from tomlkit.items import InlineTable, Item, Table

    TomlContainer: TypeAlias = TOMLDocument | Table | InlineTable

# What a section holds: the values of TOML, nested where a key holds a table; None is left out.
TomlValue: TypeAlias = (
    "str | bool | int | float | Decimal | date | Sequence[TomlValue] | Mapping[str, TomlValue] | None"
)
TomlTable: TypeAlias = Mapping[str, TomlValue]
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z", re.ASCII)


def campaign_toml(sections: Mapping[str, TomlTable | None]) -> str:
    """Return `sections` (of campaigns/NAME.toml, each a mapping of keys) as TOML; keys and sections of None are left out.

    Raises ConfigError for a value that TOML cannot hold, such as an infinite number.
    """
    parts = []
    for section, values in sections.items():
        if values is None:
            continue
        if not isinstance(values, Mapping):
            raise ConfigError(f"`{section}` is no section", where="campaign", remedy="Give an object with its keys.")
        lines = [f"{_key(key)} = {_value(value)}" for key, value in values.items() if value is not None]
        parts.append("\n".join([f"[{_key(section)}]", *lines]))
    return "\n\n".join(parts) + "\n"


def revised_toml(text: str, changes: Mapping[tuple[str, ...], TomlValue]) -> str:
    """Return the TOML `text` with each key of `changes` set anew, or left out where its value is None.

    Comments, order and whatever is not named stay as they are; a section that is left empty goes. `text` is valid TOML.
    """
    import tomlkit
    from tomlkit.items import InlineTable, Table

    document = tomlkit.parse(text)
    for place, value in changes.items():
        *sections, key = place
        table: TomlContainer = document
        parents: list[tuple[TomlContainer, str]] = []
        for section in sections:
            if not isinstance(table.get(section), Table | InlineTable):
                if value is None:
                    break
                table[section] = tomlkit.table()
            parents.append((table, section))
            table = table[section]
        else:
            if value is not None:
                table[key] = _item(value)
            elif key in table:
                del table[key]
            for parent, section in reversed(parents):
                if not parent[section]:
                    del parent[section]
    return tomlkit.dumps(document)


def _item(value: TomlValue) -> Item:
    """Return a value as tomlkit holds it, written as `campaign_toml` writes it."""
    import tomlkit

    return tomlkit.value(_value(value))


def _key(key: str) -> str:
    return key if _BARE.match(key) else _text(key)


def _value(value: TomlValue) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | Decimal() | date():
            return str(value)
        case float():
            return _number(value)
        case str():
            return _text(value)
        case Mapping():
            inner = ", ".join(f"{_key(str(key))} = {_value(item)}" for key, item in value.items() if item is not None)
            return f"{{ {inner} }}" if inner else "{}"
        case list() | tuple():
            return f"[{', '.join(_value(item) for item in value)}]"
    raise ConfigError(f"a campaign's file cannot hold {type(value).__name__}", where="campaign")


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ConfigError(f"{value} is no number that a campaign can hold", where="campaign")
    text = repr(value)
    return text if any(mark in text for mark in ".e") else f"{text}.0"


def _text(value: str) -> str:
    # JSON's strings are TOML's basic strings, but for DEL, and for halves of characters, which no file can hold.
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ConfigError("a text holds half a character", where="campaign", remedy="Send valid Unicode.") from error
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

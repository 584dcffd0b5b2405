"""Values as TOML: quoted where they must be, tables in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence


def inline(value: object) -> str:
    """Return a value as TOML in one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key(str(name))} = {inline(held)}" for name, held in value.items()) + " }"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(inline(held) for held in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def key(name: str) -> str:
    """Return a key, quoted where it holds more than letters, digits, `_` and `-`."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)

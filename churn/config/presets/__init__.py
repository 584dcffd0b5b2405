"""Systems that the connector `rest` knows: NAME.toml holds the keys of a section, and the user's lie over them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parent


def presets() -> list[str]:
    """Return the names that `preset` may have."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


# A section as the user wrote it: nothing of it is validated yet.
def with_preset(values: dict[str, Any]) -> dict[str, Any]:
    """Return a section over the preset that it names; tables such as headers are laid over key by key.

    Raises ValueError for a name that there is none of, or a key that the system needs beside its address.
    """
    name = str(values["preset"])
    if name not in presets():
        raise ValueError(f"there is no preset `{name}`; known are {', '.join(presets())}")
    preset = tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    for key, what in preset.pop("needs", {}).items():
        if not values.get(key):
            raise ValueError(f"preset `{name}` needs `{key}`: {what}")
    merged = {**preset, **values}
    for key, below in preset.items():
        above = values.get(key)
        if isinstance(below, dict) and isinstance(above, dict):
            merged[key] = {**below, **above}
    return merged

"""Finds files of the home that other accounts of the machine can read: customers' data, hashes of passwords, keys."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def open_files(home: Path) -> list[Path]:
    """Return folders and files of `home` that its group or everybody may read or write, `home` itself first, then by name.

    Empty on Windows, which has access lists instead of modes.
    """
    if os.name == "nt" or not home.is_dir():
        return []
    inside = (Path(folder) / name for folder, folders, files in os.walk(home) for name in (*folders, *files))
    return [path for path in (home, *sorted(inside)) if _is_open(path)]


def _is_open(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:  # removed by another process meanwhile
        return False
    return not stat.S_ISLNK(mode) and bool(mode & _OTHERS)

"""Says whether the demo made a home, and where the data of its company end."""

from __future__ import annotations

from datetime import date
from pathlib import Path

MARKER = "# Written by `churn demo`: a simulated company. Delete this folder to be rid of it."


def is_demo_home(home: Path) -> bool:
    """Say whether `home` was made by the demo: its settings begin with the demo's own line."""
    config = home / "churn.toml"
    return config.is_file() and config.read_text(encoding="utf-8").startswith(MARKER)


def data_end(home: Path) -> date | None:
    """Return the day after the last one that the demo simulated: the company's today. None where nothing is kept of it."""
    days = sorted(folder.name for folder in (home / "data" / "state").glob("????-??-??"))
    return date.fromisoformat(days[-1]) if days else None

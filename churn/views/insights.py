"""Reads what the newest exploration found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from churn.errors import NotFound

LATEST: Final = Path("insights") / "latest.json"  # within the home


def latest_insights(home: Path) -> dict[str, Any]:
    """Return what the newest exploration found (see `insights_alone`). Raises NotFound when there was none yet."""
    path = home / LATEST
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError) as error:
        raise NotFound("nothing has been explored yet", where=str(path), remedy="Run `churn explore` first.") from error
    return found

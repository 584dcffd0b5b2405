"""Reads what the newest exploration found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from churn.documents.exploration import InsightsDocument
from churn.errors import NotFound
from churn.languages.words import tr

LATEST: Final = Path("insights") / "latest.json"  # within the home


def latest_insights(home: Path) -> InsightsDocument:
    """Return what the newest exploration found.

    Raises NotFound when there was none yet, ContractBroken for a file of another shape.
    """
    path = home / LATEST
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError) as error:
        raise NotFound(
            tr("nothing has been explored yet"), where=str(path), remedy=tr("Run `churn explore` first.")
        ) from error
    return InsightsDocument.read(values, where=str(path))

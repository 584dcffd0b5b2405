"""Says which campaigns and programmes are archived: `archived = 2026-11-30` in the heading of their files.

What is archived is hidden from lists, and is neither planned nor pushed; its plans, measurement and report stay.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from churn.campaigns.programmes import programme_files
from churn.campaigns.reading import campaign_files
from churn.documents.definition import CampaignDefinition
from churn.documents.programme import ProgrammeDefinition
from churn.errors import CampaignError


def archived_campaigns(home: Path) -> dict[str, date]:
    """Return the archived campaigns of a home by name, each with the day since when."""
    return _archived(campaign_files(home), "campaign")


def archived_programmes(home: Path) -> dict[str, date]:
    """Return the archived programmes of a home by name, each with the day since when."""
    return _archived(programme_files(home), "programme")


def require_in_use(definition: CampaignDefinition | ProgrammeDefinition) -> None:
    """Raise CampaignError for a campaign or programme that is archived."""
    if definition.archived is None:
        return
    folder = "programmes" if isinstance(definition, ProgrammeDefinition) else "campaigns"
    raise CampaignError(
        f"`{definition.name}` is archived since {definition.archived}: it is neither planned nor pushed",
        where=f"{folder}/{definition.name}.toml",
        remedy=f"Bring it back on its page, or with `churn {folder} restore {definition.name}`.",
    )


def _archived(files: Mapping[str, Path], heading: str) -> dict[str, date]:
    days = {name: _day(path, heading) for name, path in files.items()}
    return {name: day for name, day in days.items() if day is not None}


def _day(path: Path, heading: str) -> date | None:
    """Return since when a file is archived; None where it is not, or cannot be read, which others complain of."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        value = tomllib.loads(text)[heading]["archived"] if "archived" in text else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return value if isinstance(value, date) else None

"""Finds everything wrong with the files of programmes, also in how they and their campaigns fit together."""

from __future__ import annotations

from pathlib import Path

from churn.campaigns.customer_list import load_customer_list
from churn.campaigns.programmes import competing, examine_programme, programme_files
from churn.campaigns.reading import Complaint, campaign_files, examine
from churn.context import Context
from churn.errors import ConfigError


def validate_programmes(context: Context) -> list[Complaint]:
    """Return what is wrong with every programme of the home: file, line, what, and what to do."""
    home = context.settings.home
    campaigns = campaign_files(home)
    complaints: list[Complaint] = []
    for name, path in programme_files(home).items():
        definition, wrong = examine_programme(name, path, campaigns)
        complaints += wrong
        if definition is None or wrong:
            continue
        for offer in definition.competing:
            campaign = examine(offer, campaigns[offer])[0]
            if campaign is None:
                continue  # what is wrong with its file is said of the campaign
            try:
                _require_list(home, definition.audience.customer_list)
                competing(definition, campaign)
            except ConfigError as error:
                complaints.append(Complaint(name, path, 0, error.what, error.remedy or ""))
    return complaints


def _require_list(home: Path, name: str | None) -> None:
    if name is not None:
        load_customer_list(home, name)

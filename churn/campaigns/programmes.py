"""Reads programmes/NAME.toml of a home and finds everything wrong with it: file, line, what, and what to do."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from churn.campaigns.reading import LONGEST_NAME, Complaint, campaign_files, explain, line_of, nearest, place_in
from churn.documents.definition import Audience, CampaignDefinition
from churn.documents.programme import ProgrammeDefinition, ProgrammeFile
from churn.errors import CampaignError, ConfigError

FOLDER: Final = "programmes"
EXAMPLE: Final = Path(__file__).parent / "examples" / "keep.toml"
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def programme_files(home: Path) -> dict[str, Path]:
    """Return the file of every programme of `home` by its name."""
    return {path.stem: path for path in sorted((home / FOLDER).glob("*.toml"))}


def load_programme(home: Path, name: str) -> ProgrammeDefinition:
    """Return one programme.

    Raises CampaignError naming the nearest programme when there is none of that name, ConfigError with file, line and
    remedy for the first thing wrong in its file.
    """
    files = programme_files(home)
    if name not in files:
        near = difflib.get_close_matches(name, files, n=1, cutoff=0.4)
        known = f"There are {', '.join(files)}." if files else "There is none yet: write programmes/keep.toml."
        remedy = f"Did you mean `{near[0]}`?" if near else known
        raise CampaignError(f"no programme `{name}`", where=str(home / FOLDER), remedy=remedy)
    definition, complaints = examine_programme(name, files[name], campaign_files(home))
    if definition is None or complaints:
        raise complaints[0].error()
    return definition


def examine_programme(
    name: str, path: Path, campaigns: Collection[str]
) -> tuple[ProgrammeDefinition | None, list[Complaint]]:
    """Return the programme in `path`, None where it is not one, and everything that is wrong; `campaigns` are those there are."""
    try:
        return examine_programme_text(name, path.read_text(encoding="utf-8-sig"), path, campaigns)
    except UnicodeDecodeError as error:
        return None, [Complaint(name, path, 0, f"not UTF-8 text: {error.reason}", "Save the file as UTF-8.")]
    except OSError as error:
        return None, [Complaint(name, path, 0, f"cannot be read: {error.strerror}", "Let this user read it.")]


def examine_programme_text(
    name: str, text: str, path: Path, campaigns: Collection[str]
) -> tuple[ProgrammeDefinition | None, list[Complaint]]:
    """Return the programme that `text` makes, None where it is not one, and what is wrong; `path` is where it shall lie."""

    def complaint(line: int, what: str, remedy: str, place: Iterable[int | str] = ()) -> Complaint:
        return Complaint(name, path, line, what, remedy, tuple(str(part) for part in place))

    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        remedy = (
            f"Name the file with small letters, digits and underscores, {LONGEST_NAME} at most: programmes/keep.toml."
        )
        return None, [complaint(0, f"`{name}` cannot be a programme's name", remedy)]
    if name in campaigns:
        remedy = "Rename one of the files: `churn plan NAME` could mean either."
        return None, [complaint(0, f"`{name}` is a campaign's name already", remedy)]
    try:
        file = ProgrammeFile.model_validate(tomllib.loads(text, parse_float=Decimal))
    except tomllib.TOMLDecodeError as error:
        line, what = place_in(str(error), text)
        return None, [complaint(line, f"not valid TOML: {what}", "Mend that line; texts stand in quotes.")]
    except ValidationError as error:
        explained = [explain(fault, ProgrammeFile) for fault in error.errors(include_url=False)]
        return None, [complaint(line_of(text, place), what, remedy, place) for place, what, remedy in explained]
    wrong = [
        complaint(
            line_of(text, ("offers", offer)), f"no campaign `{offer}`", nearest(offer, campaigns), ("offers", offer)
        )
        for offer in file.offers
        if offer not in campaigns
    ]
    return ProgrammeDefinition.of(name, file), wrong


def competing(programme: ProgrammeDefinition, campaign: CampaignDefinition) -> CampaignDefinition:
    """Return a campaign as it competes in a programme: the narrower audience of both, the programme's limits and holdout.

    Raises ConfigError where nobody could be in both audiences, and for a campaign that is archived.
    """
    if campaign.archived is not None:
        raise ConfigError(
            f"`{campaign.name}` is archived since {campaign.archived}",
            where=f"programmes/{programme.name}.toml [offers.{campaign.name}]",
            remedy=f"Set is_on = false there, or bring the campaign back: `churn campaigns restore {campaign.name}`.",
        )
    offer, limits = programme.offers[campaign.name], campaign.limits
    cooldown = offer.cooldown_days
    if cooldown is None:
        cooldown = max(programme.limits.cooldown_days, limits.cooldown_days)
    minimum = programme.limits.min_expected_profit
    return campaign.model_copy(
        update={
            "audience": _narrower(programme, campaign),
            "limits": limits.model_copy(
                update={
                    "contacts": offer.capacity or limits.contacts,
                    "cooldown_days": cooldown,
                    "min_expected_profit": limits.min_expected_profit if minimum is None else minimum,
                }
            ),
            "holdout": campaign.holdout.model_copy(
                update={"share": programme.holdout.share, "seed": programme.holdout.seed}
            ),
        }
    )


def _narrower(programme: ProgrammeDefinition, campaign: CampaignDefinition) -> Audience:
    ours, theirs = programme.audience, campaign.audience
    bands = tuple(band for band in theirs.bands if band in ours.bands)
    low = max(ours.min_probability, theirs.min_probability)
    high = min(ours.max_probability, theirs.max_probability)
    if not bands or low > high:
        raise ConfigError(
            f"nobody can be in the audience of both the programme and `{campaign.name}`",
            where=f"programmes/{programme.name}.toml [audience]",
            remedy=f"Widen it, or leave [offers.{campaign.name}] out.",
        )
    lists = sorted({name for name in (ours.customer_list, theirs.customer_list) if name is not None})
    if len(lists) > 1:
        raise ConfigError(
            f"the programme and `{campaign.name}` name two customer lists, {lists[0]} and {lists[1]}",
            where=f"programmes/{programme.name}.toml [audience] customer_list",
            remedy="Name one of them alone.",
        )
    filters = [f"({text})" for text in (ours.filter, theirs.filter) if text is not None]
    return Audience(
        bands=bands,
        min_probability=low,
        max_probability=high,
        filter=" and ".join(filters) if len(filters) > 1 else ours.filter or theirs.filter,
        customer_list=lists[0] if lists else None,
        requires_consent=ours.requires_consent or theirs.requires_consent,
        skip_open_tickets=ours.skip_open_tickets or theirs.skip_open_tickets,
    )

"""Reads campaign files and finds everything wrong with them: file, line, what, and what to do."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from churn import resources
from churn.config.formulas import TAGS
from churn.documents.definition import CRM_FIELDS, CampaignDefinition, CampaignFile
from churn.errors import CampaignError, ConfigError

LONGEST_NAME = 80  # it is part of the names of files and runs, and a field of a CRM holds it
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LINE = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")
_KEY = re.compile(r"^\s*(?:\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_-]+))\s*(?:=|\.)")
_HEADER = re.compile(r"^\s*\[+\s*([^\]]+?)\s*\]+")


@dataclass(frozen=True)
class Complaint:
    """One thing wrong in a campaign file; `line` is 0 where it is the whole file, `place` the key if it is one.

    `lacks_source`: the file is right, but a source that it needs is not declared.
    """

    campaign: str
    file: Path
    line: int
    what: str
    remedy: str
    place: tuple[str, ...] = ()
    lacks_source: bool = False

    def error(self) -> ConfigError:
        """Return the complaint as the error that stops a plan."""
        where = f"{self.file}:{self.line}" if self.line else str(self.file)
        return ConfigError(self.what, where=where, remedy=self.remedy)


def read_campaign(name: str, path: Path) -> CampaignDefinition:
    """Read one campaign. Raises ConfigError for the first complaint."""
    definition, complaints = examine(name, path)
    if definition is None or complaints:
        raise complaints[0].error()
    return definition


def examine(name: str, path: Path) -> tuple[CampaignDefinition | None, list[Complaint]]:
    """Return the campaign in `path`, None where it is not one, and everything that is wrong with the file."""
    try:
        return examine_text(name, path.read_text(encoding="utf-8-sig"), path)
    except UnicodeDecodeError as error:
        return None, [Complaint(name, path, 0, f"not UTF-8 text: {error.reason}", "Save the file as UTF-8.")]
    except OSError as error:
        return None, [Complaint(name, path, 0, f"cannot be read: {error.strerror}", "Let this user read it.")]


def examine_text(name: str, text: str, path: Path) -> tuple[CampaignDefinition | None, list[Complaint]]:
    """Return the campaign that `text` makes, None where it is not one, and what is wrong; `path` is where it shall lie."""

    def complaint(line: int, what: str, remedy: str, place: Iterable[int | str] = ()) -> Complaint:
        return Complaint(name, path, line, what, remedy, tuple(str(part) for part in place))

    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        remedy = f"Name the file with small letters, digits and underscores, {LONGEST_NAME} at most: campaigns/winback_call.toml."
        return None, [complaint(0, f"`{name}` cannot be a campaign's name", remedy)]
    try:
        values = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        line, what = place_in(str(error), text)
        return None, [complaint(line, f"not valid TOML: {what}", "Mend that line; texts stand in quotes.")]
    try:
        file = CampaignFile.model_validate(values)
    except ValidationError as error:
        explained = [explain(fault, CampaignFile) for fault in error.errors(include_url=False)]
        return None, [complaint(line_of(text, place), what, remedy, place) for place, what, remedy in explained]
    wrong = [
        complaint(
            line_of(text, ("crm", "fields", ours)),
            f"no field `{ours}` of ours",
            nearest(ours, CRM_FIELDS),
            ("crm", "fields", ours),
        )
        for ours in file.crm.fields
        if ours not in CRM_FIELDS
    ]
    # Only a file is asked for it: a definition that was kept holds the defaults too.
    single = file.offer.model_fields_set & {"success_rate_low", "success_rate_expected", "success_rate_high"}
    if file.offer.success is not None and single:
        rate = min(single)
        what = f"[offer.success] takes the place of {rate}: leave one of them out"
        wrong.append(complaint(line_of(text, ("offer", rate)), what, f"Leave out {rate}, or [offer.success]."))
    return CampaignDefinition.of(name, file), wrong


def line_of(text: str, place: Iterable[int | str]) -> int:
    """Return the line, from 1, on which the key `place` of a TOML text stands; its section's where the key is absent."""
    keys = [part for part in place if isinstance(part, str)]
    section: list[str] = []
    best, depth = 1, 0
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header:
            section = [part.strip(" \"'") for part in header.group(1).split(".")]
            here = section
        else:
            key = _KEY.match(line)
            if key is None:
                continue
            here = [*section, next(part for part in key.groups() if part is not None)]
        if keys[: len(here)] == here and len(here) > depth:
            best, depth = number, len(here)
    return best


def place_in(message: str, text: str) -> tuple[int, str]:
    """Return the line that a complaint of the TOML reader names, and what it says."""
    position = _LINE.search(message)
    line = int(position.group(1)) if position and position.group(1) else max(len(text.splitlines()), 1)
    what = _LINE.sub("", message).strip()
    return line, what[:1].lower() + what[1:]


_IN_SMALL_LETTERS: Final = "^[a-z][a-z0-9_]*$"
_SHOWN: Final = 60  # letters of a value that is wrong
_PLAIN: Final = {
    "int_parsing": "it takes a whole number",
    "int_from_float": "it takes a whole number",
    "int_type": "it takes a whole number",
    "float_parsing": "it takes a number",
    "float_type": "it takes a number",
    "decimal_parsing": "it takes a number",
    "decimal_type": "it takes a number",
}


def explain(error: ErrorDetails, root: type[BaseModel]) -> tuple[tuple[int | str, ...], str, str]:
    """Return where in the file, what is wrong and what to do, for one of pydantic's complaints of a file of `root`."""
    place = tuple(part for part in error["loc"] if part not in TAGS)
    name = ".".join(str(part) for part in place if isinstance(part, str))
    key = str(place[-1]) if place else ""
    if error["type"] == "extra_forbidden":
        kind = "section" if len(place) == 1 else "key"
        return place, f"unknown {kind} `{name}`", nearest(key, _known(place[:-1], root))
    if error["type"] == "missing":
        kind = "section" if len(place) == 1 else "key"
        if name == "offers":
            return place, f"the {kind} `{name}` is missing", "Add [offers.CAMPAIGN] for each campaign that competes."
        example = f'[{key}] with title = "..."' if len(place) == 1 else f'{key} = "..."'
        return place, f"the {kind} `{name}` is missing", f"Add {example}."
    what = _PLAIN.get(error["type"], error["msg"].removeprefix("Value error, "))
    if error["type"] == "string_pattern_mismatch" and error.get("ctx", {}).get("pattern") == _IN_SMALL_LETTERS:
        what = "it takes small letters, digits and underscores"
    given = str(error["input"])
    given = given if len(given) <= _SHOWN else f"{given[:_SHOWN]}..."
    shown = f", not {given}" if isinstance(error["input"], Decimal | int | float | str) else ""
    return place, f"`{name}` is wrong: {what[:1].lower() + what[1:]}{shown}", _remedy(place, error, root)


def _remedy(place: tuple[int | str, ...], error: ErrorDetails, root: type[BaseModel]) -> str:
    if place[:2] == ("holdout", "share"):
        return "Give a share from 0 to below 1, such as 0.1: with everybody held out nobody is contacted."
    if place[:1] == ("limits",) and error["type"] == "greater_than":
        return "Give an amount above 0, or leave the key out for no limit."
    if error["type"] == "greater_than_equal":
        return "Give 0 or more."
    field = _field(place, root)
    return f"It is: {field}" if field else "See `churn campaigns show` of a campaign that ships."


def nearest(key: str, known: Iterable[str]) -> str:
    """Return the remedy for an unknown key: the nearest known one, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    return f"Did you mean `{near[0]}`?" if near else f"Known here: {', '.join(names)}."


def _known(parents: tuple[int | str, ...], root: type[BaseModel]) -> list[str]:
    model = _model(parents, root)
    return list(model.model_fields) if model else []


def _field(place: tuple[int | str, ...], root: type[BaseModel]) -> str | None:
    """Return what the innermost key of `place` that is a field means."""
    for end in range(len(place) - 1, 0, -1):
        model = _model(place[:end], root)
        if model is not None and str(place[end]) in model.model_fields:
            return model.model_fields[str(place[end])].description
    return None


def _model(parents: tuple[int | str, ...], root: type[BaseModel]) -> type[BaseModel] | None:
    model, values = root, None
    for part in parents:
        kind: Any = values or (model.model_fields[str(part)].annotation if str(part) in model.model_fields else None)
        values = get_args(kind)[1] if get_origin(kind) is dict else None  # the next part is a name, then come its keys
        if values is not None:
            continue
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return None
        model = kind
    return model if values is None else None


def load_campaigns(home: Path) -> dict[str, CampaignDefinition]:
    """Return the shipped campaigns and those under `home/campaigns`, which add to them or replace one of a name.

    Raises ConfigError with file, line and remedy for the first thing wrong in any of them.
    """
    return {name: read_campaign(name, path) for name, path in sorted(campaign_files(home).items())}


def load_campaign(home: Path, name: str) -> CampaignDefinition:
    """Return one campaign; a mistake in another file does not matter.

    Raises CampaignError naming the nearest campaign when there is none of that name, ConfigError as load_campaigns.
    """
    files = campaign_files(home)
    if name not in files:
        near = difflib.get_close_matches(name, files, n=1, cutoff=0.4)
        remedy = f"Did you mean `{near[0]}`?" if near else f"There are {', '.join(sorted(files)) or 'none yet'}."
        raise CampaignError(f"no campaign `{name}`", where=f"{home / 'campaigns'}", remedy=remedy)
    return read_campaign(name, files[name])


def campaign_files(home: Path) -> dict[str, Path]:
    """Return the file of every campaign by its name, shipped ones and those of `home`."""
    return resources.layered("campaigns", home, ".toml")

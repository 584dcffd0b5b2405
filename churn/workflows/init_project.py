"""Writes example campaigns and a commented churn.toml, which is generated from the settings' own definitions."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from churn import resources
from churn.campaigns.programmes import EXAMPLE, FOLDER
from churn.config import ResourceSettings, Settings, SourceSettings
from churn.errors import ConfigError, ResourceError
from churn.snapshots.sources_needed import missing_sources
from churn.warehouse.models.sql_models import load_models
from churn.warehouse.opening import open_warehouse
from churn.warehouse.proposing.evidence import look_at, shape_of
from churn.warehouse.proposing.proposal import SourceProposal, propose
from churn.warehouse.proposing.writing import written as written_sources
from churn.warehouse.reading.readers import is_known

HEADER = """\
# Settings of churn. Every key below is commented out and shows its default; secrets never go in here
# (they come from environment variables: CHURN_STORE_URL, CHURN_SOURCE_<NAME>_DSN and _SECRET, AWS_*, PGPASSWORD).
# Any key can be overridden by a variable: CHURN_TRAINING__SEED=3.
"""

SOURCES = """
# Where each table comes from. The section bears the table's name: customers, subscriptions, payments, sessions,
# support_tickets, contacts, events (anything that happens: customer_id, event_type, occurred_at), or
# customer_snapshots (one flat table of attributes, with or without a date and a label).
# `columns` says ours = "theirs"; theirs may be an SQL expression over their columns.
#
# [sources.customers]
# path = "data/customers.csv"
# columns = {signed_up_at = "created"}
#
# [sources.subscriptions]
# path = "data/subscriptions-*.parquet"
#
# [sources.payments]
# dsn = "postgresql://reader@db.example/billing"
# query = "select * from payments"
"""


@dataclass(frozen=True)
class NewProject:
    """The files written: settings, campaigns by name, and programmes; those that were there already are left as they are.

    `proposals` are the sections of sources, where files were named; `unfit` the examples of campaigns that need other
    sources than these, by name.
    """

    settings: Path
    campaigns: dict[str, Path]
    programmes: dict[str, Path]
    proposals: tuple[SourceProposal, ...] = ()
    left_out: tuple[Path, ...] = ()
    unfit: dict[str, tuple[str, ...]] = field(default_factory=dict)


CONNECTORS = """
# Where campaigns are pushed to: `kind` is odoo, salesforce, hubspot, rest, webhook or file (which works without a
# section). The secret is CHURN_CONNECTOR_<NAME>_SECRET, here CHURN_CONNECTOR_SALES_SECRET. See docs/crm.md.
#
# [connectors.sales]
# kind = "webhook"
# url = "https://hooks.example/churn"
# requests_per_second = 5
# daily_budget = 20000
"""


def init_project(
    folder: Path, home: Path = Path(".churn"), *, files: Sequence[Path] = (), year: int | None = None
) -> NewProject:
    """Write `folder/churn.toml` and, into `home` (a relative one lies in `folder`), campaigns and an example of a programme.

    From `files` (and the files in folders among them) the sections of sources are proposed; `year` is the current one.
    A campaign of the home stands in place of the shipped one of its name. Raises ConfigError when there is a
    churn.toml already and for a file of another format, ContractBroken for one that cannot be read, ResourceError when
    a file cannot be written.
    """
    path, campaigns = folder / "churn.toml", folder / home / "campaigns"
    if path.exists():
        raise ConfigError(
            "exists already", where=str(path), remedy="Edit it, or name another folder: `churn init FOLDER`."
        )
    left_out = tuple(_of_another_kind(files))
    proposals = propose_sources(files, year=year) if files and year is not None else []
    unfit = _unfit_examples(proposals) if proposals else {}
    sources = written_sources(proposals, folder) if proposals else SOURCES
    written = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(commented_settings(sources, _told_by(proposals)), encoding="utf-8")
        campaigns.mkdir(parents=True, exist_ok=True)
        for shipped in sorted(resources.bundled("campaigns").glob("*.toml")):
            target = campaigns / shipped.name
            if not target.exists() and shipped.stem not in unfit:
                target.write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
                written[shipped.stem] = target
        programmes = {} if unfit else write_example_programme(folder / home)
    except OSError as error:
        raise ResourceError(f"cannot be written: {error.strerror}", where=str(error.filename or path)) from error
    return NewProject(path, written, programmes, tuple(proposals), left_out, unfit)


def _unfit_examples(proposals: Sequence[SourceProposal]) -> dict[str, tuple[str, ...]]:
    """Return the examples of campaigns that name features of other sources than those proposed, with these sources."""
    proposed = {proposal.table: SourceSettings(path="any") for proposal in proposals}
    settings, models = Settings(sources=proposed), load_models(Path())
    unfit = {}
    for shipped in sorted(resources.bundled("campaigns").glob("*.toml")):
        words = set(re.findall(r"\w+", shipped.read_text(encoding="utf-8")))
        missing = missing_sources(settings, models, words)
        if missing:
            unfit[shipped.stem] = tuple(sorted({source for sources in missing.values() for source in sources}))
    return unfit


def write_example_programme(home: Path) -> dict[str, Path]:
    """Write the example of a programme into `home`, unless there is a file of its name; return what was written by name."""
    target = home / FOLDER / EXAMPLE.name
    if target.exists():
        return {}
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    return {target.stem: target}


def propose_sources(paths: Sequence[Path], *, year: int) -> list[SourceProposal]:
    """Return a section for the files of each form. Raises ConfigError and ContractBroken as `init_project`."""
    groups: dict[tuple[str, ...], list[Path]] = {}
    for path in _listed(paths):
        groups.setdefault(shape_of(path), []).append(path)
    with (
        tempfile.TemporaryDirectory(prefix="churn-init-") as scratch,
        open_warehouse(
            None, holder="churn init", resources=ResourceSettings(temp_directory=Path(scratch))
        ) as warehouse,
    ):
        return propose([look_at(warehouse, group, Path(scratch)) for group in groups.values()], year=year)


def _listed(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(
                inner for inner in path.iterdir() if inner.is_file() and is_known(inner.name) and not _is_a_lock(inner)
            )
        elif path.is_file():
            files.append(path)
        else:
            raise ConfigError("no such file", where=str(path), remedy="Name files that lie here: --from exports/*.csv.")
    if not files:
        remedy = "Name CSV, Parquet or JSON files, or workbooks."
        raise ConfigError("no file to read", where=", ".join(map(str, paths)), remedy=remedy)
    return files


def _of_another_kind(paths: Sequence[Path]) -> list[Path]:
    """Return the files in named folders that cannot be read, such as archives; not those that begin with a point."""
    inner = (file for path in paths if path.is_dir() for file in sorted(path.iterdir()) if file.is_file())
    return [
        file for file in inner if not is_known(file.name) and not file.name.startswith(".") and not _is_a_lock(file)
    ]


def _is_a_lock(path: Path) -> bool:
    """Whether it is the file that Office keeps beside a workbook while somebody has it open."""
    return path.name.startswith("~$")


@dataclass(frozen=True)
class _HowChurnIsTold:
    """What the proposed tables ask of [churn], and why."""

    settings: Mapping[str, str]
    why: str = ""


def _told_by(proposals: Sequence[SourceProposal]) -> _HowChurnIsTold:
    """Say how the proposed tables tell who left: by their subscriptions or labels, by a table of it, or by silence."""
    chosen = {proposal.table for proposal in proposals if proposal.is_chosen}
    if chosen & {"subscriptions", "customer_snapshots"}:
        return _HowChurnIsTold({})
    if "churn_events" in chosen:
        return _HowChurnIsTold(
            {"told_by": "churn_events"}, "# A table says who left when, and there are no subscriptions.\n"
        )
    silent = next((table for table in ("events", "sessions", "payments") if table in chosen), None)
    if silent is None:
        return _HowChurnIsTold({})
    settings = {"definition": "inactivity", "activity_table": silent}
    return _HowChurnIsTold(settings, "# No file tells who left, so silence has to: see inactivity_days.\n")


def commented_settings(sources: str = SOURCES, telling: _HowChurnIsTold | None = None) -> str:
    """Return churn.toml with every section, key, default and explanation, all commented out but for `sources` and `telling`."""
    parts = [HEADER]
    telling = telling or _HowChurnIsTold({})
    for name, described in Settings.model_fields.items():
        section = described.annotation
        if name == "sources":
            parts.append(sources)
        elif name == "connectors":
            parts.append(CONNECTORS)
        elif isinstance(section, type) and issubclass(section, BaseModel):
            doc = (section.__doc__ or "").split(": ", 1)[-1].strip()
            given, why = (telling.settings, telling.why) if name == "churn" else ({}, "")
            lines = "".join(
                f"{key} = {json.dumps(given[key])}  # {value.description}\n" if key in given else _line(key, value)
                for key, value in section.model_fields.items()
            )
            parts.append(f"\n[{name}]  # {doc}\n{why}{lines}")
    return "".join(parts)


def _line(key: str, field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    note = f"  # {field.description}" if field.description else ""
    if default is PydanticUndefined or default is None:
        return f"# {key} ={note or '  # not set'}\n"
    return f"# {key} = {_toml(default)}{note}\n"


def _toml(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, Path) else json.dumps(str(value))

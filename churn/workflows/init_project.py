"""Writes a commented churn.toml, made from the settings themselves so that it cannot fall behind them, and example campaigns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from churn import resources
from churn.config import Settings
from churn.errors import ConfigError, ResourceError

HEADER = """\
# Settings of churn. Every key below is commented out and shows its default; secrets never go in here
# (they come from environment variables: CHURN_STORE_URL, CHURN_SOURCE_<NAME>_DSN, AWS_*, PGPASSWORD).
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
    """The files written: settings, and campaigns by name; those that were there already are left as they are."""

    settings: Path
    campaigns: dict[str, Path]


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


def init_project(folder: Path, home: Path = Path(".churn")) -> NewProject:
    """Write `folder/churn.toml` and, into `home/campaigns` (a relative home lies in `folder`), the campaigns that ship.

    A campaign of the home stands in place of the shipped one of its name. Raises ConfigError when there is a
    churn.toml already, ResourceError when a file cannot be written.
    """
    path, campaigns = folder / "churn.toml", folder / home / "campaigns"
    if path.exists():
        raise ConfigError("exists already", where=str(path), remedy="Edit it, or name another folder.")
    written = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(commented_settings(), encoding="utf-8")
        campaigns.mkdir(parents=True, exist_ok=True)
        for shipped in sorted(resources.bundled("campaigns").glob("*.toml")):
            target = campaigns / shipped.name
            if not target.exists():
                target.write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
                written[shipped.stem] = target
    except OSError as error:
        raise ResourceError(f"cannot be written: {error.strerror}", where=str(error.filename or path)) from error
    return NewProject(path, written)


def commented_settings() -> str:
    """Return churn.toml with every section, key, default and explanation, all commented out."""
    parts = [HEADER]
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if name == "sources":
            parts.append(SOURCES)
        elif name == "connectors":
            parts.append(CONNECTORS)
        elif isinstance(section, type) and issubclass(section, BaseModel):
            doc = (section.__doc__ or "").split(": ", 1)[-1].strip()
            parts.append(
                f"\n[{name}]  # {doc}\n" + "".join(_line(key, value) for key, value in section.model_fields.items())
            )
    return "".join(parts)


def _line(key: str, field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    note = f"  # {field.description}" if field.description else ""
    if default is PydanticUndefined or default is None:
        return f"# {key} ={note or '  # not set'}\n"
    return f"# {key} = {_toml(default)}{note}\n"


def _toml(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, Path) else json.dumps(str(value))

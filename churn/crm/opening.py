"""Opens a connector by its name: finds its file, its section and its secret, and gives it a paced HTTP client."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, time, timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

from churn.config import Settings
from churn.config.connectors import (
    ConnectorSection,
    FileConnector,
    RestConnector,
    connector_kinds,
    secret_name,
)
from churn.crm.by_email import ByEmail
from churn.crm.connector import Connector
from churn.crm.http import open_client
from churn.crm.secrets import FreshSecret
from churn.errors import ConfigError, RateLimited

if TYPE_CHECKING:
    from churn.store import Store


FILE = "file"  # the one connector that needs no section


def connector_section(name: str, settings: Settings) -> ConnectorSection:
    """Return the section of `name`; `file` has one without being written. Raises ConfigError naming the known ones."""
    section = settings.connectors.get(name)
    if section is not None:
        return section
    if name == FILE:
        return FileConnector()
    known = sorted({FILE, *settings.connectors})
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean `{near[0]}`?" if near else f"Known are: {', '.join(known)}."
    raise ConfigError(
        "there is no such connector",
        where=f"connector {name}",
        remedy=f"{hint} A new one is a section [connectors.{name}].",
    )


def open_connector(
    name: str,
    settings: Settings,
    secrets: Mapping[str, str],
    *,
    clock: Callable[[], datetime],
    open_store: Callable[[], AbstractContextManager[Store]],
    emails: Callable[[], Mapping[str, str]],
) -> Connector:
    """Return the connector called `name`, not yet signed in to anything.

    Its requests keep to the pace and the daily budget of its section; `emails` (customer_id -> address) is asked where the
    system knows people by these. Raises ConfigError for an unknown name or kind,
    or a missing secret.
    """
    section = connector_section(name, settings)
    if isinstance(section, FileConnector) and "://" not in section.path:
        section = section.model_copy(update={"path": str(settings.home / section.path)})
    module = _module(section, settings.home, name)
    client = open_client(section, spend=_spender(name, section, clock, open_store))
    fresh = FreshSecret(name, section, settings.home, secrets)
    connected = module.connect(name, section, fresh, clock=clock, client=client)
    opened = cast("Connector", connected)
    is_by_email = isinstance(section, RestConnector) and section.match_by == "email"
    return ByEmail(opened, emails) if is_by_email else opened


def _module(section: ConnectorSection, home: Path, name: str) -> ModuleType:
    kind = str(getattr(section, "kind", FILE))
    if kind in connector_kinds():
        return importlib.import_module(f"churn.crm.connectors.{kind}")
    path = home / "connectors" / f"{kind}.py"
    spec = importlib.util.spec_from_file_location(f"churn_connector_{kind}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(
            f"there is no connector of the kind `{kind}`",
            where=f"[connectors.{name}]",
            remedy=f"Write {path}, or choose one of {', '.join(connector_kinds())}.",
        )
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (ImportError, SyntaxError, NameError) as error:
        raise ConfigError(f"cannot be loaded: {error}", where=str(path)) from error
    if not callable(getattr(module, "connect", None)):
        raise ConfigError("has no function `connect`", where=str(path), remedy="See docs/extending.md: A connector.")
    return module


def _spender(
    name: str,
    section: ConnectorSection,
    clock: Callable[[], datetime],
    open_store: Callable[[], AbstractContextManager[Store]],
) -> Callable[[], None] | None:
    """Return what counts a request against the day's budget, whichever process makes it; None without a budget."""
    budget = section.daily_budget
    if budget is None:
        return None

    def spend() -> None:
        now = clock()
        with open_store() as store:
            if store.sync_runs.spend(name, now.date(), budget):
                return
        tomorrow = datetime.combine(now.date() + timedelta(days=1), time.min)
        raise RateLimited(
            f"the daily budget of {budget:,} requests is used up",
            where=f"connector {name}",
            remedy="Wait until midnight UTC, or raise daily_budget.",
            retry_after=(tomorrow - now).total_seconds(),
        )

    return spend


def secret_of(connector: str, secrets: Mapping[str, str]) -> str:
    """Return the secret of `connector`. Raises ConfigError naming the variable that is missing."""
    name = secret_name(connector)
    if not (secret := secrets.get(name, "")):
        raise ConfigError(
            "its secret is not set",
            where=f"connector {connector}",
            remedy=f"Put it into the environment as {name}, or set secret_file or secret_command.",
        )
    return secret

"""The only place that builds things from settings: reads them, opens the stores, sets the clock, returns a Context."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn import tracing
from churn.campaigns.facts import read_emails
from churn.config import Settings, load_settings
from churn.config.environment import is_secret
from churn.config.tracing import OTLP_VARIABLES
from churn.context import Company, Context, Log
from churn.crm.opening import open_connector as connect_crm
from churn.distributed import SparkEngine
from churn.errors import ConfigError, ResourceError
from churn.progress import SILENT, Progress
from churn.snapshots.engine import EMBEDDED, Engine
from churn.store import open_store as connect_store
from churn.views.home import data_end, is_demo_home
from churn.warehouse.opening import open_warehouse as connect_warehouse

if TYPE_CHECKING:
    from churn.crm.connector import Connector
    from churn.store import Store
    from churn.warehouse.connection import Warehouse


def build_context(
    *,
    home: Path | None = None,
    config: Path | None = None,
    progress: Progress = SILENT,
    settings: Settings | None = None,
) -> Context:
    """Return a Context for `settings`, or for those read from `config`, the environment and `home`.

    Raises ConfigError for wrong settings, ResourceError when the home cannot be written.
    """
    chosen = settings or load_settings(config=config, home=home)
    _make_home(chosen.home)
    _set_up_tracing(chosen)

    def open_warehouse(holder: str) -> Warehouse:
        return connect_warehouse(chosen.warehouse_path, holder=holder, resources=chosen.resources)

    def open_store() -> Store:
        return connect_store(chosen.database_url, warehouse=chosen.warehouse_path)

    secrets = {name: value for name, value in os.environ.items() if is_secret(name)}

    def emails() -> dict[str, str]:
        with open_warehouse("churn sync") as warehouse:
            frame = read_emails(warehouse)
        return dict(zip(frame["customer_id"], frame["email"], strict=True))

    def open_connector(name: str) -> Connector:
        return connect_crm(name, chosen, secrets, clock=_now, open_store=open_store, emails=emails)

    log = _open_log(chosen.home / "churn.log")
    return Context(
        settings=chosen,
        clock=_now,
        open_warehouse=open_warehouse,
        open_store=open_store,
        progress=progress,
        log=log,
        secrets=secrets,
        open_connector=open_connector,
        company=lambda: _company(chosen.home),
        engine=_engine(chosen, open_store, log, secrets),
    )


def _engine(settings: Settings, open_store: Callable[[], Store], log: Log, secrets: Mapping[str, str]) -> Engine:
    return EMBEDDED if settings.engine.kind == "embedded" else SparkEngine(settings, open_store, _now, log, secrets)


def _set_up_tracing(settings: Settings) -> None:
    """Send traces where the settings say, or else the variables of OpenTelemetry; those alone never stop a command."""
    endpoint = settings.tracing.endpoint
    if endpoint is None:
        if not tracing.is_installed():
            return
        endpoint = next((os.environ[name] for name in OTLP_VARIABLES if os.environ.get(name)), None)
    if endpoint is not None:
        tracing.set_up(endpoint, service=settings.tracing.service_name)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _company(home: Path) -> Company:
    return Company(is_simulated=True, data_end=data_end(home)) if is_demo_home(home) else Company()


def _make_home(home: Path) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)  # customers' data lie in it
    except FileExistsError as error:
        raise ConfigError("is a file, not a folder", where=str(home), remedy="Choose another --home.") from error
    except OSError as error:
        raise ResourceError(
            f"cannot be made: {error.strerror}", where=str(home), remedy="Choose another --home."
        ) from error


_LINES = json.JSONEncoder(default=str)  # made once: making one costs as much as a line
_SURE_SECONDS = 0.1  # how long a log that was put aside may still be written to


class _LogFile:
    """Appends lines to a file that stays open: opening it for each would cost a request more than its answer.

    One write call per line, so that lines of several processes never mix, and none is lost when one is killed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._file: int | None = None
        self._inode = 0
        self._sure_until = 0.0

    def write(self, line: str) -> None:
        """Append one line; when the file was put aside, to a new one."""
        with self._lock:
            os.write(self._opened(), f"{line}\n".encode("utf-8", "replace"))

    def _opened(self) -> int:
        now = time.monotonic()
        if self._file is not None and now < self._sure_until:
            return self._file
        self._sure_until = now + _SURE_SECONDS
        try:
            is_same = self._file is not None and self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            is_same = False
        if self._file is None or not is_same:
            self.close()
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            self._inode = os.fstat(self._file).st_ino
        return self._file

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __del__(self) -> None:
        self.close()


def _open_log(path: Path) -> Log:
    file = _LogFile(path)

    def write(event: str, fields: Mapping[str, Any]) -> None:
        at = f"{datetime.now(UTC).isoformat()[:-6]}Z"  # without its +00:00
        try:
            traced = {"trace_id": tracing.trace_id()} if tracing.is_on() else {}
            file.write(_LINES.encode({**fields, **traced, "event": event, "timestamp": at}))
        except OSError:
            return  # a log that cannot be written must not stop the work it tells of

    return Log(write)

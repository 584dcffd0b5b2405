"""Looks at machine, home, sources, model, list and the places around, and says of each whether it is well and what mends it."""

from __future__ import annotations

import os
import platform
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from churn import resources
from churn.campaigns.programmes import EXAMPLE
from churn.config import SourceSettings
from churn.context import Context
from churn.errors import ChurnError, NoChampion, Unreachable
from churn.views.champion import load_champion, tells_money
from churn.views.open_files import open_files
from churn.warehouse.lock import locked
from churn.warehouse.reading.increments import declared_address
from churn.warehouse.reading.sources import Files
from churn.workflows.define import validate_campaigns, validate_programmes
from churn.workflows.reach import reach_connectors, reach_places

Level = Literal["ok", "look", "mend"]
_GB: Final = 1_000_000_000
_LITTLE_DISK, _HARDLY_ANY_DISK = 5 * _GB, 1 * _GB
_SECONDS: Final = 5.0
_PORTS: Final = {"https": 443, "http": 80, "postgresql": 5432, "postgres": 5432, "mysql": 3306, "mariadb": 3306}
_UNITS: Final = {"MB": 1_000_000, "GB": _GB, "MIB": 2**20, "GIB": 2**30}


@dataclass(frozen=True)
class Diagnosis:
    """What was looked at, whether it is well, what was seen, and what mends it if it is not."""

    subject: str
    level: Level
    seen: str
    remedy: str = ""


def diagnose(context: Context) -> list[Diagnosis]:
    """Look at everything; nothing is written, and one thing that is ill does not keep others from being looked at."""
    looks: list[tuple[str, Callable[[Context], Iterator[Diagnosis]]]] = [
        ("machine", _machine),
        ("home", _home),
        ("sources", _sources),
        ("campaigns", _campaigns),
        ("model", _model),
        ("list", _list),
        ("jobs", _jobs),
        ("connectors", _connectors),
        ("places", _places),
    ]
    diagnoses: list[Diagnosis] = []
    for subject, look in looks:
        context.progress.step(f"Looking at {subject}")
        try:
            diagnoses += look(context)
        except ChurnError as error:
            diagnoses.append(_ill(subject, error))
    return diagnoses


def _ill(subject: str, error: ChurnError, level: Level = "mend") -> Diagnosis:
    where = f"{error.where}: " if error.where else ""
    return Diagnosis(subject, level, f"{where}{error.what}", error.remedy or "")


def _machine(context: Context) -> Iterator[Diagnosis]:
    cores = os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    seen = f"Python {platform.python_version()}, {cores} cores, {memory / _GB:.1f} GB of memory"
    number, unit = context.settings.resources.memory_limit.replace(" ", ""), ""
    while number[-1].isalpha():
        number, unit = number[:-1], number[-1] + unit
    allowed = float(number) * _UNITS[unit.upper()]
    if memory and allowed > 0.8 * memory:
        yield Diagnosis(
            "machine",
            "look",
            f"{seen}; DuckDB alone may take {context.settings.resources.memory_limit} of it",
            "Lower resources.memory_limit to half of the memory.",
        )
    else:
        yield Diagnosis("machine", "ok", seen)


def _home(context: Context) -> Iterator[Diagnosis]:
    home = context.settings.home
    if not home.is_dir():
        yield Diagnosis("home", "look", f"{home} is not there yet", "Run `churn init`, then `churn refresh`.")
        return
    free = shutil.disk_usage(home).free
    level: Level = "mend" if free < _HARDLY_ANY_DISK else "look" if free < _LITTLE_DISK else "ok"
    remedy = "" if level == "ok" else "Free disk space, or move the home to a larger disk."
    yield Diagnosis("disk", level, f"{free / _GB:.1f} GB free at {home}", remedy)
    if not os.access(home, os.W_OK):
        yield Diagnosis("home", "mend", f"{home} cannot be written", "Run churn as the user that the home belongs to.")
    exposed = open_files(home)
    if exposed:
        yield Diagnosis(
            "home", "look", f"other accounts may read {len(exposed):,} of its files", f"chmod -R go= {home}"
        )
    if context.settings.warehouse_path.exists():
        try:
            with locked(context.settings.warehouse_path, "churn doctor"):
                pass
            yield Diagnosis("warehouse", "ok", "nobody is using it")
        except ChurnError as error:
            yield _ill("warehouse", error, "look")
    else:
        yield Diagnosis("warehouse", "look", "nothing has been loaded yet", "Run `churn refresh`.")
    with context.open_store() as store:
        store.published.current_run()
    yield Diagnosis("store", "ok", "it answers")


def _sources(context: Context) -> Iterator[Diagnosis]:
    sources = context.settings.sources
    if not sources:
        yield Diagnosis("sources", "mend", "none is declared", "Run `churn init --from FILES`, or write [sources].")
    for name, source in sources.items():
        subject = f"source {name}"
        try:
            yield Diagnosis(subject, "ok", _seen_of(context, name, source))
        except ChurnError as error:
            yield _ill(subject, error)


def _seen_of(context: Context, name: str, source: SourceSettings) -> str:
    if source.path is None:
        return _answering(name, source.url or declared_address(name, source, context.secrets))
    files = Files(name, source, context.secrets).found()
    return f"{len(files):,} file{'' if len(files) == 1 else 's'}, {sum(file.size for file in files) / 1e6:,.1f} MB"


def _answering(name: str, address: str) -> str:
    """Return that the host of an address takes connections. Raises Unreachable where it does not; signs in nowhere."""
    parts = urlsplit(address)
    if not parts.hostname:
        return "declared; its host is not named, so it was not tried"
    try:
        port = parts.port or _PORTS.get(parts.scheme.partition("+")[0], 0)
        socket.create_connection((parts.hostname, port), timeout=_SECONDS).close()
    except (OSError, ValueError) as error:
        raise Unreachable(
            f"{parts.hostname} takes no connection: {error}",
            where=f"sources.{name}",
            remedy="Check the address and the network.",
        ) from error
    return f"{parts.hostname} takes connections"


def _campaigns(context: Context) -> Iterator[Diagnosis]:
    review = validate_campaigns(context)
    complaints = [*review.complaints, *validate_programmes(context)]
    for complaint in complaints:  # what ships and nobody has changed waits for its source, and nothing is to be mended
        level: Level = "look" if _is_as_shipped(complaint.file) else "mend"
        yield _ill(f"campaign {complaint.campaign}", complaint.error(), level)
    if not complaints:
        yield Diagnosis("campaigns", "ok", f"{len(review.files):,} can be used")


def _is_as_shipped(file: Path) -> bool:
    shipped = resources.bundled("campaigns") / file.name
    try:
        return file.read_bytes() in [path.read_bytes() for path in (shipped, EXAMPLE) if path.is_file()]
    except OSError:
        return False


def _model(context: Context) -> Iterator[Diagnosis]:
    try:
        version, _ = load_champion(context)
    except NoChampion as error:
        yield _ill("model", error, "look")
        return
    if tells_money(version):
        yield Diagnosis("model", "ok", f"{version.version} serves, and its probabilities can be counted on")
    else:
        yield Diagnosis(
            "model",
            "look",
            f"{version.version} serves, but its probabilities are off, so no money is shown",
            "Load more history and run `churn train`.",
        )


def _list(context: Context) -> Iterator[Diagnosis]:
    with context.open_store() as store:
        run = store.published.current_run()
        alerts = store.alerts.open()
    if run is None:
        yield Diagnosis("list", "look", "nobody is scored yet", "Run `churn score`.")
    else:
        age = context.clock() - run.scored_at
        limit = timedelta(hours=context.settings.alerts.stale_after_hours)
        is_old = not context.is_simulated and (run.is_stale or age > limit)
        seen = f"of {run.snapshot_date}, scored {run.scored_at:%Y-%m-%d %H:%M}"
        yield Diagnosis("list", "look" if is_old else "ok", seen, "Run `churn run nightly`." if is_old else "")
    for alert in alerts:
        yield Diagnosis(
            "alert", "look" if alert.severity != "critical" else "mend", f"{alert.subject}: {alert.message}"
        )


def _jobs(context: Context) -> Iterator[Diagnosis]:
    with context.open_store() as store:
        workers = store.schedule.workers(context.clock())
    if workers:
        yield Diagnosis("jobs", "ok", f"{len(workers):,} scheduler{'' if len(workers) == 1 else 's'} running")
    else:
        yield Diagnosis(
            "jobs", "look", "no scheduler is running", "Run `churn scheduler`, or `churn serve --with-scheduler`."
        )


def _connectors(context: Context) -> Iterator[Diagnosis]:
    for place in reach_connectors(context):
        subject = f"connector {place.where}"
        yield Diagnosis(subject, "ok", "signed in") if place.error is None else _ill(subject, place.error)


def _places(context: Context) -> Iterator[Diagnosis]:
    for place in reach_places(context):
        subject = f"{place.what}: {place.where}"
        yield Diagnosis(subject, "ok", "can be reached") if place.error is None else _ill(subject, place.error)

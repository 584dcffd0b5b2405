"""What every workflow is handed: settings, the two stores, the clock, and someone to tell about progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from churn.config import Settings
from churn.errors import ChurnError, ConfigError
from churn.languages.catalogue import languages, nearest_language
from churn.languages.words import speaking
from churn.progress import SILENT, Progress
from churn.snapshots.engine import EMBEDDED, Engine

if TYPE_CHECKING:
    from churn.crm.connector import Connector
    from churn.store import Store
    from churn.warehouse.connection import Warehouse


class Log:
    """Structured log: an event and its fields. Never hand it a customer's data."""

    def __init__(self, write: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._write = write

    def note(self, event: str, **fields: Any) -> None:
        """Write one line."""
        self._write(event, fields)


def _no_connector(name: str) -> Connector:
    raise ConfigError("no connector can be opened here", where=f"connector {name}")


@dataclass(frozen=True)
class Company:
    """The company whose data a home holds. The demo's is simulated: its time stands still where its data end.

    `data_end` is the simulated company's today, None where nothing is kept of its simulation.
    """

    is_simulated: bool = False
    data_end: date | None = None


@dataclass(frozen=True)
class Context:
    """Built by `bootstrap`, once per command. `clock` returns the current instant, UTC, without a zone.

    `company` is called whenever it matters, since a demo may be made or played forward while a process runs.
    """

    settings: Settings
    clock: Callable[[], datetime]
    open_warehouse: Callable[[str], Warehouse]
    open_store: Callable[[], AbstractContextManager[Store]]
    progress: Progress = SILENT
    log: Log = field(default_factory=lambda: Log(lambda _event, _fields: None))
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    open_connector: Callable[[str], Connector] = _no_connector
    company: Callable[[], Company] = Company
    engine: Engine = EMBEDDED

    @property
    def today(self) -> date:
        """The current day of the company."""
        return self.local_now().date()

    def local_now(self) -> datetime:
        """Return the current instant as the company's clocks show it, without a zone: the time that facts are in."""
        return self.local_of(self.clock())

    def local_of(self, instant: datetime) -> datetime:
        """Return what the company's clocks show at `instant`, UTC."""
        zone = self.settings.reporting.timezone
        return instant if zone == "UTC" else instant.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    def utc_of(self, local: datetime) -> datetime:
        """Return the instant, UTC, at which the company's clocks show `local`."""
        zone = self.settings.reporting.timezone
        return local if zone == "UTC" else local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)

    @property
    def is_simulated(self) -> bool:
        """Whether the company is the demo's."""
        return self.company().is_simulated

    def present(self, data_until: datetime | None) -> datetime:
        """Return the instant that data reaching until `data_until` are looked at: for a simulated company that is it."""
        return data_until if data_until is not None and self.is_simulated else self.clock()

    def in_company_time(self) -> Context:
        """Return the context that jobs work in: a simulated company's clock goes on from the end of its data."""
        end = self.company().data_end
        began = self.clock()
        if end is None or began < (midnight := datetime.combine(end, datetime.min.time())):
            return self
        return replace(self, clock=lambda: midnight + (self.clock() - began))

    def speaking(self, language: str | None = None) -> AbstractContextManager[None]:
        """Speak `language`, or the company's, while something is written that people read; ask for it before long work.

        Raises ConfigError for one without words at once, not where the block begins.
        """
        if language is not None and language not in languages():
            known = ", ".join(languages())
            raise ConfigError(
                f"there are no words for the language `{language}`", where="--language", remedy=f"There are: {known}."
            )
        return speaking(language or nearest_language(self.settings.reporting.language))

    @contextmanager
    def recorded(self, workflow: str, logical_date: date | None = None) -> Iterator[None]:
        """Write the run of `workflow` to the store's ledger and the log: when, how long, how it ended."""
        started_at, began = self.clock(), time.monotonic()
        with self.open_store() as store:
            run_id = store.runs.start(workflow, logical_date=logical_date, started_at=started_at)
        error: str | None = None
        try:
            yield
        except ChurnError as failure:
            error = str(failure)
            raise
        except BaseException as failure:
            error = type(failure).__name__
            raise
        finally:
            outcome = "done" if error is None else "failed"
            with self.open_store() as store:
                store.runs.finish(run_id, finished_at=self.clock(), outcome=outcome, error=error)
            seconds = round(time.monotonic() - began, 3)
            self.log.note(workflow, outcome=outcome, seconds=seconds, logical_date=str(logical_date or ""))

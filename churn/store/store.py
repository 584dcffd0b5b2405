"""Opens the store at an address, brings its schema up to date, and hands on a `Store` of repositories."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

from churn.store.database import connect
from churn.store.migration import migrate
from churn.store.repositories.alerts import AlertRepository
from churn.store.repositories.campaigns import AssignmentRepository, PlanRepository
from churn.store.repositories.crm_records import CrmRepository
from churn.store.repositories.deliveries import DeliveryRepository
from churn.store.repositories.figure_mails import FigureMailRepository
from churn.store.repositories.jobs import JobRepository
from churn.store.repositories.keys import KeyRepository
from churn.store.repositories.measurements import MeasurementRepository
from churn.store.repositories.models import ModelRepository
from churn.store.repositories.monitoring import MonitoringRepository
from churn.store.repositories.outbox import OutboxRepository
from churn.store.repositories.outcomes import OutcomeRepository
from churn.store.repositories.privacy import PrivacyRepository
from churn.store.repositories.programmes import ProgrammeRepository
from churn.store.repositories.pushed_rows import PushedRowRepository
from churn.store.repositories.requests import RequestRepository
from churn.store.repositories.runs import RunRepository
from churn.store.repositories.saved_views import SavedViewRepository
from churn.store.repositories.schedule import ScheduleRepository
from churn.store.repositories.score_reader import ScoreReader
from churn.store.repositories.scores import ScoreRepository
from churn.store.repositories.sessions import SessionRepository
from churn.store.repositories.simulations import SimulationRepository
from churn.store.repositories.sync_runs import SyncRunRepository
from churn.store.repositories.users import UserRepository
from churn.store.repositories.webhooks import WebhookRepository
from churn.store.sqlite_file import SqliteFile, ready_file
from churn.store.sync_lock import destination_lock

if TYPE_CHECKING:
    from churn.store.database import Database


class Store:
    """An open store: one repository per subject, each loaded on first use, so that a command pays for its own only.

    Use it as a context manager, or call `close`. `file` says that there is nothing to migrate and how to read without
    a `database`.
    """

    def __init__(self, address: str, url: str, *, database: Database | None = None, file: SqliteFile | None = None):
        self.address = address
        self._url = url
        self._file = file
        self._prompt_file = None if file is None else SqliteFile(file.path, is_patient=False)
        self._database = database
        self._opening = Lock()

    @property
    def database(self) -> Database:
        """The database behind the repositories, opened once however many threads ask for it at a time."""
        with self._opening:
            if self._database is None:
                self._database = connect(self._url)
            return self._database

    @cached_property
    def published(self) -> ScoreReader:
        """The current score list, to be read only: from an SQLite file without loading SQLAlchemy."""
        if self._file is None:
            return self.scores
        return ScoreReader(self._file)

    @cached_property
    def prompt(self) -> ScoreReader | None:
        """`published` for callers who cannot wait: raises StoreBusy at once. None where the list is on a server."""
        return None if self._prompt_file is None else ScoreReader(self._prompt_file)

    @cached_property
    def scores(self) -> ScoreRepository:
        """The current score list and the runs before it."""
        return ScoreRepository(self.database)

    @cached_property
    def models(self) -> ModelRepository:
        """The model registry."""
        return ModelRepository(self.database)

    @cached_property
    def privacy(self) -> PrivacyRepository:
        """People's rights: requests, objections, who was erased, and every row of one customer."""
        return PrivacyRepository(self.database)

    @cached_property
    def runs(self) -> RunRepository:
        """The job ledger."""
        return RunRepository(self.database)

    @cached_property
    def simulations(self) -> SimulationRepository:
        """Simulations saved under a name."""
        return SimulationRepository(self.database)

    @cached_property
    def plans(self) -> PlanRepository:
        """Campaign plans."""
        return PlanRepository(self.database)

    @cached_property
    def assignments(self) -> AssignmentRepository:
        """Who was assigned to which arm of a campaign."""
        return AssignmentRepository(self.database)

    @cached_property
    def programmes(self) -> ProgrammeRepository:
        """Rounds of programmes, and who was assigned what with which probability."""
        return ProgrammeRepository(self.database)

    @cached_property
    def outcomes(self) -> OutcomeRepository:
        """What became of contacts."""
        return OutcomeRepository(self.database)

    @cached_property
    def measurements(self) -> MeasurementRepository:
        """What campaigns were measured to bring."""
        return MeasurementRepository(self.database)

    @cached_property
    def monitoring(self) -> MonitoringRepository:
        """What the monitors found, day by day."""
        return MonitoringRepository(self.database)

    @cached_property
    def alerts(self) -> AlertRepository:
        """What a person must look at."""
        return AlertRepository(self.database)

    @cached_property
    def views(self) -> SavedViewRepository:
        """Views of the risk list that people saved."""
        return SavedViewRepository(self.database)

    @cached_property
    def figure_mails(self) -> FigureMailRepository:
        """Choices of figures that are mailed each month."""
        return FigureMailRepository(self.database)

    @cached_property
    def pushed(self) -> PushedRowRepository:
        """The rows of each push and what became of them."""
        return PushedRowRepository(self.database)

    @cached_property
    def sync_runs(self) -> SyncRunRepository:
        """The history of pushes to remote systems."""
        return SyncRunRepository(self.database)

    @cached_property
    def outbox(self) -> OutboxRepository:
        """Rows on their way to a remote system."""
        return OutboxRepository(self.database)

    @cached_property
    def crm(self) -> CrmRepository:
        """What remote systems have acknowledged or refused."""
        return CrmRepository(self.database)

    @cached_property
    def jobs(self) -> JobRepository:
        """Scheduled work: runs, steps, leases."""
        return JobRepository(self.database)

    @cached_property
    def deliveries(self) -> DeliveryRepository:
        """Alerts on their way out."""
        return DeliveryRepository(self.database)

    @cached_property
    def webhooks(self) -> WebhookRepository:
        """Events on their way to those who subscribed."""
        return WebhookRepository(self.database)

    @cached_property
    def schedule(self) -> ScheduleRepository:
        """How far the schedule has been worked, and who works it."""
        return ScheduleRepository(self.database)

    @cached_property
    def keys(self) -> KeyRepository:
        """Who may call the service."""
        return KeyRepository(self.database)

    @cached_property
    def requests(self) -> RequestRepository:
        """Writes answered already, and the audit log."""
        return RequestRepository(self.database)

    @cached_property
    def users(self) -> UserRepository:
        """People who sign in with a password."""
        return UserRepository(self.database)

    @cached_property
    def sessions(self) -> SessionRepository:
        """Browsers that are signed in."""
        return SessionRepository(self.database)

    def lock_destination(self, connector: str, holder: str) -> AbstractContextManager[None]:
        """Keep other pushes to `connector` out. Raises SyncBusy, on entering, naming who holds it."""
        return destination_lock(self.database, connector, holder)

    def close(self) -> None:
        """Give back every connection."""
        with self._opening:
            if self._database is not None:
                self._database.close()
            for file in (self._file, self._prompt_file):
                if file is not None:
                    file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({self.address!r})"  # the address may hold a password


def open_store(url: str, *, warehouse: Path | None = None) -> Store:
    """Open the store at `url` (`sqlite:///path` or `postgresql://user@host/database`) and migrate it if need be.

    Raises ConfigError for an address that is wrong, a database that is not ours to use, a missing driver, a store
    written by a newer version, or an empty one beside a full `warehouse`; Unreachable or AuthFailed when PostgreSQL does not let us in; StoreBusy when another
    process keeps it locked; ResourceError when it cannot be written. No message ever holds the password.
    """
    file = ready_file(url)
    if file is not None:
        return Store(str(file.path), url, file=file)
    database = connect(url)
    try:
        migrate(database, warehouse=warehouse)
    except BaseException:
        database.close()
        raise
    return Store(database.address, url, database=database, file=ready_file(url))

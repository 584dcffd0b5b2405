"""Opens the store at an address, brings its schema up to date, and hands on a `Store` of repositories."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from churn.store.alerts import AlertRepository
    from churn.store.campaigns import AssignmentRepository, PlanRepository
    from churn.store.database import Database
    from churn.store.measurements import MeasurementRepository
    from churn.store.models import ModelRepository
    from churn.store.outcomes import OutcomeRepository
    from churn.store.runs import RunRepository
    from churn.store.scores import ScoreRepository
    from churn.store.simulations import SimulationRepository


@dataclass(frozen=True)
class Store:
    """An open store: one repository per matter. Use it as a context manager, or call `close`."""

    address: str
    scores: ScoreRepository = field(repr=False)
    models: ModelRepository = field(repr=False)
    runs: RunRepository = field(repr=False)
    simulations: SimulationRepository = field(repr=False)
    plans: PlanRepository = field(repr=False)
    assignments: AssignmentRepository = field(repr=False)
    outcomes: OutcomeRepository = field(repr=False)
    measurements: MeasurementRepository = field(repr=False)
    alerts: AlertRepository = field(repr=False)
    database: Database = field(repr=False)

    def close(self) -> None:
        """Give back every connection."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_store(url: str) -> Store:
    """Open the store at `url` (`sqlite:///path` or `postgresql://user@host/database`) and migrate it if need be.

    Raises ConfigError for an address that is wrong, a database that is not ours to use, a missing driver, or a store
    written by a newer version; Unreachable or AuthFailed when PostgreSQL does not let us in; StoreBusy when another
    process keeps it locked; ResourceError when it cannot be written. No message ever holds the password.
    """
    from churn.store.alerts import AlertRepository
    from churn.store.campaigns import AssignmentRepository, PlanRepository
    from churn.store.database import connect
    from churn.store.measurements import MeasurementRepository
    from churn.store.migration import migrate
    from churn.store.models import ModelRepository
    from churn.store.outcomes import OutcomeRepository
    from churn.store.runs import RunRepository
    from churn.store.scores import ScoreRepository
    from churn.store.simulations import SimulationRepository

    database = connect(url)
    try:
        migrate(database)
    except BaseException:
        database.close()
        raise
    return Store(
        address=database.address,
        scores=ScoreRepository(database),
        models=ModelRepository(database),
        runs=RunRepository(database),
        simulations=SimulationRepository(database),
        plans=PlanRepository(database),
        assignments=AssignmentRepository(database),
        outcomes=OutcomeRepository(database),
        measurements=MeasurementRepository(database),
        alerts=AlertRepository(database),
        database=database,
    )

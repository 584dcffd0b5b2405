"""Simulations saved under a name, to be listed and compared."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from churn.decisions.simulation_request import SimulationRequest, request_from, saved_inputs
from churn.documents.simulation import SimulationDocument
from churn.errors import ConfigError
from churn.store.database import Database
from churn.store.records import Simulation
from churn.store.tables import simulations


class SimulationRepository:
    """Reads and writes `simulations`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, name: str, request: SimulationRequest, document: SimulationDocument, saved_at: datetime) -> None:
        """Keep what was asked and what came out under `name`, in place of what was there."""
        row = {"name": name, "saved_at": saved_at, "inputs": saved_inputs(request), "result": document.as_json()}
        with self._database.write(lock=simulations) as connection:
            connection.execute(sa.delete(simulations).where(simulations.c.name == name))
            connection.execute(sa.insert(simulations).values(row))

    def get(self, name: str) -> Simulation:
        """Return the simulation saved as `name`.

        Raises ConfigError naming the known ones, ContractBroken for one that cannot be read.
        """
        with self._database.read() as connection:
            row = connection.execute(sa.select(simulations).where(simulations.c.name == name)).one_or_none()
            names = [] if row else list(connection.execute(sa.select(simulations.c.name).order_by("name")).scalars())
        if row is None:
            known = f"Saved are: {', '.join(names)}." if names else "None is saved yet."
            raise ConfigError("no simulation is saved under this name", where=name, remedy=known)
        return _simulation(row)

    def list(self) -> list[Simulation]:
        """Return every saved simulation, newest first. Raises ContractBroken for one that cannot be read."""
        query = sa.select(simulations).order_by(simulations.c.saved_at.desc(), simulations.c.name)
        with self._database.read() as connection:
            return [_simulation(row) for row in connection.execute(query)]


def _simulation(row: sa.Row[tuple[object, ...]]) -> Simulation:
    document = SimulationDocument.read(row.result, where=f"simulation {row.name}")
    return Simulation(row.name, row.saved_at, request_from(row.inputs), document)

"""Simulations saved under a name, to be listed and compared."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from churn.errors import ConfigError
from churn.store.database import Database
from churn.store.records import Simulation
from churn.store.tables import simulations


class SimulationRepository:
    """Reads and writes `simulations`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, name: str, inputs: Mapping[str, Any], result: Mapping[str, Any], saved_at: datetime) -> None:
        """Keep what was asked and what came out under `name`, in place of what was there. NaN becomes null."""
        with self._database.write(lock=simulations) as connection:
            connection.execute(sa.delete(simulations).where(simulations.c.name == name))
            connection.execute(
                sa.insert(simulations).values(name=name, saved_at=saved_at, inputs=dict(inputs), result=dict(result))
            )

    def get(self, name: str) -> Simulation:
        """Return the simulation saved as `name`. Raises ConfigError naming the known ones."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(simulations).where(simulations.c.name == name)).mappings().one_or_none()
            names = [] if row else list(connection.execute(sa.select(simulations.c.name).order_by("name")).scalars())
        if row is None:
            known = f"Saved are: {', '.join(names)}." if names else "None is saved yet."
            raise ConfigError("no simulation is saved under this name", where=name, remedy=known)
        return Simulation(**row)

    def list(self) -> list[Simulation]:
        """Return every saved simulation, newest first."""
        query = sa.select(simulations).order_by(simulations.c.saved_at.desc(), simulations.c.name)
        with self._database.read() as connection:
            return [Simulation(**row) for row in connection.execute(query).mappings()]

"""The history of pushes: when each ran, what it did, how it ended; and every change of mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from churn.store.database import Database
from churn.store.frames import upsert
from churn.store.records import MappingChange, SyncRun, SyncState
from churn.store.tables import crm_budgets, crm_mappings, outbox, sync_runs

_RUN_COLUMNS = [sync_runs.c[field.name] for field in fields(SyncRun)]
_MAPPING_COLUMNS = [crm_mappings.c[field.name] for field in fields(MappingChange)]
_ERROR_LENGTH = 2_000
_KEPT_RUNS = 20  # runs of a destination whose rows stay in the outbox, to look at what went wrong


class SyncRunRepository:
    """Reads and writes `sync_runs`, `crm_mappings` and `crm_budgets`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, run: SyncRun) -> None:
        """Note that a run begins; the rows of its destination's old runs are dropped from the outbox."""
        of_destination = sync_runs.c.connector == run.connector
        old = (
            sa.select(sync_runs.c.run_id)
            .where(of_destination, sync_runs.c.state != "running")
            .order_by(sync_runs.c.started_at.desc())
            .offset(_KEPT_RUNS)
            .limit(1_000)
        )
        with self._database.write() as connection:
            gone = list(connection.execute(old).scalars())
            if gone:
                connection.execute(sa.delete(outbox).where(outbox.c.run_id.in_(gone)))
            connection.execute(sa.insert(sync_runs).values(**asdict(run)))

    def finish(
        self, run_id: str, *, state: SyncState, counts: Mapping[str, Any], at: datetime, error: str | None = None
    ) -> None:
        """Note how a run ended."""
        with self._database.write() as connection:
            connection.execute(
                sa.update(sync_runs)
                .where(sync_runs.c.run_id == run_id)
                .values(
                    state=state, counts=dict(counts), finished_at=at, error=error[:_ERROR_LENGTH] if error else None
                )
            )

    def history(
        self, *, connector: str | None = None, campaign: str | None = None, limit: int | None = 20
    ) -> list[SyncRun]:
        """Return the newest runs first, of one connector and campaign or of all."""
        query = sa.select(*_RUN_COLUMNS).order_by(sync_runs.c.started_at.desc(), sync_runs.c.run_id.desc())
        return self._fetch(query, connector, campaign, limit)

    def find(self, run_id: str) -> SyncRun | None:
        """Return one run."""
        runs = self._fetch(sa.select(*_RUN_COLUMNS).where(sync_runs.c.run_id == run_id), None, None, 1)
        return runs[0] if runs else None

    def last_done(self, connector: str, campaign: str, *, is_whole: bool = False) -> SyncRun | None:
        """Return the newest push that went through, all of it or but for some rows (`is_whole`: all); None before it."""
        query = (
            sa.select(*_RUN_COLUMNS)
            .where(sync_runs.c.state.in_(["done"] if is_whole else ["done", "partial"]), sync_runs.c.action == "push")
            .order_by(sync_runs.c.started_at.desc(), sync_runs.c.run_id.desc())
        )
        runs = self._fetch(query, connector, campaign, 1)
        return runs[0] if runs else None

    def unfinished(self, connector: str) -> list[SyncRun]:
        """Return the runs of a connector that never said how they ended, newest first."""
        query = sa.select(*_RUN_COLUMNS).where(sync_runs.c.state == "running").order_by(sync_runs.c.started_at.desc())
        return self._fetch(query, connector, None, None)

    def _fetch(
        self, query: sa.Select[Any], connector: str | None, campaign: str | None, limit: int | None
    ) -> list[SyncRun]:
        if connector is not None:
            query = query.where(sync_runs.c.connector == connector)
        if campaign is not None:
            query = query.where(sync_runs.c.campaign == campaign)
        with self._database.read() as connection:
            return [SyncRun(**row) for row in connection.execute(query.limit(limit)).mappings()]

    def last_mapping(self, connector: str, campaign: str) -> dict[str, str] | None:
        """Return the mapping of the newest change; None before the first."""
        changes = self.mapping_changes(connector, campaign)
        return dict(changes[0].mapping) if changes else None

    def mapping_changes(self, connector: str | None = None, campaign: str | None = None) -> list[MappingChange]:
        """Return who changed which mapping when, newest first."""
        query = sa.select(*_MAPPING_COLUMNS).order_by(crm_mappings.c.change_id.desc())
        if connector is not None:
            query = query.where(crm_mappings.c.connector == connector)
        if campaign is not None:
            query = query.where(crm_mappings.c.campaign == campaign)
        with self._database.read() as connection:
            return [MappingChange(**row) for row in connection.execute(query).mappings()]

    def note_mapping(self, change: MappingChange) -> None:
        """Keep a change of mapping, for good."""
        with self._database.write() as connection:
            connection.execute(sa.insert(crm_mappings).values(**asdict(change)))

    def spend(self, connector: str, day: date, limit: int) -> bool:
        """Count one request of `day` against `limit`; return False, counting nothing, when the budget is used up."""
        where = (crm_budgets.c.connector == connector, crm_budgets.c.day == day)
        with self._database.write(lock=crm_budgets) as connection:
            used = connection.execute(sa.select(crm_budgets.c.requests).where(*where)).scalar() or 0
            if used >= limit:
                return False
            upsert(connection, crm_budgets, [{"connector": connector, "day": day, "requests": used + 1}])
            return True

"""The outbox: rows are stored before they are sent, and the other side's answer is stored in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from churn.store.database import Database
from churn.store.frames import chunks, from_text, to_text, upsert
from churn.store.records import FieldValue, OutboxRow, Rejection, Settled, SyncRun
from churn.store.tables import crm_ids, crm_records, crm_rejections, outbox, sync_runs

_NUMBERS = ("churn_probability", "percentile", "expected_profit")
_BATCH = 5_000


class OutboxRepository:
    """Reads and writes `outbox`; settling a row also writes what follows from it, in the same transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def queue(self, run_id: str, rows: Sequence[OutboxRow]) -> None:
        """Write down the rows of a run, all or none, before any of them is sent."""
        with self._database.write() as connection:
            for start in range(0, len(rows), _BATCH):
                connection.execute(sa.insert(outbox), [_values(run_id, row) for row in rows[start : start + _BATCH]])

    def pending(self, run_id: str, limit: int, *, after: int = -1) -> list[OutboxRow]:
        """Return the next rows of a run that are still to be sent, beyond position `after`, the most profitable first."""
        query = (
            sa.select(outbox)
            .where(outbox.c.run_id == run_id, outbox.c.state == "pending", outbox.c.position > after)
            .order_by(outbox.c.position)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [outbox_row(row) for row in connection.execute(query).mappings()]

    def mark_sending(self, run_id: str, rows: Iterable[OutboxRow]) -> None:
        """Mark rows as being sent: from now on they may have reached the other side."""
        keys = [{"key": row.customer_id} for row in rows]
        statement = (
            sa.update(outbox)
            .where(outbox.c.run_id == run_id, outbox.c.customer_id == sa.bindparam("key"))
            .values(state="sending", attempts=outbox.c.attempts + 1)
        )
        with self._database.write() as connection:
            connection.execute(statement, keys)

    def settle(self, run: SyncRun, settled: Sequence[Settled], at: datetime) -> None:
        """Keep what became of rows, with the records, ids and rejections that follow from it."""
        if not settled:
            return
        with self._database.write() as connection:
            connection.execute(
                sa.update(outbox)
                .where(outbox.c.run_id == run.run_id, outbox.c.customer_id == sa.bindparam("key"))
                .values(state=sa.bindparam("new"), code=sa.bindparam("told"), message=sa.bindparam("words")),
                [{"key": s.row.customer_id, "new": s.state, "told": s.code, "words": s.message} for s in settled],
            )
            done = [s for s in settled if s.state == "done"]
            upsert(
                connection, crm_records, [_record(run, s, at) for s in done if s.is_ours and s.row.action != "clear"]
            )
            cleared = [s.row.customer_id for s in done if s.row.action == "clear"]
            _delete(connection, crm_records, run, cleared)
            _doubt_others(connection, run, cleared)
            known = [s for s in settled if s.remote_id is not None]
            upsert(
                connection,
                crm_ids,
                [
                    {
                        "connector": run.connector,
                        "customer_id": s.row.customer_id,
                        "remote_id": s.remote_id,
                        "seen_at": at,
                    }
                    for s in known
                ],
            )
            _delete(connection, crm_rejections, run, [s.row.customer_id for s in done])
            _reject(connection, run, [s for s in settled if s.state == "rejected"], at)

    def leave_in_doubt(self, run: SyncRun, at: datetime) -> int:
        """Mark the records whose fate is unknown, so that the next run writes them whole; return how many there are.

        Called at the end of a run, and for one that was killed: whatever it had begun to send may have arrived.
        """
        doubtful = sa.select(outbox).where(outbox.c.run_id == run.run_id, outbox.c.state.in_(["sending", "unknown"]))
        with self._database.write() as connection:
            rows = [outbox_row(row) for row in connection.execute(doubtful).mappings()]
            held = _acknowledged(connection, run, [row.customer_id for row in rows])
            for row in rows:
                both = {**held.get(row.customer_id, {}), **row.payload}
                record = _record(run, Settled(row, "unknown"), at)
                upsert(
                    connection,
                    crm_records,
                    [{**record, "acknowledged": to_text(both), "exact_hash": "", "is_uncertain": True}],
                )
            connection.execute(
                sa.update(outbox)
                .where(outbox.c.run_id == run.run_id, outbox.c.state == "sending")
                .values(state="unknown")
            )
        return len(rows)

    def distrust(self, run: SyncRun) -> int:
        """Mark every record of a run as doubtful: the system accepted it but did not keep the values."""
        with self._database.write() as connection:
            result = connection.execute(
                sa.update(crm_records)
                .where(
                    crm_records.c.run_id == run.run_id,
                    crm_records.c.connector == run.connector,
                    crm_records.c.campaign == run.campaign,
                )
                .values(is_uncertain=True)
            )
            return result.rowcount

    def states(self, run_id: str) -> dict[str, int]:
        """Return how many rows of a run are in which state."""
        query = sa.select(outbox.c.state, sa.func.count()).where(outbox.c.run_id == run_id).group_by(outbox.c.state)
        with self._database.read() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(query).all()}

    def abandon(self, run: SyncRun, at: datetime) -> int:
        """Close a run that was killed; return how many rows it leaves in doubt."""
        doubtful = self.leave_in_doubt(run, at)
        states = self.states(run.run_id)
        with self._database.write() as connection:
            connection.execute(
                sa.update(sync_runs)
                .where(sync_runs.c.run_id == run.run_id)
                .values(state="abandoned", finished_at=at, counts=states, error="it was killed, or its machine was")
            )
        return doubtful


def _values(run_id: str, row: OutboxRow) -> dict[str, Any]:  # columns and values, as SQLAlchemy inserts them
    return {
        "run_id": run_id,
        "customer_id": row.customer_id,
        "position": row.position,
        "action": row.action,
        "state": "pending",
        "payload": to_text(row.payload),
        "changed": None if row.changed is None else to_text(dict.fromkeys(row.changed)),
        "payload_hash": row.payload_hash,
        "exact_hash": row.exact_hash,
        **{name: getattr(row, name) for name in _NUMBERS},
        "attempts": row.attempts,
    }


def outbox_row(row: sa.RowMapping) -> OutboxRow:
    """Return a row of the table as a record."""
    return OutboxRow(
        customer_id=row["customer_id"],
        position=row["position"],
        action=row["action"],
        payload=from_text(row["payload"]),
        changed=None if row["changed"] is None else tuple(from_text(row["changed"])),
        payload_hash=row["payload_hash"],
        exact_hash=row["exact_hash"],
        attempts=row["attempts"],
        **{name: row[name] for name in _NUMBERS},
    )


def _record(run: SyncRun, settled: Settled, at: datetime) -> dict[str, Any]:  # as `_values`
    row = settled.row
    return {
        "connector": run.connector,
        "campaign": run.campaign,
        "customer_id": row.customer_id,
        "acknowledged": to_text(row.payload),
        "exact_hash": row.exact_hash,
        **{name: getattr(row, name) for name in _NUMBERS},
        "is_uncertain": False,
        "is_marked": row.action == "mark",
        "run_id": run.run_id,
        "acknowledged_at": at,
    }


def _delete(connection: sa.Connection, table: sa.Table, run: SyncRun, customer_ids: list[str]) -> None:
    for keys in chunks(customer_ids):
        connection.execute(
            sa.delete(table).where(
                table.c.connector == run.connector, table.c.campaign == run.campaign, table.c.customer_id.in_(keys)
            )
        )


def _doubt_others(connection: sa.Connection, run: SyncRun, customer_ids: list[str]) -> None:
    """Mark other campaigns' values in records we have cleared as doubtful: they may have shared a field."""
    for keys in chunks(customer_ids):
        connection.execute(
            sa.update(crm_records)
            .where(
                crm_records.c.connector == run.connector,
                crm_records.c.campaign != run.campaign,
                crm_records.c.customer_id.in_(keys),
            )
            .values(is_uncertain=True)
        )


def _acknowledged(
    connection: sa.Connection, run: SyncRun, customer_ids: list[str]
) -> Mapping[str, dict[str, FieldValue]]:
    payloads: dict[str, dict[str, FieldValue]] = {}
    for keys in chunks(customer_ids):
        query = sa.select(crm_records.c.customer_id, crm_records.c.acknowledged).where(
            crm_records.c.connector == run.connector,
            crm_records.c.campaign == run.campaign,
            crm_records.c.customer_id.in_(keys),
        )
        payloads |= {key: from_text(text) for key, text in connection.execute(query).all()}
    return payloads


def _reject(connection: sa.Connection, run: SyncRun, refused: list[Settled], at: datetime) -> None:
    for settled in refused:
        row = settled.row
        table = crm_rejections.c
        key = (table.connector == run.connector, table.campaign == run.campaign, table.customer_id == row.customer_id)
        before = connection.execute(sa.select(table.attempts, table.first_seen_at).where(*key)).first()
        rejection = Rejection(
            connector=run.connector,
            campaign=run.campaign,
            customer_id=row.customer_id,
            payload_hash=row.payload_hash,
            code=settled.code,
            field=settled.field,
            message=settled.message,
            attempts=(before[0] if before else 0) + 1,
            is_held=not settled.may_pass,
            first_seen_at=before[1] if before else at,
            last_seen_at=at,
        )
        upsert(connection, crm_rejections, [vars(rejection)])

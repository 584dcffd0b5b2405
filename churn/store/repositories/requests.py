"""Writes that carry an idempotency key, each carried out once; and the audit log."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from churn.store.database import Database
from churn.store.service_records import AuditRecord, EarlierRequest
from churn.store.service_tables import audit_log, idempotent_requests

KEPT_FOR = timedelta(hours=24)
_ANSWERED_WITHIN = timedelta(minutes=1)  # an older claim without an answer belongs to a process that was killed


class RequestRepository:
    """Reads and writes `idempotent_requests` and `audit_log`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, key_id: str, idempotency_key: str, request_hash: str, at: datetime) -> EarlierRequest | None:
        """Claim a write; None when it is new, else the earlier one. Claims older than a day are forgotten.

        A claim whose process was killed before it answered is handed on: what is written is safe to write again.
        """
        table = idempotent_requests
        is_same = sa.and_(table.c.key_id == key_id, table.c.idempotency_key == idempotency_key)
        with self._database.write(lock=table) as connection:
            connection.execute(sa.delete(table).where(table.c.started_at < at - KEPT_FOR))
            row = connection.execute(sa.select(table).where(is_same)).mappings().one_or_none()
            if row is not None and row["status"] is None and row["started_at"] < at - _ANSWERED_WITHIN:
                taken_over = sa.update(table).where(is_same).values(request_hash=request_hash, started_at=at)
                connection.execute(taken_over)
                return None
            if row is not None:
                return EarlierRequest(row["request_hash"], row["started_at"], row["status"], row["answer"])
            connection.execute(
                sa.insert(table).values(
                    key_id=key_id, idempotency_key=idempotency_key, request_hash=request_hash, started_at=at
                )
            )
        return None

    def finish(self, key_id: str, idempotency_key: str, status: int, answer: Any) -> None:
        """Keep the answer, to be given again."""
        table = idempotent_requests
        with self._database.write() as connection:
            connection.execute(
                sa.update(table)
                .where(table.c.key_id == key_id, table.c.idempotency_key == idempotency_key)
                .values(status=status, answer=answer)
            )

    def forget(self, key_id: str, idempotency_key: str) -> None:
        """Give a claim back: the write failed, and may be tried again."""
        table = idempotent_requests
        with self._database.write() as connection:
            connection.execute(
                sa.delete(table).where(table.c.key_id == key_id, table.c.idempotency_key == idempotency_key)
            )

    def prune(self, now: datetime) -> int:
        """Delete the answers that nobody may ask for again; return how many."""
        table = idempotent_requests
        with self._database.write(lock=table) as connection:
            return connection.execute(sa.delete(table).where(table.c.started_at < now - KEPT_FOR)).rowcount

    def prune_audit(self, before: datetime) -> int:
        """Delete the entries of the audit log that are older than `before`; return how many."""
        with self._database.write() as connection:
            return connection.execute(sa.delete(audit_log).where(audit_log.c.done_at < before)).rowcount

    def audit(self, who: str, action: str, subject: str, at: datetime, request_id: str | None = None) -> None:
        """Note who did what."""
        with self._database.write() as connection:
            connection.execute(
                sa.insert(audit_log).values(who=who, action=action, subject=subject, done_at=at, request_id=request_id)
            )

    def audited(
        self,
        *,
        limit: int = 100,
        who: str | None = None,
        action: str | None = None,
        before: int | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[AuditRecord]:
        """Return the newest entries first: of one person or key, of one action, from before an entry's number, within a period."""
        query = sa.select(audit_log).order_by(audit_log.c.entry_id.desc()).limit(limit)
        for column, wanted in ((audit_log.c.who, who), (audit_log.c.action, action)):
            if wanted is not None:
                query = query.where(column == wanted)
        if before is not None:
            query = query.where(audit_log.c.entry_id < before)
        if since is not None:
            query = query.where(audit_log.c.done_at >= since)
        if until is not None:
            query = query.where(audit_log.c.done_at < until)
        with self._database.read() as connection:
            return [AuditRecord(**row) for row in connection.execute(query).mappings()]

    def audit_names(self) -> tuple[list[str], list[str]]:
        """Return everybody who did something, and everything that was done, each once and by name."""
        with self._database.read() as connection:
            who, actions = (
                list(connection.execute(sa.select(column).distinct().order_by(column)).scalars())
                for column in (audit_log.c.who, audit_log.c.action)
            )
        return who, actions

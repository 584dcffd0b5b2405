"""People's rights in the store: requests, objections, tombstones, and every row of one customer, whichever table it is in.

Tables are found by looking at the database itself, so that one added tomorrow is covered: whatever has a column
`customer_id` is exported and erased by it, and whatever text or document elsewhere names the id has it taken out.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from churn.redaction import Redaction
from churn.store.database import Database
from churn.store.frames import upsert
from churn.store.programme_tables import programme_decisions, programme_log
from churn.store.score_lists import LISTS, partition_names, score_list_state
from churn.store.service_records import PrivacyRequest, RequestKind
from churn.store.service_tables import erased_assignments, erased_customers, objections, privacy_requests, privacy_salt
from churn.store.tables import assignments, crm_records, outbox, outcome_rejections, outcomes, scores, sync_runs

CRM_TABLES = frozenset({"crm_records", "crm_ids"})  # what a withdrawal still needs to know
_OURS = frozenset({"privacy_requests", "privacy_salt", "erased_customers", "alembic_version", "score_list_state"})
_COLUMNS = [privacy_requests.c[field.name] for field in fields(PrivacyRequest)]


class PrivacyRepository:
    """Reads and writes the tables of people's rights, and the rows of one customer in every table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def salt(self) -> str:
        """Return the secret that ids are hashed with, made when first asked for."""
        with self._database.read() as connection:
            salt = connection.execute(sa.select(privacy_salt.c.salt)).scalar()
        if salt is not None:
            return str(salt)
        with self._database.write(lock=privacy_salt) as connection:
            salt = connection.execute(sa.select(privacy_salt.c.salt)).scalar()
            if salt is None:
                salt = secrets.token_hex(32)
                connection.execute(sa.insert(privacy_salt).values(salt=salt))
        return str(salt)

    def hash_of(self, customer_id: str) -> str:
        """Return what a tombstone holds of an id: SHA-256 of the salt and the id, in hexadecimal."""
        return hashlib.sha256(f"{self.salt()}{customer_id}".encode()).hexdigest()

    def erased(self) -> tuple[str, frozenset[str]]:
        """Return the salt and the hashes of everybody who was erased; an empty salt where nobody was."""
        with self._database.read() as connection:
            hashes = frozenset(connection.execute(sa.select(erased_customers.c.id_hash)).scalars())
        return (self.salt() if hashes else "", hashes)

    def erased_at(self, customer_id: str) -> datetime | None:
        """Return when a customer was erased; None if they never were."""
        query = sa.select(erased_customers.c.erased_at).where(erased_customers.c.id_hash == self.hash_of(customer_id))
        with self._database.read() as connection:
            moment: datetime | None = connection.execute(query).scalar()
        return moment

    def ask(self, kind: RequestKind, customer_id: str, *, who: str, at: datetime) -> PrivacyRequest:
        """Note a request, or return the open one of the same kind and customer."""
        subject = {"kind": kind, "id_hash": self.hash_of(customer_id)}
        is_same = sa.and_(*(privacy_requests.c[name] == value for name, value in subject.items()))
        with self._database.write(lock=privacy_requests) as connection:
            query = sa.select(*_COLUMNS).where(is_same, privacy_requests.c.state == "open")
            row = connection.execute(query).mappings().first()
            if row is None:
                values = {**subject, "customer_id": customer_id, "state": "open", "who": who, "requested_at": at}
                made = connection.execute(sa.insert(privacy_requests).values(**values, result={}))
                key = (made.inserted_primary_key or [None])[0]
                query = sa.select(*_COLUMNS).where(privacy_requests.c.request_id == key)
                row = connection.execute(query).mappings().one()
            return PrivacyRequest(**row)

    def request(self, request_id: int) -> PrivacyRequest | None:
        """Return one request; None if there is no such one."""
        query = sa.select(*_COLUMNS).where(privacy_requests.c.request_id == request_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return PrivacyRequest(**row) if row is not None else None

    def requests(self, customer_id: str | None = None, *, is_open: bool | None = None) -> list[PrivacyRequest]:
        """Return requests, newest first: of one customer or of all, open ones or all."""
        query = sa.select(*_COLUMNS).order_by(privacy_requests.c.request_id.desc())
        if customer_id is not None:
            query = query.where(privacy_requests.c.id_hash == self.hash_of(customer_id))
        if is_open is not None:
            query = query.where((privacy_requests.c.state == "open") == is_open)
        with self._database.read() as connection:
            return [PrivacyRequest(**row) for row in connection.execute(query).mappings()]

    def settle(self, request_id: int, result: dict[str, Any], *, at: datetime, is_done: bool) -> None:
        """Keep what came of a request, as JSON that each kind of request writes its own way; once done, the id leaves it."""
        done = {"state": "done", "finished_at": at, "customer_id": None} if is_done else {}
        with self._database.write() as connection:
            connection.execute(
                sa.update(privacy_requests)
                .where(privacy_requests.c.request_id == request_id)
                .values(result=result, **done)
            )

    def note_objection(self, customer_id: str, *, who: str, at: datetime) -> bool:
        """Keep an objection to marketing, from this moment on; False where it was known."""
        with self._database.write(lock=objections) as connection:
            known = sa.select(objections.c.customer_id).where(objections.c.customer_id == customer_id)
            if connection.execute(known).first() is not None:
                return False
            connection.execute(sa.insert(objections).values(customer_id=customer_id, objected_at=at, who=who))
        return True

    def objected(self) -> list[str]:
        """Return everybody whose objection was noted here."""
        with self._database.read() as connection:
            return [
                str(customer_id) for customer_id in connection.execute(sa.select(objections.c.customer_id)).scalars()
            ]

    def objected_at(self, customer_id: str) -> datetime | None:
        """Return since when a customer objects; None if no objection was noted here."""
        query = sa.select(objections.c.objected_at).where(objections.c.customer_id == customer_id)
        with self._database.read() as connection:
            moment: datetime | None = connection.execute(query).scalar()
        return moment

    def lists_of(self, customer_id: str) -> list[tuple[str, str]]:
        """Return connector and campaign of every list that a remote system holds the customer on, by our knowledge."""
        query = (
            sa.select(crm_records.c.connector, crm_records.c.campaign)
            .where(crm_records.c.customer_id == customer_id)
            .order_by(crm_records.c.connector, crm_records.c.campaign)
        )
        with self._database.read() as connection:
            return [(str(row[0]), str(row[1])) for row in connection.execute(query).all()]

    def erased_counts(self, campaign: str) -> dict[str, int]:
        """Return by arm how many of a campaign's customers were erased."""
        table = erased_assignments.c
        query = sa.select(table.arm, sa.func.sum(table.customers)).where(table.campaign == campaign).group_by(table.arm)
        with self._database.read() as connection:
            return {str(arm): int(count) for arm, count in connection.execute(query).all()}

    # Rows are free: they come from any table, with whatever columns it has.
    def rows_of(self, customer_id: str) -> dict[str, list[dict[str, Any]]]:
        """Return everything held of a customer, by table; tables that hold nothing are left out."""
        by_table: dict[str, list[dict[str, Any]]] = {}
        redaction = Redaction(customer_id)
        with self._database.read() as connection:
            for table in _tables(connection):
                if "customer_id" in table.c:
                    query = sa.select(table).where(table.c.customer_id == customer_id)
                    rows = [dict(row) for row in connection.execute(query).mappings()]
                else:
                    rows = [dict(row) for row, _ in _naming(connection, table, redaction)]
                if rows:
                    by_table[_name(table)] = rows
        return by_table

    def erase(self, customer_id: str, *, at: datetime, keep: Collection[str] = ()) -> dict[str, int]:
        """Leave a tombstone and remove every row of a customer but those of the tables in `keep`; return rows by table.

        Assignments leave a count behind. Texts and documents that name the id keep the rest of what they say. All of it
        in one transaction; a second time there is nothing left to do.
        """
        digest, redaction, erased_rows = self.hash_of(customer_id), Redaction(customer_id), dict[str, int]()
        with self._database.write(lock=score_list_state) as connection:  # a list that is being published is waited for
            known = sa.select(erased_customers.c.id_hash).where(erased_customers.c.id_hash == digest)
            if connection.execute(known).first() is None:
                connection.execute(sa.insert(erased_customers).values(id_hash=digest, erased_at=at))
            _count_arms(connection, customer_id)
            for table in _tables(connection):
                if table.name in keep:
                    continue
                if "customer_id" in table.c:
                    gone = connection.execute(sa.delete(table).where(table.c.customer_id == customer_id)).rowcount
                else:
                    gone = _redact(connection, table, redaction)
                if gone:
                    erased_rows[_name(table)] = gone
        return erased_rows

    def let_go(self, *, outcomes_before: datetime, pushes_before: datetime) -> dict[str, int]:
        """Delete outcomes with the logs of programmes, and the rows of finished pushes, from before two instants; return how many.

        What a push has put on a list (`crm_records`) stays as long as it is there.
        """
        old = sa.select(sync_runs.c.run_id).where(sync_runs.c.finished_at < pushes_before)
        wanted = {
            "outcomes": sa.delete(outcomes).where(outcomes.c.occurred_at < outcomes_before),
            "rejected outcomes": sa.delete(outcome_rejections).where(
                outcome_rejections.c.recorded_at < outcomes_before
            ),
            "rows of programmes' logs": sa.delete(programme_log).where(
                programme_log.c.snapshot_date < outcomes_before.date()
            ),
            "decisions at a moment": sa.delete(programme_decisions).where(
                programme_decisions.c.decided_at < outcomes_before
            ),
            "rows of pushes": sa.delete(outbox).where(outbox.c.run_id.in_(old)),
        }
        with self._database.write() as connection:
            return {name: connection.execute(statement).rowcount for name, statement in wanted.items()}

    def shred(self) -> None:
        """Rewrite an SQLite file so that what was deleted lies in no free page of it; a server's pages are its own affair."""
        if not self._database.is_sqlite:
            return
        with self._database.raw() as cursor:
            cursor.execute("vacuum")
            cursor.execute("pragma wal_checkpoint(truncate)")
            cursor.fetchall()


def _tables(connection: sa.Connection) -> list[sa.Table]:
    """Return the tables of the database itself; of a partitioned one the whole, which stands for its partitions."""
    partitions = partition_names(connection)
    metadata = sa.MetaData()
    metadata.reflect(connection, only=lambda name, _: name not in partitions)
    return [table for table in metadata.sorted_tables[::-1] if table.name not in _OURS]


def _name(table: sa.Table) -> str:
    """Return what people know a table by: that of all lists holds the scores."""
    return scores.name if table.name == LISTS else table.name


def _count_arms(connection: sa.Connection, customer_id: str) -> None:
    query = sa.select(assignments.c.campaign, assignments.c.plan_id, assignments.c.arm).where(
        assignments.c.customer_id == customer_id
    )
    table = erased_assignments.c
    for key in connection.execute(query).all():
        is_it = sa.and_(table.campaign == key[0], table.plan_id == key[1], table.arm == key[2])
        before = connection.execute(sa.select(table.customers).where(is_it)).scalar() or 0
        values = {"campaign": key[0], "plan_id": key[1], "arm": key[2], "customers": before + 1}
        upsert(connection, erased_assignments, [values])


def _naming(
    connection: sa.Connection, table: sa.Table, redaction: Redaction
) -> list[tuple[sa.RowMapping, dict[str, Any]]]:
    """Return the rows of any table whose texts or documents name the id, each with the columns as they shall be."""
    is_pointed_at = any(
        key.column.table is table for other in table.metadata.sorted_tables for key in other.foreign_keys
    )
    texts = [
        column
        for column in table.c
        if isinstance(column.type, sa.String | sa.JSON) and not (column.primary_key and is_pointed_at)
    ]
    if not texts or not table.primary_key.columns:
        return []
    like = [sa.cast(column, sa.Text).contains(way, autoescape=True) for column in texts for way in redaction.ways]
    naming = []
    for row in connection.execute(sa.select(table).where(sa.or_(*like))).mappings():
        changed = {column.name: redaction.document(row[column.name]) for column in texts}
        changed = {name: value for name, value in changed.items() if value != row[name]}
        for name in set(changed) & {column.name for column in table.primary_key}:
            changed[name] = f"{changed[name]} {secrets.token_hex(4)}"  # two rows may differ in the id alone
        if changed:
            naming.append((row, changed))
    return naming


def _redact(connection: sa.Connection, table: sa.Table, redaction: Redaction) -> int:
    naming = _naming(connection, table, redaction)
    for row, changed in naming:
        is_it = [column == row[column.name] for column in table.primary_key.columns]
        connection.execute(sa.update(table).where(*is_it).values(**changed))
    return len(naming)

"""What each remote system has acknowledged, whose record is whose, what it refused, and how far its outcomes were read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from churn.store.database import Database
from churn.store.frames import chunks, from_text, schema_of, upsert
from churn.store.records import RECORD_COLUMNS, FieldValue, Rejection
from churn.store.tables import crm_cursors, crm_ids, crm_records, crm_rejections

if TYPE_CHECKING:
    import polars as pl


_REJECTION_COLUMNS = [crm_rejections.c[field.name] for field in fields(Rejection)]


class CrmRepository:
    """Reads `crm_records`, `crm_ids` and `crm_rejections`; reads and writes `crm_cursors`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def records(self, connector: str, campaign: str) -> pl.DataFrame:
        """Return what the diff needs of every acknowledged record: the columns of `RECORD_COLUMNS`."""
        import polars as pl

        query = sa.select(*(crm_records.c[name] for name in RECORD_COLUMNS)).where(
            crm_records.c.connector == connector, crm_records.c.campaign == campaign
        )
        with self._database.read() as connection:
            rows = connection.execute(query).cursor.fetchall()
        # SQLite has 1 and 0 for booleans; building the frame by rows takes half the time of building it by columns.
        flag_type = pl.Int8 if self._database.is_sqlite else pl.Boolean
        kinds = {
            name: flag_type() if name.startswith("is_") else kind for name, kind in schema_of(RECORD_COLUMNS).items()
        }
        return pl.DataFrame(rows, schema=kinds, orient="row").with_columns(pl.col("^is_.*$").cast(pl.Boolean))

    def acknowledged(
        self, connector: str, campaign: str, customer_ids: Sequence[str]
    ) -> dict[str, tuple[dict[str, FieldValue], datetime]]:
        """Return by customer the remote fields that the other side holds for us, and since when."""
        acknowledged: dict[str, tuple[dict[str, FieldValue], datetime]] = {}
        with self._database.read() as connection:
            for keys in chunks(customer_ids):
                query = sa.select(
                    crm_records.c.customer_id, crm_records.c.acknowledged, crm_records.c.acknowledged_at
                ).where(
                    crm_records.c.connector == connector,
                    crm_records.c.campaign == campaign,
                    crm_records.c.customer_id.in_(keys),
                )
                acknowledged |= {key: (from_text(text), at) for key, text, at in connection.execute(query).all()}
        return acknowledged

    def others(
        self, connector: str, campaign: str, customer_ids: Sequence[str]
    ) -> dict[str, list[tuple[dict[str, FieldValue], datetime]]]:
        """Return by customer what the other campaigns have written to the same record, and when."""
        payloads: dict[str, list[tuple[dict[str, FieldValue], datetime]]] = {}
        with self._database.read() as connection:
            for keys in chunks(customer_ids):
                query = sa.select(
                    crm_records.c.customer_id, crm_records.c.acknowledged, crm_records.c.acknowledged_at
                ).where(
                    crm_records.c.connector == connector,
                    crm_records.c.campaign != campaign,
                    crm_records.c.customer_id.in_(keys),
                )
                for key, text, at in connection.execute(query).all():
                    payloads.setdefault(key, []).append((from_text(text), at))
        return payloads

    def doubted(self, connector: str, customer_ids: Sequence[str], *, since: datetime) -> set[str]:
        """Return those whose record of any campaign has been in doubt since a moment after `since`."""
        doubtful: set[str] = set()
        with self._database.read() as connection:
            for keys in chunks(customer_ids):
                query = sa.select(crm_records.c.customer_id).where(
                    crm_records.c.connector == connector,
                    crm_records.c.customer_id.in_(keys),
                    crm_records.c.is_uncertain,
                    crm_records.c.acknowledged_at > since,
                )
                doubtful |= set(connection.execute(query).scalars())
        return doubtful

    def campaigns(self, connector: str) -> dict[str, int]:
        """Return how many records of ours a system holds, by campaign."""
        query = (
            sa.select(crm_records.c.campaign, sa.func.count())
            .where(crm_records.c.connector == connector)
            .group_by(crm_records.c.campaign)
        )
        with self._database.read() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(query).all()}

    def remote_ids(self, connector: str, customer_ids: Sequence[str]) -> dict[str, str]:
        """Return the remote id of each customer whose record is known."""
        return self._ids(connector, crm_ids.c.customer_id, crm_ids.c.remote_id, customer_ids)

    def knows_ids(self, connector: str) -> bool:
        """Return whether the record of any customer is known by its remote id."""
        query = sa.select(crm_ids.c.customer_id).where(crm_ids.c.connector == connector).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def customers_of(self, connector: str, remote_ids: Sequence[str]) -> dict[str, str]:
        """Return the customer of each remote id that is known."""
        return self._ids(connector, crm_ids.c.remote_id, crm_ids.c.customer_id, remote_ids)

    def _ids(self, connector: str, key: sa.Column[Any], value: sa.Column[Any], keys: Sequence[str]) -> dict[str, str]:
        ids: dict[str, str] = {}
        with self._database.read() as connection:
            for some in chunks(keys):
                query = sa.select(key, value).where(crm_ids.c.connector == connector, key.in_(some))
                ids |= {str(ours): str(theirs) for ours, theirs in connection.execute(query).all()}
        return ids

    def forget_ids(self, connector: str, customer_ids: Sequence[str]) -> None:
        """Forget remote ids that have gone, so that the customers are looked up again."""
        with self._database.write() as connection:
            for keys in chunks(customer_ids):
                connection.execute(
                    sa.delete(crm_ids).where(crm_ids.c.connector == connector, crm_ids.c.customer_id.in_(keys))
                )

    def rejections(self, connector: str | None = None, campaign: str | None = None) -> list[Rejection]:
        """Return every open rejection, the newest first, of one connector and campaign or of all."""
        query = sa.select(*_REJECTION_COLUMNS).order_by(
            crm_rejections.c.last_seen_at.desc(), crm_rejections.c.customer_id
        )
        if connector is not None:
            query = query.where(crm_rejections.c.connector == connector)
        if campaign is not None:
            query = query.where(crm_rejections.c.campaign == campaign)
        with self._database.read() as connection:
            return [Rejection(**row) for row in connection.execute(query).mappings()]

    def release(
        self,
        connector: str,
        campaign: str,
        *,
        customer_ids: Iterable[str] | None = None,
        codes: Iterable[str] | None = None,
    ) -> int:
        """Let rejected rows be sent again at the next push: those named, those of some codes, or all; return how many."""
        table = crm_rejections.c
        where = [table.connector == connector, table.campaign == campaign]
        if customer_ids is not None:
            where.append(table.customer_id.in_(list(customer_ids)))
        if codes is not None:
            where.append(table.code.in_(list(codes)))
        with self._database.write() as connection:
            return connection.execute(sa.update(crm_rejections).where(*where).values(is_held=False)).rowcount

    def drop_rejections(self, connector: str, campaign: str, customer_ids: Sequence[str]) -> None:
        """Drop the rejections of customers who are no longer on the list."""
        table = crm_rejections.c
        with self._database.write() as connection:
            for keys in chunks(customer_ids):
                connection.execute(
                    sa.delete(crm_rejections).where(
                        table.connector == connector, table.campaign == campaign, table.customer_id.in_(keys)
                    )
                )

    def cursor(self, connector: str) -> str | None:
        """Return how far the outcomes of a system have been read; None before the first reading."""
        query = sa.select(crm_cursors.c.cursor).where(crm_cursors.c.connector == connector)
        with self._database.read() as connection:
            cursor = connection.execute(query).scalar()
        return str(cursor) if cursor is not None else None

    def save_cursor(self, connector: str, cursor: str | None, at: datetime) -> None:
        """Keep how far outcomes have been read, once they are stored."""
        values: Mapping[str, Any] = {"connector": connector, "cursor": cursor, "read_at": at}
        with self._database.write() as connection:
            upsert(connection, crm_cursors, [values])

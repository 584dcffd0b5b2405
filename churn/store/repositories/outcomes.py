"""Outcome events of customers, from CRMs and files: each once, also about people whom no campaign knows."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from churn.errors import ContractBroken
from churn.store.database import Database
from churn.store.frames import fetch, insert_new, typed
from churn.store.records import OUTCOME_COLUMNS, OUTCOME_KINDS, REJECTION_COLUMNS, Added, OutcomeCount
from churn.store.repositories.tombstones import without_erased
from churn.store.tables import assignments, outcome_rejections, outcomes

if TYPE_CHECKING:
    import polars as pl


_SHORT = 5_000  # customers; for a longer list whole campaigns are read, which is faster
_CHUNK = 500

_IS_MATCHED = assignments.c.customer_id.is_not(None).label("is_matched")
_JOIN = outcomes.outerjoin(
    assignments,
    sa.and_(assignments.c.campaign == outcomes.c.campaign, assignments.c.customer_id == outcomes.c.customer_id),
)


class OutcomeRepository:
    """Reads and writes `outcomes` and `outcome_rejections`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, frame: pl.DataFrame, recorded_at: datetime) -> Added:
        """Keep events, each once however often it comes, in one transaction.

        `frame`: customer_id, campaign, event_id, kind, occurred_at (UTC), source. An event whose key is known is left
        as it is. Events about nobody assigned to the campaign are kept and counted: the campaign may be planned
        elsewhere. Raises ContractBroken for a missing column, an empty value, or an unknown kind.
        """
        import polars as pl

        rows = typed(frame.with_columns(recorded_at=pl.lit(recorded_at)), OUTCOME_COLUMNS, where="outcomes")
        rows = without_erased(self._database, rows)
        if strange := set(rows["kind"]) - set(OUTCOME_KINDS):
            raise ContractBroken(
                f"an outcome is of the kind {min(strange)!r}",
                where="outcomes",
                remedy=f"The kinds are {', '.join(OUTCOME_KINDS)}.",
            )
        rows = rows.unique(["campaign", "customer_id", "event_id"], keep="first", maintain_order=True)
        with self._database.write(lock=outcomes) as connection:
            new = insert_new(connection, outcomes, rows)
        with self._database.read() as connection:
            assigned = _touching(connection, assignments, rows, ["campaign", "customer_id"])
        unmatched = rows.join(assigned, on=["campaign", "customer_id"], how="anti").height
        return Added(new=new, known=rows.height - new, unmatched=unmatched)

    def known(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the events known of the customers of `rows`: campaign, customer_id, event_id, kind."""
        with self._database.read() as connection:
            return _touching(connection, outcomes, rows, ["campaign", "customer_id", "event_id", "kind"])

    def of(self, campaign: str) -> pl.DataFrame:
        """Return every event of a campaign, oldest first: the columns of `OUTCOME_COLUMNS` and `is_matched`.

        An event is matched when its customer is assigned to the campaign now, whenever the event came.
        """
        return self._fetch([outcomes.c.campaign == campaign])

    def recent(self, *, campaign: str | None = None, kind: str | None = None, limit: int | None = None) -> pl.DataFrame:
        """Return the newest events first, of one campaign and kind or of all, as `of` does."""
        filters: list[sa.ColumnElement[bool]] = []
        if campaign is not None:
            filters.append(outcomes.c.campaign == campaign)
        if kind is not None:
            filters.append(outcomes.c.kind == kind)
        return self._fetch(filters, newest_first=True, limit=limit)

    def of_customer(self, customer_id: str) -> list[dict[str, object]]:
        """Return a customer's events, oldest first: campaign, kind, occurred_at, source."""
        query = (
            sa.select(outcomes.c.campaign, outcomes.c.kind, outcomes.c.occurred_at, outcomes.c.source)
            .where(outcomes.c.customer_id == customer_id)
            .order_by(outcomes.c.occurred_at, outcomes.c.event_id)
        )
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def counts(self) -> list[OutcomeCount]:
        """Return how many events there are of each campaign and kind, and how many of them are matched."""
        query = (
            sa.select(
                outcomes.c.campaign,
                outcomes.c.kind,
                sa.func.count().label("events"),
                sa.func.count(assignments.c.customer_id).label("matched"),
                sa.func.max(outcomes.c.occurred_at).label("last_occurred_at"),
            )
            .select_from(_JOIN)
            .group_by(outcomes.c.campaign, outcomes.c.kind)
            .order_by(outcomes.c.campaign, outcomes.c.kind)
        )
        with self._database.read() as connection:
            return [OutcomeCount(**row) for row in connection.execute(query).mappings()]

    def keep_rejected(self, frame: pl.DataFrame, recorded_at: datetime, *, accepted: list[str]) -> int:
        """Keep rows that could not be taken, each once, with the reason; return how many are new.

        `frame` has the columns of `REJECTION_COLUMNS` but `recorded_at`. `accepted` are the ids of rows that were
        rejected earlier, it may be, and have now been taken: they are struck off.
        """
        import polars as pl

        optional = set(REJECTION_COLUMNS) - {"rejection_id", "source", "reason"}
        stamped = frame.with_columns(recorded_at=pl.lit(recorded_at))
        rows = typed(stamped, REJECTION_COLUMNS, optional=optional, where="rejected outcomes")
        rows = without_erased(self._database, rows)
        with self._database.write(lock=outcome_rejections) as connection:
            known = connection.execute(sa.select(outcome_rejections.c.rejection_id)).scalars()
            struck = [{"struck": event_id} for event_id in set(accepted).intersection(known)]
            if struck:
                is_it = outcome_rejections.c.rejection_id == sa.bindparam("struck")
                connection.execute(sa.delete(outcome_rejections).where(is_it), struck)
            return insert_new(connection, outcome_rejections, rows)

    def rejected(self, *, limit: int | None = None) -> pl.DataFrame:
        """Return the rows that could not be taken, newest first, with the columns of `REJECTION_COLUMNS`."""
        query = (
            sa.select(*(outcome_rejections.c[name] for name in REJECTION_COLUMNS))
            .order_by(outcome_rejections.c.recorded_at.desc(), outcome_rejections.c.rejection_id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return fetch(connection, query, REJECTION_COLUMNS)

    def _fetch(
        self, filters: list[sa.ColumnElement[bool]], *, newest_first: bool = False, limit: int | None = None
    ) -> pl.DataFrame:
        at = outcomes.c.occurred_at
        query = (
            sa.select(*(outcomes.c[name] for name in OUTCOME_COLUMNS), _IS_MATCHED)
            .select_from(_JOIN)
            .where(*filters)
            .order_by(at.desc() if newest_first else at, outcomes.c.customer_id, outcomes.c.event_id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return fetch(connection, query, OUTCOME_COLUMNS | {"is_matched": "Boolean"})


def _touching(connection: sa.Connection, table: sa.Table, rows: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Return `names` of the table's rows about the customers of `rows`; of a long list, about its campaigns."""
    import polars as pl

    columns = dict.fromkeys(names, "String")
    query = sa.select(*(table.c[name] for name in names)).where(
        table.c.campaign.in_(rows["campaign"].unique().sort().to_list())
    )
    if rows.height > _SHORT:
        return fetch(connection, query, columns)
    customers = rows["customer_id"].unique().sort().to_list()
    parts = [
        fetch(connection, query.where(table.c.customer_id.in_(customers[start : start + _CHUNK])), columns)
        for start in range(0, max(len(customers), 1), _CHUNK)
    ]
    return pl.concat(parts)

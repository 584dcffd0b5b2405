"""Reads the rows of a push and what became of each, for people who look at what a CRM was told and what it answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from churn.store.database import Database
from churn.store.records import PushedKind, PushedRow, SyncRun
from churn.store.repositories.outbox import outbox_row
from churn.store.tables import crm_rejections, outbox

_DONE: Final = outbox.c.state == "done"
_KIND: Final = sa.case(
    (outbox.c.state == "rejected", "refused"),
    (~_DONE, "left"),
    (outbox.c.action != "write", "cleared"),
    (outbox.c.code == "created", "added"),
    (outbox.c.code == "updated", "changed"),
    (outbox.c.code == "unchanged", "same"),
    else_="written",
)
_PORTION: Final = 2_000


class PushedRowRepository:
    """Reads `outbox` with the rejections that still stand."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self, run_id: str) -> dict[PushedKind, int]:
        """Return how many rows of a run came to what; nothing once its rows are no longer kept."""
        kind = _KIND.label("kind")
        query = sa.select(kind, sa.func.count()).where(outbox.c.run_id == run_id).group_by(kind)
        with self._database.read() as connection:
            return {row[0]: int(row[1]) for row in connection.execute(query).all()}

    def rows(
        self, run: SyncRun, *, kind: PushedKind | None = None, search: str = "", limit: int, after: int = -1
    ) -> list[PushedRow]:
        """Return rows of a run by position, beyond `after`: of one kind, and of customers whose id contains `search`."""
        stands = sa.and_(
            crm_rejections.c.connector == run.connector,
            crm_rejections.c.campaign == run.campaign,
            crm_rejections.c.customer_id == outbox.c.customer_id,
        )
        query = (
            sa.select(
                outbox,
                _KIND.label("kind"),
                crm_rejections.c.field.label("remote_field"),
                crm_rejections.c.attempts.label("refusals"),
            )
            .select_from(outbox.outerjoin(crm_rejections, stands))
            .where(outbox.c.run_id == run.run_id, outbox.c.position > after)
            .order_by(outbox.c.position, outbox.c.customer_id)
            .limit(limit)
        )
        if kind is not None:
            query = query.where(_KIND.in_([kind]))
        if search:
            query = query.where(outbox.c.customer_id.icontains(search, autoescape=True))
        with self._database.read() as connection:
            return [
                PushedRow(
                    row=outbox_row(row),
                    kind=row["kind"],
                    code=row["code"],
                    message=row["message"],
                    remote_field=row["remote_field"] if row["kind"] == "refused" else None,
                    is_refused_still=row["kind"] == "refused" and row["refusals"] is not None,
                )
                for row in connection.execute(query).mappings()
            ]

    def every(self, run: SyncRun, *, kind: PushedKind | None = None, search: str = "") -> Iterator[PushedRow]:
        """Yield every row that matches, read in portions."""
        after = -1
        while rows := self.rows(run, kind=kind, search=search, limit=_PORTION, after=after):
            yield from rows
            after = rows[-1].row.position

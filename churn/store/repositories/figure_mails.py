"""Choices of figures that are mailed each month, and for which month each was sent last."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa

from churn.store.database import Database
from churn.store.service_records import FigureMail, NewFigureMail
from churn.store.service_tables import figure_mails


class FigureMailRepository:
    """Reads and writes `figure_mails`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, wanted: NewFigureMail, at: datetime) -> int:
        """Keep a choice and return its number."""
        values = {
            "owner": wanted.owner,
            "addresses": list(wanted.addresses),
            "tables": list(wanted.tables),
            "segment": wanted.segment,
            "value": wanted.value,
            "months": wanted.months,
            "made_at": at,
            "language": wanted.language,
        }
        with self._database.write() as connection:
            query = sa.insert(figure_mails).values(**values).returning(figure_mails.c.mail_id)
            return int(connection.execute(query).scalar_one())

    def list(self, owner: str | None = None) -> list[FigureMail]:
        """Return the choices of everybody, or of one person, oldest first."""
        query = sa.select(figure_mails).order_by(figure_mails.c.mail_id)
        if owner is not None:
            query = query.where(figure_mails.c.owner == owner)
        with self._database.read() as connection:
            return [
                FigureMail(
                    owner=row.owner,
                    addresses=tuple(row.addresses),
                    tables=tuple(row.tables),
                    segment=row.segment,
                    value=row.value,
                    months=row.months,
                    language=row.language,
                    mail_id=row.mail_id,
                    made_at=row.made_at,
                    sent_for=row.sent_for,
                    sent_at=row.sent_at,
                )
                for row in connection.execute(query)
            ]

    def sent(self, mail_id: int, month: date, at: datetime) -> None:
        """Note that a choice was sent for a month."""
        with self._database.write() as connection:
            query = sa.update(figure_mails).where(figure_mails.c.mail_id == mail_id)
            connection.execute(query.values(sent_for=month, sent_at=at))

    def remove(self, mail_id: int) -> bool:
        """Forget a choice; say whether there was one."""
        with self._database.write() as connection:
            query = sa.delete(figure_mails).where(figure_mails.c.mail_id == mail_id)
            return connection.execute(query).rowcount > 0

"""Views of the risk list that people saved: each their own, by name."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from churn.store.database import Database
from churn.store.service_records import SavedView
from churn.store.service_tables import saved_views


class SavedViewRepository:
    """Reads and writes `saved_views`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, owner: str, name: str, query: str, at: datetime) -> None:
        """Keep a view of somebody's under `name`, in place of what was there."""
        is_it = sa.and_(saved_views.c.owner == owner, saved_views.c.name == name)
        with self._database.write(lock=saved_views) as connection:
            connection.execute(sa.delete(saved_views).where(is_it))
            connection.execute(sa.insert(saved_views).values(owner=owner, name=name, query=query, saved_at=at))

    def list(self, owner: str) -> list[SavedView]:
        """Return somebody's views by name."""
        query = sa.select(saved_views.c.name, saved_views.c.query, saved_views.c.saved_at)
        with self._database.read() as connection:
            rows = connection.execute(query.where(saved_views.c.owner == owner).order_by(saved_views.c.name))
            return [SavedView(*row) for row in rows]

    def remove(self, owner: str, name: str) -> bool:
        """Forget a view; say whether there was one."""
        is_it = sa.and_(saved_views.c.owner == owner, saved_views.c.name == name)
        with self._database.write() as connection:
            return connection.execute(sa.delete(saved_views).where(is_it)).rowcount > 0

"""What campaigns were found to have caused: every measurement is kept, so that a later one can be compared with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from churn.store.database import Database
from churn.store.records import Measurement
from churn.store.tables import measurements

_COLUMNS = [measurements.c[field.name] for field in fields(Measurement)]


class MeasurementRepository:
    """Reads and writes `measurements`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(
        self,
        campaign: str,
        plan_ids: Sequence[str],
        result: Mapping[str, Any],
        *,
        is_mature: bool,
        measured_at: datetime,
    ) -> int:
        """Keep one measurement and return its number. NaN in the result becomes null."""
        values = {"campaign": campaign, "plan_ids": list(plan_ids), "result": dict(result)}
        with self._database.write() as connection:
            result_ = connection.execute(
                sa.insert(measurements).values(**values, is_mature=is_mature, measured_at=measured_at)
            )
            (measurement_id,) = result_.inserted_primary_key or (0,)
            return int(measurement_id)

    def list(self, campaign: str | None = None) -> list[Measurement]:
        """Return the newest measurements first, of one campaign or of all."""
        query = sa.select(*_COLUMNS).order_by(measurements.c.measurement_id.desc())
        if campaign is not None:
            query = query.where(measurements.c.campaign == campaign)
        with self._database.read() as connection:
            return [Measurement(**row) for row in connection.execute(query).mappings()]

    def latest(self, campaign: str, *, is_mature: bool | None = None) -> Measurement | None:
        """Return the newest measurement of a campaign, on request only a mature one; None if there is none."""
        query = sa.select(*_COLUMNS).where(measurements.c.campaign == campaign)
        if is_mature is not None:
            query = query.where(measurements.c.is_mature == is_mature)
        query = query.order_by(measurements.c.measurement_id.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return Measurement(**row) if row is not None else None

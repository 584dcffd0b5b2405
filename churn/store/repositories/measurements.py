"""What campaigns were found to have caused: every measurement is kept, so that a later one can be compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

import sqlalchemy as sa

from churn.documents.measurement import MeasurementDocument
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
        result: MeasurementDocument,
        *,
        is_mature: bool,
        measured_at: datetime,
    ) -> int:
        """Keep one measurement and return its number."""
        insert = sa.insert(measurements).values(
            campaign=campaign,
            plan_ids=list(plan_ids),
            result=result.as_json(),
            is_mature=is_mature,
            measured_at=measured_at,
        )
        with self._database.write() as connection:
            (measurement_id,) = connection.execute(insert).inserted_primary_key or (0,)
            return int(measurement_id)

    def list(self, campaign: str | None = None) -> list[Measurement]:
        """Return the newest measurements first, of one campaign or of all."""
        query = sa.select(*_COLUMNS).order_by(measurements.c.measurement_id.desc())
        if campaign is not None:
            query = query.where(measurements.c.campaign == campaign)
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(query).mappings()]

    def latest(self, campaign: str, *, is_mature: bool | None = None) -> Measurement | None:
        """Return the newest measurement of a campaign, on request only a mature one; None if there is none."""
        query = sa.select(*_COLUMNS).where(measurements.c.campaign == campaign)
        if is_mature is not None:
            query = query.where(measurements.c.is_mature == is_mature)
        query = query.order_by(measurements.c.measurement_id.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return _record(row) if row is not None else None


def _record(row: sa.RowMapping) -> Measurement:
    where = f"measurement {row['measurement_id']} of {row['campaign']}"
    return Measurement(**{**row, "result": MeasurementDocument.read(row["result"], where=where)})

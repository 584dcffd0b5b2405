"""The save ledger: of every campaign ever planned what its plans expected, and what its newest measurement found."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from churn.context import Context
from churn.documents.document import Document
from churn.documents.measurement import MeasurementStatus, SaveLedger, Verdict


class LedgerRow(Document):
    """One campaign. `measured_customers` are those of the newest measurement; others may have joined since, or have nobody to be compared with."""

    campaign: str
    treatment: int
    holdout: int
    measured_customers: int
    status: MeasurementStatus | Literal["not_measured"]
    verdict: Verdict | None
    measured_at: datetime | None
    ready_date: date | None
    ledger: SaveLedger | None
    currency: str


def read_ledger(context: Context) -> list[LedgerRow]:
    """Return a row per campaign, by name."""
    with context.open_store() as store:
        counts = store.assignments.counts()
        rows = []
        for campaign in sorted({plan.campaign for plan in store.plans.list()}):
            newest = store.measurements.latest(campaign)
            measured = newest.result if newest is not None else None
            arms = counts.get(campaign)
            rows.append(
                LedgerRow(
                    campaign=campaign,
                    treatment=arms.treatment if arms else 0,
                    holdout=arms.holdout if arms else 0,
                    measured_customers=measured.arms.customers if measured else 0,
                    status=measured.status if measured else "not_measured",
                    verdict=measured.verdict if measured else None,
                    measured_at=newest.measured_at if newest else None,
                    ready_date=measured.maturity.ready_date if measured else None,
                    ledger=measured.ledger if measured else None,
                    currency=measured.currency if measured else context.settings.business.currency,
                )
            )
    return rows

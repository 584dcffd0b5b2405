"""Hands over the reasons of everybody with a score, a row each, as CSV."""

from __future__ import annotations

from collections.abc import Iterator

from churn.context import Context
from churn.files import csv_text
from churn.views.risk_index import Filters, RiskIndexes
from churn.views.scored_customer import scored_customer

HEADER = (
    "customer_id",
    "churn_probability",
    "place",
    "feature",
    "value",
    "points",
    "reason",
    "is_actionable",
    "snapshot_date",
    "model_version",
)
_PORTION = 2_000


def export_reasons(context: Context, indexes: RiskIndexes) -> Iterator[str]:
    """Yield the reasons behind each probability of the current list, strongest first; only a header before the first list."""
    yield csv_text([HEADER])
    with context.open_store() as store:
        run = store.scores.current_run()
        if run is None:
            return
        index = indexes.of(store, run.run_id)
        places = index.matching(Filters(), order="customer_id", descending=False)
        for start in range(0, len(places), _PORTION):
            page = store.scores.customers(index.customers(places[start : start + _PORTION]))
            if page.run is None or page.run.run_id != run.run_id:
                return  # a newer list has come: half of each would be neither
            customers = [scored_customer(row, tells_money=False) for row in page.documents()]
            yield csv_text(
                [
                    [
                        customer["customer_id"],
                        customer["churn_probability"],
                        place,
                        reason["feature"],
                        reason["value"],
                        reason["points"],
                        reason["text"],
                        reason["is_actionable"],
                        run.snapshot_date,
                        run.model_version,
                    ]
                    for customer in customers
                    for place, reason in enumerate(customer["reasons"], 1)
                ]
            )

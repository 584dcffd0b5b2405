"""Reads one customer's published score with its reasons, and which campaigns they are in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from churn.context import Context
from churn.errors import DataError
from churn.views.current_run import current_run, not_listed, run_facts
from churn.views.scored_customer import scored_customer


def customer_risk(context: Context, customer_id: str) -> dict[str, Any]:
    """Return a customer's score, reasons, change, campaigns, and the run's own facts. Raises NotFound, DataError."""
    with context.open_store() as store:
        run = current_run(store.published.current_run())
        row = store.published.customer(customer_id)
        assigned = store.assignments.of_customer(customer_id) if row is not None else []
    if row is None:
        raise not_listed(run)
    return {**scored_customer(row), **run_facts(run), "campaigns": assigned, "recommended_action": action_of(assigned)}


def explain_customer(context: Context, customer_id: str) -> dict[str, Any]:
    """Return one customer's score, reasons and change, with the run's own facts. Raises DataError when unknown."""
    with context.open_store() as store:
        run = current_run(store.published.current_run())
        row = store.published.customer(customer_id)
    if row is None:
        raise DataError(
            f"no score for customer `{customer_id}`",
            where=f"list of {run.snapshot_date}",
            remedy="Not active then, or misspelt.",
        )
    customer = scored_customer(row)
    return {**row, **customer, **run_facts(run)}


def action_of(assigned: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the campaign to contact a customer with: the newest they are in, none for those held out of any."""
    treated = [a for a in assigned if a["arm"] == "treatment"]
    held_out = any(a["arm"] == "holdout" for a in assigned)
    return treated[-1]["campaign"] if treated and not held_out else None

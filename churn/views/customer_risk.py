"""Reads one customer's published score with its reasons, and which campaigns they are in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from churn.context import Context
from churn.errors import DataError
from churn.views.current_run import current_run, not_listed, run_facts


def customer_risk(context: Context, customer_id: str) -> dict[str, Any]:
    """Return a customer's score, reasons, change, campaigns, and the run's own facts. Raises NotFound, DataError."""
    with context.open_store() as store:
        run = current_run(store.published.current_run())
        row = store.published.customer(customer_id)
        assigned = store.assignments.of_customer(customer_id) if row is not None else []
    if row is None:
        raise not_listed(run)
    return {**parsed(row), **run_facts(run), "campaigns": assigned, "recommended_action": action_of(assigned)}


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
    row = dict(row)
    for key in ("reasons", "change_reasons"):
        row[key] = json.loads(row[key]) if row.get(key) else None
    return row | run_facts(run)


def action_of(assigned: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the campaign to contact a customer with: the newest they are in, none for those held out of any."""
    treated = [a for a in assigned if a["arm"] == "treatment"]
    held_out = any(a["arm"] == "holdout" for a in assigned)
    return treated[-1]["campaign"] if treated and not held_out else None


def parsed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the store with its reasons read."""
    found = dict(row)
    for key in ("reasons", "change_reasons"):
        found[key] = json.loads(found[key]) if found.get(key) else None
    found["reasons"] = found["reasons"] or []
    return found

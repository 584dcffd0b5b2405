"""Puts together everything an exploration says, as plain values for page, file and program."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from churn.context import Context
from churn.decisions.experiment import wilson
from churn.exploration import words
from churn.exploration.association import associations
from churn.exploration.insights import find_insights
from churn.exploration.profile import churn_by_bin
from churn.exploration.staying import retention, survival_by_plan, survival_by_tenure
from churn.exploration.structure import structure
from churn.snapshots.dates import is_flat
from churn.views.home import is_demo_home
from churn.warehouse.models.build import build
from churn.wording import count, percent

if TYPE_CHECKING:
    from churn.exploration.table import Table
    from churn.snapshots.policy import SnapshotPolicy
    from churn.warehouse import SqlModel
    from churn.warehouse.connection import Warehouse


def build_document(
    context: Context,
    warehouse: Warehouse,
    models: Mapping[str, SqlModel],
    policy: SnapshotPolicy,
    table: Table,
    day: date,
) -> dict[str, Any]:
    """Return what `table` and the marts of `warehouse` say; no customer is named in it."""
    currency = context.settings.business.currency
    counts = {column.name: table.counts(column) for column in table.columns}
    context.progress.step("Searching for insights")
    findings = find_insights(table, counts)
    context.progress.step("Looking at how columns go together, and how long customers stay")
    found, parts = table.observations, table.parts
    labelled = table.labelled
    churned = int(np.count_nonzero(found.churned[(found.churned >= 0) & ~found.is_treated]))
    rate = churned / labelled if labelled else None
    return {
        "snapshot_date": str(day),
        "explored_at": context.clock().isoformat(timespec="seconds"),
        "currency": currency,
        "is_simulated": is_demo_home(context.settings.home),
        "horizon_days": policy.window_days,
        "dates": [str(each) for each in found.dates],
        "divided_by": parts.by,
        "searched_on": [str(each) for each in parts.search_dates],
        "tested_on": [str(each) for each in parts.test_dates],
        "customers": int(table.current.size),
        "monthly_fees": float(table.fee.sum()),
        "rows": table.rows,
        "labelled_rows": labelled,
        "churned_rows": churned,
        "churn_rate": rate,
        "churn_interval": list(wilson(churned, labelled)) if labelled else None,
        "headline": words.headline(findings, rate, currency),
        "tally": words.tally(findings),
        "method": words.method(parts, findings) if labelled else None,
        "notes": _notes(table),
        "insights": [
            {"rank": rank, **words.insight_document(insight, currency, parts.test_dates)}
            for rank, insight in enumerate(findings.insights, 1)
        ],
        "association": associations(table, counts),
        "structure": structure(table),
        **_staying(warehouse, models, table, counts, labelled),
        "profile": [
            profile.to_dict()
            | {"churn": churn_by_bin(column, counts[column.name].sum(axis=0), parts.overlap) if labelled else []}
            for column, profile in zip(table.columns, table.profiles, strict=True)
        ],
    }


def _staying(
    warehouse: Warehouse,
    models: Mapping[str, SqlModel],
    table: Table,
    counts: Mapping[str, NDArray[np.int64]],
    labelled: int,
) -> dict[str, Any]:
    """Return survival and retention, from contracts where there are any, else along a column of tenure.

    Before the first label window has closed there is neither, and contracts have not been put in spans.
    """
    if not is_flat(warehouse) and labelled and warehouse.rows("select 1 from snapshots.spans limit 1"):
        names = ("marts.survival_by_age", "marts.cohort_retention")
        build(warehouse, models, schemas=("marts",), names=names)
        ages, cohorts = (warehouse.frame(f"select * from {name}") for name in names)
        return {"survival": survival_by_plan(ages), "retention": retention(cohorts)}
    return {"survival": survival_by_tenure(table, dict(counts)), "retention": []}


def _notes(table: Table) -> list[str]:
    """Return what a reader has to know before believing anything."""
    found, notes = table.observations, []
    treated = int(np.count_nonzero(found.is_treated & (found.churned >= 0)))
    if treated:
        notes.append(
            f"{count(treated)} rows of customers whom a campaign contacted are left out: their churn is not what it "
            "would have been."
        )
    if found.sampled < 1:
        notes.append(f"Of earlier dates {percent(found.sampled)} of customers are read, chosen by a hash of their id.")
    if table.labelled and table.parts.by == "customer":
        notes.append(
            "There are no later dates to test on, so insights were found on one half of the customers and tested on the other."
        )
    if not table.labelled:
        notes.append(
            "No outcome is known yet: the label windows of all dates are still open, or the source has no label. Churn is "
            "left out until there are some."
        )
    return notes

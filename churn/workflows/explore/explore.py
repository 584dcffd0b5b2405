"""Explores the data: profile, associations, structure, survival, and insights tested on later dates; as page and JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as midnight
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from churn.context import Context
from churn.decisions.experiment import wilson
from churn.errors import ConfigError, NotEnoughData
from churn.exploration import words
from churn.exploration.association import associations
from churn.exploration.insights import find_insights
from churn.exploration.profile import churn_by_bin
from churn.exploration.staying import retention, survival_by_plan, survival_by_tenure
from churn.exploration.structure import structure
from churn.exploration.table import add_columns, arrange
from churn.files import write_text
from churn.reports.exploration import render_exploration
from churn.snapshots.dataset import build_snapshots, data_cutoff
from churn.snapshots.dates import default_snapshot_date, is_flat, training_dates
from churn.snapshots.observations import groups, read_observations
from churn.snapshots.policy import SnapshotPolicy
from churn.views.home import is_demo_home
from churn.views.insights import LATEST
from churn.warehouse.models.build import build
from churn.warehouse.models.sql_models import load_models
from churn.wording import count, percent

if TYPE_CHECKING:
    from churn.exploration.table import Table
    from churn.warehouse import SqlModel
    from churn.warehouse.connection import Warehouse


@dataclass(frozen=True)
class ExploreResult:
    """What was found, and where it lies: the page, the document beside it, the insights alone."""

    document: dict[str, Any]
    files: dict[str, Path]


def explore_data(context: Context, on: date | None = None, out: Path | None = None) -> ExploreResult:
    """Explore the data as of `on` (default: where they end); write the page to `out` and the insights to the home.

    Outcomes count as far as they were known on that day. Raises ConfigError for a date the data do not reach or a wrong
    ending, NotEnoughData when nothing is loaded or nobody is a customer on that date.
    """
    if out is not None and out.suffix != ".html":
        raise ConfigError(f"cannot write `{out.suffix}`", where="--out", remedy="Use .html; the JSON goes beside it.")
    began = time.monotonic()
    home = context.settings.home
    with context.recorded("explore_data", on):
        with context.open_warehouse("churn explore") as warehouse:
            models, policy, day = _built(context, warehouse, on)
            built = time.monotonic()
            table = read_table(context, warehouse, models, policy)
            document = build_document(context, warehouse, models, policy, table, day)
        document["seconds"] = {"features": round(built - began, 3), "exploring": 0.0}
        page = out or home / "reports" / "exploration.html"
        files = {"page": page, "document": page.with_suffix(".json"), "insights": home / LATEST}
        context.progress.step("Drawing the page")
        write_text(page, render_exploration(document, home=home))
        document["seconds"]["exploring"] = round(time.monotonic() - built, 3)
        write_text(files["document"], _json(document))
        write_text(files["insights"], _json(insights_alone(document)))
    return ExploreResult(document, files)


def insights_alone(document: dict[str, Any]) -> dict[str, Any]:
    """Return what pages and reports need of an exploration: the insights, and what they rest on."""
    wanted = (
        "snapshot_date",
        "explored_at",
        "currency",
        "horizon_days",
        "customers",
        "churn_rate",
        "headline",
        "tally",
        "method",
        "tested_on",
        "is_simulated",
        "notes",
        "insights",
    )
    return {name: document[name] for name in wanted}


def _built(context: Context, warehouse: Warehouse, on: date | None) -> tuple[dict[str, SqlModel], SnapshotPolicy, date]:
    """Build the snapshots of the dates that tell and of the newest one; return the models, the policy and that date."""
    settings = context.settings
    models, policy = load_models(settings.home), SnapshotPolicy.from_settings(settings)
    cutoff = data_cutoff(warehouse)
    newest = default_snapshot_date(warehouse, context.today)
    day = on or newest
    if day > newest:
        raise ConfigError(f"{day} lies beyond the data", where="--date", remedy=f"They reach {newest}.")
    try:
        dates = training_dates(warehouse, policy, every=settings.training.every, limit=settings.training.snapshots)
    except NotEnoughData:
        dates = []  # the profile can be told all the same
    if not is_flat(warehouse):
        cutoff = min(cutoff, datetime.combine(day, midnight()))
        dates = [each for each in dates if policy.matures_at(each) <= cutoff]
    dates = [each for each in dates if each < day]
    build_snapshots(warehouse, models, policy, [*dates, day], data_cutoff=cutoff, progress=context.progress)
    if not warehouse.rows("select 1 from snapshots.spine where snapshot_date = ? limit 1", [day]):
        raise NotEnoughData(
            f"nobody is a customer on {day}", where="snapshots.spine", remedy="Choose a date that the data cover."
        )
    return models, policy, day


def read_table(context: Context, warehouse: Warehouse, models: dict[str, SqlModel], policy: SnapshotPolicy) -> Table:
    """Return the snapshots built last, encoded and profiled."""
    with context.open_store() as store:
        assigned = store.assignments.customers(arm="treatment")
    context.progress.step("Reading customers and outcomes")
    table = arrange(read_observations(warehouse, policy, assigned=assigned), policy)
    context.progress.step("Looking at every column")
    add_columns(table, groups(warehouse, models))
    return table


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, default=str, indent=1, allow_nan=False) + "\n"


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

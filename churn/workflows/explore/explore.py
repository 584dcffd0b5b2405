"""Explores the data: profile, associations, structure, survival, and insights tested on later dates; as page and JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as midnight
from pathlib import Path
from typing import TYPE_CHECKING

from churn.context import Context
from churn.documents.document import Document
from churn.documents.exploration import ExplorationDocument, ExplorationSeconds
from churn.errors import ConfigError, NotEnoughData
from churn.exploration.explore import Lifetimes, Occasion, explore_table
from churn.exploration.table import add_columns, arrange
from churn.files import WORKBOOK, check_ending, write_text, write_workbook
from churn.reports.exploration import render_exploration
from churn.reports.workbooks import exploration_sheets
from churn.snapshots.dataset import data_cutoff, share_within
from churn.snapshots.dates import default_snapshot_date, is_flat, training_dates
from churn.snapshots.observations import groups, read_observations
from churn.snapshots.policy import SnapshotPolicy
from churn.views.insights import LATEST
from churn.warehouse.models.build import build
from churn.warehouse.models.sql_models import load_models

if TYPE_CHECKING:
    from churn.exploration.table import ExplorationTable
    from churn.warehouse import SqlModel
    from churn.warehouse.connection import Warehouse


ENDINGS = (".html", WORKBOOK)
_MOST_ROWS = 3_000_000  # of earlier dates; more say no more, and their codes would not fit a small machine


@dataclass(frozen=True)
class ExplorationFiles:
    """Where an exploration lies: the page, the document beside it, the insights alone, and its tables where asked for."""

    page: Path
    document: Path
    insights: Path
    tables: Path | None = None


@dataclass(frozen=True)
class ExploreResult:
    """What was found, and where it lies."""

    document: ExplorationDocument
    files: ExplorationFiles


def explore_data(
    context: Context, on: date | None = None, out: Path | None = None, *, language: str | None = None
) -> ExploreResult:
    """Explore the data as of `on` (default: where they end); write the page to `out` and the insights to the home.

    An `out` that ends with .xlsx takes the tables, and the page goes where it goes without. The page is in `language`,
    by default the company's.

    Outcomes count as far as they were known on that day. Raises ConfigError for a date the data do not reach, a wrong
    ending, or a language without words, NotEnoughData when nothing is loaded or nobody is a customer on that date.
    """
    if out is not None:
        check_ending(out, ENDINGS, where="--out")
    tables = out if out is not None and out.suffix == WORKBOOK else None
    spoken = context.speaking(language)
    began = time.monotonic()
    home = context.settings.home
    page = out if out is not None and tables is None else home / "reports" / "exploration.html"
    files = ExplorationFiles(page, page.with_suffix(".json"), home / LATEST, tables)
    with context.recorded("explore_data", on):
        with context.open_warehouse("churn explore") as warehouse:
            models, policy, day = _built(context, warehouse, on)
            built = time.monotonic()
            table = read_table(context, warehouse, models, policy)
            document = read_document(context, warehouse, models, policy, table, day)
        context.progress.step("Drawing the page")
        with spoken:
            write_text(files.page, render_exploration(document, home=home))
        seconds = ExplorationSeconds(features=round(built - began, 3), exploring=round(time.monotonic() - built, 3))
        document = document.model_copy(update={"seconds": seconds})
        _write(files.document, document)
        _write(files.insights, document.insights_alone())
        if files.tables is not None:
            write_workbook(files.tables, exploration_sheets(document), currency=document.currency)
    return ExploreResult(document, files)


def _built(context: Context, warehouse: Warehouse, on: date | None) -> tuple[dict[str, SqlModel], SnapshotPolicy, date]:
    """Build the snapshots of the dates to learn from and of the newest date; return the models, the policy and that date."""
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
        dates = []  # the profile needs no outcomes
    if not is_flat(warehouse):
        cutoff = min(cutoff, datetime.combine(day, midnight()))
        dates = [known for known in dates if policy.matures_at(known) <= cutoff]
    dates = [known for known in dates if known < day]
    share = 1.0
    if dates:
        share = share_within(warehouse, models, policy, dates, data_cutoff=cutoff, most_rows=_MOST_ROWS)
    context.engine.build_snapshots(
        warehouse,
        models,
        policy,
        [*dates, day],
        data_cutoff=cutoff,
        shares=dict.fromkeys(dates, share),
        progress=context.progress,
    )
    if not warehouse.rows("select 1 from snapshots.spine where snapshot_date = ? limit 1", [day]):
        raise NotEnoughData(
            f"nobody is a customer on {day}", where="snapshots.spine", remedy="Choose a date that the data cover."
        )
    return models, policy, day


def read_table(
    context: Context, warehouse: Warehouse, models: dict[str, SqlModel], policy: SnapshotPolicy
) -> ExplorationTable:
    """Return the snapshots built last, encoded and profiled."""
    with context.open_store() as store:
        assigned = store.assignments.customers(arm="treatment")
    context.progress.step("Reading customers and outcomes")
    table = arrange(read_observations(warehouse, policy, assigned=assigned), policy)
    context.progress.step("Looking at every column")
    add_columns(table, groups(warehouse, models))
    return table


def read_document(
    context: Context,
    warehouse: Warehouse,
    models: Mapping[str, SqlModel],
    policy: SnapshotPolicy,
    table: ExplorationTable,
    day: date,
) -> ExplorationDocument:
    """Return what `table` and the marts of `warehouse` say of the customers of `day`."""
    occasion = Occasion(
        snapshot_date=day,
        explored_at=context.clock(),
        horizon_days=policy.window_days,
        currency=context.settings.business.currency,
        is_simulated=context.is_simulated,
    )
    lifetimes = _lifetimes(warehouse, models) if table.labelled else None
    return explore_table(table, lifetimes, occasion, context.progress)


def _lifetimes(warehouse: Warehouse, models: Mapping[str, SqlModel]) -> Lifetimes | None:
    """Build and return the lifetimes of contracts; None for a flat source, which has none in spans."""
    if is_flat(warehouse) or not warehouse.rows("select 1 from snapshots.spans limit 1"):
        return None
    names = ("marts.survival_by_age", "marts.cohort_retention")
    build(warehouse, models, schemas=("marts",), names=names)
    ages, cohorts = (warehouse.frame(f"select * from {name}") for name in names)
    return Lifetimes(ages, cohorts)


def _write(path: Path, document: Document) -> None:
    write_text(path, json.dumps(document.as_json(), indent=1, allow_nan=False) + "\n")

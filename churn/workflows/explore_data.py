"""Explores the data: profile, associations, structure, survival, and insights tested on later dates; as page and JSON."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import date, datetime
from datetime import time as midnight
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.context import Context
from churn.errors import ConfigError, NotEnoughData, NotFound
from churn.files import write_text

if TYPE_CHECKING:
    from churn.exploration.table import Table
    from churn.snapshots.policy import SnapshotPolicy
    from churn.warehouse import SqlModel
    from churn.warehouse.connection import Warehouse

LATEST = Path("insights") / "latest.json"


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
    from churn.reports.exploration import render_exploration
    from churn.workflows.explore_document import build_document

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


def latest_insights(home: Path) -> dict[str, Any]:
    """Return what the newest exploration found (see `insights_alone`). Raises NotFound when there was none yet."""
    path = home / LATEST
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError) as error:
        raise NotFound("nothing has been explored yet", where=str(path), remedy="Run `churn explore` first.") from error
    return found


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
    from churn.snapshots.dataset import build_snapshots, data_cutoff
    from churn.snapshots.dates import default_snapshot_date, is_flat, training_dates
    from churn.snapshots.policy import SnapshotPolicy
    from churn.warehouse.models.sql_models import load_models

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
    from churn.exploration.table import add_columns, arrange
    from churn.snapshots.observations import groups, read_observations

    with context.open_store() as store:
        assigned = store.assignments.customers(arm="treatment")
    context.progress.step("Reading customers and outcomes")
    table = arrange(read_observations(warehouse, policy, assigned=assigned), policy)
    context.progress.step("Looking at every column")
    add_columns(table, groups(warehouse, models))
    return table


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, default=str, indent=1, allow_nan=False) + "\n"

"""Publishes the tables that SQL and BI read: a new set of files in the home, exchanged as a whole, then the copies elsewhere."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn.context import Context
from churn.documents.published import PublishedTable, PublishedTables
from churn.errors import ChurnError, ResourceError
from churn.files import write_text
from churn.snapshots.dataset import data_cutoff, write_policy
from churn.snapshots.dates import is_flat
from churn.snapshots.policy import SnapshotPolicy
from churn.views.tables import CURRENT, DOCUMENT, current_tables
from churn.warehouse.models.build import build
from churn.warehouse.models.sql_models import load_models, needed_for
from churn.warehouse.published.export import export_tables, published_models
from churn.workflows.publish.destinations import Copied, copy_tables
from churn.workflows.publish.inputs import store_tables

if TYPE_CHECKING:
    from churn.warehouse import SqlModel
    from churn.warehouse.connection import Warehouse

_KEPT: Final = 2  # sets of files: a query that began on the one before may end on it


@dataclass(frozen=True)
class PublishResult:
    """What was published: the folder in the home, the tables, and the copies, each with why it was not made if so."""

    folder: Path
    tables: PublishedTables
    copies: tuple[Copied, ...]
    seconds: float

    @property
    def errors(self) -> list[ChurnError]:
        """Why copies were not made."""
        return [copy.error for copy in self.copies if copy.error is not None]


def publish_tables(context: Context) -> PublishResult:
    """Write the tables of docs/tables.md into the home, and copy them to where [publish] says.

    A copy that cannot be made is told in the result and changes nothing else: the next publication brings it up to date.
    Raises WarehouseBusy, ConfigError for SQL that does not run, DataError before anything was loaded, ResourceError.
    """
    began = time.monotonic()
    root = context.settings.tables_path
    with context.recorded("publish_tables", context.today):
        context.progress.step("Writing the tables for SQL")
        with context.open_warehouse("churn publish") as warehouse:
            fresh = _fresh(root)
            try:
                document = _write(context, warehouse, fresh)
            except BaseException:
                shutil.rmtree(fresh, ignore_errors=True)
                raise
        folder = _exchange(root, fresh, document)
        copies = copy_tables(context, folder, document)
    return PublishResult(folder, document, copies, time.monotonic() - began)


def _write(context: Context, warehouse: Warehouse, folder: Path) -> PublishedTables:
    cutoff = data_cutoff(warehouse)
    models = load_models(context.settings.home)
    chosen = published_models(models)
    chosen = [
        *_built_marts(context, warehouse, models, chosen, cutoff),
        *(m for m in chosen if m.schema == "published"),
    ]
    with context.open_store() as store:
        inputs = store_tables(store)
    tables: Sequence[PublishedTable] = export_tables(warehouse, chosen, inputs, folder)
    document = PublishedTables(
        published_at=context.clock(),
        data_cutoff=cutoff,
        currency=context.settings.business.currency,
        tables=tuple(sorted(tables, key=lambda table: table.name)),
    )
    write_text(folder / DOCUMENT, document.model_dump_json(indent=1) + "\n")
    return document


def _built_marts(
    context: Context, warehouse: Warehouse, models: dict[str, SqlModel], chosen: Sequence[SqlModel], cutoff: datetime
) -> list[SqlModel]:
    """Build the marts and return them; none where customers have no contracts in spans."""
    marts = [model for model in chosen if model.schema == "marts"]
    if is_flat(warehouse) or not warehouse.rows("select 1 from staging.subscription_events limit 1"):
        return []
    write_policy(warehouse, SnapshotPolicy.from_settings(context.settings), [cutoff.date()], cutoff)
    names = [model.name for model in marts]
    needed = needed_for(models, names)
    build(warehouse, {name: models[name] for name in needed}, schemas=("snapshots", "marts"), keep_standing=True)
    return marts


def _fresh(root: Path) -> Path:
    """Return a new empty folder beside the others; what a killed run left is removed."""
    fresh = root / ".new"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise ResourceError(f"cannot be made: {error.strerror}", where=str(fresh), remedy="Make room.") from error
    return fresh


def _exchange(root: Path, fresh: Path, document: PublishedTables) -> Path:
    """Give the new folder its name and make it the current one; remove those that no query can still read."""
    base = f"{document.published_at:%Y%m%dT%H%M%S}"
    name, number = base, 2
    while (root / name).exists():
        name, number = f"{base}-{number}", number + 1
    before = current_tables(root)
    fresh.rename(root / name)
    write_text(root / CURRENT, f"{name}\n")
    kept = {name, *([before.folder.name] if before is not None else [])}
    others = sorted((path for path in root.iterdir() if path.is_dir() and path.name not in kept), reverse=True)
    for path in others[max(_KEPT - len(kept), 0) :]:
        shutil.rmtree(path, ignore_errors=True)
    return root / name

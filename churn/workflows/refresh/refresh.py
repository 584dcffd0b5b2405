"""Loads what is new from the declared sources, rebuilds staging, and runs the quality rules."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from churn.context import Context
from churn.documents.own_columns import OwnColumn
from churn.errors import ConfigError
from churn.snapshots.own_columns import own_columns
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse.facts import parts
from churn.warehouse.facts.compacting import compact
from churn.warehouse.loading.erased import Erased
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models.build import build
from churn.warehouse.models.checks import run_checks
from churn.warehouse.models.sql_models import load_models
from churn.workflows.refresh.quality import keep_quality

if TYPE_CHECKING:
    from churn.warehouse.loading.ingest import LoadResult
    from churn.warehouse.models.build import BuildResult
    from churn.warehouse.models.checks import CheckResult


@dataclass(frozen=True)
class RefreshResult:
    """What was loaded, built and found."""

    loads: list[LoadResult]
    builds: list[BuildResult]
    checks: list[CheckResult]
    own_columns: tuple[OwnColumn, ...]
    seconds: float


def refresh_warehouse(context: Context, *, source: str | None = None, full: bool = False) -> RefreshResult:
    """Bring the warehouse in step with the sources; `source` limits the load to one, `full` reloads every file.

    Where one source is refused, or anything else fails, raw tables and staging stay as they were. Raises ConfigError when no source is declared, ContractBroken when one is not what its table needs.
    """
    sources = context.settings.sources
    if not sources:
        raise ConfigError(
            "no source is declared",
            where="churn.toml",
            remedy="Add [sources.customers] and the others, or try `churn demo`.",
        )
    if source is not None and source not in sources:
        raise ConfigError(f"no source `{source}`", where="--source", remedy=f"Declared: {', '.join(sorted(sources))}.")
    began = time.monotonic()
    with context.open_store() as store:
        erased = Erased(*store.privacy.erased())
    with context.recorded("refresh_warehouse", context.today), context.open_warehouse("churn refresh") as warehouse:
        models = load_models(context.settings.home)
        now = context.local_now()
        policy = SnapshotPolicy.from_settings(context.settings)
        with parts.replacing(warehouse):  # what was loaded counts once all tables are built from it, not before
            loads = ingest(
                warehouse,
                sources,
                now=now,
                secrets=context.secrets,
                only=source,
                full=full,
                erased=erased,
                needed=policy.told_by_table,
                company=context.settings.reporting.timezone,
                cluster=context.engine.reader,
                progress=context.progress,
            )
            builds = build(warehouse, models, schemas=["staging", "totals"], progress=context.progress)
            own = own_columns(warehouse, models, policy.static)
            compact(warehouse)
        context.progress.step("Checking the data")
        checks = run_checks(warehouse, models, now=now)
        keep_quality(context, warehouse, checks, as_of=now, with_sources=True)
    return RefreshResult(loads=loads, builds=builds, checks=checks, own_columns=own, seconds=time.monotonic() - began)

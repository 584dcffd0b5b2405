"""Keeps what the last load found about the quality of the data, for pages and reports."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from churn.context import Context
from churn.documents.quality import QualityDocument, RuleFinding, SourceFreshness
from churn.views.quality import FACTS, quality_path, read_quality
from churn.warehouse.models.sql_models import load_models

if TYPE_CHECKING:
    from churn.warehouse.connection import Warehouse
    from churn.warehouse.models.checks import CheckResult


def keep_quality(
    context: Context, warehouse: Warehouse, checks: Sequence[CheckResult], *, as_of: datetime, with_sources: bool
) -> None:
    """Write the findings over those of the same rules before, and with `with_sources` how fresh each source is.

    A file that cannot be written is noted in the log: pages then show the one before, and the work goes on.
    """
    path = quality_path(context.settings.home)
    known = read_quality(context.settings.home) or QualityDocument()
    now, until = context.clock().replace(microsecond=0), as_of.replace(microsecond=0)
    findings = {
        check.rule: RuleFinding(
            rule=check.rule,
            level=check.level,
            defect_count=check.defect_count,
            example=check.example,
            message=check.message,
            checked_at=now,
            as_of=until,
            remedy=check.remedy,
        )
        for check in checks
    }
    if not with_sources:  # a load runs every rule, so results of removed rules are dropped
        findings = {check.rule: check for check in known.checks} | findings
    document = QualityDocument(
        checks=tuple(findings[rule] for rule in sorted(findings)),
        sources=_sources(context, warehouse, as_of) if with_sources else known.sources,
    )
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(document.as_json(), ensure_ascii=False), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        context.log.note("quality_not_kept", error=error.strerror or type(error).__name__)


def _sources(context: Context, warehouse: Warehouse, as_of: datetime) -> tuple[SourceFreshness, ...]:
    rows = warehouse.rows(
        "select source, count(*), sum(rows), sum(rejected), max(loaded_at) from raw.loads group by source"
    )
    loads = {row[0]: row[1:] for row in rows}
    sources = []
    late = _late_sources(context, warehouse)
    for name in sorted(context.settings.sources):
        files, count, rejected, loaded_at = loads.get(name, (0, 0, 0, None))
        newest = _newest(warehouse, name, as_of)
        sources.append(
            SourceFreshness(
                source=name,
                files=int(files or 0),
                rows=int(count or 0),
                rejected=int(rejected or 0),
                loaded_at=context.utc_of(loaded_at).replace(microsecond=0) if loaded_at else None,
                newest_at=newest.replace(microsecond=0) if newest else None,
                is_late=name in late,
            )
        )
    return tuple(sources)


def _late_sources(context: Context, warehouse: Warehouse) -> set[str]:
    """Return the sources that the rule on their rhythm names; of its findings only one is kept as an example."""
    rule = load_models(context.settings.home).get("checks.sources_are_fresh")
    return {str(name) for name, *_ in warehouse.rows(rule.sql)} if rule is not None else set()


def _newest(warehouse: Warehouse, source: str, as_of: datetime) -> datetime | None:
    if source not in FACTS:
        return None
    table, column = FACTS[source]
    if not warehouse.has_table(table):
        return None
    if source == "sessions":
        return _newest_session(warehouse, as_of)
    # Facts from the future have a rule of their own.
    newest: datetime | None = warehouse.rows(f"select max({column}) from {table} where {column} <= ?", [as_of])[0][0]
    return newest


def _newest_session(warehouse: Warehouse, as_of: datetime) -> datetime | None:
    """Read it from the sums by month; sessions are read only from a month on that holds some of after `as_of`."""
    newest: datetime | None
    newest, mixed_from = warehouse.rows(
        "select max(last_at) filter (where last_at <= ?), min(month) filter (where last_at > ?)"
        " from totals.session_months",
        [as_of, as_of],
    )[0]
    if mixed_from is None:
        return newest
    within: datetime | None = warehouse.rows(
        "select max(occurred_at) from staging.sessions where occurred_at >= ? and occurred_at <= ?",
        [mixed_from, as_of],
    )[0][0]
    return max((at for at in (newest, within) if at is not None), default=None)

"""Shows how each column of the sources would be read, without touching the home, for setting up a source."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from churn.config import SourceSettings
from churn.context import Context
from churn.errors import ChurnError, ConfigError
from churn.snapshots.own_columns import FLAT, SOURCES, counting_rows
from churn.warehouse.connection import Warehouse, quoted
from churn.warehouse.loading.contracts import BOOKKEEPING, TABLES
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.opening import open_warehouse

_EXAMPLES = 3
_SHOWN = 40  # characters of an example


@dataclass(frozen=True)
class ColumnPreview:
    """One column of ours: what it is read from and as, `examples`, and of how many rows it has no readable value.

    `use` says what becomes of it: its part of the table, a feature, or kept for SQL files of one's own.
    """

    column: str
    read_from: str
    kind: str
    examples: tuple[str, ...]
    missing: int
    unread: int
    use: str


@dataclass(frozen=True)
class SourcePreview:
    """One source: its rows and columns, or the error that a refresh would end with."""

    source: str
    rows: int
    rejected: int
    columns: tuple[ColumnPreview, ...]
    error: str | None = None


def preview_sources(context: Context, *, source: str | None = None) -> list[SourcePreview]:
    """Read every declared source, or one, as a refresh would, into a database that is thrown away.

    Raises ConfigError where no source, or not this one, is declared; what is wrong with a source is part of the answer.
    """
    sources = context.settings.sources
    if not sources:
        remedy = "Add [sources.customers] and the others; `churn init --from FILES` proposes them."
        raise ConfigError("no source is declared", where="churn.toml", remedy=remedy)
    if source is not None and source not in sources:
        raise ConfigError(f"no source `{source}`", where="--source", remedy=f"Declared: {', '.join(sorted(sources))}.")
    previews = []
    with tempfile.TemporaryDirectory(prefix="churn-preview-") as folder:
        resources = context.settings.resources.model_copy(update={"temp_directory": Path(folder)})
        for name in [source] if source is not None else list(sources):
            context.progress.step(f"Reading {name}")
            with open_warehouse(None, holder="churn refresh --dry-run", resources=resources) as warehouse:
                try:
                    previews.append(_preview(context, warehouse, name, sources[name]))
                except ChurnError as error:
                    previews.append(SourcePreview(name, 0, 0, (), error=str(error)))
    return previews


def _preview(context: Context, warehouse: Warehouse, name: str, settings: SourceSettings) -> SourcePreview:
    zone = context.settings.reporting.timezone
    (result,) = ingest(
        warehouse,
        {name: settings},
        now=context.local_now(),
        secrets=context.secrets,
        company=zone,
        cluster=context.engine.reader,
    )
    unread = dict(
        warehouse.rows(
            "select split_part(part, ':', 1), count(*) from (select unnest(string_split(reason, '; ')) as part"
            " from raw.rejected_rows where is_kept) group by 1"
        )
    )
    kinds = {column: kind for column, kind in warehouse.columns(f"raw.{name}").items() if column not in BOOKKEEPING}
    counted = (
        {column.column: column.words for column in counting_rows(warehouse, f"raw.{name}")} if name == FLAT else {}
    )
    (dated,) = warehouse.rows(f"select count(known_at) from raw.{quoted(name)}")[0] if name in TABLES else (0,)
    columns = tuple(
        _column(warehouse, name, column, kind, settings, unread, counted, has_known_at=dated > 0)
        for column, kind in kinds.items()
    )
    # Canonical columns that no file has would be a table of their own to read.
    delivered = tuple(column for column in columns if column.missing < result.total_rows or column.unread)
    return SourcePreview(name, result.total_rows, result.rejected, delivered)


def _column(
    warehouse: Warehouse,
    table: str,
    column: str,
    kind: str,
    settings: SourceSettings,
    unread: Mapping[str, int],
    counted: Mapping[str, str],
    *,
    has_known_at: bool,
) -> ColumnPreview:
    value = quoted(column)
    (missing,) = warehouse.rows(f"select count(*) - count({value}) from raw.{quoted(table)}")[0]
    examples = warehouse.rows(
        f"select left(cast({value} as varchar), {_SHOWN}) from raw.{quoted(table)} where {value} is not null"
        f" group by {value} order by min(row_number), 1 limit {_EXAMPLES}"
    )
    return ColumnPreview(
        column=column,
        read_from=settings.columns.get(column, column),
        kind=_KINDS.get(kind, kind.lower()),
        examples=tuple(text for (text,) in examples),
        missing=missing,
        unread=unread.get(column, 0),
        use=_use(table, column, settings.static, counted, has_known_at=has_known_at),
    )


_KINDS = {
    "VARCHAR": "text",
    "DOUBLE": "number",
    "BIGINT": "whole number",
    "TIMESTAMP": "time (UTC)",
    "DATE": "day",
    "BOOLEAN": "yes or no",
}


def _use(table: str, column: str, static: Sequence[str], counted: Mapping[str, str], *, has_known_at: bool) -> str:
    if table in TABLES and column in TABLES[table].types:
        return "of the table"
    if table == FLAT:
        return counted.get(column, "a feature")
    if table not in {source.name for source in SOURCES}:
        return "kept for SQL of your own; no shipped feature uses it"
    if column in static:
        return "a feature, declared static"
    if has_known_at:
        return "a feature, by known_at"
    return f'as of today; learnt from once its history is known, or with static = ["{column}"] if it never changes'

"""Builds the tables of the SQL models in dependency order, one transaction per schema."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from churn import tracing
from churn.errors import ChurnError, ConfigError
from churn.progress import SILENT, Progress
from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.facts import parts
from churn.warehouse.models import incremental, reuse, versions
from churn.warehouse.models.parts import build_in_full
from churn.warehouse.models.sql_models import SqlModel, in_order, needed_for


@dataclass(frozen=True)
class BuildResult:
    """A table that was built: its rows, and the seconds it took."""

    name: str
    rows: int
    seconds: float


_built: ContextVar[list[SqlModel] | None] = ContextVar("built", default=None)


@contextmanager
def built_models() -> Iterator[list[SqlModel]]:
    """Return the models whose tables are built within the block, as they are."""
    built: list[SqlModel] = []
    token = _built.set(built)
    try:
        yield built
    finally:
        _built.reset(token)


def build(
    warehouse: Warehouse,
    models: Mapping[str, SqlModel],
    *,
    schemas: Sequence[str],
    names: Iterable[str] | None = None,
    keep_standing: bool = False,
    progress: Progress = SILENT,
) -> list[BuildResult]:
    """Create or replace the tables of `schemas`, each after what it reads; `names` limits that to some and their needs.

    With `keep_standing` a snapshot table that would come out as it stands (see `churn.warehouse.models.reuse`) is left as it is.
    A schema is replaced as a whole or not at all. Raises ConfigError naming the file whose SQL does not run,
    DataError for values it cannot handle, ResourceError when disk or memory run out.
    """
    chosen = in_order(models, schemas)
    if names is not None:
        needed = needed_for(models, names)
        chosen = [model for model in chosen if model.name in needed]
    if keep_standing:
        chosen = [model for model in chosen if not reuse.is_standing(warehouse, model, models)]
    results: list[BuildResult] = []
    for schema in sorted({model.schema for model in chosen}, key=list(schemas).index):
        with warehouse.transaction():
            warehouse.execute(f"create schema if not exists {quoted(schema)}")
            for model in (candidate for candidate in chosen if candidate.schema == schema):
                progress.step(f"Building {model.name}", len(results) / len(chosen))
                with tracing.span(f"sql {model.name}", **{"db.system.name": "duckdb"}):
                    results.append(build_model(warehouse, model, models))
                    tracing.annotate({"churn.rows": results[-1].rows})
                if schema == "snapshots":
                    reuse.note(warehouse, model, models)
    return results


def build_model(warehouse: Warehouse, model: SqlModel, models: Mapping[str, SqlModel]) -> BuildResult:
    """Create or replace the table of one model, or add to it where its header says how. Raises as `build`."""
    started = time.perf_counter()
    target = f"{quoted(model.schema)}.{quoted(model.table)}"
    try:
        if versions.is_view_over_files(warehouse, model):
            is_full = versions.refresh(warehouse, model)
        else:
            if parts.is_view(warehouse, model.name):  # made by SQL that let it be one
                warehouse.execute(f"drop view {target}")
            is_full = not incremental.refresh(warehouse, model, models)
            if is_full:
                build_in_full(warehouse, model, models, target)
        incremental.note_build(warehouse, model, models, is_full=is_full)
    except ChurnError as error:
        if error.where is None:
            error.where = str(model.path)
        if isinstance(error, ConfigError) and "raw." in error.what:
            error.remedy = "Run `churn refresh` first, and check the table's name."
        raise
    if (built := _built.get()) is not None:
        built.append(model)
    return BuildResult(model.name, parts.count(warehouse, model.name), time.perf_counter() - started)


ROWS_PER_GROUP = (
    16_384  # a reader of one customer looks into one group: small enough to be read in a millisecond or two
)


def export_model(warehouse: Warehouse, model: SqlModel, path: Path) -> None:
    """Write the rows of `model` to `path`, in the model's own order, in row groups small enough to look one customer up.

    Raises ConfigError naming the file whose SQL does not run, ResourceError when the disk is full.
    """
    try:
        warehouse.execute(
            f"copy (\n{model.sql}\n) to {literal(str(path))} (format parquet, row_group_size {ROWS_PER_GROUP})"
        )
    except ChurnError as error:
        if error.where is None:
            error.where = str(model.path)
        raise

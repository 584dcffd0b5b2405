"""Writes the files that readers of scores use: the newest features and scores, and the history."""

from __future__ import annotations

import json
import shutil
import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from churn.context import Context
from churn.errors import ResourceError
from churn.views.serving_files import (
    BUYING,
    FEATURES,
    FORMULAS,
    KEPT_MONTHS,
    KEPT_RUNS,
    KEPT_SCORES,
    LIST,
    LIST_COLUMNS,
    ROWS_PER_GROUP,
    SEARCH,
    SUMMARY,
    TIMELINE,
    USAGE,
    history_files,
    run_path,
    serving_path,
)
from churn.warehouse.models.build import export_model
from churn.warehouse.models.sql_models import load_models
from churn.workflows.score.buying import buying_ahead
from churn.workflows.score.formula_values import published_formulas
from churn.workflows.score.search_words import search_words
from churn.workflows.score.serving import serving_summary

if TYPE_CHECKING:
    import polars as pl

    from churn.warehouse import SqlModel
    from churn.warehouse.connection import Warehouse
    from churn.workflows.score.frame import ScoredFrame


def write_serving_files(context: Context, warehouse: Warehouse, scored: ScoredFrame, version: str, day: date) -> Path:
    """Write the folder of the run, whole or not at all, and return it. Called before the run is published.

    features.parquet: customer_id and what the model saw. timeline.parquet and usage.parquet: the year before the date.
    list.parquet: what the risk list is sorted and filtered by. search.parquet: what people find customers by beside the id,
    where [api] search_by names it. formulas.parquet: what SQL in campaigns gives each customer,
    where there is any. buying.parquet: who still buys, of companies without contracts. summary.json: what the overview tells.
    Raises ResourceError where the disk refuses.
    """
    folder = run_path(context.settings.home, scored.run_id)
    models = load_models(context.settings.home)
    formulas = published_formulas(context, warehouse, scored.frame["customer_id"], day)
    words = search_words(context, warehouse, scored.frame["customer_id"])
    buying = buying_ahead(context, warehouse, scored.frame["customer_id"], day)
    summary = serving_summary(context, warehouse, models, scored, version, day)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".", dir=folder.parent))
        try:
            _write_frame(scored.features, scratch / FEATURES)
            _write_frame(scored.frame.select(LIST_COLUMNS), scratch / LIST)
            if words is not None:
                _write_frame(words, scratch / SEARCH)
            if buying is not None:
                _write_frame(buying, scratch / BUYING)
            if formulas is not None:
                _write_frame(formulas, scratch / FORMULAS)
            _export(warehouse, models, scratch)
            (scratch / SUMMARY).write_text(json.dumps(summary.as_json(), ensure_ascii=False), encoding="utf-8")
            shutil.rmtree(folder, ignore_errors=True)  # of the same run, scored again: the same rows
            scratch.rename(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return folder


def write_score_history(context: Context, frame: pl.DataFrame, version: str, day: date) -> None:
    """Keep every customer's probability of `day` readable; of dates beyond the newest few, one a month stays."""
    import polars as pl

    folder = serving_path(context.settings.home) / "history"
    rows = frame.select(
        "customer_id", "churn_probability", "risk_band", pl.lit(version).alias("model_version")
    ).with_columns(pl.lit(day).alias("snapshot_date"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_history_file(rows, folder / f"{day}.parquet")
        for path in _surplus(history_files(context.settings.home)):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def write_history_file(frame: pl.DataFrame, path: Path) -> None:
    """Write the scores of one date, in one step. Raises OSError."""
    scratch = path.with_name(f".{path.stem}.tmp")
    _write_frame(frame, scratch)
    scratch.rename(path)


def prune_serving_files(context: Context) -> None:
    """Remove the folders of all but the newest published runs; called after a publication."""
    with context.open_store() as store:
        kept = {run.run_id for run in store.scores.runs(limit=KEPT_RUNS)}
    for folder in serving_path(context.settings.home).iterdir():
        if folder.is_dir() and folder.name != "history" and folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)


def _export(warehouse: Warehouse, models: dict[str, SqlModel], folder: Path) -> None:
    for name, file in (("serving.customer_timeline", TIMELINE), ("serving.customer_usage", USAGE)):
        # A source without logins has no totals of them: then there is no such file, and the page says so.
        if all(warehouse.has_table(needed) for needed in models[name].depends_on):
            export_model(warehouse, models[name], folder / file)


def _write_frame(frame: pl.DataFrame, path: Path) -> None:
    frame.write_parquet(path, compression="lz4", row_group_size=ROWS_PER_GROUP, statistics=True)


def _surplus(files: list[Path]) -> list[Path]:
    """Return what may go: neither among the newest runs, nor the newest of one of the last months."""
    newest_of_month = {path.stem[:7]: path for path in files}
    kept = {*files[-KEPT_SCORES:], *list(newest_of_month.values())[-KEPT_MONTHS:]}
    return [path for path in files if path not in kept]


def _unwritable(folder: Path, error: OSError) -> ResourceError:
    return ResourceError(
        f"cannot be written: {error.strerror or error}", where=str(folder), remedy="Make room, then score again."
    )

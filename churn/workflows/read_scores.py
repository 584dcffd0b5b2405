"""Reads what is published: the risk list, and one customer's score with reasons; never opens the warehouse."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.context import Context
from churn.errors import ConfigError, DataError, ResourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from churn.store import ScoreRun

# A spreadsheet runs a cell that begins with one of these as a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class RiskList:
    """The published list, or a part of it, and the run it came from. `customers` is empty when it went to `file`."""

    run: ScoreRun
    count: int
    customers: list[dict[str, Any]]
    file: Path | None


def read_risk_list(
    context: Context, *, bands: Sequence[str] | None = None, top: int | None = None, out: Path | None = None
) -> RiskList:
    """Return the listed customers, highest expected profit first; `bands` asks for those bands instead.

    Raises DataError when nothing has been published, ConfigError for an unknown band or file ending.
    """
    if bands:
        _refuse_unknown(bands)
    if top is not None and top < 1:
        raise ConfigError(f"{top} is not a number of customers", where="--top", remedy="Give 1 or more.")
    with context.open_store() as store:
        page = store.published.page(bands=list(bands) if bands else None, listed=None if bands else True, limit=top)
    run = current_run(page.run)
    if out is not None:
        return RiskList(run, len(page.rows), [], _write(page.frame, run, out))
    customers = page.documents()
    for customer in customers:
        for key in ("reasons", "change_reasons"):
            customer[key] = json.loads(customer[key]) if customer[key] else None
    return RiskList(run, len(customers), customers, None)


def _refuse_unknown(bands: Sequence[str]) -> None:
    from churn.decisions.bands import BANDS

    unknown = [band for band in bands if band not in BANDS]
    if unknown:
        raise ConfigError(f"no band `{unknown[0]}`", where="--band", remedy=f"Bands are {', '.join(BANDS)}.")


def explain_customer(context: Context, customer_id: str) -> dict[str, Any]:
    """Return one customer's score, reasons and change, with the run's own facts. Raises DataError when unknown."""
    with context.open_store() as store:
        run = current_run(store.published.current_run())
        row = store.published.customer(customer_id)
    if row is None:
        raise DataError(
            f"no score for customer `{customer_id}`",
            where=f"list of {run.snapshot_date}",
            remedy="Not active then, or misspelt.",
        )
    row = dict(row)
    for key in ("reasons", "change_reasons"):
        row[key] = json.loads(row[key]) if row.get(key) else None
    return row | run_facts(run)


def run_facts(run: ScoreRun) -> dict[str, Any]:
    """Return what every answer that holds a score must say of its run."""
    return {
        "scored_at": run.scored_at,
        "snapshot_date": run.snapshot_date,
        "model_version": run.model_version,
        "data_cutoff": run.data_cutoff,
        "run_id": run.run_id,
        "is_stale": run.is_stale,
        "stale_reason": run.stale_reason,
    }


def current_run(run: ScoreRun | None) -> ScoreRun:
    """Return `run`. Raises DataError where there is none yet."""
    if run is None:
        raise DataError("no scores are published yet", where="risk list", remedy="Run `churn score` first.")
    return run


def _write(frame: pl.DataFrame, run: ScoreRun, out: Path) -> Path:
    import polars as pl

    rows = frame.with_columns(
        pl.lit(run.snapshot_date).alias("snapshot_date"),
        pl.lit(run.model_version).alias("model_version"),
        pl.lit(run.scored_at).alias("scored_at"),
    )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.suffix == ".parquet":
            rows.write_parquet(out)
        elif out.suffix == ".csv":
            without_formulas(rows.with_columns(plain_reasons(pl.col("reasons")))).drop("change_reasons").write_csv(out)
        else:
            raise ConfigError(f"cannot write `{out.suffix}`", where="--out", remedy="Use .csv or .parquet.")
    except OSError as error:
        raise ResourceError(f"cannot be written: {error.strerror or error}", where=str(out)) from error
    return out


def plain_reasons(column: pl.Expr) -> pl.Expr:
    """Return the reasons' sentences, joined, in place of their JSON: what a person reads in a spreadsheet."""
    import polars as pl

    kind = pl.List(pl.Struct({"text": pl.String}))
    return column.str.json_decode(kind).list.eval(pl.element().struct.field("text")).list.join("; ").alias("reasons")


def without_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` with a quote before every text cell that a spreadsheet would run as a formula (CWE-1236)."""
    import polars as pl

    text = [name for name, kind in frame.schema.items() if kind == pl.String]
    return frame.with_columns(
        pl.when(pl.col(name).str.slice(0, 1).is_in(list(FORMULA_STARTS)))
        .then(pl.lit("'") + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
        for name in text
    )

"""What systems ask for: one customer's risk and what to do, pages of the list, and rows scored now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import TYPE_CHECKING, Any

from churn.context import Context
from churn.errors import NotFound
from churn.workflows.read_scores import FORMULA_STARTS, current_run, run_facts

if TYPE_CHECKING:
    import polars as pl

    from churn.modeling import ServedModel
    from churn.store import ModelVersion, ScoreRun
    from churn.store.records import ScoreOrder

CSV_COLUMNS = (
    "customer_id",
    "churn_probability",
    "risk_band",
    "percentile",
    "expected_profit",
    "value_of_save",
    "monthly_margin",
    "plan",
    "reasons",
)

Value = float | str | bool | None


def customer_risk(context: Context, customer_id: str) -> dict[str, Any]:
    """Return a customer's score, reasons, change, campaigns, and the run's own facts. Raises NotFound, DataError."""
    with context.open_store() as store:
        run = current_run(store.published.current_run())
        row = store.published.customer(customer_id)
        assigned = store.assignments.of_customer(customer_id) if row is not None else []
    if row is None:
        raise not_listed(run)
    return {**parsed(row), **run_facts(run), "campaigns": assigned, "recommended_action": action_of(assigned)}


def not_listed(run: ScoreRun) -> NotFound:
    """Return the error for a customer who is not on the list of `run`."""
    where = f"list of {run.snapshot_date}"
    return NotFound("the customer is not on the current list", where=where, remedy="Not active then.")


def action_of(assigned: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the campaign to contact a customer with: the newest they are in, none for those held out of any."""
    treated = [a for a in assigned if a["arm"] == "treatment"]
    held_out = any(a["arm"] == "holdout" for a in assigned)
    return treated[-1]["campaign"] if treated and not held_out else None


def risk_page(
    context: Context,
    *,
    bands: Sequence[str] | None,
    min_probability: float | None,
    plan: str | None,
    order: ScoreOrder,
    limit: int,
    cursor: str | None,
) -> dict[str, Any]:
    """Return a page of the list with its run's facts and the next cursor; the listed customers where no band is given.

    Raises DataError before the first list, ConfigError for a cursor of another list.
    """
    is_whole = not bands and min_probability is None and plan is None
    with context.open_store() as store:
        page = store.published.page(
            bands=bands,
            min_probability=min_probability,
            plan=plan,
            listed=True if is_whole else None,
            order=order,
            limit=limit,
            cursor=cursor,
        )
    run = current_run(page.run)
    return {**run_facts(run), "customers": [parsed(row) for row in page.documents()], "next_cursor": page.next_cursor}


def risk_csv(page: Mapping[str, Any]) -> str:
    """Return a page as CSV, with reasons in words, safe to open in a spreadsheet."""
    import csv
    import io

    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([*CSV_COLUMNS, "snapshot_date", "model_version", "scored_at"])
    run = [page["snapshot_date"], page["model_version"], page["scored_at"]]
    for customer in page["customers"]:
        told = {**customer, "reasons": "; ".join(reason["text"] for reason in customer["reasons"] or [])}
        writer.writerow([*(safe_cell(told[name]) for name in CSV_COLUMNS), *run])
    return written.getvalue()


def score_rows(
    context: Context,
    version: ModelVersion,
    model: ServedModel,
    rows: Sequence[tuple[str, Mapping[str, Value]]],
    *,
    with_reasons: bool,
) -> dict[str, Any]:
    """Score rows of (customer_id, features) with `model` as of now; a feature left out counts as unknown."""
    from churn.decisions.bands import BANDS, risk_bands

    scorer, given = model.online, [features for _, features in rows]
    reasons: list[Any] = [None] * len(rows)
    if with_reasons:
        predicted, reasons = scorer.explain(given)
    else:
        predicted = scorer.predict(given)
    bounds = context.settings.risk_bands
    bands = risk_bands(predicted.churn_probability, bounds=(bounds.medium, bounds.high, bounds.critical), margin=0.0)
    now = context.clock()
    return {
        "model_version": version.version,
        "scored_at": now,
        "snapshot_date": now.date(),
        "data_cutoff": now,
        "unknown_features": scorer.unknown(given),
        "scores": [
            {"customer_id": customer_id, "churn_probability": float(p), "risk_band": BANDS[band], "reasons": why}
            for (customer_id, _), p, band, why in zip(rows, predicted.churn_probability, bands, reasons, strict=True)
        ],
    }


def feature_rows(
    model: ServedModel, rows: Sequence[tuple[str, Mapping[str, Value]]], context: Context
) -> tuple[pl.DataFrame, list[str]]:
    """Return rows of (customer_id, features) as a frame the model takes, and the names it does not know."""
    import polars as pl

    names = model.feature_names
    known = set(names)
    unknown = sorted({name for _, features in rows for name in features if name not in known})
    columns: dict[str, pl.Series] = {}
    for name in names:
        values = [features.get(name) for _, features in rows]
        is_text = any(isinstance(value, str) for value in values)
        if is_text:
            values = [None if value is None else str(value) for value in values]
        columns[name] = pl.Series(name, values, dtype=pl.String if is_text else pl.Float64, strict=False)
    midnight = datetime.combine(context.today, time())
    frame = pl.DataFrame(
        {
            "customer_id": pl.Series([customer_id for customer_id, _ in rows], dtype=pl.String),
            "snapshot_date": pl.Series([midnight.date()] * len(rows), dtype=pl.Date),
            **columns,
        }
    )
    return frame, unknown


def parsed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the store with its reasons read."""
    found = dict(row)
    for key in ("reasons", "change_reasons"):
        found[key] = json.loads(found[key]) if found.get(key) else None
    found["reasons"] = found["reasons"] or []
    return found


def safe_cell(value: object) -> object:
    """Quote what a spreadsheet would run as a formula (CWE-1236)."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value

"""Reads what is published: the risk list, and one customer's score with reasons; never opens the warehouse."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.context import Context
from churn.decisions.bands import BANDS
from churn.errors import ConfigError, DataError, NotFound, ResourceError
from churn.views.advice import advise, readable_campaigns
from churn.views.risk_index import Filters, ListOrder, RiskIndexes
from churn.views.serving_files import read_summary

if TYPE_CHECKING:
    import polars as pl

    from churn.store import ScoreRun, Store
    from churn.store.records import ScoreOrder, ScorePage


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
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([*CSV_COLUMNS, "snapshot_date", "model_version", "scored_at"])
    run = [page["snapshot_date"], page["model_version"], page["scored_at"]]
    for customer in page["customers"]:
        told = {**customer, "reasons": "; ".join(reason["text"] for reason in customer["reasons"] or [])}
        writer.writerow([*(safe_cell(told[name]) for name in CSV_COLUMNS), *run])
    return written.getvalue()


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


_TRIES = 3  # a list may be replaced between the index and the rows; twice in a row it is not
_PORTION = 2_000
CSV_HEADER = (*CSV_COLUMNS, "change", "recommended_action", "snapshot_date", "model_version", "scored_at")


def list_customers(
    context: Context,
    indexes: RiskIndexes,
    filters: Filters,
    *,
    order: ListOrder = "expected_profit",
    descending: bool = True,
    limit: int = 50,
    after: str | None = None,
    before: str | None = None,
    groups: Mapping[str, str] | None = None,
) -> dict[str, Any] | None:
    """Return a page of the current list, None before the first one.

    `customers` (each with reasons, campaigns and advice), `total` and `expected_profit` of all that match, `first` and
    `last` (places, from 1), `has_before`, `has_after`, `plans`, `bands` (customers in each), and the run's own facts.
    `groups` names the group of each feature, see `advise`. Raises ConfigError for an unknown band or order.
    """
    with context.open_store() as store:
        run = store.scores.current_run()
        for _ in range(_TRIES):
            if run is None:
                return None
            index = indexes.of(store, run.run_id)
            cut = index.find(filters, order=order, descending=descending, limit=limit, after=after, before=before)
            page = store.scores.customers(cut.customer_ids)
            if page.run is None or page.run.run_id == run.run_id:
                break
            run = page.run  # a newer list came in between
        if run is None:
            return None
        customers = _told(context, store, page, groups or {})
    summary = read_summary(context.settings.home, run.run_id) or {}
    return {
        **run_facts(run),
        "customers": customers,
        "total": cut.total,
        "expected_profit": cut.expected_profit,
        "first": cut.first_place,
        "last": cut.first_place + len(cut.customer_ids) - 1,
        "has_before": cut.has_before,
        "has_after": cut.has_after,
        "plans": index.plans,
        "bands": {row["band"]: row["customers"] for row in summary.get("bands", [])},
        "everybody": index.frame.height,
    }


def export_customers(
    context: Context, indexes: RiskIndexes, filters: Filters, *, order: ListOrder, descending: bool
) -> Iterator[str]:
    """Yield every customer who matches as CSV, in portions, safe to open in a spreadsheet; only a header before the first list."""
    yield _csv([CSV_HEADER])
    with context.open_store() as store:
        run = store.scores.current_run()
        if run is None:
            return
        index = indexes.of(store, run.run_id)
        places = index.matching(filters, order=order, descending=descending)
        for start in range(0, len(places), _PORTION):
            page = store.scores.customers(index.customers(places[start : start + _PORTION]))
            if page.run is None or page.run.run_id != run.run_id:
                return  # a newer list has come: half of each would be neither
            yield _csv(_cells(row, run) for row in _told(context, store, page, {}))


def _told(context: Context, store: Store, page: ScorePage, groups: Mapping[str, str]) -> list[dict[str, Any]]:
    rows = [parsed(row) for row in page.documents()]
    assigned = store.assignments.of_customers([row["customer_id"] for row in rows]) if rows else {}
    campaigns = readable_campaigns(context) if rows else {}
    told = []
    for row in rows:
        mine = assigned.get(row["customer_id"], [])
        told.append({**row, "campaigns": mine, "advice": advise(row, mine, campaigns, groups)})
    return told


def _cells(row: Mapping[str, Any], run: ScoreRun) -> list[object]:
    advice = row["advice"]
    told = {
        **row,
        "reasons": "; ".join(reason["text"] for reason in row["reasons"]),
        "recommended_action": f"held out of {advice['campaign']}"
        if advice["kind"] == "holdout"
        else advice["campaign"]
        if advice["kind"] == "campaign"
        else "",
        "snapshot_date": run.snapshot_date,
        "model_version": run.model_version,
        "scored_at": run.scored_at,
    }
    return [safe_cell(told[name]) for name in CSV_HEADER]


def _csv(rows: Any) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()

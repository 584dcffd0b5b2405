"""Reads what is published: the risk list, whole or page by page, also as CSV and Excel; never opens the warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from churn.context import Context
from churn.decisions.bands import BANDS
from churn.errors import ConfigError
from churn.files import TABLES, Sheet, check_ending, csv_text, workbook_bytes, write_frame
from churn.languages.words import tr
from churn.store.score_row import LIFETIME_COLUMNS
from churn.views.buying import BuyingAhead, NewestBuying
from churn.views.current_run import current_run
from churn.views.next_offers import NextOffers, next_best_offers
from churn.views.scored_customer import ScoredCustomer, scored_customer

if TYPE_CHECKING:
    import polars as pl

    from churn.store import ScoreRun
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
    *LIFETIME_COLUMNS,
)
_PAGE_COLUMNS = (*CSV_COLUMNS, "snapshot_date", "model_version", "scored_at", "next_best_offer")


class ListedCustomer(ScoredCustomer, BuyingAhead):
    """A customer of the list with the offer that a running round of a programme has for them, if any, and what they will buy."""

    next_best_offer: str | None


@dataclass(frozen=True)
class RiskList:
    """The published list, or a part of it, and the run it came from. `customers` is empty when it went to `file`.

    `tells_money`: the model passed the calibration gate; if not, no expected profit is shown.
    """

    run: ScoreRun
    count: int
    customers: list[ListedCustomer]
    file: Path | None
    tells_money: bool = True


def read_risk_list(
    context: Context, *, bands: Sequence[str] | None = None, top: int | None = None, out: Path | None = None
) -> RiskList:
    """Return the listed customers, highest expected profit first; `bands` asks for those bands instead.

    Raises DataError when nothing has been published, ConfigError for an unknown band or file ending.
    """
    if out is not None:
        check_ending(out, TABLES, where="--out")
    page, run, tells_money = _published(context, bands, top)
    if out is not None:
        file = _write(context, _framed(context, page.frame, run, tells_money), out)
        return RiskList(run, len(page.rows), [], file, tells_money)
    customers = _listed(context, page, tells_money=tells_money)
    return RiskList(run, len(customers), customers, None, tells_money)


def listed_frame(context: Context, *, bands: Sequence[str] | None = None, top: int | None = None) -> pl.DataFrame:
    """Return the same customers as a frame, with the date, model and time of the list in each row; reasons are JSON.

    expected_profit is null where the model failed the calibration gate. Raises as `read_risk_list`.
    """
    page, run, tells_money = _published(context, bands, top)
    return _framed(context, page.frame, run, tells_money)


def _published(context: Context, bands: Sequence[str] | None, top: int | None) -> tuple[ScorePage, ScoreRun, bool]:
    unknown = [band for band in bands or () if band not in BANDS]
    if unknown:
        raise ConfigError(
            tr("no band `{unknown}`", unknown=unknown[0]),
            where="--band",
            remedy=tr("Bands are {bands}.", bands=", ".join(BANDS)),
        )
    if top is not None and top < 1:
        raise ConfigError(
            tr("{top} is not a number of customers", top=top), where="--top", remedy=tr("Give 1 or more.")
        )
    with context.open_store() as store:
        page = store.published.page(bands=list(bands) if bands else None, listed=None if bands else True, limit=top)
        run = current_run(page.run)
        return page, run, store.published.tells_money(run)


def _listed(
    context: Context,
    page: ScorePage,
    *,
    tells_money: bool,
    offers: NextOffers | None = None,
    buying: NewestBuying | None = None,
) -> list[ListedCustomer]:
    rows = page.documents()
    next_offer = next_best_offers(context, [row["customer_id"] for row in rows], offers)
    buying = buying or NewestBuying(context.settings.home)
    run_id = "" if page.run is None else page.run.run_id
    return [
        {
            **scored_customer(row, tells_money=tells_money),
            **buying.of(run_id, row["customer_id"]),
            "next_best_offer": next_offer.get(row["customer_id"]),
        }
        for row in rows
    ]


def _framed(
    context: Context,
    frame: pl.DataFrame,
    run: ScoreRun,
    tells_money: bool,  # noqa: FBT001  # as the run tells it
) -> pl.DataFrame:
    import polars as pl

    ids = frame["customer_id"].to_list()
    next_offer = next_best_offers(context, ids)

    if not tells_money:
        frame = frame.with_columns(pl.lit(None, dtype=pl.Float64).alias("expected_profit"))
    return frame.with_columns(
        pl.lit(run.snapshot_date).alias("snapshot_date"),
        pl.lit(run.model_version).alias("model_version"),
        pl.lit(run.scored_at).alias("scored_at"),
        pl.Series("next_best_offer", [next_offer.get(customer) for customer in ids], dtype=pl.String),
    )


def _write(context: Context, rows: pl.DataFrame, out: Path) -> Path:
    import polars as pl

    if out.suffix != ".parquet":
        rows = rows.with_columns(plain_reasons(pl.col("reasons"))).drop("change_reasons")
    return write_frame(out, rows, currency=context.settings.business.currency, sheet="Risk list")


@dataclass(frozen=True)
class RiskListPage:
    """Some customers of the list and the run they come from; `next_cursor` is None at its end."""

    run: ScoreRun
    customers: list[ListedCustomer]
    next_cursor: str | None


def risk_page(
    context: Context,
    *,
    bands: Sequence[str] | None,
    min_probability: float | None,
    plan: str | None,
    order: ScoreOrder,
    limit: int,
    cursor: str | None,
    offers: NextOffers | None = None,
    buying: NewestBuying | None = None,
) -> RiskListPage:
    """Return a page of the list; the listed customers where no band is given.

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
        tells_money = store.published.tells_money(run)
    customers = _listed(context, page, tells_money=tells_money, offers=offers, buying=buying)
    return RiskListPage(run, customers, page.next_cursor)


def risk_csv(page: RiskListPage) -> str:
    """Return a page as CSV, with reasons in words, safe to open in a spreadsheet."""
    return csv_text([_PAGE_COLUMNS, *_page_rows(page)])


def risk_workbook(context: Context, page: RiskListPage) -> bytes:
    """Return the same rows as an Excel workbook. Raises ConfigError where nothing is installed to write one."""
    sheet = Sheet("Risk list", _PAGE_COLUMNS, _page_rows(page), len(page.customers))
    return workbook_bytes([sheet], currency=context.settings.business.currency)


def _page_rows(page: RiskListPage) -> list[Sequence[object]]:
    run = [page.run.snapshot_date, page.run.model_version, page.run.scored_at]
    rows: list[Sequence[object]] = []
    for customer in page.customers:
        cells = {**customer, "reasons": "; ".join(reason["text"] for reason in customer["reasons"])}
        rows.append([*(cells[name] for name in CSV_COLUMNS), *run, customer["next_best_offer"]])
    return rows


def plain_reasons(column: pl.Expr) -> pl.Expr:
    """Return the reasons' sentences, joined, in place of their JSON: what a person reads in a spreadsheet."""
    import polars as pl

    kind = pl.List(pl.Struct({"text": pl.String}))
    return column.str.json_decode(kind).list.eval(pl.element().struct.field("text")).list.join("; ").alias("reasons")

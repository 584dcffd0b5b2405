"""Searches the whole current list for the pages: filtered, sorted, page by page, each customer with advice; as CSV and Excel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from churn.context import Context
from churn.files import Sheet, csv_text, workbook_bytes
from churn.views.advice import Advice, advise, campaign_profit, readable_campaigns
from churn.views.formula_values import NewestFormulaValues, own_terms_of
from churn.views.next_offers import NextOffers
from churn.views.offer_evidence import taught_of_offers
from churn.views.risk_index import Filters, ListOrder, RiskIndexes
from churn.views.risk_list import CSV_COLUMNS
from churn.views.scored_customer import ScoredCustomer, scored_customer
from churn.views.serving_files import read_summary

if TYPE_CHECKING:
    from churn.store import ScoreRun, Store
    from churn.store.records import CustomerAssignment, ScorePage

_TRIES = 3  # a list may be replaced between the index and the rows; twice in a row it is not
_PORTION = 2_000
CSV_HEADER = (
    *CSV_COLUMNS,
    "change",
    "recommended_action",
    "next_best_offer",
    "snapshot_date",
    "model_version",
    "scored_at",
)


class AdvisedCustomer(ScoredCustomer):
    """A customer of the list with the campaigns they are in, what to do, and its expected profit by the campaign's own terms."""

    campaigns: list[CustomerAssignment]
    advice: Advice
    campaign_profit: float | None
    next_best_offer: str | None


@dataclass(frozen=True)
class FoundCustomers:
    """A page of those who match: `total` and `expected_profit` are of all of them, `first` and `last` places from 1.

    `plans` and `bands` (customers in each) are of the whole list.
    """

    run: ScoreRun
    customers: list[AdvisedCustomer]
    total: int
    expected_profit: float | None
    first: int
    last: int
    has_before: bool
    has_after: bool
    plans: list[str]
    bands: dict[str, int]


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
    formulas: NewestFormulaValues | None = None,
) -> FoundCustomers | None:
    """Return a page of the current list, None before the first one. `groups` names the group of each feature, see `advise`.

    Raises ConfigError for an unknown band or order.
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
        customers = _with_advice(context, store, page, groups or {}, formulas)
        tells_money = store.published.tells_money(run)
    summary = read_summary(context.settings.home, run.run_id)
    return FoundCustomers(
        run=run,
        customers=customers,
        total=cut.total,
        expected_profit=cut.expected_profit if tells_money else None,
        first=cut.first_place,
        last=cut.first_place + len(cut.customer_ids) - 1,
        has_before=cut.has_before,
        has_after=cut.has_after,
        plans=index.plans,
        bands={row.band: row.customers for row in summary.bands} if summary else {},
    )


def export_customers(
    context: Context, indexes: RiskIndexes, filters: Filters, *, order: ListOrder, descending: bool
) -> Iterator[str]:
    """Yield every customer who matches as CSV, in portions, safe to open in a spreadsheet; only a header before the first list."""
    yield csv_text([CSV_HEADER])
    for portion in _portions(context, indexes, filters, order=order, descending=descending):
        yield csv_text(portion)


def customers_workbook(
    context: Context, indexes: RiskIndexes, filters: Filters, *, order: ListOrder, descending: bool
) -> bytes:
    """Return the same as an Excel workbook. Raises ConfigError where nothing is installed to write one."""
    portions = _portions(context, indexes, filters, order=order, descending=descending)
    sheet = Sheet("Risk list", CSV_HEADER, (row for portion in portions for row in portion))
    return workbook_bytes([sheet], currency=context.settings.business.currency)


def _portions(
    context: Context, indexes: RiskIndexes, filters: Filters, *, order: ListOrder, descending: bool
) -> Iterator[list[list[object]]]:
    """Yield the cells of everybody who matches, a portion of the list at a time."""
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
            yield [_cells(row, run) for row in _with_advice(context, store, page, {}, None)]


def _with_advice(
    context: Context,
    store: Store,
    page: ScorePage,
    groups: Mapping[str, str],
    formulas: NewestFormulaValues | None,
) -> list[AdvisedCustomer]:
    """Return the customers of a page with advice; without `formulas` no money on terms that are SQL, which no download has."""
    tells_money = page.run is None or store.published.tells_money(page.run)
    customers = [scored_customer(row, tells_money=tells_money) for row in page.documents()]
    assigned = store.assignments.of_customers([customer["customer_id"] for customer in customers]) if customers else {}
    definitions = readable_campaigns(context) if customers else {}
    taught = taught_of_offers(store, list(definitions)) if definitions else {}
    next_offers = NextOffers(context)
    advised: list[AdvisedCustomer] = []
    for customer in customers:
        campaigns = assigned.get(customer["customer_id"], [])
        advice = advise(customer, campaigns, definitions, groups)
        by_its_terms = None
        own = None
        if formulas is not None and page.run is not None:
            own = partial(own_terms_of, formulas.of(page.run.run_id), ids=[customer["customer_id"]])
        if tells_money:
            by_its_terms = campaign_profit(
                advice,
                definitions,
                context.settings,
                churn_probability=customer["churn_probability"],
                involuntary_probability=customer["involuntary_probability"],
                monthly_margin=customer["monthly_margin"],
                value_of_save=customer["value_of_save"],
                months_after_save=customer["months_after_save"],
                taught=taught,
                terms_of=own,
            )
        advised.append(
            {
                **customer,
                "campaigns": campaigns,
                "advice": advice,
                "campaign_profit": by_its_terms,
                "next_best_offer": next_offers.of(campaigns),
            }
        )
    return advised


def _cells(customer: AdvisedCustomer, run: ScoreRun) -> list[object]:
    cells = {
        **customer,
        "reasons": "; ".join(reason["text"] for reason in customer["reasons"]),
        "recommended_action": _action(customer["advice"]),
        "snapshot_date": run.snapshot_date,
        "model_version": run.model_version,
        "scored_at": run.scored_at,
    }
    return [cells[name] for name in CSV_HEADER]


def _action(advice: Advice) -> str:
    if advice.kind == "holdout":
        return f"held out of {advice.campaign}"
    return advice.campaign or "" if advice.kind == "campaign" else ""

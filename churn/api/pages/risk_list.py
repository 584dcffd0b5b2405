"""The risk list: who may leave, why, and what to do, filtered, sorted, searched and paged; exported and pushed from here."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from churn.accounts.sign_in import SignedIn
from churn.api.pages.frame import HEADERS, fragment, page
from churn.api.pages.people import LONGEST_ID, customer_path, feature_groups
from churn.api.pages.session import signed_in
from churn.api.problems import request_id
from churn.api.state import State, state_of
from churn.decisions.bands import BANDS
from churn.errors import ConfigError, NotFound
from churn.jobs.requests import ask_list_push, push_targets, pushes_of_the_list
from churn.languages.words import N_, tr
from churn.views.reports import TYPES
from churn.views.risk_index import ORDERS, Filters, ListOrder
from churn.views.risk_search import customers_workbook, export_customers, list_customers

router = APIRouter(include_in_schema=False)

PAGE_ROWS = 50
_DESCENDING: dict[ListOrder, bool] = {
    "expected_profit": True,
    "churn_probability": True,
    "change": True,
    "customer_id": False,
}


# Columns to choose, by their name in the address; customer and risk are always there.
COLUMNS: Final = {
    "change": N_("Change, points"),
    "why": N_("Why"),
    "todo": N_("What to do"),
    "months": N_("Months of 12"),
    "profit": N_("Expected profit"),
}
CHOICES: Final = tuple(COLUMNS)
_ON_THE_LIST: Final = ("high", "critical")
_VIEW_NAME: Final = re.compile(r"[^\x00-\x1f<>]{1,60}\Z")


@dataclass(frozen=True)
class Asked:
    """The filters and order that the address holds; values that make no sense are ignored."""

    filters: Filters
    order: ListOrder
    is_descending: bool
    after: str | None
    before: str | None
    columns: tuple[str, ...] = CHOICES  # those that are shown beside customer and risk

    def address(self, path: str = "/risk-list", **changes: str | None) -> str:
        """Return the address of the same list with `changes`; page marks are dropped unless given."""
        parameters: dict[str, str | list[str] | None] = {
            "show": None if self.filters.is_listed else "all",
            "band": list(self.filters.bands or ()),
            "plan": self.filters.plan,
            "min": None if self.filters.min_probability is None else f"{100 * self.filters.min_probability:g}",
            "q": self.filters.search or None,
            "sort": None if self.order == "expected_profit" else self.order,
            "col": [] if self.columns == CHOICES else list(self.columns),
            "dir": None if self.is_descending == _DESCENDING[self.order] else ("desc" if self.is_descending else "asc"),
        }
        parameters.update(changes)
        query = urlencode({name: value for name, value in parameters.items() if value not in (None, [])}, doseq=True)
        return f"{path}?{query}" if query else path

    def audience(self) -> str:
        """Return the address of the form of a new campaign for those whom the filters keep; a search is for one customer, and no audience."""
        bands = self.filters.bands or (_ON_THE_LIST if self.filters.is_listed else ())
        least = self.filters.min_probability
        given = {
            "band": list(bands),
            "min": "" if least is None else f"{100 * least:g}",
            "plan": self.filters.plan or "",
        }
        query = urlencode({name: value for name, value in given.items() if value}, doseq=True)
        return f"/new-campaign?{query}" if query else "/new-campaign"

    def sorted_by(self, order: ListOrder) -> str:
        """Return the address that sorts by `order`, the other way round where it is sorted so already."""
        is_descending = (not self.is_descending) if order == self.order else _DESCENDING[order]
        return replace(self, order=order, is_descending=is_descending).address()


def _asked(
    show: Annotated[str, Query(max_length=20)] = "listed",
    band: Annotated[list[str], Query(max_length=20)] = [],  # noqa: B006 - the framework copies it
    plan: Annotated[str, Query(max_length=200)] = "",
    minimum: Annotated[str, Query(alias="min", max_length=20)] = "",
    q: Annotated[str, Query(max_length=LONGEST_ID)] = "",
    sort: Annotated[str, Query(max_length=40)] = "expected_profit",
    dir: Annotated[str, Query(max_length=10)] = "",  # noqa: A002 - the parameter's public name
    after: Annotated[str | None, Query(max_length=LONGEST_ID)] = None,
    before: Annotated[str | None, Query(max_length=LONGEST_ID)] = None,
    col: Annotated[list[str], Query(max_length=20)] = [],  # noqa: B006 - as above
) -> Asked:
    order: ListOrder = next((name for name in ORDERS if name == sort), "expected_profit")
    filters = Filters(
        bands=tuple(name for name in BANDS if name in band) or None,
        min_probability=_share(minimum),
        plan=plan or None,
        is_listed=None if show == "all" else True,
        search=q.strip(),
    )
    is_descending = dir == "desc" if dir in ("asc", "desc") else _DESCENDING[order]
    columns = tuple(name for name in CHOICES if name in col) or CHOICES
    return Asked(filters, order, is_descending, after, before, columns)


@router.get("/risk-list")
def risk_list(
    request: Request,
    wanted: Annotated[Asked, Depends(_asked)],
    user: Annotated[SignedIn, Depends(signed_in())],
    state: Annotated[State, Depends(state_of)],
) -> Response:
    """Show a page of the list; htmx gets the table alone."""
    customers = list_customers(
        state.context,
        state.risk_lists,
        wanted.filters,
        order=wanted.order,
        descending=wanted.is_descending,
        limit=PAGE_ROWS,
        after=wanted.after,
        before=wanted.before,
        groups=feature_groups(state),
        formulas=state.formulas,
    )
    has_months = customers is not None and any(row["months_kept"] is not None for row in customers.customers)
    columns = _columns(wanted, has_months=has_months)
    if request.headers.get("hx-request") and request.headers.get("hx-target") == "list":
        return fragment(
            request,
            "risk_list/rows.html.j2",
            found=customers,
            asked=wanted,
            to=customer_path,
            columns=columns,
            has_months=has_months,
        )
    may_push = customers is not None and user.may("push")
    return page(
        request,
        "risk_list/risk_list.html.j2",
        title=tr("Risk list"),
        active="risk-list",
        found=customers,
        asked=wanted,
        search_by=state.context.settings.api.search_by,
        to=customer_path,
        columns=columns,
        has_months=has_months,
        choices=_choices(has_months=has_months),
        views=[] if _owner(user) is None else state.store.views.list(_owner(user) or ""),
        may_save=_owner(user) is not None,
        targets=push_targets(state.context) if may_push else [],
        push=pushes_of_the_list(state.context) if may_push else None,
    )


@router.get("/risk-list.csv")
def risk_list_as_csv(
    wanted: Annotated[Asked, Depends(_asked)],
    _user: Annotated[SignedIn, Depends(signed_in())],
    state: Annotated[State, Depends(state_of)],
) -> Response:
    """Hand over everybody who matches, as a file for a spreadsheet."""
    rows = export_customers(
        state.context,
        state.risk_lists,
        wanted.filters,
        order=wanted.order,
        descending=wanted.is_descending,
    )
    headers = HEADERS | {"Content-Disposition": 'attachment; filename="risk-list.csv"'}
    return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/risk-list.xlsx")
def risk_list_as_workbook(
    wanted: Annotated[Asked, Depends(_asked)],
    _user: Annotated[SignedIn, Depends(signed_in())],
    state: Annotated[State, Depends(state_of)],
) -> Response:
    """Hand over everybody who matches, as an Excel workbook."""
    content = customers_workbook(
        state.context,
        state.risk_lists,
        wanted.filters,
        order=wanted.order,
        descending=wanted.is_descending,
    )
    headers = HEADERS | {"Content-Disposition": 'attachment; filename="risk-list.xlsx"'}
    return Response(content, media_type=TYPES[".xlsx"], headers=headers)


@router.post("/risk-list/push")
def push(
    request: Request,
    user: Annotated[SignedIn, Depends(signed_in("push"))],
    state: Annotated[State, Depends(state_of)],
    connector: Annotated[str, Form(max_length=100)],
) -> Response:
    """Ask the job runner to bring a CRM in step with the list."""
    run = ask_list_push(state.context, connector, who=user.name)
    subject = f"risk list to {connector}, run {run.run_id}"
    state.store.requests.audit(user.name, "push_list", subject, state.context.clock(), request_id(request))
    if request.headers.get("hx-request"):
        return fragment(
            request,
            "risk_list/push.html.j2",
            targets=push_targets(state.context),
            push=pushes_of_the_list(state.context),
        )
    return RedirectResponse("/risk-list", status_code=303)


@router.post("/risk-list/views")
def save_view(
    request: Request,
    user: Annotated[SignedIn, Depends(signed_in())],
    state: Annotated[State, Depends(state_of)],
    name: Annotated[str, Form(max_length=200)],
    query: Annotated[str, Form(max_length=4_000)] = "",
) -> Response:
    """Keep the filters, order and columns of a list under a name of one's own, in place of what bore it."""
    owner, title = _owner(user), " ".join(name.split())
    if owner is None:
        raise ConfigError(
            tr("a one-time link keeps no views"), where="name", remedy=tr("Sign in with a name of your own.")
        )
    if not _VIEW_NAME.match(title):
        raise ConfigError(
            tr("a view needs a name of 1 to 60 characters"), where="name", remedy=tr("Such as: High risk, premium.")
        )
    kept = _kept(query)
    state.store.views.save(owner, title, kept, state.context.clock())
    state.store.requests.audit(user.name, "save_view", title, state.context.clock(), request_id(request))
    return RedirectResponse(f"/risk-list?{kept}" if kept else "/risk-list", status_code=303)


@router.post("/risk-list/views/remove")
def remove_view(
    request: Request,
    user: Annotated[SignedIn, Depends(signed_in())],
    state: Annotated[State, Depends(state_of)],
    name: Annotated[str, Form(max_length=200)],
) -> Response:
    """Forget a view of one's own."""
    if not state.store.views.remove(_owner(user) or "", name):
        raise NotFound(tr("you have no view of this name"), where=name, remedy=tr("See your views above the list."))
    state.store.requests.audit(user.name, "remove_view", name, state.context.clock(), request_id(request))
    return RedirectResponse("/risk-list", status_code=303)


def _kept(query: str) -> str:
    """Return what a view keeps of an address: all but the page, and the search for a customer, whose id must not outlive their erasure."""
    given = parse_qs(query.removeprefix("?"))

    def first(name: str) -> str:
        return given.get(name, [""])[0]

    wanted = _asked(
        show=first("show") or "listed",
        band=given.get("band", []),
        plan=first("plan"),
        minimum=first("min"),
        sort=first("sort"),
        dir=first("dir"),
        col=given.get("col", []),
    )
    return wanted.address().partition("?")[2]


def _owner(user: SignedIn) -> str | None:
    """Return whose views these are; None for a link, which is nobody's name."""
    return {"password": user.name, "sso": user.name, "key": f"key {user.name}"}.get(user.kind)


def _choices(*, has_months: bool) -> list[tuple[str, str]]:
    return [(name, words) for name, words in COLUMNS.items() if name != "months" or has_months]


def _share(percent: str) -> float | None:
    try:
        share = float(percent.strip().rstrip("%").replace(",", ".")) / 100
    except ValueError:
        return None
    return share if 0 < share <= 1 else None


@dataclass(frozen=True)
class _ListColumn:
    """A column of the table: its words and CSS class; if it sorts, the address that does, and how it sorts now."""

    words: str
    kind: str
    order: ListOrder | None
    address: str | None
    way: Literal["ascending", "descending"] | None


def _columns(wanted: Asked, *, has_months: bool) -> list[_ListColumn]:
    choice: dict[str, tuple[str, ListOrder | None]] = {
        "change": ("num wide", "change"),
        "why": ("wide", None),
        "todo": ("wide", None),
        "months": ("num wide", None),
        "profit": ("num", "expected_profit"),
    }
    columns: tuple[tuple[str, str, ListOrder | None], ...] = (
        (tr("Customer"), "", "customer_id"),
        (tr("Risk"), "", "churn_probability"),
        *((words, *choice[name]) for name, words in _choices(has_months=has_months) if name in wanted.columns),
    )
    return [
        _ListColumn(
            words=words,
            kind=kind,
            order=order,
            address=wanted.sorted_by(order) if order else None,
            way=("descending" if wanted.is_descending else "ascending") if order and order == wanted.order else None,
        )
        for words, kind, order in columns
    ]

"""The figures: churn, revenue, survival and money by segment and months, each chart as a table, CSV and Excel."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse
from markupsafe import Markup

from churn.accounts.sign_in import SignedIn
from churn.api.pages.charts import chart_html
from churn.api.pages.figure_mail_form import FigureMailForm, addresses_in, mail_form
from churn.api.pages.frame import HEADERS, page
from churn.api.pages.session import signed_in
from churn.api.problems import request_id
from churn.api.state import State, state_of
from churn.documents.exploration import SurvivalCurves
from churn.errors import ConfigError, NotFound
from churn.jobs.notify.figure_mail import keep_choice, stop_choice
from churn.languages.recorded import recorded
from churn.languages.words import N_, by_language, language, tr
from churn.reports.charts.exploration import survival_curves
from churn.reports.charts.figures import churn_lines, revenue_moves
from churn.reports.charts.svg import Figure
from churn.store.service_records import NewFigureMail
from churn.views.figure_tables import FigureTable, figure_tables
from churn.views.figures import ALL, WORDS, FiguresQuestion, MonthRow, SegmentFigures, read_figures
from churn.views.reports import TYPES
from churn.wording import currency_prefix, money, percent

router = APIRouter(include_in_schema=False)

Here = Annotated[State, Depends(state_of)]
Reader = Annotated[SignedIn, Depends(signed_in())]
NO_TABLES: Final[list[str]] = []
_NOTES: Final = {
    "by-segment": N_(
        "Monthly churn is what was lost of what each month began with. Months before: as many "
        "months, right before these; year before: the same months, a year earlier."
    ),
    "customers": N_("Other: pauses, and customers who moved on to the next length of time as a customer."),
    "revenue": N_("What customers pay a month, at their newest fee."),
    "survival": N_("Of all who ever joined, by the newest data; whatever months are chosen above."),
    "risk": N_(
        "Of the newest list: each customer's margin a month, weighed by the probability of "
        "leaving, of those at high or critical risk."
    ),
    "saved": N_("Measured against customers left alone by chance, less all costs; whatever months are chosen above."),
}


def _wanted(
    by: Annotated[str, Query(max_length=60)] = ALL,
    value: Annotated[str, Query(max_length=200)] = "",
    first: Annotated[str, Query(alias="from", max_length=10)] = "",
    last: Annotated[str, Query(alias="to", max_length=10)] = "",
) -> FiguresQuestion:
    return FiguresQuestion(by, value, _month(first), _month(last))


Wanted = Annotated[FiguresQuestion, Depends(_wanted)]


@router.get("/figures")
def figures(request: Request, state: Here, user: Reader, wanted: Wanted) -> Response:
    """Show the figures of the months and the segment that the address asks for."""
    return _show(request, state, wanted, mail_form(state, user))


@router.post("/figures/mails")
def mail(
    request: Request,
    state: Here,
    user: Reader,
    wanted: Wanted,
    to: Annotated[str, Form(max_length=2_000)] = "",
    tables: Annotated[list[str], Form(max_length=10)] = NO_TABLES,
) -> Response:
    """Have the choice that the page shows mailed each month."""
    shown = read_figures(state.context, wanted)
    if shown is None:
        raise NotFound(tr("there are no figures yet"), where="figures", remedy=tr("See the jobs."))
    choice = NewFigureMail(
        user.name, addresses_in(to), tuple(tables), shown.segment, shown.value, shown.length, language()
    )
    try:
        keep_choice(state.context, choice, is_admin=user.may("admin"), request=request_id(request))
    except ConfigError as error:
        return _show(request, state, wanted, mail_form(state, user).refused(to, tables, error), status=422)
    return RedirectResponse(f"/figures?{urlencode(_parameters(shown))}#mails", status_code=303)


@router.post("/figures/mails/{mail_id}/stop")
def stop(mail_id: Annotated[int, InPath(ge=1, le=2**31 - 1)], request: Request, state: Here, user: Reader) -> Response:
    """Mail a choice no more."""
    stop_choice(state.context, mail_id, user.name, is_admin=user.may("admin"), request=request_id(request))
    return RedirectResponse("/figures#mails", status_code=303)


def _show(request: Request, state: State, wanted: FiguresQuestion, form: FigureMailForm, status: int = 200) -> Response:
    shown = read_figures(state.context, wanted)
    if shown is None:
        return page(request, "figures/figures.html.j2", title=tr("Figures"), active="figures", shown=None)
    tables = figure_tables(state.context, shown)
    currency = state.context.settings.business.currency
    return page(
        request,
        "figures/figures.html.j2",
        title=tr("Figures"),
        active="figures",
        status=status,
        shown=shown,
        mail=form,
        words=WORDS,
        tables=tables.tables,
        titles={given.name: given.title for given in tables.tables},
        notes=_NOTES,
        charts=_charts(shown, tables.survival, currency),
        query=urlencode(_parameters(shown)),
        queried=lambda **changes: urlencode({**_parameters(shown), **changes}),
    )


@router.get("/figures/{name}.{ending}")
def table(
    name: Annotated[str, InPath(pattern=r"^[a-z-]{1,40}$")],
    ending: Annotated[str, InPath(pattern=r"^(csv|xlsx)$")],
    state: Here,
    _user: Reader,
    wanted: Wanted,
) -> Response:
    """Hand over one table as CSV or as an Excel workbook."""
    shown = read_figures(state.context, wanted)
    given: FigureTable | None = None if shown is None else figure_tables(state.context, shown).named(name)
    if shown is None or given is None:
        raise NotFound(tr("there is no such table"), where=name, remedy=tr("See the page on figures."))
    content = given.csv() if ending == "csv" else given.workbook(state.context.settings.business.currency)
    file = f"{name}-{shown.first:%Y-%m}-{shown.last:%Y-%m}.{ending}"
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{file}"'}
    return Response(content, media_type=TYPES[f".{ending}"], headers=headers)


def _parameters(shown: SegmentFigures) -> dict[str, str]:
    given = {"by": shown.segment, "value": shown.value, "from": f"{shown.first:%Y-%m}", "to": f"{shown.last:%Y-%m}"}
    return {name: value for name, value in given.items() if value}


def _charts(shown: SegmentFigures, survival: SurvivalCurves | None, currency: str) -> dict[str, Markup]:
    charts = {
        "by-segment": chart_html("churn-lines", _lines(tuple(shown.lines))),
        "revenue": chart_html("revenue-moves", _moves(tuple(shown.by_month), currency)),
    }
    if survival is not None:
        drawn = _still_there(survival.model_dump_json())
        charts["survival"] = Markup('<figure class="chart"><div class="chart-still">{}</div></figure>').format(drawn)
    return charts


@by_language(maxsize=16)
def _still_there(survival: str) -> Markup:
    """Return the curves of a document, which is handed over as JSON to be known again."""
    curves = SurvivalCurves.model_validate_json(survival).groups
    groups = [curve.model_dump() | {"name": recorded(curve.name)} for curve in curves]
    describe = tr("Share of customers still there by months since joining, by plan; the table below holds the values.")
    return survival_curves(groups, unit=tr("Months since joining"), describe=describe)


@by_language(maxsize=16)
def _lines(months: tuple[MonthRow, ...]) -> Figure:
    rows = [
        {"month": row.month.isoformat(), "name": _name(row.value), "rate": rate, "text": percent(rate, 1)}
        for row in months
        if (rate := row.sums.churn_rate) is not None
    ]
    names = list(dict.fromkeys(_name(row.value) for row in months))
    describe = tr("Churn by month, of {names}; the table below holds the values.", names=", ".join(names))
    return churn_lines(rows, names=names, describe=describe)


@by_language(maxsize=16)
def _moves(months: tuple[MonthRow, ...], currency: str) -> Figure:
    rows = [
        {"month": row.month.isoformat(), "what": what, "amount": amount, "text": money(amount, currency, cents=False)}
        for row in months
        for what, amount in (
            (tr("Won"), row.sums.revenue_won),
            (tr("Lost"), -row.sums.revenue_lost),
            (tr("Other"), row.sums.revenue_other),
        )
    ]
    describe = tr("Monthly revenue won, lost and otherwise moved, by month; the table below holds the values.")
    return revenue_moves(rows, prefix=currency_prefix(currency), describe=describe)


def _name(value: str) -> str:
    return tr("All customers") if value == ALL else recorded(value)


def _month(text: str) -> date | None:
    try:
        return date.fromisoformat(f"{text[:7]}-01")
    except ValueError:
        return None

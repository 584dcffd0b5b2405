"""Two simulations side by side: what differs between their terms, and what that does to the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request, Response

from churn.api.pages.frame import page
from churn.api.pages.simulator.form import read_address
from churn.api.pages.simulator.saved import address_of
from churn.api.pages.simulator.show import Reading, Service, ask
from churn.api.pages.simulator.view import PROFIT_MODELS
from churn.decisions.simulation_request import TERMS
from churn.documents.simulation import SimulationDocument
from churn.errors import ChurnError
from churn.languages.words import N_, tr
from churn.reports.charts.simulator import ComparedCurve, two_curves
from churn.reports.charts.svg import Figure
from churn.wording import currency_prefix

router = APIRouter(include_in_schema=False)
_THIS: Final = N_("What you look at")
Kind = Literal["money", "percent", "count", "chance", "text"]
_KINDS: Final[dict[str, Kind]] = {"money": "money", "share": "percent", "count": "count"}


@dataclass(frozen=True)
class ComparedSimulation:
    """One of the two: what it is called here, its document, and the address that opens it, if there is one."""

    name: str
    document: SimulationDocument
    address: str | None


@dataclass(frozen=True)
class ComparisonRow:
    """A term or a result of both simulations; `change` is second less first, `tone` says whether that is good."""

    label: str
    kind: Kind
    values: tuple[float | str | None, float | str | None]
    is_input: bool = False
    change: float | None = None
    tone: Literal["", "good", "bad"] = ""


@dataclass(frozen=True)
class ComparedResult:
    """A result that is compared: `better` is 1 where more is better, -1 where less is, 0 where neither is."""

    label: str
    kind: Kind
    better: Literal[-1, 0, 1]
    of: Callable[[SimulationDocument], float | None]


RESULTS: Final = (
    ComparedResult(N_("Expected net profit"), "money", 1, lambda d: d.net_profit),
    ComparedResult(N_("90 % range, from"), "money", 1, lambda d: d.net_profit_interval.low),
    ComparedResult(N_("90 % range, to"), "money", 1, lambda d: d.net_profit_interval.high),
    ComparedResult(N_("Chance of a loss"), "chance", -1, lambda d: d.loss_probability),
    ComparedResult(N_("Spend"), "money", 0, lambda d: d.cost),
    ComparedResult(N_("Customers contacted"), "count", 0, lambda d: d.contacts),
    ComparedResult(N_("From a risk of"), "percent", 0, lambda d: d.threshold),
    ComparedResult(N_("Customers kept"), "count", 1, lambda d: d.retained),
    ComparedResult(N_("Churners reached"), "percent", 1, lambda d: d.recall),
    ComparedResult(N_("Return on spend"), "percent", 1, lambda d: d.roi),
    ComparedResult(N_("Value of a save"), "money", 0, lambda d: d.value_of_save),
)


@router.get("/simulator/compare")
def compare(
    request: Request,
    state: Service,
    _user: Reading,
    names: Annotated[list[str], Query(alias="with", max_length=20)] = [],  # noqa: B006 - FastAPI's way; never changed
    this: Annotated[str, Query(max_length=2_000)] = "",
) -> Response:
    """Show two simulations side by side: two saved ones, or one and the state in `this`."""
    known = {
        saved.name: ComparedSimulation(saved.name, saved.document, address_of(saved))
        for saved in state.store.simulations.list()
    }
    chosen = [name for name in dict.fromkeys(names) if name in known or name == _THIS]
    notice = None
    if this and (_THIS in chosen or len(chosen) < 2):
        try:
            answer, _ = ask(state, read_address(this))
            known[_THIS] = ComparedSimulation(_THIS, answer.document, f"/simulator?{this}")
            chosen = [*(name for name in chosen if name != _THIS), _THIS]
        except ChurnError as error:
            notice = ("warn", tr("What you looked at cannot be compared: {what}.", what=error.what))
    chosen = [name for name in chosen if name in known]
    if len(chosen) > 2:
        notice = ("info", tr("Two can be compared at a time: the first two of {chosen} are shown.", chosen=len(chosen)))
    pair = [known[name] for name in chosen[:2]]
    return page(
        request,
        "simulator/compare.html.j2",
        title=tr("Compare simulations"),
        active="simulator",
        names=[*known],
        options=[("", tr("Choose one")), *((name, name) for name in known)],
        pair=pair,
        this=this,
        notice=notice,
        rows=_rows(pair[0].document, pair[1].document) if len(pair) == 2 else [],
        curve=_curves(pair[0], pair[1]) if len(pair) == 2 else None,
    )


def _rows(first: SimulationDocument, second: SimulationDocument) -> list[ComparisonRow]:
    """Return the terms that differ, then the results, each with the difference where one can be taken."""
    rows = []
    for term in TERMS:
        if term.economics:
            values = getattr(first.economics, term.economics), getattr(second.economics, term.economics)
            if values[0] != values[1]:
                rows.append(ComparisonRow(term.label, _KINDS[term.unit], values, is_input=True))
    if first.profit_model != second.profit_model:
        words = {choice.key: choice.label for choice in PROFIT_MODELS}
        models = words[first.profit_model], words[second.profit_model]
        rows.append(ComparisonRow(tr("Profit counted"), "text", models, is_input=True))
    return rows + [_result_row(result, result.of(first), result.of(second)) for result in RESULTS]


def _result_row(result: ComparedResult, before: float | None, after: float | None) -> ComparisonRow:
    change = None if before is None or after is None else after - before
    tone: Literal["", "good", "bad"] = ""
    if change and result.better:
        tone = "good" if change * result.better > 0 else "bad"
    return ComparisonRow(result.label, result.kind, (before, after), change=change, tone=tone)


def _curves(first: ComparedSimulation, second: ComparedSimulation) -> Figure | None:
    pair = (first, second)
    if any(len(compared.document.bands) < 3 for compared in pair):
        return None
    words = "; ".join(f"{compared.name}: {compared.document.sentence}" for compared in pair)
    return two_curves(
        *(
            ComparedCurve(
                compared.name, compared.document.bands, compared.document.contacts, compared.document.net_profit
            )
            for compared in pair
        ),
        prefix=currency_prefix(first.document.currency),
        describe=tr("Net profit by customers contacted. {words}", words=words),
    )

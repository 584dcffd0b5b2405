"""The front page: how things stand, and what to do next."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from markupsafe import Markup

from churn.accounts.sign_in import SignedIn
from churn.api.pages.charts import chart_html
from churn.api.pages.frame import page
from churn.api.pages.session import signed_in
from churn.api.state import State, state_of
from churn.documents.churn_month import ChurnMonth
from churn.languages.words import by_language, tr
from churn.reports.charts.overview import churn_trend
from churn.reports.charts.svg import Figure
from churn.views.overview import ChurnStanding, headline, read_overview
from churn.wording import month, percent

router = APIRouter(include_in_schema=False)


@router.get("/")
def overview(
    request: Request,
    state: Annotated[State, Depends(state_of)],
    user: Annotated[SignedIn, Depends(signed_in(None))],
) -> Response:
    """Show churn against its target, money at risk and saved, what is healthy, and what needs a person.

    Whoever may not read is led to what they may do.
    """
    if not user.may("read"):
        return RedirectResponse("/account", status_code=303)
    standing = read_overview(state.context)
    risk = standing.risk
    return page(
        request,
        "overview/overview.html.j2",
        title=tr("Overview"),
        active="overview",
        headline=headline(standing, state.context.settings.business.currency),
        trend=_trend(standing.churn) if standing.churn else None,
        run=standing.run,
        churn=standing.churn,
        risk=risk,
        top_loss=max((band.expected_revenue_loss for band in risk.bands), default=1) if risk else 1,
        saved=standing.saved,
        health=standing.health,
        alerts=standing.alerts,
        todo=standing.todo,
        tells_money=standing.tells_money,
    )


def _trend(churn: ChurnStanding) -> Markup:
    months = churn.months
    rates = [row.churn_rate for row in months]
    describe = tr(
        "Bar chart of monthly churn from {month} to {month_2}: between {rates} and {rates_2}, in "
        "the last month {rates_3}, against a target of {target}.",
        month=month(months[0].month),
        month_2=month(months[-1].month),
        rates=percent(min(rates), 1),
        rates_2=percent(max(rates), 1),
        rates_3=percent(rates[-1], 1),
        target=percent(churn.target),
    )
    return chart_html("churn-trend", _drawn(months, churn.target, describe))


@by_language(maxsize=4)
def _drawn(months: tuple[ChurnMonth, ...], target: float, describe: str) -> Figure:
    """Draw the months: once for each score run, not for each look at the front page."""
    return churn_trend(months, target, describe=describe)

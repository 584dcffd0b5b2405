"""The front page: how things stand, and what to do next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from churn.accounts.sign_in import SignedIn
from churn.api.pages.charts import chart_html
from churn.api.pages.frame import page
from churn.api.pages.session import signed_in
from churn.api.state import State, state_of
from churn.reports.charts.overview import churn_trend
from churn.reports.charts.svg import Figure
from churn.views.overview import headline
from churn.views.overview import overview as read_overview
from churn.wording import percent

router = APIRouter()


@router.get("/")
def overview(
    request: Request,
    state: Annotated[State, Depends(state_of)],
    _user: Annotated[SignedIn, Depends(signed_in())],
) -> Response:
    """Show churn against its target, money at risk and saved, what is healthy, and what needs a person."""
    told = read_overview(state.context)
    currency = state.context.settings.business.currency
    return page(
        request,
        "overview/overview.html.j2",
        title="Overview",
        active="overview",
        headline=headline(told, currency),
        top_loss=max((band["expected_revenue_loss"] for band in told["risk"]["bands"]), default=1)
        if told["risk"]
        else 1,
        trend=_trend(told["churn"]) if told["churn"] else None,
        **told,
    )


def _trend(churn: Mapping[str, Any]) -> Any:
    months = churn["months"]
    first, last = (date.fromisoformat(months[end]["month"]) for end in (0, -1))
    rates = [month["churn_rate"] for month in months]
    describe = (
        f"Bar chart of monthly churn from {first:%B %Y} to {last:%B %Y}: between {percent(min(rates), 1)} and "
        f"{percent(max(rates), 1)}, in the last month {percent(rates[-1], 1)}, against a target of {percent(churn['target'])}."
    )
    return chart_html("churn-trend", _drawn(json.dumps(months, default=str), churn["target"], describe))


@lru_cache(maxsize=4)
def _drawn(months: str, target: float, describe: str) -> Figure:
    """Draw the months, given as JSON: once for each score run, not for each look at the front page."""
    return churn_trend(json.loads(months), target, describe=describe)

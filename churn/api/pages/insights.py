"""Insights: who leaves more than others, with the money at stake; each becomes the audience of a campaign."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Annotated, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse

from churn.accounts.sign_in import SignedIn
from churn.api.pages.frame import fragment, page
from churn.api.pages.session import signed_in
from churn.api.problems import request_id
from churn.api.state import State, state_of
from churn.documents.exploration import ColumnInsight, InsightsDocument
from churn.errors import CampaignError, ConfigError, NotFound
from churn.languages.words import tr
from churn.views.insights import latest_insights
from churn.views.reports import list_reports
from churn.workflows.define import draft_audience, name_from

router = APIRouter(include_in_schema=False)

Kind = Literal["all", "single", "pair"]
Order = Literal["money", "churn", "lift", "customers"]
_ENDLESS: Final = 1e12  # a lift without an end (nobody else left) is the highest there is
_KEYS: Final[dict[Order, Callable[[ColumnInsight], float]]] = {
    "money": attrgetter("money_at_risk_monthly"),
    "churn": attrgetter("churn_rate"),
    "lift": lambda insight: _ENDLESS if insight.lift is None else insight.lift,
    "customers": attrgetter("customers"),
}
_LONGEST: Final = 100
_Here = Annotated[State, Depends(state_of)]


@dataclass(frozen=True)
class InsightFilter:
    """Words that an insight must hold, the kind, and which come first."""

    q: str = ""
    kind: Kind = "all"
    order: Order = "money"


@dataclass(frozen=True)
class InsightCampaignForm:
    """What was filled in to make a campaign of an insight, and what is wrong with it."""

    rank: int
    title: str
    channel: str
    wrong: str


@dataclass(frozen=True)
class InsightsPage:
    """The newest exploration (None before the first), the insights that the filter leaves, and the end of the scale."""

    explored: InsightsDocument | None
    rows: Sequence[ColumnInsight]
    wanted: InsightFilter
    top: float
    form: InsightCampaignForm | None = None


@router.get("/insights")
def insights(
    request: Request,
    state: _Here,
    user: Annotated[SignedIn, Depends(signed_in())],
    q: Annotated[str, Query(max_length=200)] = "",
    kind: Annotated[Kind, Query()] = "all",
    order: Annotated[Order, Query()] = "money",
) -> Response:
    """Show what the newest exploration found, all of it or what a filter leaves."""
    shown = _shown(state, InsightFilter(q, kind, order))
    if request.headers.get("HX-Target") == "found":
        return fragment(request, "insights/_found.html.j2", user_may_push=user.may("push"), **vars(shown))
    return _page(request, state, user, shown)


@router.post("/insights/{rank}/campaign")
def campaign(
    request: Request,
    rank: Annotated[int, InPath(ge=1, le=10_000)],
    state: _Here,
    user: Annotated[SignedIn, Depends(signed_in("push"))],
    condition: Annotated[str, Form(max_length=2_000)],
    title: Annotated[str, Form(max_length=1_000)] = "",
    channel: Annotated[str, Form(max_length=50)] = "email",
) -> Response:
    """Make a campaign of an insight and go to its page; an exploration that came in between is told, not mistaken."""
    document = latest_insights(state.context.settings.home)
    insight = next((insight for insight in document.insights if insight.rank == rank), None)
    wrong = ""
    if insight is None or insight.condition != condition:
        wrong = tr("The data have been explored anew since you opened this page; look at what is here now.")
    elif not title.strip() or len(title.strip()) > _LONGEST:
        wrong = tr("Give a title of 1 to 100 characters: customers' agents will read it.")
    name = name_from(title)
    if not wrong and insight is not None:
        owner = None if user.kind == "link" else user.name
        try:
            draft_audience(
                state.context, insight, name=name, title=title.strip(), channel=channel, owner=owner, by=user.name
            )
        except (CampaignError, ConfigError) as error:
            wrong = f"{error.what[:1].upper()}{error.what[1:]}. {error.remedy or ''}".strip()
        else:
            now = state.context.clock()
            state.store.requests.audit(user.name, "define_campaign", name, now, request_id(request))
            return RedirectResponse(f"/campaigns/{quote(name)}", status_code=303)
    shown = replace(_shown(state, InsightFilter()), form=InsightCampaignForm(rank, title, channel, wrong))
    return _page(request, state, user, shown, status=422)


def _page(request: Request, state: State, user: SignedIn, shown: InsightsPage, status: int = 200) -> Response:
    return page(
        request,
        "insights/insights.html.j2",
        title=tr("Insights"),
        active="insights",
        status=status,
        user_may_push=user.may("push"),
        report=next((file.name for file in list_reports(state.context) if file.name == "exploration.html"), None),
        **vars(shown),
    )


def _shown(state: State, wanted: InsightFilter) -> InsightsPage:
    try:
        document = latest_insights(state.context.settings.home)
    except NotFound:
        return InsightsPage(None, [], wanted, top=1.0)
    key = _KEYS[wanted.order]
    rows = [insight for insight in document.insights if _matches(insight, wanted)]
    rows.sort(key=lambda insight: (-key(insight), insight.rank))
    top = max((insight.interval[1] for insight in document.insights), default=1.0)
    return InsightsPage(document, rows, wanted, top)


def _matches(insight: ColumnInsight, wanted: InsightFilter) -> bool:
    is_pair = len(insight.features) > 1
    words = f"{insight.sentence} {insight.condition}".lower().replace("_", " ")
    return (wanted.kind == "all" or is_pair == (wanted.kind == "pair")) and all(
        word in words for word in wanted.q.lower().replace("_", " ").split()
    )

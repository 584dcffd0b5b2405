"""Insights: who leaves more than others, with the money at stake; each becomes the audience of a campaign."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse

from churn.accounts.sign_in import SignedIn
from churn.api.pages.frame import fragment, page
from churn.api.pages.session import signed_in
from churn.api.problems import request_id
from churn.api.state import State, state_of
from churn.errors import CampaignError, ConfigError, NotFound
from churn.views.insights import latest_insights
from churn.views.reports import list_reports
from churn.workflows.plan.define import draft_audience, name_from

router = APIRouter()

Kind = Literal["all", "single", "pair"]
Order = Literal["money", "churn", "lift", "customers"]
_KEYS: Final[dict[str, str]] = {
    "money": "money_at_risk_monthly",
    "churn": "churn_rate",
    "lift": "lift",
    "customers": "customers",
}
_LONGEST: Final = 100
_Here = Annotated[State, Depends(state_of)]


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
    values = _shown(state, q, kind, order)
    if request.headers.get("HX-Target") == "found":
        return fragment(request, "insights/_found.html.j2", user_may_push=user.may("push"), **values)
    return _page(request, state, user, values)


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
    found = latest_insights(state.context.settings.home)
    insight = next((each for each in found["insights"] if each["rank"] == rank), None)
    wrong = ""
    if insight is None or insight["condition"] != condition:
        wrong = "The data have been explored anew since you opened this page; look at what is here now."
    elif not title.strip() or len(title.strip()) > _LONGEST:
        wrong = "Give a title of 1 to 100 characters: customers' agents will read it."
    name = name_from(title)
    if not wrong and insight is not None:
        owner = user.name if user.kind in {"key", "password"} else None
        try:
            draft_audience(state.context, insight, name=name, title=title.strip(), channel=channel, owner=owner)
        except (CampaignError, ConfigError) as error:
            wrong = f"{error.what[:1].upper()}{error.what[1:]}. {error.remedy or ''}".strip()
        else:
            now = state.context.clock()
            state.store.requests.audit(user.name, "define_campaign", name, now, request_id(request))
            return RedirectResponse(f"/campaigns/{quote(name)}", status_code=303)
    values = _shown(state, "", "all", "money")
    form = {"rank": rank, "title": title, "channel": channel, "wrong": wrong}
    return _page(request, state, user, values | {"form": form}, status=422)


def _page(request: Request, state: State, user: SignedIn, values: dict[str, Any], status: int = 200) -> Response:
    return page(
        request,
        "insights/insights.html.j2",
        title="Insights",
        active="insights",
        status=status,
        user_may_push=user.may("push"),
        report=next((file.name for file in list_reports(state.context) if file.name == "exploration.html"), None),
        **values,
    )


def _shown(state: State, q: str, kind: Kind, order: Order) -> dict[str, Any]:
    try:
        found: dict[str, Any] | None = latest_insights(state.context.settings.home)
    except NotFound:
        found = None
    rows = [] if found is None else [each for each in found["insights"] if _matches(each, q, kind)]
    # A ratio without an end (nobody else left) is the highest there is.
    rows.sort(key=lambda each: (-(each[_KEYS[order]] if each[_KEYS[order]] is not None else 1e12), each["rank"]))
    top = max((each["interval"][1] for each in (found or {"insights": []})["insights"]), default=1.0)
    return {"found": found, "rows": rows, "asked": {"q": q, "kind": kind, "order": order}, "top": top, "form": None}


def _matches(insight: dict[str, Any], q: str, kind: Kind) -> bool:
    is_pair = len(insight["features"]) > 1
    words = f"{insight['sentence']} {insight['condition']}".lower().replace("_", " ")
    return (kind == "all" or is_pair == (kind == "pair")) and all(
        word in words for word in q.lower().replace("_", " ").split()
    )

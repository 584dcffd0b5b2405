"""What becomes of a simulation: saved under a name, compared with another, made a campaign."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from churn.accounts.sign_in import SignedIn
from churn.api.pages.frame import page
from churn.api.pages.session import signed_in
from churn.api.pages.simulator import page as simulating
from churn.api.pages.simulator import view
from churn.api.pages.simulator.form import address, read_state
from churn.api.pages.simulator.view import address_of
from churn.api.problems import request_id
from churn.api.state import State as Service
from churn.decisions.simulation_request import TERMS, saved_inputs
from churn.errors import CampaignError, ChurnError, ConfigError
from churn.reports.charts.simulator import two_curves
from churn.store.records import Simulation
from churn.workflows.plan.define import draft_campaign, name_from

router = APIRouter()
_NAME: Final = re.compile(r"[\w .,()+%-]{1,100}\Z")
_THIS: Final = "What you look at"
_KINDS: Final = {"money": "money", "share": "percent", "count": "count"}
INPUTS: Final = tuple((term.economics, term.label, _KINDS[term.unit]) for term in TERMS if term.economics)
OUTCOMES: Final = (
    ("net_profit", "Expected net profit", "money", 1),
    ("low", "90 % range, from", "money", 1),
    ("high", "90 % range, to", "money", 1),
    ("loss_probability", "Chance of a loss", "chance", -1),
    ("cost", "Spend", "money", 0),
    ("contacts", "Customers contacted", "count", 0),
    ("threshold", "From a risk of", "percent", 0),
    ("retained", "Customers kept", "count", 1),
    ("recall", "Churners reached", "percent", 1),
    ("roi", "Return on spend", "percent", 1),
    ("value_of_save", "Value of a save", "money", 0),
)


@router.post("/simulator/save")
async def save(
    request: Request, service: simulating.Shared, user: Annotated[SignedIn, Depends(signed_in("simulate"))]
) -> Response:
    """Keep a simulation under a name; one that is there is replaced only when asked to."""
    form = {key: str(value) for key, value in (await request.form()).items()}
    return await run_in_threadpool(_save, request, service, user, form)


def _save(request: Request, service: Service, user: SignedIn, form: Mapping[str, str]) -> Response:
    state, name = read_state(simulating.fields_of(form.get("query", ""))), form.get("name", "").strip()
    told: dict[str, Any] = {"name": name}
    if not _NAME.match(name):
        told["name_wrong"] = "Use 1 to 100 letters, digits, spaces and . , ( ) + % -"
    elif form.get("replace") != "yes" and name in {each.name for each in service.store.simulations.list()}:
        told |= {"name_wrong": f"“{name}” is saved already. Replace it, or choose another name.", "is_taken": True}
    if "name_wrong" in told:
        return simulating.show(request, service, user, state, status=422, form=told)
    found, state = simulating.ask(service, state)
    now = service.context.clock()
    service.store.simulations.save(name, saved_inputs(found.request), {**found.document, "name": name}, now)
    service.store.requests.audit(user.name, "save_simulation", name, now, request_id(request))
    return RedirectResponse(f"/simulator?{address(state, found.economics)}&saved={quote(name)}#keep", status_code=303)


@router.post("/simulator/campaign")
async def campaign(
    request: Request, service: simulating.Shared, user: Annotated[SignedIn, Depends(signed_in("push"))]
) -> Response:
    """Make a campaign of a simulation and go to its page."""
    form = {key: str(value) for key, value in (await request.form()).items()}
    return await run_in_threadpool(_campaign, request, service, user, form)


def _campaign(request: Request, service: Service, user: SignedIn, form: Mapping[str, str]) -> Response:
    state = read_state(simulating.fields_of(form.get("query", "")))
    title, channel = form.get("title", "").strip(), form.get("channel", "email")
    name = form.get("campaign", "").strip() or name_from(title)
    told: dict[str, Any] = {"title": title, "campaign": name, "channel": channel}
    if not title or len(title) > 100:
        told["title_wrong"] = "Give a title of 1 to 100 characters: customers' agents will read it."
        return simulating.show(request, service, user, state, status=422, form=told)
    found, state = simulating.ask(service, state)
    try:
        owner = user.name if user.kind in {"key", "password"} else None
        draft_campaign(service.context, found, name=name, title=title, channel=channel, owner=owner)
    except (CampaignError, ConfigError) as error:
        told["campaign_wrong"] = f"{error.what[0].upper()}{error.what[1:]}. {error.remedy or ''}".strip()
        return simulating.show(request, service, user, state, status=422, form=told)
    now = service.context.clock()
    service.store.requests.audit(user.name, "define_campaign", name, now, request_id(request))
    return RedirectResponse(f"/campaigns/{quote(name)}", status_code=303)


@router.get("/simulator/compare")
def compare(
    request: Request,
    service: simulating.Shared,
    _user: Annotated[SignedIn, Depends(signed_in("simulate"))],
    names: Annotated[list[str], Query(alias="with", max_length=20)] = [],  # noqa: B006 - FastAPI's way; never changed
    this: Annotated[str, Query(max_length=2_000)] = "",
) -> Response:
    """Show two simulations side by side: two saved ones, or one and the state in `this`."""
    saved = service.store.simulations.list()
    documents = {each.name: _document(each) for each in saved}
    chosen = [name for name in dict.fromkeys(names) if name in documents or name == _THIS]
    notice = None
    if this and (_THIS in chosen or len(chosen) < 2):
        try:
            found, _ = simulating.ask(service, read_state(simulating.fields_of(this)))
            documents[_THIS] = {**found.document, "address": f"/simulator?{this}"}
            chosen = [*(name for name in chosen if name != _THIS), _THIS]
        except ChurnError as error:
            notice = ("warn", f"What you looked at cannot be compared: {error.what}.")
    chosen = [name for name in chosen if name in documents]
    if len(chosen) > 2:
        notice = ("info", f"Two can be compared at a time: the first two of {len(chosen)} are shown.")
    pair = [(name, documents[name]) for name in chosen[:2]]
    return page(
        request,
        "simulator/compare.html.j2",
        title="Compare simulations",
        active="simulator",
        names=[*documents],
        options=[("", "Choose one"), *((name, name) for name in documents)],
        pair=pair,
        this=this,
        notice=notice,
        rows=_rows(pair) if len(pair) == 2 else [],
        curve=_curves(pair) if len(pair) == 2 else None,
    )


def _document(each: Simulation) -> dict[str, Any]:
    return {**each.result, "address": address_of(each)}


def _rows(pair: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Inputs that differ, then outcomes, each with both values and the difference where one can be taken."""
    (_, first), (_, second) = pair
    rows: list[dict[str, Any]] = [
        {"label": label, "kind": kind, "values": (one, two), "is_input": True, "change": None, "tone": ""}
        for name, label, kind in INPUTS
        if (one := first.get("economics", {}).get(name)) != (two := second.get("economics", {}).get(name))
    ]
    models = tuple({key: words for key, words, _ in view.MODELS}.get(d.get("profit_model", ""), "") for _, d in pair)
    if models[0] != models[1]:
        rows.append(
            {"label": "Profit counted", "kind": "text", "values": models, "is_input": True, "change": None, "tone": ""}
        )
    for name, label, kind, good in OUTCOMES:
        one, two = (_value(each, name) for each in (first, second))
        change = two - one if one is not None and two is not None else None
        tone = "" if not change or not good else "good" if change * good > 0 else "bad"
        rows.append(
            {"label": label, "kind": kind, "values": (one, two), "is_input": False, "change": change, "tone": tone}
        )
    return rows


def _value(document: Mapping[str, Any], name: str) -> float | None:
    inside = document.get("net_profit_interval", {}) if name in {"low", "high"} else document
    found = inside.get(name)
    return None if found is None else float(found)


def _curves(pair: list[tuple[str, dict[str, Any]]]) -> Any:
    if any(len(document.get("bands", [])) < 3 for _, document in pair):
        return None
    keys = ("contacts", "net_profit", "low", "high")
    curves = {name: [{key: row[key] for key in keys} for row in document["bands"]] for name, document in pair}
    chosen = {name: {key: document[key] for key in ("contacts", "net_profit")} for name, document in pair}
    told = "; ".join(f"{name}: {document['sentence']}" for name, document in pair)
    prefix = view.prefix_of(pair[0][1].get("currency", "USD"))
    return two_curves(curves, chosen, prefix=prefix, describe=f"Net profit by customers contacted. {told}")

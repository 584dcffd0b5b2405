"""What becomes of a simulation: saved under a name, or made a campaign."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from churn.accounts.sign_in import SignedIn
from churn.api.pages.session import signed_in
from churn.api.pages.simulator import page as simulating
from churn.api.pages.simulator.form import address, read_state
from churn.api.problems import request_id
from churn.api.state import State as Service
from churn.errors import CampaignError, ConfigError
from churn.workflows.plan.define import draft_campaign, name_from

router = APIRouter()
_NAME: Final = re.compile(r"[\w .,()+%-]{1,100}\Z")


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
    service.store.simulations.save(name, found.request, found.document.model_copy(update={"name": name}), now)
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

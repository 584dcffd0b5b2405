"""What becomes of a simulation: it is saved under a name, or made a campaign."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from churn.accounts.sign_in import SignedIn
from churn.api.pages.session import signed_in
from churn.api.pages.simulator.form import address, read_address
from churn.api.pages.simulator.show import CampaignForm, SaveForm, Service, Simulating, ask, show
from churn.api.problems import request_id
from churn.api.state import State
from churn.errors import CampaignError, ConfigError
from churn.languages.words import tr
from churn.workflows.define import draft_campaign, name_from

router = APIRouter(include_in_schema=False)
_NAME: Final = re.compile(r"[\w .,()+%-]{1,100}\Z")


@router.post("/simulator/save")
async def save(request: Request, state: Service, user: Simulating) -> Response:
    """Keep a simulation under a name; one that is there is replaced only when asked to."""
    form = {key: str(value) for key, value in (await request.form()).items()}
    return await run_in_threadpool(_save, request, state, user, form)


def _save(request: Request, state: State, user: SignedIn, form: Mapping[str, str]) -> Response:
    question, name = read_address(form.get("query", "")), form.get("name", "").strip()
    refused = None
    if not _NAME.match(name):
        refused = SaveForm(name, tr("Use 1 to 100 letters, digits, spaces and . , ( ) + % -"))
    elif form.get("replace") != "yes" and name in {saved.name for saved in state.store.simulations.list()}:
        refused = SaveForm(
            name, tr("“{name}” is saved already. Replace it, or choose another name.", name=name), is_taken=True
        )
    if refused is not None:
        return show(request, state, user, question, status=422, save_form=refused)
    answer, question = ask(state, question)
    now = state.context.clock()
    state.store.simulations.save(name, answer.request, answer.document.model_copy(update={"name": name}), now)
    state.store.requests.audit(user.name, "save_simulation", name, now, request_id(request))
    query = address(question, answer.economics)
    return RedirectResponse(f"/simulator?{query}&saved={quote(name)}#keep", status_code=303)


@router.post("/simulator/campaign")
async def campaign(request: Request, state: Service, user: Annotated[SignedIn, Depends(signed_in("push"))]) -> Response:
    """Make a campaign of a simulation and go to its page."""
    form = {key: str(value) for key, value in (await request.form()).items()}
    return await run_in_threadpool(_campaign, request, state, user, form)


def _campaign(request: Request, state: State, user: SignedIn, form: Mapping[str, str]) -> Response:
    question, title = read_address(form.get("query", "")), form.get("title", "").strip()
    name = form.get("campaign", "").strip() or name_from(title)
    entered = CampaignForm(title, name, form.get("channel", "email"))
    if not title or len(title) > 100:
        wrong = tr("Give a title of 1 to 100 characters: customers' agents will read it.")
        return show(request, state, user, question, status=422, campaign_form=replace(entered, title_wrong=wrong))
    answer, question = ask(state, question)
    try:
        owner = None if user.kind == "link" else user.name
        draft_campaign(
            state.context, answer, name=name, title=title, channel=entered.channel, owner=owner, by=user.name
        )
    except (CampaignError, ConfigError) as error:
        wrong = f"{error.what[0].upper()}{error.what[1:]}. {error.remedy or ''}".strip()
        return show(request, state, user, question, status=422, campaign_form=replace(entered, campaign_wrong=wrong))
    now = state.context.clock()
    state.store.requests.audit(user.name, "define_campaign", name, now, request_id(request))
    return RedirectResponse(f"/campaigns/{quote(name)}", status_code=303)

"""Makes, changes, copies and brings back campaigns: a form over the file, the file itself, and whom it would reach."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as InPath
from starlette.datastructures import FormData

from churn.accounts.sign_in import SignedIn
from churn.api.pages import campaign_form as form
from churn.api.pages.editor import (
    CUSTOMER_LIST,
    Edited,
    Editor,
    Submitted,
    complaint_in_words,
    error_in_words,
    pasted_ids,
    received_list,
    sentence,
    standing_of,
    text_in,
    why_in,
    with_list,
)
from churn.api.pages.frame import fragment, page
from churn.api.pages.people import customer_path
from churn.api.pages.session import signed_in
from churn.api.pages.toml_form import Changes
from churn.api.problems import request_id
from churn.api.schemas.campaigns import NAME
from churn.api.state import ASKING_SECONDS, State, state_of
from churn.campaigns.history import mark_of
from churn.campaigns.reading import campaign_files
from churn.campaigns.writing import revised_toml
from churn.documents.definition import CampaignDefinition
from churn.errors import ChurnError, ConfigError
from churn.languages.words import tr
from churn.workflows.define import (
    AudiencePreview,
    ListStanding,
    documented_features,
    examine_campaign,
    keep_campaign,
    name_from,
)
from churn.workflows.sync import Preflight, preflight_crm

router = APIRouter(include_in_schema=False)

Name = Annotated[str, InPath(max_length=100, pattern=NAME)]
Here = Annotated[State, Depends(state_of)]
Pusher = Annotated[SignedIn, Depends(signed_in("push"))]
_EMPTY: Final = (
    '[campaign]\ntitle = "New campaign"\n\n[offer.success]\nvoluntary = { low = 0.1, expected = 0.2, high = 0.3 }\n'
)
_UNNAMED: Final = "new_campaign"


@router.get("/new-campaign")
def new(
    request: Request,
    state: Here,
    user: Pusher,
    copy: Annotated[str, Query(max_length=100, pattern=f"^$|{NAME}")] = "",
    band: Annotated[list[str], Query(max_length=20)] = [],  # noqa: B006 - the framework copies it
    minimum: Annotated[str, Query(alias="min", max_length=20)] = "",
    plan: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Show the form of a campaign that is not there yet: an empty one, a copy of another, or one for a part of the risk list."""
    if copy:
        return _show(request, state, user, EDITOR.copied(state, copy))
    definition, _ = examine_campaign(state.context, _UNNAMED, _EMPTY)
    values = {} if definition is None else form.values_of(definition) | {"campaign.title": ""}
    values |= form.audience_of(band, minimum, plan)
    return _show(request, state, user, Edited("", values, _EMPTY, mark_of(None), is_new=True))


@router.post("/new-campaign")
def make(request: Request, state: Here, user: Pusher, sent: Submitted) -> Response:
    """Keep a new campaign and go to its page."""
    values = form.values_in(sent)
    title = values["campaign.title"]
    name = str(sent.get("name", "")).strip() or name_from(title)
    edited = Edited(name, values, str(sent.get("base", "")) or _EMPTY, mark_of(None), is_new=True, why=why_in(sent))
    if not title:
        return EDITOR.refused(request, state, user, edited, {"campaign.title": tr("Give it a title.")})
    if not name:
        return EDITOR.refused(
            request, state, user, edited, {"name": tr("Name its file: small letters, digits and underscores.")}
        )
    if name in campaign_files(state.context.settings.home):
        wrong = {"name": tr("There is a campaign {name} already. Choose another title or name.", name=name)}
        return EDITOR.refused(request, state, user, edited, wrong)
    try:
        edited = with_list(state, edited, sent)
    except ConfigError as error:
        return _no_list(request, state, user, edited, sent, error)
    # Another seed for each campaign: the same customers must not be the ones left alone every time.
    seed: Changes = {("holdout", "seed"): zlib.crc32(name.encode()) % 1_000_000}
    return EDITOR.save(request, state, user, edited, revised_toml(EDITOR.revised(state, edited), seed))


@router.post("/audience-preview")
def preview(request: Request, state: Here, _user: Pusher, sent: Submitted) -> Response:
    """Return whom a campaign would reach as it is filled in."""
    name = str(sent.get("name", "")).strip() or _UNNAMED
    shown: AudiencePreview | None = None
    complaint = ""
    try:
        values = form.values_in(sent)
        titled = values | {"campaign.title": values["campaign.title"] or tr("New campaign")}
        text = text_in(sent) or EDITOR.revised(state, Edited(name, titled, str(sent.get("base", "")), ""))
        definition, complaints = examine_campaign(state.context, name, text)
        if definition is None or complaints:
            complaint = complaint_in_words(complaints[0], EDITOR.labels)
        else:
            shown = state.previews.preview(definition)
    except ChurnError as error:
        complaint = error_in_words(error)
    return fragment(
        request, "campaigns/_preview.html.j2", shown=shown, complaint=complaint, customer_path=customer_path
    )


@router.post("/crm-preflight")
def preflight(request: Request, state: Here, user: Pusher, sent: Submitted) -> Response:
    """Return what the CRM says of connector, mode and fields as they are filled in; nothing is written there."""
    values = form.values_in(sent)
    shown: Preflight | None = None
    wrong, connector = "", values["crm.connector"]
    try:
        crm = form.crm_of(values)
        if crm.connector is None:
            wrong = tr("Choose where it is pushed to.")
        else:
            name = str(sent.get("name", "")).strip() or _named(sent)
            title = values["campaign.title"]
            context, now = state.context, state.context.clock()
            state.store.requests.audit(user.name, "check_crm", connector, now, request_id(request))
            shown = state.others.ask(
                lambda: preflight_crm(context, crm, campaign=name, title=title), of=f"connector {connector}"
            )
    except ChurnError as error:
        wrong = error_in_words(error)
    return fragment(
        request,
        "campaigns/_preflight.html.j2",
        p=shown,
        wrong=wrong,
        told=error_in_words(shown.error) if shown is not None and shown.error is not None else "",
        sentence=sentence,
    )


@router.post("/customer-list")
def take_list(request: Request, state: Here, user: Pusher, sent: Submitted) -> Response:
    """Keep the customers who were pasted or uploaded as a list, and show it in the form, which names it once it is saved."""
    listed: ListStanding | None = None
    wrong, campaign = "", str(sent.get("name", "")).strip()
    if not sent.get("drop"):
        try:
            listed = received_list(state, campaign or _named(sent), sent)
            wrong = "" if listed else tr("Paste ids, or choose a file.")
        except ConfigError as error:
            wrong = error_in_words(error)
    if listed is not None:
        now = state.context.clock()
        state.store.requests.audit(user.name, "keep_customer_list", listed.name, now, request_id(request))
    answer = fragment(
        request,
        "campaigns/_list.html.j2",
        listed=listed,
        name=listed.name if listed else "",
        campaign=campaign,
        wrong=wrong,
        pasted=pasted_ids(sent) if wrong else "",
    )
    answer.headers["HX-Trigger-After-Swap"] = "list-taken"
    return answer


@router.get("/campaigns/{name}/edit")
def edit(
    name: Name,
    request: Request,
    state: Here,
    user: Pusher,
    show: Annotated[Literal["form", "file"], Query()] = "form",
    version: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
) -> Response:
    """Show the form of a campaign, or its file; with `version` an earlier one, to be brought back."""
    return _show(request, state, user, EDITOR.opened(state, name, as_text=show == "file", version=version))


@router.post("/campaigns/{name}/edit")
def save(name: Name, request: Request, state: Here, user: Pusher, sent: Submitted) -> Response:
    """Keep a campaign as it was filled in; nothing is overwritten that somebody else changed meanwhile."""
    text, mark = text_in(sent), str(sent.get("mark", ""))
    if text is not None:
        return EDITOR.save(request, state, user, Edited(name, {}, text, mark, as_text=True, why=why_in(sent)), text)
    edited = Edited(name, form.values_in(sent), str(sent.get("base", "")), mark, why=why_in(sent))
    try:
        edited = with_list(state, edited, sent)
    except ConfigError as error:
        return _no_list(request, state, user, edited, sent, error)
    return EDITOR.save(request, state, user, edited, EDITOR.revised(state, edited))


def _no_list(
    request: Request, state: State, user: SignedIn, edited: Edited, sent: FormData, error: ConfigError
) -> Response:
    """Show the form again where the list that came with it is none."""
    edited = replace(edited, pasted=pasted_ids(sent))
    return EDITOR.refused(request, state, user, edited, {CUSTOMER_LIST: error_in_words(error)})


def _named(sent: FormData) -> str:
    return name_from(str(sent.get("campaign.title", "") or sent.get("programme.title", ""))) or _UNNAMED


def _show(request: Request, state: State, _user: SignedIn, edited: Edited, status: int = 200) -> Response:
    connectors = tuple((name, name) for name in sorted(state.context.settings.connectors))
    return page(
        request,
        "campaigns/edit.html.j2",
        title=tr("New campaign") if edited.is_new else tr("Change a campaign"),
        active="campaigns",
        status=status,
        e=edited,
        editor=EDITOR,
        form=form,
        connectors=(("", tr("nowhere yet")), *connectors),
        features=documented_features(state.context),
        scores=state.previews.scores(),
        listed=standing_of(state, edited),
        preflight_seconds=f"{ASKING_SECONDS:.0f}",
    )


EDITOR: Final = Editor[CampaignDefinition](
    folder="campaigns",
    files=campaign_files,
    examine=examine_campaign,
    keep=keep_campaign,
    values_of=lambda _context, definition: form.values_of(definition),
    changes_of=lambda _context, values, before: form.changes_of(values, form.values_of(before)),
    field_of=lambda _context, place: form.field_of(place),
    show=_show,
    labels={field.name: field.label for field in form.ALL},
)

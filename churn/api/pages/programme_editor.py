"""Makes, changes, copies and brings back programmes: a form over the file, the file itself, and whom each offer could reach."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as InPath
from starlette.datastructures import FormData

from churn.accounts.sign_in import SignedIn
from churn.api.pages import programme_form as form
from churn.api.pages.editor import (
    CUSTOMER_LIST,
    Edited,
    Editor,
    Submitted,
    complaint_in_words,
    error_in_words,
    pasted_ids,
    standing_of,
    text_in,
    why_in,
    with_list,
)
from churn.api.pages.frame import fragment, page
from churn.api.pages.session import signed_in
from churn.api.pages.toml_form import Changes, FileField, Values
from churn.api.schemas.campaigns import NAME
from churn.api.state import State, state_of
from churn.campaigns.history import mark_of
from churn.campaigns.programmes import programme_files
from churn.campaigns.reading import campaign_files, examine
from churn.campaigns.writing import revised_toml
from churn.context import Context
from churn.documents.programme import Approval, ProgrammeDefinition
from churn.errors import ChurnError, ConfigError
from churn.languages.words import tr
from churn.workflows.approve import may_approve
from churn.workflows.define import (
    ProgrammePreview,
    documented_features,
    examine_programme_here,
    keep_programme,
    name_from,
    text_of,
)

router = APIRouter(include_in_schema=False)

Name = Annotated[str, InPath(max_length=100, pattern=NAME)]
Here = Annotated[State, Depends(state_of)]
Pusher = Annotated[SignedIn, Depends(signed_in("push"))]
_UNNAMED: Final = "new_programme"


@dataclass(frozen=True)
class OfferRow:
    """One campaign whose offer may take part, as a row of the form; `error` says that its file cannot be used.

    One that is archived is only shown where it takes part.
    """

    name: str
    title: str
    fields: Sequence[FileField]
    error: bool
    is_archived: bool


@router.get("/new-programme")
def new(
    request: Request,
    state: Here,
    user: Pusher,
    copy: Annotated[str, Query(max_length=100, pattern=f"^$|{NAME}")] = "",
) -> Response:
    """Show the form of a programme that is not there yet: an empty one, or a copy of another."""
    if copy:
        return _show(request, state, user, EDITOR.copied(state, copy))
    campaigns = _campaigns(state.context)
    if not campaigns:
        raise ConfigError(
            tr("there is no campaign whose offer could compete"), where="offers", remedy=tr("Make one first.")
        )
    text = _empty(campaigns[0])
    definition, complaints = examine_programme_here(state.context, _UNNAMED, text)
    if definition is None:
        raise ConfigError(
            complaint_in_words(complaints[0]), where=_UNNAMED, remedy=tr("Correct it, then make a programme.")
        )
    values = form.values_of(definition, campaigns) | {"programme.title": "", f"offers.{campaigns[0]}.is_on": ""}
    return _show(request, state, user, Edited("", values, text, mark_of(None), is_new=True))


@router.post("/new-programme")
def make(request: Request, state: Here, user: Pusher, sent: Submitted) -> Response:
    """Keep a new programme and go to its page."""
    campaigns = _campaigns(state.context)
    values = form.values_in(sent, campaigns)
    title = values["programme.title"]
    name = str(sent.get("name", "")).strip() or name_from(title)
    edited = Edited(name, values, str(sent.get("base", "")), mark_of(None), is_new=True, why=why_in(sent))
    home = state.context.settings.home
    if not title:
        return EDITOR.refused(request, state, user, edited, {"programme.title": tr("Give it a title.")})
    if not name:
        return EDITOR.refused(
            request, state, user, edited, {"name": tr("Name its file: small letters, digits and underscores.")}
        )
    if name in programme_files(home) or name in campaign_files(home):
        wrong = {
            "name": tr("There is a campaign or programme {name} already. Choose another title or name.", name=name)
        }
        return EDITOR.refused(request, state, user, edited, wrong)
    # Other seeds for each programme: the same customers must not be the ones left alone every time.
    seed = zlib.crc32(name.encode()) % 1_000_000
    more: Changes = {("holdout", "seed"): seed, ("random_slice", "seed"): seed + 1}
    more |= {("offers", campaign): None for campaign in campaigns[:1] if not values[f"offers.{campaign}.is_on"]}
    return _save(request, state, user, edited, sent, more)


@router.post("/programme-preview")
def preview(request: Request, state: Here, _user: Pusher, sent: Submitted) -> Response:
    """Return whom the offers of a programme could be made to as it is filled in."""
    name = str(sent.get("name", "")).strip() or _UNNAMED
    shown: ProgrammePreview | None = None
    complaint, is_asked = "", True
    try:
        campaigns = _campaigns(state.context)
        values = form.values_in(sent, campaigns)
        is_asked = "text" in sent or any(values[f"offers.{campaign}.is_on"] for campaign in campaigns)
        titled = values | {"programme.title": values["programme.title"] or tr("New programme")}
        text = text_in(sent) or EDITOR.revised(state, Edited(name, titled, str(sent.get("base", "")), ""))
        definition, complaints = examine_programme_here(state.context, name, text)
        if definition is None or complaints:
            complaint = complaint_in_words(complaints[0])
        else:
            shown = state.previews.preview_programme(definition)
    except ChurnError as error:
        complaint = error_in_words(error)
    return fragment(request, "programmes/_preview.html.j2", shown=shown, complaint=complaint, is_asked=is_asked)


@router.get("/programmes/{name}/edit")
def edit(
    name: Name,
    request: Request,
    state: Here,
    user: Pusher,
    show: Annotated[Literal["form", "file"], Query()] = "form",
    version: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
) -> Response:
    """Show the form of a programme, or its file; with `version` an earlier one, to be brought back."""
    return _show(request, state, user, EDITOR.opened(state, name, as_text=show == "file", version=version))


@router.post("/programmes/{name}/edit")
def save(name: Name, request: Request, state: Here, user: Pusher, sent: Submitted) -> Response:
    """Keep a programme as it was filled in; nothing is overwritten that somebody else changed meanwhile."""
    text, mark, why = text_in(sent), str(sent.get("mark", "")), why_in(sent)
    if text is not None:
        return _keep(request, state, user, Edited(name, {}, text, mark, as_text=True, why=why), text)
    values = form.values_in(sent, _campaigns(state.context))
    return _save(request, state, user, Edited(name, values, str(sent.get("base", "")), mark, why=why), sent)


def _save(
    request: Request, state: State, user: SignedIn, edited: Edited, sent: FormData, more: Changes | None = None
) -> Response:
    """Keep what the fields say, the list that came with them, and `more` keys beside."""
    try:
        edited = with_list(state, edited, sent)
    except ConfigError as error:
        edited = replace(edited, pasted=pasted_ids(sent))
        return EDITOR.refused(request, state, user, edited, {CUSTOMER_LIST: error_in_words(error)})
    if not any(edited.values[f.name] for row in _rows(state.context) for f in row.fields[:1]):
        wrong = {"offers": tr("Tick at least one offer that takes part.")}
        return EDITOR.refused(request, state, user, edited, wrong)
    return _keep(request, state, user, edited, revised_toml(EDITOR.revised(state, edited), more or {}))


def _keep(request: Request, state: State, user: SignedIn, edited: Edited, text: str) -> Response:
    """Keep `text`, but for somebody who would give themselves an approval that others hold."""
    after, _ = examine_programme_here(state.context, edited.name, text)
    if (
        after is not None
        and not _may_change_approval(state, user, edited)
        and _approval(state, edited) != after.approval
    ):
        wrong = {"approval.by": tr("Only those who may approve, or an administrator, may change this.")}
        return EDITOR.refused(request, state, user, edited, wrong)
    return EDITOR.save(request, state, user, edited, text)


def _campaigns(context: Context) -> list[str]:
    """Return the campaigns whose offers may compete, by name."""
    return sorted(campaign_files(context.settings.home))


def _rows(context: Context) -> list[OfferRow]:
    rows = []
    for name, path in sorted(campaign_files(context.settings.home).items()):
        campaign, _ = examine(name, path)
        title = name if campaign is None else campaign.title
        is_archived = campaign is not None and campaign.archived is not None
        rows.append(OfferRow(name, title, form.offer_fields(name), error=campaign is None, is_archived=is_archived))
    return rows


def _empty(campaign: str) -> str:
    """Return the text of a programme that is not filled in yet; the form asks which offers take part."""
    return f'[programme]\ntitle = "New programme"\ncadence = "by_hand"\n\n[offers.{campaign}]\nis_on = true\n'


def _approval(state: State, edited: Edited) -> Approval | None:
    """Return the approval that is in force; None where there is no file, or none that can be read."""
    file = programme_files(state.context.settings.home).get(edited.name)
    definition = examine_programme_here(state.context, edited.name, text_of(file))[0] if file else None
    return None if definition is None else definition.approval


def _may_change_approval(state: State, user: SignedIn, edited: Edited) -> bool:
    """Say whether this user may change who approves: where others are named, only as an administrator."""
    before = _approval(state, edited)
    return before is None or may_approve(before, user.name) or user.may("admin")


def _show(request: Request, state: State, user: SignedIn, edited: Edited, status: int = 200) -> Response:
    return page(
        request,
        "programmes/edit.html.j2",
        title=tr("New programme") if edited.is_new else tr("Change a programme"),
        active="programmes",
        status=status,
        e=edited,
        editor=EDITOR,
        form=form,
        offers=_rows(state.context),
        approval_is_open=_may_change_approval(state, user, edited),
        features=documented_features(state.context),
        scores=state.previews.scores(),
        listed=standing_of(state, edited),
    )


def _changes(context: Context, values: Values, before: ProgrammeDefinition) -> Changes:
    return form.changes_of(values, form.values_of(before, _campaigns(context)), before.offers)


EDITOR: Final = Editor[ProgrammeDefinition](
    folder="programmes",
    files=programme_files,
    examine=examine_programme_here,
    keep=keep_programme,
    values_of=lambda context, definition: form.values_of(definition, _campaigns(context)),
    changes_of=_changes,
    field_of=lambda context, place: form.field_of(place, _campaigns(context)),
    show=_show,
    labels={field.name: field.label for field in (*form.WHAT, *form.WHO, *form.LIMITS, *form.MEASURED, *form.APPROVAL)},
)

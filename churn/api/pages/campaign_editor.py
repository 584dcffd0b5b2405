"""Makes, changes, copies and brings back campaigns: a form over the file, the file itself, and whom it would reach."""

from __future__ import annotations

import difflib
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData, UploadFile

from churn.accounts.sign_in import SignedIn
from churn.api.pages import campaign_form as form
from churn.api.pages.frame import fragment, page
from churn.api.pages.people import customer_path
from churn.api.pages.session import signed_in
from churn.api.problems import request_id
from churn.api.schemas.campaigns import NAME
from churn.api.state import State, state_of
from churn.campaigns.history import campaign_versions, mark_of
from churn.campaigns.reading import Complaint, campaign_files
from churn.campaigns.writing import revised_toml
from churn.errors import ChurnError, ConfigError, NotFound
from churn.workflows.define import (
    AudiencePreview,
    EditedMeanwhile,
    ListStanding,
    Saving,
    documented_features,
    examine_campaign,
    keep_campaign,
    name_from,
    receive_customer_list,
    standing_list,
    text_of,
)

router = APIRouter(include_in_schema=False)

Name = Annotated[str, InPath(max_length=100, pattern=NAME)]
Here = Annotated[State, Depends(state_of)]
Editor = Annotated[SignedIn, Depends(signed_in("push"))]
_EMPTY: Final = (
    '[campaign]\ntitle = "New campaign"\n\n[offer.success]\nvoluntary = { low = 0.1, expected = 0.2, high = 0.3 }\n'
)
_UNNAMED: Final = "new_campaign"
_LONGEST_WHY: Final = 500
_LONGEST_PASTE: Final = 20_000
_LIST: Final = "audience.customer_list"


async def _submitted(request: Request) -> AsyncIterator[FormData]:
    sent = await request.form()
    try:
        yield sent
    finally:
        await sent.close()  # files that came with it


Submitted = Annotated[FormData, Depends(_submitted)]


@dataclass(frozen=True)
class Edited:
    """What the page shows: the fields, made of the text `base`, or with `as_text` the text itself; what is wrong with which.

    `mark` is that of the file as the page was opened. `conflict` holds the lines of a diff from the file as somebody
    else has left it since to what would be saved.
    """

    name: str
    values: Mapping[str, str]
    base: str
    mark: str
    is_new: bool = False
    as_text: bool = False
    why: str = ""
    version: int | None = None
    wrong: Mapping[str, str] = field(default_factory=dict)
    complaints: Sequence[Complaint] = ()
    conflict: Sequence[str] = ()
    listed: ListStanding | None = None
    pasted: str = ""


@router.get("/new-campaign")
def new(
    request: Request,
    state: Here,
    _user: Editor,
    copy: Annotated[str, Query(max_length=100, pattern=f"^$|{NAME}")] = "",
) -> Response:
    """Show the form of a campaign that is not there yet: an empty one, or a copy of another."""
    text = _current(state, copy) if copy else _EMPTY
    definition, complaints = examine_campaign(state.context, copy or _UNNAMED, text)
    if definition is None:
        raise ConfigError(_in_words(complaints[0]), where=copy, remedy="Mend it, then copy it.")
    values = form.values_of(definition) | {"campaign.title": f"Copy of {definition.title}" if copy else ""}
    return _show(request, state, Edited("", values, text, mark_of(None), is_new=True))


@router.post("/new-campaign")
def make(request: Request, state: Here, user: Editor, sent: Submitted) -> Response:
    """Keep a new campaign and go to its page."""
    values = form.values_in(sent)
    title = values["campaign.title"]
    name = str(sent.get("name", "")).strip() or name_from(title)
    edited = Edited(name, values, str(sent.get("base", "")) or _EMPTY, mark_of(None), is_new=True, why=_why(sent))
    if not title:
        return _show(request, state, replace(edited, wrong={"campaign.title": "Give it a title."}), status=422)
    if name in campaign_files(state.context.settings.home):
        wrong = {"name": f"There is a campaign {name} already. Choose another title or name."}
        return _show(request, state, replace(edited, wrong=wrong), status=422)
    try:
        edited = _with_list(state, edited, sent)
    except ConfigError as error:
        return _show(
            request, state, replace(edited, wrong={_LIST: _error_in_words(error)}, pasted=_pasted(sent)), status=422
        )
    # Another seed for each campaign: the same customers must not be the ones left alone every time.
    own = revised_toml(_revised(state, edited), {("holdout", "seed"): zlib.crc32(name.encode()) % 1_000_000})
    return _save(request, state, user, edited, own)


@router.post("/audience-preview")
def preview(request: Request, state: Here, _user: Editor, sent: Submitted) -> Response:
    """Return whom a campaign would reach as it is filled in."""
    name = str(sent.get("name", "")).strip() or _UNNAMED
    shown: AudiencePreview | None = None
    complaint = ""
    try:
        values = form.values_in(sent)
        titled = values | {"campaign.title": values["campaign.title"] or "New campaign"}
        text = _text(sent) or _revised(state, Edited(name, titled, str(sent.get("base", "")), ""))
        definition, complaints = examine_campaign(state.context, name, text)
        if definition is None or complaints:
            complaint = _in_words(complaints[0])
        else:
            shown = state.previews.preview(definition)
    except ChurnError as error:
        complaint = _error_in_words(error)
    return fragment(
        request, "campaigns/_preview.html.j2", shown=shown, complaint=complaint, customer_path=customer_path
    )


@router.post("/customer-list")
def take_list(request: Request, state: Here, user: Editor, sent: Submitted) -> Response:
    """Keep the customers who were pasted or uploaded as a list, and show it in the form, which names it once it is saved."""
    listed: ListStanding | None = None
    wrong, campaign = "", str(sent.get("name", "")).strip()
    if not sent.get("drop"):
        try:
            listed = _received(state, campaign or _named(sent), sent)
            wrong = "" if listed else "Paste ids, or choose a file."
        except ConfigError as error:
            wrong = _error_in_words(error)
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
        pasted=_pasted(sent) if wrong else "",
    )
    answer.headers["HX-Trigger-After-Swap"] = "list-taken"
    return answer


@router.get("/campaigns/{name}/edit")
def edit(
    name: Name,
    request: Request,
    state: Here,
    _user: Editor,
    show: Annotated[Literal["form", "file"], Query()] = "form",
    version: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
) -> Response:
    """Show the form of a campaign, or its file; with `version` an earlier one, to be brought back."""
    current = _current(state, name)
    text, why = current, ""
    if version is not None:
        versions = campaign_versions(state.context.settings.home, name)
        kept = next((kept for kept in versions if kept.number == version), None)
        if kept is None:
            raise NotFound(f"no version {version}", where=name, remedy="See the campaign's page.")
        text, why = kept.text, f"Back to version {version}"
    definition, complaints = examine_campaign(state.context, name, text)
    values = form.values_of(definition) if definition is not None else {}
    as_text = show == "file" or definition is None
    edited = Edited(
        name, values, text, mark_of(current), as_text=as_text, why=why, version=version, complaints=complaints
    )
    return _show(request, state, edited)


@router.post("/campaigns/{name}/edit")
def save(name: Name, request: Request, state: Here, user: Editor, sent: Submitted) -> Response:
    """Keep a campaign as it was filled in; nothing is overwritten that somebody else changed meanwhile."""
    text, mark = _text(sent), str(sent.get("mark", ""))
    if text is not None:
        return _save(request, state, user, Edited(name, {}, text, mark, as_text=True, why=_why(sent)), text)
    edited = Edited(name, form.values_in(sent), str(sent.get("base", "")), mark, why=_why(sent))
    try:
        edited = _with_list(state, edited, sent)
    except ConfigError as error:
        return _show(
            request, state, replace(edited, wrong={_LIST: _error_in_words(error)}, pasted=_pasted(sent)), status=422
        )
    return _save(request, state, user, edited, _revised(state, edited))


def _save(request: Request, state: State, user: SignedIn, edited: Edited, text: str) -> Response:
    _, complaints = examine_campaign(state.context, edited.name, text)
    if complaints:
        fields = {form.field_of(complaint.place) or "form": _in_words(complaint) for complaint in reversed(complaints)}
        wrong = {} if edited.as_text else fields
        return _show(request, state, replace(edited, complaints=complaints, wrong=wrong), status=422)
    try:
        saving = Saving(user.name, edited.why.strip() or None, edited.mark)
        keep_campaign(state.context, edited.name, text, saving)
    except EditedMeanwhile as error:
        theirs = error.text or ""
        ours = text
        if not edited.as_text and theirs:
            edited = replace(edited, base=theirs)  # the fields are laid over what is there now
            ours = _revised(state, edited)
        lines = difflib.unified_diff(
            theirs.splitlines(), ours.splitlines(), "the file as it is now", "as you would save it", lineterm="", n=2
        )
        return _show(request, state, replace(edited, mark=mark_of(error.text), conflict=list(lines)), status=409)
    except ConfigError as error:
        return _show(request, state, replace(edited, wrong={"name": _error_in_words(error)}), status=422)
    now = state.context.clock()
    state.store.requests.audit(user.name, "define_campaign", edited.name, now, request_id(request))
    return RedirectResponse(f"/campaigns/{quote(edited.name)}", status_code=303)


def _with_list(state: State, edited: Edited, sent: FormData) -> Edited:
    """Return what was filled in with the list that was sent beside it, if one was, as its audience."""
    listed = _received(state, edited.name, sent)
    if listed is None:
        return edited
    return replace(edited, values={**edited.values, _LIST: listed.name}, listed=listed)


def _received(state: State, name: str, sent: FormData) -> ListStanding | None:
    """Keep the list that was sent; None where none was."""
    file, pasted = sent.get("list_file"), str(sent.get("list_ids", ""))
    if isinstance(file, UploadFile) and file.filename:
        return receive_customer_list(state.context, name, file.file.read(), where=file.filename)
    if pasted.strip():
        return receive_customer_list(state.context, name, pasted.encode(), where="what was pasted")
    return None


def _pasted(sent: FormData) -> str:
    """Return the ids that were pasted, to be mended where they are refused; a long text is not sent back and forth."""
    pasted = str(sent.get("list_ids", ""))
    return pasted if len(pasted) <= _LONGEST_PASTE else ""


def _named(sent: FormData) -> str:
    return name_from(str(sent.get("campaign.title", ""))) or _UNNAMED


def _standing_of(state: State, edited: Edited) -> ListStanding | None:
    name = edited.values.get(_LIST)
    if not name or edited.listed is not None:
        return edited.listed
    try:
        return standing_list(state.context, name)
    except ConfigError:
        return None  # what is wrong with it is said where it is counted


def _show(request: Request, state: State, edited: Edited, status: int = 200) -> Response:
    connectors = tuple((name, name) for name in sorted(state.context.settings.connectors))
    return page(
        request,
        "campaigns/edit.html.j2",
        title="New campaign" if edited.is_new else "Change a campaign",
        active="campaigns",
        status=status,
        e=edited,
        form=form,
        connectors=(("", "nowhere yet"), *connectors),
        features=documented_features(state.context),
        listed=_standing_of(state, edited),
    )


def _revised(state: State, edited: Edited) -> str:
    """Return the text that the fields make of the text they were made of, which the page carries along."""
    before, complaints = examine_campaign(state.context, edited.name, edited.base)
    if before is None:
        raise ConfigError(_in_words(complaints[0]), where=edited.name, remedy="Open the form anew.")
    return revised_toml(edited.base, form.changes_of(edited.values, form.values_of(before)))


def _text(sent: FormData) -> str | None:
    return str(sent["text"]).replace("\r\n", "\n") if "text" in sent else None


def _why(sent: FormData) -> str:
    return str(sent.get("why", ""))[:_LONGEST_WHY]


def _current(state: State, name: str) -> str:
    file = campaign_files(state.context.settings.home).get(name)
    if file is None:
        raise NotFound(f"no campaign `{name}`", where=name, remedy="See the list of campaigns.")
    return text_of(file)


def _in_words(complaint: Complaint) -> str:
    what = complaint.what[:1].upper() + complaint.what[1:]
    return f"{what}. {complaint.remedy}".strip()


def _error_in_words(error: ChurnError) -> str:
    return f"{error.what[:1].upper()}{error.what[1:]}. {error.remedy or ''}".strip()

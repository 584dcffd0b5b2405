"""What the editors of campaigns and programmes share: a form over a file, the file itself, its versions, and conflicts shown."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final, Generic, TypeVar
from urllib.parse import quote

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData, UploadFile

from churn.accounts.sign_in import SignedIn
from churn.api.pages.toml_form import Changes, Values
from churn.api.problems import request_id
from churn.api.state import State
from churn.campaigns.history import KeptFolder, file_versions, mark_of
from churn.campaigns.reading import Complaint
from churn.campaigns.writing import revised_toml
from churn.context import Context
from churn.errors import ChurnError, ConfigError, NotFound
from churn.languages.words import tr
from churn.workflows.define import (
    EditedMeanwhile,
    ListStanding,
    Saving,
    receive_customer_list,
    standing_list,
    text_of,
)

CUSTOMER_LIST: Final = "audience.customer_list"
_LONGEST_WHY: Final = 500
_LONGEST_PASTE: Final = 20_000
DefinitionT = TypeVar("DefinitionT")


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
    values: Values
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


@dataclass(frozen=True)
class Editor(Generic[DefinitionT]):
    """What differs between the editors: the folder of the files, how a text is examined and kept, its fields, and its page."""

    folder: KeptFolder
    files: Callable[[Path], Mapping[str, Path]]
    examine: Callable[[Context, str, str], tuple[DefinitionT | None, list[Complaint]]]
    keep: Callable[[Context, str, str, Saving], object]
    values_of: Callable[[Context, DefinitionT], dict[str, str]]
    changes_of: Callable[[Context, Values, DefinitionT], Changes]
    field_of: Callable[[Context, Sequence[str]], str]
    show: Callable[[Request, State, SignedIn, Edited, int], Response]
    labels: Mapping[str, str]

    @property
    def kind(self) -> str:
        """What one of its files is."""
        return self.folder.removesuffix("s")

    def current(self, state: State, name: str) -> str:
        """Return the text of a file as it is now. Raises NotFound."""
        file = self.files(state.context.settings.home).get(name)
        if file is None:
            raise NotFound(f"no {self.kind} `{name}`", where=name, remedy=f"See the list of {self.folder}.")
        return text_of(file)

    def copied(self, state: State, name: str) -> Edited:
        """Return the form of one that is not there yet, filled in as the one called `name` is."""
        text = self.current(state, name)
        definition, complaints = self.examine(state.context, name, text)
        if definition is None:
            raise ConfigError(complaint_in_words(complaints[0]), where=name, remedy=tr("Correct it, then copy it."))
        values = self.values_of(state.context, definition)
        title = f"{self.kind}.title"
        return Edited(
            "", values | {title: tr("Copy of {title}", title=values[title])}, text, mark_of(None), is_new=True
        )

    def opened(self, state: State, name: str, *, as_text: bool, version: int | None) -> Edited:
        """Return the form of one that there is, or its text; with `version` an earlier one, to be brought back."""
        current = self.current(state, name)
        text, why = current, ""
        if version is not None:
            versions = file_versions(state.context.settings.home, self.folder, name)
            kept = next((kept for kept in versions if kept.number == version), None)
            if kept is None:
                raise NotFound(
                    tr("no version {version}", version=version), where=name, remedy=f"See the {self.kind}'s page."
                )
            text, why = kept.text, tr("Back to version {version}", version=version)
        definition, complaints = self.examine(state.context, name, text)
        values = self.values_of(state.context, definition) if definition is not None else {}
        shows_text = as_text or definition is None
        return Edited(
            name, values, text, mark_of(current), as_text=shows_text, why=why, version=version, complaints=complaints
        )

    def revised(self, state: State, edited: Edited) -> str:
        """Return the text that the fields make of the text they were made of, which the page carries along."""
        before, complaints = self.examine(state.context, edited.name, edited.base)
        if before is None:
            raise ConfigError(complaint_in_words(complaints[0]), where=edited.name, remedy=tr("Open the form anew."))
        return revised_toml(edited.base, self.changes_of(state.context, edited.values, before))

    def refused(
        self, request: Request, state: State, user: SignedIn, edited: Edited, wrong: Mapping[str, str]
    ) -> Response:
        """Show the form again with what is wrong beside its field; nothing is lost of what was filled in."""
        return self.show(request, state, user, replace(edited, wrong=wrong), 422)

    def save(self, request: Request, state: State, user: SignedIn, edited: Edited, text: str) -> Response:
        """Keep `text` and go to the page of what it is; shown again where it is wrong or somebody else changed the file."""
        _, complaints = self.examine(state.context, edited.name, text)
        if complaints:
            fields = {
                self.field_of(state.context, complaint.place) or "form": complaint_in_words(complaint, self.labels)
                for complaint in reversed(complaints)
            }
            wrong = {} if edited.as_text else fields
            return self.refused(request, state, user, replace(edited, complaints=complaints), wrong)
        try:
            saving = Saving(user.name, edited.why.strip() or None, edited.mark)
            self.keep(state.context, edited.name, text, saving)
        except EditedMeanwhile as error:
            theirs = error.text or ""
            ours = text
            if not edited.as_text and theirs:
                edited = replace(edited, base=theirs)  # the fields are laid over what is there now
                ours = self.revised(state, edited)
            lines = difflib.unified_diff(
                theirs.splitlines(),
                ours.splitlines(),
                tr("the file as it is now"),
                tr("as you would save it"),
                lineterm="",
                n=2,
            )
            conflict = replace(edited, mark=mark_of(error.text), conflict=list(lines))
            return self.show(request, state, user, conflict, 409)
        except ConfigError as error:
            return self.refused(request, state, user, edited, {"name": error_in_words(error)})
        now = state.context.clock()
        state.store.requests.audit(user.name, f"define_{self.kind}", edited.name, now, request_id(request))
        return RedirectResponse(f"/{self.folder}/{quote(edited.name)}", status_code=303)


def with_list(state: State, edited: Edited, sent: FormData) -> Edited:
    """Return what was filled in with the list that was sent beside it, if one was, as its audience."""
    listed = received_list(state, edited.name, sent)
    if listed is None:
        return edited
    return replace(edited, values={**edited.values, CUSTOMER_LIST: listed.name}, listed=listed)


def received_list(state: State, name: str, sent: FormData) -> ListStanding | None:
    """Keep the list that was sent; None where none was."""
    file, pasted = sent.get("list_file"), str(sent.get("list_ids", ""))
    if isinstance(file, UploadFile) and file.filename:
        return receive_customer_list(state.context, name, file.file.read(), where=file.filename)
    if pasted.strip():
        return receive_customer_list(state.context, name, pasted.encode(), where=tr("what was pasted"))
    return None


def pasted_ids(sent: FormData) -> str:
    """Return the ids that were pasted, to be mended where they are refused; a long text is not sent back and forth."""
    pasted = str(sent.get("list_ids", ""))
    return pasted if len(pasted) <= _LONGEST_PASTE else ""


def standing_of(state: State, edited: Edited) -> ListStanding | None:
    """Return how the list stands that the audience names; None where there is none, or it cannot be read."""
    name = edited.values.get(CUSTOMER_LIST)
    if not name or edited.listed is not None:
        return edited.listed
    try:
        return standing_list(state.context, name)
    except ConfigError:
        return None  # what is wrong with it is said where it is counted


def text_in(sent: FormData) -> str | None:
    """Return the text of the file where it was sent as such."""
    return str(sent["text"]).replace("\r\n", "\n") if "text" in sent else None


def why_in(sent: FormData) -> str:
    """Return the reason that was given."""
    return str(sent.get("why", ""))[:_LONGEST_WHY]


def complaint_in_words(complaint: Complaint, labels: Mapping[str, str] = {}) -> str:
    """Return what is wrong and what to do, as the page says it: a key by the label of its field where there is one."""
    key, mark, what = complaint.what.partition("` is wrong: ")
    label = labels.get(key.removeprefix("`")) if mark else None
    words = complaint.what if label is None else f"{tr(label)}: {what}"
    return f"{sentence(words)} {complaint.remedy}".strip()


def error_in_words(error: ChurnError) -> str:
    """Return what is wrong and what to do, as the page says it."""
    return f"{sentence(error.what)} {error.remedy or ''}".strip()


def sentence(words: str) -> str:
    """Return words with a capital first and a full stop."""
    return f"{words[:1].upper()}{words[1:]}."

"""People and keys: who may sign in or call, what they may do, which browsers are signed in; added, changed and ended here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from churn.accounts.keys import create_key, list_keys, revoke_key
from churn.accounts.sign_in import SignedIn, create_link, end_sessions, list_sessions
from churn.accounts.users import change_scopes, create_user, list_users, remove_user
from churn.api.pages.frame import page
from churn.api.pages.rights import RIGHTS
from churn.api.pages.session import our_address, signed_in
from churn.api.problems import ApiError
from churn.api.state import State, state_of
from churn.errors import ConfigError
from churn.languages.words import tr

router = APIRouter(include_in_schema=False)

NUMBER: Final = 12  # signs of a session's number: enough to tell it from others
Here = Annotated[State, Depends(state_of)]
Admin = Annotated[SignedIn, Depends(signed_in("admin"))]
Name = Annotated[str, Form(max_length=200)]
Rights = Annotated[list[str], Form(max_length=10)]
NO_RIGHTS: Final[list[str]] = []


@dataclass(frozen=True)
class Made:
    """What was just made and is shown this once: a `key` for somebody, or a `link` that signs in."""

    kind: str
    name: str
    secret: str


@dataclass(frozen=True)
class RefusedForm:
    """A form that was refused: which one, what it held, and what is wrong beside which of its fields."""

    form: str = ""
    name: str = ""
    scopes: Sequence[str] = ()
    where: str = ""
    wrong: str = ""


@router.get("/users")
def users(request: Request, state: Here, user: Admin) -> Response:
    """Show people, keys and the browsers that are signed in."""
    return _shown(request, state, user)


@router.post("/users")
def add(
    request: Request,
    state: Here,
    user: Admin,
    name: Name,
    password: Annotated[str, Form(max_length=500)],
    scope: Rights = NO_RIGHTS,
) -> Response:
    """Add a person with a first password."""
    return _tried(
        request,
        state,
        user,
        RefusedForm("person", name, scope),
        lambda: create_user(state.context, name, password, scope, who=user.name),
        f"/users?added={quote(name.strip())}",
    )


@router.post("/users/scopes")
def change(state: Here, user: Admin, name: Name, scope: Rights = NO_RIGHTS) -> Response:
    """Change what a person may do, at once and in every browser."""
    if _is_self(user, name) and "admin" not in scope:
        raise _own(tr("take the right to administer from yourself"))
    change_scopes(state.context, name, scope, who=user.name)
    return RedirectResponse("/users#people", status_code=303)


@router.post("/users/remove")
def remove(state: Here, user: Admin, name: Name) -> Response:
    """Remove a person and end their sessions."""
    if _is_self(user, name):
        raise _own(tr("remove yourself"))
    remove_user(state.context, name, who=user.name)
    return RedirectResponse("/users#people", status_code=303)


@router.post("/users/link")
def invite(request: Request, state: Here, user: Admin, scope: Rights = NO_RIGHTS) -> Response:
    """Make a link that signs one browser in, once, and show it."""
    if not scope:
        return _refused(request, state, user, RefusedForm("link", where="scope", wrong=tr("Tick a right at least.")))
    secret = create_link(state.context, scope, who=user.name)
    address = f"{our_address(request, state)}/sign-in/link?token={secret}"
    return _shown(request, state, user, made=Made("link", ", ".join(scope), address))


@router.post("/users/end")
def end(state: Here, user: Admin, number: Annotated[str, Form(pattern=r"^[0-9a-f]{12}$")]) -> Response:
    """End a session."""
    end_sessions(state.context, which=number, who=user.name)
    return RedirectResponse("/users#sessions", status_code=303)


@router.post("/users/keys")
def make_key(request: Request, state: Here, user: Admin, name: Name, scope: Rights = NO_RIGHTS) -> Response:
    """Make a key and show it, this once."""
    try:
        key = create_key(state.context, name.strip(), scope, who=user.name)
    except ConfigError as error:
        return _refused(request, state, user, _with_reason(RefusedForm("key", name, scope), error))
    return _shown(request, state, user, made=Made("key", name.strip(), key))


@router.post("/users/keys/revoke")
def revoke(state: Here, user: Admin, name: Name) -> Response:
    """Refuse a key from now on, and end the sessions that it began."""
    revoke_key(state.context, name, who=user.name)
    return RedirectResponse("/users#keys", status_code=303)


def _tried(
    request: Request, state: State, user: SignedIn, form: RefusedForm, work: Callable[[], None], target: str
) -> Response:
    try:
        work()
    except ConfigError as error:
        return _refused(request, state, user, _with_reason(form, error))
    return RedirectResponse(target, status_code=303)


def _with_reason(form: RefusedForm, error: ConfigError) -> RefusedForm:
    where = "password" if error.where == "password" else "scope" if error.where == "--scope" else "name"
    wrong = f"{error.what[:1].upper()}{error.what[1:]}. {error.remedy or ''}".strip()
    return RefusedForm(form.form, form.name, form.scopes, where, wrong)


def _refused(request: Request, state: State, user: SignedIn, refused: RefusedForm) -> Response:
    return _shown(request, state, user, refused=refused, status=422)


def _shown(
    request: Request,
    state: State,
    user: SignedIn,
    *,
    made: Made | None = None,
    refused: RefusedForm | None = None,
    status: int = 200,
) -> Response:
    keys = list_keys(state.context)
    return page(
        request,
        "users/users.html.j2",
        title=tr("People and keys"),
        active="users",
        status=status,
        people=list_users(state.context),
        sessions=list_sessions(state.context),
        keys=[key for key in keys if key.revoked_at is None],
        revoked=[key for key in keys if key.revoked_at is not None],
        own=user.session_hash,
        is_self=lambda name: _is_self(user, name),
        added=request.query_params.get("added", "")[:100],
        made=made,
        refused=refused or RefusedForm(),
        rights=RIGHTS,
        takes_passwords=state.context.settings.sso.passwords,
        number=NUMBER,
    )


def _is_self(user: SignedIn, name: str) -> bool:
    return user.kind in {"password", "sso"} and user.name == name


def _own(what: str) -> ApiError:
    return ApiError(409, "own_account", tr("You cannot {what}.", what=what), remedy=tr("Ask another administrator."))

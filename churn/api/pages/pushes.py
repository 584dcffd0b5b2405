"""The pushes to CRMs: what each did, row by row with what was sent and what the CRM answered; refused rows sent again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse, StreamingResponse

from churn.accounts.sign_in import SignedIn
from churn.api.pages.frame import HEADERS, page
from churn.api.pages.people import customer_path
from churn.api.pages.session import signed_in
from churn.api.problems import request_id
from churn.api.state import State, state_of
from churn.errors import CampaignError
from churn.jobs.requests import ask_retry
from churn.languages.words import N_, tr
from churn.views.advice import readable_campaigns, title_of
from churn.views.pushes import KINDS, answer_of, push_page, pushes, refused_customers, rows_as_csv, without_addresses
from churn.workflows.sync import RISK_LIST

if TYPE_CHECKING:
    from churn.store.records import PushedKind

router = APIRouter(include_in_schema=False)

Here = Annotated[State, Depends(state_of)]
Reader = Annotated[SignedIn, Depends(signed_in())]
Pusher = Annotated[SignedIn, Depends(signed_in("push"))]
Run = Annotated[str, InPath(max_length=200, pattern=r"^[\w.-]+$")]

WORDS: Final[dict[PushedKind, tuple[str, str, str]]] = {  # how a status shows it, what people call it, what it means
    "added": ("ok", N_("Added"), N_("The CRM had no record, and has one now.")),
    "changed": ("ok", N_("Changed"), N_("The record was there, and fields of it were changed.")),
    "written": ("ok", N_("Written"), N_("The push did not keep whether the record was created or changed.")),
    "cleared": ("off", N_("Cleared"), N_("No longer on the list: our fields were emptied, or say so.")),
    "same": ("off", N_("Unchanged"), N_("The CRM held the same already.")),
    "refused": ("act", N_("Refused"), N_("The CRM said no, in the words shown.")),
    "left": ("watch", N_("Not settled"), N_("It was not sent, or no answer came: the next push looks.")),
}


@dataclass(frozen=True)
class RowFilter:
    """Which rows of a push the address asks for."""

    kind: PushedKind | None
    search: str
    after: int

    def address(self, path: str, *, kind: str | None = None, after: int | None = None) -> str:
        """Return the address of these rows, of another `kind` ("" for all), or of those after a position."""
        wanted = self.kind or "" if kind is None else kind
        given = {"kind": wanted, "q": self.search, "after": "" if after is None else str(after)}
        query = urlencode({name: value for name, value in given.items() if value})
        return f"{path}?{query}" if query else path


def _wanted(
    kind: Annotated[str, Query(max_length=20)] = "",
    q: Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")] = "",
    after: Annotated[int, Query(ge=-1, le=2**31 - 1)] = -1,
) -> RowFilter:
    return RowFilter(next((known for known in KINDS if known == kind), None), q.strip(), after)


Wanted = Annotated[RowFilter, Depends(_wanted)]


def _naming(state: State) -> Callable[[str], str]:
    """Return what gives a list's title by the name that it is pushed under."""
    definitions = readable_campaigns(state.context)
    return lambda campaign: tr("Risk list") if campaign == RISK_LIST else title_of(campaign, definitions)


@router.get("/pushes")
def every_push(request: Request, state: Here, _user: Reader) -> Response:
    """Show the newest pushes to every CRM."""
    return page(
        request,
        "pushes/list.html.j2",
        title="CRM",
        active="pushes",
        runs=pushes(state.context),
        title_of=_naming(state),
    )


@router.get("/pushes/{run_id}")
def one_push(run_id: Run, request: Request, state: Here, user: Reader, wanted: Wanted) -> Response:
    """Show one push: its refusals by message, and its rows."""
    shown = push_page(state.context, run_id, kind=wanted.kind, search=wanted.search, after=wanted.after)
    may_push = user.may("push")
    return page(
        request,
        "pushes/push.html.j2",
        title=_naming(state)(shown.run.campaign),
        active="pushes",
        shown=shown,
        wanted=wanted,
        path=f"/pushes/{quote(run_id)}",
        words=WORDS,
        kinds=[kind for kind in KINDS if shown.counts.get(kind)],
        may_push=may_push,
        answer=lambda row: answer_of(row, hides_addresses=not may_push),
        said=lambda text: text if may_push else without_addresses(text),
        customer_path=customer_path,
        risk_list=RISK_LIST,
    )


@router.get("/pushes/{run_id}/rows.csv")
def rows(run_id: Run, state: Here, user: Reader, wanted: Wanted) -> Response:
    """Hand over the rows that match, with every field that was sent and the CRM's answer."""
    hides = not user.may("push")
    text = rows_as_csv(state.context, run_id, kind=wanted.kind, search=wanted.search, hides_addresses=hides)
    name = f"push-{run_id}{'-' + wanted.kind if wanted.kind else ''}.csv"
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(text, media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/pushes/{run_id}/retry")
def retry(
    run_id: Run,
    request: Request,
    state: Here,
    user: Pusher,
    group: Annotated[str, Form(pattern=r"^([0-9a-f]{12})?$")] = "",
) -> Response:
    """Let refused rows, all or those of one message, be sent again, and ask for the push that sends them."""
    run, customers = refused_customers(state.context, run_id, group or None)
    if not customers:
        raise CampaignError(tr("none of them is refused any more"), where=run_id, remedy=tr("See the newest push."))
    queued = ask_retry(
        state.context, run.campaign, connector=run.connector, who=user.name, customer_ids=customers if group else None
    )
    subject = f"{run.campaign} to {run.connector}, {len(customers)} rows, run {queued.run_id}"
    state.store.requests.audit(user.name, "retry_rejected", subject, state.context.clock(), request_id(request))
    return RedirectResponse(f"/jobs/runs/{queued.run_id}", status_code=303)

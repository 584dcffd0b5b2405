"""The audit log: who did what and when, by person, kind of deed and period; as CSV too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from churn.accounts.sign_in import SignedIn
from churn.api.pages.frame import HEADERS, page
from churn.api.pages.session import signed_in
from churn.api.state import State, state_of
from churn.files import csv_text
from churn.languages.recorded import recorded
from churn.languages.words import N_, tr
from churn.store.service_records import AuditRecord
from churn.views.titles import campaign_titles, titled

router = APIRouter(include_in_schema=False)

PAGE_ROWS: Final = 100
_PORTION: Final = 1_000
Here = Annotated[State, Depends(state_of)]
Admin = Annotated[SignedIn, Depends(signed_in("admin"))]

DEEDS: Final = {  # what people call each kind of deed
    "sign_in": N_("Signed in"),
    "sign_out": N_("Signed out"),
    "sign_in_refused": N_("Was refused at signing in"),
    "create_user": N_("Added a person"),
    "remove_user": N_("Removed a person"),
    "change_scopes": N_("Changed somebody's rights"),
    "create_link": N_("Made a one-time link"),
    "end_session": N_("Ended a session"),
    "unlock": N_("Forgot failed attempts to sign in"),
    "create_key": N_("Made a key"),
    "keep_customer_list": N_("Took in a list of customers"),
    "revoke_key": N_("Revoked a key"),
    "promote_model": N_("Promoted a model"),
    "rollback_model": N_("Rolled a model back"),
    "define_campaign": N_("Wrote a campaign"),
    "archive_campaign": N_("Archived a campaign"),
    "restore_campaign": N_("Brought a campaign back"),
    "define_programme": N_("Wrote a programme"),
    "archive_programme": N_("Archived a programme"),
    "restore_programme": N_("Brought a programme back"),
    "plan_campaign": N_("Planned a campaign"),
    "sync_campaign": N_("Pushed a campaign"),
    "try_sync": N_("Tried a push"),
    "check_crm": N_("Checked a CRM"),
    "retry_rejected": N_("Sent refused customers again"),
    "measure_campaign": N_("Measured a campaign"),
    "push_list": N_("Pushed the risk list"),
    "save_simulation": N_("Saved a simulation"),
    "accept_uncalibrated": N_("Saw amounts in spite of a failed calibration"),
    "plan_programme": N_("Planned a programme"),
    "foresee_programme": N_("Forecast a programme"),
    "evaluate_policy": N_("Evaluated a policy"),
    "approve_round": N_("Approved a round"),
    "reject_round": N_("Rejected a round"),
    "save_view": N_("Saved a view"),
    "remove_view": N_("Removed a view"),
    "mail_figures": N_("Had figures mailed"),
    "stop_figures": N_("Stopped mailing figures"),
    "choose_language": N_("Chose a language"),
    "run_job": N_("Ran a job"),
    "take_alert": N_("Took an alert"),
    "release_alert": N_("Gave an alert back"),
    "mute_alert": N_("Muted an alert"),
    "unmute_alert": N_("Ended an alert's muting"),
    "send_outcomes": N_("Sent outcomes"),
    "analyse_experiment": N_("Had an experiment analysed"),
    "export_audience": N_("Exported an audience"),
    "query": N_("Asked the tables by SQL"),
    "ask_export": N_("Asked for a customer's data"),
    "fetch_export": N_("Fetched a customer's data"),
    "export_customer": N_("Exported a customer's data"),
    "erase_customer": N_("Erased a customer"),
    "object_customer": N_("Noted a customer's objection"),
    "backup": N_("Made a backup"),
    "restore": N_("Restored a backup"),
}


def deed(action: str) -> str:
    """Return what people call a kind of deed."""
    return DEEDS.get(action, action.replace("_", " ").capitalize())


@dataclass(frozen=True)
class AuditFilter:
    """What the address asks for; days that are none are ignored."""

    who: str = ""
    action: str = ""
    since: date | None = None
    until: date | None = None  # the last day that is shown
    before: int | None = None

    def address(self, path: str = "/audit", *, before: int | None = None) -> str:
        """Return the address of the same entries, from before an entry's number."""
        given = {"who": self.who, "action": self.action, "since": self.since, "until": self.until, "before": before}
        query = urlencode({name: value for name, value in given.items() if value})
        return f"{path}?{query}" if query else path

    def entries(self, state: State, *, limit: int, before: int | None) -> list[AuditRecord]:
        """Return the newest entries first."""
        return state.store.requests.audited(
            limit=limit,
            who=self.who or None,
            action=self.action or None,
            before=before,
            since=datetime.combine(self.since, time()) if self.since else None,
            until=datetime.combine(self.until + timedelta(days=1), time()) if self.until else None,
        )


def _wanted(
    who: Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")] = "",
    action: Annotated[str, Query(max_length=100, pattern=r"^[a-z_]*$")] = "",
    since: Annotated[str, Query(max_length=20)] = "",
    until: Annotated[str, Query(max_length=20)] = "",
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> AuditFilter:
    return AuditFilter(who, action, _day(since), _day(until), before)


@router.get("/audit")
def audit(request: Request, state: Here, _user: Admin, wanted: Annotated[AuditFilter, Depends(_wanted)]) -> Response:
    """Show the log, newest first."""
    entries = wanted.entries(state, limit=PAGE_ROWS + 1, before=wanted.before)
    who, actions = state.store.requests.audit_names()
    titles = campaign_titles(state.context)
    return page(
        request,
        "audit/audit.html.j2",
        title=tr("Audit log"),
        active="audit",
        entries=entries[:PAGE_ROWS],
        has_more=len(entries) > PAGE_ROWS,
        wanted=wanted,
        who=who,
        actions=sorted(((action, deed(action)) for action in actions), key=lambda pair: pair[1]),
        deed=deed,
        subject=lambda entry: titled(recorded(entry.subject), titles),
    )


@router.get("/audit.csv")
def audit_as_csv(state: Here, _user: Admin, wanted: Annotated[AuditFilter, Depends(_wanted)]) -> Response:
    """Hand over every entry that matches."""
    headers = HEADERS | {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return StreamingResponse(_csv(state, wanted), media_type="text/csv; charset=utf-8", headers=headers)


def _csv(state: State, wanted: AuditFilter) -> Iterator[str]:
    yield csv_text([("entry_id", "done_at_utc", "who", "action", "subject", "request_id")])
    before = None
    while entries := wanted.entries(state, limit=_PORTION, before=before):
        yield csv_text(
            [(e.entry_id, e.done_at.isoformat(), e.who, e.action, e.subject, e.request_id or "") for e in entries]
        )
        before = entries[-1].entry_id


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None

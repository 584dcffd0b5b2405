"""The archive of reports: what lies in the home's folder, listed and given out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse

from churn.accounts.sign_in import SignedIn
from churn.api.pages.frame import page
from churn.api.pages.session import signed_in
from churn.api.state import State, state_of
from churn.jobs.catalog import JOBS
from churn.views.reports import list_reports, monthly_reports, report_file

router = APIRouter()

# A report is a document by itself, with its styles inside; nothing in it may run, nor act as the service's own page.
_REPORT_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; sandbox allow-popups"
)


@router.get("/reports")
def reports(
    request: Request, state: Annotated[State, Depends(state_of)], user: Annotated[SignedIn, Depends(signed_in())]
) -> Response:
    """List the reports, the monthly ones first."""
    found = list_reports(state.context)
    return page(
        request,
        "reports/reports.html.j2",
        title="Reports",
        active="reports",
        can_write="report" in JOBS and user.may(JOBS["report"].scope),
        monthly=_by_month([one for one in found if one["kind"] == "monthly"], monthly_reports(state.context)),
        pages=[one for one in found if one["kind"] == "page"],
        lists=[one for one in found if one["kind"] == "list"],
    )


@router.get("/reports/files/{name:path}")
def report(
    name: Annotated[str, InPath(min_length=1, max_length=300)],
    state: Annotated[State, Depends(state_of)],
    _user: Annotated[SignedIn, Depends(signed_in())],
) -> Response:
    """Give a report out: pages to be read, lists to be saved."""
    path, kind = report_file(state.context, name)
    headers = {"Content-Security-Policy": _REPORT_CSP, "Cache-Control": "private, no-cache"}
    is_page = path.suffix == ".html"
    return FileResponse(
        path,
        media_type=kind,
        headers=headers,
        filename=path.name,
        content_disposition_type="inline" if is_page else "attachment",
    )


def _by_month(reports: Sequence[dict[str, Any]], told: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per month, with the headline of its report and `languages`: the code and file of each, English first."""
    known = {one["name"]: one for one in told}
    rows: dict[str, dict[str, Any]] = {}
    for one in sorted(reports, key=lambda one: (known.get(one["name"], {}).get("language", "en") != "en", one["name"])):
        language = known.get(one["name"], {}).get("language", "en")
        headline = known.get(one["name"], {}).get("headline") or one["title"]
        row = rows.setdefault(
            one["month"], {**one, "headline": headline, "headline_language": language, "languages": []}
        )
        row["languages"].append({"code": language, "name": one["name"]})
    return sorted(rows.values(), key=lambda row: str(row["month"]), reverse=True)

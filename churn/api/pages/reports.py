"""The archive of reports: what lies in the home's folder, listed and given out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse

from churn.accounts.sign_in import SignedIn
from churn.api.pages.frame import HEADERS, page
from churn.api.pages.session import signed_in
from churn.api.state import State, state_of
from churn.jobs.catalog import JOBS
from churn.languages.words import tr
from churn.views.reports import TYPES, month_workbook, report_archive, report_file

router = APIRouter(include_in_schema=False)

# A report is a document of its own with inline styles; scripts in it must not run, nor act in the service's name.
_REPORT_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; sandbox allow-popups"
)


@router.get("/reports")
def reports(
    request: Request, state: Annotated[State, Depends(state_of)], user: Annotated[SignedIn, Depends(signed_in())]
) -> Response:
    """List the reports, the monthly ones first."""
    return page(
        request,
        "reports/reports.html.j2",
        title=tr("Reports"),
        active="reports",
        can_write="report" in JOBS and user.may(JOBS["report"].scope),
        archive=report_archive(state.context),
    )


@router.get("/reports/tables/{month}.xlsx")
def tables(
    month: Annotated[str, InPath(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")],
    state: Annotated[State, Depends(state_of)],
    _user: Annotated[SignedIn, Depends(signed_in())],
) -> Response:
    """Hand over the tables of a month's report as an Excel workbook."""
    headers = HEADERS | {"Content-Disposition": f'attachment; filename="monthly-{month}.xlsx"'}
    return Response(month_workbook(state.context, month), media_type=TYPES[".xlsx"], headers=headers)


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

"""The archive of monthly reports: which there are, and each as a page or as the facts it tells."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel

from churn.api.problems import RESPONSES
from churn.api.security import KeyRoute, needs
from churn.api.state import State, state_of
from churn.views.reports import TYPES, MonthlyReport, month_workbook, monthly_report, monthly_reports

router = APIRouter(prefix="/v1/reports", tags=["reports"], route_class=KeyRoute, responses=RESPONSES)

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
    "Cache-Control": "private, no-cache",
}


class MonthlyReports(BaseModel):
    """All monthly reports, the newest first."""

    items: list[MonthlyReport]


@router.get("")
@needs("read")
def reports(state: Annotated[State, Depends(state_of)]) -> MonthlyReports:
    """List the monthly reports by month and language, each with its headline."""
    return MonthlyReports(items=monthly_reports(state.context))


@router.get("/{month}", response_class=FileResponse)
@needs("read")
def report(
    month: Annotated[str, Path(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="YYYY-MM")],
    state: Annotated[State, Depends(state_of)],
    language: Annotated[
        str | None, Query(pattern=r"^[a-z]{2,3}$", description="By default the company's, of [reporting].")
    ] = None,
    format: Annotated[Literal["html", "json", "xlsx"], Query()] = "html",  # noqa: A002  # the parameter's public name
) -> Response:
    """Give out the report of a month: the page, the facts that it tells, or its tables as an Excel workbook."""
    if format == "xlsx":
        name = f'attachment; filename="monthly-{month}.xlsx"'
        content = month_workbook(state.context, month)
        return Response(content, media_type=TYPES[".xlsx"], headers=_HEADERS | {"Content-Disposition": name})
    path, kind = monthly_report(state.context, month, language, f".{format}")
    return FileResponse(path, media_type=kind, headers=_HEADERS)

"""The archive of reports: what lies in the home's folder, listed and given out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from churn.api.pages.frame import page
from churn.api.pages.session import signed_in
from churn.workflows.sign_in import SignedIn

router = APIRouter()


@router.get("/reports")
def reports(request: Request, _user: Annotated[SignedIn, Depends(signed_in())]) -> Response:
    """List the reports."""
    return page(request, "reports/reports.html.j2", title="Reports", active="reports")

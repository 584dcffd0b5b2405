"""Jobs and data quality: what ran and how it ended, what is asked for now, and whether the data can be trusted."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from churn.api.pages.frame import page
from churn.api.pages.session import signed_in
from churn.workflows.sign_in import SignedIn

router = APIRouter()


@router.get("/jobs")
def jobs(request: Request, _user: Annotated[SignedIn, Depends(signed_in())]) -> Response:
    """Show the ledger, the checks and the sources."""
    return page(request, "jobs/jobs.html.j2", title="Jobs and data quality", active="jobs")

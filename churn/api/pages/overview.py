"""The front page: how things stand, and what to do next."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from churn.api.pages.frame import page
from churn.api.pages.session import signed_in
from churn.workflows.sign_in import SignedIn

router = APIRouter()


@router.get("/")
def overview(request: Request, _user: Annotated[SignedIn, Depends(signed_in())]) -> Response:
    """Show churn against its target, money at risk and saved, and what needs a person."""
    return page(request, "overview/overview.html.j2", title="Overview", active="overview")

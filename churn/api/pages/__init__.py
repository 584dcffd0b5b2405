"""The web pages, one module each; `ROUTERS` is all of them, `install` puts them into the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn.api.pages import charts, errors, jobs, overview, reports, sign_in, static

if TYPE_CHECKING:
    from fastapi import FastAPI

ROUTERS = (static.router, charts.router, sign_in.router, overview.router, jobs.router, reports.router)


def install(app: FastAPI) -> None:
    """Add every page to `app`; they are no part of its OpenAPI document."""
    for router in ROUTERS:
        app.include_router(router, include_in_schema=False)
    app.state.page_paths = frozenset(getattr(route, "path", "") for router in ROUTERS for route in router.routes)
    errors.install(app)

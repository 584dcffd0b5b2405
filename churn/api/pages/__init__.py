"""The web pages, one module each; `ROUTERS` is all of them, and no part of the OpenAPI document."""

from __future__ import annotations

import importlib
from contextlib import suppress
from typing import TYPE_CHECKING

from churn.api.pages import (
    account,
    alerts,
    audit,
    campaign_editor,
    campaigns,
    charts,
    customer,
    errors,
    experiments,
    figures,
    insights,
    jobs,
    model,
    overview,
    programme_editor,
    programmes,
    pushes,
    reference,
    reports,
    risk_list,
    sign_in,
    simulator,
    sso,
    static,
    users,
)
from churn.api.pages.customer import rights
from churn.api.pages.model.figures import model_page
from churn.api.pages.simulator import comparison, keep
from churn.errors import ChurnError
from churn.views.model import model_view

if TYPE_CHECKING:
    from fastapi import FastAPI

    from churn.api.state import State


ROUTERS = (
    static.router,
    charts.router,
    sign_in.router,
    sso.router,
    overview.router,
    alerts.router,
    figures.router,
    risk_list.router,
    customer.router,
    rights.router,
    keep.router,
    comparison.router,
    simulator.router,
    campaign_editor.router,
    campaigns.router,
    programme_editor.router,
    programmes.router,
    pushes.router,
    experiments.router,
    insights.router,
    model.router,
    jobs.router,
    reports.router,
    reference.router,
    users.router,
    account.router,
    audit.router,
)


def prepare() -> None:
    """Load the chart libraries before the first request, and before the champion is loaded in another thread."""
    for name in ("altair", "vl_convert"):
        importlib.import_module(name)


def draw_ahead(state: State) -> None:
    """Prepare what the simulator and the champion's page show first, so that no visitor waits for it."""
    with suppress(ChurnError):  # the page itself says what is missing, here and below
        state.simulator.prepared()
    with suppress(ChurnError):
        model_page(model_view(state.context), state.context.settings.business.currency)


def install(app: FastAPI) -> None:
    """Tell `app`, which holds the routes of `ROUTERS`, which paths are pages, and let their errors be pages too."""
    app.state.page_paths = frozenset(getattr(route, "path", "") for router in ROUTERS for route in router.routes)
    errors.install(app)

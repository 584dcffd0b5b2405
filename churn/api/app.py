"""Builds the service from a context: routes, keys, errors, limits, metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from churn.api import pages, problems, security
from churn.api.middleware import Compressing, Surround
from churn.api.pages.language import Speaking
from churn.api.proxy import Prefixed, TrustingProxies
from churn.api.routes import ROUTERS
from churn.api.state import State, build_state

if TYPE_CHECKING:
    from churn.context import Context

VERSION = "1"
DESCRIPTION = """\
Churn risk with reasons, what acting on it is worth, and what campaigns caused.

Send `Authorization: Bearer KEY`; keys are made with `churn keys create NAME --scope read`. Every error is a problem
document (RFC 9457) with a stable `code`. Every answer that holds a score says when, on what data and by which model.
"""


class Service(FastAPI):
    """The application over a home. Its document tells of keys, which the routes themselves admit."""

    churn: State | None = (
        None  # what requests share, while the service runs; in `app.state` each request would search it
    )

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, which FastAPI holds as plain JSON."""
        document = super().openapi()
        if self.state.root_path:
            document["servers"] = [{"url": self.state.root_path}]
        document["components"]["securitySchemes"] = security.SCHEMES
        return document


def create_app(context: Context, *, when_warm: Callable[[], object] | None = None) -> Service:
    """Return the service over `context`; the store opens with it, the warehouse never does.

    `when_warm` is called once the champion and its libraries are loaded.
    """

    def warm(state: State) -> None:
        state.warm()
        if when_warm is not None:
            when_warm()
        pages.draw_ahead(state)

    @asynccontextmanager
    async def lifespan(app: Service) -> AsyncIterator[None]:
        if app.churn is not None:
            yield  # a test client inside another enters once more: the first to enter closes
            return
        state = await asyncio.to_thread(build_state, context)
        await asyncio.to_thread(pages.prepare)
        app.churn = state
        warming = asyncio.create_task(asyncio.to_thread(warm, state))
        try:
            yield
        finally:
            await warming
            app.churn = None
            await asyncio.to_thread(state.close)

    app = Service(
        title="churn",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        responses=problems.RESPONSES,
        openapi_url=None,  # ours is closed to strangers, see pages/reference.py
        docs_url=None,  # FastAPI's would fetch scripts from elsewhere; ours is a page, see pages/reference.py
        redoc_url=None,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
        },  # FastAPI's would send paths, which hold customer ids
    )
    problems.install(app, context)
    app.state.root_path = context.settings.api.root_path
    if app.state.root_path:
        app.add_middleware(Prefixed, root_path=app.state.root_path)
    app.add_middleware(Compressing, minimum_size=1_000, compresslevel=5)
    app.add_middleware(Surround, context=context)  # sees the final answer
    app.add_middleware(Speaking, root_path=app.state.root_path)
    if context.settings.api.trusted_proxies:
        app.add_middleware(TrustingProxies, trusted=context.settings.api.trusted_proxies)
    # FastAPI would build the routes of included routers anew, a third of a second at each start, and match them twice at
    # each request, which takes as long as reading a score.
    for router in (*ROUTERS, *pages.ROUTERS):
        app.router.routes.extend(router.routes)
    pages.install(app)
    return app

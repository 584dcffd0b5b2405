"""Puts charts on pages: an SVG that needs no script, and its definition, from which a script adds tooltips."""

from __future__ import annotations

import gzip
import json
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from markupsafe import Markup

from churn.api.problems import ApiError
from churn.api.state import State, state_of
from churn.languages.words import tr
from churn.reports.charts.svg import Figure
from churn.reports.charts.vega import vega_script, vega_version

router = APIRouter(include_in_schema=False)
_FOREVER: Final = "public, max-age=31536000, immutable"
# JSON escapes for the characters that could end a script element.
_HARMLESS: Final = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


def chart_html(chart_id: str, figure: Figure, describe: str | None = None) -> Markup:
    """Return `figure` for a page: drawn and described without a script, with tooltips where scripts run.

    `chart_id` is the element's id; `describe` replaces the figure's own description for screen readers.
    """
    still = Markup(figure)  # noqa: S704  # drawn by us
    if describe is not None and describe != figure.describe:
        description, wanted = (Markup.escape(text) for text in (figure.describe, describe))
        still = Markup(str(still).replace(f'aria-label="{description}"', f'aria-label="{wanted}"'))  # noqa: S704  # escaped
    specs = Markup(json.dumps(figure.specs, separators=(",", ":")).translate(_HARMLESS))  # noqa: S704  # made harmless
    return Markup(
        '<figure class="chart" id="{}" data-chart="{}"><div class="chart-still">{}</div>'
        '<div class="chart-live" aria-hidden="true" hidden></div>'
        '<script type="application/json">{}</script></figure>'
    ).format(chart_id, vega_path(), still, specs)


def vega_path() -> str:
    """Return the address of the drawing library; it changes with the library, so that browsers keep it for good."""
    return f"/charts/vega-{vega_version()}.js"


@router.get("/charts/{name}")
def vega(name: str, request: Request, state: Annotated[State, Depends(state_of)]) -> Response:
    """Return the drawing library, compressed once and for all; it is public code and needs no sign-in."""
    if name != vega_path().rpartition("/")[2]:
        raise ApiError(404, "not_found", tr("There is no such script."), remedy=tr("Load the page again."))
    script = vega_script(state.context.settings.home / "cache")
    headers = {"Cache-Control": _FOREVER, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
    else:
        script = gzip.decompress(script)
    return Response(script, media_type="text/javascript", headers=headers)

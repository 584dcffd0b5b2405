"""Styles, scripts and fonts: read once, served under an address that changes with their content, kept by browsers for good."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from churn.reports.charts.svg import token_css

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).resolve().parent.parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
_FOR_GOOD = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Assets:
    """Every file by name, and one hash over all of them, so that files can refer to each other by relative paths."""

    files: dict[str, bytes]
    version: str


@cache
def assets() -> Assets:
    """Read the files; `charts.css` is written from the charts' own colours, so that both always agree."""
    files = {
        path.relative_to(FOLDER).as_posix(): path.read_bytes()
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in TYPES
    }
    files["charts.css"] = token_css().encode()
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return Assets(files, digest.hexdigest()[:12])


def address(name: str) -> str:
    """Return the address of a static file. Raises KeyError for one that is not there."""
    shipped = assets()
    if name not in shipped.files:
        raise KeyError(name)
    return f"/static/{shipped.version}/{name}"


@router.get("/static/{version}/{name:path}")
def static_file(version: str, name: str, request: Request) -> Response:
    """Serve a file; only those read at start-up can be served, so no path leads elsewhere."""
    shipped = assets()
    content = shipped.files.get(name)
    if content is None:
        raise HTTPException(404)
    # The address of another version still works, for a page open during an upgrade, but is not cached.
    is_ours = version == shipped.version
    headers = {"Cache-Control": _FOR_GOOD if is_ours else "no-cache", "ETag": f'"{shipped.version}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=TYPES[Path(name).suffix], headers=headers)


@router.get("/favicon.ico")
def favicon() -> Response:
    """Serve the icon that browsers request by themselves."""
    return Response(assets().files["mark.svg"], media_type=TYPES[".svg"], headers={"Cache-Control": "max-age=86400"})

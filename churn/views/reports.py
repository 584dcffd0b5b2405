"""Lists the reports that lie in the home, and finds one by its name: only what is listed can be had."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any, Final, Literal

from churn.context import Context
from churn.errors import NotFound, ResourceError

Kind = Literal["monthly", "page", "list"]
TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
}
_MONTH = re.compile(r"(?<!\d)(\d{4}-(?:0[1-9]|1[0-2]))(?!-?\d)")  # a month, no day
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL | re.IGNORECASE)
_MONTHLY = re.compile(r"monthly-(\d{4}-(?:0[1-9]|1[0-2]))(?:-([a-z]{2,3}))?\.html")
_HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]+>")
_HEAD_BYTES = 65_536  # styles come before the title in some pages


def list_reports(context: Context) -> list[dict[str, Any]]:
    """Return every report, the newest first.

    Keys: name (its path below `reports`), title, kind, month (of a monthly one), also (other files of the same page, by
    their ending), size_bytes, written_at.

    Hidden files, files of other types and links that lead out of the folder are none. Raises ResourceError.
    """
    root = context.settings.home / "reports"
    try:
        paths = sorted(root.rglob("*")) if root.is_dir() else []
        found = [_told(path, root) for path in paths if _is_report(path, root)]
    except OSError as error:
        raise ResourceError(f"cannot be read: {error.strerror or error}", where=str(root)) from error
    pages = {Path(one["name"]).with_suffix("").as_posix(): one for one in found if one["kind"] != "list"}
    kept = []
    for one in found:
        page = pages.get(Path(one["name"]).with_suffix("").as_posix())
        if page is None or page is one:
            kept.append(one)
        else:
            page["also"][Path(one["name"]).suffix[1:]] = one["name"]
    return sorted(kept, key=lambda one: (one["month"] or "", one["written_at"], one["name"]), reverse=True)


def report_file(context: Context, name: str) -> tuple[Path, str]:
    """Return the file of a listed report and its media type. Raises NotFound for any other name."""
    root = context.settings.home / "reports"
    if any(name == one["name"] or name in one["also"].values() for one in list_reports(context)):
        return root / name, TYPES[Path(name).suffix]
    raise NotFound("There is no such report", where=f"report {name[:100]}", remedy="See the list of reports.")


def _is_report(path: Path, root: Path) -> bool:
    if path.suffix not in TYPES or any(part.startswith(".") for part in path.relative_to(root).parts):
        return False
    return path.is_file() and path.resolve().is_relative_to(root.resolve())


def _told(path: Path, root: Path) -> dict[str, Any]:
    name = path.relative_to(root).as_posix()
    facts = path.stat()
    is_page = path.suffix == ".html"
    month = _MONTH.search(path.stem) if is_page else None
    is_monthly = month is not None and ("month" in name or path.stem == month.group(1))
    return {
        "name": name,
        "title": (_title(path) if is_page else None) or _words(path),
        "kind": "monthly" if is_monthly else "page" if is_page else "list",
        "month": month.group(1) if month and is_monthly else None,
        "also": {},
        "size_bytes": facts.st_size,
        "written_at": datetime.fromtimestamp(facts.st_mtime, UTC).replace(tzinfo=None),
    }


def _title(path: Path) -> str | None:
    with path.open("rb") as file:
        found = _TITLE.search(file.read(_HEAD_BYTES).decode("utf-8", "replace"))
    return " ".join(unescape(found.group(1)).split())[:200] or None if found else None


def _words(path: Path) -> str:
    words = path.stem.replace("-", " ").replace("_", " ")
    return f"{words[:1].upper()}{words[1:]}"


def monthly_reports(context: Context) -> list[dict[str, Any]]:
    """Return the monthly reports, newest first: month, language, headline, name, size_bytes, written_at. Raises ResourceError."""
    root = context.settings.home / "reports"
    found = []
    for one in list_reports(context):
        named = _MONTHLY.fullmatch(one["name"])
        if named:
            kept = {key: one[key] for key in ("name", "size_bytes", "written_at")}
            found.append(
                {"month": named[1], "language": named[2] or "en", "headline": headline_of(root / named[0]), **kept}
            )
    return found


def monthly_report(context: Context, month: str, language: str = "en", ending: str = ".html") -> tuple[Path, str]:
    """Return the file of a month's report, or of its facts (`ending` .json), and its media type. Raises NotFound."""
    suffix = "" if language == "en" or ending == ".json" else f"-{language}"
    return report_file(context, f"monthly-{month}{suffix}{ending}")


def headline_of(path: Path) -> str:
    """Return the headline of a report's page in plain words; empty where it has none."""
    found = _HEADING.search(path.read_text(encoding="utf-8", errors="replace"))
    return " ".join(unescape(_TAG.sub("", found[1])).split()) if found else ""

"""Lists the reports that lie in the home, and finds one by its name: only what is listed can be had."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from churn.context import Context
from churn.documents.document import Document
from churn.documents.month_facts import MonthFacts
from churn.errors import NotFound, ResourceError
from churn.files import workbook_bytes
from churn.languages.words import tr
from churn.reports.workbooks import month_sheets

ReportKind = Literal["monthly", "page", "list"]
TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pdf": "application/pdf",
}
ENGLISH: Final = "en"  # its report has the plain name
_MONTH = re.compile(r"(?<!\d)(\d{4}-(?:0[1-9]|1[0-2]))(?!-?\d)")  # a month, no day
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL | re.IGNORECASE)
_MONTHLY = re.compile(r"monthly-(\d{4}-(?:0[1-9]|1[0-2]))(?:-([a-z]{2,3}))?\.html")
_HEADING = re.compile(r"<h1[^>]*>(.*?)</h1>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]+>")
_HEAD_BYTES = 65_536  # styles come before the title in some pages


@dataclass(frozen=True)
class ReportFile:
    """One report: `name` is its path below `reports`, `month` that of a monthly one.

    `also` names other files of the same page by their ending, without the dot.
    """

    name: str
    title: str
    kind: ReportKind
    month: str | None
    size_bytes: int
    written_at: datetime
    also: Mapping[str, str] = field(default_factory=dict)


class MonthlyReport(Document):
    """One monthly report that was written."""

    month: str = Field(description="YYYY-MM")
    language: str
    headline: str = Field(description="Its first sentence.")
    name: str
    size_bytes: int
    written_at: datetime


@dataclass(frozen=True)
class ReportTranslation:
    """The report of a month in one language; `code` is the language's."""

    code: str
    name: str


@dataclass(frozen=True)
class ArchivedMonth:
    """The reports of one month, English first: `file` is the first of them, whose headline is shown."""

    month: str
    file: ReportFile
    headline: str
    translations: tuple[ReportTranslation, ...]


@dataclass(frozen=True)
class ReportArchive:
    """All reports, the newest first: by month, other pages, and lists."""

    months: tuple[ArchivedMonth, ...]
    pages: tuple[ReportFile, ...]
    lists: tuple[ReportFile, ...]


def list_reports(context: Context) -> list[ReportFile]:
    """Return every report, the newest first.

    Hidden files, files of other types and links that lead out of the folder are none. Raises ResourceError.
    """
    root = _folder(context)
    try:
        paths = sorted(root.rglob("*")) if root.is_dir() else []
        files = [_read(path, root) for path in paths if _is_report(path, root)]
    except OSError as error:
        raise ResourceError(tr("cannot be read: {error}", error=error.strerror or error), where=str(root)) from error
    return sorted(
        _with_companions(files), key=lambda file: (file.month or "", file.written_at, file.name), reverse=True
    )


def report_archive(context: Context) -> ReportArchive:
    """Return all reports as the archive shows them. Raises ResourceError."""
    files = list_reports(context)
    return ReportArchive(
        months=tuple(_by_month([file for file in files if file.kind == "monthly"], _monthly(context, files))),
        pages=tuple(file for file in files if file.kind == "page"),
        lists=tuple(file for file in files if file.kind == "list"),
    )


def report_file(context: Context, name: str) -> tuple[Path, str]:
    """Return the file of a listed report and its media type. Raises NotFound for any other name."""
    if any(name == file.name or name in file.also.values() for file in list_reports(context)):
        return _folder(context) / name, TYPES[Path(name).suffix]
    raise NotFound(tr("There is no such report"), where=f"report {name[:100]}", remedy=tr("See the list of reports."))


def monthly_reports(context: Context) -> list[MonthlyReport]:
    """Return the monthly reports, newest first. Raises ResourceError."""
    return _monthly(context, list_reports(context))


def monthly_report(
    context: Context, month: str, language: str | None = None, ending: str = ".html"
) -> tuple[Path, str]:
    """Return the file of a month's report, or of its facts (`ending` .json), and its media type. Raises NotFound."""
    language = language or context.settings.reporting.language
    suffix = "" if language == ENGLISH or ending == ".json" else f"-{language}"
    return report_file(context, f"monthly-{month}{suffix}{ending}")


def month_workbook(context: Context, month: str) -> bytes:
    """Return the tables of a month's report as an Excel workbook, made of the facts that lie beside it.

    Raises NotFound, ContractBroken for facts that another version wrote, ConfigError where nothing is installed to write it.
    """
    path, _ = monthly_report(context, month, ending=".json")
    facts = MonthFacts.read(json.loads(path.read_text(encoding="utf-8")), where=str(path))
    return workbook_bytes(month_sheets(facts), currency=facts.currency)


def headline_of(path: Path) -> str:
    """Return the headline of a report's page in plain words; empty where it has none."""
    heading = _HEADING.search(path.read_text(encoding="utf-8", errors="replace"))
    return " ".join(unescape(_TAG.sub("", heading[1])).split()) if heading else ""


def _folder(context: Context) -> Path:
    return context.settings.home / "reports"


def _is_report(path: Path, root: Path) -> bool:
    if path.suffix not in TYPES or any(part.startswith(".") for part in path.relative_to(root).parts):
        return False
    return path.is_file() and path.resolve().is_relative_to(root.resolve())


def _read(path: Path, root: Path) -> ReportFile:
    name = path.relative_to(root).as_posix()
    facts = path.stat()
    is_page = path.suffix == ".html"
    month = _MONTH.search(path.stem) if is_page else None
    is_monthly = month is not None and ("month" in name or path.stem == month.group(1))
    return ReportFile(
        name=name,
        title=(_title(path) if is_page else None) or _words(path),
        kind="monthly" if is_monthly else "page" if is_page else "list",
        month=month.group(1) if month and is_monthly else None,
        size_bytes=facts.st_size,
        written_at=datetime.fromtimestamp(facts.st_mtime, UTC).replace(tzinfo=None),
    )


def _with_companions(files: Sequence[ReportFile]) -> list[ReportFile]:
    """Return the pages with the other files of the same name, and the lists that belong to no page."""
    pages = {_stem(file): file for file in files if file.kind != "list"}
    companions: dict[str, dict[str, str]] = {}
    for file in files:
        if file.kind == "list" and _stem(file) in pages:
            companions.setdefault(_stem(file), {})[Path(file.name).suffix[1:]] = file.name
    lists = [file for file in files if file.kind == "list" and _stem(file) not in pages]
    return [*(replace(page, also=companions.get(stem, {})) for stem, page in pages.items()), *lists]


def _stem(file: ReportFile) -> str:
    return Path(file.name).with_suffix("").as_posix()


def _title(path: Path) -> str | None:
    with path.open("rb") as file:
        title = _TITLE.search(file.read(_HEAD_BYTES).decode("utf-8", "replace"))
    return " ".join(unescape(title.group(1)).split())[:200] or None if title else None


def _words(path: Path) -> str:
    words = path.stem.replace("-", " ").replace("_", " ")
    return f"{words[:1].upper()}{words[1:]}"


def _monthly(context: Context, files: Iterable[ReportFile]) -> list[MonthlyReport]:
    named = [(file, match) for file in files if (match := _MONTHLY.fullmatch(file.name))]
    return [
        MonthlyReport(
            month=match[1],
            language=match[2] or ENGLISH,
            headline=headline_of(_folder(context) / file.name),
            name=file.name,
            size_bytes=file.size_bytes,
            written_at=file.written_at,
        )
        for file, match in named
    ]


def _by_month(files: Sequence[ReportFile], monthly: Iterable[MonthlyReport]) -> list[ArchivedMonth]:
    reports = {report.name: report for report in monthly}
    grouped: dict[str, list[ReportFile]] = {}
    for file in sorted(files, key=lambda file: (_language(file, reports) != ENGLISH, file.name)):
        grouped.setdefault(file.month or "", []).append(file)
    return [
        ArchivedMonth(
            month=month,
            file=group[0],
            headline=(reports[group[0].name].headline if group[0].name in reports else "") or group[0].title,
            translations=tuple(ReportTranslation(_language(file, reports), file.name) for file in group),
        )
        for month, group in sorted(grouped.items(), reverse=True)
    ]


def _language(file: ReportFile, reports: Mapping[str, MonthlyReport]) -> str:
    return reports[file.name].language if file.name in reports else ENGLISH

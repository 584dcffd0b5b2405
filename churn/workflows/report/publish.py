"""Publishes the monthly report: one self-contained HTML file, and its facts as JSON; or its tables as an Excel workbook."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from churn.context import Context
from churn.documents.month_facts import MonthFacts
from churn.files import WORKBOOK, check_ending, write_text, write_workbook
from churn.reports.monthly import prepare_drawing, render_monthly
from churn.reports.pdf import print_to_pdf
from churn.reports.workbooks import month_sheets
from churn.workflows.report.facts import report_facts
from churn.workflows.report.month import read_month


@dataclass(frozen=True)
class ReportResult:
    """The month, the files and the facts of a published report."""

    month: str
    language: str
    files: dict[str, Path]
    document: MonthFacts
    seconds: float


def publish_report(
    context: Context,
    month: str | None = None,
    *,
    language: str | None = None,
    out: Path | None = None,
    with_pdf: bool = False,
) -> ReportResult:
    """Write the report of `month` (YYYY-MM; the last whole month of the data if None) in `language`, by default the company's.

    The same facts give the same bytes. Raises ConfigError for a month the data do not reach, a language without words,
    another ending than .html, or a PDF where no Chromium is installed; ResourceError when the disk is full: what was there before stays.
    An `out` that ends with .xlsx takes the tables, and no page is written.
    """
    if out is not None:
        check_ending(out, (".html", WORKBOOK), where="--out")
    tables = out if out is not None and out.suffix == WORKBOOK else None
    began = time.monotonic()
    home = context.settings.home
    language = language or context.settings.reporting.language
    chosen = read_month(month) if month is not None else None
    with context.recorded("publish_report", chosen.first if chosen else None):
        # Load libraries in a second thread while this one waits for the database.
        with ThreadPoolExecutor(1) as beside:
            beside.submit(prepare_drawing)
            context.progress.step("Gathering the month's facts")
            document = report_facts(context, chosen, beside=beside)
        if tables is not None:
            write_workbook(tables, month_sheets(document), currency=document.currency)
            return ReportResult(document.month, language, {"tables": tables}, document, time.monotonic() - began)
        context.progress.step("Drawing the report")
        suffix = "" if language == "en" else f"-{language}"
        page = out or home / "reports" / f"monthly-{document.month}{suffix}.html"
        text = render_monthly(document, home=home, language=language)
        write_text(page, text)
        files = {"report": page}
        if out is None:
            files["facts"] = home / "reports" / f"monthly-{document.month}.json"
            write_text(files["facts"], json.dumps(document.as_json(), indent=1, allow_nan=False) + "\n")
        if with_pdf:
            context.progress.step("Printing it")
            files["pdf"] = print_to_pdf(page, page.with_suffix(".pdf"))
    return ReportResult(document.month, language, files, document, time.monotonic() - began)

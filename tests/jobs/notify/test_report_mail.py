"""The monthly report travels as one file, to those whom [alerts] names."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from churn.bootstrap import build_context
from churn.config import load_settings
from churn.context import Context
from churn.errors import Unreachable
from churn.jobs.notify.report_mail import mail_report
from churn.workflows.report import ReportResult
from tests.jobs.notify.mail import mail_server, mailing
from tests.jobs.notify.mailable import assert_mailable
from tests.reports.test_monthly import NOTHING

pytestmark = pytest.mark.slow

PAGE = "<!doctype html><html><body><h1>8.0&nbsp;% of customers left in June 2026,\n 2 points above</h1>\u2013</body></html>\n"


def _context(home: Path, port: int, *to: str) -> Context:
    context = build_context(settings=load_settings(config=None, home=home, environ={}))
    alerts = context.settings.alerts.model_validate(mailing(port, email_to=[], report_to=list(to)))
    return replace(context, settings=context.settings.model_copy(update={"alerts": alerts}))


def _report(home: Path) -> ReportResult:
    page = home / "reports" / "monthly-2026-06.html"
    page.parent.mkdir(parents=True)
    page.write_text(PAGE, encoding="utf-8")
    return ReportResult("2026-06", "en", {"report": page}, NOTHING, 0.0)


def test_the_report_is_one_attachment_and_its_headline_the_subject(tmp_path: Path) -> None:
    report = _report(tmp_path)
    with mail_server() as (port, inbox):
        context = _context(tmp_path, port, "board@company.example", "ann@company.example")
        assert mail_report(context, report) == 2
    (mail,) = inbox.mails
    assert mail["Subject"].replace("\u00a0", " ") == "8.0 % of customers left in June 2026, 2 points above"
    assert mail["To"] == "board@company.example, ann@company.example"
    assert re.fullmatch(r"<monthly-2026-06\.[0-9a-f]{16}@company\.example>", mail["Message-ID"])
    html = assert_mailable(mail)
    assert "8.0 % of customers left in June 2026" in html.replace("\u00a0", " ")
    assert "opens in any browser" in mail.get_body(("plain",)).get_content()
    (attached,) = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == ("monthly-2026-06.html", "text/html")
    assert attached.get_payload(decode=True) == report.files["report"].read_bytes()


def test_an_id_is_that_of_a_home_and_what_is_mailed(tmp_path: Path) -> None:
    ids = []
    with mail_server() as (port, inbox):
        for home in ("one", "other"):
            (tmp_path / home).mkdir()
            context = _context(tmp_path / home, port, "board@company.example")
            report = _report(tmp_path / home)
            for content in (PAGE, PAGE, PAGE + "<!-- written anew -->"):
                report.files["report"].write_text(content, encoding="utf-8")
                mail_report(context, report)
        ids = [mail["Message-ID"] for mail in inbox.mails]
    assert ids[0] == ids[1]
    assert ids[3] == ids[4]
    assert len(set(ids)) == 4


def test_nobody_named_nobody_mailed(tmp_path: Path) -> None:
    assert mail_report(_context(tmp_path, 1), _report(tmp_path)) == 0


def test_a_server_that_does_not_answer_is_an_error_with_words(tmp_path: Path) -> None:
    with mail_server() as (port, _):
        pass
    with pytest.raises(Unreachable, match="mail server"):
        mail_report(_context(tmp_path, port, "board@company.example"), _report(tmp_path))

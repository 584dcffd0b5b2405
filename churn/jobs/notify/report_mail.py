"""Mails the monthly report: its headline and figures as the mail's own text, the page as one file that opens anywhere."""

from __future__ import annotations

import hashlib
from datetime import UTC
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from churn import wording
from churn.context import Context
from churn.jobs.notify.channels import send_mail
from churn.jobs.notify.headline import headline_figures
from churn.languages.catalogue import nearest_language
from churn.languages.words import language, speaking, tr
from churn.reports.render import render
from churn.views.reports import headline_of
from churn.workflows.report import ReportResult


def mail_report(context: Context, report: ReportResult) -> int:
    """Mail `report` to everybody in [alerts] report_to; return how many that are, 0 where nobody is named.

    The same report bears the same id whenever it is sent; one of another home or written anew has another, for mail
    programs drop what bears an id they know. Raises Unreachable, AuthFailed or ConfigError as `send_mail`.
    """
    if not context.settings.alerts.report_to:
        return 0
    with speaking(nearest_language(report.language)):
        return _mail_report(context, report)


def _mail_report(context: Context, report: ReportResult) -> int:
    settings = context.settings.alerts
    page = report.files["report"]
    headline = headline_of(page)
    mail = EmailMessage()
    mail["From"] = settings.email_from
    mail["To"] = ", ".join(settings.report_to)
    mail["Subject"] = headline
    mail["Date"] = format_datetime(context.clock().replace(tzinfo=UTC))
    domain = (settings.email_from or "churn@localhost").rpartition("@")[2]
    mail["Message-ID"] = f"<{page.stem}.{_digest(context, page)}@{domain}>"
    address = f"{settings.link.rstrip('/')}/reports" if settings.link else None
    figures = tuple(headline_figures(report.document)) if report.language == language() else ()
    plain = "".join(f"{figure.name}: {figure.value}\n" for figure in figures)
    how = tr("The report is the file {file}: it opens in any browser, and prints well.", file=page.name)
    link = f"\n{tr('All reports')}: {address}\n" if address else ""
    mail.set_content(f"{headline}\n\n{plain}\n{how}\n{link}")
    html = render(
        "mail/report.html",
        home=context.settings.home,
        language=report.language,
        title=wording.month(f"{report.month}-01", language=report.language),
        lead=headline,
        figures=figures,
        foot=how,
        link=address,
        link_words=tr("All reports"),
    )
    mail.add_alternative(html, subtype="html")
    mail.add_attachment(page.read_bytes(), maintype="text", subtype="html", filename=page.name)
    send_mail(mail, settings.report_to, settings, context.secrets)
    return len(settings.report_to)


def _digest(context: Context, page: Path) -> str:
    home = str(context.settings.home.resolve()).encode("utf-8", "surrogateescape")
    return hashlib.sha256(home + b"\0" + page.read_bytes()).hexdigest()[:16]

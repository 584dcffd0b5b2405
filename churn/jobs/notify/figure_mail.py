"""Mails figures each month to whoever wants them: a choice of the page of figures as readable HTML, each table as CSV beside it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from churn import wording
from churn.context import Context
from churn.errors import ChurnError, ConfigError, NotFound
from churn.jobs.notify.channels import send_mail
from churn.languages.catalogue import nearest_language
from churn.languages.recorded import recorded
from churn.languages.words import N_, language, shown, speaking, tr, within
from churn.reports.render import render
from churn.store.service_records import FigureMail, NewFigureMail
from churn.views.figure_tables import ColumnKind, FigureTable, figure_tables
from churn.views.figures import ALL, WORDS, FiguresQuestion, Period, SegmentFigures, Sums, read_figures

MOST_ADDRESSES: Final = 20
MOST_CHOICES: Final = 20  # of one person
_ADDRESS: Final = re.compile(r"^[^\s@<>,;\"]+@[^\s@<>,;\"]+$")
_SHOWN: Final = {  # what a mail is wide enough for; the CSV beside it holds every column
    "by-segment": (
        "customers",
        "churners",
        "churn_rate",
        "churn_rate_before",
        "churn_rate_year_before",
        "revenue_churn",
    )
}


@dataclass(frozen=True)
class MailedFigures:
    """What a month's mails came to: `sent` mails, and the failures that did not stop the others."""

    sent: int
    failures: tuple[ChurnError, ...] = ()


@dataclass(frozen=True)
class MailTable:
    """A table as a mail shows it: words only."""

    title: str
    labels: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def is_mail_set_up(context: Context) -> bool:
    """Say whether there is a mail server to send by."""
    return bool(context.settings.alerts.smtp_host and context.settings.alerts.email_from)


def company_domains(context: Context) -> frozenset[str]:
    """Return the domains of the addresses in [alerts]: whoever may read the figures may have them mailed there."""
    alerts = context.settings.alerts
    known = [*([alerts.email_from] if alerts.email_from else []), *alerts.email_to, *alerts.report_to]
    return frozenset(address.rpartition("@")[2].lower() for address in known)


def choices_of(context: Context, who: str, *, is_admin: bool) -> list[FigureMail]:
    """Return what is mailed each month for somebody; for an administrator everybody's."""
    with context.open_store() as store:
        return store.figure_mails.list(None if is_admin else who)


def keep_choice(context: Context, wanted: NewFigureMail, *, is_admin: bool, request: str | None = None) -> int:
    """Keep a choice of figures to be mailed from the next month on, and return its number.

    Raises ConfigError for addresses that are none or, unless an administrator asks, are not the company's; for tables that
    there are not; and where no mail server is set up, or somebody has too many choices.
    """
    if not is_mail_set_up(context):
        raise ConfigError("no mail server is set up", where="[alerts]", remedy="Set smtp_host and email_from.")
    _check_addresses(context, wanted.addresses, is_admin=is_admin)
    if not wanted.tables:
        raise ConfigError("no table is chosen", where="tables", remedy="Tick at least one.")
    with context.open_store() as store:
        if len(store.figure_mails.list(wanted.owner)) >= MOST_CHOICES:
            raise ConfigError("there are too many already", where="to", remedy="Stop one of them first.")
        number = store.figure_mails.add(wanted, context.clock())
        subject = f"{number}, {', '.join(wanted.tables)}, to {len(wanted.addresses)}"  # no address in the audit log
        store.requests.audit(wanted.owner, "mail_figures", subject, context.clock(), request)
    return number


def stop_choice(context: Context, mail_id: int, who: str, *, is_admin: bool, request: str | None = None) -> None:
    """Mail a choice no more. Raises NotFound for one that there is not, or that is somebody else's."""
    with context.open_store() as store:
        if mail_id not in {choice.mail_id for choice in store.figure_mails.list(None if is_admin else who)}:
            raise NotFound("there is no such mail", where=str(mail_id), remedy="See the page of figures.")
        store.figure_mails.remove(mail_id)
        store.requests.audit(who, "stop_figures", str(mail_id), context.clock(), request)


def mail_figures(context: Context, day: date) -> MailedFigures:
    """Mail every choice that was not sent for the month of `day` yet; one that fails does not stop the others, and is tried again."""
    month = day.replace(day=1)
    with context.open_store() as store:
        due = [choice for choice in store.figure_mails.list() if choice.sent_for is None or choice.sent_for < month]
    sent, failures = 0, []
    for choice in due:
        figures = _figures(context, choice)
        if figures is None:
            continue  # a company without contracts has none, and one that is new has none yet
        try:
            mail = figures_mail(context, choice, figures, month)
            send_mail(mail, choice.addresses, context.settings.alerts, context.secrets)
        except ChurnError as error:
            failures.append(error)
            continue
        with context.open_store() as store:
            store.figure_mails.sent(choice.mail_id, month, context.clock())
        sent += 1
    return MailedFigures(sent, tuple(failures))


def figures_mail(context: Context, choice: FigureMail, figures: SegmentFigures, month: date) -> EmailMessage:
    """Return the mail of a choice for a month in its language; the same choice of the same month bears the same id whenever it is sent."""
    with speaking(nearest_language(choice.language)):
        return _figures_mail(context, choice, figures, month)


def _figures_mail(context: Context, choice: FigureMail, figures: SegmentFigures, month: date) -> EmailMessage:
    alerts, currency = context.settings.alerts, context.settings.business.currency
    wanted = [table for table in figure_tables(context, figures).tables if table.name in choice.tables]
    title = tr("Figures of {months}", months=_months(figures))
    of = within(WORDS.get(figures.segment, figures.segment)) if figures.segment != ALL else ""
    until = tr("Data until {day}.", day=wording.day(figures.data_cutoff))
    lead = f"{tr('By {segment}.', segment=of)} {until}" if of else until
    headline = _headline(figures, currency)
    foot = tr(
        "You get this each month because somebody at your company chose it. Whoever did can stop it on the page of figures."
    )
    html = render(
        "mail/figures.html",
        home=context.settings.home,
        language=language(),
        title=title,
        lead=lead,
        headline=headline,
        tables=[_in_words(table, currency, _title(table, of)) for table in wanted],
        foot=foot,
        link=f"{alerts.link.rstrip('/')}/figures" if alerts.link else None,
        link_words=tr("Open the figures"),
    )
    mail = EmailMessage()
    mail["From"] = alerts.email_from
    mail["To"] = ", ".join(choice.addresses)
    mail["Subject"] = title
    mail["Date"] = format_datetime(context.clock().replace(tzinfo=UTC))
    domain = (alerts.email_from or "churn@localhost").rpartition("@")[2]
    mail["Message-ID"] = f"<figures-{choice.mail_id}-{month:%Y-%m}.{_digest(context, choice)}@{domain}>"
    plain = "\n".join(f"{name}: {value}{f' ({note})' if note else ''}" for name, value, note in headline)
    names = ", ".join(f"{table.name}.csv" for table in wanted)
    attached = tr("The tables are attached: {names}.", names=names)
    mail.set_content(f"{title}\n{lead}\n\n{plain}\n\n{attached}\n\n{foot}\n")
    mail.add_alternative(html, subtype="html")
    for table in wanted:
        mail.add_attachment(table.csv().encode(), maintype="text", subtype="csv", filename=f"{table.name}.csv")
    return mail


def _check_addresses(context: Context, addresses: Collection[str], *, is_admin: bool) -> None:
    if not addresses:
        raise ConfigError("nobody is named", where="to", remedy="Write one or more mail addresses.")
    if len(addresses) > MOST_ADDRESSES:
        raise ConfigError(f"more than {MOST_ADDRESSES} are named", where="to", remedy="Use the address of a group.")
    wrong = next((address for address in addresses if not _ADDRESS.match(address)), None)
    if wrong is not None:
        raise ConfigError(f"`{wrong}` is no mail address", where="to", remedy="Write it as ann@company.example.")
    domains = company_domains(context)
    foreign = next((address for address in addresses if address.rpartition("@")[2].lower() not in domains), None)
    if foreign is not None and not is_admin:
        raise ConfigError(
            f"`{foreign}` is not at {' or '.join(sorted(domains))}",
            where="to",
            remedy="Ask an administrator to send figures elsewhere.",
        )


def _figures(context: Context, choice: FigureMail) -> SegmentFigures | None:
    """Return the figures of a choice: its months up to the newest that is published."""
    newest = read_figures(context, FiguresQuestion(choice.segment, choice.value))
    if newest is None:
        return None
    first = newest.months[-choice.months :][0]
    return read_figures(context, FiguresQuestion(choice.segment, choice.value, first, newest.months[-1]))


def _months(figures: SegmentFigures) -> str:
    last = wording.month(figures.last)
    return last if figures.length == 1 else tr("{low} to {high}", low=wording.month(figures.first), high=last)


def _headline(figures: SegmentFigures, currency: str) -> list[tuple[str, str, str]]:
    """Return what stands on top: name, value, and how it compares with the months before and the year before."""
    period = figures.whole
    now = period.now
    if now is None:
        return []
    return [
        (tr("Monthly churn"), _share(now.churn_rate), _compared(period, lambda sums: sums.churn_rate, figures.length)),
        (
            tr("Monthly revenue churn"),
            _share(now.revenue_churn),
            _compared(period, lambda s: s.revenue_churn, figures.length),
        ),
        (tr("Customers"), wording.count(now.ended), ""),
        (tr("Monthly revenue"), wording.money(now.revenue_ended, currency, cents=False), ""),
    ]


def _compared(period: Period, rate: Callable[[Sums], float | None], length: int) -> str:
    """Return how a rate differs from earlier ones, in points; of twelve months both are the same, and said once."""
    now = None if period.now is None else rate(period.now)
    earlier = [(N_("{points} points to the months before"), period.before)] if length != 12 else []
    earlier.append((N_("{points} points to the year before"), period.year_before))
    parts = [
        tr(words, points=_signed(100 * (now - then)))
        for words, sums in earlier
        if now is not None and sums is not None and (then := rate(sums)) is not None
    ]
    return "; ".join(parts)


def _signed(points: float) -> str:
    return ("+" if points >= 0 else "\u2212") + wording.decimal(abs(points), 1)


def _title(table: FigureTable, of: str) -> str:
    """Return what a table is called: that by segment says by which."""
    if table.name != "by-segment":
        return str(shown(table.title))
    return tr("Churn by {segment}", segment=of) if of else tr("All customers")


def _in_words(table: FigureTable, currency: str, title: str) -> MailTable:
    wide = _SHOWN.get(table.name)
    places = [n for n, column in enumerate(table.columns) if n == 0 or wide is None or column.name in wide]
    return MailTable(
        title,
        tuple(str(shown(table.columns[n].label)) for n in places),
        tuple(tuple(_cell(table.columns[n].kind, row[n], currency) for n in places) for row in table.rows),
    )


def _cell(kind: ColumnKind, value: object, currency: str) -> str:
    if value is None:
        return "\u2013"
    if isinstance(value, date):
        return wording.month(value)
    if not isinstance(value, int | float):
        return recorded(str(shown(value)))
    words = {
        "share": lambda: _share(value),
        "money": lambda: wording.money(value, currency, cents=False),
        "change": lambda: f"{'+' if value > 0 else ''}{wording.count(value)}",
    }.get(kind, lambda: wording.count(round(value)))()
    return words.replace("-", "\u2212", 1)


def _share(share: float | None) -> str:
    return "\u2013" if share is None else wording.percent(share, 1).replace(" ", "\u00a0")


def _digest(context: Context, choice: FigureMail) -> str:
    home = str(context.settings.home.resolve()).encode("utf-8", "surrogateescape")
    return hashlib.sha256(home + choice.made_at.isoformat().encode()).hexdigest()[:16]

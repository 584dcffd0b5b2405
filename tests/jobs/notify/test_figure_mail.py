"""Figures are mailed each month to whoever wants them, once a month, as HTML that mail programs show and CSV beside it."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import date
from email.message import EmailMessage
from pathlib import Path

import pytest

from churn.errors import ConfigError, NotFound, Unreachable
from churn.jobs.notify.figure_mail import choices_of, keep_choice, mail_figures, stop_choice
from churn.store.service_records import NewFigureMail
from tests.jobs.notify.figures import published
from tests.jobs.notify.mail import mail_server
from tests.jobs.notify.mailable import assert_mailable

pytestmark = pytest.mark.slow

DAY = date(2026, 7, 2)
BY_PLAN = NewFigureMail("maria", ("ann@company.example",), ("by-segment", "customers"), "plan", "", 3, "en")
OF_BASIC = NewFigureMail("maria", ("ann@company.example",), ("customers",), "plan", "basic", 2, "en")


def html_of(mail: EmailMessage) -> str:
    body = mail.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def test_a_choice_is_mailed_once_a_month_with_each_table_as_csv(tmp_path: Path) -> None:
    with mail_server() as (port, inbox):
        context = published(tmp_path, port)
        keep_choice(context, BY_PLAN, is_admin=False)
        assert mail_figures(context, DAY).sent == 1
        assert mail_figures(context, DAY.replace(day=3)).sent == 0, "it was sent for this month"
        assert mail_figures(context, date(2026, 8, 2)).sent == 1
    mail, later = inbox.mails
    assert (mail["To"], mail["From"]) == ("ann@company.example", "churn@company.example")
    assert mail["Subject"] == "Figures of April 2026 to June 2026"
    assert mail["Message-ID"] != later["Message-ID"]
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert "Monthly churn: 1.3" in plain.get_content()
    html = html_of(mail)
    assert re.findall(r"<h2[^>]*>([^<]+)</h2>", html) == ["Churn by plan", "Customers by month"]
    assert "premium" in html
    assert "Customers: " not in html
    by_plan, by_month = mail.iter_attachments()
    assert [by_plan.get_filename(), by_month.get_filename()] == ["by-segment.csv", "customers.csv"]
    rows = list(csv.DictReader(io.StringIO(by_plan.get_content())))
    assert [(row["plan"], row["churners"], float(row["churn_rate"])) for row in rows] == [
        ("basic", "6", 0.01),
        ("premium", "6", 0.02),
        ("All customers", "12", pytest.approx(4 / 300)),
    ]
    assert len(list(csv.reader(io.StringIO(by_month.get_content())))) == 1 + 3


def test_a_mail_speaks_the_language_of_whoever_chose_it(tmp_path: Path) -> None:
    with mail_server() as (port, inbox):
        context = published(tmp_path, port)
        keep_choice(context, replace(BY_PLAN, language="de"), is_admin=False)
        assert [choice.language for choice in choices_of(context, "maria", is_admin=False)] == ["de"]
        mail_figures(context, DAY)
    (mail,) = inbox.mails
    assert mail["Subject"] == "Zahlen für April 2026 bis Juni 2026"
    html = html_of(mail)
    assert '<html lang="de"' in html
    assert re.findall(r"<h2[^>]*>([^<]+)</h2>", html) == ["Abwanderung nach Tarif", "Kunden nach Monat"]
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert "Abwanderung im Monat: 1,3" in plain.get_content()
    assert "The tables" not in plain.get_content()


def test_a_mail_holds_nothing_but_what_mail_programs_show_alike(tmp_path: Path) -> None:
    with mail_server() as (port, inbox):
        context = published(tmp_path, port)
        keep_choice(context, BY_PLAN, is_admin=False)
        mail_figures(context, DAY)
    assert_mailable(inbox.mails[0])


def test_a_choice_of_one_value_is_of_it_alone(tmp_path: Path) -> None:
    with mail_server() as (port, inbox):
        context = published(tmp_path, port)
        keep_choice(context, OF_BASIC, is_admin=False)
        mail_figures(context, DAY)
    (table,) = inbox.mails[0].iter_attachments()
    assert [row["customers"] for row in csv.DictReader(io.StringIO(table.get_content()))] == ["200", "200"]


def test_one_that_fails_is_tried_again_and_stops_no_other(tmp_path: Path) -> None:
    class Picky:
        """Refuses Bob, and keeps the rest."""

        async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
            self, _server: object, _session: object, envelope: object, address: str, _o: object
        ) -> str:
            if address.startswith("bob"):
                return "550 no such person"
            envelope.rcpt_tos.append(address)  # type: ignore[attr-defined]
            return "250 ok"

    with mail_server() as (port, inbox):
        inbox.handle_RCPT = Picky().handle_RCPT  # type: ignore[attr-defined]
        context = published(tmp_path, port)
        keep_choice(context, replace(BY_PLAN, addresses=("bob@company.example",)), is_admin=False)
        keep_choice(context, BY_PLAN, is_admin=False)
        mailed = mail_figures(context, DAY)
        assert mailed.sent == 1
        (failure,) = mailed.failures
        assert isinstance(failure, Unreachable)
        del inbox.handle_RCPT  # type: ignore[attr-defined]
        assert mail_figures(context, DAY) == replace(mailed, failures=())
    assert [mail["To"] for mail in inbox.mails] == ["ann@company.example", "bob@company.example"]


@pytest.mark.parametrize(
    ("addresses", "says"),
    [
        ((), "nobody is named"),
        (("ann",), "is no mail address"),
        (("ann@elsewhere.example",), "is not at company.example"),
    ],
)
def test_addresses_that_are_none_or_not_the_companys_are_refused(
    tmp_path: Path, addresses: tuple[str, ...], says: str
) -> None:
    context = published(tmp_path)
    with pytest.raises(ConfigError, match=says):
        keep_choice(context, replace(BY_PLAN, addresses=addresses), is_admin=False)
    assert choices_of(context, "maria", is_admin=False) == []


def test_an_administrator_may_send_elsewhere_and_stop_what_others_chose(tmp_path: Path) -> None:
    context = published(tmp_path)
    keep_choice(context, replace(BY_PLAN, owner="root", addresses=("ann@elsewhere.example",)), is_admin=True)
    mine = keep_choice(context, BY_PLAN, is_admin=False)
    assert [choice.mail_id for choice in choices_of(context, "maria", is_admin=False)] == [mine]
    assert len(choices_of(context, "root", is_admin=True)) == 2
    with pytest.raises(NotFound):
        stop_choice(context, mine, "rita", is_admin=False)
    stop_choice(context, mine, "root", is_admin=True)
    assert choices_of(context, "maria", is_admin=False) == []
    with context.open_store() as store:
        noted = [(entry.who, entry.action, entry.subject) for entry in store.requests.audited(limit=9)]
    assert ("maria", "mail_figures", f"{mine}, by-segment, customers, to 1") in noted
    assert ("root", "stop_figures", str(mine)) in noted
    assert "@" not in str(noted), "no address is written into the audit log"

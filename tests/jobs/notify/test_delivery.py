from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from aiosmtpd.smtp import AuthResult

from churn.errors import Unreachable
from churn.jobs.notify.alarms import watch_freshness
from churn.jobs.notify.alert_sender import AlertSender
from churn.store import AlertDelivery
from churn.views.alerts import alert_title
from tests import ROOT
from tests.jobs.conftest import House
from tests.jobs.notify.mail import mail_server, mailing

SECRET = "a-secret-of-the-webhook"


class Box:
    """A channel that keeps what it gets, or fails as told."""

    name = "box"

    def __init__(self) -> None:
        self.got: list[tuple[int, str, str]] = []
        self.failures: list[Exception] = []

    def send(self, one: AlertDelivery) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.got.append((one.alert_id, one.severity, one.message))


def _raise(house: House, message: str = "It failed", severity: str = "critical", kind: str = "job_failed") -> None:
    with house.context.open_store() as store:
        store.alerts.raise_(kind, "nightly", severity, message, house.clock())  # type: ignore[arg-type]  # a test's word


def _sender(house: House, *boxes: Box) -> AlertSender:
    return AlertSender(house.context, channels=boxes)


def test_an_alert_is_told_once_however_often_it_is_renewed(house: House) -> None:
    box = Box()
    for message in ("first", "second"):
        _raise(house, message)
        _sender(house, box).send_due()
    assert box.got == [(1, "critical", "first")]


def test_an_alert_that_grows_more_severe_is_told_again_one_that_eases_is_not(house: House) -> None:
    box = Box()
    for severity in ("warning", "critical", "warning"):
        _raise(house, severity, severity)
        _sender(house, box).send_due()
    assert [severity for _, severity, _ in box.got] == ["warning", "critical"]


def test_what_is_not_severe_enough_is_only_shown(house: House) -> None:
    box = Box()
    _raise(house, severity="info")
    assert _sender(house, box).send_due() == 0


def test_an_alert_that_was_resolved_before_anybody_looked_is_told_all_the_same(house: House) -> None:
    box = Box()
    _raise(house)
    with house.context.open_store() as store:
        store.alerts.resolve("job_failed", "nightly", house.clock())
    assert _sender(house, box).send_due() == 1


def test_a_new_channel_is_not_flooded_with_history(house: House) -> None:
    _raise(house)
    with house.context.open_store() as store:
        store.alerts.resolve("job_failed", "nightly", house.clock())
    house.clock.forward(days=2)
    assert _sender(house, Box()).send_due() == 0


def test_what_did_not_arrive_is_tried_again_after_longer_and_longer_waits(house: House) -> None:
    box = Box()
    box.failures = [Unreachable("away")] * 3
    _raise(house)
    courier, tried = _sender(house, box), []
    began = house.clock()
    while not box.got:
        left = len(box.failures)
        if courier.send_due() or len(box.failures) < left:
            tried.append((house.clock() - began) / timedelta(minutes=1))
        house.clock.forward(seconds=30)
    assert tried == [0, 1, 3, 7]


def test_a_message_is_given_up_at_last_and_that_is_known(house: House) -> None:
    house = house.with_settings(alerts={"max_attempts": 2})
    box = Box()
    box.failures = [Unreachable("away")] * 9
    _raise(house)
    for _ in range(4):
        _sender(house, box).send_due()
        house.clock.forward(hours=9)
    with house.context.open_store() as store:
        (told,) = store.deliveries.of(1)
    assert (told["state"], told["attempts"], told["error"]) == ("given_up", 2, "away")
    assert len(box.failures) == 7


def test_a_channel_that_fails_does_not_keep_the_others_waiting(house: House) -> None:
    good, bad = Box(), Box()
    bad.name, bad.failures = "bad", [Unreachable("away")]
    _raise(house)
    assert _sender(house, bad, good).send_due() == 1
    assert len(good.got) == 1


def test_what_a_sender_died_with_is_sent_by_another_and_not_before_its_time(house: House) -> None:
    box = Box()
    _raise(house)
    with house.context.open_store() as store:
        store.deliveries.enqueue(["box"], "warning", house.clock())
        taken = store.deliveries.take(house.clock(), lease_seconds=120)  # and is killed
    assert taken is not None
    assert taken.message == "It failed"
    assert _sender(house, box).send_due() == 0
    house.clock.forward(seconds=120)
    assert _sender(house, box).send_due() == 1


def test_the_log_is_always_told(house: House) -> None:
    _raise(house)
    AlertSender(house.context).send_due()
    ((event, fields),) = house.logged
    assert (event, fields["severity"], fields["message"]) == ("alert", "critical", "It failed")


@contextmanager
def _receiver(status: int = 200) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/alerts", got
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.slow
def test_the_webhook_is_signed_over_timestamp_id_and_body(house: House) -> None:
    _raise(house, "Zahlung fehlt für Käufer")
    with _receiver() as (url, got):
        house = house.with_settings(alerts={"webhook_url": url, "link": "https://churn.example"})
        house.context = replace(house.context, secrets={"CHURN_ALERTS_WEBHOOK_SECRET": SECRET})
        assert AlertSender(house.context).send_due() == 2
    ((headers, body),) = got
    signed = f"{headers['X-Churn-Timestamp']}.{headers['X-Churn-Event-Id']}.".encode() + body
    assert headers["X-Churn-Signature"] == f"sha256={hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()}"
    document = json.loads(body)
    assert (document["type"], document["message"]) == ("alert.raised", "Zahlung fehlt für Käufer")
    assert document["id"] == headers["X-Churn-Event-Id"] == "alert-1-critical"
    assert int(headers["X-Churn-Timestamp"]) == 1782867600  # 2026-07-01 01:00 UTC


@pytest.mark.slow
@pytest.mark.parametrize(("status", "told"), [(500, "answers 500"), (302, "answers 302"), (401, "refuses what we")])
def test_a_webhook_that_refuses_is_told_and_never_the_secret(house: House, status: int, told: str) -> None:
    _raise(house)
    with _receiver(status) as (url, _):
        house = house.with_settings(alerts={"webhook_url": url})
        house.context = replace(house.context, secrets={"CHURN_ALERTS_WEBHOOK_SECRET": SECRET})
        AlertSender(house.context).send_due()
    with house.context.open_store() as store:
        kept = {str(one["channel"]): str(one["error"]) for one in store.deliveries.of(1)}
    assert told in kept["webhook"]
    assert SECRET not in repr((kept, house.logged))


@pytest.mark.slow
def test_a_webhook_without_a_secret_is_not_called_and_says_which_variable(house: House) -> None:
    _raise(house)
    with _receiver() as (url, got):
        house = house.with_settings(alerts={"webhook_url": url})
        AlertSender(house.context).send_due()
    with house.context.open_store() as store:
        assert any("CHURN_ALERTS_WEBHOOK_SECRET" in str(one["error"]) for one in store.deliveries.of(1))
    assert got == []


@pytest.mark.slow
def test_a_mail_says_what_happened_and_bears_the_same_id_at_every_attempt(house: House) -> None:
    _raise(house, "Line one\nLine two", kind="data_blocked")
    with mail_server() as (port, inbox):
        house = house.with_settings(alerts=mailing(port, link="https://churn.example"))
        AlertSender(house.context).send_due()
    (mail,) = inbox.mails
    assert mail["Subject"] == "[churn] Critical: The data are blocked (nightly)"
    assert (mail["To"], mail["From"]) == ("ann@company.example, bob@company.example", "churn@company.example")
    assert mail["Message-ID"] == "<alert-1-critical-20260701010000@company.example>"
    body = mail.get_content()
    assert "Line one" in body
    assert "https://churn.example" in body


@pytest.mark.slow
def test_a_mail_speaks_the_language_of_the_company(house: House, published: Callable[..., None]) -> None:
    published(house)
    house.clock.forward(hours=37)
    watch_freshness(house.context)
    with mail_server() as (port, inbox):
        house = house.with_settings(alerts=mailing(port), reporting={"language": "de"})
        AlertSender(house.context).send_due()
    (mail,) = inbox.mails
    assert mail["Subject"] == "[churn] Warnung: Die Liste ist alt (risk list)"
    body = mail.get_content()
    assert "Die benutzte Liste wurde am 2026-07-01 01:00 UTC bewertet, vor 37 Stunden" in body
    assert "Gemeldet am 2. Juli 2026, 14:00 UTC, Warnung 1." in body


def test_every_kind_of_alert_that_is_documented_has_a_title() -> None:
    told = (ROOT / "docs" / "jobs.md").read_text(encoding="utf-8").partition("| kind | severity |")[2]
    kinds = {kind for cell in re.findall(r"^\| (`.*?) \|", told, re.MULTILINE) for kind in re.findall(r"`(\w+)`", cell)}
    assert {"job_failed", "mlflow_behind", "campaign_harms"} <= kinds
    assert [kind for kind in kinds if alert_title(kind) == kind.replace("_", " ").capitalize()] == []


@pytest.mark.slow
def test_a_subject_cannot_add_headers_of_its_own(house: House) -> None:
    with house.context.open_store() as store:
        store.alerts.raise_("job_failed", "x\r\nBcc: eve@evil.example", "critical", "m", house.clock())
    with mail_server() as (port, inbox):
        AlertSender(house.with_settings(alerts=mailing(port)).context).send_due()
    assert inbox.mails[0]["Bcc"] is None


@pytest.mark.slow
def test_a_wrong_password_is_told_without_it(house: House) -> None:
    def deny(*_: object) -> AuthResult:
        return AuthResult(success=False, handled=False)

    _raise(house)
    with mail_server(authenticator=deny, auth_require_tls=False) as (port, inbox):
        house = house.with_settings(alerts=mailing(port, smtp_user="churn"))
        house.context = replace(house.context, secrets={"CHURN_ALERTS_SMTP_PASSWORD": SECRET})
        AlertSender(house.context).send_due()
    with house.context.open_store() as store:
        kept = [str(one["error"]) for one in store.deliveries.of(1) if one["channel"] == "email"]
    assert "CHURN_ALERTS_SMTP_PASSWORD" in kept[0]
    assert SECRET not in repr((kept, house.logged))
    assert inbox.mails == []


@pytest.mark.slow
def test_a_server_that_cannot_encrypt_is_not_trusted(house: House) -> None:
    _raise(house)
    with mail_server() as (port, inbox):
        AlertSender(house.with_settings(alerts=mailing(port, smtp_security="starttls")).context).send_due()
    assert inbox.mails == []


@pytest.mark.slow
def test_a_mail_server_that_is_away_loses_nothing(house: House) -> None:
    _raise(house)
    with mail_server() as (port, inbox):
        pass
    house = house.with_settings(alerts=mailing(port))
    AlertSender(house.context).send_due()
    house.clock.forward(hours=1)
    with mail_server() as (port, inbox):
        AlertSender(house.with_settings(alerts={"smtp_port": port}).context).send_due()
    assert len(inbox.mails) == 1


def test_a_list_that_grows_old_is_told_and_a_new_one_ends_it(house: House, published: Callable[..., None]) -> None:
    published(house)
    house.clock.forward(hours=35)
    watch_freshness(house.context)
    assert house.alerts() == []
    house.clock.forward(hours=2)
    watch_freshness(house.context)
    assert house.alerts() == [("scores_stale", "warning")]
    published(house)
    watch_freshness(house.context)
    assert house.alerts() == []


def test_a_list_that_is_marked_stale_is_told_with_the_reason(house: House, published: Callable[..., None]) -> None:
    published(house)
    with house.context.open_store() as store:
        store.scores.mark_stale("some_rule: 3 found", house.clock())
    watch_freshness(house.context)
    with house.context.open_store() as store:
        assert "some_rule: 3 found" in store.alerts.open()[0].message


def test_a_list_scored_anew_from_old_data_is_told(house: House, published: Callable[..., None]) -> None:
    published(house)
    with house.context.open_store() as store, store.database.write() as connection:
        connection.exec_driver_sql("update score_runs set data_cutoff = '2026-06-27 00:00:00.000000'")
    watch_freshness(house.context)
    with house.context.open_store() as store:
        assert "knows nothing after 2026-06-27" in store.alerts.open()[0].message

"""Subscribers are told what happened, signed, at least once, and not of what is old."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from churn.bootstrap import build_context
from churn.config import Settings, WebhookSettings, load_settings
from churn.context import Context
from churn.errors import ConfigError
from churn.jobs.notify.event_sender import EventSender
from churn.signing import EVENT_ID, SIGNATURE, TIMESTAMP, sign
from churn.store import ScoreRun
from tests.store.builders import score_list

pytestmark = pytest.mark.slow

NOW = datetime(2026, 7, 1, 3, 0)


class Receiver(HTTPServer):
    """Keeps what it is sent, and answers as told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((dict(self.headers), body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def context(tmp_path: Path, receiver: Receiver) -> Context:
    hook = WebhookSettings(url=f"http://127.0.0.1:{receiver.server_port}/hook", max_attempts=3)
    settings = Settings(home=tmp_path, webhooks={"crm": hook})
    made = build_context(settings=settings)
    return replace(made, clock=lambda: NOW, secrets={"CHURN_WEBHOOK_CRM_SECRET": "s3cret"})


def later(context: Context, **span: float) -> Context:
    return replace(context, clock=lambda: NOW + timedelta(**span))


def publish(context: Context, run_id: str, at: datetime = NOW) -> None:
    with context.open_store() as store:
        run = ScoreRun(run_id, date(2026, 7, 1), "m1", at, at, 3, "f")
        store.scores.publish(run, score_list(3))


def events(receiver: Receiver) -> list[Any]:
    return [json.loads(body) for _, body in receiver.got]


def test_a_finished_run_and_an_alert_are_told_once_and_signed(context: Context, receiver: Receiver) -> None:
    publish(context, "r1")
    with context.open_store() as store:
        store.alerts.raise_("job_failed", "nightly", "critical", "The night failed.", NOW)
    assert (EventSender(context).send_due(), EventSender(context).send_due()) == (2, 0)
    assert sorted(event["event"] for event in events(receiver)) == ["alert.raised", "score_run.finished"]
    for headers, body in receiver.got:
        expected = sign(b"s3cret", headers[TIMESTAMP], headers[EVENT_ID], body)
        assert headers[SIGNATURE] == f"sha256={expected}"


def test_what_did_not_arrive_is_tried_again_with_the_same_id_and_then_given_up(
    context: Context, receiver: Receiver
) -> None:
    publish(context, "r1")
    receiver.answers = [500, 503, 500]
    delivered = [EventSender(later(context, minutes=minutes)).send_due() for minutes in (0, 0.5, 1.5, 5, 50)]
    assert (sum(delivered), len(receiver.got)) == (0, 3)
    assert len({headers[EVENT_ID] for headers, _ in receiver.got}) == 1
    with context.open_store() as store:
        (one,) = store.webhooks.list()
    assert (one.state, one.attempts) == ("given_up", 3)
    assert "500" in (one.error or "")


def test_only_the_events_asked_for_and_nothing_older_than_a_day_are_told(context: Context, receiver: Receiver) -> None:
    only = context.settings.webhooks["crm"].model_copy(update={"events": ["alert.raised"]})
    settings = context.settings.model_copy(update={"webhooks": {"crm": only}})
    publish(context, "r1")
    with context.open_store() as store:
        store.alerts.raise_("old", "x", "warning", "Long ago.", NOW - timedelta(days=2))
    assert EventSender(replace(context, settings=settings)).send_due() == 0
    assert receiver.got == []


def test_without_a_secret_nothing_leaves_and_the_reason_is_kept(context: Context, receiver: Receiver) -> None:
    publish(context, "r1")
    assert EventSender(replace(context, secrets={})).send_due() == 0
    with context.open_store() as store:
        (one,) = store.webhooks.list()
    assert "CHURN_WEBHOOK_CRM_SECRET" in (one.error or "")
    assert receiver.got == []


@pytest.mark.parametrize("url", ["ftp://x", "http://example.com/hook", "https://user:pass@example.com"])
def test_an_address_that_is_not_safe_is_refused(tmp_path: Path, url: str) -> None:
    file = tmp_path / "churn.toml"
    file.write_text(f'[webhooks.crm]\nurl = "{url}"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"webhooks\.crm\.url"):
        load_settings(config=file, home=tmp_path, environ={})


def test_a_misspelt_key_is_told_with_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "churn.toml"
    file.write_text('[webhooks.crm]\nurll = "https://x.example"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="`url`"):
        load_settings(config=file, home=tmp_path, environ={})

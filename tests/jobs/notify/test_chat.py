"""Alerts and headlines arrive in rooms of Slack and Teams as their documentation has them: grouped, throttled, recovered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jsonschema
import pytest

from churn.jobs.notify.alert_sender import AlertSender
from churn.jobs.notify.chat import ChatMessage, slack_document, teams_document
from churn.jobs.notify.event_sender import EventSender
from churn.jobs.notify.headline import announce_report, headline_figures
from churn.wording import month
from churn.workflows.reach import reach_places
from churn.workflows.report import ReportResult
from tests.jobs.conftest import House
from tests.reports.test_monthly import full

# As docs.slack.dev has blocks of messages, and adaptivecards.io and Teams' webhooks have cards: what we use of them, closed.
PLAIN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "type": {"const": "plain_text"},
        "text": {"type": "string", "minLength": 1},
        "emoji": {"type": "boolean"},
    },
    "required": ["type", "text"],
    "additionalProperties": False,
}
MRKDWN = PLAIN | {
    "properties": {"type": {"const": "mrkdwn"}, "text": {"type": "string", "minLength": 1, "maxLength": 3000}}
}


def block(kind: str, required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"type": {"const": kind}, **properties},
        "required": ["type", *required],
        "additionalProperties": False,
    }


SHORT = {"allOf": [PLAIN, {"properties": {"text": {"maxLength": 150}}}]}
LABEL = {"allOf": [PLAIN, {"properties": {"text": {"maxLength": 75}}}]}
FIELDS = {
    "type": "array",
    "minItems": 1,
    "maxItems": 10,
    "items": {"allOf": [MRKDWN, {"properties": {"text": {"maxLength": 2000}}}]},
}
BUTTON = block("button", ["text"], text=LABEL, url={"type": "string", "pattern": "^https://", "maxLength": 3000})
SLACK = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "minLength": 1},
        "blocks": {
            "type": "array",
            "minItems": 1,
            "maxItems": 50,
            "items": {
                "oneOf": [
                    block("header", ["text"], text=SHORT),
                    block("section", ["text"], text=MRKDWN),
                    block("section", ["fields"], fields=FIELDS),
                    block("actions", ["elements"], elements={"type": "array", "maxItems": 25, "items": BUTTON}),
                ]
            },
        },
    },
    "required": ["text", "blocks"],
    "additionalProperties": False,
}
WORDS = {"type": "string", "minLength": 1}
CARD = block(
    "AdaptiveCard",
    ["version", "body"],
    **{
        "$schema": {"const": "http://adaptivecards.io/schemas/adaptive-card.json"},
        "version": {"const": "1.4"},
        "body": {
            "type": "array",
            "minItems": 1,
            "items": {
                "oneOf": [
                    block(
                        "TextBlock",
                        ["text"],
                        text=WORDS,
                        size={"enum": ["Small", "Default", "Medium", "Large", "ExtraLarge"]},
                        weight={"enum": ["Lighter", "Default", "Bolder"]},
                        wrap={"type": "boolean"},
                    ),
                    block(
                        "FactSet",
                        ["facts"],
                        facts={
                            "type": "array",
                            "items": {
                                "type": "object",
                                "properties": {"title": WORDS, "value": WORDS},
                                "required": ["title", "value"],
                                "additionalProperties": False,
                            },
                        },
                    ),
                ]
            },
        },
        "actions": {"type": "array", "items": block("Action.OpenUrl", ["url"], title=WORDS, url=WORDS)},
    },
)
ATTACHMENT = {
    "type": "object",
    "properties": {
        "contentType": {"const": "application/vnd.microsoft.card.adaptive"},
        "contentUrl": {"type": "null"},
        "content": CARD,
    },
    "required": ["contentType", "content"],
    "additionalProperties": False,
}
TEAMS = block(
    "message", ["attachments"], attachments={"type": "array", "minItems": 1, "maxItems": 1, "items": ATTACHMENT}
)
SCHEMAS = {"slack": SLACK, "teams": TEAMS}
TEAMS_BYTES = 28 * 1024


class Room:
    """What came to a room, and what it answers next: a status and, with 429, after how many seconds to come again."""

    def __init__(self, kind: str) -> None:
        self.kind, self.got, self.answers, self.url = kind, [], [], ""

    got: list[Any]
    answers: list[tuple[int, str]]

    def texts(self) -> list[str]:
        return [json.dumps(document, ensure_ascii=False) for document in self.got]


@contextmanager
def opened(kind: str) -> Iterator[Room]:
    room = Room(kind)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            document = json.loads(body)
            try:
                jsonschema.validate(document, SCHEMAS[kind])
                status, wait = room.answers.pop(0) if room.answers else (200, "")
                if len(body) > TEAMS_BYTES or self.headers["Content-Type"] != "application/json":
                    status = 400
            except jsonschema.ValidationError:
                status, wait = 400, ""
            if status == 200:
                room.got.append(document)
            self.send_response(status)
            if wait:
                self.send_header("Retry-After", wait)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        room.url = f"http://127.0.0.1:{server.server_port}/services/T0/B0/s3cret"
        try:
            yield room
        finally:
            server.shutdown()
            thread.join()


def at_house(house: House, room: Room, **alerts: Any) -> House:
    house = house.with_settings(alerts={"chat": [room.kind], "link": "https://churn.example", **alerts})
    house.context = replace(house.context, secrets={f"CHURN_ALERTS_{room.kind.upper()}_URL": room.url})
    return house


def alarm(
    house: House, subject: str = "nightly", severity: str = "warning", message: str = "It <failed> & stopped"
) -> None:
    with house.context.open_store() as store:
        store.alerts.raise_("job_failed", subject, severity, message, house.clock())  # type: ignore[arg-type]  # a test's word


def states(house: House, alert_id: int, channel: str) -> dict[str, tuple[str, int]]:
    with house.context.open_store() as store:
        rows = store.deliveries.of(alert_id)
    return {str(r["severity"]): (str(r["state"]), int(str(r["attempts"]))) for r in rows if r["channel"] == channel}


@pytest.fixture(params=["slack", "teams"])
def room(request: pytest.FixtureRequest) -> Iterator[Room]:
    with opened(request.param) as made:
        yield made


pytestmark = pytest.mark.slow


def test_an_alert_is_a_sentence_its_figures_and_a_link(house: House, room: Room) -> None:
    house = at_house(house, room)
    alarm(house)
    AlertSender(house.context).send_due()
    (text,) = room.texts()
    escaped = "It &lt;failed&gt; &amp; stopped" if room.kind == "slack" else "It <failed> & stopped"
    for part in ("1 alert", escaped, "A job failed", "nightly", "1 July 2026, 01:00 UTC", "https://churn.example"):
        assert part in text
    assert "s3cret" not in repr(house.logged)


def test_what_comes_together_is_one_message_the_gravest_first(house: House, room: Room) -> None:
    house = at_house(house, room)
    for n in range(14):
        alarm(house, f"job {n}", message=f"Job {n} failed")
    alarm(house, "worst", "critical", "The night failed")
    AlertSender(house.context).send_due()
    (text,) = room.texts()
    assert "15 alerts" in text
    assert text.index("The night failed") < text.index("Job 0 failed")
    assert "And 5 more" in text
    assert states(house, 14, room.kind) == {"warning": ("delivered", 1)}


def test_a_room_hears_once_in_five_minutes_but_of_critical_alerts_at_once(house: House, room: Room) -> None:
    house = at_house(house, room)
    for minute, severity in enumerate(["warning", "warning", "critical", "warning", "warning"]):
        alarm(house, f"job {minute}", severity, f"Job {minute} failed")
        AlertSender(house.context).send_due()
        house.clock.forward(minutes=1)
    assert ["Job 0" in room.texts()[0], "Job 2" in room.texts()[1], len(room.got)] == [True, True, 2]
    house.clock.forward(minutes=5)
    AlertSender(house.context).send_due()
    assert len(room.got) == 3
    assert all(f"Job {n} failed" in room.texts()[2] for n in (1, 3, 4))


def test_a_room_is_told_once_that_an_alert_is_over(house: House, room: Room) -> None:
    house = at_house(house, room, chat_minutes=0)
    alarm(house, message="The night failed")
    AlertSender(house.context).send_due()
    with house.context.open_store() as store:
        store.alerts.resolve("job_failed", "nightly", house.clock())
    for _ in range(3):
        AlertSender(house.context).send_due()
        house.clock.forward(minutes=10)
    assert len(room.got) == 2
    assert "1 recovered" in room.texts()[1]
    assert "Recovered: The night failed" in room.texts()[1]


def test_a_room_speaks_the_language_of_the_company(house: House, room: Room) -> None:
    house = at_house(house, room, chat_minutes=0).with_settings(reporting={"language": "de"})
    message = "The list of 2026-07-01 is stale: it is old"
    with house.context.open_store() as store:
        store.alerts.raise_("scores_stale", "risk list", "warning", message, house.clock())
    AlertSender(house.context).send_due()
    with house.context.open_store() as store:
        store.alerts.resolve("scores_stale", "risk list", house.clock())
    AlertSender(house.context).send_due()
    raised, over = room.texts()
    for part in ("1 Warnung", "Die Liste ist alt", "Thema", "Seit", "1. Juli 2026", "churn öffnen"):
        assert part in raised
    assert "1 behoben" in over
    assert "Behoben: Die Liste vom 2026-07-01 ist veraltet" in over


def test_a_room_that_asks_to_slow_down_is_asked_again_when_it_said_and_nothing_is_lost(
    house: House, room: Room
) -> None:
    house = at_house(house, room)
    room.answers = [(429, "300"), (500, "")]
    for n in range(3):
        alarm(house, f"job {n}", message=f"Job {n} failed")
    came = []
    for minute in range(12):
        AlertSender(house.context).send_due()
        if room.got:
            came.append(minute)
            break
        house.clock.forward(minutes=1)
    assert came == [7]  # five minutes as it asked, then two after the next failure
    assert "3 alerts" in room.texts()[0]
    assert [states(house, n, room.kind)["warning"] for n in (1, 2, 3)] == [("delivered", 3)] * 3


def test_without_an_address_the_reason_is_kept_and_check_says_it_too(house: House, room: Room) -> None:
    house = at_house(house, room)
    house.context = replace(house.context, secrets={})
    alarm(house)
    AlertSender(house.context).send_due()
    with house.context.open_store() as store:
        errors = [str(row["error"]) for row in store.deliveries.of(1) if row["channel"] == room.kind]
    assert f"CHURN_ALERTS_{room.kind.upper()}_URL" in errors[0]
    (place,) = reach_places(house.context)
    assert "is not set" in str(place.error)
    (place,) = reach_places(at_house(house, room).context)
    assert place.error is None


def test_the_months_headline_arrives_with_its_figures_once_and_waits_while_the_room_is_away(
    house: House, room: Room, tmp_path: Path
) -> None:
    house = at_house(house, room)
    facts = full()
    page = tmp_path / f"monthly-{facts.month}.html"
    page.write_text("<h1>7.8&nbsp;% of customers left.</h1>", encoding="utf-8")
    report = ReportResult(facts.month, "en", {"report": page}, facts, 1.0)
    assert (announce_report(house.context, report), announce_report(house.context, report)) == (1, 0)
    room.answers = [(503, "")]
    assert EventSender(house.context).send_due() == 0
    house.clock.forward(minutes=2)
    assert (EventSender(house.context).send_due(), EventSender(house.context).send_due()) == (1, 0)
    (text,) = room.texts()
    for part in ("7.8 % of customers left.", "Monthly revenue lost", "target", "https://churn.example/reports"):
        assert part in text


def test_a_range_of_money_has_the_same_digits_at_both_ends() -> None:
    facts = full()
    assert facts.saved is not None
    saved = facts.saved.model_copy(update={"value": 2_097.4, "low": -89.81, "high": 4_375.2})
    figures = {figure.name: figure.value for figure in headline_figures(facts.model_copy(update={"saved": saved}))}
    assert figures["Campaigns brought"] == "$2,097 (-$90 to $4,375)"


def test_the_months_figures_are_in_the_language_of_the_report(house: House, room: Room, tmp_path: Path) -> None:
    house = at_house(house, room).with_settings(reporting={"language": "de"})
    facts = full()
    page = tmp_path / f"monthly-{facts.month}-de.html"
    page.write_text("<h1>7,8&nbsp;% der Kunden gingen.</h1>", encoding="utf-8")
    announce_report(house.context, ReportResult(facts.month, "de", {"report": page}, facts, 1.0))
    EventSender(house.context).send_due()
    (text,) = room.texts()
    for part in ("Verlorener Monatsumsatz", "Ziel", "churn öffnen", month(f"{facts.month}-01", language="de")):
        assert part in text
    assert "revenue" not in text


def test_the_longest_message_is_within_what_rooms_take() -> None:
    message = ChatMessage(
        "t" * 400, tuple("s" * 9_000 for _ in range(11)), (("n" * 500, "v" * 9_000),), "https://churn.example"
    )
    jsonschema.validate(slack_document(message), SLACK)
    card = teams_document(message)
    jsonschema.validate(card, TEAMS)
    assert len(json.dumps(card).encode()) < TEAMS_BYTES

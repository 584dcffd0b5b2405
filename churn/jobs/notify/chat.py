"""Alerts and the monthly headline as messages for Slack (Block Kit) and Teams (Adaptive Card), and the posting of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from churn.config.schedule import ChatKind, chat_url
from churn.context import Context
from churn.errors import ConfigError
from churn.jobs.notify.posting import post
from churn.languages.recorded import recorded
from churn.languages.words import tr, trn
from churn.store.service_records import RESOLVED, AlertDelivery
from churn.views.alerts import alert_title
from churn.wording import instant

if TYPE_CHECKING:
    import httpx
    from pydantic import JsonValue

SHOWN: Final = 10  # alerts of one message; how many more there are is said
_HEADER, _TEXT, _FIELD = 150, 2_900, 1_900  # what Slack takes of each, with room
_SIGNS: Final = {"critical": "🔴", "warning": "🟠", "info": "🔵", RESOLVED: "✅"}


@dataclass(frozen=True)
class ChatMessage:
    """What is said: a title, sentences, figures with their names, and where to look."""

    title: str
    sentences: tuple[str, ...]
    figures: tuple[tuple[str, str], ...]
    link: str | None


def alert_message(deliveries: Sequence[AlertDelivery], link: str | None) -> ChatMessage:
    """Return one message of alerts that came together, the gravest first, and of those that are over."""
    order = list(_SIGNS)
    ranked = sorted(deliveries, key=lambda delivery: (order.index(delivery.severity), delivery.alert_id))
    over = sum(delivery.severity == RESOLVED for delivery in ranked)
    open_ = len(ranked) - over
    counts = [
        *([trn("{number} alert", "{number} alerts", open_, number=open_)] if open_ else []),
        *([trn("{number} recovered", "{number} recovered", over, number=over)] if over else []),
    ]
    sentences = [_sentence(delivery) for delivery in ranked[:SHOWN]]
    if len(ranked) > SHOWN:
        sentences.append(tr("And {number} more.", number=len(ranked) - SHOWN))
    first = ranked[0]
    figures = (
        (tr("What"), alert_title(first.kind)),
        (tr("About"), first.subject),
        (tr("Since"), instant(first.raised_at)),
    )
    return ChatMessage(f"churn: {', '.join(counts)}", tuple(sentences), figures if len(ranked) == 1 else (), link)


def _sentence(delivery: AlertDelivery) -> str:
    sentence = recorded(delivery.message)
    if delivery.severity == RESOLVED:
        sentence = tr("Recovered: {what}", what=sentence)
    return f"{_SIGNS[delivery.severity]} {' '.join(sentence.split())}"


def slack_document(message: ChatMessage) -> dict[str, JsonValue]:
    """Return a message as Slack's incoming webhooks take it: blocks, and the text of notifications."""
    blocks: list[JsonValue] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(message.title, _HEADER), "emoji": True}}
    ]
    blocks += [
        {"type": "section", "text": {"type": "mrkdwn", "text": _cut(_escaped(sentence), _TEXT)}}
        for sentence in message.sentences
    ]
    if message.figures:
        fields: list[JsonValue] = [
            {"type": "mrkdwn", "text": _cut(f"*{_escaped(name)}*\n{_escaped(value)}", _FIELD)}
            for name, value in message.figures[:10]
        ]
        blocks.append({"type": "section", "fields": fields})
    if message.link:
        button: JsonValue = {
            "type": "button",
            "text": {"type": "plain_text", "text": tr("Open churn")},
            "url": message.link,
        }
        blocks.append({"type": "actions", "elements": [button]})
    return {"text": _cut(" ".join((message.title, *message.sentences)), _TEXT), "blocks": blocks}


def teams_document(message: ChatMessage) -> dict[str, JsonValue]:
    """Return a message as the workflow webhooks of Teams take it: an Adaptive Card."""
    body: list[JsonValue] = [
        {"type": "TextBlock", "text": message.title, "size": "Medium", "weight": "Bolder", "wrap": True}
    ]
    body += [{"type": "TextBlock", "text": _cut(sentence, _TEXT // 2), "wrap": True} for sentence in message.sentences]
    if message.figures:
        facts: list[JsonValue] = [{"title": name, "value": value} for name, value in message.figures]
        body.append({"type": "FactSet", "facts": facts})
    card: dict[str, JsonValue] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    if message.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": tr("Open churn"), "url": message.link}]
    attachment: JsonValue = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


_DOCUMENTS: Final[Mapping[ChatKind, Callable[[ChatMessage], dict[str, JsonValue]]]] = {
    "slack": slack_document,
    "teams": teams_document,
}


@runtime_checkable
class GroupChannel(Protocol):
    """A channel that takes several alerts as one message, and is told when they are over."""

    name: str

    def send_all(self, deliveries: Sequence[AlertDelivery]) -> None:
        """Send alerts that came together. Raises ConnectorError when they did not arrive, ConfigError when they cannot."""


class ChatChannel:
    """A room of Slack or Teams."""

    def __init__(self, kind: ChatKind, context: Context, *, client: httpx.Client | None = None) -> None:
        self.name: str = kind
        self._kind, self._context, self._client = kind, context, client

    def send(self, delivery: AlertDelivery) -> None:
        """Post one alert."""
        self.send_all([delivery])

    def send_all(self, deliveries: Sequence[AlertDelivery]) -> None:
        """Post alerts that came together as one message."""
        with self._context.speaking():
            message = alert_message(deliveries, self._context.settings.alerts.link)
        self.say(message)

    def say(self, message: ChatMessage) -> None:
        """Post a message. Raises as `post`, ConfigError where no address is set."""
        url = address_of(self._kind, self._context)
        with self._context.speaking():
            document = _DOCUMENTS[self._kind](message)
        body = json.dumps(document, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json"}
        post(
            url, body, headers, where=f"[alerts] chat {self._kind}", remedy="Look at its webhook.", client=self._client
        )


def address_of(kind: ChatKind, context: Context) -> str:
    """Return where messages for a room go; it is a secret, for whoever knows it may write there. Raises ConfigError."""
    variable = chat_url(kind)
    url = context.secrets.get(variable, "").strip()
    if not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise ConfigError(
            "has no address to post to" if not url else "has an address that is not https",
            where=f"[alerts] chat {kind}",
            remedy=f"Set {variable} to the address of its incoming webhook.",
        )
    return url


def _escaped(text: str) -> str:
    """Return a text in which Slack finds no markup of ours."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"

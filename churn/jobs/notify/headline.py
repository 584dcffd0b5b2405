"""The month in a room of Slack or Teams: the report's headline, its figures and a link; kept until it has arrived."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from churn import wording
from churn.config.schedule import ChatKind
from churn.context import Context
from churn.documents.document import Document
from churn.documents.month_facts import MonthFacts
from churn.jobs.notify.chat import ChatMessage
from churn.languages.catalogue import languages, nearest_language
from churn.languages.words import speaking, tr, trn
from churn.views.reports import headline_of
from churn.workflows.report import ReportResult

if TYPE_CHECKING:
    from pydantic import JsonValue

_ROOM: Final = "chat:"  # before the kind of a room, among the subscriptions; no section can be named so


class HeadlineFigure(Document):
    """A figure of the month, as people read it."""

    name: str
    value: str


class Headline(Document):
    """What is kept of a month until every room has it."""

    title: str
    sentence: str
    figures: tuple[HeadlineFigure, ...]
    link: str | None


def announce_report(context: Context, report: ReportResult) -> int:
    """Keep the headline of `report` for every room of [alerts] chat; return how many rooms have not had it.

    A report that is written again says nothing new, unless its headline has changed.
    """
    alerts = context.settings.alerts
    if not alerts.chat or "report" not in report.files:
        return 0
    sentence = headline_of(report.files["report"])
    with speaking(nearest_language(report.language)):
        figures = tuple(headline_figures(report.document))
    headline = Headline(
        title=f"churn: {wording.month(f'{report.month}-01', language=report.language)}",
        sentence=sentence,
        figures=figures if report.language in languages() else (),
        link=f"{alerts.link.rstrip('/')}/reports" if alerts.link else None,
    )
    event_id = f"report-{report.month}-{report.language}-{hashlib.sha256(sentence.encode()).hexdigest()[:8]}"
    with context.open_store() as store:
        return sum(
            store.webhooks.add(f"{_ROOM}{room}", {event_id: headline.as_json()}, context.clock())
            for room in alerts.chat
        )


def headline_message(document: Mapping[str, JsonValue]) -> ChatMessage:
    """Return the message of a headline as it was kept."""
    headline = Headline.read(document, where="headline of a month")
    figures = tuple((figure.name, figure.value) for figure in headline.figures)
    return ChatMessage(headline.title, (headline.sentence,), figures, headline.link)


def room_of(subscription: str, context: Context) -> ChatKind | None:
    """Return the room that a subscription stands for; None for a webhook, and for a room that is not named any more."""
    return next((room for room in context.settings.alerts.chat if subscription == f"{_ROOM}{room}"), None)


def headline_figures(facts: MonthFacts) -> Iterator[HeadlineFigure]:
    """Yield the figures of a month that its headline stands on, as people read them."""

    def amount(value: float) -> str:
        return wording.money(value, facts.currency, cents=False)

    if facts.churn is not None:
        now = facts.churn.now
        yield HeadlineFigure(
            name=tr("Churn"),
            value=tr(
                "{rate} (target {target})",
                rate=wording.percent(now.churn_rate),
                target=wording.percent(facts.target),
            ),
        )
        lost = now.voluntary_churners + now.involuntary_churners
        yield HeadlineFigure(
            name=tr("Customers lost"),
            value=tr("{part} of {whole}", part=wording.count(lost), whole=wording.count(now.customers)),
        )
        yield HeadlineFigure(name=tr("Monthly revenue lost"), value=amount(now.monthly_revenue_lost))
    if facts.saved is not None:
        interval = tr("{low} to {high}", low=amount(facts.saved.low), high=amount(facts.saved.high))
        yield HeadlineFigure(name=tr("Campaigns brought"), value=f"{amount(facts.saved.value)} ({interval})")
    if facts.risk is not None:
        yield HeadlineFigure(
            name=tr("At risk now"),
            value=trn(
                "{number} customer", "{number} customers", facts.risk.listed, number=wording.count(facts.risk.listed)
            ),
        )

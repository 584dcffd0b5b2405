"""The page of one measured campaign: what it caused, in words and money, as something to read, print and hand on."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from churn.documents.measurement import EffectInterval, MeasurementDocument
from churn.languages.recorded import recorded
from churn.languages.words import N_, tr
from churn.reports.charts.effect import churn_by_risk, interval_chart
from churn.reports.charts.svg import Figure, token_css
from churn.reports.render import render
from churn.wording import count, decimal, money, percent

_TAGS = {  # each with what its sentence begins with, which the tag says already
    "effect": (N_("Effect"), "Effect: "),
    "costs": (N_("Costs"), "Costs: "),
    "cuped": (N_("Adjusted"), "Adjusted: "),
    "delivered": (N_("Reached"), "Reached: "),
    "ledger": (N_("Ledger"), "Save ledger: "),
    "model": (N_("Model"), "Model: "),
}
_TITLE = N_("Churn avoided, in percentage points")


def render_campaign(document: MeasurementDocument, *, home: Path) -> str:
    """Return the self-contained HTML page of a measurement's document; the same document gives the same bytes."""
    return render(
        "campaign/campaign.html",
        home=home,
        d=document,
        tokens=token_css(),
        effects=effects_chart(document),
        segments=_segments(document),
        quadrants=_quadrants(document),
        ledger=ledger_rows(document),
        sentences=_sentences(document),
    )


def _sentences(document: MeasurementDocument) -> list[tuple[str, str]]:
    """The story's parts that have no section of their own: a tag, and the sentence without the words of the tag."""
    tagged = []
    for part in document.words.story:
        if part.code in _TAGS:
            tag, begin = _TAGS[part.code]
            text = _without(part.sentence, begin)
            tagged.append((tr(tag), text[:1].upper() + text[1:]))
    return tagged


def _without(sentence: str, begin: str) -> str:
    """Return a sentence in the language spoken without the words that it begins with, where it begins with them."""
    text = recorded(sentence)
    return text.partition(": ")[2] if sentence.startswith(begin) and ": " in text else text


def effects_chart(document: MeasurementDocument) -> Figure | None:
    """Return the effects that a measurement found, as assigned and otherwise; None where there is no effect to speak of."""
    if document.effect is None:
        return None
    effects: list[tuple[str, EffectInterval | None, str]] = [
        (tr("As assigned"), document.effect, "curve"),
        (tr("Allowing for risk (CUPED)"), document.cuped, "better"),
        (tr("On those reached"), document.delivered.effect if document.delivered is not None else None, "better"),
    ]
    rows = [_row(label, effect, kind) for label, effect, kind in effects if effect is not None]
    return interval_chart(rows, title=tr(_TITLE), describe=_described(rows))


def _segments(document: MeasurementDocument) -> Figure | None:
    rows = [
        _row(
            f"{recorded(segment.dimension.replace('_', ' '))}: {recorded(segment.segment)}",
            segment,
            "chosen" if segment.is_notable else "better",
        )
        for segment in document.segments[:24]
    ]
    return interval_chart(rows, title=tr(_TITLE), describe=_described(rows)) if rows else None


def _quadrants(document: MeasurementDocument) -> Figure | None:
    if document.two_by_two is None:
        return None
    cells = [{**cell.as_json(), "text": percent(cell.churn_rate, 1)} for cell in document.two_by_two.cells]
    halves = {"high": tr("Riskier half"), "low": tr("Safer half")}
    arms = {"treatment": tr("contacted"), "holdout": tr("left alone")}
    described = "; ".join(
        f"{halves[cell.risk]}, {arms[cell.arm]}: "
        + tr("{part} of {whole}", part=percent(cell.churn_rate, 1), whole=count(cell.customers))
        for cell in document.two_by_two.cells
    )
    return churn_by_risk(cells, describe=tr("Share who left: {described}.", described=described))


def ledger_rows(document: MeasurementDocument) -> list[tuple[str, str, str, str]]:
    """Return the save ledger's rows: what, planned, measured, its interval; none where nothing could be measured."""
    ledger, currency = document.ledger, document.currency
    if ledger is None or ledger.saves is None or ledger.net_profit is None:
        return []

    def whole(amount: float) -> str:
        return money(amount, currency, cents=False)

    saves, net = ledger.saves, ledger.net_profit
    planned = "-" if ledger.expected_saves is None else count(ledger.expected_saves)
    held = (count(ledger.holdout_expected_churned), count(ledger.holdout_churned))
    return [
        (tr("Customers kept"), planned, count(saves.value), _between(count(saves.low), count(saves.high))),
        (tr("Net profit"), whole(ledger.expected_profit), whole(net.value), _between(whole(net.low), whole(net.high))),
        (tr("Left of those left alone"), *held, ""),
    ]


def _between(low: str, high: str) -> str:
    return tr("{low} to {high}", low=low, high=high)


class _IntervalRow(TypedDict):
    """An effect as the chart draws it, in percentage points; `kind` is a colour token."""

    label: str
    kind: str
    delta: float
    low: float
    high: float


def _row(label: str, effect: EffectInterval, kind: str) -> _IntervalRow:
    return {
        "label": label,
        "kind": kind,
        "delta": round(100.0 * effect.delta, 2),
        "low": round(100.0 * effect.low, 2),
        "high": round(100.0 * effect.high, 2),
    }


def _described(rows: list[_IntervalRow]) -> str:
    described = "; ".join(
        f"{row['label']} {decimal(row['delta'], 1)} ({_between(decimal(row['low'], 1), decimal(row['high'], 1))})"
        for row in rows
    )
    return tr("Churn avoided in percentage points: {described}.", described=described)

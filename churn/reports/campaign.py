"""The page of one measured campaign: what it caused, in words and money, as something to read, print and hand on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from churn.reports.charts.effect import churn_by_risk, interval_chart
from churn.reports.charts.svg import Figure, token_css
from churn.reports.render import render
from churn.wording import count, money, percent

_TAGS = {
    "effect": "Effect",
    "costs": "Costs",
    "cuped": "Adjusted",
    "delivered": "Reached",
    "ledger": "Ledger",
    "model": "Model",
}
_TITLE = "Churn avoided, in percentage points"


def render_campaign(document: Mapping[str, Any], *, home: Path) -> str:
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


def _sentences(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The story's parts that have no section of their own: a tag, and the sentence without the words of the tag."""
    found = []
    for each in document["words"]["story"]:
        if each["code"] in _TAGS:
            tag, text = _TAGS[each["code"]], each["sentence"]
            text = text.removeprefix(f"{tag}: ").removeprefix("Save ledger: ")
            found.append((tag, text[:1].upper() + text[1:]))
    return found


def effects_chart(document: Mapping[str, Any]) -> Figure | None:
    """Return the effects that a measurement found, as assigned and otherwise; None where there is no effect to speak of."""
    if document["effect"] is None:
        return None
    found = [
        ("As assigned", document["effect"], "curve"),
        ("Allowing for risk (CUPED)", document["cuped"], "better"),
        ("On those reached", (document["delivered"] or {}).get("effect"), "better"),
    ]
    rows = [_row(label, effect, kind) for label, effect, kind in found if effect is not None]
    return interval_chart(rows, title=_TITLE, describe=_described(rows))


def _segments(document: Mapping[str, Any]) -> Figure | None:
    rows = [
        _row(
            f"{each['dimension'].replace('_', ' ')}: {each['segment']}",
            each,
            "chosen" if each["is_notable"] else "better",
        )
        for each in document["segments"][:24]
    ]
    return interval_chart(rows, title=_TITLE, describe=_described(rows)) if rows else None


def _quadrants(document: Mapping[str, Any]) -> Figure | None:
    found = document["two_by_two"]
    if found is None:
        return None
    cells = [{**cell, "text": percent(cell["churn_rate"], 1)} for cell in found["cells"]]
    halves = {"high": "riskier half", "low": "safer half"}
    arms = {"treatment": "contacted", "holdout": "left alone"}
    told = "; ".join(f"{halves[c['risk']]}, {arms[c['arm']]}: {c['text']} of {count(c['customers'])}" for c in cells)
    return churn_by_risk(cells, describe=f"Share who left: {told}.")


def ledger_rows(document: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return the save ledger's rows: what, planned, measured, its interval; none where nothing could be measured."""
    found, currency = document["ledger"], document["currency"]
    if not found or found["net_profit"] is None:
        return []

    def whole(amount: float) -> str:
        return money(amount, currency, cents=False)

    saves, net = found["saves"], found["net_profit"]
    planned = "-" if found["expected_saves"] is None else count(found["expected_saves"])
    held = (count(found["holdout_expected_churned"]), count(found["holdout_churned"]))
    return [
        ("Customers kept", planned, count(saves["value"]), f"{count(saves['low'])} to {count(saves['high'])}"),
        (
            "Net profit",
            whole(found["expected_profit"]),
            whole(net["value"]),
            f"{whole(net['low'])} to {whole(net['high'])}",
        ),
        ("Left of those left alone", *held, ""),
    ]


def _row(label: str, effect: Mapping[str, Any], kind: str) -> dict[str, Any]:
    points = {name: round(100.0 * effect[name], 2) for name in ("delta", "low", "high")}
    return {"label": label, "kind": kind, **points}


def _described(rows: list[dict[str, Any]]) -> str:
    told = "; ".join(f"{row['label']} {row['delta']:.1f} ({row['low']:.1f} to {row['high']:.1f})" for row in rows)
    return f"Churn avoided in percentage points: {told}."

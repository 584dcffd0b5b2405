"""The page of what a campaign taught about uplift: effect, ranking, deciles, and who is better left alone."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from markupsafe import Markup

from churn.documents.uplift import UpliftDocument
from churn.languages.words import tr, trc
from churn.reports.charts.svg import token_css
from churn.reports.charts.uplift import decile_bars, qini_chart
from churn.reports.render import render
from churn.wording import decimal, percent, signed


class EffectRow(TypedDict):
    """The effect on a tenth of customers as the chart draws it, in percentage points."""

    decile: str
    predicted: float
    delta: float
    low: float
    high: float


def render_uplift(document: UpliftDocument, *, home: Path) -> str:
    """Return the self-contained HTML page of `document`; the same document gives the same bytes."""
    return render(
        "uplift/uplift.html",
        home=home,
        d=document.as_json(),
        tokens=token_css(),
        deciles=_deciles(document),
        curve=_curve(document),
        points=points,
        outcome=_outcome(document),
    )


def _outcome(document: UpliftDocument) -> str:
    """Return what contact was to bring: an outcome of one's own stays as it is named."""
    return trc("outcome", "retention") if document.outcome == "retention" else document.outcome


def points(share: float | None, digits: int = 1) -> str:
    """Return a difference of shares in percentage points, with its sign; a dash for none."""
    return "-" if share is None else signed(100 * share, digits)


def _deciles(document: UpliftDocument) -> Markup | None:
    rows: list[EffectRow] = [
        {
            "decile": str(decile.decile),
            "predicted": 100 * decile.predicted,
            "delta": 100 * effect.delta,
            "low": 100 * effect.low,
            "high": 100 * effect.high,
        }
        for decile in document.deciles
        if (effect := decile.effect) is not None
    ]
    if len(rows) < 2:
        return None
    average = 100 * document.effect.delta
    tenths = "; ".join(
        tr(
            "{tenth}: {delta} points, predicted {predicted}",
            tenth=row["decile"],
            delta=signed(row["delta"], 1),
            predicted=signed(row["predicted"], 1),
        )
        for row in rows
    )
    return decile_bars(
        rows,
        average=average,
        outcome=_outcome(document),
        describe=tr(
            "Measured effect by tenth of predicted uplift, the highest first. {tenths}. On average {average}.",
            tenths=tenths,
            average=signed(average, 1),
        ),
    )


def _curve(document: UpliftDocument) -> Markup:
    rows = [
        {"share": point.share, "gained": 100 * point.gained, "chance": 100 * point.chance} for point in document.curve
    ]
    best = max(rows, key=lambda row: row["gained"])
    return qini_chart(
        rows,
        outcome=_outcome(document),
        describe=tr(
            "Gained per 100 customers, by share contacted, best predicted first: {best} at {share} of customers, {all} if all are contacted.",
            best=decimal(best["gained"], 1),
            share=percent(best["share"], 0),
            all=decimal(rows[-1]["gained"], 1),
        ),
    )

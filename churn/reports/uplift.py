"""The page of what a campaign taught about uplift: effect, ranking, deciles, and who is better left alone."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from churn.documents.uplift import UpliftDocument
from churn.reports.charts.svg import token_css
from churn.reports.charts.uplift import decile_bars, qini_chart
from churn.reports.render import render


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
    )


def points(share: float | None, digits: int = 1) -> str:
    """Return a difference of shares in percentage points, with its sign; a dash for none."""
    return "-" if share is None else f"{100 * share:+.{digits}f}".replace("-", "\u2212")


def _deciles(document: UpliftDocument) -> Markup | None:
    rows = [
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
        f"{row['decile']}: {row['delta']:+.1f} points, predicted {row['predicted']:+.1f}" for row in rows
    )
    return decile_bars(
        rows,
        average=average,
        outcome=document.outcome,
        describe=f"Measured effect by tenth of predicted uplift, the highest first. {tenths}. On average {average:+.1f}.",
    )


def _curve(document: UpliftDocument) -> Markup:
    rows = [
        {"share": point.share, "gained": 100 * point.gained, "chance": 100 * point.chance} for point in document.curve
    ]
    best = max(rows, key=lambda row: row["gained"])
    return qini_chart(
        rows,
        outcome=document.outcome,
        describe=(
            f"Gained per 100 customers, by share contacted, best predicted first: {best['gained']:.1f} at "
            f"{100 * best['share']:.0f} % of customers, {rows[-1]['gained']:.1f} if all are contacted."
        ),
    )

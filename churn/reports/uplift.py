"""The page of what a campaign taught about uplift: effect, ranking, deciles, and who is better left alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from churn.reports.charts.svg import token_css
from churn.reports.charts.uplift import decile_bars, qini_chart
from churn.reports.render import render


def render_uplift(document: Mapping[str, Any], *, home: Path) -> str:
    """Return the self-contained HTML page of a document of `churn uplift`; the same document gives the same bytes."""
    return render(
        "uplift/uplift.html",
        home=home,
        d=document,
        tokens=token_css(),
        deciles=_deciles(document),
        curve=_curve(document),
        points=points,
    )


def points(share: float | None, digits: int = 1) -> str:
    """Return a difference of shares in percentage points, with its sign; a dash for none."""
    return "-" if share is None else f"{100 * share:+.{digits}f}".replace("-", "\u2212")


def _deciles(document: Mapping[str, Any]) -> Markup | None:
    rows = [
        {"decile": str(d["decile"]), "predicted": 100 * d["predicted"]}
        | {key: 100 * d["effect"][key] for key in ("delta", "low", "high")}
        for d in document["deciles"]
        if d["effect"] is not None
    ]
    if len(rows) < 2:
        return None
    average = 100 * document["effect"]["delta"]
    told = "; ".join(f"{row['decile']}: {row['delta']:+.1f} points, predicted {row['predicted']:+.1f}" for row in rows)
    return decile_bars(
        rows,
        average=average,
        outcome=document["outcome"],
        describe=f"Measured effect by tenth of predicted uplift, the highest first. {told}. On average {average:+.1f}.",
    )


def _curve(document: Mapping[str, Any]) -> Markup:
    rows = [{"share": p["share"], "gained": 100 * p["gained"], "chance": 100 * p["chance"]} for p in document["curve"]]
    best = max(rows, key=lambda row: row["gained"])
    return qini_chart(
        rows,
        outcome=document["outcome"],
        describe=(
            f"Gained per 100 customers, by share contacted, best predicted first: {best['gained']:.1f} at "
            f"{100 * best['share']:.0f} % of customers, {rows[-1]['gained']:.1f} if all are contacted."
        ),
    )

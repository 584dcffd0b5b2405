"""Draws uplift as inline SVG: the effect by tenth of the ranking with its interval, and the Qini curve beside chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from churn.languages.words import tr
from churn.reports.charts.svg import WIDE, Figure, both, color, styled


def decile_bars(rows: Sequence[Mapping[str, Any]], *, average: float, outcome: str, describe: str) -> Figure:
    """Return bars of the measured effect by decile, wide and narrow. `rows`: decile, delta, low, high, predicted.

    All in percentage points; the tick on each bar is the prediction, the dashed line the average effect.
    """
    return both(lambda width: _decile_bars(rows, average, outcome, width), describe)


def qini_chart(rows: Sequence[Mapping[str, Any]], *, outcome: str, describe: str) -> Figure:
    """Return the Qini curve, wide and narrow. `rows`: share 0..1, gained and chance per 100 customers."""
    return both(lambda width: _qini_chart(rows, outcome, width), describe)


def _decile_bars(rows: Sequence[Mapping[str, Any]], average: float, outcome: str, width: int) -> Any:
    import altair as alt

    is_wide = width == WIDE
    data = alt.Data(values=[{**row, "kind": "better" if row["delta"] >= 0 else "worse"} for row in rows])
    x = alt.X(
        "decile:O",
        title=tr("Tenth of customers by predicted uplift, highest first"),
        sort=[row["decile"] for row in rows],
        axis=alt.Axis(labelAngle=0, grid=False),
    )
    y = alt.Y(
        "delta:Q",
        title=tr("Effect on {outcome}, points", outcome=outcome) if is_wide else None,
        axis=alt.Axis(domain=False, ticks=False, tickCount=6, format="+.0f" if _spread(rows) > 4 else "+.1f"),
    )
    base = alt.Chart(data)
    shades = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=["better", "worse"], range=[color("better"), color("worse")]),
        legend=None,
    )
    bars = base.mark_bar(width={"band": 0.62}).encode(x=x, y=y, color=shades)
    spans = base.mark_rule(color=color("ink"), strokeWidth=1.5).encode(x=x, y="low:Q", y2="high:Q")
    ticks = base.mark_tick(color=color("chosen"), thickness=3, width={"band": 0.5}).encode(x=x, y="predicted:Q")
    line = alt.Chart(alt.Data(values=[{"average": average}]))
    mean = line.mark_rule(color=color("muted"), strokeDash=[4, 3]).encode(y="average:Q")
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=color("ink")).encode(y="zero:Q")
    return styled(
        alt.layer(bars, mean, zero, spans, ticks).properties(width=width - 72, height=280 if is_wide else 220)
    )


def _qini_chart(rows: Sequence[Mapping[str, Any]], outcome: str, width: int) -> Any:
    import altair as alt

    is_wide = width == WIDE
    base = alt.Chart(alt.Data(values=[dict(row) for row in rows]))
    x = alt.X(
        "share:Q",
        title=tr("Share of customers contacted, highest predicted uplift first"),
        axis=alt.Axis(format="%", grid=False, tickCount=5),
        scale=alt.Scale(domain=[0, 1], nice=False),
    )
    y = alt.Y(
        "gained:Q",
        title=tr("Gain in {outcome} per 100 customers", outcome=outcome) if is_wide else None,
        axis=alt.Axis(domain=False, ticks=False, tickCount=6),
    )
    curve = base.mark_line(color=color("curve"), strokeWidth=2.5).encode(x=x, y=y)
    chance = base.mark_line(color=color("muted"), strokeDash=[4, 3]).encode(x=x, y="chance:Q")
    return styled(alt.layer(chance, curve).properties(width=width - 72, height=280 if is_wide else 220))


def _spread(rows: Sequence[Mapping[str, Any]]) -> float:
    return float(max(row["high"] for row in rows) - min(row["low"] for row in rows))

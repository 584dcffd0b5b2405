"""Draws the charts of the figures: churn by month of several segments, and what moved monthly revenue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from churn.languages.words import tr
from churn.reports.charts.svg import WIDE, Figure, both, color, money_axis, styled

Rows = Sequence[Mapping[str, Any]]
_LINES = ("curve", "best", "worse", "better", "muted")
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4])


def churn_lines(rows: Rows, *, names: Sequence[str], describe: str) -> Figure:
    """Return churn by month, a line for each of `names`. `rows`: month (ISO), name, rate, text (the rate in words)."""
    return both(lambda width: _lines(rows, names, width), describe)


def revenue_moves(rows: Rows, *, prefix: str, describe: str) -> Figure:
    """Return what was won above a line of nothing and what was lost below it, by month. `rows`: month, what, amount, text."""
    return both(lambda width: _moves(rows, prefix, width), describe)


def _month(*, is_banded: bool = False) -> Any:
    import altair as alt

    return alt.X(
        "month:O",
        axis=alt.Axis(
            title=None,
            labelAngle=0,
            grid=False,
            ticks=False,
            labelPadding=8,
            labelExpr="timeFormat(toDate(datum.value), '%b %y')",
            labelOverlap="parity",
            labelSeparation=8,
        ),
        scale=alt.Scale(paddingInner=0.4, paddingOuter=0.2) if is_banded else alt.Scale(padding=0.3),
    )


def _legend(width: int) -> Any:
    import altair as alt

    return alt.Legend(
        title=None,
        orient="top",
        direction="horizontal",
        columns=5 if width == WIDE else 2,
        labelColor=color("ink"),
        labelFontSize=12,
        symbolSize=200,
    )


def _lines(rows: Rows, names: Sequence[str], width: int) -> Any:
    import altair as alt

    tones = alt.Scale(domain=list(names), range=[color(_LINES[i % len(_LINES)]) for i in range(len(names))])
    dashes = alt.Scale(domain=list(names), range=[_DASHES[i % len(_DASHES)] for i in range(len(names))])
    base = alt.Chart(alt.Data(values=list(rows)))
    y = alt.Y("rate:Q", axis=alt.Axis(title=None, format=".0%", tickCount=5, domain=False, ticks=False), scale=alt.Scale(zero=True))  # fmt: skip
    tell = [
        alt.Tooltip("name:N", title=tr("Of")),
        alt.Tooltip("month:T", title=tr("Month"), format="%B %Y"),
        alt.Tooltip("text:N", title=tr("Churn")),
    ]
    legend = _legend(width) if len(names) > 1 else None
    hue = alt.Color("name:N", scale=tones, sort=list(names), legend=legend)
    dash = alt.StrokeDash("name:N", scale=dashes, sort=list(names), legend=legend)
    lines = base.mark_line(strokeWidth=2.2).encode(x=_month(), y=y, color=hue, strokeDash=dash)
    dots = base.mark_point(filled=True, size=42, opacity=1).encode(x=_month(), y=y, color=hue, tooltip=tell)
    return styled(alt.layer(lines, dots).properties(width=width - 72, height=260 if width == WIDE else 220))


def _moves(rows: Rows, prefix: str, width: int) -> Any:
    import altair as alt

    names = [tr("Won"), tr("Lost"), tr("Other")]
    tones = alt.Scale(domain=names, range=[color("better"), color("worse"), color("muted")])
    base = alt.Chart(alt.Data(values=list(rows)))
    y = alt.Y("amount:Q", axis=alt.Axis(title=None, labelExpr=money_axis(prefix), tickCount=5, domain=False, ticks=False))  # fmt: skip
    tell = [
        alt.Tooltip("month:T", title=tr("Month"), format="%B %Y"),
        alt.Tooltip("what:N", title=tr("What")),
        alt.Tooltip("text:N", title=tr("A month")),
    ]
    bars = base.mark_bar().encode(
        x=_month(is_banded=True),
        y=y,
        color=alt.Color("what:N", scale=tones, sort=names, legend=_legend(width)),
        tooltip=tell,
    )
    zero = alt.Chart(alt.Data(values=[{"at": 0}])).mark_rule(color=color("muted")).encode(y="at:Q")
    return styled(alt.layer(bars, zero).properties(width=width - 72, height=260 if width == WIDE else 220))

"""Draws the charts of the monthly report: churn by month and cause, retention by month of joining, campaigns in money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from churn.reports.charts.svg import WIDE, Figure, both, color, styled

Rows = Sequence[Mapping[str, Any]]
Locale = Mapping[str, Any]  # how axes write numbers, as d3-format names its parts
_NARROW_MONTHS = 9


def churn_by_cause(
    rows: Rows, *, target: float, names: Mapping[str, str], describe: str, locale: Locale | None = None
) -> Figure:
    """Return churn by month, oldest first, as bars of two causes with the target across.

    `rows`: label, voluntary, involuntary (shares), text (the whole share in words). `names`: voluntary, involuntary,
    target, in the reader's language.
    """
    return both(lambda width: _by_cause(rows, target, names, width), describe, locale)


def retention_map(rows: Rows, *, age: str, joined: str, describe: str) -> Figure:
    """Return the share of each month of joining still there after so many months, as a grid of figures.

    `rows`: cohort (label), age (whole months), share, text; cohorts in the order they are to stand in.
    """
    return both(lambda width: _retention(rows, age, joined, width), describe)


def profit_intervals(rows: Rows, *, title: str, money: str, describe: str, locale: Locale | None = None) -> Figure:
    """Return net profit with its interval for each campaign. `rows`: label, value, low, high, kind (a colour token).

    `money` is the Vega expression that writes an axis label.
    """
    return both(lambda width: _profits(rows, title, money, width), describe, locale)


def _by_cause(rows: Rows, target: float, names: Mapping[str, str], width: int) -> Any:
    import altair as alt

    is_wide = width == WIDE
    shown = list(rows) if is_wide else list(rows)[-_NARROW_MONTHS:]
    labels = [row["label"] for row in shown]
    values = [
        {"label": row["label"], "cause": names[cause], "part": row[cause], "order": order}
        for row in shown
        for order, cause in enumerate(("voluntary", "involuntary"))
    ]
    top = 1.18 * max([target, *(row["voluntary"] + row["involuntary"] for row in shown)])
    x = alt.X(
        "label:O",
        sort=labels,
        axis=alt.Axis(
            title=None, labelAngle=0, domain=False, ticks=False, labelPadding=8, labelExpr="split(datum.label, ' ')"
        ),
        scale=alt.Scale(paddingInner=0.3, paddingOuter=0.1),
    )
    y = alt.Y(
        "sum(part):Q",
        axis=alt.Axis(title=None, format=".0%", tickCount=4, domain=False, ticks=False),
        scale=alt.Scale(domain=[0, top], nice=False),
    )
    legend = alt.Legend(
        title=None,
        orient="top",
        direction="horizontal" if is_wide else "vertical",
        symbolType="square",
        labelColor=color("ink"),
        labelFontSize=12,
        labelLimit=260,
        columnPadding=22,
        offset=4,
    )
    colors = alt.Scale(domain=[names["voluntary"], names["involuntary"]], range=[color("curve"), color("worse")])
    bars = (
        alt.Chart(alt.Data(values=values))
        .mark_bar()
        .encode(x=x, y=y, color=alt.Color("cause:N", scale=colors, legend=legend), order=alt.Order("order:Q"))
    )
    last = alt.Chart(
        alt.Data(
            values=[
                {
                    "label": labels[-1],
                    "at": shown[-1]["voluntary"] + shown[-1]["involuntary"],
                    "text": shown[-1]["text"],
                }
            ]
        )
    )
    text = last.mark_text(dy=-8, fontSize=13, fontWeight="bold", color=color("ink")).encode(
        x=x, y="at:Q", text="text:N"
    )
    goal = alt.Chart(alt.Data(values=[{"target": target, "name": names["target"]}]))
    line = goal.mark_rule(color=color("chosen"), strokeWidth=1.5, strokeDash=[5, 4]).encode(y="target:Q")
    # Beside the last bar, where nothing is drawn: text on bars is hard to read.
    named = goal.mark_text(align="left", dx=6, fontSize=12, fontWeight="bold", color=color("chosen"), lineBreak="\n")
    named = named.encode(x=alt.value("width"), y="target:Q", text="name:N")
    height = 240 if is_wide else 200
    return styled(alt.layer(bars, line, named, text).properties(width=width - 110, height=height))


def _retention(rows: Rows, age: str, joined: str, width: int) -> Any:
    import altair as alt

    is_wide = width == WIDE
    shown = [dict(row) for row in rows if is_wide or row["age"] <= 5]
    cohorts = list(dict.fromkeys(row["cohort"] for row in shown))
    base = alt.Chart(alt.Data(values=shown))
    x = alt.X(
        "age:O",
        axis=alt.Axis(title=age, labelAngle=0, domain=False, ticks=False, orient="top"),
        scale=alt.Scale(padding=0.04),
    )
    y = alt.Y(
        "cohort:O", sort=cohorts, axis=alt.Axis(title=joined, domain=False, ticks=False), scale=alt.Scale(padding=0.04)
    )
    # One hue, paler for smaller shares, and never so dark that the figure on it cannot be read.
    shade = alt.Opacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0.04, 0.42]), legend=None)
    cells = base.mark_rect(color=color("curve"), cornerRadius=2).encode(x=x, y=y, opacity=shade)
    figures = base.mark_text(fontSize=12 if is_wide else 11, color=color("ink")).encode(x=x, y=y, text="text:N")
    return styled(alt.layer(cells, figures).properties(width=width - 110, height=30 * len(cohorts)))


def _profits(rows: Rows, title: str, money: str, width: int) -> Any:
    import altair as alt

    is_wide = width == WIDE
    base = alt.Chart(alt.Data(values=[dict(row) for row in rows]))
    ends = [end for row in rows for end in (row["low"], row["high"], 0.0)]
    pad = 0.06 * (max(ends) - min(ends) or 1.0)
    scale = alt.Scale(domain=[min(ends) - pad, max(ends) + pad], nice=False)
    y = alt.Y(
        "label:N",
        sort=[row["label"] for row in rows],
        axis=alt.Axis(title=None, domain=False, ticks=False, labelLimit=220 if is_wide else 120, labelPadding=8),
    )
    x = alt.X("low:Q", title=title, scale=scale, axis=alt.Axis(labelExpr=money, tickCount=6 if is_wide else 3))
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=color("ink"), strokeWidth=1.5)
    layers = [zero.encode(x=alt.X("zero:Q", scale=scale))]
    for kind in sorted({row["kind"] for row in rows}):
        part = base.transform_filter(f"datum.kind == '{kind}'")
        layers.append(part.mark_rule(color=color(kind), strokeWidth=3, strokeCap="round").encode(y=y, x=x, x2="high:Q"))
        layers.append(part.mark_point(filled=True, size=110, opacity=1, color=color(kind)).encode(y=y, x="value:Q"))
    height = 36 * len(rows) + 10
    return styled(alt.layer(*layers).properties(width=width - (240 if is_wide else 160), height=height))

"""Draws the charts of the monthly report: churn by month and cause, retention by month of joining, campaigns in money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from churn.reports.charts import WIDE, Figure, both, color, money_axis, styled

Rows = Sequence[Mapping[str, Any]]
_NARROW_MONTHS = 9


def churn_by_cause(rows: Rows, *, target: float, names: Mapping[str, str], describe: str) -> Figure:
    """Return churn by month, oldest first, as bars of two causes with the target across.

    `rows`: label, voluntary, involuntary (shares), text (the whole share in words). `names`: voluntary, involuntary,
    target, in the reader's language.
    """
    return both(lambda width: _by_cause(rows, target, names, width), describe)


def retention_map(rows: Rows, *, age: str, joined: str, describe: str) -> Figure:
    """Return the share of each month of joining still there after so many months, as a grid of figures.

    `rows`: cohort (label), age (whole months), share, text; cohorts in the order they are to stand in.
    """
    return both(lambda width: _retention(rows, age, joined, width), describe)


def profit_intervals(rows: Rows, *, title: str, currency_prefix: str, describe: str) -> Figure:
    """Return net profit with its interval for each campaign. `rows`: label, value, low, high, kind (a colour token)."""
    return both(lambda width: _profits(rows, title, currency_prefix, width), describe)


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
    words = {"align": "left", "dx": 4, "dy": -7, "fontSize": 12, "fontWeight": "bold"}
    at = {"x": alt.value(0), "y": "target:Q", "text": "name:N"}
    # The words stand on the bars: a plate in the paper's colour behind them keeps them readable.
    plate = goal.mark_text(**words, color=color("paper"), stroke=color("paper"), strokeWidth=5).encode(**at)
    named = goal.mark_text(**words, color=color("chosen")).encode(**at)
    height = 240 if is_wide else 200
    return styled(alt.layer(bars, line, plate, named, text).properties(width=width - 60, height=height))


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
    # One hue, paler for fewer: never so dark that the figure on it could not be read.
    shade = alt.Opacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0.04, 0.42]), legend=None)
    cells = base.mark_rect(color=color("curve"), cornerRadius=2).encode(x=x, y=y, opacity=shade)
    figures = base.mark_text(fontSize=12 if is_wide else 11, color=color("ink")).encode(x=x, y=y, text="text:N")
    return styled(alt.layer(cells, figures).properties(width=width - 110, height=30 * len(cohorts)))


def _profits(rows: Rows, title: str, prefix: str, width: int) -> Any:
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
    x = alt.X(
        "low:Q", title=title, scale=scale, axis=alt.Axis(labelExpr=money_axis(prefix), tickCount=6 if is_wide else 3)
    )
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=color("ink"), strokeWidth=1.5)
    layers = [zero.encode(x=alt.X("zero:Q", scale=scale))]
    for kind in sorted({row["kind"] for row in rows}):
        part = base.transform_filter(f"datum.kind == '{kind}'")
        layers.append(part.mark_rule(color=color(kind), strokeWidth=3, strokeCap="round").encode(y=y, x=x, x2="high:Q"))
        layers.append(part.mark_point(filled=True, size=110, opacity=1, color=color(kind)).encode(y=y, x="value:Q"))
    height = 36 * len(rows) + 10
    return styled(alt.layer(*layers).properties(width=width - (220 if is_wide else 150), height=height))

"""Draws what was explored: findings with intervals, survival, associations, kinds of customers; as inline SVG."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from churn.languages.words import tr
from churn.reports.charts.svg import WIDE, both, color, styled
from churn.wording import decimal, percent

LINES = ("curve", "chosen", "best", "muted", "worse")  # told apart by form too
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4])
_SHAPES = ("circle", "diamond", "square", "triangle-up", "cross", "triangle-down")


def finding_dots(rows: Sequence[Mapping[str, Any]], *, average: float, describe: str) -> Markup:
    """Return churn with its interval by finding, beside the average. `rows`: label, rate, low, high in percent."""
    return both(lambda width: _finding_dots(rows, average, width), describe)


def survival_curves(groups: Sequence[Mapping[str, Any]], *, unit: str, describe: str) -> Markup:
    """Return survival by age with intervals. `groups`: name, points of age, share, low, high."""
    return both(lambda width: _survival_curves(groups, unit, width), describe)


def association_map(columns: Sequence[str], pairs: Sequence[Mapping[str, Any]], *, describe: str) -> Markup:
    """Return the heat map of how columns go together. `pairs`: one, other, value -1..1, as columns are named."""
    return both(lambda width: _association_map(columns, pairs, width), describe)


def component_scatter(points: Sequence[Mapping[str, Any]], *, x_title: str, y_title: str, describe: str) -> Markup:
    """Return a sample of customers along the two main components. `points`: x, y, group (a number)."""
    return both(lambda width: _component_scatter(points, x_title, y_title, width), describe)


def share_bars(rows: Sequence[Mapping[str, Any]], *, describe: str) -> Markup:
    """Return stacked bars of shares. `rows`: bar, group (a number), share 0..1."""
    return both(lambda width: _share_bars(rows, width), describe)


def _finding_dots(rows: Sequence[Mapping[str, Any]], average: float, width: int) -> Any:
    import altair as alt

    is_wide = width == WIDE
    order = [row["label"] for row in rows]
    data = [{**row, "line": _broken(row["label"], 44 if is_wide else 22)} for row in rows]
    base = alt.Chart(alt.Data(values=data))
    y = alt.Y(
        "label:N",
        sort=order,
        axis=alt.Axis(
            title=None,
            domain=False,
            ticks=False,
            labelLimit=400 if is_wide else 180,
            labelPadding=8,
            labelExpr="split(" + _lookup(data) + ", '|')",
            labelColor=color("ink"),
            labelFontSize=13 if is_wide else 11,
            grid=False,
        ),
    )
    x = alt.X(
        "rate:Q",
        title=tr("Churn, %"),
        axis=alt.Axis(tickCount=5, domain=False, ticks=False),
        scale=alt.Scale(zero=True),
    )
    spans = base.mark_rule(color=color("curve"), strokeWidth=2).encode(y=y, x="low:Q", x2="high:Q")
    dots = base.mark_point(filled=True, size=90, opacity=1, color=color("curve")).encode(y=y, x=x)
    line = alt.Chart(
        alt.Data(values=[{"x": average, "label": tr("all {average} %", average=decimal(average, 1))}])
    ).encode(x="x:Q")
    rule = line.mark_rule(color=color("muted"), strokeDash=[4, 3])
    note = line.mark_text(align="left", dx=5, dy=-2, baseline="bottom", color=color("muted"), fontSize=12).encode(
        y=alt.value(0), text="label:N"
    )
    return styled(
        alt.layer(rule, spans, dots, note).properties(
            width=width - (430 if is_wide else 190), height=(34 if is_wide else 44) * len(rows)
        )
    )


def _lookup(data: Sequence[Mapping[str, Any]]) -> str:
    """Return a Vega expression that turns a label into its lines."""
    return json.dumps({row["label"]: row["line"] for row in data}) + "[datum.label]"


def _broken(text: str, most: int) -> str:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return "|".join(lines)


def _survival_curves(groups: Sequence[Mapping[str, Any]], unit: str, width: int) -> Any:
    import altair as alt

    is_wide = width == WIDE
    names = [group["name"] for group in groups]
    tones = alt.Scale(domain=names, range=[color(LINES[i % len(LINES)]) for i in range(len(names))])
    dashes = alt.Scale(domain=names, range=[list(_DASHES[i % len(_DASHES)]) for i in range(len(names))])
    values = [{**point, "name": group["name"]} for group in groups for point in group["points"]]
    base = alt.Chart(alt.Data(values=values))
    x = alt.X(
        "age:Q", title=unit, axis=alt.Axis(grid=False, tickCount=8 if is_wide else 5), scale=alt.Scale(nice=False)
    )
    y = alt.Y(
        "share:Q",
        title=tr("Still there") if is_wide else None,
        axis=alt.Axis(format="%", domain=False, ticks=False, tickCount=5),
        scale=alt.Scale(domain=[0, 1]),
    )
    legend = alt.Legend(
        title=None,
        orient="top",
        direction="horizontal",
        columns=5 if is_wide else 2,
        labelColor=color("ink"),
        labelFontSize=12,
        symbolStrokeWidth=2.5,
        symbolSize=260,
    )
    hue = alt.Color("name:N", scale=tones, sort=names, legend=legend)
    bands = base.mark_area(interpolate="step-after", opacity=0.14).encode(
        x=x, y="low:Q", y2="high:Q", color=alt.Color("name:N", scale=tones, sort=names, legend=None)
    )
    lines = base.mark_line(interpolate="step-after", strokeWidth=2.2).encode(
        x=x, y=y, color=hue, strokeDash=alt.StrokeDash("name:N", scale=dashes, sort=names, legend=None)
    )
    return styled(
        alt.layer(bands, lines)
        .resolve_scale(color="independent")
        .properties(width=width - 72, height=300 if is_wide else 230)
    )


def _association_map(columns: Sequence[str], pairs: Sequence[Mapping[str, Any]], width: int) -> Any:
    import altair as alt

    is_wide = width == WIDE
    cells = [dict(pair) for pair in pairs]
    for cell in cells:
        cell["text"] = (
            f"{cell['value']:.2f}".replace("0.", ".").replace("-", "\u2212") if cell["value"] is not None else ""
        )
        cell["is_strong"] = abs(cell["value"] or 0) > 0.6
    limit = 190 if is_wide else 118
    base = alt.Chart(alt.Data(values=cells))
    x = alt.X(
        "other:N",
        sort=list(columns),
        axis=alt.Axis(
            title=None,
            domain=False,
            ticks=False,
            labelAngle=-50,
            labelLimit=0.85 * limit,
            labelFontSize=11 if is_wide else 8,
        ),
    )
    y = alt.Y(
        "one:N",
        sort=list(columns),
        axis=alt.Axis(title=None, domain=False, ticks=False, labelLimit=limit, labelFontSize=11 if is_wide else 8),
    )
    layers = []
    # Opacity over one key colour for each sign, so that light and dark both can turn it.
    for sign, tone in (("datum.value >= 0", "curve"), ("datum.value < 0", "chosen")):
        part = base.transform_filter(sign).transform_calculate(size="abs(datum.value)")
        layers.append(
            part.mark_rect(color=color(tone), cornerRadius=2).encode(
                x=x, y=y, opacity=alt.Opacity("size:Q", scale=alt.Scale(domain=[0, 1], range=[0.04, 1]), legend=None)
            )
        )
    if is_wide:
        for is_strong, tone in ((True, "paper"), (False, "ink")):
            part = base.transform_filter(f"datum.is_strong == {'true' if is_strong else 'false'}")
            layers.append(part.mark_text(fontSize=9, color=color(tone)).encode(x=x, y=y, text="text:N"))
    side = width - 260 if is_wide else width - 135
    return styled(alt.layer(*layers).properties(width=side, height=side * (0.72 if is_wide else 1.0)))


def _component_scatter(points: Sequence[Mapping[str, Any]], x_title: str, y_title: str, width: int) -> Any:
    import altair as alt

    is_wide = width == WIDE
    shown = list(points) if is_wide else list(points)[::3]
    groups = sorted({point["group"] for point in shown})
    base = alt.Chart(
        alt.Data(values=[{**point, "name": tr("Kind {number}", number=point["group"])} for point in shown])
    )
    names = [tr("Kind {number}", number=group) for group in groups]
    legend = alt.Legend(title=None, orient="top", labelColor=color("ink"), labelFontSize=12, symbolSize=70)
    axis = alt.Axis(labels=False, ticks=False, grid=False, domainColor=color("grid"))
    marks = base.mark_point(filled=True, size=22 if is_wide else 14, opacity=0.75).encode(
        x=alt.X("x:Q", title=x_title, axis=axis),
        y=alt.Y("y:Q", title=y_title, axis=axis),
        color=alt.Color(
            "name:N",
            scale=alt.Scale(domain=names, range=[color(LINES[i % len(LINES)]) for i in range(len(names))]),
            legend=legend,
        ),
        shape=alt.Shape(
            "name:N",
            scale=alt.Scale(domain=names, range=[_SHAPES[i % len(_SHAPES)] for i in range(len(names))]),
            legend=legend,
        ),
    )
    return styled(marks.properties(width=width - 60, height=320 if is_wide else 240))


def _share_bars(rows: Sequence[Mapping[str, Any]], width: int) -> Any:
    import altair as alt

    is_wide = width == WIDE
    groups = sorted({row["group"] for row in rows})
    bars = list(dict.fromkeys(row["bar"] for row in rows))
    values, start = [], dict.fromkeys(bars, 0.0)
    for row in sorted(rows, key=lambda row: row["group"]):
        begin = start[row["bar"]]
        start[row["bar"]] = begin + row["share"]
        label = f"{row['group']}: {percent(row['share'], 0)}" if row["share"] > (0.09 if is_wide else 0.16) else ""
        values.append(
            {
                **row,
                "name": tr("Kind {number}", number=row["group"]),
                "begin": begin,
                "end": start[row["bar"]],
                "label": label,
            }
        )
    base = alt.Chart(alt.Data(values=values))
    names = [tr("Kind {number}", number=group) for group in groups]
    y = alt.Y(
        "bar:N",
        sort=bars,
        axis=alt.Axis(title=None, domain=False, ticks=False, labelColor=color("ink"), labelFontSize=13, labelPadding=8),
    )
    tones = alt.Scale(domain=names, range=[color(LINES[i % len(LINES)]) for i in range(len(names))])
    parts = base.mark_bar(height=28, stroke=color("paper"), strokeWidth=1.5).encode(
        y=y,
        x=alt.X("begin:Q", axis=None, scale=alt.Scale(domain=[0, 1], nice=False)),
        x2="end:Q",
        color=alt.Color("name:N", scale=tones, legend=None),
    )
    text = (
        base.transform_calculate(middle="(datum.begin + datum.end) / 2")
        .mark_text(color=color("paper"), fontSize=12, fontWeight="bold")
        .encode(y=y, x="middle:Q", text="label:N")
    )
    return styled(alt.layer(parts, text).properties(width=width - 150, height=44 * len(bars)))

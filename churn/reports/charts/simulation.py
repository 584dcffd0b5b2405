"""The charts of a simulation's page: net profit by contacts with its band, and what moves it most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from churn.documents.simulation import SimulatedBand
from churn.languages.words import tr
from churn.reports.charts.simulation_rows import BreakEvenMark, CurveMark, DriverBar
from churn.reports.charts.svg import WIDE, Figure, both, color, money_axis, styled


def profit_curve(
    bands: Sequence[SimulatedBand],
    marks: Sequence[CurveMark],
    break_even: BreakEvenMark | None,
    *,
    prefix: str,
    describe: str,
) -> Figure:
    """Return the curve of net profit by contacts with its 90 % band, wide and narrow.

    `prefix` is the currency's sign, `describe` what a screen reader says instead.
    """
    return both(lambda width: _profit_curve(bands, marks, break_even, width, prefix), describe)


def tornado(bars: Sequence[DriverBar], *, center: float, prefix: str, describe: str) -> Figure:
    """Return bars of net profit as each input moves alone, away from `center`, the expected profit."""
    return both(lambda width: _tornado(bars, center, width, prefix), describe)


def _profit_curve(
    bands: Sequence[SimulatedBand],
    marks: Sequence[CurveMark],
    break_even: BreakEvenMark | None,
    width: int,
    prefix: str,
) -> Any:
    import altair as alt

    names = ("contacts", "net_profit", "low", "high")
    data = alt.Data(values=[dict.fromkeys(names, 0), *({name: getattr(b, name) for name in names} for b in bands)])
    is_wide = width == WIDE
    height = 320 if is_wide else 240
    x = alt.X(
        "contacts:Q",
        title=tr("Customers contacted"),
        axis=alt.Axis(format=",.0f" if is_wide else "~s", tickCount=6 if is_wide else 4, grid=False),
        scale=alt.Scale(nice=False, domain=[0, bands[-1].contacts]),
    )
    axis = alt.Axis(title=None, labelExpr=money_axis(prefix), tickCount=6, domain=False, ticks=False)
    band = alt.Chart(data).mark_area(color=color("band")).encode(x=x, y=alt.Y("low:Q", axis=axis), y2="high:Q")
    curve = alt.Chart(data).mark_line(color=color("curve"), strokeWidth=2.5).encode(x=x, y=alt.Y("net_profit:Q"))
    zero = (
        alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=color("muted"), strokeDash=[4, 3]).encode(y="zero:Q")
    )
    layers = [band, zero]
    if break_even is not None:
        line = alt.Chart(alt.Data(values=[{"x": break_even.contacts, "label": break_even.label}])).encode(x="x:Q")
        layers.append(line.mark_rule(color=color("muted"), strokeDash=[1, 3]))
        label = line.mark_text(align="left", baseline="bottom", dx=5, dy=-4, color=color("muted"), fontSize=12)
        layers.append(label.encode(y=alt.value(height), text="label:N"))
    layers.append(curve)
    for mark in marks:
        point = alt.Chart(alt.Data(values=[vars(mark)]))
        tone = color(mark.kind)
        shape = "diamond" if mark.kind == "chosen" else "circle"
        layers.append(
            point.mark_point(filled=True, size=130, color=tone, shape=shape, opacity=1, stroke=color("paper")).encode(
                x="contacts:Q", y="net_profit:Q"
            )
        )
        layers.append(
            point.mark_text(
                align="right" if mark.is_right else "left",
                dx=-10 if mark.is_right else 10,
                dy=mark.dy,
                color=tone,
                fontWeight="bold",
                fontSize=13,
            ).encode(x="contacts:Q", y="net_profit:Q", text="label:N")
        )
    return styled(alt.layer(*layers).properties(width=width - 72, height=height))


def _tornado(bars: Sequence[DriverBar], center: float, width: int, prefix: str) -> Any:
    import altair as alt

    span = max(abs(bar.at - center) for bar in bars) or 1.0
    labels = list(dict.fromkeys(bar.label for bar in bars))
    is_wide = width == WIDE
    reach = 1.3 if is_wide else 1.75  # room for the labels at the bars' ends
    base = alt.Chart(alt.Data(values=[vars(bar) for bar in bars]))
    y = alt.Y(
        "label:N",
        sort=labels,
        axis=alt.Axis(title=None, domain=False, ticks=False, labelLimit=200, labelPadding=8),
    )
    x = alt.X(
        "at:Q",
        title=tr("Net profit"),
        scale=alt.Scale(domain=[center - reach * span, center + reach * span], nice=False, zero=False),
        axis=alt.Axis(labelExpr=money_axis(prefix), tickCount=5 if is_wide else 3, grid=True),
    )
    layers = []
    for kind, align, dx in (("worse", "right", -6), ("better", "left", 6)):
        part = base.transform_filter(f"datum.kind == '{kind}'")
        layers.append(part.mark_bar(color=color(kind), height=18).encode(y=y, x=x, x2="center:Q"))
        layers.append(
            part.mark_text(align=align, dx=dx, color=color("ink"), fontSize=12).encode(y=y, x="at:Q", text="text:N")
        )
    line = alt.Chart(alt.Data(values=[{"center": center}])).mark_rule(color=color("ink"), strokeWidth=1.5)
    layers.append(line.encode(x="center:Q"))
    return styled(alt.layer(*layers).properties(width=width - (160 if is_wide else 142), height=38 * len(labels) + 10))

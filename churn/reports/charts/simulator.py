"""Charts that follow a slider: their definitions are fixed, and a page hands new rows to the ones it shows."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from churn.documents.simulation import SimulatedBand
from churn.languages.words import by_language, tr
from churn.reports.charts.simulation_rows import AxisEnds, CurveData, DriverBar
from churn.reports.charts.svg import NARROW, WIDE, Figure, Spec, both, color, money_axis, styled

Row = dict[str, Any]  # of a data set of a chart, whose columns its definition names
Draw = Callable[[int, bool], Spec]  # from a width, and whether there is a tooltip


@dataclass(frozen=True)
class ComparedCurve:
    """One of two curves: the name it is shown under, its points, and the campaign on it."""

    name: str
    bands: Sequence[SimulatedBand]
    contacts: float
    net_profit: float


def moving_curve(data: CurveData, *, customers: int, prefix: str, describe: str) -> Figure:
    """Return net profit by contacts with its 90 % band, and a tooltip.

    The tooltip has a data set of its own, `told`, with the rows of `curve`: finding the nearest point costs more than
    drawing, so a page may update it later than the rest. `prefix` is the currency's sign.
    """
    return _figure(lambda width, hover: _curve(width, customers, prefix, with_hover=hover), rows_of(data), {}, describe)


def moving_tornado(bars: Sequence[DriverBar], ends: AxisEnds, *, prefix: str, describe: str) -> Figure:
    """Return bars of net profit as each input moves alone, on an axis with these `ends` (see `reach`)."""
    rows = {"drivers": [vars(bar) for bar in bars]}
    return _figure(lambda width, _hover: _tornado(width, prefix), rows, vars(ends), describe)


def two_curves(first: ComparedCurve, second: ComparedCurve, *, prefix: str, describe: str) -> Figure:
    """Return two curves of net profit with their bands, by the name each is shown under, and the campaign on each."""
    pair = (first, second)
    rows = [
        {
            "contacts": band.contacts,
            "net_profit": band.net_profit,
            "low": band.low,
            "high": band.high,
            "name": compared.name,
        }
        for compared in pair
        for band in compared.bands
    ]
    ends = [
        {"contacts": compared.contacts, "net_profit": compared.net_profit, "name": compared.name, "dy": dy}
        for compared, dy in zip(pair, (-14, 18), strict=True)
    ]
    names = (first.name, second.name)
    return _figure(lambda width, _hover: _pair(width, names, prefix), {"curves": rows, "ends": ends}, {}, describe)


def rows_of(data: CurveData) -> dict[str, list[Row]]:
    """Return the data sets of a curve, by name, as the chart takes them."""
    return {name: [vars(row) for row in rows] for name, rows in vars(data).items()}


def reach(bars: Sequence[DriverBar], center: float) -> AxisEnds:
    """Return the ends of a tornado's axis: room for the words at the ends of its bars."""
    span = max((abs(bar.at - center) for bar in bars), default=0.0)
    span = max(span, abs(center) * 1e-3, 1.0)
    return AxisEnds(center - 1.45 * span, center + 1.45 * span)


@dataclass(frozen=True)
class _Filled:
    """A finished definition, in place of a chart."""

    spec: Spec

    def to_dict(self, *, validate: bool = True) -> Spec:  # noqa: ARG002  # as a chart takes it
        return self.spec


def _figure(draw: Draw, datasets: Mapping[str, list[Row]], params: Mapping[str, float], describe: str) -> Figure:
    """Return the SVG without the tooltip, and the definitions with it."""

    def filled(width: int, *, hover: bool) -> Spec:
        spec = copy.copy(draw(width, hover))
        rows = dict(datasets)
        if hover and "curve" in rows:
            rows["told"] = rows["curve"]
        spec["datasets"] = rows
        spec["params"] = [
            {**param, "value": params[param["name"]]} if param["name"] in params else param
            for param in spec.get("params", [])
        ]
        return spec

    still = both(lambda width: _Filled(filled(width, hover=False)), describe)
    live = {name: filled(width, hover=True) for name, width in (("wide", WIDE), ("narrow", NARROW))}
    return Figure.of(str(still), live, describe)


@by_language(maxsize=16)
def _curve(width: int, customers: int, prefix: str, *, with_hover: bool) -> Spec:
    import altair as alt

    is_wide = width == WIDE
    height = 300 if is_wide else 250
    curve, marks, pays = (alt.NamedData(name) for name in ("curve", "marks", "pays"))
    x = alt.X(
        "contacts:Q",
        title=tr("Customers contacted, highest expected profit first"),
        axis=alt.Axis(format=",.0f" if is_wide else "~s", tickCount=6 if is_wide else 4, grid=False),
        scale=alt.Scale(nice=False, domain=[0, customers]),
    )
    y_axis = alt.Axis(title=None, labelExpr=money_axis(prefix), tickCount=6, domain=False, ticks=False)
    band = alt.Chart(curve).mark_area(color=color("band")).encode(x=x, y=alt.Y("low:Q", axis=y_axis), y2="high:Q")
    zero = alt.Chart(_one_row()).mark_rule(color=color("muted"), strokeDash=[4, 3]).encode(y=alt.datum(0))
    even = alt.Chart(pays).encode(x="contacts:Q")
    line = alt.Chart(curve).mark_line(color=color("curve"), strokeWidth=2.5).encode(x="contacts:Q", y="net_profit:Q")
    layers: list[Any] = [
        band,
        zero,
        even.mark_rule(color=color("muted"), strokeDash=[1, 3]),
        even.mark_text(align="left", baseline="bottom", dx=5, dy=-4, color=color("muted"), fontSize=12).encode(
            y=alt.value(alt.expr("height")), text="label:N"
        ),
        line,
    ]
    for kind, shape in (("best", "circle"), ("chosen", "diamond")):
        tone = color(kind)
        part = alt.Chart(marks).transform_filter(f"datum.kind == '{kind}'").encode(x="contacts:Q", y="net_profit:Q")
        layers.append(part.mark_point(filled=True, size=140, color=tone, shape=shape, opacity=1, stroke=color("paper")))
        for side, align, dx in (("datum.is_right", "right", -11), ("!datum.is_right", "left", 11)):
            text = part.transform_filter(side).mark_text(
                align=align, dx=dx, dy=alt.expr("datum.dy"), color=tone, fontWeight="bold", fontSize=13
            )
            layers.append(text.encode(text="label:N"))
    if with_hover:
        layers.append(_hover(alt.NamedData("told"), prefix))
    return _bare(styled(alt.layer(*layers).properties(width=width - 72, height=height)))


def _hover(curve: Any, prefix: str) -> Any:
    """A vertical line at the nearest point of the curve, with the tooltip."""
    import altair as alt

    nearest = alt.selection_point(
        name="nearest", nearest=True, on="pointermove", clear="pointerleave", fields=["contacts"], empty=False
    )
    at = alt.Chart(curve).encode(x="contacts:Q")
    return (
        at.mark_rule(color=color("ink"), strokeWidth=1)
        .encode(
            opacity=alt.condition(nearest, alt.value(0.5), alt.value(0)),
            tooltip=[
                alt.Tooltip("contacts:Q", title=tr("Customers"), format=",.0f"),
                alt.Tooltip("threshold:Q", title=tr("From a risk of"), format=".1%"),
                _told("cost", tr("Spend"), prefix),
                _told("net_profit", tr("Expected net profit"), prefix),
                _told("low", tr("90 % range, from"), prefix),
                _told("high", tr("90 % range, to"), prefix),
            ],
        )
        .add_params(nearest)
    )


@by_language(maxsize=16)
def _tornado(width: int, prefix: str) -> Spec:
    import altair as alt

    is_wide = width == WIDE
    least, most = alt.param(name="least", value=0.0), alt.param(name="most", value=1.0)
    y = alt.Y(
        "label:N",
        sort=alt.EncodingSortField("order", op="min"),
        axis=alt.Axis(title=None, domain=False, ticks=False, labelLimit=200, labelPadding=8),
    )
    x = alt.X(
        "at:Q",
        title=tr("Expected net profit"),
        scale=alt.Scale(domainMin=alt.ExprRef("least"), domainMax=alt.ExprRef("most"), nice=False, zero=False),
        axis=alt.Axis(labelExpr=money_axis(prefix), tickCount=5 if is_wide else 3, grid=True, domain=False),
    )
    base = alt.Chart(alt.NamedData("drivers"))
    tip = [
        alt.Tooltip("label:N", title=tr("Input")),
        alt.Tooltip("text:N", title=tr("At")),
        _told("at", tr("Net profit"), prefix),
    ]
    layers: list[Any] = []
    for kind, align, dx in (("worse", "right", -6), ("better", "left", 6)):
        part = base.transform_filter(f"datum.kind == '{kind}'")
        bar = part.mark_bar(color=color(kind), height=18)
        layers.append(bar.encode(y=y, x=x, x2="center:Q", tooltip=tip))
        words = part.mark_text(align=align, dx=dx, color=color("ink"), fontSize=12)
        layers.append(words.encode(y=y, x="at:Q", text="text:N"))
    rule = base.mark_rule(color=color("ink"), strokeWidth=1.5).encode(x="mean(center):Q")
    drawn = alt.layer(*layers, rule).add_params(least, most)
    return _bare(styled(drawn.properties(width=width - (160 if is_wide else 142), height=200)))


@by_language(maxsize=16)
def _pair(width: int, names: tuple[str, ...], prefix: str) -> Spec:
    """The definition of two curves: one solid, one dashed, so that they differ in more than colour."""
    import altair as alt

    is_wide = width == WIDE
    tones = [color("curve"), color("chosen")][: len(names)]
    hue = alt.Color("name:N", scale=alt.Scale(domain=list(names), range=tones), legend=None)
    x = alt.X(
        "contacts:Q",
        title=tr("Customers contacted, highest expected profit first"),
        axis=alt.Axis(format=",.0f" if is_wide else "~s", tickCount=6 if is_wide else 4, grid=False),
        scale=alt.Scale(nice=False),
    )
    y_axis = alt.Axis(title=None, labelExpr=money_axis(prefix), tickCount=6, domain=False, ticks=False)
    rows, ends = alt.Chart(alt.NamedData("curves")), alt.Chart(alt.NamedData("ends"))
    edge = rows.mark_line(strokeWidth=1, opacity=0.55, strokeDash=[2, 3])
    line = rows.mark_line(strokeWidth=2.5)
    dash = alt.StrokeDash("name:N", scale=alt.Scale(domain=list(names), range=[[1, 0], [7, 3]]), legend=None)
    zero = alt.Chart(_one_row()).mark_rule(color=color("muted"), strokeDash=[4, 3]).encode(y=alt.datum(0))
    layers = [
        zero,
        edge.encode(x=x, y=alt.Y("low:Q", axis=y_axis), color=hue),
        edge.encode(x=x, y="high:Q", color=hue),
        line.encode(x=x, y="net_profit:Q", color=hue, strokeDash=dash),
        ends.mark_point(filled=True, size=120, opacity=1).encode(x="contacts:Q", y="net_profit:Q", color=hue),
        ends.mark_text(dy=alt.expr("datum.dy"), fontWeight="bold", fontSize=13, align="left", dx=6).encode(
            x="contacts:Q", y="net_profit:Q", text="name:N", color=hue
        ),
    ]
    return _bare(styled(alt.layer(*layers).properties(width=width - 72, height=300 if is_wide else 250)))


def _one_row() -> Any:
    import altair as alt

    return alt.Data(values=[{}])


def _told(field: str, title: str, prefix: str) -> Any:
    """A line of the tooltip: a whole amount; a currency that d3 cannot write stands in the title."""
    import altair as alt

    if prefix == "$":
        return alt.Tooltip(f"{field}:Q", title=title, format="$,.0f")
    return alt.Tooltip(f"{field}:Q", title=f"{title} ({prefix.strip()})" if prefix.strip() else title, format=",.0f")


def _bare(chart: Any) -> Spec:
    """The definition with names of data sets in place of rows."""
    spec: Spec = chart.to_dict()
    spec.pop("datasets", None)
    return spec

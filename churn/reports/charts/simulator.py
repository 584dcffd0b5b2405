"""Charts that follow a slider: the definitions stay, only their rows change, so a page can hand new rows to what it shows."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from churn.reports.charts.svg import NARROW, WIDE, Figure, Spec, both, color, money_axis, styled

Rows = Sequence[Mapping[str, Any]]


def moving_curve(datasets: Mapping[str, Rows], *, customers: int, prefix: str, describe: str) -> Figure:
    """Return net profit by contacts with its 90 % band, and what a pointer is told.

    What the pointer is told comes from a dataset `told`, rows as `curve`: to lay out where it points costs more than to
    draw, so a page may hand it new rows later than the rest.

    `datasets`: `curve` (contacts, threshold, cost, net_profit, low, high), `marks` (contacts, net_profit, label, kind
    chosen or best, dy), `pays` (contacts, label: where break-even lies). `prefix` is the currency's sign.
    """
    return _figure(lambda width, hover: _curve(width, customers, prefix, with_hover=hover), datasets, {}, describe)


def moving_tornado(datasets: Mapping[str, Rows], params: Mapping[str, float], *, prefix: str, describe: str) -> Figure:
    """Return bars of net profit as each input moves alone.

    `datasets`: `drivers` (label, order, text, at, center, kind better or worse). `params`: `least` and `most`, the ends
    of the axis (see `reach`).
    """
    return _figure(lambda width, _hover: _tornado(width, prefix), datasets, params, describe)


def two_curves(
    curves: Mapping[str, Rows], chosen: Mapping[str, Mapping[str, Any]], *, prefix: str, describe: str
) -> Figure:
    """Return two curves of net profit with their bands, by the name each is shown under, and the campaign on each."""
    names = tuple(curves)
    rows = [{**row, "name": name} for name in names for row in curves[name]]
    ends = [{**chosen[name], "name": name, "dy": -14 if number == 0 else 18} for number, name in enumerate(names)]
    datasets = {"curves": rows, "ends": ends}
    return _figure(lambda width, _hover: _pair(width, names, prefix), datasets, {}, describe)


def reach(values: Sequence[float], center: float) -> dict[str, float]:
    """Return the ends of a tornado's axis for bars that end at `values`: room for the words at their ends."""
    span = max((abs(value - center) for value in values), default=0.0)
    span = max(span, abs(center) * 1e-3, 1.0)
    return {"least": center - 1.45 * span, "most": center + 1.45 * span}


def _figure(draw: Any, datasets: Mapping[str, Rows], params: Mapping[str, float], describe: str) -> Figure:
    """The SVG without what only a pointer needs, and the definitions with it."""

    class Filled:
        def __init__(self, spec: Spec) -> None:
            self.spec = spec

        def to_dict(self, *, validate: bool = True) -> Spec:  # noqa: ARG002  # as a chart takes it
            return self.spec

    def filled(width: int, *, hover: bool) -> Spec:
        spec: Spec = copy.copy(draw(width, hover))
        rows = dict(datasets)
        if hover and "curve" in rows:
            rows["told"] = rows["curve"]
        spec["datasets"] = {name: [dict(row) for row in each] for name, each in rows.items()}
        spec["params"] = [
            {**each, "value": params[each["name"]]} if each["name"] in params else each
            for each in spec.get("params", [])
        ]
        return spec

    still = both(lambda width: Filled(filled(width, hover=False)), describe)
    live = {name: filled(width, hover=True) for name, width in (("wide", WIDE), ("narrow", NARROW))}
    return Figure.of(str(still), live, describe)


@lru_cache(maxsize=16)
def _curve(width: int, customers: int, prefix: str, *, with_hover: bool) -> Spec:
    import altair as alt

    is_wide = width == WIDE
    height = 300 if is_wide else 250
    curve, marks, pays = (alt.NamedData(name) for name in ("curve", "marks", "pays"))
    x = alt.X(
        "contacts:Q",
        title="Customers contacted, highest risk first",
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
    """An upright line at the nearest point of the curve, and what is told there."""
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
                alt.Tooltip("contacts:Q", title="Customers", format=",.0f"),
                alt.Tooltip("threshold:Q", title="From a risk of", format=".1%"),
                _told("cost", "Spend", prefix),
                _told("net_profit", "Expected net profit", prefix),
                _told("low", "90 % range, from", prefix),
                _told("high", "90 % range, to", prefix),
            ],
        )
        .add_params(nearest)
    )


@lru_cache(maxsize=16)
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
        title="Expected net profit",
        scale=alt.Scale(domainMin=alt.ExprRef("least"), domainMax=alt.ExprRef("most"), nice=False, zero=False),
        axis=alt.Axis(labelExpr=money_axis(prefix), tickCount=5 if is_wide else 3, grid=True, domain=False),
    )
    base = alt.Chart(alt.NamedData("drivers"))
    tip = [alt.Tooltip("label:N", title="Input"), alt.Tooltip("text:N", title="At"), _told("at", "Net profit", prefix)]
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


@lru_cache(maxsize=16)
def _pair(width: int, names: tuple[str, ...], prefix: str) -> Spec:
    """The definition of two curves: one whole, one dashed, so that colour is not all that tells them apart."""
    import altair as alt

    is_wide = width == WIDE
    tones = [color("curve"), color("chosen")][: len(names)]
    hue = alt.Color("name:N", scale=alt.Scale(domain=list(names), range=tones), legend=None)
    x = alt.X(
        "contacts:Q",
        title="Customers contacted, highest risk first",
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
    """A line of what a pointer is told: an amount, whole; a currency that d3 cannot write stands in the title."""
    import altair as alt

    if prefix == "$":
        return alt.Tooltip(f"{field}:Q", title=title, format="$,.0f")
    return alt.Tooltip(f"{field}:Q", title=f"{title} ({prefix.strip()})" if prefix.strip() else title, format=",.0f")


def _bare(chart: Any) -> Spec:
    """The definition without rows: where they come from is a name."""
    spec: Spec = chart.to_dict()
    spec.pop("datasets", None)
    return spec

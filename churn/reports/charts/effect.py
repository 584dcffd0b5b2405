"""Draws what a campaign caused: effects with their intervals on one scale, and churn by risk and arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from churn.languages.words import N_, tr
from churn.reports.charts.svg import WIDE, Figure, both, color, in_two_lines, styled

_ARMS = (("treatment", N_("contacted"), "curve"), ("holdout", N_("left alone"), "worse"))


def interval_chart(rows: Sequence[Mapping[str, Any]], *, title: str, describe: str) -> Figure:
    """Return a dot with its interval per row, around a vertical line at zero.

    `rows`: label, delta, low, high (points), kind (a colour token). `describe` is what a screen reader says instead.
    """
    return both(lambda width: _intervals(rows, title, width), describe)


def churn_by_risk(cells: Sequence[Mapping[str, Any]], *, describe: str) -> Figure:
    """Return churn rates of the riskier and the safer half, contacted and left alone, as bars side by side.

    `cells`: risk (`high` or `low`), arm, churn_rate, text. `describe` is what a screen reader says instead.
    """
    return both(lambda width: _bars(cells, width), describe)


def _intervals(rows: Sequence[Mapping[str, Any]], title: str, width: int) -> Any:
    import altair as alt

    is_wide = width == WIDE
    base = alt.Chart(alt.Data(values=[dict(row) for row in rows]))
    labels = {"labelLimit": 240} if is_wide else {"labelLimit": 140, "labelExpr": in_two_lines(18)}
    y = alt.Y(
        "label:N",
        sort=[row["label"] for row in rows],
        axis=alt.Axis(title=None, domain=False, ticks=False, labelPadding=8, **labels),
    )
    ends = [end for row in rows for end in (row["low"], row["high"])]
    pad = 0.06 * (max([*ends, 0.0]) - min([*ends, 0.0]) or 1.0)
    domain = [min([*ends, 0.0]) - pad, max([*ends, 0.0]) + pad]
    x = alt.X(
        "low:Q",
        title=title,
        scale=alt.Scale(domain=domain, nice=False),
        axis=alt.Axis(format="~f", tickCount=7 if is_wide else 4),
    )
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=color("ink"), strokeWidth=1.5)
    layers = [zero.encode(x=alt.X("zero:Q", scale=alt.Scale(domain=domain, nice=False)))]
    for kind in sorted({row["kind"] for row in rows}):
        part = base.transform_filter(f"datum.kind == '{kind}'")
        layers.append(part.mark_rule(color=color(kind), strokeWidth=3, strokeCap="round").encode(y=y, x=x, x2="high:Q"))
        layers.append(part.mark_point(filled=True, size=110, opacity=1, color=color(kind)).encode(y=y, x="delta:Q"))
    return styled(alt.layer(*layers).properties(width=width - (230 if is_wide else 170), height=34 * len(rows) + 10))


def _bars(cells: Sequence[Mapping[str, Any]], width: int) -> Any:
    import altair as alt

    is_wide = width == WIDE
    halves = {"high": tr("Riskier half"), "low": tr("Safer half")}
    names = {arm: tr(name) for arm, name, _ in _ARMS}
    values = [
        {"half": halves[cell["risk"]], "arm": names[cell["arm"]], "rate": cell["churn_rate"], "text": cell["text"]}
        for cell in cells
    ]
    base = alt.Chart(alt.Data(values=values))
    top = 1.15 * max(cell["churn_rate"] for cell in cells) or 1.0
    y = alt.Y(
        "rate:Q",
        title=tr("Left"),
        axis=alt.Axis(format=".0%", tickCount=4, domain=False, ticks=False),
        scale=alt.Scale(domain=[0, top], nice=False),
    )
    x = alt.X(
        "half:N",
        sort=list(halves.values()),
        axis=alt.Axis(title=None, labelAngle=0, domain=False, ticks=False, labelPadding=10),
    )
    offset = alt.XOffset("arm:N", sort=list(names.values()))
    layers = []
    for arm, _, tone in _ARMS:
        part = base.transform_filter(f"datum.arm == '{names[arm]}'")
        layers.append(part.mark_bar(color=color(tone), width=84 if is_wide else 44).encode(x=x, xOffset=offset, y=y))
        layers.append(
            part.mark_text(baseline="bottom", dy=-4, color=color("ink"), fontSize=12, lineBreak="\n").encode(
                x=x, xOffset=offset, y="rate:Q", text="text:N"
            )
        )
    return styled(alt.layer(*layers).properties(width=width - 90, height=240 if is_wide else 200))

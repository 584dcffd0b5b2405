"""Draws the charts of the overview: monthly churn against its target, and who is at which risk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from churn.documents.churn_month import ChurnMonth
from churn.languages.words import tr
from churn.reports.charts.svg import WIDE, Figure, both, color, styled
from churn.wording import percent


def _target(share: float) -> str:
    """Return the target as it is set, with three digits at most: `7 %`, `6.25 %`."""
    text = f"{100 * share:.3g}"
    return percent(share, len(text.partition(".")[2])) if "e" not in text else f"{text} %"


def churn_trend(months: Sequence[ChurnMonth], target: float, *, describe: str) -> Figure:
    """Return churn of `months`, oldest first, as bars, the latest one strong, with the target as a line across."""
    return both(lambda width: _churn_trend(months, target, width), describe)


def _churn_trend(months: Sequence[ChurnMonth], target: float, width: int) -> Any:
    import altair as alt

    is_wide = width == WIDE
    shown = months if is_wide else months[-12:]
    rows = [
        {
            "month": month.month.isoformat(),
            "churn_rate": month.churn_rate,
            "is_last": month is shown[-1],
            "label": percent(month.churn_rate, 1),
            "decided": month.voluntary_churners,
            "unpaid": month.involuntary_churners,
        }
        for month in shown
    ]
    top = max(target, *(month.churn_rate for month in shown)) * 1.18
    base = alt.Chart(alt.Data(values=rows))
    x = alt.X(
        "month:O",
        axis=alt.Axis(
            title=None,
            labelAngle=0,
            domain=False,
            ticks=False,
            labelPadding=8,
            labelExpr="(month(toDate(datum.value)) == 0 || datum.index == 0) "
            "? [timeFormat(toDate(datum.value), '%b'), timeFormat(toDate(datum.value), '%Y')] "
            ": timeFormat(toDate(datum.value), '%b')",
            labelOverlap="parity",
        ),
        scale=alt.Scale(paddingInner=0.34, paddingOuter=0.1),
    )
    y = alt.Y(
        "churn_rate:Q",
        axis=alt.Axis(title=None, format=".0%", tickCount=4, domain=False, ticks=False),
        scale=alt.Scale(domain=[0, top], nice=False),
    )
    tell = [
        alt.Tooltip("month:T", title=tr("Month"), format="%B %Y"),
        alt.Tooltip("label:N", title=tr("Left")),
        alt.Tooltip("decided:Q", title=tr("By decision"), format=","),
        alt.Tooltip("unpaid:Q", title=tr("Failed payments"), format=","),
    ]
    bars = base.mark_bar(cornerRadiusEnd=3).encode(
        x=x,
        y=y,
        color=alt.condition("datum.is_last", alt.value(color("curve")), alt.value(color("band"))),
        tooltip=tell,
    )
    label = (
        base.transform_filter("datum.is_last")
        .mark_text(dy=-8, fontSize=13, fontWeight="bold", color=color("curve"))
        .encode(x=x, y=y, text="label:N")
    )
    goal = alt.Chart(alt.Data(values=[{"target": target, "label": tr("Target {target}", target=_target(target))}]))
    line = goal.mark_rule(color=color("chosen"), strokeWidth=1.5, strokeDash=[5, 4]).encode(y="target:Q")
    note = goal.mark_text(align="left", dx=4, dy=-7, fontSize=12, fontWeight="bold", color=color("chosen")).encode(
        x=alt.value(0), y="target:Q", text="label:N"
    )
    plate = goal.mark_text(
        align="left",
        dx=4,
        dy=-7,
        fontSize=12,
        fontWeight="bold",
        color=color("paper"),
        stroke=color("paper"),
        strokeWidth=5,
    ).encode(x=alt.value(0), y="target:Q", text="label:N")
    height = 260 if is_wide else 190
    return styled(alt.layer(bars, line, plate, note, label).properties(width=width - 60, height=height))

"""Draws one customer: how the risk went, what it is made of, and how much the product was used."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

from churn.languages.words import N_, tr, within
from churn.reports.charts.svg import WIDE, Figure, both, color, styled
from churn.wording import percent, signed

_LABEL = {True: (46, 2), False: (22, 4)}  # characters of a reason on one line, and its lines at most: wide and narrow
_WHOLE = 920  # the history has the full width of the page, so that its text is as large as the text beside it


BAND_NAMES: Final = {"low": N_("Low"), "medium": N_("Medium"), "high": N_("High"), "critical": N_("Critical")}


def risk_history(rows: Sequence[Mapping[str, Any]], *, bounds: Sequence[tuple[str, float]], describe: str) -> Figure:
    """Return the churn probability by date, wide and narrow.

    `rows`, oldest first: snapshot_date, churn_probability (0..1), risk_band. `bounds`: name and lower bound of each
    band above the lowest, rising; drawn as lines that the probability crosses.
    """
    points = [
        {
            "date": f"{row['snapshot_date']:%Y-%m-%d}",
            "probability": row["churn_probability"],
            "band": within(tr(BAND_NAMES.get(row["risk_band"], row["risk_band"]))),
            "text": percent(row["churn_probability"], 0),
        }
        for row in rows
    ]
    return both(lambda width: _risk_history(points, bounds, width), describe)


def waterfall(steps: Sequence[Mapping[str, Any]], *, base: float, probability: float, describe: str) -> Figure:
    """Return bars from the average customer's probability to this one's, wide and narrow.

    `steps`: text, points, start and end (0..1 each), as `customer_view.waterfall` gives them.
    """
    rows = [
        {"text": tr("Average customer"), "start": 0.0, "end": base, "kind": "total", "label": percent(base, 1)},
        *(
            {
                "text": step["text"][:1].upper() + step["text"][1:],
                "start": step["start"],
                "end": step["end"],
                "kind": "raises" if step["points"] > 0 else "lowers",
                "label": signed(100 * step["points"], 1),
            }
            for step in steps
        ),
        {
            "text": tr("This customer"),
            "start": 0.0,
            "end": probability,
            "kind": "total",
            "label": percent(probability, 1),
        },
    ]
    return both(lambda width: _waterfall(rows, width), describe)


def usage_bars(months: Sequence[Mapping[str, Any]], *, describe: str) -> Figure:
    """Return bars of logins by month, wide and narrow; the month not over yet is pale. `months`: month, sessions, is_whole."""
    rows = [
        {
            "month": f"{row['month']:%Y-%m-%d}",
            "sessions": row["sessions"],
            "kind": "whole" if row["is_whole"] else "so far",
        }
        for row in months
    ]
    return both(lambda width: _usage_bars(rows, width), describe)


def _risk_history(rows: Sequence[Mapping[str, Any]], bounds: Sequence[tuple[str, float]], width: int) -> Any:
    import altair as alt

    is_wide = width == WIDE
    top = min(1.0, max(1.15 * max(row["probability"] for row in rows), 1.1 * bounds[-1][1]))
    x = alt.X(
        "date:T",
        title=None,
        axis=alt.Axis(format="%-d %b", grid=False, tickCount=6 if is_wide else 4, labelOverlap=True),
        scale=alt.Scale(padding=24),
    )
    y = alt.Y(
        "probability:Q",
        title=None,
        axis=alt.Axis(format=".0%", tickCount=5, domain=False, ticks=False),
        scale=alt.Scale(domain=[0, top], nice=False),
    )
    lines = alt.Chart(
        alt.Data(
            values=[
                {"bound": low, "words": tr("{band} from here", band=tr(BAND_NAMES.get(name, name.capitalize())))}
                for name, low in bounds
            ]
        )
    )
    rules = lines.mark_rule(color=color("muted"), strokeDash=[2, 4], strokeWidth=1).encode(y=alt.Y("bound:Q"))
    # Each name has a background, so that the line may pass under it.
    names = [
        lines.mark_text(align="left", baseline="bottom", dx=4, dy=-3, fontSize=11, **look).encode(
            y=alt.Y("bound:Q"), x=alt.value(0), text="words:N"
        )
        for look in ({"stroke": color("paper"), "strokeWidth": 5}, {"color": color("muted")})
    ]
    base = alt.Chart(alt.Data(values=[dict(row) for row in rows]))
    line = base.mark_line(color=color("curve"), strokeWidth=2.5).encode(x=x, y=y)
    points = base.mark_point(filled=True, size=60 if len(rows) < 30 else 20, color=color("curve"), opacity=1).encode(
        x=x,
        y=y,
        tooltip=[
            alt.Tooltip("date:T", title=tr("Scored on"), format="%-d %B %Y"),
            alt.Tooltip("text:N", title=tr("Probability")),
            alt.Tooltip("band:N", title=tr("Risk")),
        ],
    )
    last = alt.Chart(alt.Data(values=[dict(rows[-1])])).mark_text(
        align="right", dy=-14, color=color("ink"), fontWeight="bold", fontSize=13
    )
    return styled(
        alt.layer(rules, line, *names, points, last.encode(x=x, y=y, text="text:N")).properties(
            width=_WHOLE if is_wide else width - 72, height=240 if is_wide else 200
        )
    )


def _waterfall(rows: Sequence[Mapping[str, Any]], width: int) -> Any:
    import altair as alt

    is_wide = width == WIDE
    values = [
        {**row, "place": place, "words": _wrapped(row["text"], *_LABEL[is_wide])} for place, row in enumerate(rows)
    ]
    tallest = max(row["words"].count("|") for row in values) + 1
    reach = max(max(row["start"], row["end"]) for row in rows)
    lowest = min(0.0, *(min(row["start"], row["end"]) for row in rows))
    words = _nested([row["words"] for row in values])
    base = alt.Chart(alt.Data(values=values))
    y = alt.Y(
        "place:O",
        axis=alt.Axis(
            title=None,
            domain=False,
            ticks=False,
            labelLimit=340,
            labelPadding=8,
            labelExpr=f"split({words}, '|')",
            labelOffset={"expr": f"-7.5 * (length(split({words}, '|')) - 1)"},  # lines grow downwards from the middle
        ),
        scale=alt.Scale(paddingInner=0.3),
    )
    x = alt.X(
        "start:Q",
        title=None,
        scale=alt.Scale(domain=[lowest, reach * (1.16 if is_wide else 1.3)], nice=False),
        axis=alt.Axis(format=".0%", tickCount=5 if is_wide else 3, grid=True),
    )
    shades = alt.Color(
        "kind:N",
        legend=None,
        scale=alt.Scale(domain=["total", "raises", "lowers"], range=[color("muted"), color("worse"), color("better")]),
    )
    bars = base.mark_bar(height={"band": 0.72}, cornerRadius=2).encode(
        y=y,
        x=x,
        x2="end:Q",
        color=shades,
        tooltip=[alt.Tooltip("text:N", title=tr("Because")), alt.Tooltip("label:N", title=tr("Points"))],
    )
    labels = base.transform_calculate(right="max(datum.start, datum.end)").mark_text(
        align="left", dx=6, color=color("ink"), fontSize=12
    )
    return styled(
        alt.layer(bars, labels.encode(y=y, x="right:Q", text="label:N")).properties(
            width=width - (400 if is_wide else 190), height=max(38, 15 * tallest + 4) * len(rows)
        )
    )


def _usage_bars(rows: Sequence[Mapping[str, Any]], width: int) -> Any:
    import altair as alt

    base = alt.Chart(alt.Data(values=[dict(row) for row in rows]))
    x = alt.X(
        "month:O",
        title=None,
        axis=alt.Axis(
            labelExpr="timeFormat(toDate(datum.value), '%b')",
            labelAngle=0,
            grid=False,
            ticks=False,
            labelOverlap=True,
            labelSeparation=6,
        ),
    )
    y = alt.Y(
        "sessions:Q", title=None, axis=alt.Axis(tickCount=4, tickMinStep=1, domain=False, ticks=False, format="d")
    )
    bars = base.mark_bar(width={"band": 0.7}, cornerRadiusTopLeft=2, cornerRadiusTopRight=2).encode(
        x=x,
        y=y,
        color=alt.Color(
            "kind:N",
            legend=None,
            scale=alt.Scale(domain=["whole", "so far"], range=[color("curve"), color("band")]),
        ),
        tooltip=[
            alt.Tooltip("month:T", title=tr("Month"), format="%B %Y"),
            alt.Tooltip("sessions:Q", title=tr("Logins")),
        ],
    )
    return styled(bars.properties(width=width - (280 if width == WIDE else 72), height=150))


def _wrapped(text: str, limit: int, most: int) -> str:
    """Return `text` on `most` lines of `limit` characters, parted by a bar; what does not fit is left out, and a sign says so."""
    lines = textwrap.wrap(text.replace("|", "/"), limit) or [""]
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1][: limit - 1].rstrip() + "…"]
    return "|".join(lines)


def _nested(labels: Sequence[str]) -> str:
    """A Vega expression that gives the label of a row's number."""
    expression = "''"
    for place in range(len(labels) - 1, -1, -1):
        safe = labels[place].replace("\\", "\\\\").replace("'", "\\'")
        expression = f"(datum.value == {place} ? '{safe}' : {expression})"
    return expression

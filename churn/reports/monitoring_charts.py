"""Draws how a model fares over time: matured cohorts against what its test allows, features that moved, daily trends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from churn.reports.charts.svg import WIDE, Figure, both, color, styled

_KINDS: Final = {"ok": "curve", "watch": "worse", "act": "chosen", "unknown": "muted"}
_SHAPES: Final = {"ok": "circle", "watch": "triangle-up", "act": "diamond", "unknown": "square"}


def cohort_chart(rows: Sequence[Mapping[str, Any]], *, title: str, share: bool, describe: str) -> Figure:
    """Return one figure of matured cohorts with its interval, over the band that the model's test allows.

    `rows`, oldest first: on (ISO day), value, low, high, floor, ceiling (None where open), severity. `share` writes the
    axis in percent. Severity is told by shape as well as by colour.
    """
    return both(lambda width: _cohorts(rows, title, width, is_share=share), describe)


def churn_chart(rows: Sequence[Mapping[str, Any]], *, describe: str) -> Figure:
    """Return the churn rate of each matured cohort beside the one expected. `rows`: on, left, expected (shares)."""
    return both(lambda width: _churn(rows, width), describe)


def drift_chart(rows: Sequence[Mapping[str, Any]], *, describe: str) -> Figure:
    """Return PSI per feature as bars with a tick at its limit. `rows`: feature, psi, limit, severity; worst first."""
    return both(lambda width: _drift(rows, width), describe)


def trend_chart(rows: Sequence[Mapping[str, Any]], *, title: str, share: bool, describe: str) -> Figure:
    """Return one monitored value day by day with its limit. `rows`: on, value, limit (None where there is none)."""
    return both(lambda width: _trend(rows, title, width, is_share=share), describe)


def _time(width: int) -> Any:
    import altair as alt

    axis = alt.Axis(title=None, format="%b %y", tickCount=6 if width == WIDE else 3, grid=False, labelOverlap=True)
    return alt.X("on:T", axis=axis)


def _domain(values: Sequence[float | None], *, is_share: bool) -> list[float]:
    known = [value for value in values if value is not None] or [0.0, 1.0]
    low, high = min(known), max(known)
    pad = 0.12 * (high - low or abs(high) or 1.0)
    floor = max(low - pad, 0.0) if low >= 0.0 else low - pad
    return [floor, min(high + pad, 1.0) if is_share and high <= 1.0 else high + pad]


def _cohorts(rows: Sequence[Mapping[str, Any]], title: str, width: int, *, is_share: bool) -> Any:
    import altair as alt

    values = [dict(row) for row in rows if row["value"] is not None]
    keys = ("value", "low", "high", "floor", "ceiling")
    domain = _domain([row[key] for row in values for key in keys], is_share=is_share)
    for row in values:
        row["from"] = domain[0] if row["floor"] is None else row["floor"]
        row["to"] = domain[1] if row["ceiling"] is None else row["ceiling"]
    scale = alt.Scale(domain=domain, nice=False, zero=False)
    axis = alt.Axis(format=".0%" if is_share else ".2f", tickCount=5, domain=False, ticks=False)
    y = alt.Y("value:Q", title=title, scale=scale, axis=axis)
    x = _time(width)
    base = alt.Chart(alt.Data(values=values))
    if len(values) > 1:
        allowed = base.mark_area(color=color("band"), opacity=1).encode(
            x=x, y=alt.Y("from:Q", title=title, scale=scale), y2="to:Q"
        )
    else:
        allowed = base.mark_rule(color=color("band"), strokeWidth=26).encode(
            x=x, y=alt.Y("from:Q", title=title, scale=scale), y2="to:Q"
        )
    layers = [
        allowed,
        base.mark_rule(color=color("curve"), strokeWidth=2).encode(x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q"),
        base.mark_line(color=color("curve"), strokeWidth=1.5).encode(x=x, y=y),
    ]
    for severity in sorted({row["severity"] for row in values}):
        part = base.transform_filter(f"datum.severity == '{severity}'")
        layers.append(
            part.mark_point(
                filled=True,
                size=110,
                opacity=1,
                color=color(_KINDS[severity]),
                shape=_SHAPES[severity],
                stroke=color("paper"),
            ).encode(x=x, y=y)
        )
    return styled(alt.layer(*layers).properties(width=width - 84, height=240 if width == WIDE else 190))


def _churn(rows: Sequence[Mapping[str, Any]], width: int) -> Any:
    import altair as alt

    parts: tuple[tuple[str, str, str, list[int]], ...] = (
        ("left", "left", "chosen", []),
        ("expected", "expected by the model", "curve", [5, 3]),
    )
    values = [{"on": row["on"], "rate": row[key], "line": name} for row in rows for key, name, *_ in parts]
    scale = alt.Scale(domain=_domain([v["rate"] for v in values], is_share=True), nice=False, zero=False)
    y = alt.Y("rate:Q", title="Churn in the label window", scale=scale, axis=alt.Axis(format=".1%", tickCount=5, domain=False, ticks=False))  # fmt: skip
    base = alt.Chart(alt.Data(values=values))
    layers = []
    for place, (_, name, tone, dash) in enumerate(parts):
        part = base.transform_filter(f"datum.line == '{name}'")
        layers.append(
            part.mark_line(color=color(tone), strokeWidth=2.5, strokeDash=dash, point=False).encode(x=_time(width), y=y)
        )
        layers.append(part.mark_point(filled=True, size=60, opacity=1, color=color(tone)).encode(x=_time(width), y=y))
        last = alt.Chart(alt.Data(values=[v for v in values if v["line"] == name][-1:]))
        above = (rows[-1]["left"] >= rows[-1]["expected"]) == (place == 0)
        layers.append(
            last.mark_text(align="right", dx=-2, dy=-16 if above else 20, color=color(tone), fontWeight="bold", fontSize=13)
            .encode(x=_time(width), y=y, text="line:N")
        )  # fmt: skip
    return styled(alt.layer(*layers).properties(width=width - 84, height=240 if width == WIDE else 190))


def _drift(rows: Sequence[Mapping[str, Any]], width: int) -> Any:
    import altair as alt

    is_wide = width == WIDE
    room = 240 if is_wide else 150
    base = alt.Chart(alt.Data(values=[dict(row) for row in rows]))
    y = alt.Y(
        "feature:N",
        sort=[row["feature"] for row in rows],
        axis=alt.Axis(title=None, domain=False, ticks=False, labelLimit=room - 12, minExtent=room, labelPadding=8),
    )
    top = 1.15 * max([row["psi"] for row in rows] + [row["limit"] for row in rows])
    x = alt.X("psi:Q", title="PSI against training (tick: where one acts)", scale=alt.Scale(domain=[0, top], nice=False),
              axis=alt.Axis(tickCount=6 if is_wide else 3))  # fmt: skip
    layers = [
        base.transform_filter(f"datum.severity == '{severity}'")
        .mark_bar(color=color(_KINDS[severity]), height=14)
        .encode(y=y, x=x)
        for severity in sorted({row["severity"] for row in rows})
    ]
    layers.append(base.mark_tick(color=color("ink"), thickness=2, size=20).encode(y=y, x="limit:Q"))
    return styled(alt.layer(*layers).properties(width=width - room - 30, height=26 * len(rows) + 10))


def _trend(rows: Sequence[Mapping[str, Any]], title: str, width: int, *, is_share: bool) -> Any:
    import altair as alt

    values = [dict(row) for row in rows if row["value"] is not None]
    domain = _domain([0.0, *(row[key] for row in values for key in ("value", "limit"))], is_share=is_share)
    scale = alt.Scale(domain=domain, nice=False)
    axis = alt.Axis(format=".0%" if is_share else ".2f", tickCount=4, domain=False, ticks=False)
    y = alt.Y("value:Q", title=title, scale=scale, axis=axis)
    base = alt.Chart(alt.Data(values=values))
    limits = base.transform_filter("isValid(datum.limit)")
    layers = [
        limits.mark_line(color=color("muted"), strokeDash=[4, 3]).encode(
            x=_time(width), y=alt.Y("limit:Q", title=title, scale=scale)
        ),
        base.mark_line(color=color("curve"), strokeWidth=2).encode(x=_time(width), y=y),
        base.mark_point(filled=True, size=50, opacity=1, color=color("curve")).encode(x=_time(width), y=y),
    ]
    return styled(alt.layer(*layers).properties(width=width - 84, height=180 if width == WIDE else 150))

"""Draws how good a model is: calibration, ROC, precision and recall, what each share contacted finds and earns, what it goes by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from churn.languages.words import N_, tr
from churn.reports.charts.svg import WIDE, Figure, both, color, in_two_lines, money_axis, styled

Rows = Sequence[Mapping[str, Any]]
# As wide as a page's column is on a laptop, so that letters keep their size; a phone gets the narrow drawing.
FULL: Final = 990
HALF: Final = 470


def calibration_chart(
    bins: Rows,
    *,
    describe: str,
    titles: tuple[str, str] = (N_("Predicted to leave"), N_("Did leave")),
    locale: Mapping[str, Any] | None = None,
) -> Figure:
    """Return predicted against observed churn, a dot with its 95 % interval per bin, beside the line of perfection.

    `bins`: predicted, observed, low, high, text. Roots on both axes spread the many customers at small risk. `titles`
    and `locale`: the axes' names and numbers in another language.
    """
    return both(lambda width: _calibration(bins, titles, _half(width)), describe, locale)


def roc_chart(points: Rows, *, auc: str, describe: str) -> Figure:
    """Return the ROC curve. `points`: false_positive_rate, recall; `auc` is written under the curve."""
    x, y = "false_positive_rate", "recall"
    return both(lambda width: _curve(points, x, y, _half(width), _ROC, diagonal=True, note=auc), describe)


def precision_recall_chart(points: Rows, *, base_rate: float, note: str, describe: str) -> Figure:
    """Return precision against recall, with the line that chance alone would reach. `points`: recall, precision."""
    return both(
        lambda width: _curve(points, "recall", "precision", _half(width), _PR, level=base_rate, note=note), describe
    )


def gains_chart(points: Rows, chosen: Mapping[str, Any] | None, *, describe: str) -> Figure:
    """Return the share of leavers found by the share of customers contacted, riskiest first.

    `points`: contacts_share, recall. `chosen`: the same and the label of the cut that was chosen.
    """
    return both(lambda width: _gains(points, chosen, _half(width)), describe)


def profit_by_share(points: Rows, chosen: Mapping[str, Any] | None, *, currency_prefix: str, describe: str) -> Figure:
    """Return net profit by the share of customers contacted. `points`: contacts_share, net_profit; `chosen`: the same, label."""
    return both(lambda width: _profit(points, chosen, _half(width), currency_prefix), describe)


def candidates_chart(rows: Rows, *, currency_prefix: str, describe: str) -> Figure:
    """Return each candidate's net profit with its 95 % interval. `rows`: title, net_profit, low, high, kind (a colour token)."""
    return both(lambda width: _candidates(rows, width, currency_prefix), describe)


def versions_chart(rows: Rows, *, describe: str) -> Figure:
    """Return the AUC of each training with its 95 % interval, newest first. `rows`: title, auc, low, high, kind (a colour token)."""
    return both(lambda width: _versions(rows, width), describe)


def importance_chart(rows: Rows, *, describe: str) -> Figure:
    """Return bars of what a model goes by. `rows`: label, points (percentage points), text; strongest first."""
    return both(lambda width: _importance(rows, _half(width)), describe)


_ROC: Final = (N_("Stayers contacted in vain"), N_("Leavers found"))
_CONTACTED: Final = N_("Customers contacted, riskiest first")
_PR: Final = (N_("Leavers found"), N_("Of those contacted, leave"))


def _half(width: int) -> int:
    return HALF if width == WIDE else width


def _share(name: str, title: str, *, top: float = 1.0, grid: bool = True) -> dict[str, Any]:  # arguments of Altair
    import altair as alt

    return {
        "shorthand": f"{name}:Q",
        "title": title,
        "scale": alt.Scale(domain=[0, top], nice=False),
        "axis": alt.Axis(format=".0%", tickCount=5, grid=grid, domain=False, ticks=False),
    }


def _told(*pairs: tuple[str, str, str]) -> list[Any]:
    import altair as alt

    return [alt.Tooltip(f"{field}", title=title, format=form) for field, title, form in pairs]


def _calibration(bins: Rows, titles: tuple[str, str], width: int) -> Any:
    import altair as alt

    top = min(1.0, 1.06 * max([*(b["high"] for b in bins), *(b["predicted"] for b in bins), 0.05]))
    ticks = [t for t in (0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0) if t <= top]
    if len(ticks) > 8:
        ticks = [t for t in ticks if t not in {0.3, 0.8}]
    scale = alt.Scale(type="sqrt", domain=[0, top], nice=False)

    def axis(*, grid: bool) -> Any:
        return alt.Axis(format=".0%", values=ticks, grid=grid, domain=False, ticks=False)

    x = alt.X("predicted:Q", title=tr(titles[0]), scale=scale, axis=axis(grid=False))
    y = alt.Y("observed:Q", title=tr(titles[1]), scale=scale, axis=axis(grid=True))
    base = alt.Chart(alt.Data(values=[dict(b) for b in bins]))
    line = alt.Chart(alt.Data(values=[{"at": 0, "to": 0}, {"at": top, "to": top}])).mark_line(
        color=color("muted"), strokeDash=[4, 3], tooltip=False
    )
    layers = [
        line.encode(
            x=alt.X("at:Q", scale=scale, axis=axis(grid=False), title=tr(titles[0])),
            y=alt.Y("to:Q", scale=scale, axis=axis(grid=True), title=tr(titles[1])),
        ),
        base.mark_rule(color=color("curve"), strokeWidth=2, opacity=0.55).encode(
            x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q"
        ),
        base.mark_point(filled=True, size=70, opacity=1, color=color("curve")).encode(
            x=x,
            y=y,
            tooltip=_told(
                ("predicted:Q", tr("Predicted"), ".1%"),
                ("observed:Q", tr("Left"), ".1%"),
                ("customers:Q", tr("Customers"), ","),
            ),
        ),
    ]
    return styled(alt.layer(*layers).properties(width=width - 86, height=280))


def _curve(
    points: Rows,
    x_name: str,
    y_name: str,
    width: int,
    titles: tuple[str, str],
    *,
    diagonal: bool = False,
    level: float | None = None,
    note: str = "",
) -> Any:
    import altair as alt

    top = 1.0 if diagonal else min(1.0, 1.1 * max([*(p[y_name] for p in points), level or 0.0, 0.1]))
    x = alt.X(**_share(x_name, tr(titles[0]), grid=False))
    y = alt.Y(**_share(y_name, tr(titles[1]), top=top))
    layers = []
    if diagonal:
        line = alt.Chart(alt.Data(values=[{x_name: 0, y_name: 0}, {x_name: 1, y_name: 1}]))
        layers.append(line.mark_line(color=color("muted"), strokeDash=[4, 3], tooltip=False).encode(x=x, y=y))
    if level is not None:
        rule = alt.Chart(alt.Data(values=[{y_name: level}]))
        layers.append(rule.mark_rule(color=color("muted"), strokeDash=[4, 3], tooltip=False).encode(y=y))
    drawn = alt.Chart(alt.Data(values=[dict(p) for p in points])).mark_line(
        color=color("curve"), strokeWidth=2.5, interpolate="linear"
    )
    layers.append(drawn.encode(x=x, y=y, order=alt.Order(f"{x_name}:Q")))
    if note:
        place = {x_name: 0.97, y_name: 0.06 * top if diagonal else 0.93 * top}
        text = alt.Chart(alt.Data(values=[{**place, "note": note}])).mark_text(
            align="right", color=color("ink"), fontSize=13, fontWeight="bold", tooltip=False
        )
        layers.append(text.encode(x=x, y=y, text="note:N"))
    return styled(alt.layer(*layers).properties(width=width - 86, height=260))


def _gains(points: Rows, chosen: Mapping[str, Any] | None, width: int) -> Any:
    import altair as alt

    x = alt.X(**_share("contacts_share", tr(_CONTACTED), grid=False))
    y = alt.Y(**_share("recall", tr("Leavers found")))
    chance = alt.Chart(alt.Data(values=[{"contacts_share": 0, "recall": 0}, {"contacts_share": 1, "recall": 1}]))
    curve = alt.Chart(alt.Data(values=[dict(p) for p in points])).mark_line(color=color("curve"), strokeWidth=2.5)
    layers = [
        chance.mark_line(color=color("muted"), strokeDash=[4, 3], tooltip=False).encode(x=x, y=y),
        curve.encode(x=x, y=y, order=alt.Order("contacts_share:Q")),
        *_mark(chosen, "recall", dy=18),
    ]
    return styled(alt.layer(*layers).properties(width=width - 86, height=260))


def _profit(points: Rows, chosen: Mapping[str, Any] | None, width: int, prefix: str) -> Any:
    import altair as alt

    values = [p["net_profit"] for p in points]
    room = 0.14 * (max(values) - min(values) or 1.0)  # for the label above the top
    x = alt.X(**_share("contacts_share", tr(_CONTACTED), grid=False))
    y = alt.Y(
        "net_profit:Q",
        title=tr("Net profit"),
        scale=alt.Scale(domain=[min(values), max(values) + room], nice=False, zero=False),
        axis=alt.Axis(labelExpr=money_axis(prefix), tickCount=5, domain=False, ticks=False),
    )
    zero = alt.Chart(alt.Data(values=[{"net_profit": 0}])).mark_rule(color=color("muted"), strokeDash=[4, 3])
    curve = alt.Chart(alt.Data(values=[dict(p) for p in points])).mark_line(color=color("curve"), strokeWidth=2.5)
    layers = [
        zero.encode(y=y),
        curve.encode(x=x, y=y, order=alt.Order("contacts_share:Q")),
        *_mark(chosen, "net_profit", dy=-12),
    ]
    return styled(alt.layer(*layers).properties(width=width - 86, height=260))


def _mark(chosen: Mapping[str, Any] | None, y_name: str, *, dy: int) -> list[Any]:
    import altair as alt

    if chosen is None:
        return []
    point = alt.Chart(alt.Data(values=[dict(chosen)]))
    on_left = chosen["contacts_share"] > 0.6
    text = point.mark_text(
        align="right" if on_left else "left",
        dx=-8 if on_left else 8,
        dy=dy,
        color=color("chosen"),
        fontWeight="bold",
        fontSize=13,
        tooltip=False,
    )
    dot = point.mark_point(
        filled=True, size=130, shape="diamond", opacity=1, color=color("chosen"), stroke=color("paper")
    )
    place = {"x": alt.X("contacts_share:Q"), "y": alt.Y(f"{y_name}:Q")}
    return [
        dot.encode(**place, tooltip=_told(("label:N", tr("The model's cut"), ""))),
        text.encode(**place, text="label:N"),
    ]


def _candidates(rows: Rows, width: int, prefix: str) -> Any:
    axis = {"labelExpr": money_axis(prefix)}
    return _ranges(
        rows, width, "net_profit", tr("Net profit on the test customers"), axis, (tr("Candidate"), tr("Net profit"))
    )


def _versions(rows: Rows, width: int) -> Any:
    return _ranges(
        rows, width, "auc", tr("AUC on the test customers of each"), {"format": ".2f"}, (tr("Version"), "AUC")
    )


def _ranges(
    rows: Rows, width: int, name: str, title: str, axis: Mapping[str, Any], headings: tuple[str, str]
) -> Any:  # `axis` holds arguments of Altair
    """Return a dot with its interval per row; the one that was chosen is a diamond."""
    import altair as alt

    is_wide = width == WIDE
    base = alt.Chart(alt.Data(values=[dict(row) for row in rows]))
    labels = {"labelLimit": 200} if is_wide else {"labelLimit": 140, "labelExpr": in_two_lines(18)}
    y = alt.Y(
        "title:N",
        sort=[row["title"] for row in rows],
        axis=alt.Axis(title=None, domain=False, ticks=False, labelPadding=8, **labels),
    )
    x = alt.X(
        "low:Q",
        title=title,
        scale=alt.Scale(zero=False, nice=True),
        axis=alt.Axis(**axis, tickCount=6 if is_wide else 3),
    )
    tooltip = _told(("title:N", headings[0], ""), ("text:N", headings[1], ""))
    layers = []
    for kind in sorted({row["kind"] for row in rows}):
        part = base.transform_filter(f"datum.kind == '{kind}'")
        shape = "diamond" if kind == "chosen" else "circle"
        layers.append(part.mark_rule(color=color(kind), strokeWidth=3, strokeCap="round").encode(y=y, x=x, x2="high:Q"))
        layers.append(
            part.mark_point(filled=True, size=120, opacity=1, color=color(kind), shape=shape).encode(
                y=y, x=f"{name}:Q", tooltip=tooltip
            )
        )
    wide = FULL - 232 if is_wide else width - 165
    return styled(alt.layer(*layers).properties(width=wide, height=34 * len(rows) + 10))


def _importance(rows: Rows, width: int) -> Any:
    import altair as alt

    is_wide = width != WIDE and width > 400
    top = 1.25 * max((row["points"] for row in rows), default=1.0)
    base = alt.Chart(alt.Data(values=[dict(row) for row in rows]))
    y = alt.Y(
        "label:N",
        sort=[row["label"] for row in rows],
        axis=alt.Axis(
            title=None,
            domain=False,
            ticks=False,
            labelLimit=170 if is_wide else 140,
            labelExpr=in_two_lines(28 if is_wide else 18),
            labelPadding=8,
        ),
    )
    x = alt.X("points:Q", title=None, axis=None, scale=alt.Scale(domain=[0, top], nice=False))
    bars = base.mark_bar(color=color("better"), height=16, cornerRadiusEnd=3).encode(
        y=y, x=x, tooltip=_told(("label:N", tr("Theme"), ""), ("text:N", tr("Moves the risk by"), ""))
    )
    texts = base.mark_text(align="left", dx=6, color=color("ink"), fontSize=12, tooltip=False)
    layers = [bars, texts.encode(y=y, x=x, text="text:N")]
    return styled(
        alt.layer(*layers).properties(width=width - (196 if is_wide else 150), height=30 * max(len(rows), 1) + 6)
    )

"""Small pictures of one column, a hundred of which fit on a page: histogram with box plot, and churn along the column."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup, escape

from churn.documents.exploration import ColumnProfile
from churn.languages.recorded import recorded
from churn.languages.words import tr
from churn.wording import count, percent, significant

WIDTH: Final = 240
_HEIGHT: Final = 84
_BARS: Final = 60  # height of the bars; the box plot stands below
_MOST: Final = 8


def spread(column: ColumnProfile) -> Markup | None:
    """Return a column's histogram over its box plot; None for texts, flags and columns without values."""
    histogram, box = column.histogram, column.box
    if histogram is None or box is None or len(histogram.counts) < 2:
        return None
    edges, counts = histogram.edges, histogram.counts
    most, width = max(*counts, 1), WIDTH / len(counts)
    bars = "".join(
        f'<rect x="{i * width:.1f}" y="{_BARS - _BARS * n / most:.1f}" width="{max(width - 1, 0.8):.1f}" '
        f'height="{_BARS * n / most:.1f}"/>'
        for i, n in enumerate(counts)
        if n
    )

    def at(value: float) -> float:
        return float(WIDTH * min(max((value - edges[0]) / (edges[-1] - edges[0]), 0.0), 1.0))

    low, first, middle, third, high = (at(value) for value in (box.low, box.first, box.median, box.third, box.high))
    y = _BARS + 14
    plot = (
        f'<path class="whisker" d="M{low:.1f} {y}H{first:.1f}M{third:.1f} {y}H{high:.1f}'
        f'M{low:.1f} {y - 4}v8M{high:.1f} {y - 4}v8"/>'
        f'<rect class="box" x="{first:.1f}" y="{y - 6}" width="{max(third - first, 1):.1f}" height="12"/>'
        f'<path class="median" d="M{middle:.1f} {y - 6}v12"/>'
    )
    description = tr(
        "{edges} to {edges_2}; half between {first} and {third}, median {median}",
        edges=number(edges[0]),
        edges_2=number(edges[-1]),
        first=number(box.first),
        third=number(box.third),
        median=number(box.median),
    )
    return Markup(  # noqa: S704  # numbers only; the description is escaped
        f'<svg class="spread" viewBox="0 0 {WIDTH} {_HEIGHT}" role="img" aria-label="{escape(description)}">{bars}{plot}</svg>'
    )


def churn_line(column: ColumnProfile, average: float | None) -> Markup | None:
    """Return churn along a column's bins, with intervals, beside the average; None without outcomes."""
    bins = column.churn[: _MOST + 1]
    if len(bins) < 2 or average is None:
        return None
    most = max(*(row.high if row.rows >= 30 else row.churn_rate for row in bins), average) * 1.05 or 1.0
    step, top = WIDTH / len(bins), _HEIGHT - 6

    def y(share: float) -> float:
        return float(top - (top - 6) * min(share / most, 1.0) + 3)

    marks = []
    for i, row in enumerate(bins):
        x = step * (i + 0.5)
        marks.append(
            f'<path class="span" d="M{x:.1f} {y(row.low):.1f}V{y(row.high):.1f}"/>'
            f'<circle class="{"hollow" if row.label == "missing" else "known"}" cx="{x:.1f}" '
            f'cy="{y(row.churn_rate):.1f}" r="3.2"/>'
        )
    rates = "; ".join(f"{_label(row.label)}: {percent(row.churn_rate, 0)}" for row in bins)
    return Markup(  # noqa: S704  # numbers only; the description is escaped
        f'<svg class="churn" viewBox="0 0 {WIDTH} {_HEIGHT}" role="img" aria-label="{escape(tr("Churn by value. ") + rates)}">'
        f'<path class="average" d="M0 {y(average):.1f}H{WIDTH}"/>{"".join(marks)}</svg>'
    )


def ends(column: ColumnProfile) -> tuple[str, str]:
    """Return what the first and the last of a column's bins are called, and that the hollow dot is what is missing."""
    bins = column.churn[: _MOST + 1]
    known = [recorded(row.label) for row in bins if row.label != "missing"]
    if not known:
        return (tr("missing"), "")
    return known[0], known[-1] + (tr(", missing") if len(known) < len(bins) else "")


def _label(label: str) -> str:
    return tr("missing") if label == "missing" else recorded(label)


def kind(column: ColumnProfile) -> str:
    """Return a column's type as people say it."""
    names = {"flag": tr("yes or no"), "text": tr("text")}
    is_whole = column.type.lower().startswith(("int", "uint"))
    return names.get(column.kind, tr("whole number") if is_whole else tr("number"))


def number(value: float) -> str:
    """Return a number with three digits, thousands set apart."""
    return count(value) if value == round(value) or abs(value) >= 1000 else significant(value, 3)

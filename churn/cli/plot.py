"""Draws a curve with its band as lines of text, for terminals and logs alike."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

BAND, CURVE, ZERO, MARK = "░", "━", "─", "◆"


def band_plot(
    x: Sequence[float],
    curve: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    *,
    mark: tuple[float, float] | None,
    x_label: Callable[[float], str],
    y_label: Callable[[float], str],
    width: int = 78,
    height: int = 14,
) -> list[str]:
    """Return `curve` over rising `x`, its band from `low` to `high`, and the point `mark`, as lines of text.

    All in the units of the data; `x_label` and `y_label` write the axes. Zero is always in sight.
    """
    bottom, top = min(*low, 0.0), max(*high, 0.0)
    top = top if top > bottom else bottom + 1.0
    labels = [y_label(top - (top - bottom) * row / (height - 1)) for row in range(height)]
    margin = max(map(len, labels)) + 2
    columns = max(width - margin, 20)

    def row_of(value: float) -> int:
        return round((top - value) / (top - bottom) * (height - 1))

    rows = [[" "] * columns for _ in range(height)]
    rows[row_of(0.0)] = [ZERO] * columns
    for column in range(columns):
        at = x[-1] * (column + 0.5) / columns
        expected, below, above = (_between(x, values, at) for values in (curve, low, high))
        for row in range(row_of(above), row_of(below) + 1):
            rows[row][column] = BAND
        rows[row_of(expected)][column] = CURVE
    if mark is not None:
        rows[row_of(mark[1])][min(int(mark[0] / x[-1] * columns), columns - 1)] = MARK
    ticks = {0, height - 1, row_of(0.0), height // 2}
    shown = [
        f"{labels[i] if i in ticks and (i == row_of(0.0) or abs(i - row_of(0.0)) > 1) else '':>{margin - 1}} {''.join(row)}"
        for i, row in enumerate(rows)
    ]
    zero = row_of(0.0)
    shown[zero] = f"{y_label(0.0):>{margin - 1}} {''.join(rows[zero])}"
    left, middle, right = x_label(0.0), x_label(x[-1] / 2), x_label(x[-1])
    axis = f"{left}{middle:^{columns - len(left) - len(right)}}{right}"
    return [line.rstrip() for line in [*shown, " " * margin + axis]]


def _between(x: Sequence[float], y: Sequence[float], at: float) -> float:
    """The value at `at` on the straight lines through (0, 0) and the points."""
    i = bisect_left(x, at)
    if i >= len(x):
        return y[-1]
    x0, y0 = (x[i - 1], y[i - 1]) if i else (0.0, 0.0)
    return y[i] if x[i] == x0 else y0 + (y[i] - y0) * (at - x0) / (x[i] - x0)

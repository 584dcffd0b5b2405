"""Notes which values an experiment saw of each category that its model goes by, and counts those of another file that it never saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from churn.documents.experiment import SeenValues, UnseenValues
from churn.modeling.encoding.columns import MISSING, categories

if TYPE_CHECKING:
    import polars as pl

    from churn.modeling.encoding.encoder import Encoder

_MOST: Final = 2_000  # values that are noted of a column
_ROWS_EACH: Final = 5  # rows a value has at least on average: a column of ids or names is noted nowhere
_SHOWN: Final = 5


def seen_values(frame: pl.DataFrame, encoder: Encoder) -> tuple[SeenValues, ...]:
    """Return the values of each category that the model of an experiment goes by, but of columns that nearly name their rows."""
    seen = []
    for feature in dict.fromkeys(plan.feature for plan in encoder.plans if hasattr(plan, "levels")):
        values = sorted(categories(frame, feature).unique().to_list())
        if len(values) <= min(_MOST, frame.height / _ROWS_EACH):
            seen.append(SeenValues(column=feature, values=tuple(values)))
    return tuple(seen)


def unseen_values(frame: pl.DataFrame, seen: tuple[SeenValues, ...]) -> tuple[UnseenValues, ...]:
    """Return the columns of another file that hold values the experiment never saw, the most frequent values first."""
    unseen = []
    for column in seen:
        values = categories(frame, column.column)
        strange = values.filter(~values.is_in(list(column.values)))
        if strange.len():
            counts = strange.value_counts(sort=True, name="rows").sort(
                ["rows", column.column], descending=[True, False]
            )
            names = [value if value != MISSING else "nothing" for value in counts[column.column].to_list()]
            unseen.append(
                UnseenValues(
                    column=column.column, rows=strange.len(), values=len(names), examples=tuple(names[:_SHOWN])
                )
            )
    return tuple(unseen)

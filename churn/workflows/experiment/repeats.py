"""Finds hints that customers stand in several rows of a file whose column of ids nobody named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from churn.documents.experiment import RepeatedRows

if TYPE_CHECKING:
    import polars as pl

_NEARLY_ALL: Final = 0.8  # of the rows that have a value, so many with one of their own: an id or a name
_ALIKE: Final = 0.9  # so many rows that differ: then equal ones are hardly chance
_NAMES_AN_ID: Final = re.compile(
    r"(^|[\W_])(id|uid|uuid|guid|nr|no|number|nummer|key)$|customer|client|member|user|account|kunde|e-?mail",
    re.IGNORECASE,
)


def find_repeats(rows: pl.DataFrame) -> RepeatedRows | None:
    """Return which of `rows`, without their arm, repeat another by a column that seems to be an id, or in every column; else None."""
    import polars as pl

    for name in rows.columns:
        column = rows[name].drop_nulls()
        is_text = column.dtype == pl.String
        if not (is_text or (column.dtype.is_integer() and _NAMES_AN_ID.search(name))):
            continue
        distinct = column.n_unique()
        if _NEARLY_ALL * len(column) <= distinct < len(column):
            return RepeatedRows(column=name, rows=len(column) - distinct)
    distinct = rows.n_unique()
    if _ALIKE * rows.height <= distinct < rows.height:
        return RepeatedRows(column=None, rows=rows.height - distinct)
    return None

"""A column that only the company's own source has, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Literal

from churn.documents.document import Document

ColumnUse = Literal["known_at", "static", "versions", "as_of_today", "identifier", "kind", "many_values", "row_number"]

_USED: dict[ColumnUse, str] = {
    "known_at": "a feature, by the source's known_at",
    "static": "a feature, declared static",
    "versions": "a feature, by the versions seen from load to load",
}


class OwnColumn(Document):
    """Column `column` of `source`, the `feature` it is named as, and its `use`.

    `known_since` is the day of the first load where nothing says what the column held before.
    """

    source: str
    column: str
    feature: str
    use: ColumnUse
    known_since: date | None = None

    @property
    def is_used(self) -> bool:
        """Whether models may learn from it."""
        return self.use in _USED

    @property
    def words(self) -> str:
        """What becomes of it, and for what reason."""
        if self.use in _USED:
            return _USED[self.use]
        if self.use == "as_of_today":
            return (
                f"not learnt from: as of today, what it held before {self.known_since} is not known. Map known_at, or name it in"
                f" [sources.{self.source}] static if it never changes"
            )
        if self.use == "identifier":
            return "not used: nearly every row has a value of its own, as ids and names do"
        if self.use == "row_number":
            return "not used: it counts the rows of the file"
        if self.use == "many_values":
            return "not used: it has too many values to count each"
        return "not used: it holds no number, text, truth value or date"


def said_of_columns(columns: Iterable[OwnColumn]) -> list[str]:
    """Return a sentence for each reason why columns of a source are not learnt from, with all of them."""
    alike: dict[tuple[str, str], list[str]] = {}
    for column in columns:
        if not column.is_used:
            alike.setdefault((column.source, column.words), []).append(column.column)
    return [
        f"{source}.{names[0]} is {words}."
        if len(names) == 1
        else f"{len(names)} columns of {source}, {', '.join(names[:-1])} and {names[-1]}, are each {words}."
        for (source, words), names in alike.items()
    ]

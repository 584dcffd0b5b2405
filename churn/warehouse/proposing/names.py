"""Looks at what names the rows of a table, what a payment's amount is, and who left, where no column is surely it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from churn.warehouse.loading.contracts import TABLES
from churn.warehouse.proposing.evidence import ColumnEvidence, FileEvidence
from churn.warehouse.proposing.synonyms import plain
from churn.warehouse.proposing.tables import OWN_IDS, TableMatch
from churn.warehouse.proposing.toml import inline

_COUNTS: Final = {"quantity", "qty", "count", "pieces", "menge", "anzahl", "stueck"}
_LABELS: Final = 4  # columns at most that are offered as the label
_SEVERAL: Final = 0.9  # a share of values of their own below which a column names several rows each


@dataclass
class Names:
    """Columns to map, those `left_out` until a person has answered, questions with their answers, and notes."""

    columns: dict[str, str] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    questions: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def names_of(
    match: TableMatch, evidence: FileEvidence, sql: Callable[[ColumnEvidence], str], *, has_versions: bool
) -> Names:
    """Say what stands for the id where no column is it, or where one names several rows; ask for amount and label.

    Where the table `has_versions` by what is mapped, an id that comes again is no question.
    """
    names = Names()
    by_name = {column.name: column for column in evidence.columns}
    place = "row_number" if len(evidence.paths) == 1 else "source_file || ':' || row_number"
    if match.numbers_its_rows:
        _without_id(match, evidence, place, sql, names)
    own = OWN_IDS.get(match.table, "")
    shared = by_name.get(match.columns.get(own, ""))
    has_versions = has_versions or any(plain(name) == "knownat" for name in by_name)
    if shared is not None and shared.different < _SEVERAL * shared.values and not has_versions:
        names.left_out.add(own)
        why = (
            f"{shared.name} stands in several rows each, of which only the last would count. If they are lines of one, take their place with it;"
            " if they are versions, map `known_at` too. Below the section's columns:"
        )
        both = f"{sql(shared)} || '-' || {place}"
        names.questions.append((why, (f"{own} = {inline(both)}", f"{own} = {inline(shared.name)}")))
    if match.table == "payments":
        _by_the_piece(match, by_name, sql, names)
    if match.table == "customer_snapshots" and "has_churned" not in match.columns:
        pairs = [column for column in evidence.columns if len(column.words) == 2][:_LABELS]
        why = "No column is called the label. If one says who left, below the section's columns, such as:"
        if pairs:
            names.questions.append((why, tuple(f"has_churned = {inline(sql(column))}" for column in pairs)))
    return names


def _without_id(
    match: TableMatch, evidence: FileEvidence, place: str, sql: Callable[[ColumnEvidence], str], names: Names
) -> None:
    own = next(name for name in TABLES[match.table].required if name not in match.columns)
    unique = [
        column
        for column in evidence.columns
        if own == "customer_id" and column.values == evidence.rows == column.different and not column.is_time
    ]
    if not unique:
        names.columns[own] = place
        names.notes.append(f"No column is `{own}`: a row's place stands for it, so the export must keep its order.")
        return
    why = "No column is called the customers' id. Below the section's columns, uncomment the one that names them, or a row's place:"
    names.questions.append((why, tuple(f"{own} = {inline(way)}" for way in (*map(sql, unique), place))))


def _by_the_piece(
    match: TableMatch, by_name: Mapping[str, ColumnEvidence], sql: Callable[[ColumnEvidence], str], names: Names
) -> None:
    """Ask whether an amount is the price of one piece, where a column counts pieces."""
    price = by_name.get(match.columns.get("amount", ""))
    count = next((column for name, column in by_name.items() if plain(name) in _COUNTS and column.is_number), None)
    if price is None or count is None or not re.search("price|preis", plain(price.name)):
        return
    why = f"If {price.name} is the price of one piece, below the section's columns:"
    names.questions.append((why, (f"amount = {inline(f'{sql(count)} * {sql(price)}')}",)))

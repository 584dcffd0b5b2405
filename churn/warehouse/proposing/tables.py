"""Tells which canonical table a file is, by the names and the values of its columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from churn.warehouse.loading.contracts import TABLES, Column
from churn.warehouse.proposing.evidence import ColumnEvidence, FileEvidence
from churn.warehouse.proposing.synonyms import CHURNED, COLUMNS, FILE_NAMES, LEFT, STAYED, TELLING, numbered, plain

_NAMED = 3  # what the file's own name weighs, beside 1 a column and 2 a telling one
_LABELLED = 3  # what a column says that tells of each customer, in words of leaving and staying, whether they left
_ANY_ID: Final = {"id", "nummer"}  # of whatever the file is of
OWN_IDS: Final = {"subscriptions": "subscription_id", "payments": "payment_id", "support_tickets": "ticket_id"}


@dataclass(frozen=True)
class TableMatch:
    """A canonical table that a file may be: `columns` is ours = theirs, `score` how much speaks for it."""

    table: str
    columns: dict[str, str]
    score: int
    numbers_its_rows: bool = False


def shared_id(files: Sequence[FileEvidence]) -> str | None:
    """Return the column that names customers by what it holds, where no file calls it so: `msno` of a music service.

    It stands in every file, names the rows of one, and comes again in others, with no value more. None where several do.
    """
    known = {word for columns in COLUMNS.values() for word in columns["customer_id"].split()} - _ANY_ID
    if len(files) < 2 or any(plain(column.name) in known for evidence in files for column in evidence.columns):
        return None
    names = set.intersection(*({column.name for column in evidence.columns} for evidence in files))
    shared = []
    for name in sorted(names):
        held = [column for evidence in files for column in evidence.columns if column.name == name]
        own = max((column.different for column in held if 0.9 * column.values < column.different), default=0)
        is_id = all(not column.is_time and column.values for column in held)
        if is_id and any(column.comes_again for column in held) and all(c.different <= 1.1 * own for c in held):
            shared.append(name)
    return shared[0] if len(shared) == 1 else None


def matches(evidence: FileEvidence, customer: str | None = None, *, is_alone: bool = False) -> list[TableMatch]:
    """Return the tables that the file may be, the likeliest first; `customer` is the column that names customers, if known.

    Where the file `is_alone`, a status that says who left is taken for the label of a flat table.
    """
    fits = (_match(table, evidence, customer, is_alone=is_alone) for table in TABLES)
    fitting = [match for match in fits if match is not None]
    return sorted(fitting, key=lambda match: -match.score)


def is_undecided(ranked: Sequence[TableMatch]) -> bool:
    """Whether two tables fit equally well."""
    return len(ranked) > 1 and ranked[0].score == ranked[1].score


def _match(table: str, evidence: FileEvidence, customer: str | None, *, is_alone: bool) -> TableMatch | None:
    columns, score = _called(table, evidence, customer)
    is_named = _is_named(table, evidence.paths)
    score += _NAMED if is_named else 0
    own = OWN_IDS.get(table)
    status = _says_who_left(evidence.columns, {*columns.values()}) if is_alone else None
    if table == "customers" and status is not None:
        return None  # of customers alone nothing can be learnt; of a flat table with a label it can
    if table == "customer_snapshots":
        if status is not None and "has_churned" not in columns:
            columns["has_churned"] = status
            score += 2
        if _is_label(columns.get("has_churned"), evidence.columns):
            score += _LABELLED
            own = "customer_id"  # a flat table of customers, whatever names them
    missing = [name for name in TABLES[table].required if name not in columns]
    numbers_its_rows = own in missing
    if [name for name in missing if name != own] or (numbers_its_rows and not is_named and score < 4):
        return None
    if _is_ruled_out(table, columns, evidence, is_named=is_named):
        return None
    return TableMatch(table, columns, score, numbers_its_rows)


def _called(table: str, evidence: FileEvidence, customer: str | None) -> tuple[dict[str, str], int]:
    """Return ours = theirs by what the columns are called, and what that weighs."""
    columns: dict[str, str] = {}
    score = 0
    # Times and telling names first, so that a general name is left to what nothing else fits.
    for column in TABLES[table].columns:
        if column.name == "known_at":
            continue
        if column.name == "customer_id" and customer is not None:
            theirs: str | None = customer
        else:
            theirs = _theirs(table, column, evidence.columns, {*columns.values(), customer or ""})
        if theirs is not None:
            columns[column.name] = theirs
            score += 2 if (table, column.name) in TELLING else 1
    return columns, score


def _is_ruled_out(table: str, columns: Mapping[str, str], evidence: FileEvidence, *, is_named: bool) -> bool:
    """Say whether a file that has a table's columns cannot be it, or shows nothing that only this table has."""
    if table == "customers" and "known_at" not in {plain(column.name) for column in evidence.columns}:
        ids = next(column for column in evidence.columns if column.name == columns["customer_id"])
        if ids.comes_again:
            return True
    shown = {
        "payments": "amount" in columns,
        "customers": any((table, name) in TELLING for name in columns),
        "customer_snapshots": "has_churned" in columns,
    }
    return not is_named and not shown.get(table, True)


def _is_label(theirs: str | None, columns: Sequence[ColumnEvidence]) -> bool:
    words = next(({plain(word) for word in column.words} for column in columns if column.name == theirs), set())
    return len(words) == 2 and words <= CHURNED | STAYED


def _says_who_left(columns: Sequence[ColumnEvidence], used: set[str]) -> str | None:
    """Return the first column of few words, of which one says that a customer left: `Customer Status`, with `Churned`."""
    free = (column for column in columns if column.name not in used and column.kind == "text")
    return next((c.name for c in free if len(c.words) > 1 and LEFT & {plain(word) for word in c.words}), None)


def _is_named(table: str, paths: Sequence[Path]) -> bool:
    name = plain(paths[0].name.split(".")[0])
    return any(word in name for word in FILE_NAMES[table].split())


def _theirs(table: str, ours: Column, columns: Sequence[ColumnEvidence], used: set[str]) -> str | None:
    free = [column for column in columns if column.name not in used]
    known = [plain(ours.name), *COLUMNS[table].get(ours.name, "").split()]
    alike = [named for synonym in known if (named := numbered(synonym))] if ours.name.endswith("_id") else []
    free.sort(key=lambda column: column.name.lower() != ours.name)  # `email` before `E-Mail`
    for synonym in [*known, *alike]:
        for column in free:
            bare = re.sub(r"\([^)]*\)", "", column.name)  # Created (UTC)
            names = {plain(column.name), plain(bare), plain(re.split(r"[.:]", bare)[-1])}
            names |= {numbered(name) for name in names}
            if synonym in names and _fits(ours, column):
                return column.name
    return None


def _fits(ours: Column, column: ColumnEvidence) -> bool:
    if not column.values:
        return True
    if ours.type in {"TIMESTAMP", "DATE"}:
        return column.is_time or column.is_serial
    if ours.type == "DOUBLE":
        return column.is_number
    if ours.type == "BOOLEAN":
        return bool(column.words)
    return True

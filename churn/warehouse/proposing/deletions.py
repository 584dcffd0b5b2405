"""Proposes what becomes of rows that their source marks as deleted, and of logs that tell changes row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from churn.warehouse.loading.tombstones import GONE, is_mark, is_operation, marked, not_gone, standing
from churn.warehouse.proposing.evidence import ColumnEvidence, FileEvidence
from churn.warehouse.proposing.synonyms import plain
from churn.warehouse.proposing.toml import inline

_AFTER: Final = "after."
_BEFORE: Final = "before."
# When a change was made, or a row last copied; the likeliest first.
_CHANGED: Final = (
    "tsms", "sourcetsms", "cdcts", "cdctimestamp", "committimestamp", "commitat", "changedat", "optimestamp", "opts",
    "ts", "timestamp", "abcdcupdatedat", "fivetransynced", "peerdbsyncedat", "sdcextractedat", "updatedat",
)  # fmt: skip


@dataclass(frozen=True)
class Deletions:
    """Lines, columns and notes for a section; a question is why it is asked, and the lines to choose from.

    `read` are the headings that are spoken of.
    """

    lines: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    questions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    notes: tuple[str, ...] = ()
    read: frozenset[str] = frozenset()


def without_envelope(evidence: FileEvidence) -> FileEvidence:
    """Return a log of changes whose rows lie below `after` and `before`, as Debezium writes it, by what stands after each change."""
    names = {column.name for column in evidence.columns}
    if not any(name.startswith(_AFTER) for name in names) or "op" not in names:
        return evidence
    kept = [column for column in evidence.columns if not column.name.startswith((_BEFORE, "source."))]
    return replace(evidence, columns=tuple(kept), has_before=any(name.startswith(_BEFORE) for name in names))


def deletions_of(
    table: str,
    mapped: Mapping[str, str],
    evidence: FileEvidence,
    to_sql: Callable[[ColumnEvidence], str],
    *,
    leave: frozenset[str] = frozenset(),
) -> Deletions:
    """Return what a file says of rows that are gone; `mapped` is ours = theirs, and columns to `leave` are read otherwise."""
    free = [column for column in evidence.columns if column.name not in {*mapped.values(), *leave}]
    changed = _changed_at(free)
    operation = next((column for column in free if is_operation(column.name, column.words, table)), None)
    end = next((column for column in evidence.columns if column.name == mapped.get("ended_at")), None)
    if operation is not None:
        made = _of_a_log(table, operation, changed, end, to_sql)
        if "ended_at" not in made.columns or not evidence.has_before:
            return made
        # A row that is deleted stands before the change alone.
        kept = {
            name: f"coalesce({theirs}, {_BEFORE}{theirs.removeprefix(_AFTER)})"
            for name, theirs in mapped.items()
            if theirs.startswith(_AFTER) and name != "ended_at"
        }
        return replace(made, columns={**kept, **made.columns})
    mark = next((column for column in free if is_mark(column.name)), None)
    return _of_a_mark(table, mark, changed, end, to_sql) if mark is not None else Deletions()


def _of_a_mark(
    table: str,
    mark: ColumnEvidence,
    changed: ColumnEvidence | None,
    end: ColumnEvidence | None,
    to_sql: Callable[[ColumnEvidence], str],
) -> Deletions:
    """Propose what becomes of rows that a column marks: of subscriptions a question, since it may be how they end."""
    kind = "BOOLEAN" if _is_flag(mark) and mark.kind == "typed" else ""
    where, is_marked = (made(to_sql(mark), kind, mark.words) for made in (standing, marked))
    left_out = f"where = {inline(where)}"
    if mark.values and not mark.is_time and not _is_flag(mark):
        held = ", ".join(f"`{word}`" for word in mark.words) or "many values"
        why = f"{mark.name} sounds like a mark of deleted rows, and holds {held}. If it is one:"
        return Deletions(questions=((why, (left_out,)),), read=frozenset([mark.name]))
    if table == "subscriptions":
        moment = to_sql(mark) if mark.is_time else f"case when {is_marked} then {_moment(changed, to_sql)} end"
        why = f"{mark.name} marks deleted rows. A subscription that never was, or one that ended by it? Choose:"
        ended = f"coalesce({to_sql(end)}, {moment})" if end is not None else moment
        lines = (left_out, f"ended_at = {inline(ended)}  # below the section's columns")
        return Deletions(questions=((why, lines),), read=frozenset([mark.name]))
    if table == "customers":
        since = to_sql(mark) if mark.is_time else f"case when {is_marked} then timestamp '1970-01-01' end"
        note = (
            f"{mark.name} marks deleted customers: what was known of them stays in the past, and nobody contacts them."
        )
        return Deletions(columns={"objected_at": since}, notes=(note,), read=frozenset([mark.name]))
    note = f"Rows that {mark.name} marks as deleted are left out."
    return Deletions(lines=(left_out,), notes=(note,), read=frozenset([mark.name]))


def _of_a_log(
    table: str,
    operation: ColumnEvidence,
    changed: ColumnEvidence | None,
    end: ColumnEvidence | None,
    to_sql: Callable[[ColumnEvidence], str],
) -> Deletions:
    """Propose a log of changes: each counts from when it was made, and a subscription that is deleted has ended."""
    read = frozenset([operation.name, *([changed.name] if changed else [])])
    sql = to_sql(operation)
    gone = not_gone(sql, operation.words)
    where = f"where = {inline(gone)}"
    if changed is None:
        why = f"{operation.name} makes this a log of changes, each of which counts from its time. Name that below the section's columns:"
        return Deletions(
            lines=(where,) if table != "subscriptions" else (),
            questions=((why, ('known_at = "THEIR_TIME_OF_THE_CHANGE"',)),),
            read=read,
        )
    moment = to_sql(changed)
    read_first = [word for word in operation.words if word.strip().lower() in {"r", "l", "read", "snapshot", "load"}]
    held = ", ".join(f"'{word}'" for word in read_first)
    # What was read as the log began is older than that, nobody knows how much.
    known_at = f"case when {sql} not in ({held}) then {moment} end" if read_first else moment
    note = f"A log of changes by {operation.name}: each counts from {changed.name}."
    columns = {"known_at": known_at}
    deletes = [word for word in operation.words if word.strip().lower() in GONE]
    if table == "subscriptions" and deletes:
        listed = ", ".join(f"'{word}'" for word in deletes)
        columns["ended_at"] = _ended(f"{sql} in ({listed})", changed, end, to_sql)
        return Deletions(columns=columns, notes=(note, "A subscription that is deleted has ended."), read=read)
    return Deletions(lines=(where,), columns=columns, notes=(note,), read=read)


def _ended(
    is_gone: str, changed: ColumnEvidence, end: ColumnEvidence | None, to_sql: Callable[[ColumnEvidence], str]
) -> str:
    if end is None:
        return f"case when {is_gone} then {to_sql(changed)} end"
    moment, ended = to_sql(changed), to_sql(end)
    if changed.kind != end.kind:
        moment, ended = f"cast({moment} as varchar)", f"cast({ended} as varchar)"
    return f"case when {is_gone} then coalesce({ended}, {moment}) else {ended} end"


def _changed_at(columns: Sequence[ColumnEvidence]) -> ColumnEvidence | None:
    for name in _CHANGED:
        for column in columns:
            if plain(column.name) == name and column.is_time:
                return column
    return None


def _moment(changed: ColumnEvidence | None, to_sql: Callable[[ColumnEvidence], str]) -> str:
    return to_sql(changed) if changed is not None else "THEIR_TIME"


def _is_flag(column: ColumnEvidence) -> bool:
    """Say whether a column holds a yes or no: one word for each at most."""
    known = {"true", "t", "yes", "y", "1", "x", "ja", "j", "wahr", "false", "f", "no", "n", "0", "nein", "falsch"}
    return bool(column.words) and {word.strip().lower() for word in column.words} <= known

"""Refuses rows that their source marks as deleted, where nobody says what becomes of them: they would count like any other.

Tools that copy databases keep a deleted row and mark it (`_fivetran_deleted`, `_ab_cdc_deleted_at`, `deleted_at`), and a
log of changes has a row for each deletion (`op`). A payment that never was would be revenue, a subscription run on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from churn.config import SourceSettings
from churn.errors import ContractBroken
from churn.warehouse.connection import quoted
from churn.warehouse.loading.column_map import Selected
from churn.warehouse.loading.contracts import TABLES
from churn.warehouse.loading.expressions import expression, theirs
from churn.warehouse.loading.unread import DeliveredRows
from churn.warehouse.reading.values import listed, time, without_missing

_MARKS: Final = (
    "fivetrandeleted", "abcdcdeletedat", "sdcdeletedat", "peerdbisdeleted", "hevomarkeddeleted", "hoodieisdeleted", "deleted",
    "isdeleted", "deletedflag", "flagdeleted", "deletedat", "deletedon", "deleteddate", "deletedate", "datedeleted",
    "deletiondate", "softdeleted", "softdeletedat", "issoftdeleted", "tombstone", "istombstone", "geloescht", "geloeschtam",
    "istgeloescht", "loeschkennzeichen", "loeschdatum", "loeschvermerk",
)  # fmt: skip
_OPERATIONS: Final = (
    "op", "operation", "optype", "cdcop", "cdcoperation", "dmltype", "changetype", "rowkind",
)  # fmt: skip
_YES: Final = ("true", "t", "yes", "y", "1", "1.0", "x", "ja", "j", "wahr", "deleted", "geloescht", "gelöscht")
_NO: Final = ("false", "f", "no", "n", "0", "0.0", "nein", "falsch", "active", "aktiv")
_LETTERS: Final = ("i", "u", "d", "c", "r", "l", "a", "b", "+i", "+u", "-u", "-d")
_WORDS: Final = (
    "insert", "update", "delete", "create", "read", "snapshot", "upsert", "load", "inserted", "updated", "deleted",
    "created", "update_preimage", "update_postimage",
)  # fmt: skip
GONE: Final = ("d", "-d", "-u", "delete", "deleted", "update_preimage")  # also what stood before a change


def is_mark(name: str) -> bool:
    """Say whether a column of this name marks rows that were deleted: yes or no, or when."""
    return _plain(name) in _MARKS


def is_operation(name: str, words: Sequence[str], table: str) -> bool:
    """Say whether a column says what was done to a row: its name does, and so do all its `words`.

    Events may be of customers who delete something: there only letters tell a log of changes.
    """
    known = _LETTERS if table == "events" else (*_LETTERS, *_WORDS)
    return _plain(name) in _OPERATIONS and bool(words) and all(word.strip().lower() in known for word in words)


def _plain(name: str) -> str:
    """Return a name without the path above it: `payload.op` is `op`."""
    spelled = name.lower().rsplit(".", 1)[-1].replace("ö", "oe")
    return re.sub("[^a-z0-9]", "", spelled)


def standing(sql: str, kind: str, words: Sequence[str]) -> str:
    """Return the `where` that keeps the rows which are not marked by a column; `words` are those it holds, if they are few."""
    lowered = {word.strip().lower() for word in words}
    if kind == "BOOLEAN":
        return f"{sql} is not true"
    if lowered and lowered <= {"true", "t", "yes", "y", "1", "false", "f", "no", "n", "0"}:
        return f"try_cast({sql} as boolean) is not true"
    if lowered & set(_NO):
        held = ", ".join(f"'{word}'" for word in sorted(lowered & set(_NO)))
        return f"{sql} is null or lower({sql}) in ({held})"
    return f"{sql} is null"


def marked(sql: str, kind: str, words: Sequence[str]) -> str:
    """Return the condition of the rows that are marked, which `standing` leaves out."""
    where = standing(sql, kind, words)
    return where.removesuffix(" is not true") if where.endswith(" is not true") else f"not ({where})"


def not_gone(sql: str, words: Sequence[str]) -> str:
    """Return the `where` that keeps the rows of a log of changes which are no deletions."""
    gone = sorted({word for word in words if word.strip().lower() in GONE}) or ["d"]
    held = ", ".join(f"'{word}'" for word in gone)
    return f"{sql} is distinct from {held}" if len(gone) == 1 else f"coalesce({sql}, '') not in ({held})"


def refuse_deleted(rows: DeliveredRows, columns: Sequence[Selected], source: SourceSettings) -> None:
    """Raise ContractBroken for rows that are marked as deleted by one of `columns` that the source's section does not mention."""
    own = [column.name for column in columns if column.is_own and column.delivered == quoted(column.name)]
    own = [name for name in own if is_mark(name) or _plain(name) in _OPERATIONS]
    if not own or rows.table not in TABLES:
        return
    spoken_of = set(_spoken_of(rows, source))
    for name in [name for name in own if name not in spoken_of]:
        words = _words(rows, name)
        if is_mark(name):
            count = _marked(rows, name)
        elif is_operation(name, words, rows.table):
            count = int(str(rows.select("count(*)", f"lower(trim({_text(name)})) in {listed(GONE)}")[0][0]))
        else:
            continue
        if count == 1:
            what = f"1 row is marked as deleted by `{name}`, and would count like any other"
            raise ContractBroken(what, where=rows.file, remedy=_remedy(rows, name, words, source))
        if count:
            what = f"{count:,} rows are marked as deleted by `{name}`, and would count like any other"
            raise ContractBroken(what, where=rows.file, remedy=_remedy(rows, name, words, source))


def _spoken_of(rows: DeliveredRows, source: SourceSettings) -> Iterator[str]:
    """Yield the delivered columns that the section reads."""
    for text in (*source.columns.values(), *([source.where] if source.where else [])):
        if (named := theirs(text, rows.delivery.columns)) is not None:
            yield named
            continue
        try:
            yield from expression(text, rows.delivery.columns, where=rows.section, file=rows.file).reads
        except ContractBroken:  # a key that no row of this file has
            continue


def _words(rows: DeliveredRows, name: str) -> list[str]:
    held = rows.select(f"distinct {_text(name)}", f"{_text(name)} is not null", "order by 1 limit 20")
    return [str(word) for (word,) in held]


def _marked(rows: DeliveredRows, name: str) -> int:
    """Return how many rows a column marks, by a time or a yes; none where it holds anything else."""
    text = f"lower({_text(name)})"
    is_moment = f"(not {text} in {listed((*_YES, *_NO))} and {time(_text(name), '')} is not null)"
    marked, strange = rows.select(
        f"coalesce(count_if({is_moment} or {text} in {listed(_YES)}), 0),"
        f" coalesce(count_if({text} not in {listed((*_YES, *_NO))} and not {is_moment}), 0)",
        f"{_text(name)} is not null",
    )[0]
    return 0 if int(str(strange)) else int(str(marked))


def _text(name: str) -> str:
    return without_missing(f"cast({quoted(name)} as varchar)")


def _remedy(rows: DeliveredRows, name: str, words: Sequence[str], source: SourceSettings) -> str:
    """Return the lines to choose from: to leave out customers and subscriptions would hide who left."""
    mark, kind = quoted_if_needed(name), rows.delivery.columns[name]
    counted = _table(name, mark)
    is_log = not is_mark(name)
    left_out = _quoted(not_gone(mark, words) if is_log else standing(mark, kind, words))
    is_moment = bool(rows.select(f"count({time(_text(name), '')})", f"length({_text(name)}) >= 8")[0][0])
    is_marked = f"not ({not_gone(mark, words)})" if is_log else marked(mark, kind, words)
    if rows.table == "subscriptions":
        end = source.columns.get("ended_at", "ended_at" if "ended_at" in rows.delivery.columns else "null")
        ended = _table(
            "ended_at", f"coalesce({end}, {mark if is_moment else f'case when {is_marked} then THEIR_TIME end'})"
        )
        return (
            f"End them below {rows.section} by columns = {ended}, leave out what never was by where = {left_out},"
            f" or count them by columns = {counted}."
        )
    if is_log:
        return (
            f"Leave the deletions out below {rows.section} by where = {left_out}: what they delete counts on."
            f" Or count them by columns = {counted}."
        )
    if rows.table == "customers":
        objected = _table(
            "objected_at", mark if is_moment else f"case when {is_marked} then timestamp '1970-01-01' end"
        )
        return (
            f"Keep their past, and contact none of them, below {rows.section} by columns = {objected},"
            f" leave them out by where = {left_out}, or count them by columns = {counted}."
        )
    return f"Leave them out below {rows.section} by where = {left_out}, or count them by columns = {counted}."


def quoted_if_needed(name: str) -> str:
    """Return a column's name as SQL in a setting."""
    return name if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) else quoted(name)


def _table(name: str, sql: str) -> str:
    """Return a table of one line of `columns`, as TOML writes it."""
    key = name if re.fullmatch("[A-Za-z0-9_-]+", name) else _quoted(name)
    return " ".join(("{", key, "=", _quoted(sql), "}"))


def _quoted(text: str) -> str:
    """Return a text as TOML writes it."""
    return json.dumps(text, ensure_ascii=False)

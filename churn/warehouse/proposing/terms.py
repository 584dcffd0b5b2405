"""Looks at what names leave open about contracts: whether a price is per month, whether an end is that of a term, since when somebody has left."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from churn.warehouse.proposing.evidence import ColumnEvidence, FileEvidence
from churn.warehouse.proposing.synonyms import COLUMNS, NO, YES, plain
from churn.warehouse.proposing.toml import inline


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BILLING: Final = _words(
    "billinginterval billingperiod billingcycle billingfrequency billingterm interval frequency period paymentinterval"
    " paymentfrequency paymentperiod zahlungsweise zahlungsintervall zahlungsrhythmus abrechnungsintervall"
    " abrechnungszeitraum abrechnung turnus"
)
_MONTHS: Final = {
    **dict.fromkeys(("month", "monthly", "monatlich", "monat"), 1),
    **dict.fromkeys(("quarter", "quarterly", "vierteljaehrlich", "quartal", "quartalsweise"), 3),
    **dict.fromkeys(("halfyearly", "semiannual", "semiannually", "biannual", "halbjaehrlich"), 6),
    **dict.fromkeys(("year", "yearly", "annual", "annually", "jaehrlich", "jahr"), 12),
}
_UNDERSTOOD: Final = _words("month monthly quarter quarterly year yearly annual annually")
_PER_MONTH: Final = _words(
    "monthlyfee mrr monthlyprice monthlycharge monthlycharges monatsbeitrag monatspreis monatsgebuehr"
)
_FINAL: Final = _words("endedat ended terminationdate beendetam")  # no term's end is called so
_GONE: Final = _words(
    "canceled cancelled ended expired inactive terminated churned closed lapsed deleted gekuendigt beendet inaktiv abgelaufen"
)
_ENOUGH: Final = 20  # rows from which on it says something that all of them have an end


@dataclass(frozen=True)
class Terms:
    """What to add to the `columns` of a section, which of them have two readings and are left out, and what to ask.

    `read` are the headings that are spoken of. A question is why it is asked, and the lines to choose from.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    questions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    read: frozenset[str] = frozenset()


def terms_of(
    table: str, mapped: Mapping[str, str], evidence: FileEvidence, to_sql: Callable[[ColumnEvidence], str]
) -> Terms:
    """Return what a file of subscriptions or customers leaves open about contracts; `mapped` is ours = theirs."""
    free = [column for column in evidence.columns if column.name not in mapped.values()]
    if table == "customers":
        return _departures(mapped, evidence, free)
    if table != "subscriptions":
        return Terms()
    by_name = {column.name: column for column in evidence.columns}
    columns: dict[str, str] = {}
    left_out: set[str] = set()
    questions: list[tuple[str, tuple[str, ...]]] = []
    read: set[str] = set()
    billing = next((column for column in free if _names(column) & _BILLING and _is_spaced(column)), None)
    if billing is not None and "billing_interval" not in mapped:
        read.add(billing.name)
        columns["billing_interval"] = _interval(billing, to_sql)
        fee = by_name.get(mapped.get("monthly_fee", ""))
        if fee is not None and not _names(fee) & _PER_MONTH and any(_months(word) > 1 for word in billing.words):
            left_out.add("monthly_fee")
            questions.append(_of_the_fee(fee, billing, to_sql))
    end = by_name.get(mapped.get("ended_at", ""))
    customer = by_name.get(mapped.get("customer_id", ""))
    if end is not None and _is_every_row_s(end, evidence) and not (customer is not None and customer.comes_again):
        left_out.add("ended_at")
        why = (
            f"{end.name} is filled in every row: service may end then, or only the running term, which goes on by itself."
            " Below the section's columns, one of:"
        )
        questions.append((why, tuple(f"{ours} = {inline(to_sql(end))}" for ours in ("ended_at", "term_end"))))
    if "canceled_at" not in mapped and "ended_at" not in mapped:
        questions.append(_of_leaving(free, to_sql, read))
    return Terms(columns, frozenset(left_out), tuple(questions), frozenset(read))


def _names(column: ColumnEvidence) -> set[str]:
    bare = re.sub(r"\([^)]*\)", "", column.name)
    return {plain(bare), plain(re.split(r"[.:]", bare)[-1])}


def _months(word: str) -> int:
    return _MONTHS.get(plain(word), 0)


def _is_spaced(column: ColumnEvidence) -> bool:
    return bool(column.words) and all(_months(word) for word in column.words)


def _interval(billing: ColumnEvidence, to_sql: Callable[[ColumnEvidence], str]) -> str:
    """Return the column itself, or SQL that says in months what words of other languages mean."""
    if {word.strip().lower() for word in billing.words} <= _UNDERSTOOD:
        return billing.name if not billing.is_below else to_sql(billing)
    whens = " ".join(f"when '{word.lower()}' then '{_months(word)}'" for word in billing.words)
    return f"case lower({to_sql(billing)}) {whens} end"


def _of_the_fee(
    fee: ColumnEvidence, billing: ColumnEvidence, to_sql: Callable[[ColumnEvidence], str]
) -> tuple[str, tuple[str, ...]]:
    whens = " ".join(f"when '{word.lower()}' then {_months(word)}" for word in billing.words)
    shares = (to_sql(fee), f"{to_sql(fee)} / case lower({to_sql(billing)}) {whens} end")
    held = ", ".join(f"`{word}`" for word in billing.words)
    why = f"{fee.name} may be per month, or per {billing.name} ({held}). Below the section's columns, one of:"
    return why, tuple(f"monthly_fee = {inline(sql)}" for sql in shares)


def _is_every_row_s(end: ColumnEvidence, evidence: FileEvidence) -> bool:
    return (
        evidence.rows >= _ENOUGH and end.values == evidence.rows and not _names(end) & _FINAL and not end.placeholders
    )


def _of_leaving(
    free: list[ColumnEvidence], to_sql: Callable[[ColumnEvidence], str], read: set[str]
) -> tuple[str, tuple[str, ...]]:
    """Ask since when somebody has left, with the words that say that they have."""
    ends = frozenset(f"{COLUMNS['subscriptions']['canceled_at']} {COLUMNS['subscriptions']['ended_at']}".split())
    for column in free:
        by_word = {word: plain(word) for word in column.words}
        is_flag = bool(_names(column) & ends) and set(by_word.values()) <= YES | NO
        gone = [word for word, meant in by_word.items() if (meant in YES if is_flag else meant in _GONE)]
        if gone and len(gone) < len(by_word):
            read.add(column.name)
            held = ", ".join(f"`{word}`" for word in column.words)
            listed = ", ".join("'" + word.replace("'", "''") + "'" for word in gone)
            sql = f"case when {to_sql(column)} in ({listed}) then THEIR_COLUMN end"
            why = (
                f"{column.name} ({held}) says who has left, not when: nobody would be seen to leave. Name the column that"
                " has the day, below the section's columns:"
            )
            return why, (f"canceled_at = {inline(sql)}",)
    why = (
        'No column says when somebody left, so nobody would be seen to leave, unless [churn] told_by = "churn_events".'
        " Name it below the section's columns:"
    )
    return why, ('canceled_at = "THEIR_COLUMN"', 'ended_at = "THEIR_COLUMN"')


def _departures(mapped: Mapping[str, str], evidence: FileEvidence, free: list[ColumnEvidence]) -> Terms:
    """Ask of a table of customers that says when they left whether it shall tell of churn: it is no fact of the customer's."""
    words = f"{COLUMNS['churn_events']['churned_at']} {COLUMNS['subscriptions']['canceled_at']} gekuendigtam"
    left = next((column for column in free if column.is_time and _names(column) & frozenset(words.split())), None)
    if left is None:
        return Terms()
    paths = [path.as_posix() for path in evidence.paths]
    columns = {"customer_id": mapped["customer_id"], "churned_at": left.name}
    lines = (
        "[sources.churn_events]",
        f"path = {inline(paths[0] if len(paths) == 1 else paths)}",
        f"columns = {inline(columns)}",
        f"where = {inline(f'{_quoted(left.name)} is not null')}",
    )
    why = (
        f"{left.name} says who left when, which is nothing to learn from. Where that is what churn is, add this section, and"
        ' [churn] told_by = "churn_events":'
    )
    return Terms(questions=((why, lines),), read=frozenset({left.name}))


def _quoted(name: str) -> str:
    return name if name.isidentifier() else '"' + name.replace('"', '""') + '"'

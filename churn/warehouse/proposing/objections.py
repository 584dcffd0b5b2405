"""Columns that say who wants no marketing, the other way round than consent: `unsubscribed`, `do_not_contact`, "Newsletter abgemeldet"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from churn.warehouse.proposing import synonyms
from churn.warehouse.proposing.evidence import ColumnEvidence
from churn.warehouse.reading.values import MISSING_WORDS

OBJECTION: Final = "objected_at"
_SUCH: Final = re.compile(
    r"unsubscri|blocklist|blacklist|suppression|opt(ed)?out|(do|does)?not(be)?(contact|email|mail|call|phone|text|market|disturb)|\Adnc\Z|(no|suppress(ed)?|stop)(marketing|emails?|mailings?|calls?|contact|ads|advert)"
    r"|emailsuppressed|objected|objection|(newsletter|mailing|werbung|mail).*(abgemeldet|abbestellt|abmeldung)|abbestellt|werbesperre|werbeverbot|werbewiderspruch|widersp(roch|ruch)"
    r"|keine?(werbung|mails?|newsletter|anrufe|kontakt)|kontaktsperre|nichtkontaktieren"
)
_OBJECTS: Final = frozenset(
    [
        "ja",
        "j",
        "yes",
        "y",
        "true",
        "t",
        "1",
        "wahr",
        "oui",
        "si",
        "x",
        "unsubscribed",
        "optout",
        "optedout",
        "out",
        "objected",
        "blocked",
        "suppressed",
        "abgemeldet",
        "abbestellt",
        "widersprochen",
        "gesperrt",
    ]
)
_ALLOWS: Final = frozenset(
    [
        "nein",
        "n",
        "no",
        "false",
        "f",
        "0",
        "falsch",
        "non",
        "subscribed",
        "optin",
        "optedin",
        "in",
        "active",
        "none",
        "angemeldet",
        "bestellt",
        "aktiv",
    ]
)


@dataclass(frozen=True)
class Objections:
    """Columns that tell objections by words, all known (`told`), and those whose words are not (`unclear`)."""

    told: tuple[ColumnEvidence, ...]
    unclear: tuple[ColumnEvidence, ...]


def objections(columns: Sequence[ColumnEvidence]) -> Objections:
    """Return those of `columns`, which are no column of ours yet, whose names say that somebody wants no marketing."""
    matching = [
        column
        for column in columns
        if _SUCH.search(synonyms.plain(column.name)) and column.values and not column.is_time
    ]
    readable = tuple(column for column in matching if column.words and _words(column) <= _OBJECTS | _ALLOWS)
    return Objections(readable, tuple(column for column in matching if column not in readable and column.words))


def _words(column: ColumnEvidence) -> frozenset[str]:
    return frozenset(synonyms.plain(_whole(word)) for word in column.words)


def _whole(word: str) -> str:
    return re.sub(r"\A([01])[.]0+\Z", r"\1", word)


def objection_sql(columns: Sequence[tuple[ColumnEvidence, str]]) -> str:
    """Return SQL over columns, each with its own SQL: an objection from the beginning wherever one holds anything but a clear no."""
    return f"case when {' or '.join(_objects(column, sql) for column, sql in columns)} then timestamp '1970-01-01' end"


def _objects(column: ColumnEvidence, sql: str) -> str:
    allowed = [word.strip().lower() for word in column.words if synonyms.plain(_whole(word)) in _ALLOWS]
    nothing = sorted({"", "0", "no", "false", *(word.lower() for word in MISSING_WORDS)} - set(allowed))
    listed = ", ".join("'" + word.replace("'", "''") + "'" for word in [*dict.fromkeys(allowed), *nothing])
    return f"lower(trim(cast({sql} as varchar))) not in ({listed})"


def objection_note(columns: Sequence[ColumnEvidence]) -> str:
    """Return how the columns are read."""
    parts = []
    for column in columns:
        against = [word for word in column.words if synonyms.plain(_whole(word)) in _OBJECTS]
        parts.append(f"{column.name} ({', '.join(against) or 'anything but a no'})")
    return f"An objection to marketing, the other way round than a consent: {', '.join(parts)}."

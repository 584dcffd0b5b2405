"""What a push to a CRM did, row by row: what was sent, what the CRM answered, and its refusals grouped by what it said."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from churn.context import Context
from churn.errors import NotFound
from churn.files import csv_text
from churn.languages.words import tr

if TYPE_CHECKING:
    from churn.store import Store
    from churn.store.records import PushedKind, PushedRow, SyncRun

KINDS: Final[tuple[PushedKind, ...]] = ("added", "changed", "written", "cleared", "same", "refused", "left")
_SHOWN: Final = 50
_EXAMPLES: Final = 3
_NUMBERS: Final = re.compile(r"\w*\d[\w-]*")  # ids and amounts, which differ from row to row of the same refusal
_ADDRESSES: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PORTION: Final = 1_000


@dataclass(frozen=True)
class RefusalGroup:
    """Rows that a CRM refused in the same words, numbers and ids in them aside; `key` names the group in a form."""

    key: str
    message: str
    remote_field: str | None
    customers: tuple[str, ...]
    still: tuple[str, ...]  # those that no later push has settled

    @property
    def examples(self) -> tuple[str, ...]:
        """A few of the customers."""
        return self.customers[:_EXAMPLES]


@dataclass(frozen=True)
class PushPage:
    """One push: how many rows came to what, a page of them, and its refusals."""

    run: SyncRun
    counts: dict[PushedKind, int]
    rows: list[PushedRow]
    refusals: list[RefusalGroup]
    has_more: bool

    @property
    def total(self) -> int:
        """How many rows are kept."""
        return sum(self.counts.values())

    @property
    def can_be_sent_again(self) -> bool:
        """Whether a refusal still stands."""
        return any(group.still for group in self.refusals)


def pushes(context: Context, limit: int = 50) -> list[SyncRun]:
    """Return the newest pushes to every CRM, newest first."""
    with context.open_store() as store:
        return store.sync_runs.history(limit=limit)


def push_page(
    context: Context, run_id: str, *, kind: PushedKind | None = None, search: str = "", after: int = -1
) -> PushPage:
    """Return one push with a page of its rows. Raises NotFound."""
    with context.open_store() as store:
        run = _run(store, run_id)
        rows = store.pushed.rows(run, kind=kind, search=search, limit=_SHOWN + 1, after=after)
        counts = store.pushed.counts(run_id)
        refusals = _groups(store, run) if counts.get("refused") else []
    return PushPage(run, counts, rows[:_SHOWN], refusals, len(rows) > _SHOWN)


def refused_customers(context: Context, run_id: str, group: str | None) -> tuple[SyncRun, tuple[str, ...]]:
    """Return the push and those of a group of refusals (None: of all) who are refused still. Raises NotFound."""
    with context.open_store() as store:
        run = _run(store, run_id)
        groups = _groups(store, run)
    return run, tuple(customer for refusal in groups if group in (None, refusal.key) for customer in refusal.still)


def rows_as_csv(
    context: Context, run_id: str, *, kind: PushedKind | None = None, search: str = "", hides_addresses: bool = True
) -> Iterator[str]:
    """Yield the rows of a push as CSV: what became of each, the CRM's answer, and every field that was sent. Raises NotFound."""
    with context.open_store() as store:
        run = _run(store, run_id)
    return _csv(context, run, kind, search, hides_addresses=hides_addresses)


def answer_of(row: PushedRow, *, hides_addresses: bool) -> str:
    """Return what the CRM said of a row; e-mail addresses in it only for whoever may push."""
    words = row.message or (row.code if row.kind == "refused" else "") or ""
    return without_addresses(words) if hides_addresses else words


def without_addresses(text: str) -> str:
    """Return a text without the e-mail addresses in it."""
    return _ADDRESSES.sub("(address)", text)


def _alike(text: str) -> str:
    """Return a text as all refusals of its kind have it: without addresses, ids and numbers."""
    return _NUMBERS.sub("…", without_addresses(text))


def _csv(
    context: Context, run: SyncRun, kind: PushedKind | None, search: str, *, hides_addresses: bool
) -> Iterator[str]:
    fields = list(dict.fromkeys(run.mapping.values()))
    yield csv_text([("customer_id", "result", "code", "answer", "refused_field", "sent_fields", *fields)])
    portion: list[list[object]] = []
    with context.open_store() as store:
        for row in store.pushed.every(run, kind=kind, search=search):
            sent = fields if row.row.changed is None else list(row.row.changed)
            portion.append(
                [
                    row.row.customer_id,
                    row.kind,
                    row.code or "",
                    answer_of(row, hides_addresses=hides_addresses),
                    row.remote_field or "",
                    " ".join(sent),
                    *(row.row.payload.get(name) for name in fields),
                ]
            )
            if len(portion) == _PORTION:
                yield csv_text(portion)
                portion = []
    yield csv_text(portion)


def _groups(store: Store, run: SyncRun) -> list[RefusalGroup]:
    grouped: dict[tuple[str, str], list[PushedRow]] = {}
    for row in store.pushed.every(run, kind="refused"):
        words = row.message or row.code or tr("It did not say why")
        grouped.setdefault((row.code or "", _alike(words)), []).append(row)
    groups = [
        RefusalGroup(
            key=hashlib.sha256(json.dumps(key).encode()).hexdigest()[:12],
            message=rows[0].message or rows[0].code or tr("It did not say why") if len(rows) == 1 else key[1],
            remote_field=next((row.remote_field for row in rows if row.remote_field), None),
            customers=tuple(row.row.customer_id for row in rows),
            still=tuple(row.row.customer_id for row in rows if row.is_refused_still),
        )
        for key, rows in grouped.items()
    ]
    return sorted(groups, key=lambda group: (-len(group.customers), group.message))


def _run(store: Store, run_id: str) -> SyncRun:
    run = store.sync_runs.find(run_id)
    if run is None:
        raise NotFound(tr("there is no such push"), where=run_id, remedy=tr("See the list of pushes."))
    return run

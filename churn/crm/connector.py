"""The interface of connectors to remote systems, and the rows, results and events that they exchange with us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from churn.store.records import FieldValue

Value: TypeAlias = FieldValue
WriteMode = Literal["update", "upsert", "insert"]
ResultState = Literal["created", "updated", "unchanged", "rejected", "transient", "unknown"]
FieldKind = Literal["text", "number", "integer", "boolean", "date", "datetime", "choice"]
EventKind = Literal["contacted", "delivered", "accepted", "declined", "canceled", "unsubscribed", "lost", "won"]


@dataclass(frozen=True)
class Row:
    """What one customer's record shall hold: remote field -> value, None to clear it.

    `remote_id` is the system's own id where it is known already. Instants are UTC without a zone.
    """

    customer_id: str
    remote_id: str | None
    values: Mapping[str, Value]


@dataclass(frozen=True)
class RowResult:
    """What became of one row.

    `rejected` is for good, until the row or the mapping changes; `transient` may be sent again as it is (locked,
    busy); `unknown` may have been carried out or not, so it is looked up before it is sent again. `code`, `field`
    and `message` are the system's own words, without any of the row's values where we can tell. `retry_after`: the
    seconds that a busy system asks us to wait. `may_pass`: a refusal for a cause outside the row (a right taken away, a
    lock), so that the row is tried again by itself.
    """

    customer_id: str
    state: ResultState
    remote_id: str | None = None
    code: str | None = None
    field: str | None = None
    message: str | None = None
    retry_after: float | None = None
    may_pass: bool = False


@dataclass(frozen=True)
class RemoteField:
    """One field of the remote schema; `max_length` counts characters, `is_required` is of new records."""

    name: str
    kind: FieldKind
    is_writable: bool = True
    options: tuple[str, ...] = ()
    max_length: int | None = None
    is_required: bool = False


@dataclass(frozen=True)
class OutcomeEvent:
    """Something that happened to a customer on the remote side; `occurred_at` by its clock, UTC without a zone."""

    event_id: str
    customer_id: str | None
    remote_id: str | None
    campaign: str | None
    kind: EventKind
    occurred_at: datetime


@dataclass(frozen=True)
class OutcomePage:
    """Some events, and the cursor to go on from: after the last page the same cursor serves for the next reading."""

    events: tuple[OutcomeEvent, ...]
    cursor: str | None
    is_last: bool


class Connector(Protocol):
    """One remote system, signed in to on first use. Its repr, messages and errors never hold the secret.

    `kind` is its module's name, `batch_size` the rows that `write` takes at most. With `needs_remote_id` an update
    goes by the system's own id, so that rows are looked up with `find` first; without it the system itself matches
    by our key.
    """

    @property
    def kind(self) -> str:
        """The module's name."""

    @property
    def batch_size(self) -> int:
        """The rows that one `write` takes at most."""

    @property
    def needs_remote_id(self) -> bool:
        """Whether a row must carry the remote id to be updated."""

    def check(self) -> None:
        """Sign in and do nothing else. Raises AuthFailed, Unreachable or RateLimited, as every method below may."""

    def fields(self) -> Mapping[str, RemoteField] | None:
        """Return the remote schema by field name; None when the system has none that can be asked for."""

    def find(self, customer_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Return the remote ids that carry each of our keys, archived records included.

        A key without a record may be absent or have (); two or more ids are an ambiguous match.
        """

    def write(self, rows: Sequence[Row], *, mode: WriteMode, run_id: str) -> list[RowResult]:
        """Write at most `batch_size` rows and return one result each, in order.

        `update` rejects (code `not_found`) a row without a record, `insert` leaves a row that has one `unchanged`,
        `upsert` does what is needed. Raises RateLimited (`retry_after` seconds, or None), Unreachable (with
        `is_unknown` when the request may have been carried out) and AuthFailed for the whole batch.
        """

    def read(self, remote_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
        """Return remote id -> field -> value as the system holds it now; ids that are gone are absent."""

    def outcomes(self, cursor: str | None) -> OutcomePage:
        """Return a page of what happened since `cursor` (None: from the beginning), with some overlap."""

    def close(self) -> None:
        """Give back connections."""

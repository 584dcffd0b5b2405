"""Lets a system that knows people by their e-mail address alone be spoken to by our keys; no address leaves otherwise."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from churn.crm.connector import Connector, OutcomePage, RemoteField, Row, RowResult, WriteMode


class ByEmail:
    """A connector whose keys are e-mail addresses, behind one whose keys are ours.

    `emails` returns customer_id -> address, and is asked once, when an address is first needed. Who has none is rejected, and so
    are customers who share one: whose record it is would be a guess.
    """

    needs_remote_id = True

    def __init__(self, connector: Connector, emails: Callable[[], Mapping[str, str]]) -> None:
        self._connector, self._read = connector, emails
        self.kind, self.batch_size = connector.kind, connector.batch_size
        self.check, self.close, self.read = connector.check, connector.close, connector.read

    def __repr__(self) -> str:
        return f"ByEmail({self._connector!r})"

    def fields(self) -> Mapping[str, RemoteField] | None:
        """Return the system's schema."""
        return self._connector.fields()

    def find(self, customer_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Return the records that have the addresses of these customers."""
        addresses = {key: self._emails[key] for key in customer_ids if key in self._emails}
        located = self._connector.find(sorted(set(addresses.values())))
        return {key: located.get(addresses[key], ()) if key in addresses else () for key in customer_ids}

    def write(self, rows: Sequence[Row], *, mode: WriteMode, run_id: str) -> list[RowResult]:
        """Write the rows under their customers' addresses; results and their words name our keys."""
        refused = {row.customer_id: result for row in rows if (result := self._refusal(row)) is not None}
        sent = [row for row in rows if row.customer_id not in refused]
        wire = [replace(row, customer_id=self._emails.get(row.customer_id, row.customer_id)) for row in sent]
        results = self._connector.write(wire, mode=mode, run_id=run_id) if wire else []
        done = {row.customer_id: self._ours(row, result) for row, result in zip(sent, results, strict=True)}
        return [refused.get(row.customer_id) or done[row.customer_id] for row in rows]

    def outcomes(self, cursor: str | None) -> OutcomePage:
        """Return what happened, by our keys; of addresses that are nobody's, or more than one's, the record is told alone."""
        page = self._connector.outcomes(cursor)
        events = [
            event
            if event.customer_id is None
            else replace(event, customer_id=self._customers.get(_plain(event.customer_id)))
            for event in page.events
        ]
        return replace(page, events=tuple(events))

    @cached_property
    def _emails(self) -> Mapping[str, str]:
        plain = ((key, _plain(email)) for key, email in self._read().items())
        return {key: email for key, email in plain if email}

    @cached_property
    def _shared(self) -> Mapping[str, int]:
        return {email: count for email, count in Counter(self._emails.values()).items() if count > 1}

    @cached_property
    def _customers(self) -> Mapping[str, str]:
        return {email: key for key, email in self._emails.items() if email not in self._shared}

    def _refusal(self, row: Row) -> RowResult | None:
        """Return the refusal of a row that is written without a record of its own; emptying one that is known always may be."""
        if row.remote_id is not None and all(value is None for value in row.values.values()):
            return None
        email = self._emails.get(row.customer_id)
        if email is None and row.remote_id is None:
            return RowResult(row.customer_id, "rejected", code="no_email", message="no e-mail address is known")
        if email is not None and (count := self._shared.get(email, 0)):
            words = f"{count} customers have this e-mail address"
            return RowResult(row.customer_id, "rejected", row.remote_id, code="ambiguous", message=words)
        return None

    def _ours(self, row: Row, result: RowResult) -> RowResult:
        email = self._emails.get(row.customer_id)
        message = result.message
        if message is not None and email is not None:
            message = re.sub(re.escape(email), row.customer_id.replace("\\", r"\\"), message, flags=re.IGNORECASE)
        return replace(result, customer_id=row.customer_id, message=message)


def _plain(email: str) -> str:
    return email.strip().lower()

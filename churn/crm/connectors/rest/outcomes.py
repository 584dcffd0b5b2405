"""Reads outcomes to their end, whatever a page holds: by the API's own cursor, by page or offset, or by time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from churn.config.connectors import RestOutcomes
from churn.crm.connector import OutcomeEvent, OutcomePage
from churn.crm.connectors.rest.answers import event_of, instant
from churn.crm.verdict import at_path
from churn.errors import ConfigError

OVERLAP = timedelta(minutes=5)  # systems store instants finer than they tell them, and commit late
_FIRST = "!"  # begins a cursor of ours in the middle of a reading; any other is an instant or the API's own


@dataclass(frozen=True)
class _OutcomeCursor:
    """How far a reading is: since when it asks, the place of the next page, the newest instant, and the last page."""

    since: str
    place: int = 0
    newest: str = ""
    last_page: str = ""
    page_rows: int = 0

    def cursor(self) -> str:
        return _FIRST + json.dumps([self.since, self.place, self.newest, self.last_page, self.page_rows])

    @classmethod
    def of(cls, cursor: str | None, first: str) -> _OutcomeCursor:
        if cursor is not None and cursor.startswith(_FIRST):
            return cls(*json.loads(cursor[len(_FIRST) :]))
        return cls(first if cursor is None else cursor)


class OutcomeReader:
    """The outcomes of one API. `ask` returns the answer and its list, for the marks that go into the path."""

    def __init__(
        self, section: RestOutcomes, ask: Callable[[dict[str, object]], tuple[Any, list[Any]]], where: str
    ) -> None:
        self._section, self._ask, self._where = section, ask, where

    def page(self, cursor: str | None) -> OutcomePage:
        """Return the next page of what happened since `cursor`. Raises ConfigError when the end cannot be found."""
        section = self._section
        if section.cursor_path:
            return self._by_cursor(cursor if cursor is not None else section.first_cursor)
        reading = _OutcomeCursor.of(cursor, section.first_cursor)
        if "{page}" in section.path or "{offset}" in section.path:
            return self._by_page(reading)
        return self._by_time(reading)

    def _by_cursor(self, since: str) -> OutcomePage:
        answer, items = self._ask({"cursor": since})
        following = at_path(answer, self._section.cursor_path)
        is_last = following is None or str(following) == since or not items
        return OutcomePage(self._events(items), since or None if following is None else str(following), is_last)

    def _by_page(self, reading: _OutcomeCursor) -> OutcomePage:
        """Ask for page after page until one is empty, or is the one before again: the API decides how long a page is."""
        number = self._section.first_page + reading.place if "{page}" in self._section.path else 0
        _, items = self._ask(
            {"cursor": reading.since, "page": number, "offset": reading.place, "limit": self._section.page_size}
        )
        digest = hashlib.sha256(json.dumps(items, sort_keys=True, default=str).encode()).hexdigest()[:16]
        if not items or digest == reading.last_page:
            return OutcomePage((), self._after(reading.since, reading.newest), is_last=True)
        step = 1 if "{page}" in self._section.path else len(items)
        newest = max([reading.newest, *self._instants(items)])
        onward = _OutcomeCursor(reading.since, reading.place + step, newest, digest)
        return OutcomePage(self._events(items), onward.cursor(), is_last=False)

    def _by_time(self, reading: _OutcomeCursor) -> OutcomePage:
        """Ask again from the newest instant on until nothing newer comes, which takes a list that has the oldest first."""
        since = reading.newest or reading.since
        _, items = self._ask({"cursor": since})
        instants = self._instants(items)
        if instants != sorted(instants) and not self._section.is_complete:
            raise self._no_end("does not list the oldest first")
        newest = max([reading.newest, *instants])
        if newest in {"", reading.newest}:
            if len(items) >= (reading.page_rows or self._section.page_size):
                raise self._no_end(f"has more at {newest} than one answer holds")
            return OutcomePage(self._events(items), self._after(reading.since, newest), is_last=True)
        if self._section.is_complete:
            return OutcomePage(self._events(items), self._after(reading.since, newest), is_last=True)
        rows = len(items) if instants[0] != newest else 0
        onward = _OutcomeCursor(reading.since, 0, newest, "", max(rows, reading.page_rows))
        return OutcomePage(self._events(items), onward.cursor(), is_last=False)

    def _no_end(self, what: str) -> ConfigError:
        return ConfigError(
            f"its list of outcomes {what}, so that nobody can tell where it ends",
            where=self._where,
            remedy="Put {page} or {offset} into `path`, set `cursor_path`, have it sorted by `occurred_at`, oldest first, or "
            "set is_complete = true if no answer is ever cut.",
        )

    def _events(self, items: Sequence[Any]) -> tuple[OutcomeEvent, ...]:
        return tuple(event for item in items if (event := event_of(item, self._section)) is not None)

    def _instants(self, items: Sequence[Any]) -> list[str]:
        """Return when each of the items happened, to the second, whether it is an event that counts or not."""
        instants = [instant(at_path(item, self._section.occurred_at)) for item in items]
        return [f"{at.isoformat(timespec='seconds')}Z" for at in instants if at is not None]

    def _after(self, since: str, newest: str) -> str | None:
        """Return where the next reading begins, a little before the end of this one."""
        if not newest:
            return since or None
        begin = f"{(datetime.fromisoformat(newest).replace(tzinfo=None) - OVERLAP).isoformat(timespec='seconds')}Z"
        return max(begin, since)

"""Keeps the pages that arrived, so that a run that breaks off goes on where it stood: pages as files, and what comes next.

Each page and the state beside it are renamed into place, so that a kill leaves whole files alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from churn.errors import ResourceError

FOLDER: Final = "pages"  # of the home
_STATE: Final = "state.json"
_OLDEST: Final = timedelta(days=1)  # a cursor of yesterday may have expired


@dataclass(frozen=True)
class PageProgress:
    """How far a run came: `settings` and `since` say of which request, `position` is the next page (None at the end).

    `hashes` are those of the pages so far, `page_rows` how many rows each holds, `rows` how many all of them, `sync_cursor`
    where to begin the next time. `totals` are how many rows the service said to have, at first and at last.
    """

    settings: str
    since: str
    started_at: str
    position: str | None = ""
    hashes: tuple[str, ...] = field(default=())
    rows: int = 0
    sync_cursor: str = ""
    page_rows: tuple[int, ...] = field(default=())
    totals: tuple[int, int] | None = None


class Spool:
    """The folder of one source's pages."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made with the first page."""
        self._folder = folder

    def resumed(self, settings: str, since: str, now: datetime, *, may_go_on: bool) -> PageProgress:
        """Return how far an earlier run of the same request came, or a new beginning; what is of no use is removed."""
        try:
            state = json.loads((self._folder / _STATE).read_text(encoding="utf-8"))
            totals = state.get("totals")
            state |= {name: tuple(state[name]) for name in ("hashes", "page_rows")}
            known = PageProgress(**{**state, "totals": tuple(totals) if totals else None})
            age = now - datetime.fromisoformat(known.started_at)
        except (OSError, ValueError, TypeError, KeyError):
            known = None
        is_same = known is not None and (known.settings, known.since) == (settings, since) and age < _OLDEST
        if known is not None and is_same and (may_go_on or known.position is None):
            return known
        self.clear()
        return PageProgress(settings, since, now.isoformat())

    def add(
        self,
        progress: PageProgress,
        lines: Sequence[str],
        page_hash: str,
        total: int | None = None,
        **changes: str | None,
    ) -> PageProgress:
        """Keep a page, one object a line, how many rows the service says to have, and how far that is. Raises ResourceError."""
        totals = progress.totals
        if total is not None:
            totals = (totals[0] if totals is not None else total, total)
        after = replace(
            progress,
            hashes=(*progress.hashes, page_hash),
            page_rows=(*progress.page_rows, len(lines)),
            rows=progress.rows + len(lines),
            totals=totals,
            **changes,  # type: ignore[arg-type]  # texts alone
        )
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._write(f"page-{len(after.hashes):06}.ndjson", "".join(f"{line}\n" for line in lines))
            self._write(_STATE, json.dumps(asdict(after)))
        except OSError as error:
            raise ResourceError(f"cannot be written: {error.strerror}", where=str(self._folder)) from error
        return after

    def _write(self, name: str, text: str) -> None:
        part = self._folder / f".{name}.part"
        part.write_text(text, encoding="utf-8")
        part.replace(self._folder / name)

    def pages(self, progress: PageProgress) -> list[Path]:
        """Return the files of the pages, in order."""
        return [self._folder / f"page-{number:06}.ndjson" for number in range(1, len(progress.hashes) + 1)]

    def clear(self) -> None:
        """Remove what is kept: it was loaded, or is of no use."""
        shutil.rmtree(self._folder, ignore_errors=True)


def forget_pages(home: Path) -> None:
    """Remove the pages of every source: a run that broke off begins again. For when people are erased who may be in them."""
    shutil.rmtree(home / FOLDER, ignore_errors=True)

"""Walks the pages of a JSON API until the last one, and refuses a service whose pages do not come to an end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin

from churn.config.web import WebSettings
from churn.errors import ContractBroken
from churn.warehouse.reading.web.asking import Json, Parameters, WebAnswer, WebClient, at
from churn.warehouse.reading.web.spool import PageProgress, Spool

_MOST_PAGES: Final = 1_000_000


def counts_pages(settings: WebSettings) -> bool:
    """Whether pages are asked for by number, so that rows move from one to another where some are added or removed."""
    return settings.paging in {"page", "offset"}


def can_go_on(settings: WebSettings) -> bool:
    """Whether a later run may go on in the middle: by a cursor, where rows that came meanwhile shift nothing."""
    return settings.paging in {"cursor", "link"}


def fetch_pages(
    client: WebClient,
    url: str,
    settings: WebSettings,
    rows_at: str | None,
    since: Parameters,
    spool: Spool,
    progress: PageProgress,
) -> PageProgress:
    """Ask for every page from `progress` on and keep it in the spool; return how far that is: to the end.

    Raises what the client raises, and ContractBroken for an answer without rows, a page that comes again, and fewer
    rows than the service says it has.
    """
    while progress.position is not None:
        answer = client.ask(*_request(url, settings, since, progress.position))
        rows = _rows(answer.body, rows_at, client.where)
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        page = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        if rows and page in progress.hashes:
            raise ContractBroken(
                f"page {len(progress.hashes) + 1} repeats page {progress.hashes.index(page) + 1}",
                where=client.where,
                remedy="Check the names of its paging parameters; where the last page comes again, give `has_more_at` or `total_at`.",
            )
        total = _count(at(answer.body, settings.total_at)) if settings.total_at else None
        position = _next(answer, rows, settings, progress, total, client.where)
        cursor = at(answer.body, settings.sync_cursor_at) if settings.sync_cursor_at else None
        changes = {"position": position, "sync_cursor": progress.sync_cursor if cursor is None else str(cursor)}
        progress = spool.add(progress, lines, page, total, **changes)
        if len(progress.hashes) > _MOST_PAGES:
            raise ContractBroken("the pages do not come to an end", where=client.where, remedy="Check how it pages.")
    total = progress.totals[1] if progress.totals is not None else None
    if total is not None and progress.rows < total:
        spool.clear()
        raise ContractBroken(
            f"the service says that there are {total:,} rows, and gave {progress.rows:,}",
            where=client.where,
            remedy="Check how it pages; nothing was loaded. If its total is wrong, leave out `total_at`.",
        )
    return progress


def _request(url: str, settings: WebSettings, since: Parameters, position: str) -> tuple[str, Parameters]:
    """Return address and parameters of the page at `position`: a cursor, a number, or an address of its own."""
    if settings.paging == "link" and position:
        return urljoin(url, position), {}  # it holds its parameters itself
    if position.startswith(("http://", "https://")):
        return position, {}
    params: dict[str, str | int | float | bool] = {**settings.params, **since}
    if settings.limit_param:
        params[settings.limit_param] = settings.page_size
    if settings.paging == "page":
        params[settings.page_param] = position or settings.first_page
    elif settings.paging == "offset":
        params[settings.offset_param] = position or 0
    elif settings.paging == "cursor" and position:
        params[settings.cursor_param] = position
    return url, params


def _rows(body: Json, rows_at: str | None, where: str) -> list[Json]:
    rows = at(body, rows_at or "")
    if rows is None and isinstance(body, Mapping) and rows_at and rows_at.rpartition(".")[2] in _holder(body, rows_at):
        return []  # the key is there and holds nothing
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        keys = (
            ", ".join(f"{key} = {str(value)[:60]}" for key, value in body.items())
            if isinstance(body, Mapping)
            else type(body).__name__
        )
        remedy = "Check `rows_at` in its [sources] section; nothing was loaded."
        place = f"at `{rows_at}`" if rows_at else "of rows"
        raise ContractBroken(f"no list {place}; the answer holds {keys[:200]}", where=where, remedy=remedy)
    return rows


def _holder(body: Json, rows_at: str) -> Mapping[str, Json]:
    holder = at(body, rows_at.rpartition(".")[0])
    return holder if isinstance(holder, Mapping) else {}


def _next(
    answer: WebAnswer, rows: list[Json], settings: WebSettings, progress: PageProgress, total: int | None, where: str
) -> str | None:
    """Return the position of the next page; None after the last."""
    if settings.paging == "none":
        return None
    if settings.has_more_at and not at(answer.body, settings.has_more_at):
        return None
    if counts_pages(settings):
        seen = progress.rows + len(rows)
        if not rows or (total is not None and seen >= total):
            return None
        # A service may give fewer rows than asked for: what it gave is passed over, and only an empty page is the last.
        return str(seen if settings.paging == "offset" else int(progress.position or settings.first_page) + 1)
    if settings.paging == "link":
        position = answer.next_url
    elif settings.cursor_from_row:
        position = _text(at(rows[-1], settings.cursor_from_row)) if rows else None
    else:
        position = _text(at(answer.body, settings.cursor_at or ""))
    if position and position == progress.position:
        raise ContractBroken(
            "the cursor of the next page is that of this one", where=where, remedy="Check `cursor_at`."
        )
    return position or None


def _count(value: Json) -> int | None:
    """Return a number of rows, also one that is written as text."""
    if isinstance(value, str) and value.strip().isdigit():
        return int(value)
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: Json) -> str | None:
    return None if value is None or value is False else str(value)

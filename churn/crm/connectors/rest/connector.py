"""The connector `rest`: any CRM with a REST API, by configuration alone; one request per record, several at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from churn.config.connectors import RestConnector as Section
from churn.crm.connector import OutcomePage, RemoteField, Row, RowResult, Value, WriteMode
from churn.crm.connectors.rest.answers import as_list, at_path, event_of, read_value, remote_field, sent_value
from churn.crm.http import Http, open_client
from churn.crm.opening import secret_of
from churn.errors import ConfigError, RateLimited, Unreachable

if TYPE_CHECKING:
    import httpx

A = TypeVar("A")
B = TypeVar("B")
_BATCH = 100
_THREADS = 4
_NO_CONTENT = 204
_MOST_PAGES = 1_000  # of one lookup: beyond it the list never ends
_OVERLAP = timedelta(minutes=5)  # systems store instants finer than they tell them, and commit late


def connect(
    name: str,
    settings: Section,
    secrets: Mapping[str, str],
    *,
    clock: Callable[[], datetime],
    client: httpx.Client | None = None,
) -> RestCrm:
    """Return a connection to the system that `settings` describes. Raises ConfigError when the secret is missing."""
    secret = secret_of(name, secrets)
    http = Http(
        client or open_client(settings),
        base_url=settings.url,
        where=f"connector {name}",
        secret=secret,
        headers={**settings.headers, settings.auth_header: settings.auth_format.format(secret=secret)},
        clock=clock,
        auth_statuses=tuple(settings.auth_statuses),
    )
    return RestCrm(name, settings, http)


class RestCrm:
    """One REST API. Records are found by our key, changed by their id."""

    kind = "rest"
    needs_remote_id = True

    def __init__(self, name: str, settings: Section, http: Http) -> None:
        self._name, self._settings, self._http = name, settings, http
        self.batch_size = settings.batch_size or _BATCH

    def __repr__(self) -> str:
        return f"RestCrm({self._name!r}, {self._settings.url!r})"

    def check(self) -> None:
        """Ask for the check path, or for the record of nobody. Raises AuthFailed, Unreachable, RateLimited."""
        settings = self._settings
        path = settings.check_path or _filled(settings.lookup_path, key="0", page=settings.first_page, limit=1)
        if settings.check_path:
            self._succeeded("GET", path)  # many answer it with a bare word
        else:
            self._answer("GET", path)

    def fields(self) -> Mapping[str, RemoteField] | None:
        """Return the fields that the schema path lists, by name without the prefix; None without such a path."""
        settings = self._settings
        if not settings.schema_path:
            return None
        items = as_list(at_path(self._answer("GET", settings.schema_path), settings.schema_items_path))
        found = [remote_field(item, settings) for item in items]
        return {one.name: one for one in found if one is not None}

    def find(self, customer_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Look each key up; pages are followed to their end, and records with another key are left out."""
        return dict(zip(customer_ids, self._each(self._find_one, customer_ids), strict=True))

    def write(self, rows: Sequence[Row], *, mode: WriteMode, run_id: str) -> list[RowResult]:  # noqa: ARG002 - no place for it
        """Write each row by a request of its own: a refusal is the row's, a refused secret the batch's.

        Once we are told to slow down no further row is begun; RateLimited is raised when none was carried out.
        """
        told: list[RateLimited] = []
        results = self._each(lambda row: self._write_one(row, mode, told), rows)
        if told and all(result.state == "transient" for result in results):
            raise told[0]
        return results

    def read(self, remote_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
        """Read each record back by its id; those that are gone are absent."""
        found = self._each(lambda remote_id: self._read_one(remote_id, fields), remote_ids)
        return {remote_id: one for remote_id, one in zip(remote_ids, found, strict=True) if one is not None}

    def outcomes(self, cursor: str | None) -> OutcomePage:
        """Return the next page of what happened. Raises ConfigError when the section does not say where to read it."""
        told = self._settings.outcomes
        if told is None:
            raise ConfigError(
                "does not say where outcomes are read",
                where=f"[connectors.{self._name}]",
                remedy=f"Add a section [connectors.{self._name}.outcomes].",
            )
        since = cursor if cursor is not None else told.first_cursor
        answer = self._answer("GET", _filled(told.path, cursor=since))
        items = as_list(at_path(answer, told.items_path))
        events = tuple(event for item in items if (event := event_of(item, told)) is not None)
        if told.cursor_path:
            following = at_path(answer, told.cursor_path)
            is_last = following is None or str(following) == since or not items
            return OutcomePage(events, since or None if following is None else str(following), is_last)
        newest = max((event.occurred_at for event in events), default=None)
        following = since if newest is None else f"{(newest - _OVERLAP).isoformat(timespec='seconds')}Z"
        return OutcomePage(events, max(following, since) or None, is_last=True)

    def close(self) -> None:
        """Give back connections."""
        self._http.close()

    def _each(self, work: Callable[[A], B], items: Sequence[A]) -> list[B]:
        """Do `work` for each item, some at a time, in order. The first failure of the whole stops those not begun."""
        threads = min(self._settings.concurrency or _THREADS, len(items))
        if threads <= 1:
            return [work(item) for item in items]
        with ThreadPoolExecutor(threads) as pool:
            begun = [pool.submit(work, item) for item in items]
            try:
                return [one.result() for one in begun]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _find_one(self, key: str) -> tuple[str, ...]:
        settings, found = self._settings, []
        for page in range(settings.first_page, settings.first_page + _MOST_PAGES):
            path = _filled(settings.lookup_path, key=key, page=page, limit=settings.page_size)
            items = as_list(at_path(self._answer("GET", path, may_lack=True), settings.items_path))
            found += [str(at_path(item, settings.id_path)) for item in items if self._key_of(item) == key]
            if len(items) < settings.page_size or "{page}" not in settings.lookup_path:
                break
        return tuple(dict.fromkeys(found))

    def _key_of(self, item: Any) -> str | None:
        record = at_path(item, self._settings.fields_path)
        told = at_path(record, self._settings.key_field)
        return None if told is None else str(told)

    def _write_one(self, row: Row, mode: WriteMode, told: list[RateLimited]) -> RowResult:
        if told:
            return RowResult(row.customer_id, "transient", message=told[0].what)
        try:
            if row.remote_id is not None:
                return self._unchanged(row) if mode == "insert" else self._update(row, row.remote_id)
            if mode == "update":
                return RowResult(row.customer_id, "rejected", code="not_found", message="no record carries this key")
            return self._create(row, mode)
        except RateLimited as error:
            told.append(error)
            return RowResult(row.customer_id, "transient", message=error.what)
        except Unreachable as error:
            # One request of many: the others' results count, and this one is looked up before it is sent again.
            return RowResult(row.customer_id, "unknown" if error.is_unknown else "transient", message=error.what)

    def _unchanged(self, row: Row) -> RowResult:
        return RowResult(row.customer_id, "unchanged", remote_id=row.remote_id)

    def _update(self, row: Row, remote_id: str) -> RowResult:
        settings = self._settings
        path = _filled(settings.update_path, id=remote_id, key=row.customer_id)
        response = self._http.send(settings.update_method, path, json=self._body(row.values), is_write=True)
        if response.is_success:
            return RowResult(row.customer_id, "updated", remote_id=remote_id)
        if response.status_code in {404, 410}:
            return RowResult(row.customer_id, "rejected", code="not_found", message=self._reason(response))
        return self._refused(row, response)

    def _create(self, row: Row, mode: WriteMode) -> RowResult:
        settings = self._settings
        values = {**row.values, settings.key_field: row.customer_id}
        path = _filled(settings.create_path, key=row.customer_id)
        response = self._http.send(
            settings.create_method, path, json=self._body(values, plain=settings.key_field), is_write=True
        )
        if response.is_success:
            told = at_path(_json(response), settings.created_id_path or settings.id_path)
            return RowResult(row.customer_id, "created", remote_id=None if told is None else str(told))
        if response.status_code == 409 and settings.conflict_id_path:
            told = at_path(_json(response), settings.conflict_id_path)
            if told is not None:
                there = Row(row.customer_id, str(told), row.values)
                return self._unchanged(there) if mode == "insert" else self._update(there, str(told))
        return self._refused(row, response)

    def _body(self, values: Mapping[str, Value], *, plain: str = "") -> Any:
        """Return fields as they are sent: with the prefix, in their place; the key's name is given in full already."""
        settings = self._settings
        body: dict[str, Any] = {}
        for name, value in values.items():
            full = name if name == plain else f"{settings.field_prefix}{name}"
            body[full] = sent_value(value, settings.types.get(name))
        for part in reversed(settings.fields_path.split(".") if settings.fields_path else ()):
            body = {part: body}
        return {settings.wrap: body} if settings.wrap else body

    def _read_one(self, remote_id: str, fields: Sequence[str]) -> Mapping[str, Value] | None:
        settings = self._settings
        path = _filled(settings.read_path or settings.update_path, id=remote_id, key="")
        answer = self._answer("GET", path, may_lack=True)
        if answer is None:
            return None
        record = at_path(at_path(answer, settings.wrap) or answer, settings.fields_path) or {}
        return {name: read_value(at_path(record, f"{settings.field_prefix}{name}")) for name in fields}

    def _answer(self, method: str, path: str, *, may_lack: bool = False) -> Any:
        """Return the JSON that a question is answered with; None where the answer is that there is nothing.

        A page for people (a proxy's, a sign-in's) or no body is no answer: taken for one it would say of every
        customer that nobody has their key. Raises Unreachable for it.
        """
        response = self._succeeded(method, path, may_lack=may_lack)
        if response is None or response.status_code == _NO_CONTENT:
            return None
        answer = _json(response)
        if answer is None and response.text.strip() != "null":
            told = self._http.clean(response.text) if response.text.strip() else "nothing"
            raise Unreachable(
                f"answers {method} {path.partition('?')[0]} with what is no JSON: {told}",
                where=self._http.where,
                remedy="Look at url and paths in churn.toml, and whether something stands between us and it.",
            )
        return answer

    def _succeeded(self, method: str, path: str, *, may_lack: bool = False) -> httpx.Response | None:
        """Return the answer to a question; None for a 404 where that means that there is nothing."""
        response = self._http.send(method, path)
        if response.status_code in {404, 410} and may_lack:
            return None
        if not response.is_success:
            is_ours = response.status_code < 500 and response.status_code not in self._settings.transient_statuses
            kind = ConfigError if is_ours else Unreachable
            raise kind(
                f"answers {response.status_code} to {method} {path.partition('?')[0]}: {self._reason(response)}",
                where=self._http.where,
                remedy="Look at its paths in churn.toml." if is_ours else "Try again later.",
            )
        return response

    def _refused(self, row: Row, response: httpx.Response) -> RowResult:
        settings, answer = self._settings, _json(response)
        is_passing = response.status_code in settings.transient_statuses
        code = at_path(answer, settings.error_code_path) if settings.error_code_path else None
        field = at_path(answer, settings.error_field_path) if settings.error_field_path else None
        return RowResult(
            row.customer_id,
            "transient" if is_passing else "rejected",
            code=str(code or response.status_code),
            field=None if field is None else str(field).removeprefix(settings.field_prefix),
            message=self._reason(response),
        )

    def _reason(self, response: httpx.Response) -> str:
        settings = self._settings
        told = at_path(_json(response), settings.error_path) if settings.error_path else None
        if told is None and settings.error_header:
            told = response.headers.get(settings.error_header)
        return self._http.clean(told if told is not None else response.text or response.reason_phrase)


def _filled(path: str, **marks: object) -> str:
    """Return `path` with its marks filled in, safely quoted; a mark without a value becomes nothing."""
    names = ("id", "key", "page", "limit", "cursor")
    return path.format(**{name: quote(str(marks.get(name, "")), safe="") for name in names})


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None

"""The connector `rest`: any CRM with a REST API, by configuration alone; a request per record, or per batch of them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from churn.config.connectors import RestConnector as Section
from churn.crm.connector import OutcomePage, RemoteField, Row, RowResult, Value, WriteMode
from churn.crm.connectors.rest.answers import (
    MISSING,
    carrying,
    nested,
    read_value,
    remote_field,
    sent_value,
    value_at,
)
from churn.crm.connectors.rest.api import RestApi, filled
from churn.crm.connectors.rest.at_once import at_once
from churn.crm.connectors.rest.batches import BatchWriter, is_paged, lists_of_keys, lookup_request
from churn.crm.connectors.rest.outcomes import OutcomeReader
from churn.crm.connectors.rest.signing import signing
from churn.crm.diff import differs
from churn.crm.http import Credential, Http, open_client
from churn.crm.oauth import access_token
from churn.crm.opening import secret_of
from churn.crm.verdict import NO_CONTENT, at_path, is_something, json_of
from churn.errors import ConfigError, ConnectorError, RateLimited, Unreachable

if TYPE_CHECKING:
    import httpx

A = TypeVar("A", bound=Hashable)
B = TypeVar("B")
_BATCH = 250
_THREADS = 4
EMPTY: Mapping[str, str] = {}
_MOST_PAGES = 1_000  # of one lookup: beyond it the list never ends


def connect(
    name: str,
    settings: Section,
    secrets: Mapping[str, str],
    *,
    clock: Callable[[], datetime],
    client: httpx.Client | None = None,
) -> RestCrm:
    """Return a connection to the system that `settings` describes. Raises ConfigError when the secret is missing."""
    secret_of(name, secrets)
    opened, where = client or open_client(settings), f"connector {name}"

    def sign_in() -> Credential:
        secret = token = secret_of(name, secrets)
        if settings.token_url is not None and settings.client_id is not None:
            token = access_token(
                opened,
                settings.token_url,
                client_id=settings.client_id,
                client_secret=secret,
                scope=settings.scope,
                where=where,
            )
        headers = {settings.auth_header: settings.auth_format.format(secret=token)} if settings.auth_header else {}
        return Credential(headers, (secret, token))

    http = Http(
        opened,
        base_url=settings.url,
        where=where,
        headers=settings.headers,
        clock=clock,
        auth_statuses=tuple(settings.auth_statuses),
        sign_in=sign_in,
        sign=signing(settings, lambda: http.secret, clock) if settings.hmac_header else None,
    )
    return RestCrm(name, settings, http)


class RestCrm:
    """One REST API. Records are found by our key, changed by their id."""

    kind = "rest"
    needs_remote_id = True

    def __init__(self, name: str, settings: Section, http: Http) -> None:
        self._name, self._settings, self._http = name, settings, http
        self._api = RestApi(settings, http)
        self.batch_size = settings.batch_size or _BATCH
        self._has_seen_fields = False
        self._kept: dict[str, dict[Any, Any]] = {}  # by method: what was read before it was stopped

    def __repr__(self) -> str:
        return f"RestCrm({self._name!r}, {self._settings.url!r})"

    def check(self) -> None:
        """Ask for the check path, or for the record of nobody. Raises AuthFailed, Unreachable, RateLimited."""
        settings = self._settings
        path = settings.check_path or filled(settings.lookup_path, key="0", page=settings.first_page, limit=1)
        if settings.check_path:
            self._api.succeeded("GET", path)  # many answer it with a bare word
        else:
            self._api.answer("GET", path)

    def fields(self) -> Mapping[str, RemoteField] | None:
        """Return the fields that the schema path lists, by name without the prefix; None without such a path."""
        settings = self._settings
        if not settings.schema_path:
            return None
        answer = self._api.answer("GET", settings.schema_path)
        items = self._api.listed(answer, settings.schema_items_path, settings.schema_path, "schema_items_path")
        remotes = [remote_field(item, settings) for item in items]
        return {remote.name: remote for remote in remotes if remote is not None}

    def find(self, customer_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Look the keys up, one by one or many at once; pages are followed to their end, other keys are left out."""
        settings = self._settings
        if not settings.lookup_batch_path:
            return self._each("find", self._find_one, customer_ids)
        # A key that holds a mark of the list itself would end it: such a one is looked up alone.
        marks = set(settings.keys_format.replace("{key}", "") + settings.keys_separator)
        plain = [key for key in customer_ids if not marks & set(key)]
        ids: dict[str, tuple[str, ...]] = {}
        for part in self._each("find many", self._find_many, list(lists_of_keys(plain, settings))).values():
            ids |= part
        return {**ids, **self._each("find", self._find_one, [key for key in customer_ids if key not in ids])}

    def _find_many(self, keys: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        settings = self._settings
        ids: dict[str, tuple[str, ...]] = dict.fromkeys(keys, ())
        records: dict[str, str | None] = {}  # id -> the key it carries
        for page in self._pages():
            path, body = lookup_request(keys, page, settings)
            items = self._api.items(path, may_lack=False, method=settings.lookup_batch_method, body=body)
            self._refuse_without_key(items)
            before = len(records)
            records |= self._keys_of(items)
            if not is_paged(settings) and len(items) >= settings.page_size:
                raise ConfigError(
                    f"finds {len(items)} records of {len(keys)} keys at once, and perhaps not all",
                    where=f"[connectors.{self._name}]",
                    remedy="Put {page} into lookup_batch_path or lookup_batch_body, lower lookup_batch_keys, or raise page_size "
                    "to the longest list that it answers with.",
                )
            if len(items) < settings.page_size or not is_paged(settings):
                break
            if len(records) == before:
                raise self._no_end(path)
        for key in keys:
            ids[key] = carrying(key, records)
        return ids

    def write(self, rows: Sequence[Row], *, mode: WriteMode, run_id: str) -> list[RowResult]:  # noqa: ARG002 - no place for it
        """Write each row by a request of its own, or many by one: a refusal is the row's, a refused secret the batch's.

        Once we are told to wait, or nobody answers, no further row is begun; that is raised when none was carried out.
        """
        self._refuse_absent_fields(rows)
        by_customer = {row.customer_id: row for row in rows}
        parts = list(self._parts(rows, mode))
        finished = at_once(
            lambda part: self._write_part([by_customer[key] for key in part], mode), parts, self._threads
        )
        done = {result.customer_id: result for results in finished.results.values() for result in results}
        stop = finished.stop
        if stop is not None and not done:
            raise stop
        wish = stop.retry_after if isinstance(stop, RateLimited) else None
        words = stop.what if stop is not None else None
        return [
            done.get(key) or RowResult(key, "transient", row.remote_id, message=words, retry_after=wish)
            for key, row in by_customer.items()
        ]

    def read(self, remote_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
        """Read each record back by its id; those that are gone are absent."""
        records = self._each("read", lambda remote_id: self._read_one(remote_id, fields), remote_ids)
        return {remote_id: record for remote_id, record in records.items() if record is not None}

    def outcomes(self, cursor: str | None) -> OutcomePage:
        """Return the next page of what happened. Raises ConfigError when the section does not say where to read it."""
        section = self._settings.outcomes
        if section is None:
            raise ConfigError(
                "does not say where outcomes are read",
                where=f"[connectors.{self._name}]",
                remedy=f"Add a section [connectors.{self._name}.outcomes].",
            )

        def ask(marks: dict[str, object]) -> tuple[Any, list[Any]]:
            answer = self._api.answer("GET", filled(section.path, **marks))
            return answer, self._api.listed(answer, section.items_path, section.path, "outcomes.items_path")

        return OutcomeReader(section, ask, f"[connectors.{self._name}.outcomes]").page(cursor)

    def close(self) -> None:
        """Give back connections."""
        self._http.close()

    @property
    def _threads(self) -> int:
        return self._settings.concurrency or _THREADS

    def _each(self, what: str, work: Callable[[A], B], items: Sequence[A]) -> dict[A, B]:
        """Ask for each item, some at a time. What was read before we were stopped is not asked for again."""
        kept = self._kept.pop(what, {})
        finished = at_once(work, [item for item in items if item not in kept], self._threads)
        results = {**kept, **finished.results}
        if finished.stop is not None:
            self._kept[what] = results
            finished.stop.has_progressed = bool(finished.results)
            raise finished.stop
        return {item: results[item] for item in items}

    def _find_one(self, key: str) -> tuple[str, ...]:
        settings = self._settings
        records: dict[str, str | None] = {}
        is_in_path = "{key}" in settings.lookup_path.partition("?")[0]
        for page in self._pages():
            path = filled(settings.lookup_path, key=key, page=page, limit=settings.page_size)
            items = self._api.items(path, may_lack=is_in_path)
            self._refuse_without_key(items)
            before = len(records)
            records |= self._keys_of(items)
            if len(items) < settings.page_size or "{page}" not in settings.lookup_path:
                break
            if len(records) == before:
                raise self._no_end(path)
        return carrying(key, records)

    def _pages(self) -> Iterator[int]:
        """Yield the numbers of pages. Raises ConfigError where a list never ends: whoever is missing would be made anew."""
        first = self._settings.first_page
        yield from range(first, first + _MOST_PAGES)
        raise self._no_end(self._settings.lookup_path)

    def _no_end(self, path: str) -> ConfigError:
        return ConfigError(
            f"lists the same records page after page at {path.partition('?')[0]}, or never ends",
            where=f"[connectors.{self._name}]",
            remedy="Look at how it counts pages ({page}, first_page) and at whether it searches by the key at all.",
        )

    def _keys_of(self, items: Sequence[Any]) -> dict[str, str | None]:
        return {str(at_path(item, self._settings.id_path)): self._key_of(item) for item in items}

    def _refuse_without_key(self, items: Sequence[Any]) -> None:
        """Refuse a `key_field` that no record has: nobody would ever be found, and everybody made anew."""
        settings = self._settings
        records = [at_path(item, settings.fields_path) for item in items]
        if not records or any(value_at(record, settings.key_field) is not MISSING for record in records):
            return
        names = sorted(records[0]) if isinstance(records[0], Mapping) else []
        near = [name for name in names if name.endswith(settings.key_field)]
        near = near or difflib.get_close_matches(settings.key_field, names, n=1)
        hint = (
            f"Did you mean key_field = `{near[0]}`?" if near else f"They have {', '.join(names[:20]) or 'no fields'}."
        )
        raise ConfigError(
            f"its records have no field `{settings.key_field}`",
            where=f"[connectors.{self._name}]",
            remedy=f"{hint} The name is the whole one, prefix included; fields_path says where a record holds its fields.",
        )

    def _refuse_absent_fields(self, rows: Sequence[Row]) -> None:
        """Look at one record before the first write: it shows every field that is mapped, where no schema tells of them."""
        settings = self._settings
        known = next((row for row in rows if row.remote_id is not None), None)
        if self._has_seen_fields or settings.schema_path or settings.omits_empty or known is None:
            return
        record = self._record(str(known.remote_id))
        if not isinstance(record, Mapping):
            return
        self._has_seen_fields = True
        full = [f"{settings.field_prefix}{name}" for name in known.values]
        absent = [name for name in full if value_at(record, name) is MISSING]
        if absent:
            near = {name: difflib.get_close_matches(name, list(record), n=1) for name in absent}
            hints = ", ".join(f"{name} (there is {other[0]})" if other else name for name, other in near.items())
            raise ConfigError(
                f"record {known.remote_id} has no field {hints}",
                where=f"[connectors.{self._name}]",
                remedy="Mend [crm].fields and field_prefix; set omits_empty = true if it leaves out fields that are empty.",
            )

    def _key_of(self, item: Any) -> str | None:
        value = at_path(at_path(item, self._settings.fields_path), self._settings.key_field)
        return None if value is None else str(value)

    def _parts(self, rows: Sequence[Row], mode: WriteMode) -> Iterator[tuple[str, ...]]:
        """Yield the customers of each request: many, where the section has a path for them, or one."""
        settings = self._settings
        for is_new, path in ((False, settings.update_batch_path), (True, settings.create_batch_path)):
            same = [row.customer_id for row in rows if (row.remote_id is None) is is_new]
            is_many = bool(path) and not (mode == "update" if is_new else mode == "insert")
            size = settings.batch_rows if is_many else 1
            yield from (tuple(same[start : start + size]) for start in range(0, len(same), size))

    def _write_part(self, rows: Sequence[Row], mode: WriteMode) -> list[RowResult]:
        settings, is_new = self._settings, rows[0].remote_id is None
        path = settings.create_batch_path if is_new else settings.update_batch_path
        if not path or (mode == "update" if is_new else mode == "insert"):
            return [self._write_one(row, mode) for row in rows]
        try:
            return BatchWriter(settings, self._api, self._entry).write(rows, is_new=is_new)
        except Unreachable as error:
            if not error.is_unknown:
                raise
            return [RowResult(row.customer_id, "unknown", row.remote_id, message=error.what) for row in rows]

    def _entry(self, row: Row) -> Any:
        """Return a row as an entry of a batch: a new one with our key, a known one with its id."""
        if row.remote_id is None:
            return self._body(row.values, plain=self._of_new_records(row.customer_id))
        body = self._body(row.values, remote_id=row.remote_id)
        return {self._settings.batch_id_field: row.remote_id, **body}

    def _write_one(self, row: Row, mode: WriteMode) -> RowResult:
        try:
            if row.remote_id is not None:
                return self._unchanged(row) if mode == "insert" else self._update(row, row.remote_id)
            if mode == "update":
                return RowResult(row.customer_id, "rejected", code="not_found", message="no record carries this key")
            return self._create(row, mode)
        except Unreachable as error:
            if not error.is_unknown:
                raise
            # One request of many: the others' results count, and this one is looked up before it is sent again.
            return RowResult(row.customer_id, "unknown", row.remote_id, message=error.what)

    def _unchanged(self, row: Row) -> RowResult:
        return RowResult(row.customer_id, "unchanged", remote_id=row.remote_id)

    def _update(self, row: Row, remote_id: str) -> RowResult:
        settings = self._settings
        path = filled(settings.update_path, id=remote_id, key=row.customer_id)
        response = self._http.send(
            settings.update_method, path, json=self._body(row.values, remote_id=remote_id), is_write=True
        )
        if response.status_code in {404, 410}:
            return RowResult(row.customer_id, "rejected", code="not_found", message=self._api.reason(response))
        if not self._api.is_yes(response):
            return self._api.refused(row, response)
        answer = json_of(response)
        if response.status_code != NO_CONTENT and not is_something(answer):
            return self._looked_at(row, remote_id)
        other = at_path(answer, settings.created_id_path or settings.id_path)
        if other is None or str(other) == remote_id:
            return RowResult(row.customer_id, "updated", remote_id=remote_id)
        try:
            return self._looked_at(row, remote_id)  # many put the id of the request there
        except Unreachable:  # merged: whoever carries the key now is the record
            words = f"record {remote_id} answers as {self._http.clean(other)}"
            return RowResult(row.customer_id, "rejected", code="not_found", message=words)

    def _looked_at(self, row: Row, remote_id: str) -> RowResult:
        """Return what a change came to that was answered with nothing that tells: the record itself does."""
        held = self._read_one(remote_id, list(row.values))
        if held is None:
            return RowResult(row.customer_id, "rejected", code="not_found", message=f"record {remote_id} is gone")
        if not any(differs(value, held[name]) for name, value in row.values.items()):
            return RowResult(row.customer_id, "updated", remote_id=remote_id)
        words = "its answer says nothing, and the record does not hold what was written"
        return RowResult(row.customer_id, "unknown", remote_id=remote_id, message=words)

    def _create(self, row: Row, mode: WriteMode) -> RowResult:
        settings = self._settings
        path = filled(settings.create_path, key=row.customer_id)
        body = self._body(row.values, plain=self._of_new_records(row.customer_id))
        response = self._http.send(settings.create_method, path, json=body, is_write=True)
        if response.status_code == 409 and settings.conflict_id_path:
            remote_id = at_path(json_of(response), settings.conflict_id_path)
            if remote_id is not None:
                there = Row(row.customer_id, str(remote_id), row.values)
                return self._unchanged(there) if mode == "insert" else self._update(there, str(remote_id))
        if response.status_code in {404, 405, 501}:
            raise ConnectorError(
                f"answers {response.status_code} to {settings.create_method} {path.partition('?')[0]}: "
                f"{self._api.reason(response)}",
                where=self._http.where,
                remedy="Look at create_path and create_method in churn.toml.",
            )
        if not self._api.is_yes(response):
            return self._api.refused(row, response)
        remote_id = at_path(json_of(response), settings.created_id_path or settings.id_path)
        if remote_id is None or remote_id == "":
            remote_id = response.headers.get("location", "").rstrip("/").rpartition("/")[2] or None
        if remote_id is None:
            words = "it said that it made a record, and did not say which"
            return RowResult(row.customer_id, "unknown", message=words)
        return RowResult(row.customer_id, "created", remote_id=str(remote_id))

    def _of_new_records(self, customer_id: str) -> dict[str, str]:
        """Return what only a new record is given, by the whole names of its fields: what it must have, and our key."""
        settings = self._settings
        needed = {name: text.format(customer_id=customer_id) for name, text in settings.create_values.items()}
        return {**needed, settings.key_field: customer_id}

    def _body(
        self, values: Mapping[str, Value], *, plain: Mapping[str, str] = EMPTY, remote_id: str | None = None
    ) -> Any:
        """Return fields as they are sent: with the prefix, in their place; the names in `plain` are whole already."""
        settings = self._settings
        # A record's fields, which are the CRM's own.
        body: dict[str, Any] = {name: sent_value(value, settings.types.get(name)) for name, value in plain.items()}
        for name, value in values.items():
            body[f"{settings.field_prefix}{name}"] = sent_value(value, settings.types.get(name))
        if settings.nests_fields:
            body = nested(body)
        for part in reversed(settings.fields_path.split(".") if settings.fields_path else ()):
            body = {part: body}
        for name, text in settings.record_values.items():
            if remote_id is not None or "{id}" not in text:
                body[name] = text.replace("{id}", remote_id or "")
        return {settings.wrap: body} if settings.wrap else body

    def _read_one(self, remote_id: str, fields: Sequence[str]) -> Mapping[str, Value] | None:
        record = self._record(remote_id)
        if record is None:
            return None
        prefix = self._settings.field_prefix
        return {name: read_value(at_path(record, f"{prefix}{name}")) for name in fields}

    def _record(self, remote_id: str) -> Any:
        """Return the fields of one record; None for one that is gone."""
        settings = self._settings
        path = filled(settings.read_path or settings.update_path, id=remote_id, key="")
        answer = self._api.answer("GET", path, may_lack=True)
        if answer is None:
            return None
        place = settings.record_path or settings.wrap
        item = at_path(answer, place) or answer
        own_id = at_path(item, settings.id_path)
        record = at_path(item, settings.fields_path)
        if (own_id is None and not record) or (own_id is not None and str(own_id) != remote_id):
            raise Unreachable(
                f"answers GET {path.partition('?')[0]} without the record: {self._http.clean(answer)}",
                where=self._http.where,
                remedy="Look at read_path, record_path and id_path in churn.toml.",
            )
        return record or {}

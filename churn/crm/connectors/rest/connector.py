"""The connector `rest`: any CRM with a REST API, by configuration alone; a request per record, or per batch of them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from churn.config.connectors import RestConnector as Section
from churn.crm.connector import OutcomePage, RemoteField, Row, RowResult, Value, WriteMode
from churn.crm.connectors.rest.answers import (
    MISSING,
    carrying,
    read_value,
    remote_field,
    value_at,
)
from churn.crm.connectors.rest.api import RestApi, filled
from churn.crm.connectors.rest.at_once import at_once
from churn.crm.connectors.rest.batches import BatchWriter, is_paged, lists_of_keys, lookup_request
from churn.crm.connectors.rest.bodies import Bodies
from churn.crm.connectors.rest.outcomes import OutcomeReader
from churn.crm.diff import differs
from churn.crm.http import Http
from churn.crm.verdict import NO_CONTENT, at_path, is_something, json_of
from churn.errors import ConfigError, ConnectorError, RateLimited, Unreachable

A = TypeVar("A", bound=Hashable)
B = TypeVar("B")
_BATCH = 250
_THREADS = 4
_MOST_PAGES = 1_000  # of one lookup: beyond it the list never ends


class RestCrm:
    """One REST API. Records are found by our key, changed by their id."""

    kind = "rest"
    needs_remote_id = True

    def __init__(self, name: str, settings: Section, http: Http, reading: Http | None = None) -> None:
        self._name, self._settings, self._http = name, settings, http
        self._api = RestApi(settings, http)
        self._asked = self._api if reading is None else RestApi(settings, reading)
        self._bodies = Bodies(settings)
        self.batch_size = settings.batch_size or _BATCH
        self._has_seen_fields = False
        self._kept: dict[str, dict[Any, Any]] = {}  # by method: what was read before it was stopped

    def __repr__(self) -> str:
        return f"RestCrm({self._name!r}, {self._settings.url!r})"

    def check(self) -> None:
        """Ask for the check path, or for the record of nobody. Raises AuthFailed, Unreachable, RateLimited."""
        settings = self._settings
        if settings.check_path:
            self._api.succeeded("GET", settings.check_path)  # many answer it with a bare word
            if self._asked is self._api:
                return
        if settings.lookup_path:
            path = filled(settings.lookup_path, key="0", page=settings.first_page, limit=1)
            self._asked.answer("GET", path, may_lack=bool(settings.check_path))
        else:
            self._lookup(("0",), settings.first_page)

    def fields(self) -> Mapping[str, RemoteField] | None:
        """Return the fields that the schema path lists, by name without the prefix; None without such a path."""
        settings = self._settings
        if not settings.schema_path:
            return None
        answer = self._asked.answer("GET", settings.schema_path)
        items = self._asked.listed(answer, settings.schema_items_path, settings.schema_path, "schema_items_path")
        remotes = [remote_field(item, settings) for item in items]
        return {remote.name: remote for remote in remotes if remote is not None}

    def find(self, customer_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Look the keys up, one by one or many at once; pages are followed to their end, other keys are left out."""
        settings = self._settings
        if not settings.lookup_batch_path:
            return self._each("find", self._find_one, customer_ids)
        # A key that holds a mark of the list itself would end it: such a one is looked up alone.
        marks = set(settings.keys_format.replace("{key}", "") + settings.keys_separator)
        plain = [key for key in customer_ids if not (settings.lookup_path and marks & set(key))]
        ids: dict[str, tuple[str, ...]] = {}
        for part in self._each("find many", self._find_many, list(lists_of_keys(plain, settings))).values():
            ids |= part
        return {**ids, **self._each("find", self._find_one, [key for key in customer_ids if key not in ids])}

    def _find_many(self, keys: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        settings = self._settings
        ids: dict[str, tuple[str, ...]] = dict.fromkeys(keys, ())
        records: dict[str, str | None] = {}  # id -> the key it carries
        for page in self._pages():
            path, items = self._lookup(keys, page)
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

    def _lookup(self, keys: tuple[str, ...], page: int) -> tuple[str, list[Any]]:
        """Return the path and the records of one request for many keys."""
        settings = self._settings
        path, body = lookup_request(keys, page, settings)
        return path, self._asked.items(path, may_lack=False, method=settings.lookup_batch_method, body=body)

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
        """Read each record back by its id, or many by the lookup; those that are gone are absent."""
        if self._settings.reads_by_lookup:
            return self._read_many(remote_ids, fields)
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
            answer = self._asked.answer("GET", filled(section.path, **marks))
            return answer, self._asked.listed(answer, section.items_path, section.path, "outcomes.items_path")

        return OutcomeReader(section, ask, f"[connectors.{self._name}.outcomes]").page(cursor)

    def close(self) -> None:
        """Give back connections."""
        self._http.close()  # both addresses share one client

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
            items = self._asked.items(path, may_lack=is_in_path)
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
        records = [item if settings.key_path else self._fields_of(item) for item in items]
        if not records or any(
            value_at(record, settings.key_path or settings.key_field) is not MISSING for record in records
        ):
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

    def absent_fields(self, remote_id: str, fields: Sequence[str]) -> Mapping[str, str] | None:
        """Return the fields that a record does not have, each by its whole name, with one that is called much the same.

        None where a schema says more, where records leave out what is empty, and where the record is gone.
        """
        settings = self._settings
        if settings.schema_path or settings.omits_empty:
            return None
        record = self._record(remote_id)
        if not isinstance(record, Mapping):
            return None
        self._has_seen_fields = True
        full = {name: f"{settings.field_prefix}{name}" for name in fields}
        absent = {name: whole for name, whole in full.items() if value_at(record, whole) is MISSING}
        near = {name: difflib.get_close_matches(whole, list(record), n=1) for name, whole in absent.items()}
        return {name: f"{absent[name]} (there is {like[0]})" if like else absent[name] for name, like in near.items()}

    def _refuse_absent_fields(self, rows: Sequence[Row]) -> None:
        """Look at one record before the first write: it shows every field that is mapped, where no schema tells of them."""
        known = next((row for row in rows if row.remote_id is not None), None)
        if self._has_seen_fields or known is None:
            return
        absent = self.absent_fields(str(known.remote_id), list(known.values))
        if absent:
            raise ConfigError(
                f"record {known.remote_id} has no field {', '.join(absent.values())}",
                where=f"[connectors.{self._name}]",
                remedy="Mend [crm].fields and field_prefix; set omits_empty = true if it leaves out fields that are empty.",
            )

    def _key_of(self, item: Any) -> str | None:
        settings = self._settings
        value = (
            at_path(item, settings.key_path)
            if settings.key_path
            else at_path(self._fields_of(item), settings.key_field)
        )
        return None if value is None else str(value)

    def _fields_of(self, item: Any) -> Any:
        """Return the fields of a record as it is read."""
        place = self._settings.read_fields_path
        return at_path(item, self._settings.fields_path if place is None else place)

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
            return BatchWriter(settings, self._api, self._bodies.entry).write(rows, is_new=is_new)
        except Unreachable as error:
            if not error.is_unknown:
                raise
            return [RowResult(row.customer_id, "unknown", row.remote_id, message=error.what) for row in rows]

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
        body = self._bodies.of_change(row.customer_id, remote_id, row.values)
        response = self._http.send(settings.update_method, path, json=body, is_write=True)
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
        body = self._bodies.of_new(row.customer_id, row.values)
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

    def _read_one(self, remote_id: str, fields: Sequence[str]) -> Mapping[str, Value] | None:
        if self._settings.reads_by_lookup:
            return self._read_many([remote_id], fields).get(remote_id)
        record = self._record(remote_id)
        return None if record is None else self._values(record, fields)

    def _read_many(self, remote_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
        """Read records by the lookup: their ids are our keys."""
        settings = self._settings
        parts = self._each(
            "read many",
            lambda keys: self._lookup(keys, settings.first_page)[1],
            list(lists_of_keys(remote_ids, settings)),
        )
        records = {str(at_path(item, settings.id_path)): item for items in parts.values() for item in items}
        return {
            remote_id: self._values(self._fields_of(records[remote_id]), fields)
            for remote_id in remote_ids
            if remote_id in records
        }

    def _values(self, record: Any, fields: Sequence[str]) -> Mapping[str, Value]:
        prefix = self._settings.field_prefix
        return {name: read_value(at_path(record, f"{prefix}{name}")) for name in fields}

    def _record(self, remote_id: str) -> Any:
        """Return the fields of one record; None for one that is gone."""
        settings = self._settings
        path = filled(settings.read_path or settings.update_path, id=remote_id, key="")
        answer = self._asked.answer("GET", path, may_lack=True)
        if answer is None:
            return None
        place = settings.record_path or settings.wrap
        item = at_path(answer, place) or answer
        own_id = at_path(item, settings.id_path)
        record = self._fields_of(item)
        if (own_id is None and not record) or (own_id is not None and str(own_id) != remote_id):
            raise Unreachable(
                f"answers GET {path.partition('?')[0]} without the record: {self._http.clean(answer)}",
                where=self._http.where,
                remedy="Look at read_path, record_path and id_path in churn.toml.",
            )
        return record or {}

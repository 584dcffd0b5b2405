"""Looks many keys up, and writes many records, in one request, where the section says how the API wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from churn.config.connectors import RestConnector as Section
from churn.crm.connector import ResultState, Row, RowResult
from churn.crm.connectors.rest.answers import value_at
from churn.crm.connectors.rest.api import RestApi
from churn.crm.verdict import MULTI_STATUS, at_path, json_of
from churn.errors import RateLimited, Unreachable

if TYPE_CHECKING:
    import httpx

_GOOD = 400  # statuses below are a yes to a row
_SPLIT = {400, 409, 413, 422}  # a refusal of the whole, which names nobody


def lists_of_keys(keys: Sequence[str], settings: Section) -> Iterator[tuple[str, ...]]:
    """Yield the keys in lists that one request may ask for: not too many, and not too long an address."""
    part: list[str] = []
    room = settings.address_bytes - len(settings.url) - len(settings.lookup_batch_path)
    size = 0
    for key in keys:
        length = len(quote(f"{settings.keys_format.format(key=key)}{settings.keys_separator}", safe=""))
        is_long = settings.lookup_batch_method == "GET" and size + length > room
        if part and (len(part) >= settings.lookup_batch_keys or is_long):
            yield tuple(part)
            part, size = [], 0
        part.append(key)
        size += length
    if part:
        yield tuple(part)


def lookup_request(keys: Sequence[str], page: int, settings: Section) -> tuple[str, Any]:
    """Return the path and the body that ask for a page of the records with some keys; no body with GET."""
    listed = settings.keys_separator.join(settings.keys_format.format(key=key) for key in keys)
    marks: dict[str, object] = {"keys": listed, "page": page, "limit": settings.page_size}
    quoted = {name: quote(str(value), safe="") for name, value in marks.items()}
    path = settings.lookup_batch_path.format(**quoted)
    if settings.lookup_batch_method == "GET":
        return path, None
    return path, _with(settings.lookup_batch_body, {**marks, "keys": list(keys)}, listed)


def is_paged(settings: Section) -> bool:
    """Return whether a lookup of many keys goes by pages."""
    return "{page}" in f"{settings.lookup_batch_path}{settings.lookup_batch_body}"


def _with(value: Any, marks: Mapping[str, object], listed: str) -> Any:
    """Return a body with its marks filled in: a text that is one mark becomes its value, {keys} within a text the list."""
    if isinstance(value, Mapping):
        return {name: _with(part, marks, listed) for name, part in value.items()}
    if isinstance(value, list):
        return [_with(part, marks, listed) for part in value]
    if not isinstance(value, str):
        return value
    whole = next((marks[name] for name in marks if value == f"{{{name}}}"), None)
    return value.replace("{keys}", listed) if whole is None else whole


class BatchWriter:
    """Writes rows of one kind, creations or changes, `batch_rows` at a time; each has a result of its own."""

    def __init__(self, settings: Section, api: RestApi, body_of: Callable[[Row], Any]) -> None:
        self._settings, self._api, self._body_of = settings, api, body_of

    def write(self, rows: Sequence[Row], *, is_new: bool) -> list[RowResult]:
        """Write rows by one request, and halves of them where the whole is refused. Raises as `Http.send`."""
        settings = self._settings
        records = [self._body_of(row) for row in rows]
        body: Any = {settings.batch_wrap: records} if settings.batch_wrap else records
        method = settings.create_method if is_new else settings.batch_update_method
        path = settings.create_batch_path if is_new else settings.update_batch_path
        response = self._api.send(method, path, json=body, is_write=True)
        if settings.batch_errors_path and (sorted_out := self._by_refusals(rows, response, is_new=is_new)) is not None:
            return sorted_out
        results = None if settings.batch_errors_path else self._listed(response)
        if results is None and not self._api.is_yes(response):
            return self._refused(rows, response, is_new=is_new)
        if results is None or len(results) != len(rows):
            raise Unreachable(
                f"does not say what became of each of {len(rows)} records: {self._api.clean(response.text)}",
                where=self._api.where,
                remedy="Look at batch_results_path in churn.toml.",
                is_unknown=True,
            )
        return [self._result(row, result, is_new=is_new) for row, result in zip(rows, results, strict=True)]

    def _listed(self, response: httpx.Response) -> list[Any] | None:
        if not response.is_success and response.status_code != MULTI_STATUS:
            return None
        results = value_at(json_of(response), self._settings.batch_results_path)
        return results if isinstance(results, list) else None

    def _by_refusals(self, rows: Sequence[Row], response: httpx.Response, *, is_new: bool) -> list[RowResult] | None:
        """Return what became of each row by an answer that lists the refused; None where it is no such answer.

        Raises Unreachable where it does not count or name all the others: silence is no yes.
        """
        settings = self._settings
        if not response.is_success:
            return None
        answer = json_of(response)
        listed = value_at(answer, settings.batch_errors_path)
        counted = at_path(answer, settings.batch_count_path) if settings.batch_count_path else None
        if not isinstance(listed, list) and (counted is None or self._api.refusal(answer) is not None):
            return None
        refusals: dict[int, Any] = {}
        for refusal in listed if isinstance(listed, list) else []:
            number = self._number_of(refusal, rows)
            if number is None:  # it names nobody: each half tells more
                return self._halved(rows, is_new=is_new) if len(rows) > 1 else [self._one_refused(rows[0], refusal)]
            refusals[number] = refusal
        if settings.batch_count_path and counted != len(rows) - len(refusals):
            raise Unreachable(
                f"counts {self._api.clean(counted)} of {len(rows)} records, and refuses {len(refusals)}",
                where=self._api.where,
                remedy="Look at batch_count_path in churn.toml.",
                is_unknown=True,
            )
        made = self._made(answer)
        return [
            self._one_refused(row, refusals[number]) if number in refusals else self._one_done(row, made, is_new=is_new)
            for number, row in enumerate(rows)
        ]

    def _number_of(self, refusal: Any, rows: Sequence[Row]) -> int | None:
        """Return which of the rows a refusal is of; None where it does not say."""
        settings = self._settings
        if settings.batch_error_index:
            number = at_path(refusal, settings.batch_error_index)
            return number if isinstance(number, int) and 0 <= number < len(rows) else None
        key = _plain(at_path(refusal, settings.batch_key_path) if settings.batch_key_path else None)
        return next((number for number, row in enumerate(rows) if key and _plain(row.customer_id) == key), None)

    def _made(self, answer: Any) -> Mapping[str, Any]:
        """Return the results that name their record by our key."""
        settings = self._settings
        results = at_path(answer, settings.batch_results_path) if settings.batch_key_path else None
        listed = results if isinstance(results, list) else []
        return {_plain(at_path(result, settings.batch_key_path)): result for result in listed}

    def _one_refused(self, row: Row, refusal: Any) -> RowResult:
        """Return a refusal, read as if the answer had no other."""
        answer: Any = [refusal]
        for part in reversed(self._settings.batch_errors_path.split(".")):
            answer = {part: answer}
        return self._api.refused_entry(row, answer, 0)

    def _one_done(self, row: Row, made: Mapping[str, Any], *, is_new: bool) -> RowResult:
        if not self._settings.batch_key_path:
            return self._result(row, {}, is_new=is_new)
        if (result := made.get(_plain(row.customer_id))) is not None:
            return self._result(row, result, is_new=is_new)
        return RowResult(row.customer_id, "unknown", row.remote_id, message="its answer does not name this record")

    def _refused(self, rows: Sequence[Row], response: httpx.Response, *, is_new: bool) -> list[RowResult]:
        if len(rows) == 1:
            return [self._api.refused(rows[0], response)]
        if response.status_code not in _SPLIT:
            return [self._api.refused(row, response) for row in rows]
        return self._halved(rows, is_new=is_new)

    def _halved(self, rows: Sequence[Row], *, is_new: bool) -> list[RowResult]:
        middle = len(rows) // 2
        results: list[RowResult] = []
        for part in (rows[:middle], rows[middle:]):
            try:
                results += self.write(part, is_new=is_new)
            except (RateLimited, Unreachable) as stop:
                is_unknown = isinstance(stop, Unreachable) and stop.is_unknown
                wish = stop.retry_after if isinstance(stop, RateLimited) else None
                state: ResultState = "unknown" if is_unknown else "transient"
                results += [
                    RowResult(row.customer_id, state, row.remote_id, message=stop.what, retry_after=wish)
                    for row in part
                ]
        return results

    def _result(self, row: Row, result: Any, *, is_new: bool) -> RowResult:
        """Return what one entry of the answer says of its row; it must say yes, and name what it made."""
        settings = self._settings
        status = at_path(result, settings.batch_status_path) if settings.batch_status_path else None
        number = int(status) if isinstance(status, int) or (isinstance(status, str) and status.isdigit()) else 0
        reason = self._api.refusal(result)
        if reason is not None or number >= _GOOD:
            return self._api.refused_entry(row, result, number)
        if not is_new:
            return RowResult(row.customer_id, "updated", row.remote_id)
        remote_id = at_path(result, settings.created_id_path or settings.id_path)
        if settings.id_is_key:
            remote_id = row.customer_id
        if remote_id is None or remote_id == "":
            return RowResult(row.customer_id, "unknown", message="it said that it made a record, and did not say which")
        return RowResult(row.customer_id, "created", remote_id=str(remote_id))


def _plain(key: Any) -> str:
    """Return a key as systems compare it: without blanks around it, in any letters."""
    return "" if key is None else str(key).strip().casefold()

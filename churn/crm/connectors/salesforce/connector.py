"""Salesforce: records matched by an external id; collections of 200, or Bulk API 2.0; campaign members as outcomes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from churn.crm.connector import OutcomeEvent, OutcomePage, RemoteField, ResultState, Row, RowResult, Value, WriteMode
from churn.crm.connectors.salesforce.bulk import BulkJob
from churn.crm.connectors.salesforce.values import instant, ours, quoted, refused, remote_field, sent
from churn.crm.http import Credential, Http, open_client
from churn.crm.oauth import access_token
from churn.crm.opening import secret_of
from churn.crm.verdict import NO_CONTENT, json_of
from churn.errors import AuthFailed, ConfigError, RateLimited, RecordRejected, Unreachable

if TYPE_CHECKING:
    import httpx

    from churn.config.connectors import SalesforceConnector

BATCH_ROWS = 10_000
COLLECTION_ROWS = 200  # Salesforce's own limit
ADDRESS_BYTES = 16_000  # Salesforce takes 16,384 of a whole address
OVERLAP = timedelta(minutes=10)
BEGINNING = "2000-01-01T00:00:00Z"
_UNTIL_TOMORROW = 3_600.0  # more than anybody waits for: the day's requests are used up

Record = tuple[Row, Mapping[str, Any]]


def connect(
    name: str,
    settings: SalesforceConnector,
    secrets: Mapping[str, str],
    *,
    clock: Callable[[], datetime],
    client: httpx.Client | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> SalesforceCrm:
    """Return a connection to the organisation whose access token is the secret. Raises ConfigError without one."""
    secret_of(name, secrets)
    opened, where = client or open_client(settings), f"connector {name}"

    def sign_in() -> Credential:
        secret = token = secret_of(name, secrets)
        if settings.client_id is not None:
            url = settings.token_url or f"{settings.url}/services/oauth2/token"
            token = access_token(opened, url, client_id=settings.client_id, client_secret=secret, where=where)
        return Credential({"Authorization": f"Bearer {token}"}, (secret, token))

    http = Http(opened, base_url=settings.url, where=where, clock=clock, sign_in=sign_in)
    return SalesforceCrm(settings, http, opened, sleep)


class SalesforceCrm:
    """One object of one organisation; what exists is changed by its id, what does not is upserted by our key."""

    kind = "salesforce"
    needs_remote_id = True

    def __init__(
        self, settings: SalesforceConnector, http: Http, client: httpx.Client, sleep: Callable[[float], None]
    ) -> None:
        self._settings, self._http, self._client, self._sleep = settings, http, client, sleep
        self._root = f"services/data/v{settings.version}"
        self._schema: dict[str, RemoteField] | None = None
        self._may_create = True
        self.batch_size = settings.batch_size or BATCH_ROWS

    def __repr__(self) -> str:
        return f"SalesforceCrm({self._settings.url!r}, {self._settings.object!r})"

    def check(self) -> None:
        """Sign in, and see that the key is an external id and records may be changed. Raises ConfigError or AuthFailed."""
        answer = self._ask("GET", f"{self._root}/sobjects/{self._settings.object}/describe")
        described = self._records(answer, "fields")
        self._may_create = answer.get("createable") is not False
        self._schema = {entry["name"]: remote_field(entry) for entry in described}
        keys = {entry["name"] for entry in described if entry.get("externalId")}
        if self._settings.key_field not in keys:
            raise ConfigError(
                f"{self._settings.object} has no external id {self._settings.key_field}",
                where=self._http.where,
                remedy="Make the field there, marked External ID and Unique, or mend `key_field`.",
            )
        if answer.get("updateable") is False:
            raise AuthFailed(
                f"its user may not write {self._settings.object}",
                where=self._http.where,
                remedy="Give the user that right in Salesforce.",
            )

    def may_create(self) -> bool:
        """Return whether the user may make records of the object."""
        self.fields()
        return self._may_create

    def fields(self) -> Mapping[str, RemoteField]:
        """Return the object's fields."""
        if self._schema is None:
            self.check()
        return self._schema or {}

    def find(self, customer_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Return the records with our keys, compared as Salesforce does: without regard to case.

        Two of our keys that differ in case only have the same record, which is then nobody's to write.
        """
        key = self._settings.key_field
        ids: dict[str, tuple[str, ...]] = {}
        for record in self._query("Id, " + key, key, customer_ids):
            held = str(record[key]).casefold()
            if (remote_id := str(record["Id"])) not in ids.get(held, ()):
                ids[held] = (*ids.get(held, ()), remote_id)
        return {customer: ids[customer.casefold()] for customer in customer_ids if customer.casefold() in ids}

    def write(self, rows: Sequence[Row], *, mode: WriteMode, run_id: str) -> list[RowResult]:  # noqa: ARG002 - Salesforce keeps no run
        """Update records by their ids and upsert the others by our key; from `bulk_rows` rows on as a job."""
        results: dict[str, RowResult] = {}
        updates: list[Record] = []
        upserts: list[Record] = []
        for row in rows:
            values = {name: sent(value) for name, value in row.values.items()}
            if row.remote_id is not None and mode == "insert":
                results[row.customer_id] = RowResult(row.customer_id, "unchanged", row.remote_id)
            elif row.remote_id is not None:
                updates.append((row, {"Id": row.remote_id, **values}))
            elif mode == "update":
                words = f"no {self._settings.object} carries this key"
                results[row.customer_id] = RowResult(row.customer_id, "rejected", code="not_found", message=words)
            else:
                upserts.append((row, self._complete(row, values)))
        for operation, records in (("update", updates), ("upsert", upserts)):
            self._write(operation, records, results)
        return [results[row.customer_id] for row in rows]

    def _complete(self, row: Row, values: Mapping[str, Any]) -> dict[str, Any]:  # free: fields of that Salesforce
        needed = {n: v.format(customer_id=row.customer_id) for n, v in self._settings.create_values.items()}
        return {**needed, **values, self._settings.key_field: row.customer_id}

    def _write(self, operation: str, records: Sequence[Record], results: dict[str, RowResult]) -> None:
        is_bulk = len(records) >= self._settings.bulk_rows
        size = max(1, len(records)) if is_bulk else COLLECTION_ROWS
        for start in range(0, len(records), size):
            part = records[start : start + size]
            try:
                written = self._bulk().run(operation, part) if is_bulk else self._collection(operation, part)
            except (AuthFailed, RateLimited, Unreachable, RecordRejected) as stop:
                if not results:
                    raise
                # Return the known results; the remaining rows are sent again and raise the same error.
                state: ResultState = "unknown" if isinstance(stop, Unreachable) and stop.is_unknown else "transient"
                wish = stop.retry_after if isinstance(stop, RateLimited) else None
                for row, _ in records[start:]:
                    results[row.customer_id] = RowResult(
                        row.customer_id, state, row.remote_id, message=stop.what, retry_after=wish
                    )
                return
            results.update({result.customer_id: result for result in written})

    def _bulk(self) -> BulkJob:
        settings = self._settings
        pause, sleep = settings.poll_seconds, self._sleep
        return BulkJob(self._http, self._ask, self._root, settings.object, settings.key_field, pause, sleep)

    def _collection(self, operation: str, records: Sequence[Record]) -> list[RowResult]:
        """Write up to 200 records; the answer is 200 even when some of them failed, one result each, in order."""
        name = self._settings.object
        path = f"{self._root}/composite/sobjects"
        if operation == "upsert":
            path += f"/{name}/{self._settings.key_field}"
        body = {"allOrNone": False, "records": [{"attributes": {"type": name}, **values} for _, values in records]}
        listed = self._ask("PATCH", path, json=body, is_write=True)
        if not isinstance(listed, list) or len(listed) != len(records):
            raise Unreachable(
                f"does not say what became of each of {len(records)} records",
                where=self._http.where,
                remedy="Try again later.",
                is_unknown=True,
            )
        return [self._result(row, result) for (row, _), result in zip(records, listed, strict=True)]

    def _result(self, row: Row, answer: Mapping[str, Any]) -> RowResult:
        if answer.get("success"):
            state: ResultState = "created" if answer.get("created") else "updated"
            if not (remote_id := answer.get("id") or row.remote_id):
                return RowResult(row.customer_id, "unknown", message="it said yes, and did not say of which record")
            return RowResult(row.customer_id, state, remote_id=str(remote_id))
        error = (answer.get("errors") or [{}])[0]
        message = self._http.clean(error.get("message", ""))
        return refused(row, str(error.get("statusCode", "ERROR")), message, error.get("fields") or ())

    def read(self, remote_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
        """Return what Salesforce holds now, in our types."""
        schema = self.fields()
        known = [
            record_id for record_id in remote_ids if re.fullmatch(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", record_id)
        ]
        records = self._query(", ".join(["Id", *fields]), "Id", known)
        return {
            str(record["Id"]): {name: ours(record.get(name), schema[name].kind) for name in fields}
            for record in records
        }

    def outcomes(self, cursor: str | None) -> OutcomePage:
        """Return a page of campaign members whose status means something to us and that changed since `cursor`."""
        settings = self._settings
        since, onward, newest = json.loads(cursor) if cursor else (BEGINNING, None, None)
        key = f"{settings.object}.{settings.key_field}"
        query = (
            f"SELECT Id, {settings.object}Id, {key}, Campaign.Name, Status, SystemModstamp FROM CampaignMember "
            f"WHERE SystemModstamp >= {since} ORDER BY SystemModstamp, Id"
        )
        body = self._ask("GET", onward.lstrip("/")) if onward else self._ask("GET", self._root + "/query", q=query)
        members = self._records(body)
        events = tuple(event for member in members if (event := self._event(member)) is not None)
        newest = members[-1]["SystemModstamp"] if members else newest
        if not body.get("done", True):
            return OutcomePage(events, json.dumps([since, body["nextRecordsUrl"], newest]), is_last=False)
        following = f"{(instant(newest) - OVERLAP).isoformat(timespec='seconds')}Z" if newest else since
        return OutcomePage(events, json.dumps([max(since, following), None, None]), is_last=True)

    def _event(self, member: Mapping[str, Any]) -> OutcomeEvent | None:
        settings = self._settings
        kind = settings.statuses.get(str(member["Status"]))
        if kind is None:
            return None
        contact = member.get(settings.object) or {}
        campaign = str((member.get("Campaign") or {}).get("Name"))
        return OutcomeEvent(
            event_id=f"{member['Id']},{kind}",
            customer_id=contact.get(settings.key_field),
            remote_id=member.get(f"{settings.object}Id"),
            campaign=settings.campaigns.get(campaign, campaign),
            kind=kind,
            occurred_at=instant(str(member["SystemModstamp"])),
        )

    def close(self) -> None:
        """Give back the connection."""
        self._client.close()

    def _query(self, names: str, field: str, values: Sequence[str]) -> list[Mapping[str, Any]]:
        records: list[Mapping[str, Any]] = []
        question = f"SELECT {names} FROM {self._settings.object} WHERE {field} IN "
        room = ADDRESS_BYTES - len(f"{self._settings.url}/{self._root}/query?q={quote_plus(question)}")
        for listed in _fitting([quoted(value) for value in values], room):
            query = f"{question}({listed})"
            body = self._ask("GET", f"{self._root}/query", q=query)
            records += self._records(body)
            while not body.get("done", True):
                body = self._ask("GET", body["nextRecordsUrl"].lstrip("/"))
                records += self._records(body)
        return records

    def _ask(self, method: str, path: str, *, q: str | None = None, **request: Any) -> Any:
        answer = self._http.send(method, path, params={"q": q} if q is not None else None, **request)
        if answer.status_code >= 400:
            raise self._error(answer, is_write=bool(request.get("is_write")))
        self._mind_the_limit(answer)
        if answer.status_code == NO_CONTENT or (method == "PUT" and not answer.content):
            return {}
        body = json_of(answer)
        if not answer.is_success or not isinstance(body, dict | list):
            raise Unreachable(
                f"answers {answer.status_code} to {method} with what is no answer of its: "
                f"{self._http.clean(answer.text) or 'nothing'}",
                where=self._http.where,
                remedy="Look at `url`, and whether something stands between us and it.",
                is_unknown=bool(request.get("is_write")),
            )
        return body

    def _records(self, answer: Any, part: str = "records") -> list[Mapping[str, Any]]:
        """Return the list that an answer must have; without it there is no answer, and never nobody."""
        listed = answer.get(part) if isinstance(answer, Mapping) else None
        if not isinstance(listed, list):
            raise Unreachable(f"answers without {part}", where=self._http.where, remedy="Try again later.")
        return listed

    def _mind_the_limit(self, answer: httpx.Response) -> None:
        usage = re.search(r"api-usage=(\d+)/(\d+)", answer.headers.get("Sforce-Limit-Info", ""))
        # A write is never interrupted here: its answer says what became of the rows.
        if usage and answer.request.method == "GET" and int(usage[1]) >= self._settings.max_usage_share * int(usage[2]):
            raise self._spent(f"{usage[1]} of the day's {usage[2]} requests are used")

    def _spent(self, what: str) -> RateLimited:
        remedy = "Push again tomorrow; max_usage_share says how much is left to others."
        return RateLimited(what, where=self._http.where, remedy=remedy, retry_after=_UNTIL_TOMORROW)

    def _error(self, answer: httpx.Response, *, is_write: bool) -> Exception:
        code, message = _first_error(answer)
        words, where = self._http.clean(message), self._http.where
        if code == "REQUEST_LIMIT_EXCEEDED":
            return self._spent(words)
        if answer.status_code == 403:
            return AuthFailed(f"{words} ({code})", where=where, remedy="Look at what the token's user may do.")
        if answer.status_code >= 500:
            what = f"answers with an error ({code or answer.status_code})"
            return Unreachable(what, where=where, remedy="Try again later.", is_unknown=is_write)
        if answer.status_code == 410 or "API_VERSION" in code:
            what = f"version {self._settings.version} of its API is retired ({words})"
            return ConfigError(what, where=where, remedy="Set a later `version` in its section of churn.toml.")
        if answer.status_code == 404:
            return ConfigError(f"{words} ({code})", where=where, remedy="Look at `url`, `version` and `object`.")
        return RecordRejected(f"{words} ({code})", where=where, remedy="Look at the mapping.")


def _fitting(values: Sequence[str], room: int) -> Iterator[str]:
    """Yield the values, joined by commas, in lists that take at most `room` bytes of an address."""
    part: list[str] = []
    size = 0
    for value in values:
        length = len(quote_plus(f"{value}, "))
        if part and size + length > room:
            yield ", ".join(part)
            part, size = [], 0
        part.append(value)
        size += length
    if part:
        yield ", ".join(part)


def _first_error(answer: httpx.Response) -> tuple[str, str]:
    try:
        body = answer.json()
    except ValueError:
        return "", f"HTTP {answer.status_code}"
    first = body[0] if isinstance(body, list) and body else body
    return str(first.get("errorCode", "")), str(first.get("message", "")) if isinstance(first, dict) else ""

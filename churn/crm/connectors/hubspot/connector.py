"""HubSpot: contacts matched by a unique property, a hundred at a time, each with its own answer; deals as outcomes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from churn.crm.connector import FieldKind, OutcomePage, RemoteField, ResultState, Row, RowResult, Value, WriteMode
from churn.crm.connectors.hubspot.outcomes import read_page
from churn.crm.connectors.hubspot.values import ours, sent
from churn.crm.http import Credential, Http, open_client
from churn.crm.opening import secret_of
from churn.errors import AuthFailed, ConfigError, ConnectorError, RateLimited, Unreachable

if TYPE_CHECKING:
    import httpx

    from churn.config.connectors import HubspotConnector

BATCH_ROWS = 100  # HubSpot's own limit of every batch
_UNTIL_TOMORROW = 3_600.0  # more than anybody waits for: the day's requests are used up
_KINDS: dict[str, FieldKind] = {
    "string": "text",
    "number": "number",
    "bool": "boolean",
    "date": "date",
    "datetime": "datetime",
    "enumeration": "choice",
}
_PASSING = {"FORBIDDEN", "MISSING_SCOPES"}  # rights taken away, which is not the row's fault
_BUSY = {"INTERNAL_ERROR", "RATE_LIMITS", "CONCURRENT_UPDATE", "LOCKED"}


def connect(
    name: str,
    settings: HubspotConnector,
    secrets: Mapping[str, str],
    *,
    clock: Callable[[], datetime],
    client: httpx.Client | None = None,
) -> HubspotCrm:
    """Return a connection to the account whose token is the secret. Raises ConfigError when there is none."""
    secret_of(name, secrets)
    opened = client or open_client(settings)

    def sign_in() -> Credential:
        secret = secret_of(name, secrets)
        return Credential({"Authorization": f"Bearer {secret}"}, (secret,))

    http = HubspotHttp(opened, base_url=settings.url, where=f"connector {name}", clock=clock, sign_in=sign_in)
    return HubspotCrm(settings, http, opened)


class HubspotHttp(Http):
    """HTTP as HubSpot speaks it: a 429 says whether seconds or the day's requests are used up."""

    def _refuse(self, response: httpx.Response, *, is_write: bool) -> None:
        if response.status_code == 429 and "DAILY" in response.text.upper():
            raise RateLimited(
                "has used up the day's requests",
                where=self.where,
                remedy="Push again tomorrow; daily_budget keeps a push from using up what others need.",
                retry_after=_UNTIL_TOMORROW,
            )
        super()._refuse(response, is_write=is_write)


class HubspotCrm:
    """One object type of one account; HubSpot matches by our key itself."""

    kind = "hubspot"
    needs_remote_id = False

    def __init__(self, settings: HubspotConnector, http: Http, client: httpx.Client) -> None:
        self._settings, self._http, self._client = settings, http, client
        self._schema: dict[str, RemoteField] | None = None
        self._objects = f"crm/objects/{settings.version}/{settings.object}"
        self._properties = f"crm/properties/{settings.version}/{settings.object}"
        self.batch_size = min(settings.batch_size or BATCH_ROWS, BATCH_ROWS)

    def __repr__(self) -> str:
        return f"HubspotCrm({self._settings.url!r}, {self._settings.object!r})"

    def check(self) -> None:
        """Sign in, and see that the key is there and unique. Raises ConfigError when it is not."""
        key = self._settings.key_field
        answer = self._http.send("GET", f"{self._properties}/{key}")
        if answer.status_code == 404:
            self.fields()  # a 404 of the API itself says nothing of the property
            raise self._bad_key(f"has no property {key}")
        if not self._told(answer).get("hasUniqueValue"):
            raise self._bad_key(f"does not keep {key} unique")

    def _bad_key(self, what: str) -> ConfigError:
        remedy = "Create the property with unique values (a setting that only a new property can have)."
        return ConfigError(what, where=self._http.where, remedy=remedy)

    def fields(self) -> Mapping[str, RemoteField]:
        """Return the object's properties."""
        if self._schema is None:
            listed = self._listed("GET", self._properties)
            self._schema = {entry["name"]: _remote_field(entry) for entry in listed}
        return self._schema

    def find(self, customer_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Return the contact of each key; there is one at most, for keys are unique."""
        key = self._settings.key_field
        records = self._read(customer_ids, [key], id_property=key)
        return {str(record["properties"][key]): (str(record["id"]),) for record in records}

    def write(self, rows: Sequence[Row], *, mode: WriteMode, run_id: str) -> list[RowResult]:  # noqa: ARG002 - HubSpot keeps no run
        """Write a batch; each input carries a trace id, so that a bad one is told apart and the others land."""
        results: dict[str, RowResult] = {}
        if mode == "insert":
            there = self.find([row.customer_id for row in rows])
            for row in rows:
                if ids := there.get(row.customer_id):
                    results[row.customer_id] = RowResult(row.customer_id, "unchanged", remote_id=ids[0])
        operation = {"update": "update", "upsert": "upsert", "insert": "create"}[mode]
        self._write([row for row in rows if row.customer_id not in results], operation, results)
        return [results[row.customer_id] for row in rows]

    def _write(self, rows: Sequence[Row], operation: str, results: dict[str, RowResult]) -> None:
        if not rows:
            return
        key = self._settings.key_field
        inputs = []
        for number, row in enumerate(rows):
            properties = {name: sent(value) for name, value in row.values.items()}
            if operation == "create":
                inputs.append({"objectWriteTraceId": str(number), "properties": {**properties, key: row.customer_id}})
            else:
                named = {"id": row.customer_id, "idProperty": key, "objectWriteTraceId": str(number)}
                inputs.append({**named, "properties": properties})
        path = f"{self._objects}/batch/{operation}"
        answer = self._http.send("POST", path, json={"inputs": inputs}, is_write=True)
        if answer.status_code == 404 and not _is_of_record(_body(answer)):
            self._told(answer)
        if answer.status_code in {400, 404, 409, 413, 422}:
            self._split(rows, operation, answer, results)
            return
        body = self._told(answer)
        self._settle(rows, body.get("results") or [], "created" if operation == "create" else "updated", results)
        self._refuse(rows, body.get("errors") or [], results)
        for row in rows:
            results.setdefault(row.customer_id, RowResult(row.customer_id, "unknown", message="it was not answered"))

    def _split(
        self, rows: Sequence[Row], operation: str, answer: httpx.Response, results: dict[str, RowResult]
    ) -> None:
        """A refusal of the whole batch names nobody: halves go alone, until the bad rows stand by themselves."""
        if len(rows) == 1:
            body = _body(answer)
            self._refuse(
                rows, [body | {"context": (body.get("context") or {}) | {"objectWriteTraceId": ["0"]}}], results
            )
            return
        middle = len(rows) // 2
        for part in (rows[:middle], rows[middle:]):
            try:
                self._write(part, operation, results)
            except (AuthFailed, RateLimited, Unreachable) as stop:
                is_unknown = isinstance(stop, Unreachable) and stop.is_unknown
                state: ResultState = "unknown" if is_unknown else "transient"
                wish = stop.retry_after if isinstance(stop, RateLimited) else None
                for row in part:
                    result = RowResult(row.customer_id, state, message=stop.what, retry_after=wish)
                    results.setdefault(row.customer_id, result)

    def _settle(
        self,
        rows: Sequence[Row],
        records: Iterable[Mapping[str, Any]],
        state: ResultState,
        results: dict[str, RowResult],
    ) -> None:
        key = self._settings.key_field
        for record in records:
            trace = record.get("objectWriteTraceId")
            customer = rows[int(trace)].customer_id if trace is not None else str(record["properties"].get(key))
            became: ResultState = "created" if record.get("new") else state
            if record.get("id"):  # without one nothing was made, whatever it says
                results[customer] = RowResult(customer, became, remote_id=str(record["id"]))

    def _refuse(self, rows: Sequence[Row], errors: Iterable[Mapping[str, Any]], results: dict[str, RowResult]) -> None:
        for error in errors:
            context = error.get("context") or {}
            category = str(error.get("category") or error.get("errorType") or "error")
            is_absent = category in {"OBJECT_NOT_FOUND", "NOT_FOUND"}
            state: ResultState = "transient" if category in _BUSY else "rejected"
            names = context.get("propertyName") or [e.get("in") for e in error.get("errors") or [] if e.get("in")]
            for row in _concerned(rows, error, context):
                results[row.customer_id] = RowResult(
                    row.customer_id,
                    state,
                    code="not_found" if is_absent else category,
                    field=str(names[0]) if names else None,
                    message=self._http.clean(error.get("message", "")),
                    may_pass=category in _PASSING,
                )

    def read(self, remote_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
        """Return what HubSpot holds now, in our types."""
        schema = self.fields()
        return {
            str(record["id"]): {name: ours(record["properties"].get(name), schema[name].kind) for name in fields}
            for record in self._read(remote_ids, fields)
        }

    def outcomes(self, cursor: str | None) -> OutcomePage:
        """Return a page of deals that were closed since `cursor`, won or lost."""
        return read_page(self._ask, self._settings, cursor, owners=self._owners)

    def close(self) -> None:
        """Give back the connection."""
        self._client.close()

    def _owners(self, remote_ids: Sequence[str]) -> Mapping[str, str]:
        key = self._settings.key_field
        records = self._read(remote_ids, [key])
        return {str(r["id"]): str(r["properties"][key]) for r in records if r["properties"].get(key)}

    def _read(
        self, ids: Sequence[str], properties: Sequence[str], *, id_property: str | None = None
    ) -> list[Mapping[str, Any]]:
        records: list[Mapping[str, Any]] = []
        named = {"idProperty": id_property} if id_property else {}
        for start in range(0, len(ids), BATCH_ROWS):
            inputs = [{"id": record_id} for record_id in ids[start : start + BATCH_ROWS]]
            body = {"properties": list(properties), "inputs": inputs, **named}
            records += self._listed("POST", f"{self._objects}/batch/read", body)
        return records

    def _listed(self, method: str, path: str, body: Any = None) -> list[Mapping[str, Any]]:
        """Return the results of an answer; an answer without them is none, and never says that nobody is there."""
        listed = self._ask(method, path, body).get("results")
        if not isinstance(listed, list):
            raise Unreachable(
                f"answers {method} {path} without results", where=self._http.where, remedy="Try again later."
            )
        return listed

    def _ask(self, method: str, path: str, body: Any = None) -> Mapping[str, Any]:
        return self._told(self._http.send(method, path, json=body))

    def _told(self, answer: httpx.Response) -> Mapping[str, Any]:
        body = _body(answer)
        if answer.status_code == 403:
            raise AuthFailed(
                f"its token may not do this: {self._http.clean(body.get('message', ''))}",
                where=self._http.where,
                remedy="Give the Service Key the scopes that docs/crm.md lists.",
            )
        if answer.status_code >= 500:
            raise Unreachable(
                f"answers with an error (HTTP {answer.status_code})",
                where=self._http.where,
                remedy="Try again later.",
                is_unknown=True,
            )
        if answer.status_code in {404, 410} and not _is_of_record(body):
            raise ConfigError(
                f"does not know version {self._settings.version} of its API: it is retired, or was never there "
                f"(HTTP {answer.status_code})",
                where=self._http.where,
                remedy="Set `version` in its section of churn.toml to one that HubSpot supports, and look at `url`.",
            )
        if answer.status_code >= 400 or not body:
            words = self._http.clean(body.get("message", "no reason"))
            raise ConnectorError(
                f"{words} (HTTP {answer.status_code})",
                where=self._http.where,
                remedy="Look at its section of churn.toml.",
            )
        return body


def _body(answer: httpx.Response) -> dict[str, Any]:  # free: HubSpot's own answer
    try:
        body = answer.json()
    except json.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _is_of_record(body: Mapping[str, Any]) -> bool:
    """Return whether a 404 is about a record or property; the API's own, of an address that is not there, is not."""
    return str(body.get("category")) in {"OBJECT_NOT_FOUND", "NOT_FOUND"}


def _concerned(rows: Sequence[Row], error: Mapping[str, Any], context: Mapping[str, Any]) -> list[Row]:
    """Return the rows that an error is about: by trace id, else by our key."""
    traces = context.get("objectWriteTraceId") or error.get("objectWriteTraceId") or []
    traces = [traces] if isinstance(traces, str) else traces
    if traces:
        return [rows[int(trace)] for trace in traces if int(trace) < len(rows)]
    keys = {str(record_id) for record_id in context.get("ids") or context.get("id") or []}
    return [row for row in rows if row.customer_id in keys]


def _remote_field(definition: Mapping[str, Any]) -> RemoteField:
    metadata = definition.get("modificationMetadata") or {}
    kind = _KINDS.get(str(definition.get("type")), "text")
    options = tuple(str(option["value"]) for option in definition.get("options") or ()) if kind == "choice" else ()
    is_fixed = bool(metadata.get("readOnlyValue") or definition.get("calculated"))
    return RemoteField(str(definition["name"]), kind, is_writable=not is_fixed, options=options, max_length=65_536)

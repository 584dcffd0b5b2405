"""The connector `webhook`: each batch posted as JSON, signed so that the receiver can tell it is ours, fresh and once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from churn.config.connectors import WebhookConnector as Section
from churn.crm.connector import OutcomePage, RemoteField, ResultState, Row, RowResult, Value, WriteMode
from churn.crm.diff import as_json
from churn.crm.http import Credential, Http, open_client
from churn.crm.opening import secret_of
from churn.crm.verdict import MULTI_STATUS, is_page, json_of, refusal_in
from churn.errors import ConfigError, ConnectorError, RecordRejected, Unreachable
from churn.signing import signed_headers

if TYPE_CHECKING:
    import httpx

_BATCH = 100
_STATES = {"created", "updated", "unchanged", "rejected", "transient"}


def connect(
    name: str,
    settings: Section,
    secrets: Mapping[str, str],
    *,
    clock: Callable[[], datetime],
    client: httpx.Client | None = None,
) -> Webhook:
    """Return the webhook that `settings` describes; its secret is the key that signs."""
    secret_of(name, secrets)

    def sign_in() -> Credential:
        return Credential(secrets=(secret_of(name, secrets),))

    def sign(request: httpx.Request) -> httpx.Request:
        event_id = hashlib.sha256(request.content).hexdigest()[:32]
        timestamp = str(int(clock().replace(tzinfo=UTC).timestamp()))
        request.headers.update(signed_headers(http.secret, timestamp, event_id, request.content))
        return request

    http = Http(
        client or open_client(settings),
        base_url=settings.url,
        where=f"connector {name}",
        headers=settings.headers,
        clock=clock,
        auth_statuses=(401, 403),
        sign_in=sign_in,
        sign=sign,
    )
    return Webhook(name, settings, http)


class Webhook:
    """A receiver who matches by our key. The same rows of the same run always bear the same event id."""

    kind = "webhook"
    needs_remote_id = False

    def __init__(self, name: str, settings: Section, http: Http) -> None:
        self._name, self._url, self._http = name, settings.url, http
        self._silence_is_yes = settings.silence_is_yes
        self.batch_size = settings.batch_size or _BATCH

    def __repr__(self) -> str:
        return f"Webhook({self._name!r}, {self._url!r})"

    def check(self) -> None:
        """Post an event of type `ping`, which changes nothing. Raises AuthFailed, Unreachable, RateLimited."""
        self._post({"type": "ping"}, is_write=False)

    def fields(self) -> Mapping[str, RemoteField] | None:
        """A receiver has no schema to ask for."""
        return None

    def find(self, customer_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG002 - it cannot be asked
        """Return nothing: the receiver matches by our key."""
        return {}

    def write(self, rows: Sequence[Row], *, mode: WriteMode, run_id: str) -> list[RowResult]:
        """Post the rows as one event; the receiver answers with `{"results": [{customer_id, state, code, message}]}`.

        Saying nothing of a row is a yes only where the section says so (`silence_is_yes`).
        """
        customers = [{"customer_id": row.customer_id, "fields": as_json(row.values)} for row in rows]
        answer = self._post(
            {"type": "customers", "mode": mode, "run_id": run_id, "customers": customers}, is_write=True
        )
        return self._results(rows, answer)

    def read(self, remote_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:  # noqa: ARG002 - as above
        """Return nothing: a receiver cannot be asked."""
        return {}

    def outcomes(self, cursor: str | None) -> OutcomePage:
        """Nothing comes back by this way."""
        return OutcomePage((), cursor, is_last=True)

    def close(self) -> None:
        """Give back connections."""
        self._http.close()

    def _post(self, event: Mapping[str, Any], *, is_write: bool) -> Any:
        body = json.dumps(event, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        response = self._http.send("POST", "", content=body, is_write=is_write)
        if response.is_success and response.status_code != MULTI_STATUS:
            answer = json_of(response)
            if is_page(response):
                raise Unreachable(
                    f"answers with a page for people: {self._http.clean(response.text)}",
                    where=self._http.where,
                    remedy="Look at its url in churn.toml, and whether something stands between us and it.",
                    is_unknown=is_write,
                )
            if (reason := refusal_in(answer)) is not None:
                raise ConnectorError(
                    f"answers {response.status_code} and an error: {self._http.clean(reason)}",
                    where=self._http.where,
                    remedy="Look at the receiver's log.",
                )
            return answer
        if (
            response.status_code == MULTI_STATUS
            and isinstance(answer := json_of(response), dict)
            and "results" in answer
        ):
            return answer
        words = self._http.clean(response.text or response.reason_phrase)
        if response.status_code >= 500:
            raise Unreachable(
                f"answers {response.status_code}: {words}", where=self._http.where, remedy="Look at the receiver's log."
            )
        if response.status_code in {400, 413, 422} and is_write:
            raise RecordRejected(f"{response.status_code}: {words}", where=self._http.where)
        raise ConfigError(
            f"answers {response.status_code}: {words}", where=self._http.where, remedy="Look at its url in churn.toml."
        )

    def _results(self, rows: Sequence[Row], answer: Any) -> list[RowResult]:
        """Return what the receiver says of each row. Raises ConnectorError when it says nothing of any, and may not."""
        listed = answer.get("results") if isinstance(answer, dict) else None
        if not isinstance(listed, list):
            if not self._silence_is_yes:
                raise ConnectorError(
                    "took the rows without saying what became of them",
                    where=self._http.where,
                    remedy='Have it answer {"results": [{"customer_id": ..., "state": "updated"}]} as docs/crm.md says, '
                    "or set silence_is_yes = true where its word is not needed.",
                )
            listed = []
        by_customer = {str(entry.get("customer_id")): entry for entry in listed if isinstance(entry, dict)}
        silent: ResultState = "updated" if self._silence_is_yes else "unknown"
        return [self._result(row, by_customer.get(row.customer_id, {}), silent) for row in rows]

    def _result(self, row: Row, entry: Mapping[str, Any], silent: ResultState) -> RowResult:
        state = entry.get("state", silent)
        message = self._http.clean(entry["message"]) if entry.get("message") else None
        code = None if entry.get("code") is None else str(entry["code"])
        return RowResult(row.customer_id, state if state in _STATES else "unknown", code=code, message=message)

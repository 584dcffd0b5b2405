from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import httpx
import pytest

from churn.config.connectors import WebhookConnector
from churn.crm.connector import Connector, Row, Value
from churn.crm.connectors.webhook import connect
from churn.crm.http import open_client
from churn.errors import ChurnError, ConfigError, ConnectorError
from churn.signing import EVENT_ID, SIGNATURE, TIMESTAMP
from tests.crm.contract import NOW, SECRET, ConnectorContract, FakeCrm


class Receiver(FakeCrm):
    """Checks the signature, applies each event once, and says what became of each customer."""

    def __init__(self) -> None:
        super().__init__()
        self.events: dict[str, dict[str, Any]] = {}

    def answer(self, request: httpx.Request) -> httpx.Response:
        body, headers = request.content, request.headers
        signed = b".".join((headers[TIMESTAMP].encode(), headers[EVENT_ID].encode(), body))
        right = f"sha256={hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()}"
        if not hmac.compare_digest(right, headers[SIGNATURE]):
            return httpx.Response(401, text="bad signature")
        event = json.loads(body)
        if event["type"] == "ping":
            return httpx.Response(204)
        if headers[EVENT_ID] in self.events:
            return httpx.Response(200, json=self.events[headers[EVENT_ID]])
        answer = {"results": [self._apply(c["customer_id"], c["fields"], event["mode"]) for c in event["customers"]]}
        self.events[headers[EVENT_ID]] = answer
        return httpx.Response(200, json=answer)

    def _apply(self, key: str, fields: dict[str, Any], mode: str) -> dict[str, Any]:
        if key in self.poison:
            return {"customer_id": key, "state": "rejected", "code": 7, "message": f"{key} {self.REFUSAL}"}
        is_new = key not in self.records
        if not is_new and mode == "insert":
            return {"customer_id": key, "state": "unchanged"}
        self.records.setdefault(key, {}).update(fields)
        return {"customer_id": key, "state": "created" if is_new else "updated"}

    def add(self, customer_id: str, **fields: Value) -> str:
        self.records[customer_id] = dict(fields)
        return customer_id

    def held(self, customer_id: str) -> list[dict[str, Value]]:
        return [self.records[customer_id]] if customer_id in self.records else []


def connected(crm: FakeCrm, secret: str = SECRET, **settings: Any) -> Connector:
    section = WebhookConnector(kind="webhook", url="http://hooks.example/churn", **settings)
    client = open_client(section, transport=crm.transport(), sleep=lambda _seconds: None)
    return connect("crm", section, {"CHURN_CONNECTOR_CRM_SECRET": secret}, clock=lambda: NOW, client=client)


class TestWebhook(ConnectorContract):
    has_outcomes = False
    has_schema = False
    creates_on_update = True
    has_keys_of_its_own = True
    can_be_asked = False

    def make_crm(self) -> FakeCrm:
        return Receiver()

    def connect(self, crm: FakeCrm, *, secret: str = SECRET, **settings: Any) -> Connector:
        return connected(crm, secret, **settings)


def test_the_same_rows_bear_the_same_event_id_and_a_fresh_timestamp() -> None:
    crm = Receiver()
    for _ in range(2):
        connected(crm).write([Row("c1", None, {"a": 1})], mode="upsert", run_id="r1")
    first, second = crm.seen
    assert first.headers[EVENT_ID] == second.headers[EVENT_ID]
    assert first.headers[TIMESTAMP] == "1782880200"  # 2026-07-01 04:30 UTC
    assert len(crm.events) == 1


def test_a_changed_body_does_not_carry_the_signature() -> None:
    crm = Receiver()
    connected(crm).write([Row("c1", None, {"a": 1})], mode="upsert", run_id="r1")
    (request,) = crm.seen
    forged = httpx.Request("POST", request.url, headers=request.headers, content=request.content.replace(b"1", b"2"))
    assert crm.answer(forged).status_code == 401


@pytest.mark.parametrize(
    "answer", [httpx.Response(202, text="thanks"), httpx.Response(200, json={}), httpx.Response(204)]
)
def test_saying_nothing_is_a_yes_only_where_the_section_says_so(answer: httpx.Response) -> None:
    class Silent(Receiver):
        def answer(self, request: httpx.Request) -> httpx.Response:
            super().answer(request)
            return answer

    rows = [Row("c1", None, {"a": 1})]
    with pytest.raises(ConnectorError, match="silence_is_yes"):
        connected(Silent()).write(rows, mode="upsert", run_id="r1")
    (result,) = connected(Silent(), silence_is_yes=True).write(rows, mode="upsert", run_id="r1")
    assert result.state == "updated"


@pytest.mark.parametrize("status", [200, 207])
def test_an_error_is_no_yes_even_where_silence_is(status: int) -> None:
    class Failing(Receiver):
        def answer(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(status, json={"ok": False, "error": "database is down"})

    with pytest.raises(ChurnError, match="database is down"):
        connected(Failing(), silence_is_yes=True).write([Row("c1", None, {"a": 1})], mode="upsert", run_id="r1")


def test_a_row_of_which_nothing_is_said_stays_in_doubt() -> None:
    class Forgetful(Receiver):
        def answer(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(207, json={"results": [{"customer_id": "c1", "state": "updated"}]})

    rows = [Row("c1", None, {"a": 1}), Row("c2", None, {"a": 1})]
    results = connected(Forgetful()).write(rows, mode="upsert", run_id="r1")
    assert [result.state for result in results] == ["updated", "unknown"]


def test_an_address_that_is_not_there_names_the_url() -> None:
    class Gone(Receiver):
        def answer(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(404, text="no such hook")

    with pytest.raises(ConfigError, match="404: no such hook"):
        connected(Gone()).check()


def test_a_password_in_the_address_is_refused() -> None:
    with pytest.raises(ValueError, match="secrets belong"):
        WebhookConnector(kind="webhook", url="http://me:pw@hooks.example/x")

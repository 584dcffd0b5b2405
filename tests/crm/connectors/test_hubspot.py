from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from churn.config.connectors import HubspotConnector
from churn.crm.connector import Connector, Row, Value
from churn.crm.connectors.hubspot.connector import connect
from churn.crm.connectors.hubspot.values import instant, milliseconds, ours, sent
from churn.crm.http import open_client
from churn.errors import AuthFailed, ConfigError, RateLimited, Unreachable
from tests.crm.contract import NOW, SECRET, ConnectorContract, FakeCrm

TYPES = {
    "customer_id": "string",
    "risk_band": "string",
    "churn_probability": "number",
    "scored_at": "datetime",
    "is_risky": "bool",
    "snapshot_date": "date",
    "plan": "enumeration",
    "hs_object_id": "number",
}
LIMIT = 100


class FakeHubspot(FakeCrm):
    """Unique keys, texts only, 207 with errors by trace id; without trace ids one bad input fails the call."""

    def __init__(self) -> None:
        super().__init__()
        self.is_unique, self.traces, self.page = True, True, 2
        self.deals: dict[str, dict[str, str]] = {}
        self.contact_of: dict[str, str] = {}

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("authorization") != f"Bearer {self.secret}":
            return _error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        path, body = request.url.path, json.loads(request.content) if request.content else {}
        if path.startswith("/crm/properties/2026-09/contacts"):
            return self._properties(path.partition("/contacts")[2].strip("/"))
        if path == "/crm/objects/2026-09/deals/search":
            return self._search(body)
        if path == "/crm/associations/2026-09/deals/contacts/batch/read":
            pairs = [(one["id"], self.contact_of[one["id"]]) for one in body["inputs"]]
            told = [{"from": {"id": deal}, "to": [{"toObjectId": int(contact)}]} for deal, contact in pairs]
            return httpx.Response(200, json={"results": told})
        if match := re.fullmatch(r"/crm/objects/2026-09/contacts/batch/(\w+)", path):
            if len(body["inputs"]) > LIMIT:
                return _error(400, "VALIDATION_ERROR", "too many inputs")
            return self._read(body) if match[1] == "read" else self._batch(match[1], body["inputs"])
        raise AssertionError(path)

    def _properties(self, name: str) -> httpx.Response:
        if not name:
            return httpx.Response(200, json={"results": [self._property(known) for known in TYPES]})
        return httpx.Response(200, json=self._property(name)) if name in TYPES else _error(404, "NOT_FOUND", "no")

    def _property(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "type": TYPES[name],
            "hasUniqueValue": name == "customer_id" and self.is_unique,
            "options": [{"value": "basic"}, {"value": "pro"}] if TYPES[name] == "enumeration" else [],
            "modificationMetadata": {"readOnlyValue": name == "hs_object_id"},
        }

    def _read(self, body: dict[str, Any]) -> httpx.Response:
        results, errors = [], []
        for one in body["inputs"]:
            remote_id = self._id_of(one["id"]) if body.get("idProperty") else one["id"]
            if remote_id not in self.records:
                errors.append({"status": "error", "category": "OBJECT_NOT_FOUND", "context": {"ids": [one["id"]]}})
                continue
            held = self.records[remote_id]
            results.append({"id": remote_id, "properties": {name: held.get(name) for name in body["properties"]}})
        told = {"status": "COMPLETE", "results": results, **({"errors": errors} if errors else {})}
        return httpx.Response(207 if errors else 200, json=told)

    def _id_of(self, key: str) -> str | None:
        return next((i for i, r in self.records.items() if r["customer_id"] == key), None)

    def _batch(self, operation: str, inputs: list[dict[str, Any]]) -> httpx.Response:
        results: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        if not self.traces:
            for one in inputs:
                if error := self._refusal(one, operation):
                    return httpx.Response(400, json=error)
        for one in inputs:
            if error := self._refusal(one, operation):
                error["context"]["objectWriteTraceId"] = [one["objectWriteTraceId"]]
                errors.append(error)
                continue
            assert all(isinstance(value, str) for value in one["properties"].values())
            key = one.get("id") or one["properties"]["customer_id"]
            remote_id, is_new = self._id_of(key), self._id_of(key) is None
            if remote_id is None:
                remote_id = str(1000 + len(self.records))
                self.records[remote_id] = {"customer_id": key}
            for name, value in one["properties"].items():
                self.records[remote_id][name] = value or None
            traced = {"objectWriteTraceId": one["objectWriteTraceId"]} if self.traces else {}
            told = {"id": remote_id, "properties": {"customer_id": key}, **traced}
            results.append({**told, "new": is_new} if operation == "upsert" else told)
        told = {"status": "COMPLETE", "results": results, **({"errors": errors} if errors else {})}
        return httpx.Response(207 if errors else 200, json=told)

    def _refusal(self, one: dict[str, Any], operation: str) -> dict[str, Any] | None:
        key = one.get("id") or one["properties"]["customer_id"]
        if operation == "update" and self._id_of(key) is None:
            return {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "no such contact", "context": {}}
        if key in self.poison:
            words = f"{key} {self.REFUSAL}"
            context = {"propertyName": ["risk_band"]}
            return {"status": "error", "category": "VALIDATION_ERROR", "message": words, "context": context}
        return None

    def _search(self, body: dict[str, Any]) -> httpx.Response:
        since, has = body["filterGroups"][0]["filters"]
        assert has == {"propertyName": "campaign", "operator": "HAS_PROPERTY"}
        found = sorted(
            (i for i, deal in self.deals.items() if int(deal["hs_lastmodifieddate"]) >= int(since["value"])),
            key=lambda i: int(self.deals[i]["hs_lastmodifieddate"]),
        )
        start = int(body.get("after", 0))
        page = found[start : start + self.page]
        results = [{"id": i, "properties": self.deals[i]} for i in page]
        more = {"paging": {"next": {"after": str(start + self.page)}}} if start + self.page < len(found) else {}
        return httpx.Response(200, json={"results": results, **more})

    def add(self, customer_id: str, **fields: Value) -> str:
        remote_id = str(1000 + len(self.records))
        self.records[remote_id] = {"customer_id": customer_id} | {n: sent(v) for n, v in fields.items()}
        return remote_id

    def held(self, customer_id: str) -> list[dict[str, Value]]:
        return [
            {"risk_band": r.get("risk_band"), "churn_probability": ours(r.get("churn_probability"), "number")}
            for r in self.records.values()
            if r["customer_id"] == customer_id
        ]

    def add_outcome(self, event_id: str, customer_id: str, kind: str, at: datetime) -> None:
        deal = f"7{event_id[1:]}"
        self.contact_of[deal] = str(self._id_of(customer_id))
        self.deals[deal] = {
            "hs_lastmodifieddate": milliseconds(at),
            "campaign": "Winback July",
            "closedate": f"{at.isoformat()}Z",
            "hs_is_closed_won": str(kind == "won").lower(),
            "hs_is_closed_lost": str(kind == "lost").lower(),
        }


def _error(status: int, category: str, message: str) -> httpx.Response:
    return httpx.Response(status, json={"status": "error", "category": category, "message": message})


class TestHubspot(ConnectorContract):
    has_keys_of_its_own = True

    def make_crm(self) -> FakeHubspot:
        return FakeHubspot()

    def connect(self, crm: FakeCrm, *, secret: str = SECRET, **settings: Any) -> Connector:
        section = HubspotConnector.model_validate({"kind": "hubspot", "url": "http://hub.example"} | settings)
        client = open_client(section, transport=crm.transport(), sleep=lambda _seconds: None)
        return connect("crm", section, {"CHURN_CONNECTOR_CRM_SECRET": secret}, clock=lambda: NOW, client=client)

    @pytest.fixture
    def hub(self) -> FakeHubspot:
        return FakeHubspot()

    def test_one_bad_input_without_trace_ids_does_not_take_the_others_along(self, hub: FakeHubspot) -> None:
        hub.traces, hub.poison = False, {"c3", "c4"}
        results = self.write(self.connect(hub), *(self.row(f"c{n}") for n in range(9)))
        assert [r.customer_id for r in results if r.state == "rejected"] == ["c3", "c4"]
        assert (results[3].code, results[3].field) == ("VALIDATION_ERROR", "risk_band")
        assert len(hub.records) == 7

    def test_a_days_budget_used_up_is_not_waited_for(self, hub: FakeHubspot) -> None:
        spent = {"message": "You have reached your daily limit.", "policyName": "DAILY"}
        hub.answer = lambda _request: httpx.Response(429, json=spent)  # type: ignore[method-assign]
        with pytest.raises(RateLimited, match="the day's requests") as told:
            self.connect(hub).check()
        assert told.value.retry_after is not None
        assert told.value.retry_after > 900

    def test_a_key_that_is_missing_or_not_unique_is_said_before_anything_is_written(self, hub: FakeHubspot) -> None:
        with pytest.raises(ConfigError, match="has no property elsewhere"):
            self.connect(hub, key_field="elsewhere").check()
        hub.is_unique = False
        with pytest.raises(ConfigError, match="does not keep customer_id unique"):
            self.connect(hub).check()

    def test_a_token_without_the_scope_says_what_it_may_not_do(self, hub: FakeHubspot) -> None:
        refused = _error(403, "MISSING_SCOPES", "This app hasn't been granted all required scopes")
        hub.answer = lambda _request: refused  # type: ignore[method-assign]
        with pytest.raises(AuthFailed, match="granted all required scopes"):
            self.connect(hub).fields()

    def test_an_error_of_the_server_is_unknown(self, hub: FakeHubspot) -> None:
        hub.answer = lambda _request: httpx.Response(500, text="oops")  # type: ignore[method-assign]
        with pytest.raises(Unreachable) as told:
            self.write(self.connect(hub), self.row("c1"))
        assert told.value.is_unknown

    def test_a_batch_holds_no_more_than_hubspot_takes(self, hub: FakeHubspot) -> None:
        assert self.connect(hub, batch_size=5_000).batch_size == LIMIT
        assert len(self.connect(hub).find([f"c{n}" for n in range(250)])) == 0

    def test_the_schema_knows_options_and_what_is_read_only(self, hub: FakeHubspot) -> None:
        schema = self.connect(hub).fields()
        assert schema is not None
        assert (schema["plan"].kind, schema["plan"].options) == ("choice", ("basic", "pro"))
        assert not schema["hs_object_id"].is_writable

    def test_outcomes_carry_our_key_and_campaign(self, hub: FakeHubspot) -> None:
        contact = hub.add("c1")
        hub.add_outcome("e5", "c1", "lost", NOW)
        (event,) = self.connect(hub, campaigns={"Winback July": "winback"}).outcomes(None).events
        assert (event.customer_id, event.remote_id, event.campaign) == ("c1", contact, "winback")
        assert (event.kind, event.occurred_at, event.event_id) == (
            "lost",
            NOW,
            f"deal,75,lost,{contact},{NOW.isoformat()}Z",
        )

    def test_a_deal_that_was_reopened_and_is_lost_again_happened_twice(self, hub: FakeHubspot) -> None:
        hub.add("c1")
        hub.add_outcome("e5", "c1", "lost", NOW)
        (first,) = self.connect(hub).outcomes(None).events
        hub.add_outcome("e5", "c1", "lost", NOW + timedelta(days=9))
        (second,) = self.connect(hub).outcomes(None).events
        assert first.event_id != second.event_id

    def test_values_are_texts_and_come_back_as_they_were(self) -> None:
        at = datetime(2026, 7, 1, 4, 30, 5)
        for value, kind, text in (
            (0.25, "number", "0.25"),
            (True, "boolean", "true"),
            (None, "text", ""),
            (at, "datetime", "2026-07-01T04:30:05.000Z"),
            (at.date(), "date", "2026-07-01"),
        ):
            assert sent(value) == text
            assert ours(text, kind) == value  # type: ignore[arg-type]
        assert instant(milliseconds(at)) == at
        assert instant("2026-07-01T06:30:05+02:00") == at

    def test_a_row_that_was_not_answered_is_unknown(self, hub: FakeHubspot) -> None:
        hub.answer = lambda _request: httpx.Response(200, json={"status": "COMPLETE", "results": []})  # type: ignore[method-assign]
        (result,) = self.connect(hub).write([Row("c1", None, {"risk_band": "x"})], mode="upsert", run_id="r")
        assert result.state == "unknown"


@pytest.mark.parametrize(
    "answer", [httpx.Response(404, text="Not Found"), httpx.Response(410, json={"message": "gone"})]
)
def test_an_api_that_is_gone_is_told_apart_from_a_property_that_is_not_there(answer: httpx.Response) -> None:
    section = HubspotConnector(kind="hubspot", url="http://hub.example", version="2026-03")
    client = open_client(section, transport=httpx.MockTransport(lambda _: answer))
    connector = connect("crm", section, {"CHURN_CONNECTOR_CRM_SECRET": SECRET}, clock=lambda: NOW, client=client)
    with pytest.raises(ConfigError, match="version 2026-03 of its API: it is retired"):
        connector.check()


def test_a_numbered_version_is_none() -> None:
    with pytest.raises(ValueError, match="version"):
        HubspotConnector(kind="hubspot", url="http://hub.example", version="v3")

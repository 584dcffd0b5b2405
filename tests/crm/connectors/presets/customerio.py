"""Customer.io's people as the references of its Track API (POST batch, regions) and App API (getPeopleById) have them."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx

from churn.crm.connector import Value
from tests.crm.contract import FakeCrm

Json = dict[str, Any]  # the system's own
SITE, APP_KEY = "51te", "4pp-k3y"
MOST_READ, MOST_BYTES = 100, 500_000


class FakeCustomerIo(FakeCrm):
    """Two addresses with a key each; a batch answers 200 with no errors, or 207 with those of some entries."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "app.example":
            if request.headers.get("authorization") != f"Bearer {APP_KEY}":
                return httpx.Response(401, json={"errors": [{"detail": "unauthorized", "status": "401"}]})
            return self._read(request)
        basic = base64.b64encode(f"{SITE}:{self.secret}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return httpx.Response(401, json={"meta": {"error": "Unauthorized request"}})
        if (request.method, request.url.path) == ("GET", "/api/v1/accounts/region"):
            return httpx.Response(200, json={"url": "track.example", "data_center": "eu", "environment_id": 1})
        assert (request.method, request.url.path) == ("POST", "/api/v2/batch")
        if len(request.content) > MOST_BYTES:
            return httpx.Response(400, json={"errors": [{"reason": "invalid", "message": "request too large"}]})
        return self._batch(json.loads(request.content)["batch"])

    def _batch(self, entries: list[Json]) -> httpx.Response:
        errors = []
        for index, entry in enumerate(entries):
            assert (entry["type"], entry["action"]) == ("person", "identify")
            key = entry["identifiers"]["id"]
            if key in self.poison:
                errors.append(
                    {"batch_index": index, "reason": "invalid", "field": "id", "message": f"this id {self.REFUSAL}"}
                )
                continue
            held = self.records.setdefault(key, {})
            for name, value in entry["attributes"].items():
                assert value is not None
                held[name] = value
                if value == "":
                    del held[name]
        return httpx.Response(207 if errors else 200, json={"errors": errors})

    def _read(self, request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("POST", "/v1/customers/attributes")
        keys = json.loads(request.content)["ids"]
        if not 1 <= len(keys) <= MOST_READ:
            return httpx.Response(400, json={"errors": [{"detail": "between 1 and 100 ids", "status": "400"}]})
        return httpx.Response(200, json={"customers": [self._shown(key) for key in keys if key in self.records]})

    def _shown(self, key: str) -> Json:
        held = {name: str(value) for name, value in self.records[key].items()}  # the App API tells all as texts
        attributes = {"id": key, "cio_id": f"0{len(key)}00", **held}
        return {"id": key, "identifiers": {"id": key, "email": None}, "attributes": attributes, "unsubscribed": False}

    def add(self, customer_id: str, **fields: Value) -> str:
        self.records[customer_id] = dict(fields)
        return customer_id

    def held(self, customer_id: str) -> list[dict[str, Value]]:
        record = self.records.get(customer_id)
        return [] if record is None else [{name: record.get(name) for name in ("risk_band", "churn_probability")}]

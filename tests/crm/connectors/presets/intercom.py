"""Intercom's contacts as Intercom's API reference has them, pages createcontact, updatecontact, searchcontacts, showcontact of Contacts."""

from __future__ import annotations

import json
from typing import Any

import httpx

from churn.crm.connector import Value
from tests.crm.contract import FakeCrm

Json = dict[str, Any]  # the system's own
ATTRIBUTES = {"risk_band", "churn_probability"}  # the data attributes that were made there


def error(status: int, code: str, message: str) -> httpx.Response:
    body = {"type": "error.list", "request_id": "r1", "errors": [{"code": code, "message": message}]}
    return httpx.Response(status, json=body)


class FakeIntercom(FakeCrm):
    """Custom attributes that must be known; a contact shows those that are set; external ids are unique, with 409."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("authorization") != f"Bearer {self.secret}":
            return error(401, "unauthorized", "Access Token Invalid")
        assert request.headers["intercom-version"]
        path = request.url.path.removeprefix("/api/")
        if request.method == "GET":
            return self._get(path)
        body = json.loads(request.content)
        if path == "contacts/search":
            query = body["query"]
            assert (query["field"], query["operator"]) == ("external_id", "IN")
            contacts = [self._shown(i) for i, r in self.records.items() if r["external_id"] in query["value"]]
            page = contacts[: body["pagination"]["per_page"]]
            return httpx.Response(200, json={"type": "list", "data": page, "total_count": len(contacts), "pages": {}})
        return self._write(request.method, path, body)

    def _get(self, path: str) -> httpx.Response:
        if path == "me":
            return httpx.Response(200, json={"type": "admin", "id": "1"})
        contact_id = path.removeprefix("contacts/")
        if contact_id not in self.records:
            return error(404, "not_found", "User Not Found")
        return httpx.Response(200, json=self._shown(contact_id))

    def _write(self, method: str, path: str, body: Json) -> httpx.Response:
        contact_id = path.removeprefix("contacts").strip("/")
        assert method == ("PUT" if contact_id else "POST")
        if contact_id and contact_id not in self.records:
            return error(404, "not_found", "User Not Found")
        if not contact_id and body.get("role") != "user":
            return error(400, "parameter_invalid", "role must be user")
        given = body.get("custom_attributes", {})
        if unknown := given.keys() - ATTRIBUTES:
            return error(400, "parameter_invalid", f"Custom attribute '{min(unknown)}' does not exist")
        key = body.get("external_id") or self.records.get(contact_id, {}).get("external_id")
        if key in self.poison:
            return error(400, "parameter_invalid", f"{key} {self.REFUSAL}")
        same = [i for i, record in self.records.items() if record["external_id"] == key]
        if not contact_id and same:
            return error(409, "conflict", f"A contact matching those details already exists with id={same[0]}")
        contact_id = contact_id or f"5da6f{len(self.records)}"
        held = self.records.setdefault(contact_id, {"external_id": key, "custom_attributes": {}})["custom_attributes"]
        held |= given
        for name in [name for name, value in held.items() if value is None]:
            del held[name]
        return httpx.Response(200, json=self._shown(contact_id))

    def _shown(self, contact_id: str) -> Json:
        return {"type": "contact", "id": contact_id, "role": "user", **self.records[contact_id]}

    def add(self, customer_id: str, **fields: Value) -> str:
        contact_id = f"5da6f{len(self.records)}"
        self.records[contact_id] = {"external_id": customer_id, "custom_attributes": dict(fields)}
        return contact_id

    def held(self, customer_id: str) -> list[dict[str, Value]]:
        return [
            {name: record["custom_attributes"].get(name) for name in sorted(ATTRIBUTES)}
            for record in self.records.values()
            if record["external_id"] == customer_id
        ]

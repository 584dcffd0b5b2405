"""Braze's users as its REST documentation has them, pages "Track users", "Export user profile by identifier", and its rate limits."""

from __future__ import annotations

import json
from typing import Any

import httpx

from churn.crm.connector import Value
from tests.crm.contract import FakeCrm

Json = dict[str, Any]  # the system's own
ATTRIBUTES = ("risk_band", "churn_probability")
MOST_TRACKED, MOST_EXPORTED = 75, 50


class FakeBraze(FakeCrm):
    """Attributes by user in one list; 201 even where some were refused, which are named by their place in the list."""

    NEEDED = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."

    def __init__(self) -> None:
        super().__init__()
        self.hides_places = False  # older answers name no place

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("authorization") != f"Bearer {self.secret}":
            return httpx.Response(401, json={"message": "Invalid API key"})
        assert request.method == "POST"
        body = json.loads(request.content)
        if request.url.path == "/api/users/export/ids":
            return self._export(body)
        assert request.url.path == "/api/users/track"
        return self._track(body["attributes"])

    def _export(self, body: Json) -> httpx.Response:
        keys = body["external_ids"]
        if len(keys) > MOST_EXPORTED:
            return httpx.Response(400, json={"message": "external_ids may have at most 50 entries"})
        assert set(body["fields_to_export"]) == {"external_id", "custom_attributes"}
        users = [self._shown(key) for key in keys if key in self.records]
        answer: Json = {"message": "success", "users": users}
        if unknown := [key for key in keys if key not in self.records]:
            answer["invalid_user_ids"] = unknown
        return httpx.Response(201, json=answer)

    def _track(self, entries: list[Json]) -> httpx.Response:
        if len(entries) > MOST_TRACKED:
            return httpx.Response(400, json={"message": "attributes may have at most 75 objects"})
        errors = []
        for index, entry in enumerate(entries):
            key = entry.get("external_id")
            if key is None or key in self.poison:
                words = "'external_id' is required" if key is None else f"the user {self.REFUSAL}"
                place = {} if self.hides_places else {"input_array": "attributes", "index": index}
                errors.append({"type": words, **place})
                continue
            if entry.get("_update_existing_only") and key not in self.records:
                continue
            held = self.records.setdefault(key, {})
            for name, value in entry.items():
                if name in {"external_id", "_update_existing_only"}:
                    continue
                held[name] = value
                if value is None:
                    del held[name]
        answer: Json = {"message": "success", "attributes_processed": len(entries) - len(errors)}
        if errors:
            answer["errors"] = errors
        if len(errors) == len(entries):
            return httpx.Response(400, json={"message": self.NEEDED, "errors": errors})
        return httpx.Response(201, json=answer)

    def _shown(self, key: str) -> Json:
        held = self.records[key]
        return {"external_id": key, **({"custom_attributes": held} if held else {})}  # the least data possible

    def add(self, customer_id: str, **fields: Value) -> str:
        self.records[customer_id] = dict(fields)
        return customer_id

    def held(self, customer_id: str) -> list[dict[str, Value]]:
        record = self.records.get(customer_id)
        return [] if record is None else [{name: record.get(name) for name in ATTRIBUTES}]

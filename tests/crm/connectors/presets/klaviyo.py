"""Klaviyo's profiles and events as Klaviyo's API reference has them, pages get_profiles, create_profile, update_profile, get_events."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import httpx

from churn.crm.connector import Value
from tests.crm.contract import FakeCrm

Json = dict[str, Any]  # the system's own
_EQUALS = re.compile(r'equals\(external_id,"(.*)"\)')
_ANY = re.compile(r"any\(external_id,(\[.*\])\)")
_SINCE = re.compile(r"greater-or-equal\(datetime,(.*)\)")


def error(status: int, code: str, detail: str, pointer: str = "/data", **meta: str) -> httpx.Response:
    entry = {
        "id": "e1",
        "status": status,
        "code": code,
        "title": code,
        "detail": detail,
        "source": {"pointer": pointer},
    }
    return httpx.Response(status, json={"errors": [entry | {"meta": meta}]})


class FakeKlaviyo(FakeCrm):
    """Custom properties within attributes; a property set to null is gone; external ids are unique, with 409 for a second."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Json] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("authorization") != f"Klaviyo-API-Key {self.secret}":
            return error(401, "not_authenticated", "Incorrect authentication credentials.")
        if not request.headers.get("revision"):
            return error(400, "invalid", "A revision header is required.")
        path = request.url.path.removeprefix("/api/")
        if request.method == "GET":
            return self._get(path, request.url.params)
        if request.headers["content-type"] != "application/vnd.api+json":
            return error(415, "unsupported_media_type", "Unsupported media type.")
        data = json.loads(request.content)["data"]
        return self._write(request.method, path, data)

    def _get(self, path: str, query: httpx.QueryParams) -> httpx.Response:
        if path == "events":
            since = _SINCE.fullmatch(query["filter"])
            assert since is not None
            assert query["sort"] == "datetime"
            events = sorted(self.events, key=lambda event: str(event["attributes"]["datetime"]))
            later = [e for e in events if instant(e["attributes"]["datetime"]) >= instant(since.group(1))]
            return httpx.Response(200, json={"data": later[:200], "links": {"next": None}})
        if path == "profiles":
            one, many = _EQUALS.fullmatch(query["filter"]), _ANY.fullmatch(query["filter"])
            if one is None and many is None:
                return error(400, "invalid_filter", f"cannot read {query['filter']}", "filter")
            keys = [one.group(1)] if one else json.loads(many.group(1) if many else "[]")
            profiles = [self._shown(i) for i, r in self.records.items() if r["external_id"] in keys]
            return httpx.Response(200, json={"data": profiles[: int(query.get("page[size]", 20))]})
        profile_id = path.removeprefix("profiles/")
        if profile_id not in self.records:
            return error(404, "not_found", f"A profile with id {profile_id} does not exist.")
        return httpx.Response(200, json={"data": self._shown(profile_id)})

    def _write(self, method: str, path: str, data: Json) -> httpx.Response:
        if data["type"] != "profile" or (method == "PATCH" and data.get("id") != path.removeprefix("profiles/")):
            return error(400, "invalid", "type or id does not fit", "/data/id")
        given = data["attributes"]
        unknown = given.keys() - {"external_id", "email", "properties"}
        if unknown:
            return error(400, "invalid", f"'{min(unknown)}' is not a valid field", f"/data/attributes/{min(unknown)}")
        profile_id = data.get("id", "")
        if profile_id and profile_id not in self.records:
            return error(404, "not_found", f"A profile with id {profile_id} does not exist.")
        key = given.get("external_id") or self.records.get(profile_id, {}).get("external_id")
        if key in self.poison:
            return error(400, "invalid", f"{key} {self.REFUSAL}", "/data/attributes/external_id")
        same = [i for i, record in self.records.items() if record["external_id"] == key]
        if not profile_id and same:
            return error(409, "duplicate_profile", "A profile already exists.", duplicate_profile_id=same[0])
        status = 200 if profile_id else 201
        profile_id = profile_id or f"01GD{len(self.records)}"
        held = self.records.setdefault(profile_id, {"external_id": key, "properties": {}})["properties"]
        held |= given.get("properties", {})
        for name in [name for name, value in held.items() if value is None]:
            del held[name]
        return httpx.Response(status, json={"data": self._shown(profile_id)})

    def _shown(self, profile_id: str) -> Json:
        return {"type": "profile", "id": profile_id, "attributes": self.records[profile_id]}

    def add(self, customer_id: str, **fields: Value) -> str:
        profile_id = f"01GD{len(self.records)}"
        self.records[profile_id] = {"external_id": customer_id, "properties": dict(fields)}
        return profile_id

    def held(self, customer_id: str) -> list[dict[str, Value]]:
        names = ("risk_band", "churn_probability")
        return [
            {name: record["properties"].get(name) for name in names}
            for record in self.records.values()
            if record["external_id"] == customer_id
        ]

    def add_outcome(self, event_id: str, customer_id: str, kind: str, at: datetime) -> None:
        profile_id = next(i for i, record in self.records.items() if record["external_id"] == customer_id)
        self.events.append(
            {
                "type": "event",
                "id": event_id,
                "attributes": {"datetime": f"{at.isoformat()}+00:00", "event_properties": {"Campaign Name": "winback"}},
                "relationships": {
                    "profile": {"data": {"type": "profile", "id": profile_id}},
                    "metric": {"data": {"type": "metric", "id": f"METRIC-{kind}"}},
                },
            }
        )


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)

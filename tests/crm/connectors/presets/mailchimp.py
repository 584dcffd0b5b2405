"""Mailchimp's contacts as the reference of its Marketing API has them: ping, lists, list members, merge fields."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime
from typing import Any

import httpx

from churn.crm.connector import Value
from tests.crm.contract import FakeCrm

Json = dict[str, Any]  # the system's own
LIST = "a1b2c3"
TAGS = {"BAND": "text", "CHURN": "number"}
STATUSES = {"subscribed", "unsubscribed", "cleaned", "pending", "transactional"}


def address(customer_id: str) -> str:
    """The e-mail address of a customer of ours."""
    return f"{customer_id}@mail.example"


def error(status: int, title: str, detail: str, **more: Any) -> httpx.Response:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": "i1", **more}
    return httpx.Response(status, json=body, headers={"Content-Type": "application/problem+json"})


class FakeMailchimp(FakeCrm):
    """Contacts by the MD5 of their address; an address is unique in its audience; a contact who was archived is still there."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        name, _, key = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode().partition(":")
        if not name or key != self.secret:
            return error(401, "API Key Invalid", "Your API key may be invalid.")
        path = request.url.path.removeprefix("/api/")
        if path == "ping":
            return httpx.Response(200, json={"health_status": "Everything's Chimpy!"})
        place, _, rest = path.removeprefix("lists/").partition("/")
        if place != LIST:
            return error(404, "Resource Not Found", "The requested resource could not be found.")
        return self._of_list(request, rest)

    def _of_list(self, request: httpx.Request, rest: str) -> httpx.Response:
        if rest == "merge-fields":
            return httpx.Response(200, json={"merge_fields": [self._field(n, t) for n, t in TAGS.items()]})
        if request.method == "POST":
            assert rest == ""
            return self._subscribe(json.loads(request.content))
        if rest == "members":
            return self._listed(request.url.params)
        return self._member(request, rest.removeprefix("members/"))

    def _field(self, tag: str, kind: str) -> Json:
        return {
            "merge_id": 1,
            "tag": tag,
            "name": tag.title(),
            "type": kind,
            "required": False,
            "options": {"size": 25},
        }

    def _listed(self, query: httpx.QueryParams) -> httpx.Response:
        assert (query["sort_field"], query["sort_dir"]) == ("last_changed", "ASC")
        since, offset = datetime.fromisoformat(query["since_last_changed"]), int(query["offset"])
        members = sorted(
            (
                shown
                for member in self.records
                if (shown := self._shown(member))["status"] == query["status"]
                and datetime.fromisoformat(shown["last_changed"]) >= since
            ),
            key=lambda shown: str(shown["last_changed"]),
        )
        page = members[offset : offset + int(query["count"])]
        return httpx.Response(200, json={"members": page, "list_id": LIST, "total_items": len(members)})

    def _member(self, request: httpx.Request, name: str) -> httpx.Response:
        member_id = name if name in self.records else hashed(name)
        if member_id not in self.records:
            return error(404, "Resource Not Found", "The requested resource could not be found.")
        if request.method == "GET":
            return httpx.Response(200, json=self._shown(member_id))
        assert request.method == "PATCH"
        body = json.loads(request.content)
        assert body.keys() <= {"merge_fields"}  # nothing that would change a subscription
        member = self.records[member_id]
        if (fault := self._fault(member["email_address"], body)) is not None:
            return error(400, "Invalid Resource", fault["error"], errors=[{"field": fault["field"], "message": "x"}])
        member["merge_fields"] |= body["merge_fields"]
        return httpx.Response(200, json=self._shown(member_id))

    def _subscribe(self, body: Json) -> httpx.Response:
        answer: Json = {"new_members": [], "updated_members": [], "errors": [], "error_count": 0}
        if len(body["members"]) > 500:
            return error(400, "Bad Request", "at most 500 members")
        for entry in body["members"]:
            assert entry["status"] in STATUSES
            fault = self._fault(entry["email_address"], entry)
            if fault is None and hashed(entry["email_address"]) in self.records:
                fault = {"error": f"{entry['email_address']} is already a list member", "field": ""}
            if fault is not None:
                answer["errors"].append(
                    {"email_address": entry["email_address"], "error_code": "ERROR_GENERIC", **fault}
                )
                continue
            member_id = hashed(entry["email_address"])
            self.records[member_id] = {
                "email_address": entry["email_address"],
                "status": entry["status"],
                "last_changed": "2026-06-01T00:00:00+00:00",
                "merge_fields": dict.fromkeys(TAGS, "") | entry["merge_fields"],
            }
            answer["new_members"].append(self._shown(member_id))
        answer["new_members"].reverse()  # in no order that is documented
        answer |= {"total_created": len(answer["new_members"]), "error_count": len(answer["errors"])}
        return httpx.Response(200, json=answer)

    def _fault(self, email: str, body: Json) -> Json | None:
        if email.partition("@")[0] in self.poison:
            return {"error": f"{email} {self.REFUSAL}", "field": "email_address"}
        for tag, value in body["merge_fields"].items():
            if tag not in TAGS:
                continue  # dropped in silence
            if TAGS[tag] == "number" and value != "" and not isinstance(value, int | float):
                return {"error": "Your merge fields were invalid.", "field": tag}
            if value is None:
                return {"error": "Schema describes string, NULL found instead", "field": tag}
        return None

    def _shown(self, member_id: str) -> Json:
        return {"id": member_id, **self.records[member_id], "list_id": LIST}

    def add(self, customer_id: str, **fields: Value) -> str:
        member_id = hashed(address(customer_id))
        self.records[member_id] = {
            "email_address": address(customer_id).title(),
            "status": "archived",
            "last_changed": "2026-01-01T00:00:00+00:00",
            "merge_fields": {**dict.fromkeys(TAGS, ""), **fields},
        }
        return member_id

    def held(self, customer_id: str) -> list[dict[str, Value]]:
        record = self.records.get(hashed(address(customer_id)))
        if record is None:
            return []
        return [{tag: None if value == "" else value for tag, value in record["merge_fields"].items()}]

    def unsubscribe(self, customer_id: str, at: datetime) -> None:
        self.records[hashed(address(customer_id))] |= {
            "status": "unsubscribed",
            "last_changed": f"{at.isoformat()}+00:00",
        }


def hashed(email: str) -> str:
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()

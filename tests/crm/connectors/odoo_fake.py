"""An Odoo in memory, for the contract: JSON-RPC with errors under status 200, or /json/2 with errors of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx

from churn.crm.connector import Value
from tests.crm.contract import FakeCrm

TYPES = {
    "name": "char",
    "risk_band": "char",
    "churn_probability": "float",
    "x_key": "char",
    "plan": "selection",
    "company_id": "many2one",
}


class Refused(Exception):
    """What Odoo's own exception would be: its name and its words."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name, self.message = name, message


class FakeOdoo(FakeCrm):
    """Records by number, external ids beside them; one bad row of a `load` means that nothing is written."""

    def __init__(self, *, version: int = 14, key_field: str | None = None) -> None:
        super().__init__()
        self.version, self.key_field, self.may_write = version, key_field, True
        self.names: list[tuple[str, int]] = []  # ir.model.data: two names may lead to one record, as after a merge
        self.leads: list[dict[str, Any]] = []
        self.types, self.busy = dict(TYPES), set[str]()
        self.refused_rights: set[str] = set()

    def answer(self, request: httpx.Request) -> httpx.Response:
        path, body = request.url.path, json.loads(request.content or b"{}")
        if path == "/web/webclient/version_info":
            return httpx.Response(200, json={"result": {"server_version_info": [self.version, 0, 0, "final", 0]}})
        if path == "/jsonrpc" and self.version < 19:
            return self._rpc(body["params"])
        if path.startswith("/json/2/"):
            return self._json2(request, path.split("/")[3:], body)
        return httpx.Response(404, text="<h1>Not Found</h1>")

    def _rpc(self, params: dict[str, Any]) -> httpx.Response:
        arguments = params["args"]
        try:
            if params["service"] == "common":
                told: Any = 2 if arguments[2] == self.secret else False
            else:
                _database, _uid, secret, model, method, positional, named = arguments
                if secret != self.secret:
                    raise Refused("odoo.exceptions.AccessDenied", "Access Denied")
                ids = positional.pop(0) if method == "write" else []
                named |= {"vals_list": positional[0]} if method == "create" else {}
                told = self.call(model, method, ids, named)
        except Refused as no:
            data = {"name": no.name, "message": no.message, "debug": f"Traceback ... {self.secret}"}
            return httpx.Response(200, json={"error": {"code": 200, "message": "Odoo Server Error", "data": data}})
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": None} | ({} if told is None else {"result": told}))

    def _json2(self, request: httpx.Request, path: Sequence[str], body: dict[str, Any]) -> httpx.Response:
        if request.headers.get("authorization") != f"bearer {self.secret}":
            told = {"name": "werkzeug.exceptions.Unauthorized", "message": "Invalid apikey"}
            return httpx.Response(401, json=told)
        try:
            told = self.call(path[0], path[1], body.pop("ids", []), body)
        except Refused as no:
            status = 422 if no.name.startswith("odoo.") else 500
            return httpx.Response(status, json={"name": no.name, "message": no.message, "debug": "..."})
        return httpx.Response(200, json=told)

    def call(self, model: str, method: str, ids: Sequence[int], params: dict[str, Any]) -> Any:
        """Carry out one method, as a user would see it."""
        assert not params["context"]["active_test"]
        fixed = {
            "context_get": {"lang": "en_US"},
            "check_access_rights": self.may_write and params.get("operation") not in self.refused_rights,
            "fields_get": {name: self._field(name) for name in self.types},
        }
        if method in fixed:
            return fixed[method]
        if (model, method) == ("ir.model.fields", "create"):
            self.types |= {one["name"]: one["ttype"] for one in params["vals_list"]}
            return [1]
        if method == "search_read":
            return self._search_read(model, params)
        if method == "write":
            return self._write(ids, params["vals"])
        if method == "load":
            return self._load(params["fields"], params["data"])
        raise Refused("builtins.AttributeError", f"type object '{model}' has no attribute '{method}'")

    def _field(self, name: str) -> dict[str, Any]:
        options = {"selection": [["basic", "Basic"], ["pro", "Pro"]]} if self.types[name] == "selection" else {}
        return {"type": self.types[name], "readonly": False, "store": True, **options}

    def _search_read(self, model: str, params: dict[str, Any]) -> list[dict[str, Any]]:
        tables: dict[str, list[dict[str, Any]]] = {
            "res.partner": [{"id": int(i), **r} for i, r in self.records.items()],
            "ir.model.data": [
                {"id": n, "module": "churn", "model": "res.partner", "name": name, "res_id": record}
                for n, (name, record) in enumerate(self.names)
            ],
            "crm.lead": self.leads,
            "ir.model": [{"id": 7, "model": "res.partner"}],
        }
        if model not in tables:
            raise Refused("odoo.exceptions.UserError", f"Object {model} doesn't exist")
        operators = {
            "=": lambda a, b: a == b,
            "!=": lambda a, b: a != b,
            ">": lambda a, b: a > b,
            ">=": lambda a, b: a >= b,
            "in": lambda a, b: a in b,
        }
        found = [
            record
            for record in tables[model]
            if all(operators[op](record.get(name, False), value) for name, op, value in params["domain"])
        ]
        if order := params.get("order"):
            name, _, direction = order.partition(" ")
            found.sort(key=lambda record: record[name], reverse=direction == "desc")
        names = ["id", *params["fields"]]
        return [{name: r.get(name, False) for name in names} for r in found[: params.get("limit")]]

    def _key_of(self, remote_id: str) -> str | None:
        if self.key_field:
            return self.records[remote_id].get(self.key_field)
        return next((name for name, record in self.names if record == int(remote_id)), None)

    def _write(self, ids: Sequence[int], values: dict[str, Any]) -> bool:
        if any(str(i) not in self.records for i in ids):
            raise Refused("odoo.exceptions.MissingError", "Record does not exist or has been deleted.")
        if bad := [key for i in ids if (key := self._key_of(str(i))) in self.poison]:
            raise Refused("odoo.exceptions.ValidationError", f"{bad[0]} {self.REFUSAL}")
        for i in ids:
            self.records[str(i)] |= values
        return True

    def _load(self, columns: list[str], data: list[list[Any]]) -> dict[str, Any]:
        if unknown := set(columns) - {*self.types, "id", ".id"}:
            raise Refused("builtins.KeyError", min(unknown))
        rows = [dict(zip(columns, row, strict=True)) for row in data]
        messages = [
            {"type": "error", "record": n, "rows": {"from": n, "to": n}, **told}
            for n, row in enumerate(rows)
            if (told := self._complaint(row)) is not None
        ]
        if messages:
            return {"ids": False, "messages": messages}
        return {"ids": [self._put(row) for row in rows], "messages": []}

    def _complaint(self, row: dict[str, Any]) -> dict[str, str] | None:
        known = str(row[".id"]) if ".id" in row else None
        if known is not None and known not in self.records:
            return {"field": ".id", "message": f"Unknown database identifier '{known}'"}
        key = self._key_of(known) if known else str(row.get("id", row.get(self.key_field or ""))).removeprefix("churn.")
        if key in self.busy:
            return {"message": "could not serialize access due to concurrent update"}
        if key in self.poison:
            return {"field": "risk_band", "message": f"{key} {self.REFUSAL}\nDETAIL:  Failing row contains ({row})."}
        return None if known or row.get("name") else {"message": "'Contacts require a name'"}

    def _put(self, row: dict[str, Any]) -> int:
        values = {name: value for name, value in row.items() if name not in {"id", ".id"}}
        if ".id" in row:
            remote_id = int(row[".id"])
        else:
            name = str(row.get("id", "")).removeprefix("churn.")
            remote_id = next((record for known, record in self.names if known == name), len(self.records) + 100)
            if name and (name, remote_id) not in self.names:
                self.names.append((name, remote_id))
        self.records.setdefault(str(remote_id), {}).update(values)
        return remote_id

    def add(self, customer_id: str, **fields: Value) -> str:
        remote_id = len(self.records) + 100
        self.records[str(remote_id)] = {"name": "Somebody", **fields}
        if self.key_field:
            self.records[str(remote_id)][self.key_field] = customer_id
        else:
            self.names.append((customer_id, remote_id))
        return str(remote_id)

    def held(self, customer_id: str) -> list[dict[str, Value]]:
        names = ("risk_band", "churn_probability")
        return [
            {name: r.get(name) or None for name in names}
            for i, r in self.records.items()
            if self._key_of(i) == customer_id
        ]

    def add_outcome(self, event_id: str, customer_id: str, kind: str, at: datetime) -> None:
        (remote_id,) = (int(i) for i in self.records if self._key_of(i) == customer_id)
        self.leads.append(
            {
                "id": 1 + int(event_id[1:]),
                "campaign_id": [3, "Winback July"],
                "stage_id": [1, "New"],
                "probability": 100.0 if kind == "won" else 0.0,
                "active": kind == "won",
                "partner_id": [remote_id, "Somebody"],
                "date_closed": str(at),
                "write_date": str(at),
            }
        )

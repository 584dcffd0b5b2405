from __future__ import annotations

import csv
import io
import json
import re
from datetime import datetime
from typing import Any

import httpx
import pytest

from churn.config.connectors import SalesforceConnector
from churn.crm.connector import Connector, Row, Value
from churn.crm.connectors.salesforce.connector import connect
from churn.crm.connectors.salesforce.values import cell, instant, ours, quoted, sent
from churn.crm.http import open_client
from churn.errors import ConfigError, ConnectorError, RateLimited, Unreachable
from tests.crm.contract import NOW, SECRET, ConnectorContract, FakeCrm

ROOT = "/services/data/v62.0"
KEY = "Ext_Id__c"
TYPES = {
    "Id": "id",
    KEY: "string",
    "LastName": "string",
    "risk_band": "string",
    "churn_probability": "double",
    "scored_at": "datetime",
    "AccountId": "reference",
    "CreatedDate": "datetime",
}
CLEARED = "#N/A"


class FakeSalesforce(FakeCrm):
    """Collections answer 200 with errors inside; bulk jobs take CSV and are done at the second look."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.members: list[dict[str, Any]] = []
        self.used, self.page, self.never_seen, self.locked = 18, 2, set[str](), set[str]()
        self.job_error = ""

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("authorization") != f"Bearer {self.secret}":
            return _error(401, "INVALID_SESSION_ID", "Session expired or invalid")
        response = self._route(request, request.url.path.removeprefix(ROOT))
        response.headers["Sforce-Limit-Info"] = f"api-usage={self.used}/5000"
        return response

    def _route(self, request: httpx.Request, path: str) -> httpx.Response:
        if path == "/sobjects/Contact/describe":
            return httpx.Response(200, json={"fields": [self._field(name) for name in TYPES]})
        if path.startswith("/query"):
            return self._query(request.url.params.get("q"), path)
        if path.startswith("/jobs/ingest"):
            return self._job(request, path.removeprefix("/jobs/ingest"))
        body = json.loads(request.content)
        assert request.method == "PATCH"
        assert not body["allOrNone"]
        assert len(body["records"]) <= 200
        is_upsert = path == f"/composite/sobjects/Contact/{KEY}"
        assert is_upsert or path == "/composite/sobjects"
        return httpx.Response(200, json=[self._write(record, is_upsert=is_upsert) for record in body["records"]])

    def _field(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "type": TYPES[name],
            "updateable": name not in {"Id", "CreatedDate"},
            "externalId": name == KEY,
            "length": 80 if TYPES[name] == "string" else 0,
            "picklistValues": [],
        }

    def _write(self, record: dict[str, Any], *, is_upsert: bool) -> dict[str, Any]:
        values = {name: value for name, value in record.items() if name not in {"attributes", "Id"}}
        remote_id = self._id_of(values[KEY]) if is_upsert else record["Id"]
        held = self.records.get(remote_id or "")
        key = values.get(KEY) or (held or {}).get(KEY)
        if not is_upsert and held is None:
            return _refusal("ENTITY_IS_DELETED", "entity is deleted", [])
        if key in self.locked:
            return _refusal("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record", [])
        if key in self.poison:
            return _refusal("FIELD_CUSTOM_VALIDATION_EXCEPTION", f"{key} {self.REFUSAL}", ["risk_band"])
        if is_upsert and held is None and not values.get("LastName"):
            return _refusal("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ["LastName"])
        is_new = remote_id is None
        if remote_id is None:
            remote_id = self._new_id()
        self.records.setdefault(remote_id, {}).update(values)
        return {"id": remote_id, "success": True, "errors": [], **({"created": is_new} if is_upsert else {})}

    def _new_id(self) -> str:
        return f"003{len(self.records):012d}AAA"

    def _id_of(self, key: str) -> str | None:
        return next((i for i, r in self.records.items() if r[KEY] == key), None)

    def _query(self, query: str | None, path: str) -> httpx.Response:
        if query is None:
            start = int(path.rpartition("-")[2])
            return self._members(self.members, start)
        if "FROM CampaignMember" in query:
            since = re.search(r">= (\S+)", query)
            assert since is not None
            found = [m for m in self.members if m["SystemModstamp"] >= since[1].replace("Z", ".000+0000")]
            assert found == self.members[len(self.members) - len(found) :]
            return self._members(self.members, len(self.members) - len(found))
        parts = re.fullmatch(r"SELECT (.+) FROM Contact WHERE (\w+) IN \((.*)\)", query, re.DOTALL)
        assert parts is not None
        wanted = {
            v.replace("\\'", "'").replace("\\\\", "\\").lower() for v in re.findall(r"'((?:[^'\\]|\\.)*)'", parts[3])
        }
        names = parts[1].split(", ")
        told = [
            {"attributes": {}} | {name: ({"Id": i} | r).get(name) for name in names}
            for i, r in self.records.items()
            if str(({"Id": i} | r)[parts[2]]).lower() in wanted  # SOQL ignores case
        ]
        return httpx.Response(200, json={"records": told, "done": True})

    def _members(self, members: list[dict[str, Any]], start: int) -> httpx.Response:
        end = start + self.page
        more = {} if end >= len(members) else {"nextRecordsUrl": f"{ROOT}/query/0r8-{end}"}
        return httpx.Response(200, json={"records": members[start:end], "done": not more, **more})

    def _job(self, request: httpx.Request, path: str) -> httpx.Response:
        job_id, _, action = path.strip("/").partition("/")
        if not job_id:
            told = json.loads(request.content)
            assert told.get("externalIdFieldName") == (KEY if told["operation"] == "upsert" else None)
            self.jobs[job := f"750{len(self.jobs)}"] = told | {"state": "Open", "looks": 0}
            return httpx.Response(200, json={"id": job, "state": "Open"})
        job = self.jobs[job_id]
        if action == "batches":
            job["rows"] = list(csv.DictReader(io.StringIO(request.content.decode())))
            return httpx.Response(201)
        if request.method == "PATCH":
            self._carry_out(job)
        elif not action:
            job["looks"] += 1
            state = job["end"] if job["looks"] > 1 else "InProgress"
            told = {"id": job_id, "state": state, "numberRecordsProcessed": len(job["done"]) + len(job["failed"])}
            return httpx.Response(200, json=told | {"errorMessage": self.job_error})
        elif action in {"successfulResults", "failedResults"}:
            return httpx.Response(200, content=_csv(job["done" if action == "successfulResults" else "failed"]))
        return httpx.Response(200, json={})

    def _carry_out(self, job: dict[str, Any]) -> None:
        job |= {"done": [], "failed": [], "end": "JobComplete"}
        if self.job_error:
            job["end"] = "Failed"
            return
        is_upsert = job["operation"] == "upsert"
        for row in job["rows"]:
            key = row.get(KEY) or self.records.get(row.get("Id", ""), {}).get(KEY)
            if key in self.never_seen:
                job["end"] = "Failed"
                continue
            values = {n: None if v == CLEARED else float(v) if TYPES[n] == "double" else v for n, v in row.items() if v}
            told = self._write(values, is_upsert=is_upsert)
            if told["success"]:
                job["done"].append(
                    {"sf__Id": told["id"], "sf__Created": str(told.get("created", False)).lower(), **row}
                )
            else:
                error = told["errors"][0]
                words = f"{error['statusCode']}:{error['message']}:{','.join(error['fields'])} --"
                job["failed"].append({"sf__Id": "", "sf__Error": words, **row})

    def add(self, customer_id: str, **fields: Value) -> str:
        remote_id = self._new_id()
        self.records[remote_id] = {KEY: customer_id, "LastName": "Somebody"} | {n: sent(v) for n, v in fields.items()}
        return remote_id

    def held(self, customer_id: str) -> list[dict[str, Value]]:
        names = ("risk_band", "churn_probability")
        return [{name: r.get(name) for name in names} for r in self.records.values() if r[KEY] == customer_id]

    def add_outcome(self, event_id: str, customer_id: str, kind: str, at: datetime) -> None:
        self.members.append(
            {
                "Id": f"00v{event_id}",
                "ContactId": self._id_of(customer_id),
                "Contact": {KEY: customer_id},
                "Campaign": {"Name": "Winback July"},
                "Status": kind.capitalize(),
                "SystemModstamp": f"{at.isoformat()}.000+0000",
            }
        )


def _refusal(code: str, message: str, fields: list[str]) -> dict[str, Any]:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": fields}]}


def _error(status: int, code: str, message: str) -> httpx.Response:
    return httpx.Response(status, json=[{"errorCode": code, "message": message}])


def _csv(rows: list[dict[str, str]]) -> bytes:
    target = io.StringIO()
    writer = csv.DictWriter(target, sorted({name for row in rows for name in row}), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue().encode()


class Contract(ConnectorContract):
    has_keys_of_its_own = False

    def make_crm(self) -> FakeSalesforce:
        return FakeSalesforce()

    def connect(self, crm: FakeCrm, *, secret: str = SECRET, **settings: Any) -> Connector:
        given = {"kind": "salesforce", "url": "http://force.example", "statuses": {"Lost": "lost", "Won": "won"}}
        section = SalesforceConnector.model_validate(given | settings)
        client = open_client(section, transport=crm.transport(), sleep=lambda _seconds: None)
        secrets = {"CHURN_CONNECTOR_CRM_SECRET": secret}
        return connect("crm", section, secrets, clock=lambda: NOW, client=client, sleep=lambda _seconds: None)

    @pytest.fixture
    def force(self) -> FakeSalesforce:
        return FakeSalesforce()


class TestSalesforce(Contract):
    def test_two_hundred_and_one_rows_go_in_two_requests(self, force: FakeSalesforce) -> None:
        results = self.write(self.connect(force), *(self.row(f"c{n}") for n in range(201)))
        assert {r.state for r in results} == {"created"}
        assert force.requests == 2

    def test_an_update_leaves_the_name_a_salesman_gave(self, force: FakeSalesforce) -> None:
        remote_id = force.add("c1")
        self.write(self.connect(force), self.row("c1", remote_id))
        assert force.records[remote_id]["LastName"] == "Somebody"

    def test_a_locked_row_is_transient_and_a_refused_one_tells_code_and_field(self, force: FakeSalesforce) -> None:
        force.locked, force.poison = {"c1"}, {"c2"}
        results = self.write(self.connect(force), *(self.row(f"c{n}") for n in range(3)))
        assert [r.state for r in results] == ["created", "transient", "rejected"]
        assert (results[2].code, results[2].field) == ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "risk_band")

    def test_a_record_that_was_deleted_is_told_as_not_found(self, force: FakeSalesforce) -> None:
        (result,) = self.write(self.connect(force), self.row("c1", "003000000000099AAA"), mode="update")
        assert (result.state, result.code) == ("rejected", "not_found")

    def test_a_key_with_quotes_is_asked_for_safely(self, force: FakeSalesforce) -> None:
        there = force.add("o'c\\1")
        assert self.connect(force).find(["o'c\\1"]) == {"o'c\\1": (there,)}
        assert quoted("x') OR ('a") == "'x\\') OR (\\'a'"

    def test_requests_are_left_to_others_before_the_day_is_used_up(self, force: FakeSalesforce) -> None:
        force.used = 4_800
        with pytest.raises(RateLimited, match="4800 of the day's 5000") as told:
            self.connect(force).check()
        assert told.value.retry_after is not None
        assert told.value.retry_after > 900
        self.connect(force, max_usage_share=0.97).check()

    def test_an_exceeded_limit_and_an_error_of_the_server_are_told_apart(self, force: FakeSalesforce) -> None:
        force.answer = lambda _r: _error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")  # type: ignore[method-assign]
        with pytest.raises(RateLimited, match="TotalRequests"):
            self.connect(force).check()
        force.answer = lambda _r: _error(500, "UNKNOWN_EXCEPTION", "oops")  # type: ignore[method-assign]
        with pytest.raises(Unreachable) as told:
            self.write(self.connect(force), self.row("c1"))
        assert told.value.is_unknown

    def test_a_key_that_is_no_external_id_is_said_before_anything_is_written(self, force: FakeSalesforce) -> None:
        with pytest.raises(ConfigError, match="no external id LastName"):
            self.connect(force, key_field="LastName").check()

    def test_the_schema_tells_what_may_be_written(self, force: FakeSalesforce) -> None:
        schema = self.connect(force).fields()
        assert schema is not None
        assert [schema[name].is_writable for name in ("risk_band", "AccountId", "CreatedDate")] == [True, False, False]
        assert schema["risk_band"].max_length == 80

    def test_outcomes_carry_our_key_and_campaign(self, force: FakeSalesforce) -> None:
        contact = force.add("c1")
        force.add_outcome("e5", "c1", "lost", NOW)
        force.add_outcome("e6", "c1", "opened", NOW)
        (event,) = self.connect(force, campaigns={"Winback July": "winback"}).outcomes(None).events
        assert (event.customer_id, event.remote_id, event.campaign) == ("c1", contact, "winback")
        assert (event.kind, event.occurred_at, event.event_id) == ("lost", NOW, "00ve5,lost")

    def test_values_come_back_as_they_were(self) -> None:
        at = datetime(2026, 7, 1, 4, 30, 5)
        assert sent(at) == "2026-07-01T04:30:05.000Z"
        assert ours("2026-07-01T04:30:05.000+0000", "datetime") == at
        assert instant("2026-07-01T06:30:05.000+0200") == at
        assert [cell(None), cell(""), cell(True), cell(0.5), cell(at.date())] == [
            CLEARED,
            CLEARED,
            "true",
            "0.5",
            "2026-07-01",
        ]


class TestSalesforceBulk(Contract):
    """The same contract through Bulk API 2.0."""

    def connect(self, crm: FakeCrm, *, secret: str = SECRET, **settings: Any) -> Connector:
        return super().connect(crm, secret=secret, **({"bulk_rows": 1} | settings))

    def test_a_timeout_of_a_write_is_unknown(self, crm: FakeCrm, connector: Connector) -> None:
        crm.faults = ["", "", "timeout after"]
        assert self.fate(connector) == "unknown"

    def test_a_timeout_before_the_upload_is_complete_is_known_to_have_done_nothing(self, force: FakeSalesforce) -> None:
        connector = self.connect(force)
        force.faults = ["", "timeout after"]
        assert self.fate(connector) == "transient"
        assert force.held("c1") == []

    def test_a_field_that_some_rows_do_not_have_is_left_as_it_is(self, force: FakeSalesforce) -> None:
        first, second = (force.add(key, risk_band="old", churn_probability=0.9) for key in ("c1", "c2"))
        rows = [Row("c1", first, {"risk_band": None}), Row("c2", second, {"churn_probability": 0.1})]
        self.write(self.connect(force), *rows, mode="update")
        assert force.held("c1") == [{"risk_band": None, "churn_probability": 0.9}]
        assert force.held("c2") == [{"risk_band": "old", "churn_probability": 0.1}]

    def test_rows_that_a_job_did_not_get_to_are_sent_again(self, force: FakeSalesforce) -> None:
        force.never_seen = {"c2"}
        results = self.write(self.connect(force), *(self.row(f"c{n}") for n in range(3)))
        assert [r.state for r in results] == ["created", "created", "transient"]

    def test_a_job_that_failed_as_a_whole_says_why(self, force: FakeSalesforce) -> None:
        force.job_error = "InvalidBatch : Field name not found : risk"
        with pytest.raises(ConnectorError, match="Field name not found"):
            self.write(self.connect(force), self.row("c1"))

    def test_a_connection_lost_while_a_job_runs_is_unknown(self, force: FakeSalesforce) -> None:
        connector = self.connect(force)
        force.faults = ["", "", "", "503"]
        with pytest.raises(Unreachable) as told:
            self.write(connector, self.row("c1"))
        assert told.value.is_unknown
        assert len(force.held("c1")) == 1


def asked(records: list[dict[str, str]], keys: list[str]) -> tuple[dict[str, tuple[str, ...]], list[int]]:
    """What is found of `keys`, and how long each address was."""
    sizes: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sizes.append(len(str(request.url)))
        return httpx.Response(200, json={"records": records})

    section = SalesforceConnector(kind="salesforce", url="http://force.example")
    client = open_client(section, transport=httpx.MockTransport(answer))
    connector = connect("crm", section, {"CHURN_CONNECTOR_CRM_SECRET": SECRET}, clock=lambda: NOW, client=client)
    return dict(connector.find(keys)), sizes


def test_keys_compare_without_regard_to_case() -> None:
    records = [{"Id": "0031", "Ext_Id__c": "abc-1"}]
    assert asked(records, ["ABC-1", "abc-2"])[0] == {"ABC-1": ("0031",)}
    assert asked(records, ["ABC-1", "Abc-1"])[0] == {"ABC-1": ("0031",), "Abc-1": ("0031",)}  # nobody's to write


def test_no_address_is_longer_than_salesforce_takes() -> None:
    _, sizes = asked([], [f"Kundennummer-Ä{n:06d}-ß" * 4 for n in range(400)])
    assert max(sizes) <= 16_384
    assert len(sizes) > 2

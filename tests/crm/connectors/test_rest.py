from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote

import httpx
import pytest

from churn.config.connectors import RestConnector
from churn.crm.connector import Connector, Row, Value
from churn.crm.connectors.rest import connect
from churn.crm.http import open_client
from churn.errors import AuthFailed, ConfigError, ConnectorError, RateLimited, Unreachable
from tests.crm.contract import NOW, SECRET, ConnectorContract, FakeCrm, empty_store, wanted_list

PAGE = 2
SECTION: dict[str, Any] = {
    "kind": "rest",
    "url": "http://crm.example/api/v2/",
    "auth_header": "X-Api-Key",
    "auth_format": "{secret}",
    "check_path": "me",
    "lookup_path": "contacts?cf_ext_id={key}&page={page}&limit={limit}",
    "items_path": "data.items",
    "id_path": "ref.id",
    "key_field": "cf_ext_id",
    "fields_path": "attributes",
    "field_prefix": "cf_",
    "create_path": "contacts",
    "update_path": "contacts/{id}",
    "wrap": "contact",
    "created_id_path": "contact.ref.id",
    "conflict_id_path": "existing.id",
    "error_path": "error.message",
    "error_code_path": "error.code",
    "error_field_path": "error.field",
    "auth_statuses": [401, 403],
    "transient_statuses": [423, 500],
    "page_size": PAGE,
    "schema_path": "schema",
    "schema_items_path": "fields",
    "schema_read_only": "locked",
    "schema_length": "size",
    "schema_types": {"string": "text", "decimal": "number"},
    "outcomes": {
        "path": "events?after={cursor}",
        "items_path": "events",
        "cursor_path": "next",
        "first_cursor": "0",
        "remote_id": "contact_id",
        "kinds": {"deal_lost": "lost", "deal_won": "won"},
    },
}


class FakeRest(FakeCrm):
    """Prefixed custom fields, nested attributes, paged lists, 403 for a bad token, 409 with who is there already."""

    is_unique = False
    fields_known = frozenset({"cf_ext_id", "cf_risk_band", "cf_churn_probability"})

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self._one_at_a_time = threading.Lock()

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("x-api-key") != self.secret:
            return httpx.Response(403, json={"error": {"message": "bad token"}})
        path = request.url.path.removeprefix("/api/v2/")
        query = {name: values[0] for name, values in parse_qs(request.url.query.decode()).items()}
        if path in {"me", "nowhere"}:
            return httpx.Response(200 if path == "me" else 404, json={"error": {"message": "no such path"}})
        if path == "schema":
            kinds = {"cf_churn_probability": "decimal"}
            items = [{"name": name, "type": kinds.get(name, "string"), "size": 80} for name in self.fields_known]
            return httpx.Response(200, json={"fields": items})
        if path == "events":
            start = int(query["after"])
            page = self.events[start : start + PAGE]
            return httpx.Response(200, json={"events": page, "next": str(start + len(page))})
        if request.method == "GET":
            return self._get(path, query)
        with self._one_at_a_time:
            return self._write(request, path)

    def _get(self, path: str, query: Mapping[str, str]) -> httpx.Response:
        if "keys" in query:
            keys = query["keys"].split(",")
            items = [self._told(i) for i, r in self.records.items() if f"'{r['cf_ext_id']}'" in keys]
            start = (int(query["page"]) - 1) * PAGE
            return httpx.Response(200, json={"data": {"items": items[start : start + PAGE]}})
        if path == "contacts":
            # A prefix search, as many are: c1 also finds c11.
            found = [i for i, r in self.records.items() if str(r["cf_ext_id"]).startswith(query["cf_ext_id"])]
            start = (int(query["page"]) - 1) * int(query["limit"])
            items = [self._told(i) for i in found[start : start + int(query["limit"])]]
            return httpx.Response(200, json={"data": {"items": items}})
        remote_id = unquote(path.partition("/")[2])
        if remote_id not in self.records:
            return httpx.Response(404, json={"error": {"message": "no such contact"}})
        return httpx.Response(200, json={"contact": self._told(remote_id)})

    def _write(self, request: httpx.Request, path: str) -> httpx.Response:
        if path != "contacts/batch":
            return self._write_one(json.loads(request.content), path)
        results = []
        for entry in json.loads(request.content)["contacts"]:
            answer = self._write_one(entry, "contacts" if request.method == "POST" else f"contacts/{entry['id']}")
            results.append({"status": answer.status_code, **answer.json()})
        return httpx.Response(207, json={"results": results})

    def _write_one(self, body: Any, path: str) -> httpx.Response:
        given = body["contact"]["attributes"]
        remote_id = path.partition("/")[2]
        if remote_id and remote_id not in self.records:
            return httpx.Response(404, json={"error": {"message": "no such contact"}})
        key = given.get("cf_ext_id") or self.records.get(remote_id, {}).get("cf_ext_id")
        if key in self.poison:
            error = {"message": f"{key} {self.REFUSAL}", "code": "E42", "field": "cf_risk_band"}
            return httpx.Response(422, json={"error": error})
        same = [i for i, r in self.records.items() if r["cf_ext_id"] == key]
        if not remote_id and self.is_unique and same:
            return httpx.Response(409, json={"existing": {"id": same[0]}})
        if not remote_id:
            remote_id = str(len(self.records) + 1)
            self.records[remote_id] = {}
        # Fields it does not know are dropped in silence.
        self.records[remote_id] |= {name: value for name, value in given.items() if name in self.fields_known}
        return httpx.Response(200, json={"contact": self._told(remote_id)})

    def _told(self, remote_id: str) -> dict[str, Any]:
        return {"ref": {"id": remote_id}, "attributes": self.records[remote_id]}

    def add(self, customer_id: str, **fields: Value) -> str:
        remote_id = str(len(self.records) + 1)
        self.records[remote_id] = {"cf_ext_id": customer_id} | {f"cf_{name}": value for name, value in fields.items()}
        return remote_id

    def held(self, customer_id: str) -> list[dict[str, Value]]:
        names = ("risk_band", "churn_probability")
        return [
            {name: r.get(f"cf_{name}") for name in names}
            for r in self.records.values()
            if r["cf_ext_id"] == customer_id
        ]

    def add_outcome(self, event_id: str, customer_id: str, kind: str, at: datetime) -> None:
        self.events.append(
            {"id": event_id, "customer_id": customer_id, "kind": f"deal_{kind}", "occurred_at": f"{at.isoformat()}Z"}
        )


def connected(crm: FakeCrm, secret: str = SECRET, **settings: Any) -> Connector:
    section = RestConnector.model_validate(SECTION | settings)
    client = open_client(section, transport=crm.transport(), sleep=lambda _seconds: None)
    return connect("crm", section, {"CHURN_CONNECTOR_CRM_SECRET": secret}, clock=lambda: NOW, client=client)


class TestRest(ConnectorContract):
    def make_crm(self) -> FakeCrm:
        return FakeRest()

    def connect(self, crm: FakeCrm, *, secret: str = SECRET, **settings: Any) -> Connector:
        return connected(crm, secret, **settings)


BATCHES: dict[str, Any] = {
    "lookup_batch_path": "contacts?keys={keys}&page={page}",
    "keys_format": "'{key}'",
    "lookup_batch_keys": 7,
    "create_batch_path": "contacts/batch",
    "update_batch_path": "contacts/batch",
    "batch_rows": 4,
    "batch_wrap": "contacts",
    "batch_results_path": "results",
    "batch_status_path": "status",
}


class TestRestInBatches(ConnectorContract):
    def make_crm(self) -> FakeCrm:
        return FakeRest()

    def connect(self, crm: FakeCrm, *, secret: str = SECRET, **settings: Any) -> Connector:
        return connected(crm, secret, **{**BATCHES, **settings})

    def test_many_keys_and_rows_go_by_one_request(self) -> None:
        crm = FakeRest()
        connector = self.connect(crm)
        rows = [Row(f"c{n}", None, {"risk_band": "high"}) for n in range(10)]
        results = connector.write(rows, mode="upsert", run_id="r1")
        assert ([result.state for result in results], crm.requests) == (["created"] * 10, 3)
        crm.requests = 0
        ids = connector.find([row.customer_id for row in rows])
        assert {key: len(found) for key, found in ids.items()} == {f"c{n}": 1 for n in range(10)}
        assert crm.requests < 10


def test_a_key_that_would_end_the_list_is_looked_up_alone() -> None:
    crm = FakeRest()
    there = crm.add("o'c,1")
    assert connected(crm, **BATCHES).find(["o'c,1", "c2"]) == {"o'c,1": (there,), "c2": ()}


def test_many_keys_go_into_a_body_as_the_api_wants_them() -> None:
    bodies: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, json={"data": {"items": []}})

    where = {"where": {"ext_id": {"in": "{keys}"}}, "page": "{page}", "text": "ext_id in ({keys})"}
    body = {"lookup_batch_path": "search", "lookup_batch_method": "POST", "lookup_batch_body": where}
    assert answering(answer, **body).find(["a", "b"]) == {"a": (), "b": ()}
    assert bodies == [{"where": {"ext_id": {"in": ["a", "b"]}}, "page": 1, "text": "ext_id in (a,b)"}]


def test_no_address_of_a_lookup_is_longer_than_the_api_takes() -> None:
    sizes: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sizes.append(len(str(request.url)))
        return httpx.Response(200, json={"data": {"items": []}})

    keys = {"lookup_batch_path": "contacts?keys={keys}&page={page}", "lookup_batch_keys": 500, "address_bytes": 2_000}
    answering(answer, **keys).find([f"Kunde-Ä-{n:05d}" for n in range(400)])
    assert max(sizes) <= 2_000
    assert len(sizes) > 3


def test_a_list_of_found_records_that_may_be_cut_is_refused() -> None:
    items = [{"ref": {"id": str(n)}, "attributes": {"cf_ext_id": f"c{n}"}} for n in range(PAGE)]
    answer = httpx.Response(200, json={"data": {"items": items}})
    with pytest.raises(ConfigError, match="perhaps not all"):
        answering(answer, lookup_batch_path="contacts?keys={keys}").find([f"c{n}" for n in range(9)])


def test_a_batch_that_is_refused_as_a_whole_is_halved_until_the_bad_row_stands_alone() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        entries = json.loads(request.content)["contacts"]
        if any(entry["contact"]["attributes"]["cf_risk_band"] == "bad" for entry in entries):
            return httpx.Response(422, json={"error": {"message": "bad value", "code": "E1"}})
        return httpx.Response(200, json={"results": [{"status": 200} for _ in entries]})

    rows = [Row(f"c{n}", str(n), {"risk_band": "bad" if n == 2 else "high"}) for n in range(8)]
    results = answering(answer, **{**BATCHES, "batch_rows": 8}).write(rows, mode="update", run_id="r1")
    assert [result.state for result in results] == ["updated"] * 2 + ["rejected"] + ["updated"] * 5
    assert (results[2].code, results[2].message) == ("E1", "bad value")


@pytest.mark.parametrize("answer", [{"results": []}, {"results": [{"status": 200}]}, {}], ids=str)
def test_a_batch_without_a_result_for_each_row_is_in_doubt(answer: Any) -> None:
    rows = [Row(f"c{n}", str(n), {"risk_band": "high"}) for n in range(2)]
    results = answering(httpx.Response(200, json=answer), **BATCHES).write(rows, mode="update", run_id="r1")
    assert [result.state for result in results] == ["unknown"] * 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"lookup_batch_path": "contacts?x=1"},
        {"lookup_batch_path": "contacts?x={keys}", "keys_format": "'key'"},
        {"lookup_batch_path": "contacts?x={keys}{id}"},
    ],
    ids=str,
)
def test_a_batch_lookup_without_its_marks_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="hold"):
        RestConnector.model_validate(SECTION | wrong)


def test_a_conflict_becomes_an_update_of_who_is_there() -> None:
    crm = FakeRest()
    crm.is_unique = True
    there = crm.add("c1", risk_band="low")
    (result,) = connected(crm).write([Row("c1", None, {"risk_band": "high"})], mode="upsert", run_id="r1")
    assert (result.state, result.remote_id, crm.held("c1")[0]["risk_band"]) == ("updated", there, "high")


def test_a_section_with_an_unknown_mark_is_refused() -> None:
    with pytest.raises(ValueError, match=r"holds \{nobody\}"):
        RestConnector.model_validate(SECTION | {"lookup_path": "contacts/{nobody}"})


def test_a_wrong_path_is_told_apart_from_an_outage() -> None:
    with pytest.raises(ConfigError, match=r"answers 404 to GET nowhere"):
        connected(FakeRest(), check_path="nowhere").check()


def answering(answer: httpx.Response | Callable[[httpx.Request], httpx.Response], **settings: Any) -> Connector:
    section = RestConnector.model_validate(SECTION | settings)
    wire = httpx.MockTransport(answer if callable(answer) else lambda _: answer)
    client = open_client(section, transport=wire, sleep=lambda _seconds: None)
    return connect("crm", section, {"CHURN_CONNECTOR_CRM_SECRET": SECRET}, clock=lambda: NOW, client=client)


@pytest.mark.parametrize("page", ["<h1>Please sign in</h1>", ""])
def test_a_page_or_nothing_is_no_answer_that_nobody_is_there(page: str) -> None:
    connector = answering(httpx.Response(200, text=page))
    connector.check()  # a bare word would do there
    with pytest.raises(Unreachable, match="no JSON"):
        connector.find(["c1"])
    with pytest.raises(Unreachable, match="no JSON"):
        connector.read(["1"], ["risk_band"])


def test_an_answer_without_content_says_that_nobody_is_there() -> None:
    assert answering(httpx.Response(204)).find(["c1"]) == {"c1": ()}


def test_a_value_at_the_error_path_is_a_refusal_at_any_status() -> None:
    refusing = answering(httpx.Response(200, json={"contact": {"ref": {"id": "7"}}, "error": {"message": "no right"}}))
    rows = [Row("c1", None, {"risk_band": "high"}), Row("c2", "7", {"risk_band": "high"})]
    results = refusing.write(rows, mode="upsert", run_id="r1")
    assert [(result.state, result.message) for result in results] == [("rejected", "no right")] * 2


def test_a_flag_of_its_own_says_whether_it_worked() -> None:
    answer = httpx.Response(200, json={"status": {"done": False}, "contact": {"ref": {"id": "7"}}})
    (result,) = answering(answer, ok_path="status.done").write([Row("c2", "7", {"a": 1})], mode="update", run_id="r1")
    assert (result.state, result.message) == ("rejected", "status.done is false")


def test_a_record_without_an_id_was_not_made_unless_its_address_is_named() -> None:
    rows = [Row("c1", None, {"risk_band": "high"})]
    nameless = httpx.Response(201, json={"contact": {"attributes": {}}})
    (result,) = answering(nameless).write(rows, mode="upsert", run_id="r1")
    assert result.state == "unknown"
    located = httpx.Response(201, headers={"Location": "/api/v2/contacts/77"})
    (result,) = answering(located).write(rows, mode="upsert", run_id="r1")
    assert (result.state, result.remote_id) == ("created", "77")


def test_a_wrong_address_for_creations_stops_the_batch_and_rejects_nobody() -> None:
    rows = [Row("c1", None, {"risk_band": "high"})]
    with pytest.raises(ConnectorError, match="create_path"):
        answering(httpx.Response(404)).write(rows, mode="upsert", run_id="r1")


def test_being_sent_to_another_page_is_a_refused_secret() -> None:
    moved = httpx.Response(302, headers={"Location": "https://crm.example/sign-in?next=x"})
    with pytest.raises(AuthFailed, match="sign-in page"):
        answering(moved).write([Row("c1", "7", {"a": 1})], mode="update", run_id="r1")


@pytest.mark.parametrize(("held", "state"), [("high", "updated"), ("low", "unknown")])
def test_a_change_that_is_answered_with_nothing_is_looked_at(held: str, state: str) -> None:
    record = {"contact": {"ref": {"id": "7"}, "attributes": {"cf_risk_band": held}}}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=record) if request.method == "GET" else httpx.Response(200)

    (result,) = answering(answer).write([Row("c1", "7", {"risk_band": "high"})], mode="update", run_id="r1")
    assert result.state == state


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"data": {}},
        {"data": {"items": None}},
        {"data": {"items": "try later"}},
        {"data": {"items": [{"name": "x"}]}},
    ],
    ids=str,
)
def test_a_lookup_without_its_list_never_says_that_nobody_is_there(answer: Any) -> None:
    with pytest.raises(Unreachable, match="without a list of records"):
        answering(httpx.Response(200, json=answer)).find(["c1"])


def test_null_is_an_empty_list_where_the_section_says_so() -> None:
    answer = httpx.Response(200, json={"data": {"items": None}})
    assert answering(answer, null_is_empty=True).find(["c1"]) == {"c1": ()}


def test_a_404_of_a_search_is_a_wrong_address_and_of_a_record_nobody() -> None:
    with pytest.raises(ConfigError, match="404"):
        answering(httpx.Response(404)).find(["c1"])
    assert answering(httpx.Response(404), lookup_path="contacts/by-key/{key}").find(["c1"]) == {"c1": ()}


def test_records_without_our_key_field_are_named_with_the_field_that_is_meant() -> None:
    item = {"ref": {"id": "7"}, "attributes": {"cf_ext_id": "c1"}}
    with pytest.raises(ConfigError, match="Did you mean key_field = `cf_ext_id`"):
        answering(httpx.Response(200, json={"data": {"items": [item]}}), key_field="ext_id").find(["c1"])


@pytest.mark.parametrize("answer", [{}, {"events": "rate limited"}, {"events": []} | {"error": {"message": "down"}}])
def test_outcomes_without_their_list_are_no_answer(answer: Any) -> None:
    with pytest.raises((Unreachable, RateLimited)):
        answering(httpx.Response(200, json=answer)).outcomes(None)


@pytest.mark.parametrize("answer", [{}, {"contact": {}}, {"contact": {"ref": {"id": "8"}, "attributes": {}}}], ids=str)
def test_a_record_read_back_must_be_the_record(answer: Any) -> None:
    with pytest.raises(Unreachable, match="without the record"):
        answering(httpx.Response(200, json=answer)).read(["7"], ["risk_band"])


def test_one_signal_stops_the_whole_batch_and_tells_how_long() -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if len(requests) <= 10:
            return httpx.Response(200, json={"contact": {"ref": {"id": str(len(requests))}}})
        return httpx.Response(503, headers={"Retry-After": "25"})

    rows = [Row(f"c{n}", str(n + 1), {"risk_band": "high"}) for n in range(80)]
    results = answering(answer, concurrency=1).write(rows, mode="update", run_id="r1")
    assert len(requests) == 11
    assert [result.state for result in results] == ["updated"] * 10 + ["transient"] * 70
    assert {result.retry_after for result in results[10:]} == {25}


def test_a_limited_system_gets_every_row_and_lookups_keep_what_they_found(tmp_path: Any) -> None:
    """Every fifth request is refused, so that no batch of lookups or writes ever goes through whole."""

    class Limited(FakeRest):
        def answer(self, request: httpx.Request) -> httpx.Response:
            if self.requests % 5 == 0:
                return httpx.Response(429, headers={"Retry-After": "1"})
            return super().answer(request)

    crm = Limited()
    with empty_store(tmp_path) as store:
        report = TestRest().push(connected(crm), store, "r1", wanted_list(60))
    assert (report.state, report.counts["created"], len(crm.records)) == ("done", 60, 60)


PLAIN: dict[str, Any] = {"schema_path": "", "wrap": "", "fields_path": "", "items_path": "items", "id_path": "id"}


def test_mapped_fields_that_no_record_has_are_refused_before_the_first_write() -> None:
    requests: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request.method)
        return httpx.Response(200, json={"id": "7", "cf_ext_id": "c1", "cf_churn_risk": None})

    rows = [Row("c1", "7", {"churn_risc": "high"})]
    connector = answering(answer, **PLAIN)
    with pytest.raises(ConfigError, match=r"no field cf_churn_risc \(there is cf_churn_risk\)"):
        connector.write(rows, mode="update", run_id="r1")
    assert requests == ["GET"]
    sparse = answering(answer, **PLAIN, omits_empty=True)
    assert sparse.write(rows, mode="update", run_id="r1")[0].state == "updated"


def test_a_new_record_is_given_what_it_must_have_by_whole_names() -> None:
    bodies: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(201, json={"id": "7"})

    connector = answering(answer, **PLAIN, created_id_path="id", create_values={"last_name": "Customer {customer_id}"})
    connector.write([Row("c1", None, {"risk_band": "high"})], mode="upsert", run_id="r1")
    assert bodies == [{"last_name": "Customer c1", "cf_ext_id": "c1", "cf_risk_band": "high"}]


def test_the_schema_says_what_a_new_record_must_have() -> None:
    schema = {"fields": [{"name": "cf_a", "type": "string", "required": True}, {"name": "cf_b", "type": "string"}]}
    fields = answering(httpx.Response(200, json=schema), schema_required="required").fields()
    assert fields is not None
    assert {name: field.is_required for name, field in fields.items()} == {"a": True, "b": False}


def read_everything(connector: Connector, cursor: str | None = None) -> tuple[list[str], str | None]:
    ids: list[str] = []
    for _ in range(1_000):
        page = connector.outcomes(cursor)
        ids += [event.event_id for event in page.events]
        cursor = page.cursor
        if page.is_last:
            return ids, cursor
    raise AssertionError("the pages never end")


class Changes:
    """250 changes within a minute, in some order, in pages as long as the API likes."""

    def __init__(self, order: str, longest: int) -> None:
        self.rows = [
            {"id": f"e{n}", "contact_id": "7", "campaign": "call", "kind": "lost", "occurred_at": at(n)}
            for n in range(250)
        ]
        if order != "oldest first":
            self.rows.sort(key=lambda row: row["id"] if order == "any" else row["occurred_at"], reverse=True)
        self.longest = longest

    def __call__(self, request: httpx.Request) -> httpx.Response:
        query = {name: values[0] for name, values in parse_qs(request.url.query.decode()).items()}
        rows = [row for row in self.rows if row["occurred_at"] >= query.get("since", "")]
        size = min(self.longest, int(query.get("limit", self.longest)))
        start = (int(query["page"]) - 1) * size if "page" in query else int(query.get("offset", 0))
        return httpx.Response(200, json={"events": rows[start : start + size]})


def at(n: int) -> str:
    return f"2026-06-01T00:00:{n * 60 // 250:02d}Z"


def outcomes_of(wire: Changes, path: str, **more: Any) -> Connector:
    outcomes = {"path": path, "items_path": "events", "first_cursor": "2026-01-01T00:00:00Z", **more}
    return answering(wire, outcomes=outcomes)


@pytest.mark.parametrize("order", ["oldest first", "newest first", "any"])
@pytest.mark.parametrize("longest", [3, 50, 200, 1_000])
@pytest.mark.parametrize(
    "path", ["events?since={cursor}&page={page}&limit={limit}", "events?since={cursor}&offset={offset}"]
)
def test_outcomes_are_read_to_their_end_whatever_order_and_page(order: str, longest: int, path: str) -> None:
    connector = outcomes_of(Changes(order, longest), path)
    ids, cursor = read_everything(connector)
    assert set(ids) == {f"e{n}" for n in range(250)}
    assert cursor == "2026-05-31T23:55:59Z"  # five minutes before the newest
    assert len(set(read_everything(connector, cursor)[0])) == 250


@pytest.mark.parametrize("longest", [20, 50, 200, 1_000])
def test_outcomes_without_pages_are_asked_for_by_time_until_nothing_newer_comes(longest: int) -> None:
    ids, cursor = read_everything(outcomes_of(Changes("oldest first", longest), "events?since={cursor}"))
    assert set(ids) == {f"e{n}" for n in range(250)}
    assert cursor == "2026-05-31T23:55:59Z"


def test_a_list_whose_end_cannot_be_found_is_refused() -> None:
    with pytest.raises(ConfigError, match="oldest first"):
        read_everything(outcomes_of(Changes("newest first", 200), "events?since={cursor}"))
    with pytest.raises(ConfigError, match="more at"):
        read_everything(outcomes_of(Changes("oldest first", 3), "events?since={cursor}", page_size=3))
    whole = outcomes_of(Changes("newest first", 1_000), "events?since={cursor}", is_complete=True)
    assert len(set(read_everything(whole)[0])) == 250


def test_a_deal_that_is_lost_again_happened_twice() -> None:
    wire = Changes("oldest first", 1_000)
    first, last = wire.rows[0], wire.rows[-1]
    wire.rows = [first, {**last, "id": first["id"]}]
    ids, _ = read_everything(outcomes_of(wire, "events?since={cursor}", id_is_of_record=True))
    assert set(ids) == {"e0,lost,2026-06-01T00:00:00", "e0,lost,2026-06-01T00:00:59"}

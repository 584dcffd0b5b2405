from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from churn import tracing
from churn.api import create_app
from churn.bootstrap import build_context
from churn.config import Settings, load_settings
from churn.config.connectors import ConnectorSection
from churn.crm.connectors.rest.at_once import at_once
from churn.crm.http import Http, open_client
from churn.errors import CampaignError, Unreachable
from churn.jobs.job import Job, Step
from churn.jobs.runner import Runner
from tests.crm.contract import NOW

pytestmark = pytest.mark.slow  # a collector on loopback


class Collector:
    """Takes OTLP over HTTP, and reads it as the protocol's own library does."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.spans: list[Span] = []
        self.services: set[str] = set()

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services |= {a.value.string_value for a in resource.resource.attributes if a.key == "service.name"}
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]

    def named(self, name: str) -> Span:
        tracing.shut_down()
        (span,) = (span for span in self.spans if span.name == name)
        return span

    def attributes(self, span: Span) -> dict[str, object]:
        return {a.key: a.value.string_value or a.value.int_value for a in span.attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            collector.take(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the standard library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield collector
    finally:
        tracing.shut_down()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def context_of(home, endpoint):
    settings = load_settings(home=home, environ={"CHURN_TRACING__ENDPOINT": endpoint})
    return build_context(settings=settings)


def test_a_request_is_a_span_of_its_callers_trace_and_names_no_customer(collector, tmp_path):
    context = context_of(tmp_path / "home", collector.endpoint)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with TestClient(create_app(context)) as client:
        answer = client.get("/v1/customers/C-77/risk", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert (answer.status_code, answer.json()["trace_id"]) == (401, trace)
    lines = [json.loads(line) for line in (tmp_path / "home" / "churn.log").read_text().splitlines()]
    assert trace in [line.get("trace_id") for line in lines if line["event"] == "request"]
    span = collector.named("GET /v1/customers/{customer_id}/risk")
    assert span.trace_id.hex() == trace
    assert collector.attributes(span)["http.response.status_code"] == 401
    assert collector.services == {"churn"}
    assert "C-77" not in str(collector.spans)


def test_a_job_its_steps_and_what_they_call_are_one_trace_and_the_alert_names_it(collector, tmp_path):
    context = context_of(tmp_path / "home", collector.endpoint)

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503 if request.url.path.endswith("C-77") else 200, json={})

    client = open_client(ConnectorSection(), transport=httpx.MockTransport(answer), sleep=lambda _seconds: None)
    http = Http(client, base_url="http://crm.example", where="connector crm", headers={}, clock=lambda: NOW)

    def work(_context, _run):
        at_once(lambda path: http.send("GET", path), ["a", "b"], 2)
        with suppress(Unreachable):
            http.send("POST", "contacts/C-77")
        with context.open_store() as store:  # as any part of the work may
            store.alerts.raise_("crm_failed", "crm", "warning", "It is away.", NOW)
        raise CampaignError("cannot be done")

    job = Job("probe", "A probe", (Step("push", work),), is_dated=True)
    with context.open_store() as store:
        now = context.clock()
        store.jobs.request("probe", requested_by="test", at=now)
        claimed = store.jobs.claim("me", now=now, lease_seconds=60)
    assert claimed is not None
    Runner(context, "me", jobs=lambda _name: job).work(claimed)
    with context.open_store() as store:
        messages = [alert.message for alert in store.alerts.open()]
    span = collector.named("job probe")
    step = collector.named("step push")
    calls = [call for call in collector.spans if call.name.startswith("crm ")]
    assert step.parent_span_id == span.span_id
    assert {call.parent_span_id for call in calls} == {step.span_id}
    assert sorted(call.name for call in calls) == ["crm GET", "crm GET", "crm POST"]
    assert collector.attributes(step)["error.type"] == "campaign_error"
    assert "C-77" not in str(collector.spans)
    assert len(messages) == 2
    assert all(message.count(span.trace_id.hex()) == 1 for message in messages)


def test_a_failure_is_marked_without_its_message(collector):
    tracing.set_up(collector.endpoint, service="there")
    with pytest.raises(Unreachable), tracing.span("work", size=3):
        raise Unreachable("customer C-77 is away")
    span = collector.named("work")
    assert (span.status.code, collector.attributes(span)) == (2, {"size": 3, "error.type": "Unreachable"})
    assert "C-77" not in str(collector.spans)


@pytest.mark.parametrize("is_there", [False, True], ids=["away", "hangs"])
def test_a_collector_that_is_away_or_hangs_holds_nobody_up(is_there):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        if not is_there:
            taken.close()
        tracing.set_up(endpoint, service="churn")
        began = time.monotonic()
        for number in range(5_000):
            with tracing.span("work", number=number):
                pass
        assert time.monotonic() - began < 5
        began = time.monotonic()
        tracing.shut_down()
        assert time.monotonic() - began < 8  # its patience is two seconds


def test_without_an_endpoint_a_span_is_nothing(tmp_path):
    build_context(settings=Settings(home=tmp_path / "home"))
    assert not tracing.is_on()
    assert tracing.span("a", size=1) is tracing.span("b")
    with tracing.span("a"):
        assert tracing.trace_id() is None

"""A CRM that means no good, or is run badly: answers without end, no valid certificate, a year's wait, keys of its own."""

from __future__ import annotations

import gzip
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from churn.config.connectors import ConnectorSection, RestConnector
from churn.crm.connector import Row
from churn.crm.connectors.rest import connect
from churn.crm.http import Http, open_client
from churn.crm.oauth import access_token
from churn.errors import ConfigError, RateLimited, Unreachable
from tests.crm.connectors import test_rest  # its class by name would be collected here once more
from tests.crm.connectors.test_rest import FakeRest, connected
from tests.crm.contract import NOW, empty_store, wanted_list

MEGABYTE = b" " * 2**20


class Parts(httpx.SyncByteStream):
    """A body in parts."""

    def __init__(self, parts: Callable[[], Iterator[bytes]]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        return self._parts()


def _asked(answer: Callable[[httpx.Request], httpx.Response], **settings: Any) -> Http:
    client = open_client(ConnectorSection(**settings), transport=httpx.MockTransport(answer), sleep=lambda _: None)
    return Http(client, base_url="http://crm.example", where="connector crm", clock=lambda: NOW)


def _huge() -> Iterator[bytes]:
    for _ in range(160):
        yield MEGABYTE


def _bomb() -> Iterator[bytes]:
    yield gzip.compress(MEGABYTE * 160, compresslevel=1)


@pytest.mark.parametrize(("body", "packed"), [(_huge, {}), (_bomb, {"Content-Encoding": "gzip"})], ids=["huge", "bomb"])
@pytest.mark.slow  # a hundred megabytes
def test_an_answer_without_end_is_not_read_to_it(body: Callable[[], Iterator[bytes]], packed: dict[str, str]) -> None:
    http = _asked(lambda _: httpx.Response(200, headers=packed, stream=Parts(body)))
    with pytest.raises(Unreachable, match="answers GET contacts with more than 128 MB") as refused:
        http.send("GET", "contacts?key=c1")
    assert not refused.value.is_unknown
    with pytest.raises(Unreachable) as refused:
        http.send("POST", "contacts", json={}, is_write=True)
    assert refused.value.is_unknown, "it may have been carried out"


def test_an_answer_that_trickles_in_does_not_hold_us_for_ever() -> None:
    def trickle() -> Iterator[bytes]:
        for _ in range(1_000):
            time.sleep(0.05)
            yield b" "

    http, began = _asked(lambda _: httpx.Response(200, stream=Parts(trickle)), timeout_seconds=0.1), time.monotonic()
    with pytest.raises(Unreachable, match="sends its answer too slowly"):
        http.send("GET", "contacts")
    assert time.monotonic() - began < 40


def test_a_packed_answer_reads_as_any_other() -> None:
    body = gzip.compress(b'{"name": "\xc3\xbc"}')
    packed = {"Content-Encoding": "gzip", "Content-Type": "application/json", "Content-Length": str(len(body))}
    answer = _asked(lambda _: httpx.Response(201, headers=packed, content=body)).send("GET", "a")
    assert (answer.status_code, answer.json(), answer.text) == (201, {"name": "ü"}, '{"name": "ü"}')


def test_a_year_to_wait_is_told_and_left_to_a_person() -> None:
    http = _asked(lambda _: httpx.Response(429, headers={"Retry-After": str(365 * 86_400)}))
    with pytest.raises(RateLimited, match=r"slow down \(HTTP 429\) for 365 days"):
        http.send("GET", "contacts")


@pytest.mark.parametrize(
    "header",
    ["Mon, 01 Jan 2026 00:00:00 +99999999999999", "Wed, 99 Foo 20x6", ", ,", "9" * 400, "-1e999", "\x00", "0x10", "٣"],
)
def test_a_wait_that_is_nonsense_is_none(header: str) -> None:
    http = _asked(lambda _: httpx.Response(429, headers=[(b"Retry-After", header.encode())]))
    with pytest.raises(RateLimited):
        http.send("GET", "contacts")


# What stands between us and it


def _reached(url: str) -> Http:
    return Http(open_client(ConnectorSection(timeout_seconds=5)), base_url=url, where="crm", clock=lambda: NOW)


@contextmanager
def _listening(wrap: Callable[[socket.socket], object]) -> Iterator[int]:
    """Take connections on a free port, one after the other, and hand each to `wrap`."""
    server = socket.create_server(("127.0.0.1", 0))

    def work() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            try:
                wrap(connection)
            except OSError:
                pass
            finally:
                connection.close()

    threading.Thread(target=work, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_a_certificate_that_is_not_valid_is_told_as_such(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = ("openssl", "req", "-x509", "-subj", "/CN=other.example", "-days", "1", "-nodes", "-newkey", "rsa:2048")
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with (
        _listening(lambda connection: tls.wrap_socket(connection, server_side=True)) as port,
        pytest.raises(Unreachable, match="certificate that is not valid here: self-signed") as refused,
    ):
        _reached(f"https://127.0.0.1:{port}").send("POST", "contacts", json={}, is_write=True)
    assert not refused.value.is_unknown


@pytest.mark.slow
def test_a_port_that_speaks_no_tls_is_told_as_such() -> None:
    with (
        _listening(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port,
        pytest.raises(Unreachable, match="does not speak TLS with us"),
    ):
        _reached(f"https://127.0.0.1:{port}").send("GET", "contacts")


@pytest.mark.slow
def test_a_name_that_leads_nowhere_is_told_as_such() -> None:
    with pytest.raises(Unreachable, match="name that leads to no address"):
        _reached("http://nobody.example").send("GET", "contacts")
    client = open_client(ConnectorSection(timeout_seconds=5))
    with pytest.raises(Unreachable, match=r"gives no token: .* has a name that leads"):
        access_token(client, "http://nobody.example", client_id="a", client_secret="s3cret", where="crm")


# Records that are not what they were


class Renaming(FakeRest):
    """Writes keys anew in small letters and without blanks, and finds them whatever their case."""

    def _write_one(self, body: Any, path: str) -> httpx.Response:
        given = body["contact"]["attributes"]
        if "cf_ext_id" in given:
            given["cf_ext_id"] = str(given["cf_ext_id"]).strip().lower()
        return super()._write_one(body, path)

    def _get(self, path: str, query: Any) -> httpx.Response:
        return super()._get(path, {**query, "cf_ext_id": query.get("cf_ext_id", "").strip().lower()})


def test_keys_that_come_back_in_other_letters_are_found_and_made_once(tmp_path: Path) -> None:
    crm = Renaming()
    wanted = wanted_list(12).with_columns(pl.col("customer_id").str.to_uppercase() + " ")
    with empty_store(tmp_path) as store:
        assert test_rest.TestRest().push(connected(crm), store, "r1", wanted).counts["created"] == 12
        store.crm.forget_ids("crm", wanted["customer_id"].to_list())
        test_rest.TestRest().push(connected(crm), store, "r2", wanted, is_full=True)
    assert len(crm.records) == 12


def test_two_keys_of_ours_that_it_takes_for_one_are_a_rejected_row(tmp_path: Path) -> None:
    crm, wanted = Renaming(), wanted_list(2, customer_id=["c1", "C1"])
    with empty_store(tmp_path) as store:
        crm.add("c1")
        report = test_rest.TestRest().push(connected(crm), store, "r1", wanted)
        (rejection,) = store.crm.rejections("crm", "winback")
    assert (report.counts["updated"], report.counts["rejected"], rejection.code) == (1, 1, "ambiguous")
    assert len(crm.records) == 1


def _always(section: dict[str, Any], answer: Callable[[httpx.Request], httpx.Response]) -> Any:
    given = {
        "kind": "rest",
        "url": "http://crm.example",
        "lookup_path": "contacts?ext={key}&page={page}&limit={limit}",
        "key_field": "ext",
        "create_path": "contacts",
        "update_path": "contacts/{id}",
        "page_size": 2,
    }
    settings = RestConnector.model_validate(given | section)
    client = open_client(settings, transport=httpx.MockTransport(answer), sleep=lambda _: None)
    return connect("crm", settings, {"CHURN_CONNECTOR_CRM_SECRET": "x"}, clock=lambda: NOW, client=client)


@pytest.mark.parametrize("batch", [{}, {"lookup_batch_path": "contacts?in={keys}&page={page}"}])
def test_a_list_that_never_ends_is_refused_and_nobody_taken_for_missing(batch: dict[str, str]) -> None:
    same = httpx.Response(200, json=[{"id": 1, "ext": "a"}, {"id": 2, "ext": "b"}])
    requests = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=same.json())

    with pytest.raises(ConfigError, match="the same records page after page"):
        _always(batch, answer).find(["c1"])
    assert len(requests) == 2


def test_a_page_that_repeats_a_record_of_the_one_before_is_read_on() -> None:
    pages = {"1": [1, 2], "2": [2, 3], "3": [3]}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=[{"id": n, "ext": "c1"} for n in pages[request.url.params["page"]]])

    assert _always({}, answer).find(["c1"]) == {"c1": ("1", "2", "3")}


def _answering_as(other: str, *, read: Any) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            return httpx.Response(200, json={"id": other})
        return httpx.Response(200, json=read) if read is not None else httpx.Response(404)

    return answer


@pytest.mark.parametrize(
    ("read", "state", "code"),
    [
        ({"id": "9", "ext": "c1", "band": "high"}, "rejected", "not_found"),  # merged into another record
        (None, "rejected", "not_found"),  # deleted
        ({"id": "7", "ext": "c1", "band": "high"}, "updated", None),  # the answer's id was that of the request
        ({"id": "7", "ext": "c1", "band": "low"}, "unknown", None),
    ],
)
def test_a_change_that_is_answered_by_another_record_is_looked_at(read: Any, state: str, code: str | None) -> None:
    crm = _always({"omits_empty": True}, _answering_as("9", read=read))
    (result,) = crm.write([Row("c1", "7", {"band": "high"})], mode="update", run_id="r1")
    assert (result.state, result.code) == (state, code)

from __future__ import annotations

import hashlib
import hmac
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from churn.config.connectors import (
    ConnectorSection,
    OdooConnector,
    RestConnector,
    SalesforceConnector,
    WebhookConnector,
    secret_name,
)
from churn.crm.connector import Row
from churn.crm.connectors.odoo.connector import connect as connect_odoo
from churn.crm.connectors.rest import connect as connect_rest
from churn.crm.connectors.salesforce.connector import connect as connect_salesforce
from churn.crm.connectors.webhook import connect as connect_webhook
from churn.crm.http import open_client
from churn.crm.oauth import access_token
from churn.crm.secrets import FreshSecret
from churn.errors import AuthFailed, ConfigError, Unreachable
from tests.crm.connectors.odoo_fake import FakeOdoo
from tests.crm.connectors.test_webhook import Receiver
from tests.crm.contract import NOW

VARIABLE = secret_name("crm")
REST: dict[str, Any] = {
    "kind": "rest",
    "url": "http://crm.example/api",
    "lookup_path": "contacts?ext={key}",
    "key_field": "ext",
    "create_path": "contacts",
    "update_path": "contacts/{id}",
}


def test_a_secret_comes_from_a_file_and_is_read_anew(tmp_path: Path) -> None:
    secrets = FreshSecret("crm", ConnectorSection(secret_file="key.txt"), tmp_path, {VARIABLE: "old"})
    (tmp_path / "key.txt").write_text("first\n")
    assert secrets[VARIABLE] == "first"
    (tmp_path / "key.txt").write_text("second\n")
    assert secrets.get(VARIABLE) == "second"
    assert "second" not in repr(secrets)
    (tmp_path / "key.txt").unlink()
    with pytest.raises(ConfigError, match=r"key\.txt cannot be read"):
        secrets.get(VARIABLE)


@pytest.mark.slow
def test_a_secret_comes_from_a_command_whose_output_no_error_repeats(tmp_path: Path) -> None:
    def of(code: str) -> FreshSecret:
        return FreshSecret("crm", ConnectorSection(secret_command=[sys.executable, "-c", code]), tmp_path, {})

    assert of("print('from a vault')")[VARIABLE] == "from a vault"
    with pytest.raises(ConfigError, match="ended with 3") as caught:
        of("print('s3cret'); raise SystemExit(3)").get(VARIABLE)
    assert "s3cret" not in str(caught.value)
    with pytest.raises(ValueError, match="cannot both be set"):
        ConnectorSection(secret_command=["x"], secret_file="y")


class Tokens:
    """Gives a new token for every sign-in, and takes each for `life` requests."""

    def __init__(self, life: int, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.life, self.given, self.used, self.refused, self._answer = life, 0, 0, 0, answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token"):
            form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
            if form != {"grant_type": "client_credentials", "client_id": "app", "client_secret": "k3y"}:
                return httpx.Response(400, json={"error": "invalid_client", "error_description": "k3y is wrong"})
            self.given, self.used = self.given + 1, 0
            return httpx.Response(200, json={"access_token": f"token{self.given}", "token_type": "Bearer"})
        if request.headers["authorization"] != f"Bearer token{self.given}" or self.used >= self.life:
            self.refused += 1
            return httpx.Response(401, json=[{"errorCode": "INVALID_SESSION_ID", "message": "Session expired"}])
        self.used += 1
        return self._answer(request)


def test_salesforce_signs_in_by_client_credentials_and_renews_its_token_midway() -> None:
    wire = Tokens(2, lambda _: httpx.Response(200, json={"records": [{"Id": "0031", "Ext_Id__c": "C1"}]}))
    section = SalesforceConnector(kind="salesforce", url="http://force.example", client_id="app")
    client = open_client(section, transport=httpx.MockTransport(wire))
    connector = connect_salesforce("crm", section, {VARIABLE: "k3y"}, clock=lambda: NOW, client=client)
    for _ in range(5):
        assert connector.find(["C1"]) == {"C1": ("0031",)}
    assert (wire.given, wire.refused) == (3, 2)


def test_a_wrong_client_is_refused_without_its_secret() -> None:
    wire = Tokens(9, lambda _: httpx.Response(200, json={}))
    client = open_client(ConnectorSection(), transport=httpx.MockTransport(wire))
    with pytest.raises(AuthFailed, match=r"does not let client other in: \[secret\] is wrong"):
        access_token(client, "http://h/token", client_id="other", client_secret="k3y", where="x")


def test_a_page_in_place_of_a_token_is_none() -> None:
    wire = httpx.MockTransport(lambda _: httpx.Response(200, html="<form>"))
    with pytest.raises(AuthFailed, match="without a token"):
        access_token(
            open_client(ConnectorSection(), transport=wire), "http://h/t", client_id="a", client_secret="b", where="x"
        )
    away = httpx.MockTransport(lambda _: httpx.Response(503))
    with pytest.raises(Unreachable):
        access_token(
            open_client(ConnectorSection(), transport=away), "http://h/t", client_id="a", client_secret="b", where="x"
        )


def test_rest_takes_a_token_in_place_of_a_key() -> None:
    wire = Tokens(1, lambda _: httpx.Response(200, json=[]))
    section = RestConnector.model_validate(REST | {"token_url": "http://id.example/token", "client_id": "app"})
    client = open_client(section, transport=httpx.MockTransport(wire))
    connector = connect_rest("crm", section, {VARIABLE: "k3y"}, clock=lambda: NOW, client=client)
    for _ in range(3):
        assert connector.find(["c1"]) == {"c1": ()}
    assert wire.given == 3
    with pytest.raises(ValueError, match="belong together"):
        RestConnector.model_validate(REST | {"client_id": "app"})


def test_rest_signs_what_the_api_wants_signed() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"id": "7"})

    signing = {
        "hmac_header": "X-Signature",
        "hmac_format": "v1={signature}",
        "hmac_payload": "{method}\n{path}\n{timestamp}\n{body}",
    }
    section = RestConnector.model_validate(REST | {"auth_header": ""} | signing)
    client = open_client(section, transport=httpx.MockTransport(answer))
    connector = connect_rest("crm", section, {VARIABLE: "k3y"}, clock=lambda: NOW, client=client)
    connector.write([Row("c1", None, {"risk": "{body}"})], mode="upsert", run_id="r1")
    (request,) = seen
    payload = b"POST\n/api/contacts\n1782880200\n" + request.content
    assert request.headers["x-timestamp"] == "1782880200"
    assert request.headers["x-signature"] == f"v1={hmac.new(b'k3y', payload, hashlib.sha256).hexdigest()}"
    assert "authorization" not in request.headers


def test_a_secret_that_was_changed_on_disk_is_taken_up_by_a_running_process(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("old")
    section = RestConnector.model_validate(REST | {"secret_file": "key"})

    def answer(request: httpx.Request) -> httpx.Response:
        (tmp_path / "key").write_text("new")
        is_new = request.headers["authorization"] == "Bearer new"
        return httpx.Response(200, json=[]) if is_new else httpx.Response(401)

    client = open_client(section, transport=httpx.MockTransport(answer))
    secrets = FreshSecret("crm", section, tmp_path, {})
    assert connect_rest("crm", section, secrets, clock=lambda: NOW, client=client).find(["c1"]) == {"c1": ()}


@pytest.mark.parametrize("version", [14, 19])
def test_an_odoo_whose_key_ends_midway_is_written_to_with_the_next_one(version: int, tmp_path: Path) -> None:
    odoo = FakeOdoo(version=version)
    odoo.secret = "first"
    (tmp_path / "key").write_text("first\n")
    given = {"kind": "odoo", "url": "http://odoo.example", "database": "d", "user": "bot", "secret_file": "key"}
    section = OdooConnector.model_validate(given)
    client = open_client(section, transport=odoo.transport(), sleep=lambda _: None)
    secrets = FreshSecret("crm", section, tmp_path, {})
    connector = connect_odoo("crm", section, secrets, clock=lambda: NOW, client=client)
    connector.check()
    (first,) = connector.write([Row("c1", None, {"risk_band": "low"})], mode="upsert", run_id="r1")
    odoo.secret = "second"
    (tmp_path / "key").write_text("second\n")
    again = Row("c1", first.remote_id, {"risk_band": "high"})
    states = [result.state for result in connector.write([again, Row("c2", None, {})], mode="upsert", run_id="r1")]
    assert states == ["updated", "created"]
    assert [record["risk_band"] for record in odoo.records.values() if "risk_band" in record] == ["high"]
    odoo.secret = "third"
    with pytest.raises(AuthFailed) as refused:
        connector.find(["c1"])
    assert "second" not in str(refused.value)


def test_a_webhook_whose_key_is_changed_midway_is_signed_with_the_next_one(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.secret = "first"
    (tmp_path / "key").write_text("first")
    section = WebhookConnector(kind="webhook", url="http://h.example/in", secret_file="key")
    client = open_client(section, transport=receiver.transport(), sleep=lambda _: None)
    secrets = FreshSecret("crm", section, tmp_path, {})
    connector = connect_webhook("crm", section, secrets, clock=lambda: NOW, client=client)
    connector.check()
    receiver.secret = "second"
    (tmp_path / "key").write_text("second")
    (result,) = connector.write([Row("c1", None, {"risk_band": "low"})], mode="upsert", run_id="r1")
    assert (result.state, len(receiver.events)) == ("created", 1)


def test_a_secret_is_asked_for_once_and_not_for_each_request_that_it_signs() -> None:
    class Counting(dict[str, str]):
        asked = 0

        def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
            self.asked += 1
            return super().get(key, default)

    secrets = Counting({VARIABLE: "k3y"})
    section = RestConnector.model_validate(REST | {"auth_header": "", "hmac_header": "X-Signature"})
    client = open_client(section, transport=httpx.MockTransport(lambda _: httpx.Response(200, json=[])))
    connector = connect_rest("crm", section, secrets, clock=lambda: NOW, client=client)
    for number in range(5):
        connector.find([f"c{number}"])
    assert secrets.asked == 2

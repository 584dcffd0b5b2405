from __future__ import annotations

from typing import Any

import pytest

from churn.config import Settings
from churn.config.presets import presets
from churn.config.rest import RestConnector
from churn.crm.connector import Connector
from churn.crm.connectors.rest.connector import connect
from churn.crm.http import open_client
from tests.crm.connectors.presets.intercom import FakeIntercom
from tests.crm.connectors.presets.klaviyo import FakeKlaviyo
from tests.crm.contract import NOW, SECRET, ConnectorContract, FakeCrm


def connected(preset: str, crm: FakeCrm, secret: str, **settings: Any) -> Connector:
    section = RestConnector.model_validate(
        {"kind": "rest", "preset": preset, "url": "http://crm.example/api"} | settings
    )
    client = open_client(section, transport=crm.transport(), sleep=lambda _seconds: None)
    return connect("crm", section, {"CHURN_CONNECTOR_CRM_SECRET": secret}, clock=lambda: NOW, client=client)


class TestKlaviyo(ConnectorContract):
    has_schema = False
    has_keys_of_its_own = True

    def make_crm(self) -> FakeCrm:
        return FakeKlaviyo()

    def connect(self, crm: FakeCrm, *, secret: str = SECRET, **settings: Any) -> Connector:
        kinds = {"METRIC-lost": "lost", "METRIC-won": "won"}
        return connected("klaviyo", crm, secret, **{"outcomes": {"kinds": kinds}, **settings})


class TestIntercom(ConnectorContract):
    has_schema = False
    has_keys_of_its_own = True
    has_outcomes = False

    def make_crm(self) -> FakeCrm:
        return FakeIntercom()

    def connect(self, crm: FakeCrm, *, secret: str = SECRET, **settings: Any) -> Connector:
        return connected("intercom", crm, secret, **settings)


@pytest.mark.parametrize("preset", presets())
def test_a_preset_needs_its_name_alone_and_what_the_user_writes_lies_over_it(preset: str) -> None:
    written = {"crm": {"kind": "rest", "preset": preset, "url": "http://127.0.0.1:1", "headers": {"X-Own": "yes"}}}
    section = Settings.model_validate({"connectors": written}).connectors["crm"]
    assert isinstance(section, RestConnector)
    assert section.url == "http://127.0.0.1:1"
    assert section.headers["X-Own"] == "yes"
    assert len(section.headers) > 1


def test_an_unknown_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="known are intercom, klaviyo"):
        RestConnector.model_validate({"kind": "rest", "preset": "../x"})

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from churn.config import Settings
from churn.config.presets import presets
from churn.config.rest import RestConnector
from churn.crm.by_email import ByEmail
from churn.crm.connector import Connector, Row
from churn.crm.connectors.rest import connect
from churn.crm.http import open_client
from churn.errors import AuthFailed, ConfigError
from tests.crm.connectors.presets.braze import FakeBraze
from tests.crm.connectors.presets.customerio import APP_KEY, SITE, FakeCustomerIo
from tests.crm.connectors.presets.intercom import FakeIntercom
from tests.crm.connectors.presets.klaviyo import FakeKlaviyo
from tests.crm.connectors.presets.mailchimp import LIST, FakeMailchimp, address, hashed
from tests.crm.contract import NOW, SECRET, ConnectorContract, FakeCrm

NEEDED = {
    "customerio": {"read_url": "http://app.example", "basic_user": SITE},
    "mailchimp": {"place": LIST},
}


def connected(preset: str, crm: FakeCrm, secret: str, **settings: Any) -> Connector:
    section = RestConnector.model_validate(
        {"kind": "rest", "preset": preset, "url": "http://crm.example/api", **NEEDED.get(preset, {})} | settings
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


class TestBraze(ConnectorContract):
    has_schema = False
    has_keys_of_its_own = True
    has_outcomes = False

    def make_crm(self) -> FakeCrm:
        return FakeBraze()

    def connect(self, crm: FakeCrm, *, secret: str = SECRET, **settings: Any) -> Connector:
        return connected("braze", crm, secret, **settings)

    def test_a_user_who_was_deleted_there_is_not_made_again(self, crm: FakeCrm, connector: Connector) -> None:
        there = crm.add("c1", risk_band="low")
        crm.records.clear()
        self.write(connector, self.row("c1", there))
        assert crm.records == {}

    def test_refusals_without_a_place_are_found_by_halves(self, crm: FakeCrm, connector: Connector) -> None:
        assert isinstance(crm, FakeBraze)
        crm.hides_places, crm.poison = True, {"c2"}
        results = self.write(connector, *(self.row(f"c{n}") for n in range(5)))
        assert [result.state for result in results] == ["created", "created", "rejected", "created", "created"]
        assert FakeCrm.REFUSAL in str(results[2].message)

    def test_no_more_users_go_at_once_than_it_takes(self, crm: FakeCrm, connector: Connector) -> None:
        rows = [self.row(f"c{n}") for n in range(160)]
        assert {result.state for result in self.write(connector, *rows)} == {"created"}
        assert crm.requests == 3
        assert len(connector.read([row.customer_id for row in rows], [self.text_field])) == 160


class TestCustomerIo(ConnectorContract):
    has_schema = False
    has_keys_of_its_own = True
    has_outcomes = False

    def make_crm(self) -> FakeCrm:
        return FakeCustomerIo()

    def connect(self, crm: FakeCrm, *, secret: str = SECRET, **settings: Any) -> Connector:
        return connected("customerio", crm, f"{secret} {APP_KEY}", **{"url": "http://track.example", **settings})

    def test_a_wrong_key_for_reading_is_found_by_the_check(self, crm: FakeCrm) -> None:
        connector = connected("customerio", crm, f"{SECRET} another", url="http://track.example")
        with pytest.raises(AuthFailed, match="read_url"):
            connector.check()

    def test_one_secret_in_place_of_two_is_refused_by_name(self, crm: FakeCrm) -> None:
        with pytest.raises(ConfigError, match="1 in place of two"):
            connected("customerio", crm, SECRET)


class TestMailchimp(ConnectorContract):
    text_field, number_field = "BAND", "CHURN"
    has_keys_of_its_own = True
    has_outcomes = False  # one kind alone: see below

    def make_crm(self) -> FakeCrm:
        return FakeMailchimp()

    def connect(self, crm: FakeCrm, *, secret: str = SECRET, **settings: Any) -> Connector:
        emails = {f"c{n}": address(f"c{n}") for n in range(100)} | {
            f"c{n:02d}": address(f"c{n:02d}") for n in range(60)
        }
        return ByEmail(connected("mailchimp", crm, secret, **settings), lambda: emails)

    def test_nothing_touches_a_subscription_and_new_contacts_are_not_signed_up(
        self, crm: FakeCrm, connector: Connector
    ) -> None:
        there = crm.add("c1")
        self.write(connector, self.row("c1", there), self.row("c2"))
        assert crm.records[there]["status"] == "archived"
        assert crm.records[hashed(address("c2"))]["status"] == "transactional"

    def test_who_unsubscribed_comes_back_by_our_key(self, crm: FakeCrm, connector: Connector) -> None:
        assert isinstance(crm, FakeMailchimp)
        for key in ("c1", "c2", "stranger"):
            crm.add(key)
        crm.unsubscribe("c2", datetime(2026, 6, 2))
        crm.unsubscribe("stranger", datetime(2026, 6, 1))
        events, cursor = self.read_all(connector, None)
        assert [(event.customer_id, event.kind) for event in events] == [(None, "unsubscribed"), ("c2", "unsubscribed")]
        crm.unsubscribe("c1", datetime(2026, 6, 3))
        later, _ = self.read_all(connector, cursor)
        assert {event.customer_id for event in later} == {"c1", "c2"}


class TestByEmail:
    def connect(self, crm: FakeCrm, emails: dict[str, str]) -> Connector:
        return ByEmail(connected("mailchimp", crm, SECRET), lambda: emails)

    def test_who_has_no_address_or_shares_one_is_rejected_and_nobody_else(self) -> None:
        crm = FakeMailchimp()
        emails = {"c1": " C1@Mail.example", "c2": "both@mail.example", "c3": "Both@mail.example"}
        rows = [Row(key, None, {"BAND": "high"}) for key in ("c1", "c2", "c3", "c4")]
        results = self.connect(crm, emails).write(rows, mode="upsert", run_id="r1")
        codes = [(result.customer_id, result.state, result.code) for result in results]
        assert codes[0][:2] == ("c1", "created")
        assert codes[1:] == [
            ("c2", "rejected", "ambiguous"),
            ("c3", "rejected", "ambiguous"),
            ("c4", "rejected", "no_email"),
        ]

    def test_what_was_written_is_emptied_though_no_address_is_known_any_more(self) -> None:
        crm = FakeMailchimp()
        there = crm.add("c1", BAND="high")
        (result,) = self.connect(crm, {}).write([Row("c1", there, {"BAND": None})], mode="update", run_id="r1")
        assert (result.state, crm.held("c1")[0]["BAND"]) == ("updated", None)

    def test_a_refusal_names_no_address(self) -> None:
        crm = FakeMailchimp()
        crm.poison = {"c1"}
        (result,) = self.connect(crm, {"c1": address("c1")}).write(
            [Row("c1", None, {"BAND": "high"})], mode="upsert", run_id="r1"
        )
        assert result.message == f"c1 {FakeCrm.REFUSAL}"


@pytest.mark.parametrize("preset", presets())
def test_a_preset_needs_its_name_alone_and_what_the_user_writes_lies_over_it(preset: str) -> None:
    written: dict[str, dict[str, Any]] = {
        "crm": {"kind": "rest", "preset": preset, "url": "http://127.0.0.1:1", "headers": {"X-Own": "yes"}}
    }
    written["crm"] |= NEEDED.get(preset, {})
    section = Settings.model_validate({"connectors": written}).connectors["crm"]
    assert isinstance(section, RestConnector)
    assert section.url == "http://127.0.0.1:1"
    assert section.headers["X-Own"] == "yes"
    assert len(section.headers) > 1


def test_an_unknown_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="known are braze, customerio, intercom, klaviyo, mailchimp"):
        RestConnector.model_validate({"kind": "rest", "preset": "../x"})


@pytest.mark.parametrize(("preset", "key"), [(preset, key) for preset, keys in NEEDED.items() for key in keys])
def test_what_a_preset_needs_beside_its_address_is_named(preset: str, key: str) -> None:
    others = {name: value for name, value in NEEDED[preset].items() if name != key}
    with pytest.raises(ValueError, match=f"`{preset}` needs `{key}`"):
        RestConnector.model_validate({"kind": "rest", "preset": preset, "url": "http://crm.example", **others})

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from churn.config.connectors import OdooConnector
from churn.crm.connector import Connector, Row
from churn.crm.connectors.odoo import outcomes
from churn.crm.connectors.odoo.connector import connect
from churn.crm.http import open_client
from churn.errors import AuthFailed, ConfigError, ConnectorError
from churn.store import Store
from tests.crm.connectors.odoo_fake import FakeOdoo
from tests.crm.contract import NOW, SECRET, ConnectorContract, FakeCrm, wanted_list


class Contract(ConnectorContract):
    settings: dict[str, Any] = {"user": "bot"}  # noqa: RUF012 - never changed

    def make_crm(self) -> FakeOdoo:
        return FakeOdoo()

    def connect(
        self,
        crm: FakeCrm,
        *,
        secret: str = SECRET,
        sleep: Callable[[float], None] = lambda _seconds: None,
        **settings: Any,
    ) -> Connector:
        given = {"kind": "odoo", "url": "http://odoo.example", "database": "prod", **self.settings}
        section = OdooConnector.model_validate(given | settings)
        client = open_client(section, transport=crm.transport(), sleep=lambda _seconds: None)
        secrets = {"CHURN_CONNECTOR_CRM_SECRET": secret}
        return connect("crm", section, secrets, clock=lambda: NOW, client=client, sleep=sleep)

    def test_a_timeout_of_a_write_is_unknown(self, crm: FakeCrm, connector: Connector) -> None:
        connector.check()
        crm.faults = ["", "timeout after"]  # a look for who is there comes first, which does nothing
        assert self.fate(connector) == "unknown"

    @pytest.fixture
    def odoo(self) -> FakeOdoo:
        return FakeOdoo()


class TestJson2(Contract):
    """Odoo 19 with an API key, and our key in a field."""

    its_own_words = frozenset({"empty list"})

    settings = {"key_field": "x_key"}  # noqa: RUF012 - never changed

    def make_crm(self) -> FakeOdoo:
        return FakeOdoo(version=19, key_field="x_key")


class TestJsonRpc(Contract):
    """Odoo 14 to 18 with a login, and external ids."""

    has_keys_of_its_own = True

    def test_equal_values_go_in_one_request(self, odoo: FakeOdoo) -> None:
        connector = self.connect(odoo)
        ids = [odoo.add(f"c{n}") for n in range(50)]
        connector.check()
        before = odoo.requests
        self.write(connector, *(Row(f"c{n}", i, {"risk_band": "low"}) for n, i in enumerate(ids)), mode="update")
        assert odoo.requests - before == 1
        assert {r["risk_band"] for r in odoo.records.values()} == {"low"}

    def test_one_bad_record_of_equal_values_is_found_by_its_own_message(self, odoo: FakeOdoo) -> None:
        ids, odoo.poison = [odoo.add(f"c{n}") for n in range(9)], {"c4"}
        rows = [Row(f"c{n}", i, {"risk_band": "low"}) for n, i in enumerate(ids)]
        results = self.write(self.connect(odoo), *rows, mode="update")
        assert [r.state for r in results].count("updated") == 8
        assert (results[4].state, results[4].field) == ("rejected", "risk_band")
        assert "DETAIL" not in results[4].message

    def test_a_conflict_is_transient(self, odoo: FakeOdoo) -> None:
        odoo.busy = {"c1"}
        results = self.write(self.connect(odoo), *(self.row(f"c{n}") for n in range(3)))
        assert [r.state for r in results] == ["created", "transient", "created"]

    def test_a_moment_that_a_proxy_asks_for_is_waited_for_within_a_batch(self, odoo: FakeOdoo) -> None:
        waited: list[float] = []
        connector = self.connect(odoo, sleep=waited.append)
        connector.check()
        odoo.faults = ["", "429"]
        (result,) = self.write(connector, self.row("c1"))
        assert (result.state, waited) == ("created", [7.0])

    def test_a_server_error_without_a_reason_is_not_asked_about_row_by_row(self, odoo: FakeOdoo) -> None:
        connector, answer = self.connect(odoo), odoo.answer
        connector.check()
        broken = httpx.Response(500, text="<h1>Internal Server Error</h1>")
        odoo.answer = lambda r: broken if b'"load"' in r.content else answer(r)  # type: ignore[method-assign]
        before = odoo.requests
        results = self.write(connector, *(self.row(f"c{n}") for n in range(60)))
        assert {(r.state, r.code) for r in results} == {("transient", "http_500")}
        assert "dbfilter" in results[0].message
        assert odoo.requests - before == 2

    def test_a_field_that_is_gone_refuses_the_rows_in_one_request_and_not_one_by_one(self, odoo: FakeOdoo) -> None:
        connector = self.connect(odoo)
        connector.check()
        before = odoo.requests
        results = self.write(connector, *(Row(f"c{n}", None, {"gone": "x"}) for n in range(60)))
        assert {(r.state, r.code, r.message) for r in results} == {("rejected", "builtins.KeyError", "gone")}
        assert odoo.requests - before == 2  # a look for who is there, and the load

    def test_a_record_that_was_merged_is_followed_to_the_one_that_stayed(self, odoo: FakeOdoo) -> None:
        gone, stays = odoo.add("c1"), odoo.add("c2")
        del odoo.records[gone]
        odoo.names[0] = ("c1", int(stays))
        (result,) = self.write(self.connect(odoo), self.row("c1", gone), mode="update")
        assert (result.state, result.remote_id) == ("updated", stays)

    def test_a_contact_that_odoo_shows_nobody_is_not_made_a_second_time(self, odoo: FakeOdoo) -> None:
        hidden = odoo.add("c1")
        del odoo.records[hidden]  # a record rule hides it, its external id is still there
        (result,) = self.write(self.connect(odoo), self.row("c1", hidden))
        assert (result.state, result.code) == ("rejected", "not_found")

    def test_a_user_without_the_right_is_told_before_any_row(self, odoo: FakeOdoo) -> None:
        odoo.may_write = False
        with pytest.raises(AuthFailed, match=r"may not write res\.partner"):
            self.connect(odoo).check()

    def test_an_address_that_is_no_odoo_says_so(self, odoo: FakeOdoo) -> None:
        with pytest.raises(ConnectorError, match="does not answer as an Odoo"):
            self.connect(odoo, url="http://odoo.example/shop").check()

    def test_a_login_is_asked_for_where_one_is_needed(self, odoo: FakeOdoo) -> None:
        with pytest.raises(ConfigError, match="`user` is missing"):
            self.connect(odoo, user="").check()

    def test_a_repeated_reading_of_leads_pages_by_id_and_ends(
        self, odoo: FakeOdoo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outcomes, "PAGE_LEADS", 2)
        odoo.add("c1")
        for n in range(5):
            odoo.add_outcome(f"e{n}", "c1", "lost", NOW)
        events, cursor = self.read_all(self.connect(odoo), None)
        assert [event.event_id for event in events] == [f"crm.lead,{n},lost,{NOW}" for n in range(1, 6)]
        assert {(event.customer_id, event.campaign) for event in events} == {("c1", "Winback July")}
        assert json.loads(str(cursor))[1:] == [None, 0]

    def test_a_lead_lost_twice_counts_twice_only_if_its_stage_has_changed_between(self, odoo: FakeOdoo) -> None:
        """Losing has no date in Odoo: a lead reopened and lost at the same stage leaves only a younger write_date."""

        def lost_at(stage_since: str, written: str) -> str:
            odoo.leads[0] |= {"date_closed": False, "date_last_stage_update": stage_since, "write_date": written}
            return self.read_all(self.connect(odoo), None)[0][0].event_id

        odoo.add("c1")
        odoo.add_outcome("e0", "c1", "lost", NOW)
        first = lost_at("2026-06-20 09:00:00", "2026-06-21 09:00:00")
        assert lost_at("2026-06-20 09:00:00", "2026-06-25 09:00:00") == first
        assert lost_at("2026-06-24 09:00:00", "2026-06-25 09:00:00") != first

    def test_fields_that_are_missing_are_named_then_made_when_allowed(self, odoo: FakeOdoo, store: Store) -> None:
        fields = {"churn_probability": "x_new", "campaign": "x_of"}
        odoo.types.pop("x_key")
        with pytest.raises(ConfigError, match=r"x_new \(number\); .*x_of \(text\)"):
            self.push(self.connect(odoo), store, "r1", wanted_list(3), fields=fields)
        section = OdooConnector(kind="odoo", url="http://odoo.example", database="prod", create_fields=True)
        sync = self.pushing(self.connect(odoo), store, "r2", wanted_list(3), fields=fields, settings=section)
        sync.run(is_dry=True)
        assert "x_new" not in odoo.types
        assert sync.run().counts["created"] == 3
        assert (odoo.types["x_new"], odoo.types["x_of"]) == ("float", "char")

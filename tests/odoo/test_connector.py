"""The Odoo connector alone against the real server: what it writes is judged in Odoo's own database."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime

import pytest

from churn.crm.connector import Row
from churn.crm.connectors.odoo.connector import OdooCrm
from churn.errors import AuthFailed, ConnectorError, RateLimited, Unreachable
from tests.odoo.front import FaultyProxy, Nginx
from tests.odoo.server import Database

Make = Callable[..., OdooCrm]


def rows(count: int, *, first: int = 0, **values: object) -> list[Row]:
    return [
        Row(f"C{n}", None, {"x_churn_probability": n / 1000, "x_risk_band": "high", **values})  # type: ignore[dict-item]
        for n in range(first, first + count)
    ]


def states(results: list) -> Counter[str]:
    return Counter(result.state for result in results)


def contacts(odoo: Database) -> list[tuple]:
    return odoo.rows("select name, x_churn_probability from res_partner where x_risk_band is not null order by id")


@pytest.mark.parametrize("key_field", [None, "x_key"])
def test_contacts_are_created_once_and_found_again_by_their_key(
    make_connector: Make, odoo: Database, key_field: str | None
) -> None:
    crm = make_connector(key_field=key_field)
    assert states(crm.write(rows(60), mode="upsert", run_id="r1")) == {"created": 60}
    assert states(crm.write(rows(60), mode="upsert", run_id="r2")) == {"updated": 60}
    assert contacts(odoo) == [(f"Customer C{n}", n / 1000) for n in range(60)]
    found = crm.find(["C7", "C8", "C999"])
    assert set(found) == {"C7", "C8"}
    assert len(found["C7"]) == 1


def test_two_contacts_with_one_key_are_rejected_rather_than_guessed(make_connector: Make, odoo: Database) -> None:
    odoo.call("res.partner", "create", [{"name": "one", "x_key": "C1"}, {"name": "two", "x_key": "C1"}])
    (result,) = make_connector(key_field="x_key").write(rows(1, first=1), mode="upsert", run_id="r")
    assert (result.state, result.code) == ("rejected", "ambiguous")
    assert contacts(odoo) == []


def test_rows_that_odoo_refuses_are_named_in_its_words_and_the_others_land(
    make_connector: Make, odoo: Database
) -> None:
    crm = make_connector()
    mixed = rows(40)
    mixed[3] = Row("C3", None, {"x_churn_probability": "very likely", "x_risk_band": "high"})
    mixed[9] = Row("C 9", None, mixed[9].values)  # Odoo wants external ids without spaces
    mixed[20] = Row("C20", None, {**mixed[20].values, "name": ""})
    results = crm.write(mixed, mode="upsert", run_id="r")
    refused = {r.customer_id: r for r in results if r.state == "rejected"}
    assert set(refused) == {"C3", "C 9", "C20"}
    assert refused["C3"].field == "x_churn_probability"
    assert "does not seem to be a number" in str(refused["C3"].message)
    assert "Contacts require a name" in str(refused["C20"].message)
    assert "ir_model_data_name_nospaces" in str(refused["C 9"].message)
    assert "Failing row" not in str(refused["C 9"].message), "PostgreSQL's detail repeats the whole row"
    assert len(contacts(odoo)) == 37


def test_equal_values_go_in_one_request_and_leave_no_message_on_the_contact(
    make_connector: Make, odoo: Database, proxy: FaultyProxy
) -> None:
    crm = make_connector(url=proxy.url)
    crm.write(rows(100), mode="upsert", run_id="r")
    ids = crm.find([f"C{n}" for n in range(100)])
    before = len(proxy.seen)
    same = [Row(f"C{n}", ids[f"C{n}"][0], {"x_risk_band": None, "x_action": None}) for n in range(100)]
    assert states(crm.write(same, mode="update", run_id="r")) == {"updated": 100}
    assert len(proxy.seen) - before == 1
    assert odoo.one("select count(*) from res_partner where x_risk_band is not null") == 0
    assert odoo.one("select count(*) from mail_message where model = 'res.partner' and res_id > 7") == 0


def test_an_archived_contact_is_found_and_written_and_stays_archived(make_connector: Make, odoo: Database) -> None:
    crm = make_connector()
    crm.write(rows(3), mode="upsert", run_id="r")
    (remote_id,) = crm.find(["C1"])["C1"]
    odoo.call("res.partner", "write", [int(remote_id)], {"active": False})
    again = [Row("C1", remote_id, {"x_churn_probability": 0.9, "x_risk_band": "low"})]
    assert states(crm.write(again, mode="update", run_id="r")) == {"updated": 1}
    assert states(crm.write([Row("C1", None, again[0].values)], mode="upsert", run_id="r")) == {"updated": 1}
    told = odoo.rows("select active, x_churn_probability, x_risk_band from res_partner where id = %s", int(remote_id))
    assert told == [(False, 0.9, "low")]


def test_a_contact_deleted_over_there_is_not_made_again_by_an_update_and_does_not_stop_the_others(
    make_connector: Make, odoo: Database
) -> None:
    crm = make_connector()
    crm.write(rows(10), mode="upsert", run_id="r")
    ids = crm.find([f"C{n}" for n in range(10)])
    odoo.call("res.partner", "unlink", [int(ids["C4"][0])])
    known = [Row(row.customer_id, ids[row.customer_id][0], {"x_churn_probability": 0.5}) for row in rows(10)]
    results = crm.write(known, mode="update", run_id="r")
    assert states(results) == {"updated": 9, "rejected": 1}
    assert next(r for r in results if r.state == "rejected").code == "not_found"
    assert odoo.one("select count(*) from res_partner where x_churn_probability = 0.5") == 9


def test_a_merged_contact_is_followed(make_connector: Make, odoo: Database) -> None:
    crm = make_connector()
    crm.write(rows(2), mode="upsert", run_id="r")
    ids = {key: int(found[0]) for key, found in crm.find(["C0", "C1"]).items()}
    wizard = odoo.call("base.partner.merge.automatic.wizard", "create", [{}])
    odoo.call(
        "base.partner.merge.automatic.wizard",
        "write",
        wizard,
        {"partner_ids": [(6, 0, list(ids.values()))], "dst_partner_id": ids["C1"], "state": "selection"},
    )
    odoo.call("base.partner.merge.automatic.wizard", "action_merge", wizard)
    (result,) = crm.write([Row("C0", str(ids["C0"]), {"x_churn_probability": 0.77})], mode="update", run_id="r")
    assert (result.state, result.remote_id) == ("updated", str(ids["C1"]))


def test_what_is_read_back_has_our_types(make_connector: Make) -> None:
    crm = make_connector()
    crm.write(rows(1, x_scored_at=datetime(2026, 7, 1, 4, 30, 5)), mode="upsert", run_id="r")
    (remote_id,) = crm.find(["C0"])["C0"]
    held = crm.read([remote_id, "99999999"], ["x_scored_at", "x_risk_band", "x_action", "active"])
    assert held == {
        remote_id: {
            "x_scored_at": datetime(2026, 7, 1, 4, 30, 5),
            "x_risk_band": "high",
            "x_action": None,
            "active": True,
        }
    }


def test_the_schema_tells_types_lengths_and_what_may_be_written(make_connector: Make) -> None:
    schema = make_connector().fields()
    assert schema["x_churn_probability"].kind == "number"
    assert schema["type"].kind == "choice"
    assert "contact" in schema["type"].options
    assert not schema["create_date"].is_writable
    assert not schema["country_id"].is_writable, "a relation cannot take a text"


def test_missing_custom_fields_are_made_on_request(make_connector: Make, odoo: Database) -> None:
    crm = make_connector()
    assert "x_new_score" not in crm.fields()
    crm.make_fields({"x_new_score": "number", "x_new_since": "datetime"})
    assert crm.fields()["x_new_score"].kind == "number"
    assert odoo.one("select count(*) from ir_model_fields where name like 'x_new_%%' and state = 'manual'") == 2


def test_a_wrong_password_database_or_address_says_so_without_the_secret(make_connector: Make, odoo: Database) -> None:
    for settings, found in (
        ({"secret": "s3cret-nope"}, "does not let admin in"),
        ({"database": "nobody_s", "secret": "s3cret-nope"}, "has no database nobody_s"),
    ):
        with pytest.raises(AuthFailed, match=found) as told:
            make_connector(**settings).check()
        assert "s3cret-nope" not in f"{told.value!r} {told.value}"
    with pytest.raises(Unreachable, match="does not answer"):
        make_connector(url="http://127.0.0.1:9").check()
    with pytest.raises(ConnectorError, match="not answer as an Odoo"):
        make_connector(url=f"{odoo.url}/nowhere").check()
    crm = make_connector(secret="s3cret-nope")
    assert "s3cret-nope" not in f"{crm!r} {vars(crm)!r}"


def test_a_user_without_the_right_to_change_contacts_is_told_before_any_row(
    make_connector: Make, odoo: Database
) -> None:
    (portal,) = odoo.call("res.groups", "search", [("full_name", "=", "User types / Portal")])
    values = {"name": "Reader", "login": "reader", "password": "reader", "groups_id": [(6, 0, [portal])]}
    odoo.call("res.users", "create", values)
    with pytest.raises(AuthFailed, match="may not write"):
        make_connector(user="reader", secret="reader").check()


def test_a_connection_cut_after_the_work_was_done_is_told_as_unknown_and_makes_no_second_contact(
    make_connector: Make, odoo: Database, proxy: FaultyProxy
) -> None:
    crm = make_connector(url=proxy.url)
    proxy.plan('"load"', "reset_after")
    with pytest.raises(Unreachable) as told:
        crm.write(rows(20), mode="upsert", run_id="r")
    assert told.value.is_unknown
    assert len(contacts(odoo)) == 20, "Odoo had done it"
    assert states(crm.write(rows(20), mode="upsert", run_id="r")) == {"updated": 20}
    assert len(contacts(odoo)) == 20


def test_a_timeout_is_unknown_and_a_503_is_not(make_connector: Make, odoo: Database, proxy: FaultyProxy) -> None:
    crm = make_connector(url=proxy.url, timeout_seconds=4)
    crm.check()
    proxy.plan('"load"', "stall_after", "unavailable")
    with pytest.raises(Unreachable, match="took too long") as told:
        crm.write(rows(5), mode="upsert", run_id="r")
    assert told.value.is_unknown
    with pytest.raises(Unreachable, match="503") as told:
        crm.write(rows(5, first=5), mode="upsert", run_id="r")
    assert not told.value.is_unknown
    assert len(contacts(odoo)) == 5


def test_what_is_known_before_an_interruption_is_told(make_connector: Make, proxy: FaultyProxy) -> None:
    crm = make_connector(url=proxy.url)
    crm.write(rows(300), mode="upsert", run_id="r")
    ids = crm.find([f"C{n}" for n in range(300)])
    changed = [Row(f"C{n}", ids[f"C{n}"][0], {"x_churn_probability": n / 999}) for n in range(300)]
    proxy.before = lambda body: proxy.plan('"load"', "reset_after") if proxy.count('"load"') == 2 else None
    assert states(crm.write(changed, mode="update", run_id="r")) == {"updated": 200, "unknown": 100}


def test_a_rate_limit_is_told_with_what_the_server_asks_for(make_connector: Make, slow_front: Nginx) -> None:
    crm = make_connector(url=slow_front.url)
    told: list[RateLimited] = []
    while not told:
        try:
            crm.check()
        except RateLimited as error:
            told.append(error)
    assert told[0].retry_after == 30.0
    deadline = time.monotonic() + 10
    while not slow_front.refused and time.monotonic() < deadline:  # nginx writes its log after the answer
        time.sleep(0.05)
    assert slow_front.refused == 1


def test_leads_won_and_lost_come_back_with_customer_and_campaign(make_connector: Make, odoo: Database) -> None:
    crm = make_connector(campaigns={"Support call July": "support_call"}, stages={"Qualified": "contacted"})
    crm.write(rows(4), mode="upsert", run_id="r")
    ids = {key: int(found[0]) for key, found in crm.find([f"C{n}" for n in range(4)]).items()}
    (campaign,) = odoo.call("utm.campaign", "create", [{"name": "Support call July"}])
    stages = {s["name"]: s["id"] for s in odoo.call("crm.stage", "search_read", [], ["name"])}
    leads = odoo.call(
        "crm.lead",
        "create",
        [
            {"name": f"L{n}", "partner_id": ids[f"C{n}"], "campaign_id": campaign, "type": "opportunity"}
            for n in range(4)
        ]
        + [{"name": "no campaign", "partner_id": ids["C0"]}, {"name": "no contact", "campaign_id": campaign}],
    )
    odoo.call("crm.lead", "action_set_lost", [leads[0], leads[5]])
    odoo.call("crm.lead", "action_set_won", [leads[1]])
    odoo.call("crm.lead", "write", [leads[2]], {"stage_id": stages["Qualified"]})
    page = crm.outcomes(None)
    assert page.is_last
    assert {(e.customer_id, e.campaign, e.kind) for e in page.events} == {
        ("C0", "support_call", "lost"),
        ("C1", "support_call", "won"),
        ("C2", "support_call", "contacted"),
        (None, "support_call", "lost"),
    }
    later = crm.outcomes(page.cursor)
    assert {e.event_id for e in later.events} == {e.event_id for e in page.events}, "the overlap repeats, by one id"
    assert abs((page.events[0].occurred_at - datetime.utcnow()).total_seconds()) < 60  # noqa: DTZ003


def test_leads_on_people_of_a_company_are_the_companys_and_lost_twice_is_two_events(
    make_connector: Make, odoo: Database
) -> None:
    crm = make_connector()
    crm.write(rows(1), mode="upsert", run_id="r")
    company = int(crm.find(["C0"])["C0"][0])
    (campaign,) = odoo.call("utm.campaign", "create", [{"name": "winback"}])
    (person,) = odoo.call("res.partner", "create", [{"name": "Ada", "parent_id": company}])
    (lead,) = odoo.call("crm.lead", "create", [{"name": "L", "partner_id": person, "campaign_id": campaign}])
    odoo.call("crm.lead", "action_set_lost", [lead])
    (first,) = crm.outcomes(None).events
    assert (first.customer_id, first.remote_id, first.kind) == ("C0", str(person), "lost")
    odoo.call("crm.lead", "toggle_active", [lead])
    assert crm.outcomes(None).events == ()
    time.sleep(1.1)  # Odoo tells instants to the second
    odoo.call("crm.lead", "action_set_won", [lead])
    (won,) = crm.outcomes(None).events
    assert won.kind == "won"
    odoo.call("crm.lead", "action_set_lost", [lead])
    (second,) = crm.outcomes(None).events
    assert (second.kind, second.event_id != first.event_id) == ("lost", True)

"""`churn sync` against a real Odoo, from the list to the rows of Odoo's own database and back."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import polars as pl
import pytest

from tests.odoo.front import FaultyProxy, running_nginx
from tests.odoo.server import Database
from tests.odoo.shop import CAMPAIGN, Shop

MANY = [f"C{n:05d}" for n in range(1000)]
FEW = MANY[:60]
CONTACTS = "select count(*) from ir_model_data where module = 'churn'"
NEWEST = "select count(*), max(write_date) from res_partner"


@pytest.fixture
def shop(tmp_path: Path, odoo: Database) -> Shop:
    return Shop(tmp_path / "home", odoo)


def counts(document: dict, *names: str) -> tuple[int, ...]:
    return tuple(document[name] for name in names)


def sent_rows(proxy: FaultyProxy) -> int:
    """How many rows were sent by `load`."""
    bodies = [json.loads(body)["params"]["args"] for body in proxy.seen if b'"load"' in body]
    return sum(len(arguments[6]["data"]) for arguments in bodies)


def test_a_thousand_rows_are_a_thousand_contacts_with_equal_values_and_then_only_what_changed_is_written(
    shop: Shop, odoo: Database
) -> None:
    shop.assign(MANY)
    first = shop.sync()
    assert counts(first, "created", "updated", "rejected") == (1000, 0, 0)
    held = shop.held()
    assert set(held) == set(MANY)
    for row in shop.scores.iter_rows(named=True):
        told = held[row["customer_id"]]
        assert told[:2] == (row["churn_probability"], row["risk_band"])
        # What is expected on the campaign's own terms: p x success x value, less the contact.
        own = row["churn_probability"] * 0.40 * row["value_of_save"] - 6.00
        assert told[3] == pytest.approx(own, abs=0.0051)
        assert told[4:8] == ("no login for 23 days", "Call them", CAMPAIGN, "m1")
        assert told[9] == first["run_id"]

    before = odoo.rows(NEWEST)
    assert counts(shop.sync(), "created", "updated", "unchanged") == (0, 0, 1000)
    assert odoo.rows(NEWEST) == before, "a second push writes nothing"

    moved = pl.col("customer_id").is_in(MANY[100:137])
    probability = pl.when(moved).then(pl.lit(0.9123)).otherwise(pl.col("churn_probability"))
    shop.score(MANY, churn_probability=probability)
    began = odoo.one("select now() at time zone 'utc'")
    assert counts(shop.sync(), "created", "updated", "unchanged") == (0, 37, 963)
    assert odoo.one("select count(*) from res_partner where write_date >= %s", began) == 37
    assert odoo.one("select count(*) from res_partner where x_churn_probability = 0.9123") == 37
    assert odoo.one(CONTACTS) == 1000


def test_five_poison_rows_leave_the_others_alone_and_only_they_are_sent_again(
    shop: Shop, odoo: Database, proxy: FaultyProxy
) -> None:
    poison = {"C 00001", "C 00300", "C 00301", "C 00700", "C 00999"}  # Odoo wants external ids without spaces
    shop.configure(url=proxy.url)
    shop.assign([*(c for n, c in enumerate(MANY) if n not in {1, 300, 301, 700, 999}), *sorted(poison)])
    document = shop.sync(code=6)
    assert counts(document, "created", "rejected") == (995, 5)
    assert odoo.one(CONTACTS) == 995
    rejected = shop.run("sync", "status", "--rejected").document["rows"]
    assert {row["customer_id"] for row in rejected} == poison
    assert all("ir_model_data_name_nospaces" in row["message"] for row in rejected)
    proxy.seen.clear()
    again = shop.sync(code=6)
    assert (again["rejected"], again["refused"], again["skipped"]["held"]) == (0, 5, 5)
    assert sent_rows(proxy) == 0, "they are left alone until they change"
    assert shop.run("sync", "retry", CAMPAIGN).document["rejected"] == 5
    assert sent_rows(proxy) == 5, "and only they are sent when asked for"


def test_a_push_killed_at_two_fifths_is_taken_up_without_doubles_or_losses(
    shop: Shop, odoo: Database, proxy: FaultyProxy
) -> None:
    shop.configure(url=proxy.url, batch_size=50)
    shop.assign(MANY)
    process = shop.start("sync", CAMPAIGN)

    def kill(_body: bytes) -> None:
        # The first batch goes in two, its first row alone. Eight of twenty are done; the next reaches Odoo, unheard of.
        if proxy.count('"load"') == 9:
            process.send_signal(signal.SIGKILL)

    proxy.before = kill
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    proxy.before = None
    assert 400 <= odoo.one(CONTACTS) <= 450
    document = shop.sync()
    assert len(document["resumed"]) == 1
    assert odoo.one(CONTACTS) == 1000
    assert odoo.one("select count(*) from res_partner where x_campaign = 'winback'") == 1000
    assert counts(shop.sync(), "created", "updated") == (0, 0)


def test_rows_that_met_a_cut_connection_a_stall_and_an_outage_all_land_once(
    shop: Shop, odoo: Database, proxy: FaultyProxy
) -> None:
    shop.configure(url=proxy.url, batch_size=20, timeout_seconds=4)
    shop.assign(FEW)
    proxy.plan('"load"', "reset_after", "unavailable", "stall_after", "reset_before")
    shop.sync()
    assert odoo.one(CONTACTS) == 60
    assert odoo.one("select count(*) from res_partner where x_campaign = 'winback'") == 60


def test_a_rate_limit_slows_the_push_down_and_everything_lands(shop: Shop, odoo: Database) -> None:
    shop.assign(MANY)
    with running_nginx(odoo.url, requests_per_second=3, burst=1) as front:
        shop.configure(url=front.url, batch_size=100)
        assert shop.sync()["created"] == 1000
        assert front.refused > 0
    assert odoo.one(CONTACTS) == 1000


def test_a_password_changed_midway_stops_the_push_within_seconds_with_an_alert(
    shop: Shop, odoo: Database, proxy: FaultyProxy
) -> None:
    shop.configure(url=proxy.url, batch_size=50)
    shop.assign(MANY)
    changed: list[float] = []

    def change(_body: bytes) -> None:
        if proxy.count('"load"') == 4 and not changed:
            odoo.call("res.users", "write", [2], {"password": "another-one"})
            changed.append(time.monotonic())

    proxy.before = change
    done = shop.run("sync", CAMPAIGN)
    assert done.code == 6
    assert "AccessDenied" in done.words
    assert time.monotonic() - changed[0] < 15
    landed = odoo.one(CONTACTS)
    assert 0 < landed < 1000
    with shop.store() as store:
        (alert,) = store.alerts.open()
    assert (alert.kind, alert.severity) == ("sync_failed", "critical")
    shop.secret = "another-one"
    shop.sync()
    assert odoo.one(CONTACTS) == 1000
    with shop.store() as store:
        assert store.alerts.open() == []


def test_only_our_fields_are_written_and_what_a_salesman_edited_stays(shop: Shop, odoo: Database) -> None:
    shop.assign(FEW)
    shop.sync()
    (mine, archived) = (
        odoo.one("select res_id from ir_model_data where module = 'churn' and name = %s", key) for key in FEW[:2]
    )
    odoo.call("res.partner", "write", [mine], {"name": "Ada", "phone": "555", "comment": "hers", "x_reasons": "knows"})
    odoo.call("res.partner", "write", [archived], {"active": False})
    shop.score(FEW, churn_probability=pl.col("churn_probability").add(0.05).round(4))
    assert shop.sync("--force")["updated"] == 60
    told = odoo.rows("select name, phone, comment, x_reasons from res_partner where id = %s", mine)
    assert told == [("Ada", "555", "hers", "knows")]
    assert odoo.rows("select active from res_partner where id = %s", archived) == [(False,)]
    expected = dict(shop.scores.select("customer_id", "churn_probability").iter_rows())
    assert {key: values[0] for key, values in shop.held().items()} == expected
    assert odoo.one(CONTACTS) == 60


def test_an_update_never_makes_a_contact(shop: Shop, odoo: Database) -> None:
    shop.configure(mode="update", key_field="x_key", max_rejected_share=1.0)
    odoo.call("res.partner", "create", [{"name": f"Known {n}", "x_key": FEW[n]} for n in range(10)])
    before = odoo.one("select count(*) from res_partner")
    shop.assign(FEW)
    document = shop.sync(code=6)
    assert counts(document, "created", "updated", "rejected") == (0, 10, 50)
    assert odoo.one("select count(*) from res_partner") == before
    assert odoo.one("select count(*) from res_partner where x_campaign = 'winback' and name like 'Known %%'") == 10


def test_a_dry_run_tells_what_would_be_done_and_changes_nothing(shop: Shop, odoo: Database) -> None:
    shop.assign(FEW)
    before = odoo.rows(NEWEST)
    document = shop.sync("--dry-run")
    assert document["state"] == "dry run"
    assert document["create"] == 60
    assert len(document["sample"]) > 0
    assert odoo.rows(NEWEST) == before
    assert odoo.one(CONTACTS) == 0


def test_the_holdout_carries_no_trace_of_the_campaign(shop: Shop, odoo: Database) -> None:
    shop.configure(key_field="x_key")
    odoo.call("res.partner", "create", [{"name": f"Known {n}", "x_key": MANY[n]} for n in range(120)])
    before = odoo.rows("select * from res_partner where x_key >= %s and x_key < %s order by id", MANY[60], MANY[120])
    shop.assign(FEW, holdout=MANY[60:120])
    document = shop.sync()
    assert document["updated"] == 60
    assert document["left_out"]["in the holdout"] == 60
    after = odoo.rows("select * from res_partner where x_key >= %s and x_key < %s order by id", MANY[60], MANY[120])
    assert after == before
    assert odoo.one("select count(*) from res_partner where x_campaign is not null") == 60


def test_who_leaves_the_list_and_a_withdrawal_clear_what_we_wrote_and_nothing_else(shop: Shop, odoo: Database) -> None:
    shop.assign(FEW)
    shop.sync()
    one = odoo.one("select res_id from ir_model_data where module = 'churn' and name = %s", FEW[0])
    odoo.call("res.partner", "write", [one], {"phone": "555"})
    done = shop.run("sync", "withdraw", CAMPAIGN, "--to", "crm")
    assert done.code == 0, done.words
    assert done.document["cleared"] == 60
    assert odoo.one("select count(*) from res_partner where x_campaign is not null or x_risk_band is not null") == 0
    assert odoo.rows("select phone from res_partner where id = %s", one) == [("555",)]
    assert odoo.one(CONTACTS) == 60, "nobody is deleted"


def test_a_lost_lead_comes_back_once_as_an_outcome(shop: Shop, odoo: Database) -> None:
    shop.assign(FEW)
    shop.sync()
    (campaign,) = odoo.call("utm.campaign", "create", [{"name": CAMPAIGN}])
    one = odoo.one("select res_id from ir_model_data where module = 'churn' and name = %s", FEW[3])
    values = {"name": "call", "partner_id": one, "campaign_id": campaign, "type": "opportunity"}
    (lead,) = odoo.call("crm.lead", "create", [values])
    odoo.call("crm.lead", "action_set_lost", [lead])
    assert odoo.rows("select active from crm_lead where id = %s", lead) == [(False,)], "Odoo archives what is lost"
    for new in (1, 0):
        done = shop.run("outcomes", "pull", "crm")
        assert done.code == 0, done.words
        assert done.document["new"] == new
    with shop.store() as store:
        outcomes = store.outcomes.of(CAMPAIGN)
    assert outcomes.select("customer_id", "kind").rows() == [(FEW[3], "lost")]


def test_missing_custom_fields_are_named_with_what_to_do_and_made_when_allowed(shop: Shop, odoo: Database) -> None:
    shop.fields = {"churn_probability": "x_new_probability", "campaign": "x_new_campaign"}
    shop.configure()
    shop.assign(FEW)
    done = shop.run("sync", CAMPAIGN)
    assert done.code == 2
    assert "x_new_campaign (text)" in done.words
    assert "create_fields = true" in done.words
    shop.configure(create_fields=True)
    assert shop.sync("--dry-run")["create"] == 60
    assert odoo.one("select count(*) from ir_model_fields where name like 'x_new%%'") == 0
    assert shop.sync()["created"] == 60
    assert odoo.one("select count(*) from res_partner where x_new_campaign = 'winback'") == 60

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from churn.crm.connector import RemoteField
from churn.errors import AuthFailed, CampaignError, ConfigError, ConnectorError, QualityBlocked, SyncBusy
from churn.views.sync import rejected_rows, sync_status
from churn.workflows.sync import SyncOptions, retry_rejected, sync_crm, withdraw_campaign
from tests.crm.homes import DAY, NOW, assignments, build, context_of, publish
from tests.crm.memory import MemoryCrm
from tests.documents.samples import plan_record

IDS = [f"c{n:02d}" for n in range(20)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return build(tmp_path / "home")


@pytest.fixture
def crm() -> MemoryCrm:
    return MemoryCrm(batch_size=5)


def keys(crm: MemoryCrm) -> list[str]:
    return [record["key"] for record in crm.records.values()]


def test_only_those_who_may_be_contacted_are_pushed_the_most_profitable_first(home: Path, crm: MemoryCrm) -> None:
    result = sync_crm(context_of(home, crm), "call")
    assert result.left_out == {"in the holdout": 4, "objected": 1, "without consent": 1}
    assert keys(crm) == [f"c{n:02d}" for n in range(2, 16)]
    assert result.report.counts["created"] == 14


def test_a_pushed_row_says_where_it_comes_from(home: Path, crm: MemoryCrm) -> None:
    result = sync_crm(context_of(home, crm), "call")
    (record,) = crm.held("c05")
    assert record == {
        "key": "c05",
        "band": "critical",
        "p": 0.5,
        "campaign": "call",
        "action": "Call them",
        "why": "no login for 23 days; unpaid",
        "model": "m1",
        "at": NOW,
        "run": result.report.run_id,
    }


def test_a_holdout_that_a_crm_knows_already_is_not_touched(home: Path, crm: MemoryCrm) -> None:
    crm.records["7"] = {"key": "c18", "note": "old friend"}
    sync_crm(context_of(home, crm), "call")
    assert crm.records["7"] == {"key": "c18", "note": "old friend"}


def test_the_risk_list_carries_the_holdout_as_everybody_else_and_no_campaign(home: Path, crm: MemoryCrm) -> None:
    crm.records = {str(n): {"key": key} for n, key in enumerate(IDS)}
    result = sync_crm(context_of(home, crm), "risk-list", connector="crm")
    assert result.report.counts["updated"] == 19  # all but the one who objected
    treated, held_out = crm.held("c05")[0], crm.held("c18")[0]
    assert {**treated, "key": ""} == {**held_out, "key": ""}
    assert not {"campaign", "recommended_action", "expected_profit"} & set(held_out)


def test_whoever_objects_after_the_plan_is_cleared_at_the_next_push(home: Path, crm: MemoryCrm) -> None:
    context = context_of(home, crm)
    sync_crm(context, "call")
    crm.held("c05")[0]["note"] = "theirs"
    with context.open_warehouse("test") as warehouse:
        warehouse.execute("update staging.customers set objected_at = available_at where customer_id = 'c05'")
    result = sync_crm(context, "call")
    assert result.report.counts["cleared"] == 1
    (record,) = crm.held("c05")
    assert {name for name, value in record.items() if value is not None} == {"key", "note"}


@pytest.mark.parametrize("on_leave", ["nothing", "band_none"])
def test_whoever_objects_is_cleared_whatever_else_happens_on_leaving(home: Path, crm: MemoryCrm, on_leave: str) -> None:
    path = home / "campaigns" / "call.toml"
    path.write_text(path.read_text().replace('on_leave = "clear"', f'on_leave = "{on_leave}"'))
    context = context_of(home, crm)
    sync_crm(context, "call")
    with context.open_store() as store:
        event = {"customer_id": "c05", "campaign": "call", "event_id": "1", "kind": "unsubscribed", "source": "crm"}
        store.outcomes.add(pl.DataFrame([event]).with_columns(occurred_at=NOW), NOW)
    assert sync_crm(context, "call").report.counts["cleared"] == 1
    (record,) = crm.held("c05")
    assert {name for name, value in record.items() if value is not None} == {"key"}
    assert sync_crm(context, "call").report.counts["cleared"] == 0


def test_whoever_a_later_campaign_took_in_is_left_to_it_and_its_holdout_bears_no_trace(
    home: Path, crm: MemoryCrm
) -> None:
    text = (home / "campaigns" / "call.toml").read_text().replace('on_leave = "clear"', 'on_leave = "nothing"')
    for name, title in (("call", "Call them"), ("visit", "Visit them")):
        (home / "campaigns" / f"{name}.toml").write_text(text.replace("Call them", title))
    context = context_of(home, crm)
    sync_crm(context, "call")
    later = plan_record("p9", "visit", planned_at=NOW, snapshot_date=DAY + timedelta(days=60))
    with context.open_store() as store:
        store.plans.save(later, assignments(["c05", "c06", "c07"], held_out=1))
    sync_crm(context, "visit")
    result = sync_crm(context, "call", options=SyncOptions(is_full=True))
    assert result.left_out["in a later campaign"] == 3
    assert [crm.held(key)[0]["action"] for key in ("c05", "c06", "c08")] == ["Visit them", "Visit them", "Call them"]
    assert {name for name, value in crm.held("c07")[0].items() if value is not None} == {"key"}


def test_nightly_noise_writes_nothing_and_a_new_band_does(home: Path, crm: MemoryCrm) -> None:
    context = context_of(home, crm)
    sync_crm(context, "call")
    written = crm.writes
    publish(context, IDS, 0.512, run_id="s2")
    assert sync_crm(context, "call").report.counts["unchanged"] == 14
    assert crm.writes == written
    publish(context, IDS, 0.55, run_id="s3")
    assert sync_crm(context, "call").report.counts["updated"] == 14


def test_a_field_that_did_not_change_stays_as_a_salesman_left_it(home: Path, crm: MemoryCrm) -> None:
    context = context_of(home, crm)
    sync_crm(context, "call")
    crm.held("c05")[0].update(action="call on Monday", note="nice chap")
    publish(context, IDS, 0.6, run_id="s2")
    sync_crm(context, "call")
    (record,) = crm.held("c05")
    assert (record["p"], record["action"], record["note"]) == (0.6, "call on Monday", "nice chap")


def test_stale_or_old_scores_are_not_pushed_unless_forced(home: Path, crm: MemoryCrm) -> None:
    context = context_of(home, crm)
    with pytest.raises(QualityBlocked, match="7 days"):
        sync_crm(replace(context, clock=lambda: NOW + timedelta(days=8)), "call")
    with context.open_store() as store:
        store.scores.mark_stale("payments stopped", at=NOW)
    with pytest.raises(QualityBlocked, match="payments stopped"):
        sync_crm(context, "call")
    assert crm.records == {}
    assert sync_crm(context, "call", options=SyncOptions(is_forced=True)).report.counts["created"] == 14


def test_a_changed_mapping_or_model_needs_a_full_push_and_is_on_record(home: Path, crm: MemoryCrm) -> None:
    context = context_of(home, crm)
    sync_crm(context, "call", options=SyncOptions(who="ann"))
    path = home / "campaigns" / "call.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('"band"', '"risk"'), encoding="utf-8")
    publish(context, IDS, 0.5, run_id="s2", model_version="m2")
    with pytest.raises(CampaignError, match=r"risk_band changed and the scores are of model m2"):
        sync_crm(context, "call")
    dry = sync_crm(context, "call", options=SyncOptions(is_dry=True, is_full=True)).report
    assert dry.preview is not None
    assert dry.preview.counts["update"] == 14
    report = sync_crm(context, "call", options=SyncOptions(is_full=True, who="bob")).report
    assert report.counts["updated"] == 14
    changes = sync_status(context).mapping_changes
    assert [(change.who, change.mapping["risk_band"]) for change in changes] == [("bob", "risk"), ("ann", "band")]


def test_a_push_that_would_change_or_lose_too_much_stops_and_a_dry_run_says_so(home: Path, crm: MemoryCrm) -> None:
    big = build(home.parent / "big", customers=80, held_out=0)
    context = context_of(big, crm)
    sync_crm(context, "call")
    publish(context, [f"c{n:02d}" for n in range(80)], 0.7, run_id="s2")
    written = crm.writes
    with pytest.raises(CampaignError, match="78 of the 78 records"):
        sync_crm(context, "call")
    dry = sync_crm(context, "call", options=SyncOptions(is_dry=True)).report
    assert "78 of the 78" in dry.warnings[0]
    assert crm.writes == written
    with context.open_warehouse("test") as warehouse:
        warehouse.execute("update staging.customers set objected_at = available_at where customer_id > 'c20'")
    with pytest.raises(CampaignError, match="had 78 at the last push"):
        sync_crm(context, "call")
    assert sync_crm(context, "call", options=SyncOptions(is_forced=True)).report.counts["cleared"] == 59


def test_too_many_rejected_rows_stop_the_push_with_an_alert(home: Path, crm: MemoryCrm) -> None:
    crm.poison = set(IDS)
    context = context_of(home, crm)
    with pytest.raises(ConnectorError, match="of the first 14 rows were rejected"):
        sync_crm(context, "call")
    with context.open_store() as store:
        (alert,) = store.alerts.open()
        (run,) = store.sync_runs.history()
    assert (alert.kind, alert.severity, run.state) == ("sync_failed", "critical", "failed")


def test_two_records_with_one_key_are_rejected_and_come_right_when_merged(home: Path, crm: MemoryCrm) -> None:
    crm.records = {"1": {"key": "c05"}, "2": {"key": "c05"}}
    context = context_of(home, crm)
    result = sync_crm(context, "call")
    assert (result.report.state, result.report.counts["rejected"]) == ("partial", 1)
    assert crm.records["1"] == crm.records["2"] == {"key": "c05"}
    (row,) = rejected_rows(context).rows
    assert (row.customer_id, row.code, row.attempts) == ("c05", "ambiguous", 1)
    del crm.records["2"]
    assert sync_crm(context, "call").report.counts["updated"] == 1
    assert rejected_rows(context).rows == []


def test_a_record_that_was_merged_away_is_followed_by_its_key(home: Path, crm: MemoryCrm) -> None:
    context = context_of(home, crm)
    sync_crm(context, "call")
    (old,) = (i for i, r in crm.records.items() if r["key"] == "c05")
    crm.records["900"] = {**crm.records.pop(old), "note": "merged", "band": None}
    publish(context, IDS, 0.6, run_id="s2")
    sync_crm(context, "call")
    assert crm.records["900"]["p"] == 0.6
    assert crm.records["900"]["band"] == "critical"  # another record: all of it is written
    assert len(crm.held("c05")) == 1


def test_a_field_that_the_crm_takes_and_forgets_stops_the_push(home: Path, crm: MemoryCrm) -> None:
    crm.dropped = {"why"}
    context = context_of(home, crm)
    with pytest.raises(ConnectorError, match="does not hold what was written to why"):
        sync_crm(context, "call")
    crm.dropped = set()
    result = sync_crm(context, "call")
    assert result.report.counts["updated"] + result.report.counts["created"] == 14
    assert all(record["why"] for record in crm.records.values())


def test_a_schema_that_does_not_fit_names_every_fault_before_writing(home: Path, crm: MemoryCrm) -> None:
    crm.schema = {
        "band": RemoteField("band", "choice", options=("low", "high")),
        "p": RemoteField("p", "number", is_writable=False),
        "campaign": RemoteField("campaign", "boolean"),
        "actions": RemoteField("actions", "text"),
    }
    with pytest.raises(ConfigError) as caught:
        sync_crm(context_of(home, crm), "call")
    for fault in ("lacks the options medium, critical", "`p` is read-only", "type boolean", "(there is `actions`)"):
        assert fault in str(caught.value)
    assert crm.records == {}


def test_texts_are_cut_to_the_length_that_fits(home: Path, crm: MemoryCrm) -> None:
    names = ("band", "campaign", "action", "model", "at", "run")
    crm.schema = {name: RemoteField(name, "text") for name in names}
    crm.schema |= {"p": RemoteField("p", "text"), "why": RemoteField("why", "text", max_length=24)}
    sync_crm(context_of(home, crm), "call")
    (record,) = crm.held("c05")
    assert (record["why"], record["p"], record["at"]) == ("no login for 23 days", "0.5000", "2026-07-01T04:30:00")


def test_retry_sends_only_what_was_rejected_and_withdraw_takes_back_only_ours(home: Path, crm: MemoryCrm) -> None:
    context = context_of(home, crm)
    crm.poison = {"c05", "c06"}
    sync_crm(context, "call")
    crm.poison, written = set(), crm.writes
    with pytest.raises(CampaignError, match="no rejected row"):
        retry_rejected(context, "call", codes=["other"])
    released, result = retry_rejected(context, "call", customers=["c05"])
    assert (released, result.report.counts["created"], crm.writes - written) == (1, 1, 1)
    crm.held("c05")[0]["note"] = "theirs"
    assert withdraw_campaign(context, "call", "crm").report.counts["cleared"] == 13
    (record,) = crm.held("c05")
    assert {name for name, value in record.items() if value is not None} == {"key", "note"}
    assert sync_crm(context, "call").report.counts["updated"] == 13  # and can be pushed again


def test_a_later_campaigns_values_are_not_cleared_by_the_earlier_one(home: Path, crm: MemoryCrm) -> None:
    context = context_of(home, crm)
    sync_crm(context, "call")
    with context.open_store() as store:
        rows = store.assignments.of("call").drop("campaign", "plan_id")
        plan = store.plans.latest("call")
        assert plan is not None
        store.plans.save(replace(plan, plan_id="p2", campaign="call_2"), rows)
    text = (home / "campaigns" / "call.toml").read_text(encoding="utf-8")
    (home / "campaigns" / "call_2.toml").write_text(text, encoding="utf-8")
    sync_crm(replace(context, clock=lambda: NOW + timedelta(hours=1)), "call_2")
    withdraw_campaign(context, "call", "crm")
    assert {record["campaign"] for record in crm.records.values()} == {"call_2"}


def test_one_push_at_a_time_names_who_is_at_it(home: Path, crm: MemoryCrm) -> None:
    context = context_of(home, crm)
    with (
        context.open_store() as store,
        store.lock_destination("crm", "`churn sync other --to crm`"),
        pytest.raises(SyncBusy, match="churn sync other") as caught,
    ):
        sync_crm(context, "call")
    assert caught.value.exit_code == 5
    assert crm.records == {}


@pytest.mark.slow
def test_the_lock_of_a_killed_push_is_free(home: Path) -> None:
    code = (
        "import os, sys\nfrom churn.store import open_store\n"
        "with open_store(sys.argv[1]) as s, s.lock_destination('crm', 'me'): os._exit(9)"
    )
    url = f"sqlite:///{home / 'store.sqlite'}"
    assert subprocess.run([sys.executable, "-c", code, url], check=False).returncode == 9
    sync_crm(context_of(home, MemoryCrm()), "call")


def test_the_ledger_tells_of_every_push(home: Path, crm: MemoryCrm) -> None:
    context = context_of(home, crm)
    sync_crm(context, "call")
    crm.faults = ["no access"]
    publish(context, IDS, 0.6, run_id="s2")
    with pytest.raises(AuthFailed):
        sync_crm(context, "call")
    status = sync_status(context)
    assert [run.state for run in status.runs] == ["failed", "done"]
    (destination,) = status.destinations
    assert (destination.records, destination.rejected, destination.is_overdue) == (14, 0, False)


def test_nobody_assigned_and_nobody_known_are_told_apart(home: Path, crm: MemoryCrm) -> None:
    context = context_of(home, crm)
    with pytest.raises(CampaignError, match="churn plan fix_payment"):
        sync_crm(context, "fix_payment", connector="crm")
    with pytest.raises(CampaignError, match="Did you mean `call`"):
        sync_crm(context, "cal", connector="crm")
    with pytest.raises(ConfigError, match="no such connector"):
        sync_crm(context, "call", connector="nowhere")

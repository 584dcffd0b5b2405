from __future__ import annotations

from pathlib import Path

import pytest

from churn.views.sync import rejected_rows
from churn.workflows.privacy.erase import erase_customer, finish_requests
from churn.workflows.privacy.object import object_to_marketing
from churn.workflows.sync import sync_crm, withdraw_campaign
from tests.crm.homes import build, context_of
from tests.crm.memory import MemoryCrm


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return build(tmp_path / "home")


@pytest.fixture
def crm() -> MemoryCrm:
    return MemoryCrm(batch_size=5)


def test_a_field_that_is_not_emptied_is_no_withdrawal(home: Path, crm: MemoryCrm) -> None:
    context = context_of(home, crm)
    sync_crm(context, "call")
    crm.kept = {"action"}
    withdrawn = withdraw_campaign(context, "call", "crm").report
    assert (withdrawn.state, withdrawn.counts["cleared"], withdrawn.refused) == ("partial", 0, 14)
    refusals = rejected_rows(context).rows
    assert {refusal.code for refusal in refusals} == {"not_emptied"}
    assert "still holds what was to be emptied: action" in str(refusals[0].message)
    crm.kept = set()
    again = withdraw_campaign(context, "call", "crm").report
    assert (again.state, again.counts["cleared"], again.refused) == ("done", 14, 0)


def test_whoever_objects_is_tried_again_until_the_record_is_empty(home: Path, crm: MemoryCrm) -> None:
    context = context_of(home, crm)
    sync_crm(context, "call")
    crm.kept = {"action"}
    told = object_to_marketing(context, "c05", who="test")
    assert [withdrawal.connector for withdrawal in told.waiting] == ["crm"]
    assert "still holds" in str(told.waiting[0].error)
    crm.kept = set()
    assert finish_requests(context, who="nightly") == {"finished": 1, "waiting": 0}
    assert crm.held("c05")[0]["action"] is None


def test_whoever_leaves_the_list_is_read_back_too(home: Path, crm: MemoryCrm) -> None:
    context = context_of(home, crm)
    sync_crm(context, "call")
    crm.kept = {"action"}
    with context.open_warehouse("test") as warehouse:
        warehouse.execute("update staging.customers set objected_at = available_at where customer_id = 'c05'")
    for _ in range(2):  # and again every night
        report = sync_crm(context, "call").report
        assert (report.counts["cleared"], report.counts["rejected"], report.state) == (0, 1, "partial")
    crm.kept = set()
    report = sync_crm(context, "call").report
    assert (report.counts["cleared"], report.state) == (1, "done")


def test_an_erasure_waits_until_every_record_is_empty(home: Path, crm: MemoryCrm) -> None:
    context = context_of(home, crm)
    sync_crm(context, "call")
    crm.kept = {"why"}
    erased = erase_customer(context, "c05", who="test")
    assert erased.document()["state"] == "waiting"
    assert crm.held("c05")[0]["why"] is not None
    assert finish_requests(context, who="nightly") == {"finished": 0, "waiting": 1}
    crm.kept = set()
    assert finish_requests(context, who="nightly") == {"finished": 1, "waiting": 0}
    assert crm.held("c05")[0]["why"] is None

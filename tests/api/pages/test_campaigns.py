"""Campaigns as a marketer walks them: planned, pushed, refused rows sent again, and what came of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from churn.documents.measurement import MeasurementDocument
from churn.jobs.now import work_now
from churn.store import OutboxRow, Settled
from tests.api.pages.conftest import Served, Visitor
from tests.campaigns import measured

HOSTILE = "<img src=x onerror=alert(1)> {{ 7 * 7 }}"


def work_everything(served: Served) -> list[str]:
    """Do what a scheduler does, until nothing is left; return how each run ended."""
    ended = []
    with served.context.open_store() as store:
        waiting = [run for run in reversed(store.jobs.list(limit=20)) if run.is_under_way]
    for run in waiting:
        worked = work_now(served.context, run, retries=False).run
        ended.append(f"{worked.job} {worked.state}: {worked.error or ''}".strip())
    return ended


def ask(visitor: Visitor, button: str, confirm: str) -> None:
    visitor.page.get_by_role("button", name=button, exact=True).click()
    dialog = visitor.page.get_by_role("dialog")
    dialog.wait_for(state="visible")
    dialog.get_by_role("button", name=confirm).click()
    visitor.page.wait_for_url("**#work")


MEASURED = "support_call"  # another than the one whose whole story is told: tests run in any order


def refuse(served: Served, customer: str, message: str) -> None:
    """Let the newest push of fix_payment have one more row, which the CRM refused."""
    with served.context.open_store() as store:
        (last, *_) = store.sync_runs.history(campaign="fix_payment", limit=1)
        row = OutboxRow(customer, 9_999, "write", {"band": "high"}, None, "h", "h")
        run = replace(last, run_id=f"{last.run_id}-refused")
        store.sync_runs.start(replace(run, state="running", finished_at=None))
        store.outbox.queue(run.run_id, [row])
        store.outbox.settle(run, [Settled(row, "rejected", code="bad", field="band", message=message)], run.started_at)
        store.sync_runs.finish(run.run_id, state="partial", counts={"rejected": 1}, at=run.started_at)


def keep_measurement(served: Served, document: MeasurementDocument) -> None:
    with served.context.open_store() as store:
        plan = store.plans.latest(MEASURED)
        assert plan is not None
        store.measurements.save(
            MEASURED, [plan.plan_id], document, is_mature=True, measured_at=datetime(2026, 8, 9, 12)
        )


def test_a_campaign_is_planned_tried_pushed_and_its_refused_rows_sent_again(visitor):
    visitor.visit("/campaigns")
    visitor.see("Help to fix a failed payment", "Not planned yet", "Nobody yet")
    visitor.page.get_by_role("link", name="Help to fix a failed payment").click()
    visitor.see(
        "Not planned yet",
        "Customers at any risk",
        "Failed payments, each counting half after 30 days",
        "Nothing was pushed yet",
    )
    visitor.assert_accessible()
    visitor.screenshot("campaign-new")

    ask(visitor, "Plan", "Plan")
    visitor.see("Waiting", "no scheduler is running")
    assert work_everything(visitor.served) == ["plan done:"]
    visitor.see("held out", "Customers to contact")  # the page asks by itself, and loads anew once all is done
    visitor.see("Who may be contacted", "Have not agreed to marketing", "What the measurement will tell")
    visitor.page.get_by_text("It can detect a drop").or_(visitor.page.get_by_text("With so few")).first.wait_for()

    ask(visitor, "Dry run", "Try it")
    ask(visitor, "Push to CRM", "Push")
    assert work_everything(visitor.served) == ["sync done:", "sync done:"]
    visitor.visit("/campaigns/fix_payment").see("A dry run, nothing was written", "In step", "Customers contacted")
    assert list((visitor.served.home / "lists").rglob("*.csv"))

    refuse(visitor.served, "C0000042", HOSTILE)
    visitor.visit("/campaigns/fix_payment").see("1 customer is refused by file", HOSTILE)
    visitor.assert_accessible()
    visitor.screenshot("campaign")
    ask(visitor, "Send again to file", "Send again")
    with visitor.served.context.open_store() as store:
        assert [row.is_held for row in store.crm.rejections("file", "fix_payment")] == [False]
        told = [entry.action for entry in store.requests.audited()]
        work_everything(visitor.served)
    assert {"plan_campaign", "try_sync", "sync_campaign", "retry_rejected"} <= set(told)


def test_what_it_caused_is_told_beside_what_was_promised(visitor):
    with visitor.served.context.open_store() as store:
        if store.plans.latest(MEASURED) is None:
            store.jobs.request(
                "plan",
                parameters={"campaigns": [MEASURED]},
                requested_by="test",
                at=visitor.served.context.clock(),
            )
    work_everything(visitor.served)
    keep_measurement(visitor.served, measured.document(measured.followed()))
    visitor.visit(f"/campaigns/{MEASURED}")
    visitor.see("What it caused", "Promised and kept", "Churn avoided, in percentage points", "Measured")
    visitor.assert_accessible()
    visitor.screenshot("campaign-measured")
    visitor.visit("/campaigns").see("Brought", "Measured")
    visitor.assert_accessible()
    visitor.screenshot("campaigns")


def test_a_file_with_a_mistake_is_told_and_hides_no_other(visitor):
    folder = visitor.served.home / "campaigns"
    folder.mkdir(exist_ok=True)
    (folder / "broken.toml").write_text(f'[campaign]\ntitle = "{HOSTILE}"\n[offer]\ncontact_cost = -1\n')
    try:
        visitor.visit("/campaigns").see("File has a mistake", "`offer.contact_cost` is wrong", "Help to fix")
        visitor.visit("/campaigns/broken").see("Its file cannot be used")
        assert visitor.page.get_by_role("button", name="Plan").count() == 0
    finally:
        (folder / "broken.toml").unlink()


def test_who_may_only_read_sees_no_buttons_and_is_refused(stranger):
    stranger.allowed = ("403", "404")
    stranger.sign_in(["read"]).visit("/campaigns/fix_payment")
    assert stranger.page.get_by_role("button", name="Plan", exact=True).count() == 0
    token = stranger.page.locator("input[name=csrf]").first.input_value()
    for path in ("plan", "sync", "measure", "retry"):
        answer = stranger.page.request.post(
            f"{stranger.served.address}/campaigns/fix_payment/{path}", form={"csrf": token, "connector": "file"}
        )
        assert answer.status == 403, path
    stranger.visit("/campaigns/fix_paiment", status=404).see("Did you mean `fix_payment`?")


@pytest.mark.parametrize("path", ["plan", "sync", "measure", "retry"])
def test_a_form_that_is_not_ours_starts_nothing(visitor, path):
    visitor.visit("/campaigns/fix_payment")
    before = visitor.served.context.clock()
    answer = visitor.page.request.post(
        f"{visitor.served.address}/campaigns/fix_payment/{path}", form={"connector": "file"}
    )
    assert answer.status == 403
    with visitor.served.context.open_store() as store:
        assert [run for run in store.jobs.list(limit=20) if run.requested_at >= before] == []


def test_a_budget_that_is_no_amount_is_refused_in_words(visitor):
    visitor.allowed = ("422",)
    visitor.visit("/campaigns/fix_payment")
    token = visitor.page.locator("input[name=csrf]").first.input_value()
    for budget, words in (("lots", "not an amount"), ("-5", "contacts nobody"), ("nan", "contacts nobody")):
        answer = visitor.page.request.post(
            f"{visitor.served.address}/campaigns/fix_payment/plan",
            form={"csrf": token, "budget": budget},
            headers={"Accept": "text/html"},
        )
        assert answer.status == 422
        assert words in answer.text()

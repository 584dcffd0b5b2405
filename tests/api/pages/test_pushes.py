"""A push on its page: its rows by what became of them, what was sent and answered, and refused rows grouped and sent again."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from churn.context import Context
from churn.crm.connector import RowResult
from churn.crm.lookup import Item, settled_by
from churn.store.records import OutboxRow, RowState, Settled, SyncRun
from churn.views.pushes import push_page, pushes
from tests.api.conftest import Service
from tests.api.pages.test_page_actions import EVIL, token_in
from tests.api.pages.test_pages import signed_in

AT = datetime(2026, 7, 1, 3)
RUN = "risk-list-20260701T030000-abc123"
FIELDS = {"churn_probability": "churn_p", "risk_band": "churn_risk"}
TOLD: tuple[tuple[str, RowState, str | None, str | None], ...] = (
    ("write", "done", "created", None),
    ("write", "done", "created", None),
    ("write", "done", "updated", None),
    ("write", "done", "unchanged", None),
    ("clear", "done", "updated", None),
    ("write", "rejected", "too_long", "record 17 of jan@example.com: text too long by 3"),
    ("write", "rejected", "too_long", "record 4711 of ann@example.com: text too long by 12"),
    ("write", "rejected", None, EVIL[0]),
    ("write", "unknown", None, None),
)


def keep_push(context: Context, run_id: str = RUN, campaign: str = "risk-list") -> None:
    """Keep a push of the risk list, or of a campaign, to `file`, with a row of every kind."""
    run = SyncRun(run_id, "file", campaign, "push", "upsert", FIELDS, None, None, len(TOLD), "test", AT)
    rows = [
        OutboxRow(f"P{n:03}", n, action, {"churn_p": 0.25, "churn_risk": "high"}, ("churn_p",) if code == "updated" else None, f"h{n}", "h")  # type: ignore[arg-type]  # an action
        for n, (action, _, code, _) in enumerate(TOLD)
    ]  # fmt: skip
    with context.open_store() as store:
        store.sync_runs.start(run)
        store.outbox.queue(run_id, rows)
        store.outbox.settle(
            run,
            [
                Settled(row, state, code=code, field="churn_note" if code == "too_long" else None, message=message)
                for row, (_, state, code, message) in zip(rows, TOLD, strict=True)
            ],
            AT,
        )
        store.sync_runs.finish(run_id, state="partial", counts={"created": 2, "updated": 1, "cleared": 1, "rejected": 3}, at=AT)  # fmt: skip


@pytest.fixture
def maria(service: Service) -> TestClient:
    keep_push(service.context)
    return signed_in(service, ("read", "push"))


def test_what_a_crm_answered_is_kept_with_the_row() -> None:
    row = OutboxRow("P1", 0, "write", {}, None, "h", "h")
    settled = settled_by(Item(row), RowResult("P1", "created", message="made as 7"), "upsert")
    assert (settled.state, settled.code, settled.message) == ("done", "created", "made as 7")


def test_rows_are_counted_by_what_became_of_them(service: Service, maria: TestClient) -> None:
    page = push_page(service.context, RUN)
    assert page.counts == {"added": 2, "changed": 1, "same": 1, "cleared": 1, "refused": 3, "left": 1}
    assert [row.row.customer_id for row in push_page(service.context, RUN, kind="changed").rows] == ["P002"]
    assert [row.row.customer_id for row in push_page(service.context, RUN, search="p00", after=7).rows] == ["P008"]
    assert pushes(service.context)[0].run_id == RUN
    text = maria.get(f"/pushes/{RUN}?kind=changed").text
    assert "1 of 2 fields" in text
    assert "P002" in text
    assert "P001" not in text.partition('id="rows"')[2]
    assert maria.get("/pushes/risk-list-2").status_code == 404


def test_a_push_is_called_by_the_title_of_its_campaign(service: Service, maria: TestClient) -> None:
    folder = service.context.settings.home / "campaigns"
    folder.mkdir(exist_ok=True)
    (folder / "win_back.toml").write_text('[campaign]\ntitle = "Come back, please"\n\n[offer]\nchannel = "phone"\n')
    keep_push(service.context, "win_back-1", "win_back")
    keep_push(service.context, "gone_call-1", "gone_call")
    for title, run in (("Come back, please", "win_back-1"), ("Gone call", "gone_call-1"), ("Risk list", RUN)):
        assert f'<a href="/pushes/{run}">{title}</a>' in maria.get("/pushes").text
        assert f"{title}</h1>" in maria.get(f"/pushes/{run}").text


def test_refusals_are_grouped_by_message_whatever_ids_and_numbers_are_in_it(service: Service) -> None:
    keep_push(service.context)
    long, evil = push_page(service.context, RUN).refusals
    assert (long.customers, long.remote_field) == (("P005", "P006"), "churn_note")
    assert long.message == "record … of (address): text too long by …"
    assert evil.message == EVIL[0]


def test_words_of_a_crm_are_shown_as_text_and_addresses_only_to_whoever_may_push(
    service: Service, maria: TestClient
) -> None:
    assert "jan@example.com" in maria.get(f"/pushes/{RUN}?kind=refused").text
    reader = signed_in(service, ("read",))
    text = reader.get(f"/pushes/{RUN}?kind=refused").text
    assert "@example.com" not in text
    assert "of (address): text too long" in text
    assert EVIL[0] not in text
    assert "Send again" not in text
    assert "@example.com" not in reader.get(f"/pushes/{RUN}/rows.csv").text
    form = {"csrf": token_in(reader.get("/").text)}
    assert reader.post(f"/pushes/{RUN}/retry", data=form).status_code == 403


def test_rows_as_csv_hold_what_was_sent_and_what_was_answered(maria: TestClient) -> None:
    rows = list(csv.DictReader(io.StringIO(maria.get(f"/pushes/{RUN}/rows.csv").text)))
    assert len(rows) == len(TOLD)
    assert rows[2] | {} == {
        "customer_id": "P002", "result": "changed", "code": "updated", "answer": "", "refused_field": "",
        "sent_fields": "churn_p", "churn_p": "0.25", "churn_risk": "high",
    }  # fmt: skip
    refused = list(csv.DictReader(io.StringIO(maria.get(f"/pushes/{RUN}/rows.csv?kind=refused").text)))
    assert [(row["customer_id"], row["refused_field"]) for row in refused] == [("P005", "churn_note"), ("P006", "churn_note"), ("P007", "")]  # fmt: skip


def test_a_group_of_refused_rows_is_sent_again_and_no_other(service: Service, maria: TestClient) -> None:
    text = maria.get(f"/pushes/{RUN}").text
    group = next(one for one in push_page(service.context, RUN).refusals if len(one.customers) == 2)
    assert f'value="{group.key}"' in text
    sent = maria.post(f"/pushes/{RUN}/retry", data={"csrf": token_in(text), "group": group.key}, follow_redirects=False)
    assert re.match(r"/jobs/runs/\d+", sent.headers["location"])
    with service.context.open_store() as store:
        held = {row.customer_id: row.is_held for row in store.crm.rejections("file", "risk-list")}
        (job,) = store.jobs.list("sync", limit=1)
        (deed,) = store.requests.audited(limit=1)
    assert held == {"P005": False, "P006": False, "P007": True}
    assert dict(job.parameters) == {"campaign": "risk-list", "connector": "file"}
    assert (deed.action, deed.subject) == ("retry_rejected", f"risk-list to file, 2 rows, run {job.run_id}")
    form = {"csrf": token_in(text), "group": "0" * 12}
    assert maria.post(f"/pushes/{RUN}/retry", data=form, headers={"Accept": "text/html"}).status_code == 422


def test_a_push_in_a_browser(visitor: Any) -> None:
    keep_push(visitor.served.context)
    visitor.visit("/pushes").see("Risk list", "Partly done")
    visitor.assert_accessible()
    visitor.page.get_by_role("link", name="Risk list").last.click()
    visitor.see("Refused, by what the CRM says", "What the CRM answered")
    visitor.page.locator(".payload summary").first.click()
    visitor.see("churn_risk")
    visitor.assert_accessible()
    visitor.screenshot("push")
    visitor.page.get_by_role("link", name="Refused 3").click()
    visitor.see("The CRM said no, in the words shown.")
    visitor.page.get_by_label("Part of the customer's id").fill("006")
    visitor.page.get_by_role("button", name="Search").click()
    visitor.page.get_by_text("1 row", exact=True).wait_for()

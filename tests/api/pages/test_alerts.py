"""The inbox of alerts: each with its cause and what mends it; who looks after it, and for how long nobody is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from churn.store import Store
from churn.views.alerts import alerts_page
from tests.api.conftest import Service
from tests.api.pages.test_campaign_editor import signed_in
from tests.api.pages.test_page_actions import token_in

AT = datetime(2026, 7, 1, 3)
RAISED = (
    ("job_failed", "nightly", "critical", "The nightly run failed at step `score`"),
    ("sync_partial", "fix_payment to hubspot", "warning", "not all of it is in step: 3 rows are refused"),
    ("campaign_held_back", "push support_call", "warning", "78 % of its members would leave"),
    ("monitoring", "drift", "warning", "Features have moved"),
    ("monitoring", "retraining", "warning", "A training is due"),
    ("campaign_harms", "fix_payment", "critical", "It drives customers away"),
    ("programme_offer_off", "retention retention_1_call", "critical", "The offer is off"),
    ("outcomes_not_read", "hubspot", "warning", "Outcomes were not read"),
    ("scores_stale", "risk list", "warning", "The list is old"),
    ("job_failed", "plan", "info", "The plan run failed"),
)


@pytest.fixture
def store(service: Service) -> Iterator[Store]:
    with service.context.open_store() as store:
        for kind, subject, severity, message in RAISED:
            store.alerts.raise_(kind, subject, severity, message, AT)  # type: ignore[arg-type]  # a severity
        yield store


@pytest.fixture
def maria(service: Service) -> TestClient:
    return signed_in(service)


def number_of(store: Store, subject: str, kind: str | None = None) -> int:
    return store.alerts.open(kind=kind, subject=subject)[0].alert_id


@pytest.mark.parametrize(
    ("kind", "subject", "address", "remedy"),
    [
        ("job_failed", "nightly", "/jobs", "nightly"),
        ("sync_partial", "fix_payment to hubspot", "/campaigns/fix_payment", None),
        ("campaign_held_back", "push support_call", "/campaigns/support_call", None),
        ("monitoring", "drift", "/model", None),
        ("monitoring", "retraining", "/model", "train"),
        ("campaign_harms", "fix_payment", "/campaigns/fix_payment", None),
        ("programme_offer_off", "retention retention_1_call", "/programmes/retention", None),
        ("outcomes_not_read", "hubspot", "/campaigns", None),
        ("scores_stale", "risk list", "/jobs", "nightly"),
    ],
)
def test_each_alert_leads_to_its_cause_and_to_what_mends_it(
    service: Service, store: Store, kind: str, subject: str, address: str, remedy: str | None
) -> None:
    (row,) = (
        row for row in alerts_page(service.context).open if (row.alert.kind, row.alert.subject) == (kind, subject)
    )
    assert row.address == address
    assert (row.remedy.job if row.remedy else None) == remedy


def test_the_worst_comes_first_and_what_is_muted_last(service: Service, store: Store) -> None:
    store.alerts.mute(number_of(store, "nightly"), service.context.clock() + timedelta(days=1))
    rows = alerts_page(service.context).open
    ranks = {"critical": 0, "warning": 1, "info": 2}
    assert [ranks[row.alert.severity] for row in rows[:-1]] == sorted(ranks[row.alert.severity] for row in rows[:-1])
    assert (rows[-1].alert.subject, rows[-1].is_muted) == ("nightly", True)


def test_somebody_takes_an_alert_gives_it_back_and_it_ends_with_its_cause(
    service: Service, store: Store, maria: TestClient
) -> None:
    number = number_of(store, "nightly")
    form = {"csrf": token_in(maria.get("/alerts").text)}
    assert maria.post(f"/alerts/{number}/take", data=form, follow_redirects=False).status_code == 303
    assert "maria looks after it" in maria.get("/alerts").text
    assert "maria looks after it" in maria.get("/").text
    assert store.requests.audited(limit=1)[0].action == "take_alert"
    maria.post(f"/alerts/{number}/take", data=form | {"release": "yes"})
    assert store.alerts.find(number).taken_by is None  # type: ignore[union-attr]  # it is there
    store.alerts.resolve("job_failed", "nightly", service.context.clock())
    over = alerts_page(service.context).over
    assert [row.alert.alert_id for row in over] == [number]
    assert maria.post("/alerts/99999/take", data=form).status_code == 404


def test_of_what_is_muted_and_of_the_like_nobody_is_told(service: Service, store: Store, maria: TestClient) -> None:
    number = number_of(store, "hubspot")
    form = {"csrf": token_in(maria.get("/alerts").text)}
    maria.post(f"/alerts/{number}/mute", data=form)
    now = service.context.clock()
    assert store.deliveries.enqueue(["log"], "info", now) == len(RAISED) - 1
    store.alerts.resolve("outcomes_not_read", "hubspot", now)
    store.alerts.raise_("outcomes_not_read", "hubspot", "warning", "Again", now)
    assert store.deliveries.enqueue(["log"], "info", now) == 0
    assert store.deliveries.enqueue(["log"], "info", now + timedelta(days=8)) == 1
    maria.post(f"/alerts/{number}/mute", data=form | {"days": "0"})
    assert store.alerts.find(number).muted_until is None  # type: ignore[union-attr]  # it is there


def test_a_button_is_offered_only_to_whoever_may_press_it(service: Service, store: Store, maria: TestClient) -> None:
    text = maria.get("/alerts").text
    assert "/jobs/plan/run" in text, "maria may plan"
    assert "/jobs/nightly/run" not in text, "and no more"


def test_alerts_in_a_browser(visitor: Any) -> None:
    with visitor.served.context.open_store() as store:
        for kind, subject, severity, message in RAISED[:5]:
            store.alerts.raise_(kind, subject, severity, message, AT)
    visitor.visit("/alerts")
    visitor.see("A job failed", "Run it again", "Campaign Help to fix a failed payment")
    visitor.page.get_by_role("button", name="I look after it").first.click()
    visitor.see("looks after it")
    visitor.assert_accessible()
    visitor.screenshot("alerts")

"""The audit log on its page: by person, kind and period, page by page, and as CSV."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import churn
from churn.api.pages.audit import DEEDS, PAGE_ROWS
from tests.api.conftest import Service
from tests.api.pages.test_pages import signed_in

AT = datetime(2026, 7, 1, 12)
_NOTED = re.compile(r'(?:\.audit|_audit|_asked|_done|_accepted)\([^"\n]*\n?[^"\n]*"([a-z]+_?[a-z_]*)",')


@pytest.fixture
def admin(service: Service) -> TestClient:
    client = signed_in(service, ("admin",))
    with service.context.open_store() as store:
        for number in range(PAGE_ROWS + 20):
            store.requests.audit("maria", "plan_campaign", f"walk {number}", AT + timedelta(days=number))
        store.requests.audit("jan", "promote_model", "=1+1", AT)
    return client


def rows(text: str) -> list[str]:
    return re.findall(r'<tr role="row"><td.*?</tr>', text)


def test_the_log_is_shown_page_by_page(admin: TestClient) -> None:
    first = admin.get("/audit?who=maria").text
    assert len(rows(first)) == PAGE_ROWS
    older = re.search(r'href="([^"]+)">Older', first)
    assert older is not None
    second = admin.get(older.group(1).replace("&amp;", "&")).text
    assert len(rows(second)) == 20
    assert "Older" not in second


def test_a_campaign_is_called_by_its_title(admin: TestClient, service: Service) -> None:
    with service.context.open_store() as store:
        store.requests.audit("ann", "sync_campaign", "fix_payment to file", AT)
    page = admin.get("/audit?who=ann").text
    assert "“Help to fix a failed payment” to file" in page
    assert "fix_payment to file" in admin.get("/audit.csv?who=ann").text


def test_the_log_is_filtered_by_person_kind_and_whole_days(admin: TestClient) -> None:
    assert len(rows(admin.get("/audit?who=jan").text)) == 1
    assert "Promoted a model" in rows(admin.get("/audit?action=promote_model").text)[0]
    of_two_days = admin.get("/audit?who=maria&since=2026-07-02&until=2026-07-03").text
    assert [("walk 2" in row, "walk 1" in row) for row in rows(of_two_days)] == [(True, False), (False, True)]
    assert "Nothing matches" in admin.get("/audit?who=nobody").text
    assert len(rows(admin.get("/audit?who=jan&since=yesterday").text)) == 1, "a day that is none is ignored"


def test_the_log_as_csv_holds_every_entry_that_matches_and_no_formula(admin: TestClient) -> None:
    entries = list(csv.DictReader(io.StringIO(admin.get("/audit.csv?who=maria").text)))
    assert [entry["subject"] for entry in entries] == [f"walk {n}" for n in reversed(range(PAGE_ROWS + 20))]
    (of_jan,) = csv.DictReader(io.StringIO(admin.get("/audit.csv?who=jan").text))
    assert (of_jan["subject"], of_jan["done_at_utc"]) == ("'=1+1", "2026-07-01T12:00:00")


def test_only_administrators_read_it(service: Service) -> None:
    client = signed_in(service, ("read", "simulate", "push"))
    assert [client.get(path).status_code for path in ("/audit", "/audit.csv", "/users")] == [403] * 3


def test_every_kind_of_deed_has_words() -> None:
    files = Path(churn.__file__).parent.rglob("*.py")
    noted = {action for file in files for action in _NOTED.findall(file.read_text(encoding="utf-8")) if "_" in action}
    assert len(noted) > 30
    assert noted - set(DEEDS) == set()


def test_the_log_in_a_browser(visitor: Any) -> None:
    visitor.visit("/audit").see("Customers are named by a hash", "Who")
    visitor.page.get_by_label("What").select_option(label="Signed in")
    visitor.page.get_by_role("button", name="Show").click()
    visitor.see("Clear")
    visitor.assert_accessible()
    visitor.screenshot("audit")

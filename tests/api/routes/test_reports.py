from __future__ import annotations

import io
import json

import openpyxl

from tests.api.conftest import Service
from tests.reports.test_monthly import full


def test_the_archive_tells_month_language_and_headline_and_gives_page_and_facts(service: Service):
    folder = service.context.settings.home / "reports"
    folder.mkdir(exist_ok=True)
    (folder / "monthly-2026-07.html").write_text("<h1>7.8&nbsp;% of <b>customers</b> left.</h1>", encoding="utf-8")
    (folder / "monthly-2026-07-de.html").write_text("<h1>7,8 % gingen.</h1>", encoding="utf-8")
    (folder / "monthly-2026-07.json").write_text('{"month": "2026-07"}', encoding="utf-8")
    key = service.key("read")

    items = service.client.get("/v1/reports", headers=key).json()["items"]
    page = service.client.get("/v1/reports/2026-07", headers=key)
    facts = service.client.get("/v1/reports/2026-07?format=json&language=de", headers=key)
    german = service.client.get("/v1/reports/2026-07?language=de", headers=key)

    told = {(one["month"], one["language"]): one["headline"] for one in items}
    assert told["2026-07", "en"] == "7.8 % of customers left."
    assert told["2026-07", "de"] == "7,8 % gingen."
    assert page.headers["content-type"].startswith("text/html")
    assert "sandbox" in page.headers["content-security-policy"]
    assert facts.json() == {"month": "2026-07"}
    assert "gingen" in german.text


def test_a_month_without_a_report_and_a_name_that_is_no_month_are_refused(service: Service):
    key = service.key("read")
    assert service.client.get("/v1/reports/1999-01", headers=key).status_code == 404
    for name in ("2026-13", "..%2Fchurn.toml", "2026-07.html", "%2e%2e"):
        assert service.client.get(f"/v1/reports/{name}", headers=key).status_code in {404, 422}, name
    assert service.client.get("/v1/reports/2026-07?language=../x", headers=key).status_code == 422
    assert service.client.get("/v1/reports").status_code == 401


def test_the_tables_of_a_month_are_a_workbook_of_the_facts_beside_its_page(service: Service):
    folder = service.context.settings.home / "reports"
    folder.mkdir(exist_ok=True)
    facts = full()
    (folder / f"monthly-{facts.month}.html").write_text("<h1>7.8 % left.</h1>", encoding="utf-8")
    (folder / f"monthly-{facts.month}.json").write_text(json.dumps(facts.as_json()), encoding="utf-8")
    answer = service.client.get(f"/v1/reports/{facts.month}?format=xlsx", headers=service.key("read"))
    assert answer.status_code == 200
    assert "spreadsheetml" in answer.headers["content-type"]
    head, *months = openpyxl.load_workbook(io.BytesIO(answer.content))["Churn by month"].values
    assert [dict(zip(head, row, strict=True))["customers"] for row in months] == [
        month.customers for month in facts.churn.trend
    ]

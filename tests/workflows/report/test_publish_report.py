from __future__ import annotations

import json
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from churn.bootstrap import build_context
from churn.config import load_settings
from churn.context import Context
from churn.documents.document import Range
from churn.documents.month_facts import LedgerPromise, NightFacts, UnknownDecision
from churn.errors import ChurnError, ConfigError, ResourceError
from churn.views.reports import monthly_report
from churn.workflows.report import ReportResult, publish_report
from churn.workflows.report import publish as module
from churn.workflows.report.campaign_facts import campaign_facts
from churn.workflows.report.month import Month
from tests.company import Company, copy_home
from tests.documents.samples import measurement_document, plan_record


def context_of(home: Path) -> Context:
    config = home / "churn.toml"
    return build_context(settings=load_settings(config=config if config.is_file() else None, home=home, environ={}))


@pytest.fixture(scope="module")
def published(finished_company: Company, tmp_path_factory: pytest.TempPathFactory) -> ReportResult:
    """The report of the newest month, in a home that nobody changes."""
    home = tmp_path_factory.mktemp("published") / "home"
    copy_home(finished_company.home, home)
    return publish_report(context_of(home))


@pytest.fixture
def company(published: ReportResult, tmp_path: Path) -> Company:
    """A copy of that home, to change at will."""
    shutil.copytree(published.files["report"].parents[1], tmp_path / "home")
    return Company(tmp_path / "home")


def test_the_same_company_gives_the_same_bytes_also_when_opened_again(company: Company, published: ReportResult):
    page, facts = published.files["report"].read_bytes(), published.files["facts"].read_bytes()
    again = publish_report(context_of(company.home))

    assert again.files["report"] != published.files["report"]
    assert again.files["report"].read_bytes() == page
    assert again.files["facts"].read_bytes() == facts
    assert len(page) < 1_000_000
    assert b"No campaign has been measured yet" in page  # before campaigns


def test_a_month_that_the_data_do_not_reach_is_refused_by_name_and_no_file_is_left(company: Company):
    with pytest.raises(ConfigError, match="the data end before 2031-01"):
        publish_report(context_of(company.home), "2031-01")
    assert not (company.home / "reports" / "monthly-2031-01.html").exists()
    with pytest.raises(ConfigError, match="is no month"):
        publish_report(context_of(company.home), "2026-13")


def _month_before(published: ReportResult) -> date:
    churn = published.document.churn
    assert churn is not None
    assert churn.before is not None
    return churn.before.month


def test_a_report_for_nobody_in_particular_is_in_the_companys_language(company: Company):
    with (company.home / "churn.toml").open("a", encoding="utf-8") as file:
        file.write('\n[reporting]\nlanguage = "de"\n')
    context = context_of(company.home)
    report = publish_report(context)
    assert report.files["report"].name.endswith("-de.html")
    assert '<html lang="de">' in report.files["report"].read_text(encoding="utf-8")
    assert monthly_report(context, report.month)[0] == report.files["report"]
    assert publish_report(context, language="en").files["report"].name == f"monthly-{report.month}.html"


def test_an_earlier_month_is_told_as_it_ended(company: Company, published: ReportResult):
    before = _month_before(published)
    told = publish_report(context_of(company.home), f"{before:%Y-%m}").document
    assert told.first_day == before
    assert told.churn is not None
    assert told.churn.trend[-1].month == before


def test_a_past_month_keeps_what_was_told_in_its_time_and_else_says_that_nothing_is_on_record(
    company: Company, published: ReportResult
):
    context, newest = context_of(company.home), published.document
    before = f"{_month_before(published):%Y-%m}"

    unwritten = publish_report(context, before).document
    assert (unwritten.is_newest, unwritten.is_in_time) == (False, False)
    assert unwritten.decision == UnknownDecision(code="past", why="")
    assert unwritten.insights is None
    assert "not on record" in publish_report(context, before).files["report"].read_text(encoding="utf-8")

    facts = company.home / "reports" / f"monthly-{before}.json"
    kept = {
        **json.loads(facts.read_text(encoding="utf-8")),
        "is_in_time": True,
        "decision": newest.as_json()["decision"],
    }
    facts.write_text(json.dumps(kept), encoding="utf-8")
    for _ in range(2):  # also from what it wrote itself
        told = publish_report(context, before).document
        assert told.is_in_time
        assert told.decision == newest.decision


def test_what_was_planned_and_measured_later_is_not_in_a_past_month(company: Company, published: ReportResult):
    context, newest = context_of(company.home), published.document
    after = datetime.combine(newest.next_month, datetime.min.time())
    inside, later = after - timedelta(days=20), after + timedelta(days=5)
    _plan(context, "early", inside)
    _plan(context, "late", later)
    _measure(context, "early", after + timedelta(days=8), 100.0)
    _measure(context, "early", after + timedelta(days=70), 900.0)

    told = publish_report(context).document
    (campaign,) = told.campaigns
    assert campaign.name == "early"
    assert campaign.realised is not None
    assert campaign.realised.value == 100.0
    assert told.spent == 10.0
    (row,) = told.ledger
    assert (row.first, row.treatment, row.holdout) == (newest.first_day, 2, 1)
    assert row.measured == Range(value=100.0, low=50.0, high=150.0)
    assert row.promised == LedgerPromise(profit=20.0, low=10.0, high=30.0)


def test_what_can_never_be_measured_does_not_wait_for_outcomes(tmp_path: Path):
    """Both were contacted in May; the one's windows are over and nobody was held out, the other's run."""
    context = context_of(tmp_path)
    for name, is_over in (("alone", True), ("open", False)):
        _plan(context, name, datetime(2026, 5, 3))
        result = measurement_document(name, status="no_holdout" if is_over else "not_mature")
        with context.open_store() as store:
            store.measurements.save(name, [f"{name}-1"], result, is_mature=is_over, measured_at=datetime(2026, 6, 20))
    with context.open_store() as store:
        facts = campaign_facts(store, Month(date(2026, 5, 1)))
    assert {row.name: row.stage for row in facts.campaigns} == {"alone": "no_verdict", "open": "running"}
    assert [(row.campaigns, row.waiting) for row in facts.ledger] == [(2, 1)]


def _plan(context: Context, name: str, at: datetime) -> None:
    plan = plan_record(f"{name}-1", name, planned_at=at)
    rows = pl.DataFrame(
        [
            {
                "campaign": name,
                "customer_id": f"{name}-{number}",
                "plan_id": plan.plan_id,
                "arm": "holdout" if number == 0 else "treatment",
                "stratum": "all",
                "snapshot_date": at.date(),
                "assigned_at": at,
                "churn_probability": 0.2,
                "risk_band": "high",
                "percentile": 99.0,
                "expected_profit": 1.0,
                "expected_uplift": None,
                "value_of_save": 70.0,
                "contact_cost": 1.0,
                "incentive_cost": 0.0,
            }
            for number in range(3)
        ],
        schema_overrides={"expected_uplift": pl.Float64, "assigned_at": pl.Datetime("us")},
    )
    with context.open_store() as store:
        store.plans.save(plan, rows)


def _measure(context: Context, name: str, at: datetime, value: float) -> None:
    result = measurement_document(name, net=Range(value=value, low=value - 50.0, high=value + 50.0), cost=10.0)
    with context.open_store() as store:
        store.measurements.save(name, [f"{name}-1"], result, is_mature=True, measured_at=at)


def test_a_failed_night_of_the_month_is_named(company: Company, published: ReportResult):
    context = context_of(company.home)
    month = published.document.first_day
    with context.open_store() as store:
        store.jobs.request(
            "nightly", logical_date=month.replace(day=11), requested_by="me", at=context.clock(), state="missed"
        )
    found = publish_report(context)
    assert found.document.nights == NightFacts(done=0, failed=(month.replace(day=11),))
    assert f"Not on: 11 {month:%B %Y}." in found.files["report"].read_text(encoding="utf-8")


def test_a_warehouse_without_data_is_refused_with_words(tmp_path: Path):
    with pytest.raises(ChurnError):
        publish_report(context_of(tmp_path))
    assert not list(tmp_path.glob("reports/monthly-*"))


def test_a_full_disk_leaves_the_report_that_was_there(company: Company, monkeypatch: pytest.MonkeyPatch):
    (page,) = (company.home / "reports").glob("monthly-*.html")
    kept = page.read_bytes()

    def full(path: Path, text: str) -> None:
        raise ResourceError("cannot be written: No space left on device", where=str(path))

    monkeypatch.setattr(module, "write_text", full)
    with pytest.raises(ResourceError):
        publish_report(context_of(company.home))
    assert page.read_bytes() == kept

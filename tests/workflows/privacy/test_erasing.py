"""One customer who was in everything is erased, and looked for everywhere."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pytest

from churn.decisions.bands import BANDS
from churn.errors import NotFound
from churn.jobs.catalog import JOBS
from churn.modeling.serving.bundles import verify
from churn.workflows.measure import import_outcomes, measure_campaign
from churn.workflows.privacy import export_customer, retain
from churn.workflows.privacy.erase import erase_customer
from churn.workflows.refresh import refresh_warehouse
from tests.workflows.privacy.conftest import CAMPAIGN, Gone
from tests.workflows.privacy.seeking import places_naming

# docs/privacy.md names it: the file that tells the reader of a list whom to empty.
NOTICE = "lists/changes/"


def test_the_customer_was_in_every_part_before(gone: Gone) -> None:
    parts = " ".join(gone.before)
    for part in (
        "warehouse raw.",
        "warehouse staging.",
        "warehouse features.",
        "warehouse history.",
        "warehouse totals.",
    ):
        assert part in parts
    for part in ("scores", "assignments", "outcomes", "outcome_rejections", "outbox", "crm_records", "alerts"):
        assert f"store {part}" in gone.before
    for part in (
        "serving/",
        "lists/file.csv",
        "churn.log",
        "answers.csv",
        "reports/list.xlsx",
        "privacy/export-",
        "raw.rejected_rows",
    ):
        assert part in parts


def test_after_an_erasure_the_id_is_found_nowhere_but_in_the_notice_to_the_reader_of_the_list(gone: Gone) -> None:
    assert gone.left == list(gone.erased.told_in)
    assert all(place.startswith(NOTICE) for place in gone.left)


def test_an_export_holds_what_is_looked_for(gone: Gone) -> None:
    told = {f"warehouse {name}" for name in gone.exported["warehouse"]}  # type: ignore[attr-defined]  # a document
    told |= {f"store {name}" for name in gone.exported["store"]}  # type: ignore[attr-defined]  # a document
    told |= set(gone.exported["files"])  # type: ignore[call-overload]  # a document
    # The files of facts, and what is kept of their repeats, are told as the raw and staged tables that show them.
    shown = ("privacy/", "store privacy_", "facts/", "warehouse facts.")
    missing = [p for p in gone.before if p not in told and not p.startswith(shown)]
    assert {"warehouse raw.sessions", "warehouse staging.sessions", "warehouse raw.payments"} <= told
    assert set(missing) <= {"store.sqlite", "store.sqlite-wal", "warehouse.duckdb", "warehouse.duckdb.wal"}


def test_nobody_else_lost_anything(gone: Gone) -> None:
    context = gone.lived.context
    assert gone.lived.other in json.dumps(export_customer(context, gone.lived.other, who="test"))
    with context.open_store() as store:
        assert store.assignments.of(CAMPAIGN).height == gone.assigned - sum(
            store.privacy.erased_counts(CAMPAIGN).values()
        )
        champion = store.models.champion()
    assert champion is not None
    verify(context.settings.models_path / champion.bundle)


def test_a_workbook_keeps_everybody_else(gone: Gone) -> None:
    rows = list(openpyxl.load_workbook(gone.lived.home / "reports" / "list.xlsx")["Risk list"].values)
    with gone.lived.context.open_store() as store:
        listed = [row["customer_id"] for row in store.published.page(bands=list(BANDS), limit=None).documents()]
    assert [row[0] for row in rows if row[0] is not None] == ["customer_id", *listed]
    assert gone.exported["files"]["reports/list.xlsx"][0]["customer_id"] == gone.lived.customer  # type: ignore[index]


def test_the_arms_keep_an_anonymous_count(gone: Gone) -> None:
    with gone.lived.context.open_store() as store:
        told = store.privacy.erased_counts(CAMPAIGN)
    assert told["treatment"] >= 1  # other tests of the same company may have erased others
    document = measure_campaign(gone.lived.context, CAMPAIGN).document.as_json()
    assert document["erased"] == {"treatment": told["treatment"], "holdout": told.get("holdout", 0)}
    assert any("erased" in one for one in document["words"]["notes"])


def test_a_reload_of_the_source_does_not_bring_them_back(gone: Gone) -> None:
    context = gone.lived.context
    refresh_warehouse(context, full=True)
    import_outcomes(context, _answers(gone))
    assert [p for p in places_naming(gone.lived.home, gone.lived.customer) if not p.startswith(NOTICE)] == ["late.csv"]
    (gone.lived.home / "late.csv").unlink()
    again = erase_customer(context, gone.lived.customer, who="test")
    assert again.was_erased
    assert not any(again.removed.values())


def _answers(gone: Gone) -> Path:
    late = gone.lived.home / "late.csv"
    row = f"{gone.lived.customer},{CAMPAIGN},e9,accepted,{gone.at:%Y-%m-%d %H:%M}"
    late.write_text(f"customer_id,campaign,event_id,kind,occurred_at\n{row}\n", encoding="utf-8")
    return late


def test_retention_removes_the_notice_and_the_fetched_export(gone: Gone) -> None:
    retain(gone.lived.later(days=8), who="test")
    assert places_naming(gone.lived.home, gone.lived.customer) == []


def test_the_ledger_of_jobs_and_requests_keeps_no_id(gone: Gone) -> None:
    with gone.lived.context.open_store() as store:
        requests = store.privacy.requests(gone.lived.customer)
        assert {one.customer_id for one in requests} == {None}
        assert {one.kind for one in requests} == {"export", "erase"}
        assert all(gone.lived.customer not in json.dumps(run.parameters) for run in store.jobs.list())
    assert {"erase", "export", "object"} <= set(JOBS)


def test_who_was_never_known_cannot_be_erased(gone: Gone) -> None:
    with pytest.raises(NotFound, match="nothing is held"):
        erase_customer(gone.lived.context, "nobody of this name", who="test")


@pytest.mark.parametrize("column", ["customer_id", "referred_by"])
def test_a_table_added_tomorrow_is_covered_by_itself(gone: Gone, column: str) -> None:
    context, someone = gone.lived.context, gone.lived.other
    with context.open_warehouse("test") as warehouse:
        warehouse.execute("create schema if not exists history")
        warehouse.execute(f"create or replace table history.calls as select '{someone}' as {column}, 1 as minutes")
    with context.open_store() as store, store.database.write() as connection:
        connection.exec_driver_sql("drop table if exists calls")
        connection.exec_driver_sql(f"create table calls (call_id integer primary key, {column} text)")
        connection.exec_driver_sql(f"insert into calls values (1, '{someone}')")
    found = export_customer(context, someone, who="test")
    assert found["warehouse"]["history.calls"]
    assert found["store"]["calls"]


def test_the_search_finds_what_erasing_does_not_cover(gone: Gone) -> None:
    context, someone = gone.lived.context, gone.lived.third  # other tests look for the other one
    with context.open_warehouse("test") as warehouse:
        warehouse.execute(f"create or replace table history.hidden as select ['{someone}'] as friends")
    page = gone.lived.home / "pages" / "support_tickets" / "page-000001.ndjson"  # of a web service that broke off
    page.parent.mkdir(parents=True)
    page.write_text(json.dumps({"customer_id": someone, "name": "Ada"}), encoding="utf-8")
    erase_customer(context, someone, who="test")
    left = places_naming(gone.lived.home, someone)
    assert "warehouse history.hidden" in left  # a list is a place that erasing does not look into: it must be told of
    assert not any("calls" in place for place in left)
    assert not page.exists()

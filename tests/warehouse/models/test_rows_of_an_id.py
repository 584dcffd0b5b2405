"""Rows of one load that share an id and differ: a key that is none, which would drop all of them but the last."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from churn.config import SourceSettings
from churn.warehouse import Warehouse, load_models
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models.build import build
from churn.warehouse.models.checks import run_checks
from tests.warehouse.models.quality import TODAY, Check, checking, company

RULE = "rows_of_an_id_agree"


@pytest.fixture
def check(warehouse: Warehouse, tmp_path: Path) -> Check:
    return checking(warehouse, tmp_path)


def lines_of_invoices() -> pl.DataFrame:
    """Return payments by an id that is the invoice's, of which each has two lines."""
    payments = company()["payments"].head(100)
    return pl.concat([payments, payments.with_columns(pl.col("amount") + 1)])


def test_lines_that_share_the_id_of_their_invoice_block(check: Check) -> None:
    finding = check({"payments": lines_of_invoices()})[RULE]
    assert (finding.level, finding.defect_count) == ("block", 100)
    assert (finding.example["column_name"], finding.example["most_rows"]) == ("payments.payment_id", 2)


def test_versions_that_were_known_at_different_times_are_no_lines(check: Check) -> None:
    known = [TODAY - timedelta(days=2)] * 100 + [TODAY - timedelta(days=1)] * 100
    assert RULE not in check({"payments": lines_of_invoices().with_columns(known_at=pl.Series(known))})


def test_rows_delivered_twice_agree(check: Check) -> None:
    payments = company()["payments"].head(100)
    assert RULE not in check({"payments": pl.concat([payments, payments])})


def test_versions_in_files_that_overlap_are_no_lines(warehouse: Warehouse, tmp_path: Path) -> None:
    """An export of each day's last month tells a payment in many files; loaded at once they are one load."""
    lines = lines_of_invoices()
    for name, rows in (("payments-1.csv", lines.head(100)), ("payments-2.csv", lines.tail(100))):
        rows.write_csv(tmp_path / name)
    models = load_models(tmp_path)
    ingest(warehouse, {"payments": SourceSettings(path=str(tmp_path / "payments-*.csv"))}, now=TODAY)
    build(warehouse, models, schemas=["staging", "totals"])
    results = {result.rule: result for result in run_checks(warehouse, models, now=TODAY)}
    assert results["rows_are_delivered_once"].defect_count == 100
    assert results[RULE].defect_count == 0


def test_a_customer_who_churned_and_stayed_by_one_panel_blocks(check: Check) -> None:
    days = [(TODAY - timedelta(days=30 * back)).date() for back in (3, 2, 1)]
    labels = pl.DataFrame(
        [{"customer_id": f"C{n}", "snapshot_date": day, "has_churned": n % 3 == 0} for n in range(50) for day in days]
    )
    turned = labels.head(30).with_columns(~pl.col("has_churned"))
    finding = check({"customer_snapshots": pl.concat([labels, turned])})[RULE]
    assert (finding.defect_count, finding.example["column_name"]) == (30, "customer_snapshots.customer_id")


def test_a_few_of_a_hundred_rows_do_not_block(check: Check) -> None:
    payments = company()["payments"]
    few = payments.head(payments.height // 100).with_columns(pl.col("amount") + 1)
    assert RULE not in check({"payments": pl.concat([payments, few])})


def test_sessions_of_a_day_without_times_are_told(check: Check) -> None:
    """Two sittings of a day, of 10 and 20 minutes, delivered with the day alone: one would count."""
    sessions = company()["sessions"].head(300).with_columns(pl.col("started_at").dt.truncate("1d"))
    sittings = pl.concat([sessions.with_columns(duration_minutes=pl.lit(float(m))) for m in (10, 20)])
    finding = check({"sessions": sittings})["ids_stand_for_one_fact"]
    assert finding.level == "warn"
    assert finding.example["column_name"] == "sessions.started_at"
    assert finding.defect_count > 100


def test_sessions_delivered_twice_are_not(check: Check) -> None:
    sessions = company()["sessions"].head(300)
    assert "ids_stand_for_one_fact" not in check({"sessions": pl.concat([sessions, sessions])})

"""`churn init --from` proposes what becomes of rows that their source marks as deleted, and of logs of changes."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from churn.config import Settings
from churn.errors import ContractBroken
from churn.warehouse import Warehouse, open_warehouse
from churn.warehouse.loading.ingest import ingest
from tests.workflows.test_init_from_files import proposed

CUSTOMERS = [f"{n},{n}@example.com,2025-01-{n:02}" for n in range(1, 31)]
PAYMENTS = [f"P{n},{n},2026-01-{n:02},10" for n in range(1, 31)]
SUBSCRIPTIONS = [f"S{n},{n},2025-01-{n:02},basic," for n in range(1, 31)]
HEADS = {
    "customers": "customer_id,email,signed_up_at",
    "payments": "payment_id,customer_id,paid_at,amount",
    "subscriptions": "subscription_id,customer_id,started_at,plan,ended_at",
}
ROWS = {"customers": CUSTOMERS, "payments": PAYMENTS, "subscriptions": SUBSCRIPTIONS}


def marked(folder: Path, table: str, heading: str, deleted: str, kept: str) -> tuple[str, Settings]:
    """Propose a table of 30 rows of which every tenth is marked as deleted."""
    lines = [f"{row},{deleted if n % 10 == 0 else kept}" for n, row in enumerate(ROWS[table])]
    (folder / f"{table}.csv").write_text("\n".join([f"{HEADS[table]},{heading}", *lines]) + "\n", encoding="utf-8")
    return proposed(folder, f"{table}.csv")


def loaded(settings: Settings, question: str) -> list[tuple[object, ...]]:
    with open_warehouse(None, holder="tests") as warehouse:
        return _rows(warehouse, settings, question)


def _rows(warehouse: Warehouse, settings: Settings, question: str) -> list[tuple[object, ...]]:
    ingest(warehouse, settings.sources, now=datetime(2026, 3, 1))
    return warehouse.rows(question)


MARKS = [
    ("_fivetran_deleted", "true", "false"),
    ("is_deleted", "1", "0"),
    ("deleted_at", "2026-02-03 10:00:00", ""),
    ("_ab_cdc_deleted_at", "2026-02-03T10:00:00Z", ""),
]


@pytest.mark.parametrize(("heading", "deleted", "kept"), MARKS)
def test_deleted_payments_are_left_out(tmp_path: Path, heading: str, deleted: str, kept: str) -> None:
    _, settings = marked(tmp_path, "payments", heading, deleted, kept)
    assert loaded(settings, "select count(*), sum(amount) from raw.payments") == [(27, 270)]


def test_a_mark_that_no_row_bears_yet_is_proposed_too(tmp_path: Path) -> None:
    _, settings = marked(tmp_path, "payments", "_fivetran_deleted", "false", "false")
    assert settings.sources["payments"].where == "try_cast(_fivetran_deleted as boolean) is not true"


@pytest.mark.parametrize(("heading", "deleted", "kept"), MARKS)
def test_deleted_customers_keep_their_past_and_are_not_contacted(
    tmp_path: Path, heading: str, deleted: str, kept: str
) -> None:
    _, settings = marked(tmp_path, "customers", heading, deleted, kept)
    assert loaded(settings, "select count(*), count(objected_at) from raw.customers") == [(30, 3)]


def test_whoever_is_deleted_or_objected_is_not_contacted(tmp_path: Path) -> None:
    lines = [f"{row},{int(n % 10 == 0)},{int(n % 10 == 1)}" for n, row in enumerate(CUSTOMERS)]
    head = f"{HEADS['customers']},is_deleted,unsubscribed"
    (tmp_path / "customers.csv").write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    _, settings = proposed(tmp_path, "customers.csv")
    assert loaded(settings, "select count(*), count(objected_at) from raw.customers") == [(30, 6)]


@pytest.mark.parametrize(("heading", "deleted", "kept"), MARKS)
def test_deleted_subscriptions_are_a_question_without_whose_answer_nothing_is_loaded(
    tmp_path: Path, heading: str, deleted: str, kept: str
) -> None:
    text, settings = marked(tmp_path, "subscriptions", heading, deleted, kept)
    assert f"# {heading} marks deleted rows. A subscription that never was, or one that ended by it? Choose:" in text
    with pytest.raises(ContractBroken, match="3 rows are marked as deleted"):
        loaded(settings, "select 1")


def test_a_log_of_debezium_counts_each_change_from_its_time_and_ends_what_is_deleted(tmp_path: Path) -> None:
    start, ended, read = 1_735_689_600_000, 1_769_904_000_000, 1_767_225_600_000
    lines = []
    for n in range(1, 31):
        row = {"subscription_id": f"S{n}", "customer_id": n, "started_at": start, "plan": "basic", "ended_at": None}
        lines.append({"before": None, "after": row, "op": "r" if n % 2 else "c", "ts_ms": read})
        if n % 10 == 0:
            lines.append({"before": row, "after": None, "op": "d", "ts_ms": ended})
        if n % 10 == 1:
            lines.append({"before": row, "after": row | {"plan": "pro"}, "op": "u", "ts_ms": ended})
    (tmp_path / "subscriptions.json").write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    _, settings = proposed(tmp_path, "subscriptions.json")
    rows = loaded(
        settings,
        "select count(*), count(distinct subscription_id), count(known_at), count(*) filter (plan = 'pro'), min(started_at),"
        " count(ended_at), min(ended_at), max(ended_at) from raw.subscriptions",
    )
    at = datetime(2026, 2, 1)
    assert rows == [(36, 30, 21, 3, datetime(2025, 1, 1), 3, at, at)]


def test_a_log_without_the_times_of_its_changes_asks_for_them(tmp_path: Path) -> None:
    lines = [f"{'D' if n % 10 == 0 else 'I'},{row}" for n, row in enumerate(PAYMENTS)]
    (tmp_path / "payments.csv").write_text("\n".join([f"Op,{HEADS['payments']}", *lines]) + "\n", encoding="utf-8")
    text, settings = proposed(tmp_path, "payments.csv")
    assert '# known_at = "THEIR_TIME_OF_THE_CHANGE"' in text
    assert loaded(settings, "select count(*) from raw.payments") == [(27,)]

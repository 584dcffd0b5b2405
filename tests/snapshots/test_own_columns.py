"""Columns that only the company's own sources have: features where their history is known, and said where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from churn.config import SourceSettings
from churn.errors import ConfigError
from churn.snapshots.dataset import build_snapshots, feature_frame
from churn.snapshots.own_columns import own_columns
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import Warehouse, open_warehouse
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models.build import build
from tests.worlds import FAR, World, shipped_models
from tests.worlds import build as build_world

LOADED = datetime(2026, 3, 1, 2)
NEXT = datetime(2026, 4, 1, 2)


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    with open_warehouse(None, holder="test") as opened:
        yield opened


def load(warehouse: Warehouse, folder: Path, files: dict[str, str], now: datetime = LOADED) -> None:
    """Load each file as the table that its name begins with, and bring staging up to date."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    tables = {name.split("-")[0].removesuffix(".csv") for name in files}
    sources = {table: SourceSettings(path=str(folder / f"{table}*.csv")) for table in sorted(tables)}
    ingest(warehouse, sources, now=now)
    for table in ("customers", "payments", "sessions", "events", "contacts", "customer_snapshots", "support_tickets"):
        if table not in tables:
            ingest_nothing(warehouse, table)
    build(warehouse, shipped_models(), schemas=["staging", "totals"])


def ingest_nothing(warehouse: Warehouse, table: str) -> None:
    from churn.warehouse.loading import ledger
    from churn.warehouse.loading.contracts import TABLES

    ledger.create_raw(warehouse, TABLES[table])


SUBSCRIPTIONS = "subscription_id,customer_id,started_at,canceled_at,ended_at,seats,status\n" + "".join(
    f"S{n},C{n},2025-01-0{n},{'2026-02-20' if n == 1 else ''},,{n},{'gone' if n == 1 else 'runs'}\n"
    for n in range(1, 5)
)
PLAIN_SUBSCRIPTIONS = "subscription_id,customer_id,started_at\nS1,C1,2025-01-01\n"
CUSTOMERS = "customer_id,signed_up_at,industry,rating,plan\n" + "".join(
    f"C{n},2025-01-0{n},{'retail' if n % 2 else 'health'},{n}.5,p{n}\n" for n in range(1, 5)
)


def features(warehouse: Warehouse, *days: str, static: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
    """Return the features of the last day by customer."""
    policy = SnapshotPolicy(static=static)
    dates = [date.fromisoformat(day) for day in days]
    build_snapshots(warehouse, shipped_models(), policy, dates, data_cutoff=FAR)
    frame, _ = feature_frame(warehouse, shipped_models())
    return {row["customer_id"]: row for row in frame.to_dicts() if row["snapshot_date"] == dates[-1]}


def uses(warehouse: Warehouse, *days: str, static: tuple[str, ...] = ()) -> dict[str, str]:
    found = own_columns(warehouse, shipped_models(), static, [date.fromisoformat(day) for day in days])
    return {f"{column.source}.{column.column}": column.use for column in found}


def test_without_history_a_column_is_offered_as_of_today_and_left_out_of_training(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    load(warehouse, tmp_path, {"customers.csv": CUSTOMERS, "subscriptions.csv": SUBSCRIPTIONS})
    names = ("customers.industry", "customers.rating", "customers.plan", "subscriptions.seats", "subscriptions.status")
    assert uses(warehouse) == dict.fromkeys(names, "as_of_today")
    assert not {"industry", "rating", "seats", "status"} & features(warehouse, "2025-12-01", "2026-01-01")["C2"].keys()
    (column, *_) = own_columns(warehouse, shipped_models(), ())
    assert column.words == (
        "not learnt from: as of today, what it held before 2026-03-01 is not known. Map known_at, or name it in"
        " [sources.customers] static if it never changes"
    )


def test_after_the_first_load_the_value_of_the_day_is_known(warehouse: Warehouse, tmp_path: Path) -> None:
    load(warehouse, tmp_path, {"customers.csv": CUSTOMERS, "subscriptions.csv": SUBSCRIPTIONS})
    load(
        warehouse,
        tmp_path,
        {"customers.csv": CUSTOMERS.replace("2.5", "9.5"), "subscriptions.csv": SUBSCRIPTIONS},
        NEXT,
    )
    for day, rating in (("2026-03-15", 2.5), ("2026-04-15", 9.5)):
        row = features(warehouse, day)["C2"]
        assert (row["rating"], row["industry"], row["seats"], row["customers_plan"]) == (rating, "health", 2, "p2")
    assert uses(warehouse, "2026-02-01", "2026-03-15", "2026-04-15")["customers.rating"] == "versions"


def test_what_is_declared_static_counts_from_the_beginning(warehouse: Warehouse, tmp_path: Path) -> None:
    load(warehouse, tmp_path, {"customers.csv": CUSTOMERS, "subscriptions.csv": SUBSCRIPTIONS})
    row = features(warehouse, "2025-06-01", static=("customers.industry", "subscriptions.seats"))["C1"]
    assert (row["industry"], row["seats"]) == ("retail", 1)
    assert "status" not in row  # it was overwritten when they left
    with pytest.raises(ConfigError, match=r"`colour` is no column of one's own .*|There are: industry, rating, plan"):
        own_columns(warehouse, shipped_models(), ("customers.colour",))


@pytest.mark.parametrize("name", ["customers.industry", "subscriptions.seats", "payments.method", "customers.city"])
def test_a_static_column_that_is_none_of_one_s_own_is_refused(warehouse: Warehouse, tmp_path: Path, name: str) -> None:
    load(
        warehouse, tmp_path, {"customers.csv": "customer_id,city\nC1,Rome\n", "subscriptions.csv": PLAIN_SUBSCRIPTIONS}
    )
    with pytest.raises(ConfigError, match=name.split(".")[1]) as refused:
        own_columns(warehouse, shipped_models(), (name,))
    assert refused.value.remedy


def test_a_source_that_was_not_loaded_yet_is_not_asked_for_its_columns(warehouse: Warehouse, tmp_path: Path) -> None:
    load(warehouse, tmp_path, {"subscriptions.csv": PLAIN_SUBSCRIPTIONS})
    assert own_columns(warehouse, shipped_models(), ("customers.industry",)) == ()


def test_with_known_at_a_value_counts_from_then_on(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = "C1,2025-01-01,2025-01-01,5\nC1,2025-01-01,2025-07-01,7\nC2,2025-01-01,2025-09-01,3\n"
    told = "subscription_id,customer_id,started_at,ended_at,status,known_at\nS1,C1,2025-01-01,,runs,2025-01-01\n"
    told += "S2,C2,2025-01-01,2026-02-01,gone,2026-02-02\n"
    load(
        warehouse,
        tmp_path,
        {"customers.csv": "customer_id,signed_up_at,known_at,rating\n" + rows, "subscriptions.csv": told},
    )
    assert set(uses(warehouse).values()) == {"known_at"}
    spring, autumn = features(warehouse, "2025-06-01"), features(warehouse, "2025-10-01")
    assert (spring["C1"]["rating"], autumn["C1"]["rating"]) == (5, 7)
    assert (spring["C2"]["rating"], autumn["C2"]["rating"]) == (None, 3)
    # The row of C2 says when they had left; nobody knows what it said before.
    assert (autumn["C1"]["status"], autumn["C2"]["status"]) == ("runs", None)


def test_ids_and_names_are_no_features(warehouse: Warehouse, tmp_path: Path) -> None:
    text = "customer_id,signed_up_at,known_at,note,account,rating\n" + "".join(
        f"C{n},2025-01-01,2025-01-01,note {n},{9000 + n},{n % 7}\n" for n in range(200)
    )
    load(warehouse, tmp_path, {"customers.csv": text, "subscriptions.csv": SUBSCRIPTIONS})
    found = uses(warehouse)
    assert (found["customers.note"], found["customers.account"]) == ("identifier", "identifier")
    assert found["customers.rating"] == "known_at"


def test_columns_of_tickets_become_means_newest_values_and_shares_of_90_days() -> None:
    world = World().subscription("a", "2023-01-01").subscription("b", "2023-01-01")
    world.ticket("a", "2024-01-01", severity="low", stars=1.0)  # longer ago
    world.ticket("a", "2024-05-01", severity="low", stars=5.0).ticket("a", "2024-05-20", severity="high", stars=2.0)
    world.ticket("a", "2024-05-25", severity="high", stars=None)
    world.ticket("a", "2024-05-28", severity="high", stars=4.0, known="2024-06-01")  # not known yet
    with world.warehouse() as warehouse:
        build_world(warehouse, "2024-06-01")
        frame, docs = feature_frame(warehouse, shipped_models())
    a, b = frame.to_dicts()
    assert (a["ticket_mean.stars"], a["ticket_newest.stars"]) == (3.5, 2.0)
    assert a["ticket_part.severity high"] == pytest.approx(2 / 3)
    assert (b["ticket_mean.stars"], b["ticket_part.severity high"]) == (None, 0.0)
    phrases = {doc.name: doc.phrase for doc in docs}
    assert phrases["ticket_mean.stars"] == "stars of tickets is {} on average"


def test_a_company_without_columns_of_its_own_has_no_such_tables() -> None:
    with World().subscription("a", "2023-01-01").warehouse() as warehouse:
        build_world(warehouse, "2024-06-01")
        assert not warehouse.has_table("features.customer_columns")

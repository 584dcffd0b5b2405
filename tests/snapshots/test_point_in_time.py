"""The check of `churn check`: shipped features pass it on a company's own rows, and files that know too much are named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from churn.config import Settings, SourceSettings
from churn.snapshots.point_in_time import KINDS, Leak, find_leaks, own_features
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import Warehouse, load_models, open_warehouse
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models.build import build

DAY = date(2026, 3, 1)
START = datetime(2026, 3, 1)
GOOD = "f.occurred_at < s.snapshot_date and f.available_at < s.snapshot_date and coalesce(f.superseded_at >= s.snapshot_date, true)"


def tables() -> dict[str, pl.DataFrame]:
    """Return forty customers with facts of every kind in the last months."""
    ids = [f"C{n:02}" for n in range(40)]
    back = [START - timedelta(days=3 * n + 1, hours=5) for n in range(20)]
    return {
        "customers": pl.DataFrame({"customer_id": ids, "signed_up_at": [datetime(2025, 1, 1)] * 40, "city": ["Graz", "Lyon"] * 20}),
        "subscriptions": pl.DataFrame(
            {"subscription_id": ids, "customer_id": ids, "started_at": [datetime(2025, 1, 2)] * 40, "plan": ["basic", "plus"] * 20, "monthly_fee": [10.0, 20.0] * 20}
        ),
        "sessions": pl.DataFrame([{"customer_id": c, "started_at": at, "duration_minutes": 9.0} for c in ids for at in back]),
        "payments": pl.DataFrame(
            [
                {"payment_id": f"{c}-{n}", "customer_id": c, "attempted_at": at, "amount": 10.0, "status": ("succeeded", "failed")[n % 2]}
                for c in ids
                for n, at in enumerate(back)
            ]
        ),
        "support_tickets": pl.DataFrame(
            [{"ticket_id": f"{c}-{n}", "customer_id": c, "opened_at": at, "category": ("a", "b")[n % 2], "closed_at": None} for c in ids for n, at in enumerate(back[:4])],
            schema_overrides={"closed_at": pl.Datetime},
        ),
        "contacts": pl.DataFrame([{"customer_id": c, "contacted_at": at, "channel": "email"} for c in ids for at in back[:3]]),
        "events": pl.DataFrame(
            [{"customer_id": c, "event_type": ("like", "post")[n % 2], "occurred_at": at, "event_id": f"{c}-{n}"} for c in ids for n, at in enumerate(back)]
        ),
    }  # fmt: skip


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("company")
    sources = {}
    for name, frame in tables().items():
        frame.write_parquet(folder / f"{name}.parquet")
        sources[name] = SourceSettings(path=str(folder / f"{name}.parquet"))
    with open_warehouse(None, holder="test") as warehouse:
        ingest(warehouse, sources, now=datetime(2026, 3, 1, 2))
        build(warehouse, load_models(folder), schemas=["staging", "totals"])
        yield warehouse


def leaks(company: Warehouse, home: Path, **files: str) -> list[Leak]:
    folder = home / "sql" / "features"
    folder.mkdir(parents=True, exist_ok=True)
    for name, sql in files.items():
        (folder / f"{name}.sql").write_text(sql, encoding="utf-8")
    models = load_models(home)
    return find_leaks(company, models, SnapshotPolicy.from_settings(Settings()), DAY, own_features(models))


def counting(table: str, condition: str, column: str = "own_count", of: str = "count(f.customer_id)") -> str:
    return (
        f"select s.customer_id, s.snapshot_date, {of} as {column} from snapshots.spine as s"
        f" left join {table} as f on s.customer_id = f.customer_id and {condition} group by s.customer_id, s.snapshot_date"
    )


def test_shipped_features_know_nothing_too_early_on_rows_of_a_company(company: Warehouse, tmp_path: Path) -> None:
    models = load_models(tmp_path)
    features = sorted(name for name in models if name.startswith("features."))
    assert find_leaks(company, models, SnapshotPolicy.from_settings(Settings()), DAY, features) == []
    assert own_features(models) == []


def test_a_file_that_asks_rightly_passes(company: Warehouse, tmp_path: Path) -> None:
    assert leaks(company, tmp_path, own=counting("staging.payments", GOOD)) == []


@pytest.mark.parametrize(
    ("table", "condition", "kinds"),
    [
        ("staging.sessions", "f.available_at is not null", KINDS),
        ("staging.sessions", "f.occurred_at < s.snapshot_date and f.available_at is not null", KINDS[1:]),
        ("staging.payments", GOOD.replace("coalesce(f.superseded_at >= s.snapshot_date, true)", "f.superseded_at is null"), KINDS[2:]),
        ("staging.support_tickets", "f.occurred_at <= s.snapshot_date + interval 9 day and f.available_at is not null", KINDS),
        ("raw.payments", "f.attempted_at < s.snapshot_date", KINDS[1:]),
    ],
)  # fmt: skip
def test_a_file_that_knows_too_much_is_named_with_its_column(
    company: Warehouse, tmp_path: Path, table: str, condition: str, kinds: tuple[str, ...]
) -> None:
    found = leaks(
        company, tmp_path, own=counting(table, condition), good=counting("staging.events", GOOD, "good_count")
    )
    assert [(leak.feature, leak.column) for leak in found] == [("features.own", "own_count")]
    assert found[0].kinds == kinds
    assert found[0].file == tmp_path / "sql" / "features" / "own.sql"
    assert " becomes " in found[0].example
    assert ("raw.payments" in found[0].remedy) == table.startswith("raw.")


def test_only_the_column_at_fault_is_named(company: Warehouse, tmp_path: Path) -> None:
    sql = counting(
        "staging.payments", GOOD, "right, max(f.amount) as amount, (select count(*) from raw.contacts) as wrong"
    )
    assert [leak.column for leak in leaks(company, tmp_path, own=sql)] == ["wrong"]


def test_a_file_that_never_asks_is_named_without_being_run(company: Warehouse, tmp_path: Path) -> None:
    (found,) = leaks(company, tmp_path, own=counting("staging.sessions", "true"))
    assert (found.feature, found.column) == ("features.own", "every column")


def test_a_feature_that_reads_a_table_of_ones_own_is_tried_too(company: Warehouse, tmp_path: Path) -> None:
    staging = tmp_path / "sql" / "staging"
    staging.mkdir(parents=True)
    (staging / "calls.sql").write_text(
        "select customer_id, attempted_at as occurred_at, attempted_at as available_at from raw.payments"
    )
    found = leaks(
        company,
        tmp_path,
        own=counting("staging.calls", "f.occurred_at < s.snapshot_date and f.available_at < s.snapshot_date"),
    )
    assert [leak.column for leak in found] == ["own_count"]

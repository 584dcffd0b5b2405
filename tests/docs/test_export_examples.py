"""The settings for the exports of billing and analytics systems in docs/examples load such exports as they are."""

from __future__ import annotations

import gzip
import shutil
import tomllib
from datetime import datetime
from pathlib import Path

import pytest

from churn.config import SourceSettings
from churn.warehouse import open_warehouse
from churn.warehouse.loading.ingest import ingest
from tests import ROOT

pytestmark = pytest.mark.slow

EXPORTS = Path(__file__).parent / "exports"
EXAMPLES = [
    (
        "stripe",
        "subscriptions",
        "subscription_id, customer_id, plan, monthly_fee, end_reason, canceled_at is null",
        [
            ("sub_A", "cus_A", "price_basic", 30.0, None, True),
            ("sub_B", "cus_B", "price_year", 10.0, "payment_failure", False),
        ],
    ),
    (
        "chargebee",
        "subscriptions",
        "subscription_id, customer_id, plan, monthly_fee, end_reason, canceled_at is null",
        [("S-1", "K-1", "start", 29.0, None, True), ("S-2", "K-2", "grow", 99.0, "payment_failure", False)],
    ),
    (
        "recurly",
        "subscriptions",
        "subscription_id, customer_id, plan, monthly_fee, end_reason, ended_at is null",
        [("r1", "a1", "gold", 25.0, None, True), ("r2", "a2", "gold", 12.5, "voluntary", False)],
    ),
    (
        "paddle",
        "subscriptions",
        "subscription_id, customer_id, plan, monthly_fee, ended_at is null",
        [("sub_1", "ctm_1", "pri_1", 30.0, True), ("sub_2", "ctm_2", "pri_2", 20.0, False)],
    ),
    (
        "zuora",
        "subscriptions",
        "subscription_id, customer_id, canceled_at is null, known_at::varchar",
        [
            ("A-S1", "A1", True, "2025-01-01 08:00:00"),
            ("A-S1", "A1", False, "2026-01-20 08:00:00"),
            ("A-S2", "A2", True, "2026-01-01 08:00:00"),
        ],
    ),
    (
        "mixpanel",
        "events",
        "customer_id, event_type, occurred_at::varchar, event_id",
        [
            ("u1", "Login", "2026-01-01 11:00:00", "i1"),
            ("u1", "Login", "2026-01-01 11:00:00", "i1"),
            ("u2", "Export", "2026-01-01 12:00:00", "i2"),
        ],
    ),
    (
        "segment",
        "events",
        "customer_id, event_type, occurred_at::varchar, event_id",
        [("019", "Order Completed", "2026-01-05 10:00:00", "m1"), ("20", "page", "2026-01-05 18:00:00", "m2")],
    ),
    (
        "amplitude",
        "events",
        "customer_id, event_type, occurred_at::varchar, event_id",
        [("u1", "login", "2026-01-05 10:00:00.123", "x1")],
    ),
    (
        "cdnow",
        "payments",
        "payment_id, customer_id, attempted_at::varchar, amount, status",
        [
            ("1", "00007", "1997-01-03 00:00:00", 23.5, "succeeded"),
            ("2", "00007", "1997-05-19 00:00:00", 9.99, "succeeded"),
            ("3", "00012", "1997-02-11 00:00:00", 104.25, "succeeded"),
        ],
    ),
    (
        "kkbox",
        "subscriptions",
        "subscription_id, customer_id, plan, round(monthly_fee, 2), ended_at::date::varchar, canceled_at::date::varchar",
        [
            ("1", "Aa+/1=", "30", 149.0, "2016-02-09", None),
            ("2", "Bb2=", "410", 130.83, "2017-02-25", None),
            ("3", "Aa+/1=", "30", 149.0, "2016-01-21", "2016-01-21"),
        ],
    ),
    (
        "sparkify",
        "churn_events",
        "customer_id, churned_at::varchar",
        [("71", "2018-11-05 10:06:56")],
    ),
]


@pytest.mark.parametrize(
    ("name", "table", "columns", "rows"),
    EXAMPLES,
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "",
)
def test_an_export_loads_by_its_settings_alone(
    name: str, table: str, columns: str, rows: list[tuple[object, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = tomllib.loads((ROOT / "docs" / "examples" / f"{name}.toml").read_text(encoding="utf-8"))["sources"]
    for section in sources.values():
        export = EXPORTS / section["path"].removesuffix(".gz")
        if section["path"].endswith(".gz"):
            (tmp_path / section["path"]).write_bytes(gzip.compress(export.read_bytes()))
        else:
            shutil.copy(export, tmp_path)
    monkeypatch.chdir(tmp_path)
    declared = {source: SourceSettings(**section) for source, section in sources.items()}
    with open_warehouse(None, holder="test") as warehouse:
        ingest(warehouse, declared, now=datetime(2026, 3, 1))
        assert warehouse.rows(f"select {columns} from raw.{table} order by row_number") == rows
        assert warehouse.rows("select count(*) from raw.rejected_rows") == [(0,)]


def test_every_export_has_an_example() -> None:
    assert {path.name for path in EXPORTS.iterdir()} == {
        section["path"].removesuffix(".gz")
        for name, *_ in EXAMPLES
        for section in tomllib.loads((ROOT / "docs" / "examples" / f"{name}.toml").read_text(encoding="utf-8"))[
            "sources"
        ].values()
    }

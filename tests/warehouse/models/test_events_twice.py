"""Events without an id that two files hold are found: each would count twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from churn.config import SourceSettings
from churn.warehouse import Warehouse, load_models
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models.build import build
from churn.warehouse.models.checks import CheckResult, run_checks
from tests.warehouse.models.quality import TODAY


def events(first: int, last: int, *, hours: int = 1) -> pl.DataFrame:
    """Return an event of one of seven customers for each hour of a company's life from `first` to `last`."""
    return pl.DataFrame(
        [
            {
                "customer_id": f"C{n % 7}",
                "event_type": "view",
                "occurred_at": datetime(2026, 1, 1) + timedelta(hours=n // hours * hours),
            }
            for n in range(first, last)
        ]
    )


def found(warehouse: Warehouse, folder: Path, files: dict[str, pl.DataFrame], **columns: str) -> CheckResult | None:
    for name, frame in files.items():
        frame.write_csv(folder / name)
    source = SourceSettings.model_validate({"path": str(folder / "*.csv"), "columns": columns})
    ingest(warehouse, {"events": source}, now=TODAY)
    models = load_models(folder)
    build(warehouse, models, schemas=["staging", "totals"])
    results = {result.rule: result for result in run_checks(warehouse, models, now=TODAY)}
    result = results["events_are_loaded_once"]
    return result if result.defect_count else None


@pytest.mark.parametrize(
    ("one", "other", "twice"),
    [
        (events(0, 400), events(0, 424), 400),  # the whole, a day later
        (events(0, 400), events(0, 400), 400),  # a copy
        (events(0, 400), events(360, 700), 40),  # a window that overlaps
    ],
)
def test_events_that_two_files_hold_block(
    warehouse: Warehouse, tmp_path: Path, one: pl.DataFrame, other: pl.DataFrame, twice: int
) -> None:
    result = found(warehouse, tmp_path, {"a.csv": one, "b.csv": other})
    assert result is not None
    assert (result.level, result.defect_count) == ("block", twice)
    assert (result.example["source_file"], result.example["other_file"]) == ("a.csv", "b.csv")


def test_events_with_an_id_that_the_source_makes_count_once(warehouse: Warehouse, tmp_path: Path) -> None:
    event_id = "customer_id || event_type || occurred_at"
    assert found(warehouse, tmp_path, {"a.csv": events(0, 400), "b.csv": events(0, 424)}, event_id=event_id) is None


@pytest.mark.parametrize(
    "files",
    [
        {"a.csv": events(0, 240), "b.csv": events(240, 480)},  # a file a day
        {"a.csv": events(0, 400, hours=24), "b.csv": events(0, 400, hours=24).with_columns(event_type=pl.lit("tap"))},
        {"a.csv": events(0, 200), "b.csv": events(0, 400).filter(pl.col("occurred_at").dt.hour() % 2 == 0).head(60).with_columns(customer_id=pl.lit("C9"))},
    ],
)  # fmt: skip
def test_files_of_other_days_or_of_another_product_are_no_alarm(
    warehouse: Warehouse, tmp_path: Path, files: dict[str, pl.DataFrame]
) -> None:
    assert found(warehouse, tmp_path, files) is None

"""Columns of a company's own may bear any name, also one that our SQL gives to something: all comes out as without them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from churn.config import SourceSettings
from churn.resources import bundled
from churn.snapshots.dataset import build_snapshots
from churn.snapshots.own_columns import GROUPS
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import Warehouse, load_models, open_warehouse
from churn.warehouse.loading.contracts import TABLES
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models.build import build
from churn.warehouse.models.checks import run_checks
from tests import ROOT
from tests.warehouse.models.quality import TODAY, company

pytestmark = pytest.mark.slow
_GIVEN = re.compile(r"\bas ([a-z_][a-z0-9_]*)\b|^([a-z_][a-z0-9_]*) as \(|\b([a-z_]+) := ", re.MULTILINE)
# Of tools that export: Fivetran's, dlt's, DuckDB's.
_OF_EXPORTERS = {
    "_file",
    "_row",
    "_line",
    "_modified",
    "_fivetran_synced",
    "_dlt_id",
    "filename",
    "file_row_number",
    "row_number",
}
_OF_OWN_COLUMNS = {"attributes_are_filled"}  # tells of the columns themselves
PARTS = 8  # all names at once take gigabytes
SCHEMAS = ("staging", "totals", "snapshots", "features", "marts")


def names() -> list[str]:
    """Return every name that our SQL gives a column, a table or a part of a value."""
    files = [*bundled("sql").rglob("*.sql"), *(ROOT / "churn" / "warehouse").rglob("*.py")]
    texts = [path.read_text(encoding="utf-8") for path in sorted(files)]
    canonical = {column for table in TABLES.values() for column in table.types}
    given = {next(filter(None, match)) for text in texts for match in _GIVEN.findall(text)}
    return sorted({*given, *_OF_EXPORTERS} - {name for name in given if name.startswith("_churn_")} - canonical)


def with_own(frame: pl.DataFrame, own: list[str]) -> pl.DataFrame:
    """Return `frame` with columns called `own`, whose values are none that anything else has."""
    numbers = pl.int_range(pl.len()) * 7919 % 97
    return frame.with_columns(
        (pl.lit(f"{name} ") + numbers.cast(pl.String)).alias(name) for name in own if name not in frame.columns
    )


def made_of(frames: Mapping[str, pl.DataFrame], folder: Path) -> dict[str, pl.DataFrame]:
    """Load `frames`, build everything of them, and return each table, and what the rules find."""
    folder.mkdir()
    models, sources, day = load_models(folder), {}, date(2024, 6, 1)
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet")
        sources[name] = SourceSettings(path=str(folder / f"{name}.parquet"))
    with open_warehouse(None, holder="tests") as warehouse:
        ingest(warehouse, sources, now=TODAY)
        build(warehouse, models, schemas=("staging", "totals"))
        found = run_checks(warehouse, models, now=TODAY)
        build_snapshots(warehouse, models, SnapshotPolicy(), [day], data_cutoff=TODAY)
        build(warehouse, models, schemas=("snapshots", "marts"), keep_standing=True)
        rules = pl.DataFrame(
            {"rule": [one.rule for one in found], "defects": [one.defect_count for one in found]}
        ).filter(~pl.col("rule").is_in(_OF_OWN_COLUMNS))
        return {"rules": rules.sort("rule"), **{name: _table(warehouse, name) for name in _built(warehouse)}}


def _built(warehouse: Warehouse) -> list[str]:
    listed = ", ".join(f"'{schema}'" for schema in SCHEMAS)
    tables = warehouse.rows(
        f"select table_schema || '.' || table_name from information_schema.tables where table_schema in ({listed})"
    )
    return sorted(name for (name,) in tables if name not in GROUPS and name != "snapshots.policy")


def _table(warehouse: Warehouse, name: str) -> pl.DataFrame:
    return warehouse.frame(f"select * from {name} order by all")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """Return what is made of a company without columns of its own."""
    return made_of(company(), tmp_path_factory.mktemp("plain") / "home")


@pytest.mark.parametrize("part", range(PARTS))
def test_no_name_of_an_own_column_changes_what_is_built(
    plain: dict[str, pl.DataFrame], part: int, tmp_path: Path
) -> None:
    own = names()[part::PARTS]
    owned = made_of({name: with_own(frame, own) for name, frame in company().items()}, tmp_path / "owned")
    assert plain.keys() == owned.keys()
    for name, table in plain.items():
        assert_frame_equal(owned[name].select(table.columns), table, check_row_order=False)

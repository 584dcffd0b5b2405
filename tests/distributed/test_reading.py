"""Sources that Spark reads: tables of its catalogue and ORC files, loaded by our own rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from churn.config import EngineSettings, ResourceSettings, SourceSettings
from churn.distributed.reading import fetch_rows
from churn.distributed.session import open_session
from churn.distributed.work import open_work
from churn.errors import ConfigError, ContractBroken
from churn.warehouse import Warehouse
from churn.warehouse.loading.ingest import LoadResult, ingest
from churn.warehouse.opening import open_warehouse
from tests.spark import SETTINGS, SparkCluster

pytestmark = [pytest.mark.xdist_group("spark"), pytest.mark.slow, pytest.mark.timeout(900)]

NOW = datetime(2026, 7, 1, 6)


def payments(first: int, last: int) -> pl.DataFrame:
    """Payments numbered by the hour, with what Parquet and Spark may see differently: times, decimals, nulls, odd text."""
    numbers = pl.int_range(first, last, eager=True)
    return pl.DataFrame(
        {
            "payment_id": [f"p{number}" for number in numbers],
            "customer_id": [f"Kunde ü{number % 7}" for number in numbers],
            "attempted_at": [datetime(2026, 3, 1) + timedelta(hours=number) for number in numbers],
            "amount": pl.Series([f"{number}.25" for number in numbers]).cast(pl.Decimal(12, 2)),
            "status": [None if number % 5 == 0 else "failed" for number in numbers],
        }
    )


class Reader:
    """Homes that a cluster reads for."""

    def __init__(self, folder: Path, spark: SparkCluster) -> None:
        self.folder = folder
        self.engine = EngineSettings(
            kind="spark", master=spark.master, work=str(folder / "work"), buckets=2, settings=SETTINGS
        )
        self.session = open_session(self.engine)

    @contextmanager
    def home(self, name: str) -> Iterator[Home]:
        path = self.folder / name
        path.mkdir()
        resources = ResourceSettings(memory_limit="300MB")
        with open_warehouse(path / "warehouse.duckdb", holder="tests", resources=resources) as warehouse:
            yield Home(self, path, warehouse)


@dataclass
class Home:
    """A home, and the warehouse that is loaded."""

    reader: Reader
    path: Path
    warehouse: Warehouse

    def load(self, **source: object) -> LoadResult:
        reader = self.reader

        def fetch(warehouse, name, source, _secrets, *, since) -> None:
            fetch_rows(reader.session, open_work(self.path, reader.engine), warehouse, name, source, since=since)

        settings = SourceSettings.model_validate(source)
        return ingest(self.warehouse, {"payments": settings}, now=NOW, by_spark=fetch)[0]

    def rows(self) -> pl.DataFrame:
        return self.warehouse.frame(
            "select payment_id, customer_id, attempted_at, amount, status from raw.payments order by attempted_at"
        )


@pytest.fixture
def reader(spark: SparkCluster, tmp_path: Path) -> Reader:
    return Reader(tmp_path, spark)


def test_a_table_of_the_catalogue_and_orc_files_load_as_the_same_rows_in_parquet(
    reader: Reader, tmp_path: Path
) -> None:
    path = tmp_path / "payments.parquet"
    payments(0, 300).write_parquet(path)
    with reader.home("parquet") as home:
        assert home.load(path=str(path)).rows == 300
        expected = home.rows()
    reader.session.read.parquet(path.as_uri()).write.orc((tmp_path / "orc").as_uri())
    reader.session.sql(f"create or replace temporary view told as select * from parquet.`{path}`")
    for name, source in {"table": "told", "query": f"select * from orc.`{tmp_path}/orc`"}.items():
        with reader.home(name) as home:
            assert home.load(format="spark", **{name: source}).rows == 300
            assert home.rows().equals(expected)
            assert home.load(format="spark", **{name: source}).files_unchanged == 1
    assert not list((tmp_path / "work").glob("*/read/*")), "what was read stays nowhere else"


def test_only_rows_that_are_new_are_asked_for(reader: Reader, tmp_path: Path) -> None:
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    payments(0, 200).write_parquet(first)
    payments(195, 260).write_parquet(second)
    source = {"format": "spark", "table": "told", "options": {"updated": "attempted_at", "overlap": "2 hours"}}
    reader.session.sql(f"create or replace temporary view told as select * from parquet.`{first}`")
    # Of the rows from two hours before the newest on, those that were loaded are left out; older ones are not asked for.
    query = (
        f"select * from parquet.`{second}` union all"
        f" select 'old', customer_id, timestamp_ntz'2026-01-01', amount, status from parquet.`{first}`"
    )
    with reader.home("home") as home:
        assert home.load(**source).rows == 200
        reader.session.sql(f"create or replace temporary view told as {query}")
        assert home.load(**source).rows == 60
        assert home.rows().height == 260


def test_what_spark_cannot_read_is_told(reader: Reader) -> None:
    with reader.home("home") as home:
        with pytest.raises(ContractBroken, match="TABLE_OR_VIEW_NOT_FOUND") as refused:
            home.load(format="spark", table="nowhere.payments")
        assert "sources.payments" in str(refused.value)
        with pytest.raises(ConfigError, match="only Spark can read it"):
            ingest(home.warehouse, {"payments": SourceSettings(format="spark", table="told")}, now=NOW)


@pytest.mark.parametrize("wrong", [{}, {"table": "a", "query": "select 1"}, {"table": "a", "path": "b"}])
def test_a_source_of_spark_names_one_place(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="either `table` or `query`"):
        SourceSettings(format="spark", **wrong)


@pytest.mark.parametrize("work", ["gs://bucket/churn", "dbfs:/" + "/churn"])
def test_an_address_of_another_kind_is_no_folder_to_share(work: str) -> None:
    with pytest.raises(ValueError, match="is an address"):
        EngineSettings(kind="spark", work=work)

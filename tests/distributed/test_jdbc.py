"""A database that Spark reads by JDBC gives the rows that our own reader takes from it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import pytest

from churn.bootstrap import build_context
from churn.config import EngineSettings, Settings, SourceSettings
from churn.warehouse import Warehouse, open_warehouse
from churn.warehouse.loading.ingest import LoadResult, ingest
from churn.workflows.reach import reach_places
from tests.spark import POSTGRES_JAR, SETTINGS, SparkCluster

pytestmark = [
    pytest.mark.xdist_group("spark"),
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not POSTGRES_JAR.exists(), reason="no JDBC driver (package `libpostgresql-jdbc-java`)"),
]
NOW = datetime(2026, 7, 1, 6)
TABLE = """
create table payments (
    payment_id text, customer_id text, attempted_at timestamp, changed_at timestamptz, amount numeric(12, 2), status text
);
insert into payments
select 'p' || n, 'Kunde \u00fc' || n % 7, timestamp '2026-03-29 01:30:00.123456' + n * interval '30 minutes',
    timestamptz '2026-03-29 01:30:00+02' + n * interval '1 hour', n + 0.25, case when n % 5 > 0 then 'failed' end
from generate_series(1, 120) as s(n)
"""
MORE = "insert into payments values ('late', 'c', timestamp '2026-06-01', timestamptz '2026-06-01 00:00+00', 5, 'paid')"


def loaded(warehouse: Warehouse, settings: Settings, address: str) -> LoadResult:
    reader = build_context(settings=settings).engine.reader
    secrets = {"CHURN_SOURCE_PAYMENTS_DSN": address}
    return ingest(warehouse, settings.sources, now=NOW, secrets=secrets, cluster=reader)[0]


def rows(warehouse: Warehouse) -> pl.DataFrame:
    bookkeeping = "source_file, load_id, loaded_at, row_number"
    return warehouse.frame(f"select * exclude ({bookkeeping}) from raw.payments order by payment_id")


def test_rows_and_new_rows_of_a_database_by_jdbc_are_those_of_our_own_reader(
    spark: SparkCluster, postgres_url: str, tmp_path: Path
) -> None:
    import psycopg

    address = urlsplit(postgres_url)
    catalogue = "spark.sql.catalog.crm"
    engine = EngineSettings(
        kind="spark",
        master=spark.master,
        work=str(tmp_path / "work"),
        settings={
            **SETTINGS,
            catalogue: "org.apache.spark.sql.execution.datasources.v2.jdbc.JDBCTableCatalog",
            f"{catalogue}.url": f"jdbc:postgresql://{address.hostname}:{address.port}{address.path}",
            f"{catalogue}.user": f"{address.username}",
            f"{catalogue}.password": f"{address.password}",
            f"{catalogue}.driver": "org.postgresql.Driver",
            f"{catalogue}.preferTimestampNTZ": "true",
        },
    )
    new_rows = {"updated": "changed_at", "overlap": "1 hour"}
    by_spark = Settings(
        home=tmp_path / "spark",
        engine=engine,
        sources={"payments": SourceSettings(format="spark", table="crm.public.payments", options=new_rows)},
    )
    ours = Settings(
        home=tmp_path / "ours",
        sources={"payments": SourceSettings(query="select * from payments", options=new_rows)},
    )
    with (
        psycopg.connect(postgres_url, autocommit=True) as database,
        open_warehouse(None, holder="tests") as mine,
        open_warehouse(None, holder="tests") as other,
    ):
        database.execute(TABLE)
        assert loaded(mine, ours, postgres_url).rows == loaded(other, by_spark, postgres_url).rows == 120
        assert rows(mine).equals(rows(other))
        database.execute(MORE)
        assert loaded(mine, ours, postgres_url).rows == loaded(other, by_spark, postgres_url).rows == 1
        assert rows(mine).equals(rows(other))
        assert loaded(other, by_spark, postgres_url).files_unchanged == 1
        assert [place.error for place in reach_places(build_context(settings=by_spark)) if place.what == "sources"] == [
            None
        ]

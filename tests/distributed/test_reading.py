"""Sources that Spark reads: tables of its catalogue and ORC files, loaded by our own rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from churn.bootstrap import build_context
from churn.config import EngineSettings, ResourceSettings, Settings, SourceSettings
from churn.context import Context
from churn.distributed.session import open_session
from churn.errors import ConfigError, ContractBroken
from churn.warehouse import Warehouse
from churn.warehouse.loading import ingest as loading
from churn.warehouse.loading.ingest import LoadResult, ingest
from churn.warehouse.opening import open_warehouse
from churn.workflows.reach import reach_places
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
    def home(self, name: str, *, is_shared: bool = True) -> Iterator[Home]:
        path = self.folder / name
        path.mkdir()
        resources = ResourceSettings(memory_limit="300MB")
        engine = self.engine if is_shared else EngineSettings()
        context = build_context(settings=Settings(home=path, engine=engine, resources=resources))
        with open_warehouse(path / "warehouse.duckdb", holder="tests", resources=resources) as warehouse:
            yield Home(context, warehouse)


@dataclass
class Home:
    """A home, and the warehouse that is loaded."""

    context: Context
    warehouse: Warehouse

    def load(self, into: str = "payments", **source: object) -> LoadResult:
        settings = SourceSettings.model_validate(source)
        return ingest(self.warehouse, {into: settings}, now=NOW, cluster=self.context.engine.reader)[0]

    def held(self, table: str) -> list[pl.DataFrame]:
        """Return what a load left behind: rows, refused rows, and what the ledger says."""
        read = [f"select * from raw.{table}", "select * from raw.rejected_rows", "select * from raw.loads"]
        return [self.warehouse.frame(f"{sql} order by all") for sql in read]

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


def test_a_check_asks_spark_for_its_tables_and_reads_no_row(reader: Reader, tmp_path: Path) -> None:
    reader.session.sql("create or replace temporary view checked as select 1 / 0 as payment_id, 'c' as customer_id")
    sources = {
        "payments": {"format": "spark", "table": "checked"},
        "sessions": {"format": "spark", "query": "select * from nowhere.sessions"},
        "contacts": {"format": "spark", "table": "checked", "options": {"updated": "changed_at"}},
    }
    (tmp_path / "home").mkdir()
    for engine, says in (
        (reader.engine, [None, "TABLE_OR_VIEW_NOT_FOUND", "no column `changed_at` (options.updated)"]),
        (EngineSettings(), ["only Spark can read it"] * 3),
    ):
        settings = Settings.model_validate({"home": tmp_path / "home", "engine": engine, "sources": sources})
        reached = [place for place in reach_places(build_context(settings=settings)) if place.what == "sources"]
        assert [place.where for place in reached] == [f"{name} (spark)" for name in sources]
        for place, words in zip(reached, says, strict=True):
            assert (place.error is None) if words is None else (words in str(place.error))


@pytest.mark.parametrize("wrong", [{}, {"table": "a", "query": "select 1"}, {"table": "a", "path": "b"}])
def test_a_source_of_spark_names_one_place(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="either `table` or `query`"):
        SourceSettings(format="spark", **wrong)


@pytest.mark.parametrize("work", ["gs://bucket/churn", "dbfs:/" + "/churn"])
def test_an_address_of_another_kind_is_no_folder_to_share(work: str) -> None:
    with pytest.raises(ValueError, match="is an address"):
        EngineSettings(kind="spark", work=work)


QUOTED = 'payment_id,customer_id,attempted_at,amount,status\np1,"K, 1",2026-03-01,"1,5",paid\n'
LOG = '127.0.0.1 - kim [10/Mar/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 12 "-" "x"\nno line of a log\n'
# Files of every kind that a source may have, each odd in its own way, and options that go with them.
FILES: dict[str, tuple[str, dict[str, bytes], dict[str, object]]] = {
    "csv": (
        "payments",
        {
            "1.csv": QUOTED.encode() + b'p2,c2,2026-03-02,2,"two\nlines"\np3,c3\np4,c4,no day,4,paid\n',
            "2.csv": QUOTED.replace("\n", "\r\n").encode(),
            "3.csv": b"sep=;\npayment_id;customer_id;attempted_at;amount;status\np9;c9;01.04.2026;9,75;\n",
            "4.csv": b"",
        },
        {"options": {"decimal_separator": ","}, "dates": {"attempted_at": "%d.%m.%Y"}},
    ),
    "encoded": (
        "payments",
        {"1.csv": QUOTED.replace("K, 1", "K\u00fc").encode("cp1252")},
        {"options": {"encoding": "cp1252", "decimal_separator": ","}},
    ),
    "json": (
        "clicks",
        {
            "1.jsonl": b'{"id": 1, "n": {"big": 18446744073709551615, "mix": 1}, "at": "2026-03-01"}\n{"id": 2,\n',
            "2.jsonl": b'{"id": 3, "n": {"mix": "x", "more": [1, 2]}, "late": true}\n',
        },
        {"columns": {"big": "n.big", "mix": "n.mix", "more": "n.more"}},
    ),
    "log": ("requests", {"1.log": LOG.encode()}, {"format": "combined"}),
}


@pytest.mark.parametrize("kind", FILES)
def test_text_files_read_by_tasks_leave_what_this_process_leaves(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(loading, "SHARED_FROM", 0)
    table, files, source = FILES[kind]
    (tmp_path / "files").mkdir()
    for name, content in files.items():
        (tmp_path / "files" / name).write_bytes(content)
    path = str(tmp_path / "files" / "*")
    results = []
    for is_shared in (False, True):
        with reader.home(f"{is_shared}", is_shared=is_shared) as home:
            result = home.load(into=table, path=path, **source)
            results.append((result.files_loaded, result.rows, result.rejected, home.held(table)))
            if is_shared:
                with home.context.open_store() as store:
                    (run,) = store.runs.list(workflow="spark_read", limit=5)
                assert (run.outcome, run.buckets_failed) == ("done", 0)
                assert not list((tmp_path / "work").glob("*/files/*"))
    ours, theirs = results
    assert ours[:3] == theirs[:3]
    for mine, other in zip(ours[3], theirs[3], strict=True):
        assert mine.schema == other.schema
        assert mine.equals(other)
    assert ours[3][0].height > 0


def test_a_file_that_cannot_be_read_is_refused_in_the_same_words(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "SHARED_FROM", 0)
    path = tmp_path / "payments.csv"
    path.write_bytes(QUOTED.encode() + b'p2,c2,2026-03-02,2,"open\np3,c3,2026-03-03,3,paid\n')
    words = []
    for is_shared in (False, True):
        with reader.home(f"{is_shared}", is_shared=is_shared) as home, pytest.raises(ContractBroken) as refused:
            home.load(path=str(path))
        words.append(str(refused.value))
    assert words[0] == words[1]
    assert "opens a quote" in words[0]


def test_small_and_parquet_files_are_read_here(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "payments.csv").write_text(QUOTED, encoding="utf-8")
    with reader.home("home") as home:
        assert home.load(path=str(tmp_path / "payments.csv"), options={"decimal_separator": ","}).rows == 1
        with home.context.open_store() as store:
            assert not store.runs.list(workflow="spark_read", limit=5)

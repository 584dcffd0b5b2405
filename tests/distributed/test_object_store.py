"""[engine] work in an object store, tried against a real server of its protocol: nothing is mounted, nothing half written is read."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from churn.bootstrap import build_context
from churn.config import EngineSettings, Settings, SourceSettings
from churn.distributed import forget_work, probe_cluster
from churn.distributed.buckets import DONE, on_this_machine, report_of, run_buckets
from churn.distributed.cut import cut_tables
from churn.distributed.place import Place
from churn.distributed.session import open_session
from churn.distributed.work import WorkFolder, open_work
from churn.errors import Unreachable
from churn.progress import SILENT
from churn.warehouse import open_warehouse
from churn.warehouse.loading import ingest as loading
from churn.warehouse.loading.ingest import ingest
from tests.distributed.tasks import die_once
from tests.object_store import ObjectServer, running_object_server
from tests.spark import SETTINGS, SparkCluster

pytestmark = [pytest.mark.xdist_group("spark"), pytest.mark.slow, pytest.mark.timeout(600)]

BUCKET = "work-of-these-tests"  # all servers of a process show the same buckets


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectServer]:
    with running_object_server() as running, running.client() as client:
        client.create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture
def engine(spark: SparkCluster) -> EngineSettings:
    return EngineSettings(kind="spark", master=spark.master, settings=SETTINGS, buckets=3, work=f"s3://{BUCKET}/churn/")


@pytest.fixture
def work(engine: EngineSettings, server: ObjectServer, tmp_path: Path) -> Iterator[WorkFolder]:
    yield open_work(tmp_path, engine, server.secrets)
    forget_work(tmp_path, server.secrets)
    assert server.keys(BUCKET) == [], "what was cut for a home goes with it"


def test_a_place_knows_its_store_and_keeps_its_keys_to_itself(server: ObjectServer, tmp_path: Path) -> None:
    place = Place.at(f"s3://{BUCKET}/a", {**server.secrets, "CHURN_SOURCE_CRM_SECRET": "other"})
    assert "word" not in repr(place)
    assert (place / "b").secrets == server.secrets
    (place / "b" / "note").publish("1")
    (place / "b" / "note").publish("2")
    again = pickle.loads(pickle.dumps(place))
    assert (again / "b" / "note").read() == "2"
    assert (again / "b" / "nothing").read() is None
    assert (again / "nowhere").names() == []
    with (place / "b" / "files").writing() as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("3", encoding="utf-8")
    assert place.names() == ["b"]
    assert (place / "b").names() == ["files", "note"]
    copy = (place / "b" / "files").here(tmp_path)
    assert (copy / "deep" / "file").read_text(encoding="utf-8") == "3"
    place.remove()
    place.remove()
    assert server.keys(BUCKET) == []


def test_a_store_that_is_away_or_has_no_such_bucket_is_told(server: ObjectServer, tmp_path: Path) -> None:
    for work, secrets in (
        ("s3://no-such-bucket/x", server.secrets),
        (f"s3://{BUCKET}/x", {**server.secrets, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}),
    ):
        with pytest.raises(Unreachable, match="AWS_ENDPOINT_URL"):
            open_work(tmp_path, EngineSettings(kind="spark", work=work), secrets)


def test_a_worker_that_dies_half_way_leaves_nothing_that_is_read(
    spark: SparkCluster, engine: EngineSettings, work: WorkFolder, server: ObjectServer, tmp_path: Path
) -> None:
    below, names = work.place / "tried", ["0", "1"]
    reports = run_buckets(open_session(engine), die_once, below, names, message="Trying", progress=SILENT)
    assert [report.attempt > 0 for report in reports] == [True, False]
    assert report_of(below, "0") == reports[0]
    with on_this_machine(reports, below) as folders:
        assert {name: (folder / "made").read_text() for name, folder in folders.items()} == {"0": "0", "1": "1"}
    notes = [key for key in server.keys(BUCKET) if key.endswith(DONE)]
    assert len(notes) == 2


def test_tables_are_cut_and_read_through_the_store(
    spark: SparkCluster, engine: EngineSettings, work: WorkFolder, server: ObjectServer, tmp_path: Path
) -> None:
    probe_cluster(tmp_path, engine, server.secrets)
    with open_warehouse(None, holder="tests") as warehouse, open_warehouse(None, holder="tests") as other:
        warehouse.execute("create schema staging")
        warehouse.execute(
            "create table staging.payments as select 'c' || n % 40 as customer_id, timestamp '2024-01-05' + to_days(n::int)"
            " as occurred_at, n::hugeint as amount from range(300) as r(n)"
        )
        (table,) = cut_tables(warehouse, {"staging.payments": None}, work, progress=SILENT)
        held = []
        for bucket in range(3):
            table.load(other, bucket, tmp_path)
            held += other.rows("select * from staging.payments")
        assert sorted(held) == sorted(warehouse.rows("select * from staging.payments"))
        assert cut_tables(warehouse, {"staging.payments": None}, work, progress=SILENT) == (table,)


@pytest.mark.parametrize(("least", "rows"), [(3, 7), (100, 0)])
def test_what_spark_reads_comes_through_the_store(
    engine: EngineSettings,
    work: WorkFolder,
    server: ObjectServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    least: int,
    rows: int,
) -> None:
    query = f"select concat('p', id) as payment_id, concat('c', id) as customer_id, timestamp_ntz'2026-01-01' as attempted_at, 1.5D as amount, 'failed' as status from range(10) where id >= {least}"

    settings = Settings(home=tmp_path, engine=engine)
    for name, value in server.secrets.items():
        monkeypatch.setenv(name, value)
    reader = build_context(settings=settings).engine.reader
    with open_warehouse(None, holder="tests") as warehouse:
        source = SourceSettings(format="spark", query=query)
        (result,) = ingest(warehouse, {"payments": source}, now=datetime(2026, 7, 1), cluster=reader)
        assert result.rows == rows
        assert (work.place / "read").names() == []


def test_files_in_a_store_are_read_by_tasks_that_fetch_them(
    engine: EngineSettings, work: WorkFolder, server: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "SHARED_FROM", 0)
    for name, value in server.secrets.items():
        monkeypatch.setenv(name, value)
    context = build_context(settings=Settings(home=tmp_path, engine=engine))
    with server.client() as client:
        client.create_bucket(Bucket="landing-of-these-tests")
        for number in range(2):
            body = f"customer_id,started_at\nc{number},2026-03-01\n".encode()
            client.put_object(Bucket="landing-of-these-tests", Key=f"sessions-{number}.csv", Body=body)
    with open_warehouse(None, holder="tests") as warehouse:
        source = SourceSettings(path="s3://landing-of-these-tests/*.csv")
        (result,) = ingest(
            warehouse,
            {"sessions": source},
            now=datetime(2026, 7, 1),
            secrets=context.secrets,
            cluster=context.engine.reader,
        )
        assert (result.files_loaded, result.rows) == (2, 2)
        rows = warehouse.rows("select customer_id, source_file, row_number from raw.sessions order by 1")
    assert rows == [(f"c{number}", f"s3://landing-of-these-tests/sessions-{number}.csv", 1) for number in range(2)]
    with context.open_store() as store:
        assert [run.buckets_done for run in store.runs.list(workflow="spark_read", limit=5)] == [2]

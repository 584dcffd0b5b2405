"""Tables of a lake are read by version: appended files alone, changed tables whole, and what cannot be read is named."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from churn.config import SourceSettings
from churn.documents.published import PublishedColumn, PublishedTable, PublishedTables
from churn.errors import AuthFailed, ConfigError, ContractBroken, ResourceError, Unreachable
from churn.warehouse import Warehouse
from churn.warehouse.loading.ingest import LoadResult, ingest
from churn.warehouse.published.delta import forget_in_delta, publish_to_delta, reach_delta
from churn.warehouse.published.iceberg import IcebergPlace, forget_in_iceberg, publish_to_iceberg, reach_iceberg
from churn.warehouse.reading.lake.catalog import catalog_options
from churn.warehouse.reading.lake.storage import storage_error
from tests.object_store import ObjectServer, running_object_server
from tests.postgres import PostgresServer
from tests.warehouse.conftest import NOW

deltalake = pytest.importorskip("deltalake", reason="deltalake is not installed (extra `lake`)")
pytest.importorskip("pyiceberg", reason="pyiceberg is not installed (extra `lake`)")
pytestmark = [pytest.mark.xdist_group("s3"), pytest.mark.slow]


def tickets(*numbers: int, status: str = "closed", **more: list[Any]) -> pa.Table:
    return pa.table(
        {
            "ticket_id": [f"T{n}" for n in numbers],
            "customer_id": [f"C{n % 3}" for n in numbers],
            "opened_at": pa.array([datetime(2026, 1, 1 + n) for n in numbers], pa.timestamp("us")),
            "topic": [status] * len(numbers),
            **more,
        }
    )


def load(warehouse: Warehouse, source: dict[str, Any], *, days: int = 0, **more: Any) -> LoadResult:
    settings = {"support_tickets": SourceSettings.model_validate(source)}
    (result,) = ingest(warehouse, settings, now=NOW + timedelta(days=days), **more)
    return result


def rows(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.rows("select ticket_id, topic from raw.support_tickets order by ticket_id, load_id")


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectServer]:
    with running_object_server() as running:
        yield running


@pytest.fixture
def secrets(server: ObjectServer) -> dict[str, str]:
    return server.secrets


@pytest.fixture
def bucket(server: ObjectServer, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"lake{abs(hash(request.node.name)) % 10**9}"
    with server.client() as client:
        client.create_bucket(Bucket=name)
        yield f"s3://{name}"


class _Delta:
    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "tickets")
        self.source = {"path": self.path, "format": "delta"}

    def append(self, table: pa.Table) -> None:
        deltalake.write_deltalake(self.path, table, mode="append", schema_mode="merge")

    def delete(self, ticket: str) -> None:
        deltalake.DeltaTable(self.path).delete(f"ticket_id = '{ticket}'")

    @property
    def versions(self) -> list[int]:
        return list(range(deltalake.DeltaTable(self.path).version() + 1))

    def close(self) -> None:
        """A folder holds nothing open."""


class _Iceberg:
    def __init__(self, folder: Path) -> None:
        from pyiceberg.catalog import load_catalog

        uri = f"sqlite:///{folder}/catalog.db"
        self._catalog = load_catalog("churn", type="sql", uri=uri, warehouse=f"file://{folder}/warehouse")
        self._catalog.create_namespace("crm")
        self._table: Any = self._catalog.create_table("crm.tickets", schema=tickets(1).schema)
        self.source = {"catalog": uri, "table": "crm.tickets", "format": "iceberg"}

    def append(self, table: pa.Table) -> None:
        new = [name for name in table.column_names if name not in self._table.schema().column_names]
        if new:
            with self._table.update_schema() as update:
                update.union_by_name(table.schema)
        self._table.append(table)

    def delete(self, ticket: str) -> None:
        self._table.delete(f"ticket_id = '{ticket}'")

    @property
    def versions(self) -> list[int]:
        return [snapshot.snapshot_id for snapshot in self._table.refresh().snapshots()]

    def close(self) -> None:
        self._catalog.close()


Lake = _Delta | _Iceberg


@pytest.fixture(params=[_Delta, _Iceberg])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lake]:
    make: Callable[[Path], Lake] = request.param
    made = make(tmp_path)
    yield made
    made.close()


@pytest.mark.filterwarnings("ignore")  # of the libraries
def test_only_what_was_appended_is_read(lake: Lake, warehouse: Warehouse) -> None:
    lake.append(tickets(1, 2))
    first = load(warehouse, lake.source)
    assert (first.rows, first.total_rows) == (2, 2)
    assert load(warehouse, lake.source).files_unchanged == 1
    lake.append(tickets(3, priority=["high"]))  # with a column that the files before lack
    second = load(warehouse, lake.source, days=1)
    assert (second.rows, second.total_rows) == (1, 3)
    loads = warehouse.rows("select rows, changed from raw.loads where source = 'support_tickets'")
    assert loads == [(3, str(lake.versions[-1]))]
    known = warehouse.rows("select ticket_id, cast(loaded_at as date) from raw.support_tickets order by 1")
    assert known[0][1] < known[2][1]


@pytest.mark.filterwarnings("ignore")
def test_a_table_whose_rows_changed_is_read_whole_and_what_stayed_keeps_its_time(
    lake: Lake, warehouse: Warehouse
) -> None:
    lake.append(tickets(1, 2, 3))
    load(warehouse, lake.source)
    lake.delete("T2")
    lake.append(tickets(2, status="reopened"))
    result = load(warehouse, lake.source, days=2)
    assert result.rows == 3
    found = warehouse.rows("select ticket_id, topic, cast(loaded_at as date) from raw.support_tickets order by 1, 3")
    day, later = NOW.date(), (NOW + timedelta(days=2)).date()
    assert found == [
        ("T1", "closed", day),
        ("T2", "closed", day),
        ("T2", "reopened", later),
        ("T3", "closed", day),
    ]


@pytest.mark.filterwarnings("ignore")
def test_a_version_can_be_named_and_one_that_is_not_there_is_refused(lake: Lake, warehouse: Warehouse) -> None:
    lake.append(tickets(1))
    lake.append(tickets(2))
    first = next(version for version in lake.versions)
    load(warehouse, {**lake.source, "version": first})
    assert rows(warehouse) == [("T1", "closed")]
    assert load(warehouse, lake.source).total_rows == 2
    with pytest.raises(ContractBroken, match=r"77 is not there \(any more\); the (newest|current one) is"):
        load(warehouse, {**lake.source, "version": 77})
    assert len(rows(warehouse)) == 2


def test_a_partitioned_table_has_its_partitions_and_a_compaction_changes_nothing(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    path = str(tmp_path / "t")
    for numbers in ((1, 2), (3,)):
        deltalake.write_deltalake(
            path, tickets(*numbers, region=["no rth/1"] * len(numbers)), mode="append", partition_by=["region"]
        )
    source = {"path": path, "format": "delta"}
    assert load(warehouse, source).rows == 3
    assert warehouse.rows("select distinct region from raw.support_tickets") == [("no rth/1",)]
    before = warehouse.rows("select ticket_id, loaded_at from raw.support_tickets order by 1")
    deltalake.DeltaTable(path).optimize.compact()
    load(warehouse, source, days=1)
    assert warehouse.rows("select ticket_id, loaded_at from raw.support_tickets order by 1") == before


def test_a_vacuumed_version_a_changed_schema_and_a_table_that_is_none_are_named(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    lake = _Delta(tmp_path)
    with pytest.raises(ContractBroken, match="there is no Delta table"):
        load(warehouse, lake.source)
    lake.append(tickets(1, 2))
    load(warehouse, lake.source)
    changed = tickets(1, 2).set_column(3, "topic", pa.array([1, 2]))
    deltalake.write_deltalake(lake.path, changed, mode="overwrite", schema_mode="overwrite")
    with pytest.raises(
        ContractBroken, match=r"changed between version 0 and 1: `topic` was .*string.* and is int64"
    ) as told:
        load(warehouse, lake.source)
    assert "churn refresh --source support_tickets --full" in str(told.value)
    assert rows(warehouse) == [("T1", "closed"), ("T2", "closed")]
    load(warehouse, lake.source, full=True)
    assert [row[1] for row in rows(warehouse)] == ["1", "2"]

    deltalake.DeltaTable(lake.path).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    with pytest.raises(ContractBroken, match="a data file of this version is gone"):
        load(warehouse, {**lake.source, "version": 0}, full=True)


def test_a_table_that_lost_most_rows_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    lake = _Delta(tmp_path)
    many = pa.concat_tables(
        [tickets(*range(28)).set_column(0, "ticket_id", [[f"T{n}-{k}" for n in range(28)]]) for k in range(5)]
    )
    lake.append(many)
    load(warehouse, lake.source)
    deltalake.write_deltalake(lake.path, many.slice(0, 20), mode="overwrite")
    with pytest.raises(ContractBroken, match="the table had 140 rows and has 20 now"):
        load(warehouse, lake.source)


def test_tables_in_an_object_store_are_read(warehouse: Warehouse, bucket: str, secrets: dict[str, str]) -> None:
    path = f"{bucket}/crm/tickets"
    options = {**secrets, "AWS_ALLOW_HTTP": "true"}
    deltalake.write_deltalake(path, tickets(1, 2), storage_options=options)
    source = {"path": path, "format": "delta"}
    assert load(warehouse, source, secrets=secrets).rows == 2
    deltalake.write_deltalake(path, tickets(3), mode="append", storage_options=options)
    assert load(warehouse, source, secrets=secrets).rows == 1
    with pytest.raises((AuthFailed, ContractBroken)):
        load(warehouse, {**source, "path": "s3://nobody-has-this/x"}, secrets=secrets)
    with pytest.raises(Unreachable, match="the storage failed"):
        load(warehouse, source, secrets={**secrets, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"})


@pytest.mark.filterwarnings("ignore")
def test_an_iceberg_table_in_an_object_store_is_read(
    warehouse: Warehouse, bucket: str, secrets: dict[str, str], tmp_path: Path
) -> None:
    from pyiceberg.catalog import load_catalog

    uri = f"sqlite:///{tmp_path}/c.db"
    options = {
        "s3.endpoint": secrets["AWS_ENDPOINT_URL"],
        "s3.access-key-id": "key",
        "s3.secret-access-key": "word",
        "s3.region": "us-east-1",
    }
    catalog = load_catalog("churn", type="sql", uri=uri, warehouse=f"{bucket}/wh", **options)
    catalog.create_namespace("crm")
    catalog.create_table("crm.t", schema=tickets(1).schema).append(tickets(1, 2))
    assert load(warehouse, {"catalog": uri, "table": "crm.t", "format": "iceberg"}, secrets=secrets).rows == 2
    with pytest.raises(ContractBroken, match="the catalogue has no such table"):
        load(warehouse, {"catalog": uri, "table": "crm.nothing", "format": "iceberg"}, secrets=secrets)
    with pytest.raises(Unreachable, match="the catalogue does not answer"):
        load(warehouse, {"catalog": f"sqlite:///{tmp_path}/none/c.db", "table": "crm.t", "format": "iceberg"})
    catalog.close()


def test_a_catalogue_may_be_a_postgresql(warehouse: Warehouse, postgres_server: PostgresServer, tmp_path: Path) -> None:
    import psycopg
    from pyiceberg.catalog import load_catalog

    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as admin:
        admin.execute("create database catalogue_of_tests")
    try:
        uri = postgres_server.url("catalogue_of_tests")
        theirs = f"postgresql+psycopg://{uri.partition('://')[2]}"
        catalog = load_catalog("churn", type="sql", uri=theirs, warehouse=f"file://{tmp_path}/wh")
        catalog.create_namespace("crm")
        catalog.create_table("crm.t", schema=tickets(1).schema).append(tickets(1, 2))
        source = {"table": "crm.t", "format": "iceberg"}
        assert load(warehouse, source, secrets={"CHURN_SOURCE_SUPPORT_TICKETS_DSN": uri}).rows == 2
        catalog.close()
    finally:
        with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as admin:
            admin.execute("drop database catalogue_of_tests with (force)")


def _published(folder: Path, size: int) -> PublishedTables:
    people = [f"C{n}" for n in range(size)]
    pq.write_table(pa.table({"customer_id": people, "churn_probability": [0.5] * size}), folder / "scores.parquet")
    columns = (
        PublishedColumn(name="customer_id", type="VARCHAR", description="Who.", is_personal=True),
        PublishedColumn(name="churn_probability", type="DOUBLE", description="How likely.", is_personal=False),
    )
    table = PublishedTable(name="scores", grain="one customer", description="", columns=columns, rows=size)
    return PublishedTables(published_at=NOW, data_cutoff=NOW, currency="EUR", tables=(table,))


@pytest.mark.parametrize("is_remote", [False, True])
def test_published_tables_are_versions_of_delta_tables_and_people_can_be_erased(
    is_remote: bool, bucket: str, secrets: dict[str, str], tmp_path: Path
) -> None:
    place = f"{bucket}/churn" if is_remote else str(tmp_path / "lake")
    reach_delta(place, secrets)
    publish_to_delta(place, secrets, tmp_path, _published(tmp_path, 3), with_customers=True)
    document = _published(tmp_path, 4)
    assert publish_to_delta(place, secrets, tmp_path, document, with_customers=True) == 4
    options = {**secrets, "AWS_ALLOW_HTTP": "true"} if is_remote else None
    table = deltalake.DeltaTable(f"{place}/scores", storage_options=options)
    assert (table.version(), table.metadata().description) == (1, "one customer")
    assert table.schema().fields[0].metadata["comment"] == "Who."
    assert table.to_pyarrow_table().num_rows == 4

    assert forget_in_delta(place, secrets, "C2", document) == 1
    table = deltalake.DeltaTable(f"{place}/scores", storage_options=options)
    assert sorted(table.to_pyarrow_table().column("customer_id").to_pylist()) == ["C0", "C1", "C3"]
    with pytest.raises(Exception, match=r"not found|NotFound"):
        deltalake.DeltaTable(f"{place}/scores", version=1, storage_options=options).to_pyarrow_table()

    publish_to_delta(place, secrets, tmp_path, document, with_customers=False)
    table = deltalake.DeltaTable(f"{place}/scores", storage_options=options)
    assert [field.name for field in table.schema().fields] == ["churn_probability"]


@pytest.mark.parametrize("is_remote", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_published_tables_are_versions_of_iceberg_tables_and_people_can_be_erased(
    is_remote: bool, bucket: str, secrets: dict[str, str], tmp_path: Path
) -> None:
    from pyiceberg.catalog import load_catalog
    from pyiceberg.expressions import EqualTo

    files = tmp_path / "wh"
    place = IcebergPlace(f"sqlite:///{tmp_path}/c.db", f"{bucket}/wh" if is_remote else str(files), "churn")
    reach_iceberg(place, secrets)
    assert not (tmp_path / "c.db").exists()
    publish_to_iceberg(place, secrets, tmp_path, _published(tmp_path, 3), with_customers=True)
    reach_iceberg(place, secrets)
    document = _published(tmp_path, 4)
    assert publish_to_iceberg(place, secrets, tmp_path, document, with_customers=True) == 4
    catalog = load_catalog("churn", **catalog_options(place.catalog, secrets))
    table = catalog.load_table("churn.scores")
    assert table.properties["comment"] == "one customer"
    assert [(field.name, field.doc) for field in table.schema().fields] == [
        ("customer_id", "Who."),
        ("churn_probability", "How likely."),
    ]
    assert table.scan().count() == 4
    first = table.metadata.snapshots[0].snapshot_id
    assert table.scan(snapshot_id=first).count() == 3

    assert forget_in_iceberg(place, secrets, "C2", document) == 1
    table = catalog.load_table("churn.scores")
    assert sorted(table.scan().to_arrow().column("customer_id").to_pylist()) == ["C0", "C1", "C3"]
    assert table.snapshot_by_id(first) is None
    assert len(table.metadata.snapshots) == 1
    if not is_remote:
        kept = [path for path in files.rglob("*") if path.is_file() and path.suffix != ".json"]
        assert len(kept) == 3  # the rows, their manifest, the list of manifests
        assert not [path for path in kept if b"C2" in path.read_bytes()]
        with duckdb.connect() as connection:
            (data,) = files.rglob("*.parquet")
            assert connection.execute(f"select count(*) from '{data}'").fetchone() == (3,)
    assert forget_in_iceberg(place, secrets, "C2", document) == 0

    publish_to_iceberg(place, secrets, tmp_path, document, with_customers=False)
    table = catalog.load_table("churn.scores")
    assert [field.name for field in table.schema().fields] == ["churn_probability"]
    assert table.scan(row_filter=EqualTo("churn_probability", 0.5)).count() == 4
    catalog.close()


@pytest.mark.filterwarnings("ignore")
def test_an_iceberg_table_follows_its_columns_and_a_tag_keeps_an_erasure_open(tmp_path: Path) -> None:
    from pyiceberg.catalog import load_catalog

    place = IcebergPlace(f"sqlite:///{tmp_path}/c.db", str(tmp_path / "wh"), "churn")
    publish_to_iceberg(place, {}, tmp_path, _published(tmp_path, 2), with_customers=True)
    document = _published(tmp_path, 2)
    words = pa.table({"customer_id": ["C0", "C1"], "churn_probability": ["low", "high"]})
    pq.write_table(words, tmp_path / "scores.parquet")  # a number became a word
    publish_to_iceberg(place, {}, tmp_path, document, with_customers=True)
    catalog = load_catalog("churn", **catalog_options(place.catalog, {}))
    table = catalog.load_table("churn.scores")
    assert table.scan().to_arrow().sort_by("customer_id").column("churn_probability").to_pylist() == ["low", "high"]
    assert table.scan(snapshot_id=table.metadata.snapshots[0].snapshot_id).count() == 2
    table.manage_snapshots().create_tag(table.current_snapshot().snapshot_id, "audit").commit()
    with pytest.raises(ConfigError, match="`audit` holds an earlier version"):
        forget_in_iceberg(place, {}, "C0", document)
    catalog.close()


def test_a_catalogue_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="cannot be made"):
        reach_iceberg(IcebergPlace(f"sqlite:///{tmp_path}/none/c.db", str(tmp_path), "churn"), {})
    nobody = IcebergPlace("postgresql://x@127.0.0.1:9/none", str(tmp_path), "churn")
    with pytest.raises(Unreachable, match="the catalogue failed"):
        reach_iceberg(nobody, {})


def test_what_the_section_lacks_is_said(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong, words in (
        ({"path": ["a", "b"], "format": "delta"}, "one `path`"),
        ({"path": "a.csv", "version": 3}, "of a lake's table"),
        ({"path": "x", "format": "iceberg"}, "`catalog` and `table`"),
        ({"catalog": "postgresql://u:p@h/d", "table": "a.b", "format": "iceberg"}, "holds a password"),
    ):
        with pytest.raises(ValidationError, match=words):
            SourceSettings.model_validate(wrong)
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(ConfigError, match="needs an extra package") as told:
        load(warehouse, {"path": "/nowhere", "format": "delta"})
    assert told.value.remedy == "pip install 'churn[lake]'"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            "Error performing GET http://127.0.0.1:9/lake530717249/x in 550.394044ms, after 3 retries: refused",
            Unreachable,
        ),
        ("Error performing GET http://127.0.0.1:9/x in 403.403ms: connection closed", Unreachable),
        ("Client error with status 404 Not Found: NoSuchKey", ContractBroken),
        ("AWS Error [code 404]: No response body.", ContractBroken),
        ("the service answered 403.", AuthFailed),
    ],
)
def test_a_status_is_read_where_one_stands_and_in_no_other_number(text: str, kind: type[Exception]) -> None:
    assert isinstance(storage_error(OSError(text), "s3://lake/x"), kind)

"""An S3-compatible source, tried against a real server on loopback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from churn.config import SourceSettings
from churn.errors import AuthFailed, ConfigError, ContractBroken, Unreachable
from churn.warehouse import Warehouse, open_warehouse
from churn.warehouse.loading.ingest import ingest
from tests.object_store import ObjectServer, running_object_server
from tests.warehouse.conftest import NOW

pytest.importorskip("s3fs", reason="s3fs is not installed (extra `s3`)")
pytestmark = [pytest.mark.xdist_group("s3"), pytest.mark.slow]
SESSIONS = "customer_id,started_at\n"


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectServer]:
    with running_object_server() as running:
        yield running


@pytest.fixture
def secrets(server: ObjectServer) -> dict[str, str]:
    return server.secrets


@pytest.fixture
def bucket(server: ObjectServer, request: pytest.FixtureRequest) -> Iterator[Any]:
    with server.client() as client:
        yield _made(client, request)


def _made(client: Any, request: pytest.FixtureRequest) -> Any:
    name = f"b{abs(hash(request.node.name)) % 10**9}"
    client.create_bucket(Bucket=name)

    class Bucket:
        url = f"s3://{name}"

        def put(self, key: str, text: str) -> None:
            client.put_object(Bucket=name, Key=key, Body=text.encode())

    return Bucket()


def test_globs_are_loaded_incrementally_and_rows_know_their_address(
    warehouse: Warehouse, bucket: Any, secrets: dict[str, str]
) -> None:
    source = {"sessions": SourceSettings(path=f"{bucket.url}/day/*.csv")}
    bucket.put("day/1.csv", SESSIONS + "C1,2026-01-01\n")
    bucket.put("other.csv", "nothing of ours")
    ingest(warehouse, source, now=NOW, secrets=secrets)
    bucket.put("day/2.csv", SESSIONS + "C2,2026-01-02\n")
    result = ingest(warehouse, source, now=NOW, secrets=secrets)[0]
    assert (result.files_loaded, result.files_unchanged) == (1, 1)
    bucket.put("day/1.csv", SESSIONS + "C9,2026-01-01\n")
    ingest(warehouse, source, now=NOW, secrets=secrets)
    assert warehouse.rows("select customer_id, source_file from raw.sessions order by 1") == [
        ("C2", f"{bucket.url}/day/2.csv"),
        ("C9", f"{bucket.url}/day/1.csv"),
    ]


def test_parquet_files_are_loaded_together_and_downloads_are_gone_afterwards(
    bucket: Any, secrets: dict[str, str], tmp_path: Path
) -> None:
    import io

    import polars as pl

    for number in (1, 2):
        stream = io.BytesIO()
        frame = pl.DataFrame({"customer_id": [f"C{number}"], "started_at": ["2026-01-01"]})
        frame.write_parquet(stream)
        bucket.put(f"{number}.parquet", "")
        _put_bytes(bucket.url, f"{number}.parquet", stream.getvalue(), secrets)
    with open_warehouse(tmp_path / "w.duckdb", holder="test") as warehouse:
        ingest(warehouse, {"sessions": SourceSettings(path=f"{bucket.url}/*.parquet")}, now=NOW, secrets=secrets)
        found = warehouse.rows("select customer_id, source_file from raw.sessions order by 1")
    assert found == [("C1", f"{bucket.url}/1.parquet"), ("C2", f"{bucket.url}/2.parquet")]
    assert not list((tmp_path / "tmp").glob("downloads-*"))


def _put_bytes(url: str, key: str, data: bytes, secrets: dict[str, str]) -> None:
    import s3fs

    files = s3fs.S3FileSystem(
        key="key", secret="word", endpoint_url=secrets["AWS_ENDPOINT_URL"], skip_instance_cache=True
    )
    files.pipe_file(f"{url}/{key}", data)


def test_an_address_without_files_is_refused(warehouse: Warehouse, bucket: Any, secrets: dict[str, str]) -> None:
    for path in (f"{bucket.url}/none-*.csv", f"{bucket.url}/none.csv", "s3://no-such-bucket/x.csv"):
        with pytest.raises(ContractBroken, match=r"no file for sessions|no such file"):
            ingest(warehouse, {"sessions": SourceSettings(path=path)}, now=NOW, secrets=secrets)


def test_a_store_that_does_not_answer_is_unreachable(warehouse: Warehouse, secrets: dict[str, str]) -> None:
    source = {"sessions": SourceSettings(path="s3://bucket/x.csv")}
    with pytest.raises(Unreachable, match="AWS_ENDPOINT_URL"):
        ingest(warehouse, source, now=NOW, secrets=secrets | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})


def test_other_addresses_are_refused(warehouse: Warehouse) -> None:
    with pytest.raises(ConfigError, match="s3://BUCKET/KEY"):
        ingest(warehouse, {"sessions": SourceSettings(path="ftp://host/x.csv")}, now=NOW)


def test_without_its_package_the_remedy_is_to_install_it(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ConfigError, match=r"pip install 'churn\[s3\]'"):
        ingest(warehouse, {"sessions": SourceSettings(path="s3://bucket/x.csv")}, now=NOW)


def test_refused_keys_are_an_authentication_error(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    def refuse(*arguments: object, **named: object) -> None:
        raise PermissionError("Forbidden")

    monkeypatch.setattr(s3fs.S3FileSystem, "exists", refuse)
    with pytest.raises(AuthFailed, match="AWS_ACCESS_KEY_ID"):
        ingest(warehouse, {"sessions": SourceSettings(path="s3://bucket/x.csv")}, now=NOW, secrets={})

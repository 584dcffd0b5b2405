"""Faults of the machine: a full disk, a killed load; the next run is whole."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest

from churn.config import SourceSettings
from churn.errors import ChurnError, ConfigError, DataError, ResourceError, WarehouseBusy
from churn.warehouse import load_models, open_warehouse
from churn.warehouse.faults import translated, translating
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models.build import build
from tests.warehouse.conftest import NOW


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (duckdb.IOException("Could not write file: No space left on device"), ResourceError),
        (duckdb.IOException("Cannot open file: Permission denied"), ResourceError),
        (duckdb.IOException('Could not set lock on file "w.duckdb": Resource temporarily unavailable'), WarehouseBusy),
        (duckdb.IOException("The file exists, but it is not a valid DuckDB database file!"), DataError),
        (duckdb.SerializationException("Failed to load metadata pointer"), DataError),
        (duckdb.OutOfMemoryException("failed to allocate data"), ResourceError),
        (duckdb.BinderException("no such column"), ConfigError),
        (duckdb.ConversionException("Could not convert"), DataError),
        (duckdb.Error(""), DataError),
    ],
)
def test_each_fault_gets_its_class(error: duckdb.Error, kind: type[ChurnError]) -> None:
    assert type(translated(error, "here")) is kind
    assert translated(error, "here").where == "here"


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        (
            'Failed to read file "here/.churn/facts/tickets/0001.parquet": No magic bytes',
            "Restore the folder of facts",
        ),
        ('Failed to read file "/data/tickets.parquet": No magic bytes', None),
        ("TProtocolException: Invalid data", "Check that the delivered Parquet files are whole"),
        ("Out of buffer", "Check that the delivered Parquet files are whole"),
    ],
)
def test_a_damaged_parquet_file_is_called_that(message: str, remedy: str | None) -> None:
    error = translated(duckdb.InvalidInputException(message))
    assert "a Parquet file is damaged" in str(error)
    assert (error.remedy is None) if remedy is None else (remedy in str(error.remedy))


def test_the_foreign_error_stays_reachable() -> None:
    with pytest.raises(DataError) as caught, translating("here"):
        raise duckdb.ConversionException("x")
    assert isinstance(caught.value.__cause__, duckdb.ConversionException)


_LIMITED = """
import resource, signal, sys
from datetime import datetime
from pathlib import Path
from churn.config import SourceSettings
from churn.errors import ResourceError
from churn.warehouse import open_warehouse
from churn.warehouse.loading.ingest import ingest
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
home, data = map(Path, sys.argv[1:])
try:
    with open_warehouse(home / "w.duckdb", holder="test") as warehouse:
        ingest(warehouse, {"sessions": SourceSettings(path=str(data))}, now=datetime(2026, 1, 1))
except ResourceError as error:
    print("resource error:", error)
"""


@pytest.fixture
def sessions(tmp_path: Path) -> Path:
    """A file whose rows compress badly."""
    path = tmp_path / "sessions.parquet"
    frame = pl.select(n=pl.int_range(0, 400_000)).select(
        customer_id=pl.col("n").hash(7).cast(pl.String),
        started_at=pl.datetime(2026, 1, 1) + pl.duration(seconds=pl.col("n").hash(3) % 10**7),
    )
    frame.write_parquet(path)
    return path


@pytest.mark.slow
def test_a_disk_that_fills_up_is_a_resource_error_and_the_next_run_is_whole(tmp_path: Path, sessions: Path) -> None:
    command = [sys.executable, "-c", _LIMITED, str(tmp_path), str(sessions)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "resource error:" in done.stdout, done.stderr
    with open_warehouse(tmp_path / "w.duckdb", holder="test") as warehouse:
        assert ingest(warehouse, {"sessions": SourceSettings(path=str(sessions))}, now=NOW)[0].total_rows == 400_000


_SLOW = """
import sys, time
from datetime import datetime
from pathlib import Path
from churn.config import SourceSettings
from churn.warehouse import open_warehouse
from churn.warehouse.loading import ingest as module
home, data = map(Path, sys.argv[1:])
real = module.load_delivery
def slow(*arguments):
    done = real(*arguments)
    print("loaded", flush=True)
    time.sleep(60)
    return done
module.load_delivery = slow
with open_warehouse(home / "w.duckdb", holder="churn refresh") as warehouse:
    module.ingest(warehouse, {"sessions": SourceSettings(path=str(data))}, now=datetime(2026, 1, 1))
"""


@pytest.mark.slow
def test_a_load_killed_half_way_is_loaded_once_by_the_next_run(tmp_path: Path, sessions: Path) -> None:
    command = [sys.executable, "-c", _SLOW, str(tmp_path), str(sessions)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loaded\n"
        process.send_signal(signal.SIGKILL)
    with open_warehouse(tmp_path / "w.duckdb", holder="test") as warehouse:
        assert warehouse.rows("select count(*) from raw.sessions") == [(0,)]
        result = ingest(warehouse, {"sessions": SourceSettings(path=str(sessions))}, now=NOW)[0]
        assert (result.files_loaded, result.total_rows) == (1, 400_000)
        build(warehouse, load_models(tmp_path), schemas=["staging"], names=["staging.sessions"])
        assert warehouse.rows("select count(*) from staging.sessions") == [(400_000,)]


_INTERRUPTED = """
import os, signal, sys, threading, time
from churn.warehouse import open_warehouse

signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background was told to ignore it
sql = "select sum(hash(i)) as n from range(60_000_000_000) a(i)"  # minutes
how = sys.argv[1]
with open_warehouse(None, holder="test") as warehouse:
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    try:
        getattr(warehouse, how)(f"create temp table counted as {sql}" if how == "execute" else sql)
    except KeyboardInterrupt:
        time.sleep(0.1)
        print("interrupted", time.monotonic() - began < 10, warehouse.rows("select 1"))
print(threading.active_count())
"""


@pytest.mark.parametrize("how", ["rows", "frame", "execute"])
def test_a_query_that_is_interrupted_ends_at_once_and_as_whatever_else_is_interrupted(how: str) -> None:
    command = [sys.executable, "-c", _INTERRUPTED, how]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout, done.stderr) == ("interrupted True [(1,)]\n1\n", "")

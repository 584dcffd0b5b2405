"""The warehouse's connection: one holder at a time, errors of ours, whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from churn.config import ResourceSettings
from churn.errors import ConfigError, DataError, ResourceError, WarehouseBusy
from churn.warehouse import Warehouse, open_warehouse


def test_rows_and_frames_take_parameters(warehouse: Warehouse) -> None:
    assert warehouse.rows("select ? + 1", [1]) == [(2,)]
    assert warehouse.frame("select ? as name", ["Ada"])["name"].to_list() == ["Ada"]


def test_a_frame_written_replaces_the_table(warehouse: Warehouse) -> None:
    warehouse.write("history.scores", pl.DataFrame({"a": [1, 2]}))
    warehouse.write("history.scores", pl.DataFrame({"a": [3]}))
    assert warehouse.rows("select a from history.scores") == [(3,)]


def test_a_frame_appended_may_bring_a_new_column(warehouse: Warehouse) -> None:
    warehouse.write("history.scores", pl.DataFrame({"a": [1]}), append=True)
    warehouse.write("history.scores", pl.DataFrame({"b": ["x"], "a": [2]}), append=True)
    assert warehouse.rows("select a, b from history.scores order by a") == [(1, None), (2, "x")]


def test_a_table_name_without_schema_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(DataError, match=r"schema\.table"):
        warehouse.write("scores; drop table x", pl.DataFrame({"a": [1]}))


def test_a_failed_transaction_leaves_nothing(warehouse: Warehouse) -> None:
    warehouse.execute("create table t (a int)")

    def fail_half_way() -> None:
        with warehouse.transaction():
            warehouse.execute("insert into t values (1)")
            with warehouse.transaction():
                warehouse.execute("insert into t values (2)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert warehouse.rows("select count(*) from t") == [(0,)]


def test_the_first_error_of_a_transaction_is_the_one_shown(warehouse: Warehouse) -> None:
    with pytest.raises(ConfigError, match="no_such_table"), warehouse.transaction():
        warehouse.execute("select * from no_such_table")


def test_times_are_utc(warehouse: Warehouse) -> None:
    found = warehouse.rows("select cast(timestamptz '2026-01-01 00:00:00+02' as timestamp)::varchar")
    assert found == [("2025-12-31 22:00:00",)]


def test_wrong_sql_is_a_configuration_error_and_wrong_values_are_a_data_error(warehouse: Warehouse) -> None:
    with pytest.raises(ConfigError, match="does not run"):
        warehouse.rows("selec 1")
    with pytest.raises(DataError, match="Could not convert"):
        warehouse.rows("select cast('x' as integer)")


def test_a_query_beyond_the_memory_limit_without_room_to_spill_is_a_resource_error(tmp_path: Path) -> None:
    small = ResourceSettings(memory_limit="20MB", threads=1)
    with open_warehouse(tmp_path / "w.duckdb", holder="test", resources=small) as warehouse:
        warehouse.execute("set max_temp_directory_size = '1MB'")
        with pytest.raises(ResourceError, match=r"resources\."):
            warehouse.rows("select count(*) from (select range, count(*) from range(20000000) group by range)")


def test_work_beyond_the_memory_limit_spills_beside_the_database(tmp_path: Path) -> None:
    small = ResourceSettings(memory_limit="60MB", threads=1)
    with open_warehouse(tmp_path / "w.duckdb", holder="test", resources=small) as warehouse:
        assert warehouse.scratch == tmp_path / "tmp" / "spill"
        total = warehouse.rows("select sum(n) from (select hash(range) h, count(*) n from range(3000000) group by h)")
    assert total == [(3_000_000,)]


def test_warehouses_that_share_a_place_to_spill_leave_each_other_s_files_alone(tmp_path: Path) -> None:
    shared = ResourceSettings(temp_directory=tmp_path / "scratch")
    with open_warehouse(tmp_path / "a" / "w.duckdb", holder="test", resources=shared) as first:
        assert first.scratch is not None
        first.scratch.mkdir(parents=True, exist_ok=True)
        (first.scratch / "in-use").write_text("x")
        with open_warehouse(tmp_path / "b" / "w.duckdb", holder="test", resources=shared) as second:
            assert second.scratch != first.scratch
        assert (first.scratch / "in-use").exists()


def test_what_a_killed_run_spilled_is_cleared_away(tmp_path: Path) -> None:
    for left in ("spill", "downloads-x"):
        (tmp_path / "tmp" / left).mkdir(parents=True)
        (tmp_path / "tmp" / left / "file").write_text("x")
    with open_warehouse(tmp_path / "w.duckdb", holder="test"):
        assert not list((tmp_path / "tmp").rglob("file"))


def test_a_second_opener_is_told_who_holds_the_warehouse(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with open_warehouse(path, holder="churn refresh"), pytest.raises(WarehouseBusy) as caught:
        open_warehouse(path, holder="churn score")
    assert "`churn refresh`" in str(caught.value)
    assert str(os.getpid()) in str(caught.value)
    assert "since 20" in str(caught.value)
    open_warehouse(path, holder="churn score").close()


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    warehouse = open_warehouse(tmp_path / "w.duckdb", holder="test")
    warehouse.close()
    warehouse.close()


def test_a_damaged_file_is_a_data_error_and_leaves_the_lock_free(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(b"this is no database" * 1000)
    for _ in range(2):
        with pytest.raises(DataError, match=r"cannot be read.*backup"):
            open_warehouse(path, holder="test")


def test_a_home_that_is_a_file_is_a_resource_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("x")
    with pytest.raises(ResourceError):
        open_warehouse(tmp_path / "home" / "w.duckdb", holder="test")


_NOTEBOOK = """
import sys
import duckdb
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
def test_a_file_that_a_notebook_has_open_is_busy_and_its_process_is_named(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    open_warehouse(path, holder="test").close()
    command = [sys.executable, "-c", _NOTEBOOK, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        for read_only in (False, True):
            with pytest.raises(
                WarehouseBusy, match=rf"\(process {process.pid}\) has the file open. Try again"
            ) as caught:
                open_warehouse(path, holder="churn score", read_only=read_only)
            assert caught.value.exit_code == 5
        process.kill()
    open_warehouse(path, holder="churn score").close()


_KILLED_WHILE_BUILDING = """
import sys
from pathlib import Path
from churn.warehouse import open_warehouse
warehouse = open_warehouse(Path(sys.argv[1]), holder="churn refresh")
with warehouse.transaction():
    warehouse.execute("create schema staging")
    warehouse.execute("create or replace table t as select range as a from range(2000000)")
    print("half", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_a_build_killed_half_way_leaves_the_database_as_it_was_and_the_lock_free(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with open_warehouse(path, holder="test") as warehouse:
        warehouse.execute("create table t as select 7 as a")
    command = [sys.executable, "-c", _KILLED_WHILE_BUILDING, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        with pytest.raises(WarehouseBusy, match=f"process {process.pid}"):
            open_warehouse(path, holder="test")
        process.send_signal(signal.SIGKILL)
    with open_warehouse(path, holder="test") as warehouse:
        assert warehouse.rows("select a from t") == [(7,)]
        assert not warehouse.has_table("staging.x")

"""Tables of a Hive catalogue: a real metastore service, whose tables Spark reads and our rules load."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from churn.warehouse.opening import open_warehouse
from tests.company import churn
from tests.ports import free_port
from tests.spark import SETTINGS, missing

pytestmark = [
    pytest.mark.xdist_group("spark"),
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(missing() is not None, reason=f"no Spark: {missing()}"),
]
SITE = """<configuration>
<property><name>javax.jdo.option.ConnectionURL</name><value>jdbc:derby:memory:metastore;create=true</value></property>
<property><name>javax.jdo.option.ConnectionDriverName</name><value>org.apache.derby.iapi.jdbc.AutoloadedDriver</value></property>
<property><name>datanucleus.schema.autoCreateAll</name><value>true</value></property>
<property><name>hive.metastore.schema.verification</name><value>false</value></property>
<property><name>hive.async.log.enabled</name><value>false</value></property>
<property><name>hive.metastore.warehouse.dir</name><value>{warehouse}</value></property>
</configuration>
"""
# Another program made the table: partitioned by day, as ORC, with names in the catalogue's own lower case.
MAKE = """
import sys
from pyspark.sql import SparkSession
builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
for pair in sys.argv[1:]:
    builder = builder.config(*pair.split("=", 1))
session = builder.enableHiveSupport().getOrCreate()
session.sql("create database billing")
session.sql(
    "create table billing.Payments (payment_id string, customer_id string, attempted_at timestamp,"
    " amount decimal(12, 2), state string) partitioned by (day string) stored as orc"
)
session.sql("set hive.exec.dynamic.partition.mode = nonstrict")
for first in (0, 60):
    session.sql(
        f"insert into billing.Payments partition (day) select concat('p', id), concat('Kunde ü', id % 7),"
        " timestamp_ntz '2026-03-29 01:30:00.123456' + make_dt_interval(0, id), id + 0.25,"
        " if(id % 5 > 0, 'failed', null), cast(date '2026-03-29' + cast(id div 24 as int) as string)"
        f" from range({first}, {first + 60})"
    )
session.stop()
"""


@pytest.fixture
def metastore(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Run Hive's metastore, of the jars that PySpark brings; yield the settings by which Spark uses it."""
    import pyspark

    folder, port = tmp_path / "metastore", free_port()
    folder.mkdir()
    (folder / "hive-site.xml").write_text(SITE.format(warehouse=tmp_path / "tables"))
    jars = Path(pyspark.__file__).parent / "jars"
    java = shutil.which("java")
    assert java is not None
    command = [java, "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{folder}:{jars}/*"]
    command += ["org.apache.hadoop.hive.metastore.HiveMetaStore", "-p", str(port)]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as running,
    ):
        try:
            _wait(port, running, folder / "log")
            yield {
                **SETTINGS,
                "spark.sql.catalogImplementation": "hive",
                "spark.hadoop.hive.metastore.uris": f"thrift://127.0.0.1:{port}",
                "spark.sql.warehouse.dir": str(tmp_path / "tables"),
            }
        finally:
            running.terminate()


def _wait(port: int, running: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and running.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise AssertionError(f"the metastore does not start:\n{log.read_text(errors='replace')[-2_000:]}")


def test_a_table_of_a_hive_metastore_is_loaded_by_our_rules(metastore: dict[str, str], tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-c", MAKE, *(f"{name}={value}" for name, value in metastore.items())],
        env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert made.returncode == 0, made.stderr[-3_000:]
    home = tmp_path / "home"
    home.mkdir()
    listed = "\n".join(f'"{name}" = "{value}"' for name, value in metastore.items())
    (home / "churn.toml").write_text(
        f"""[engine]
kind = "spark"
master = "local[1]"

[engine.settings]
{listed}

[sources.payments]
format = "spark"
table = "billing.payments"
columns = {{ status = "state" }}
"""
    )
    done = churn("refresh", "--json", "--home", str(home), cwd=home, env={"SPARK_LOCAL_IP": "127.0.0.1"})
    assert '"payments"' in done.stdout, done.stderr + done.stdout
    with open_warehouse(home / "warehouse.duckdb", holder="tests") as warehouse:
        rows = warehouse.frame("select * from raw.payments order by amount")
        kinds = dict(warehouse.rows("select column_name, column_type from (describe raw.payments)"))
    assert rows.height == 120
    assert rows["payment_id"].to_list() == [f"p{number}" for number in range(120)]
    assert rows["customer_id"].to_list() == [f"Kunde ü{number % 7}" for number in range(120)]
    assert str(rows["attempted_at"][0]) == "2026-03-29 01:30:00.123456"  # an hour that Europe's clocks passed over
    assert rows["amount"].cast(pl.Float64).to_list() == [number + 0.25 for number in range(120)]
    assert rows["status"].null_count() == 24
    assert kinds["day"] == "VARCHAR"

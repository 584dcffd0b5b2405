"""A real standalone Spark for tests: a master and two workers of one core each, on loopback, from the PySpark package."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import ROOT
from tests.ports import free_port

WORKERS = 2
_SECONDS = 60.0
# These run for seconds, beside all other tests: Java compiles once and lightly, and collects garbage in one thread.
_SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"
POSTGRES_JAR = Path("/usr/share/java/postgresql.jar")  # JDBC, of the package `libpostgresql-jdbc-java`
# Small for the same reason as above.
SETTINGS = {
    **({"spark.jars": str(POSTGRES_JAR)} if POSTGRES_JAR.exists() else {}),
    "spark.driver.extraJavaOptions": _SHORT_LIVED,
    "spark.executor.extraJavaOptions": _SHORT_LIVED,
    "spark.driver.memory": "512m",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.executor.memory": "512m",
    "spark.executor.cores": "1",
    "spark.pyspark.python": sys.executable,
}


@dataclass(frozen=True)
class SparkCluster:
    """The address of a running master, and the folder that its workers work in."""

    master: str
    folder: Path

    def executors(self) -> list[int]:
        """Return the process ids of the executors that work now."""
        named = "org.apache.spark.executor.CoarseGrainedExecutorBackend"
        return [
            int(folder.name)
            for folder in Path("/proc").iterdir()
            if folder.name.isdigit()
            and named in _command(folder)
            and (folder / "cwd").resolve().is_relative_to(self.folder)
        ]


def _command(folder: Path) -> str:
    try:
        return (folder / "cmdline").read_text(encoding="utf-8", errors="replace").replace("\0", " ")
    except OSError:
        return ""


def missing() -> str | None:
    """Return what a cluster lacks on this machine, None where it can run."""
    try:
        import pyspark  # noqa: F401
    except ImportError:
        return "pyspark is not installed (extra `spark`)"
    return None if shutil.which("java") else "there is no Java (install the package `default-jre-headless`)"


@contextmanager
def running_spark() -> Iterator[SparkCluster]:
    """Run a master and its workers, and stop them."""
    import pyspark

    start = Path(pyspark.__file__).parent / "bin" / "spark-class"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "CHURN_"))},
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": _SHORT_LIVED,
        "SPARK_LAUNCHER_OPTS": _SHORT_LIVED,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    port = free_port()
    master = f"spark://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="churn-spark-", ignore_cleanup_errors=True) as folder, ExitStack() as stack:
        begin = [str(start), "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--webui-port", "0"]
        stack.enter_context(_process([*begin, "--port", str(port)], environment, Path(folder) / "master.log"))
        _wait(port)
        for number in range(WORKERS):
            work = Path(folder) / f"worker-{number}"
            work.mkdir()
            command = [str(start), "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--webui-port", "0"]
            command += ["--cores", "1", "--memory", "1g", "--work-dir", str(work), master]
            stack.enter_context(_process(command, environment, Path(folder) / f"worker-{number}.log"))
        yield SparkCluster(master, Path(folder).resolve())


@contextmanager
def _process(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, env=environment, stdout=output, stderr=output, cwd=log.parent, start_new_session=True
        ) as running,
    ):
        try:
            yield
        finally:
            os.killpg(running.pid, signal.SIGTERM)
            try:
                running.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)


def _wait(port: int) -> None:
    end = time.monotonic() + _SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkCluster]:
    """One cluster per test process."""
    if (lacking := missing()) is not None:
        pytest.skip(lacking)
    from pyspark.sql import SparkSession

    with running_spark() as cluster:
        yield cluster
        if (session := SparkSession.getActiveSession()) is not None:
            session.stop()

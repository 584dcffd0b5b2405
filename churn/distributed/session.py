"""Opens the Spark session: one per process, with the settings of [engine], and errors that say what is missing."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn.config import EngineSettings
from churn.errors import ConfigError, ResourceError, Unreachable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_SECONDS: Final = 5.0
_PORT: Final = 7077  # of a standalone master
# What the product needs; [engine] settings go over them.
_OURS: Final = {
    "spark.app.name": "churn",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
}


def open_session(engine: EngineSettings) -> SparkSession:
    """Return the process' session, opened on the first call.

    Raises ConfigError where PySpark or Java is missing, Unreachable where the master does not answer.
    """
    require_spark(engine)
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    _choose_python(engine)
    builder = SparkSession.builder.master(engine.master)
    for name, value in _settings(engine).items():
        builder = builder.config(name, value)
    is_new = SparkSession.getActiveSession() is None
    try:
        session = builder.getOrCreate()
    except (PySparkException, OSError) as error:
        raise Unreachable(
            f"Spark does not start: {_reason(error)}",
            where="[engine] master",
            remedy="Check the master's address and [engine] settings.",
        ) from error
    if is_new:
        atexit.register(session.stop)
    return session


def require_spark(engine: EngineSettings) -> None:
    """Raise ConfigError where PySpark or Java is missing, Unreachable where a standalone master takes no connection."""
    if find_spec("pyspark") is None:
        raise ConfigError(
            "PySpark is not installed", where="[engine] kind", remedy="Install it with `pip install 'churn[spark]'`."
        )
    home = os.environ.get("JAVA_HOME")
    if shutil.which(str(Path(home) / "bin" / "java") if home else "java") is None:
        raise ConfigError(
            "Spark needs Java, and there is none" + (f" in JAVA_HOME ({home})" if home else ""),
            where="[engine] kind",
            remedy="Install Java 17 or newer (`apt-get install default-jre-headless`), or set JAVA_HOME.",
        )
    if engine.master.startswith("spark://"):
        _reach(engine.master)


@contextmanager
def translating(what: str, *, remedy: str) -> Iterator[None]:
    """Raise what goes wrong on the cluster as ResourceError: `what` failed, why, and what to do about it."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise ResourceError(f"{what}: {_reason(error)}", where="[engine]", remedy=remedy) from error


def _reason(error: BaseException) -> str:
    """Return the line of a Java or Python trace that says what went wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    python = [
        line
        for line in lines
        if line.partition(":")[0].endswith(("Error", "Exception")) and not line.startswith(("org.", "java."))
    ]
    return (python or lines or [type(error).__name__])[0]


def _settings(engine: EngineSettings) -> dict[str, str]:
    return {**_OURS, "spark.sql.shuffle.partitions": str(engine.buckets), **engine.settings}


def _choose_python(engine: EngineSettings) -> None:
    """Say which Python tasks run in: what is set, else on this machine the one that runs now. PySpark asks the environment."""
    chosen = engine.settings.get("spark.pyspark.python") or (
        sys.executable if engine.master.startswith("local") else None
    )
    if chosen is not None:
        os.environ.setdefault("PYSPARK_PYTHON", chosen)


def _reach(master: str) -> None:
    """Ask the masters named (there may be several, by commas) for a connection: Spark itself would try for a minute."""
    errors = []
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":") if ":" in address else (address, "", str(_PORT))
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS).close()
        except (OSError, ValueError) as error:
            errors.append(f"{address}: {error}")
        else:
            return
    raise Unreachable(
        f"the Spark master takes no connection ({'; '.join(errors)})",
        where="[engine] master",
        remedy="Check that the master runs, and its address.",
    )

"""Tries the cluster: whether a session opens, workers see the shared folder and run this version of the product, and Spark knows our sources."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from churn import __version__
from churn.config import EngineSettings, SourceSettings
from churn.distributed.reading import selected
from churn.distributed.session import open_session, translating
from churn.distributed.work import NO_SECRETS, open_work
from churn.errors import ConfigError, ContractBroken
from churn.warehouse.loading.expressions import theirs
from churn.warehouse.reading.database_load import only_by_spark
from churn.warehouse.reading.increments import updated_column

if TYPE_CHECKING:
    import pyarrow as pa

_TASKS = 4


def probe_cluster(home: Path, engine: EngineSettings, secrets: Mapping[str, str] = NO_SECRETS) -> None:
    """Run a few tasks that look at the shared folder.

    Raises ConfigError, Unreachable or ResourceError saying what to mend before work can be shared out.
    """
    work, session = open_work(home, engine, secrets), open_session(engine)
    sign = work.place / f"probe-{uuid.uuid4().hex[:8]}"
    sign.publish(__version__)

    def look(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for batch in batches:
            answer = __version__ if sign.read() else ""
            yield pa.RecordBatch.from_arrays([pa.array([answer] * batch.num_rows, pa.string())], names=["version"])

    remedy = "Each worker needs Python with `churn` installed; name it by PYSPARK_PYTHON or spark.pyspark.python."
    try:
        with translating("tasks do not run on the workers", remedy=remedy):
            rows = session.range(0, _TASKS, 1, _TASKS).mapInArrow(look, "version string").collect()
    finally:
        sign.remove()
    versions = {row[0] for row in rows}
    if "" in versions:
        raise ConfigError(
            "the workers do not see this folder of the driver",
            where=f"[engine] work ({work.place})",
            remedy="Name a folder that every machine mounts at the same place.",
        )
    if versions != {__version__}:
        raise ConfigError(
            f"the workers run churn {', '.join(sorted(versions))}, and the driver {__version__}",
            where="[engine]",
            remedy="Install the same version everywhere.",
        )


def probe_source(engine: EngineSettings, name: str, source: SourceSettings) -> None:
    """Ask Spark what a source of its format has for columns; no row is read.

    Raises ConfigError where no Spark is set or a declared column is missing, ContractBroken for a table or query that
    Spark does not know, Unreachable or ResourceError where it does not answer.
    """
    if engine.kind != "spark":
        raise only_by_spark(name)
    session = open_session(engine)
    with translating(f"{name} cannot be looked at", remedy="Check the settings of [engine] that declare catalogues."):
        columns = selected(session, name, source).columns
    updated = updated_column(source)
    if updated and theirs(updated, dict.fromkeys(columns, "")) is None:
        raise ContractBroken(
            f"no column `{updated}` (options.updated)",
            where=f"sources.{name}",
            remedy=f"Name one of {', '.join(columns)}.",
        )

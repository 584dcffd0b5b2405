"""Tries the cluster: whether a session opens, workers see the shared folder, and they run this version of the product."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from churn import __version__
from churn.config import EngineSettings
from churn.distributed.session import open_session, translating
from churn.distributed.work import NO_SECRETS, open_work
from churn.errors import ConfigError

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

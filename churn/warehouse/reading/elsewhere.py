"""What reads sources in place of this process: the tasks of a cluster, by the same rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from churn.config import SourceSettings
from churn.warehouse.connection import Warehouse
from churn.warehouse.reading.delivery import Delivery, SourceFile


class ClusterReader(Protocol):
    """Reads on a cluster."""

    def fetch(
        self, warehouse: Warehouse, name: str, source: SourceSettings, secrets: Mapping[str, str], *, since: str | None
    ) -> None:
        """Put the rows of a source of format `spark` into the temporary table of delivered rows, as `increments.Fetch`."""

    def read_files(
        self,
        name: str,
        source: SourceSettings,
        kind: str,
        groups: Sequence[Sequence[SourceFile]],
        *,
        scratch: Path,
    ) -> Iterator[Iterator[Delivery]]:
        """Yield of each group what `readers.deliveries` would yield of its files, read elsewhere before the first is handed out.

        `scratch` holds what was read as long as somebody looks at it. Raises as the readers do.
        """

"""A Delta table, here or in an S3-compatible store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from churn.errors import ConfigError, ContractBroken
from churn.warehouse.reading.lake.snapshot import Snapshot
from churn.warehouse.reading.lake.storage import delta_options, extra_missing, translating

if TYPE_CHECKING:
    import pyarrow as pa


class DeltaSource:
    """Reads the table at `path` through delta-rs; partition columns and columns that older files lack are filled in."""

    def __init__(self, path: str, secrets: Mapping[str, str], *, where: str) -> None:
        """Name the table. Raises ConfigError without the extra `lake`."""
        try:
            import deltalake
        except ImportError as error:
            raise extra_missing("Delta", where) from error
        self._library: Any = deltalake
        self._path, self._where = path, where
        self._options = delta_options(secrets) if "://" in path else None

    def snapshot(self, version: int | None = None) -> Snapshot:
        """Return a version, the newest by default. Raises ContractBroken where there is no such table or version."""
        table = self._opened(version)
        with translating(self._path, where=self._where):
            actions = table.get_add_actions(flatten=False)
            import pyarrow as pa

            paths = pa.table(actions).column("path").to_pylist()
            schema = pa.schema(table.schema().to_arrow())
        columns = {name: str(kind) for name, kind in zip(schema.names, schema.types, strict=True)}
        return Snapshot(int(table.version()), columns, frozenset(unquote(path) for path in paths))

    def batches(self, snapshot: Snapshot, files: frozenset[str]) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Return the columns and the rows of `files`. Raises ContractBroken for files that are gone."""
        table = self._opened(snapshot.version)
        try:
            dataset = table.to_pyarrow_dataset()
        except self._library.exceptions.DeltaProtocolError as error:
            raise ConfigError(
                f"the table uses a feature that is not read: {error}",
                where=self._path,
                remedy="Switch deletion vectors and column mapping off for it, and rewrite it (reorg, purge).",
            ) from error
        return dataset.schema, self._rows(dataset, files)

    def _rows(self, dataset: Any, files: frozenset[str]) -> Iterator[pa.RecordBatch]:
        with translating(self._path, where=self._where):
            for fragment in sorted(dataset.get_fragments(), key=lambda fragment: str(fragment.path)):
                if str(fragment.path) in files:
                    yield from fragment.to_batches(schema=dataset.schema)

    def _opened(self, version: int | None) -> Any:
        exceptions = self._library.exceptions
        with translating(self._path, where=self._where):
            try:
                table = self._library.DeltaTable(self._path, storage_options=self._options)
            except exceptions.TableNotFoundError as error:
                raise ContractBroken(
                    "there is no Delta table", where=self._path, remedy=f"Check [{self._where}] path."
                ) from error
            except exceptions.DeltaError as error:
                raise ContractBroken(f"its log cannot be read: {error}", where=self._path) from error
            newest = int(table.version())
            if version is None or version == newest:
                return table
            try:
                return self._library.DeltaTable(self._path, version=version, storage_options=self._options)
            except exceptions.DeltaError as error:
                raise ContractBroken(
                    f"version {version} is not there (any more); the newest is {newest}",
                    where=self._path,
                    remedy=f"Name another in [{self._where}] version, or leave it out.",
                ) from error

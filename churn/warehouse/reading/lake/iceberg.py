"""An Iceberg table, found by a catalogue: SQL (SQLite, PostgreSQL) or REST."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from churn.errors import ConfigError, ContractBroken, Unreachable
from churn.warehouse.reading.lake.catalog import CATALOG_NAME, catalog_options
from churn.warehouse.reading.lake.snapshot import Snapshot
from churn.warehouse.reading.lake.storage import extra_missing, translating

if TYPE_CHECKING:
    import pyarrow as pa


class IcebergSource:
    """Reads a table through PyIceberg, which applies delete files and fills in columns that older files lack."""

    def __init__(self, catalog: str, table: str, secrets: Mapping[str, str], *, where: str) -> None:
        """Open the table. Raises ConfigError without the extra `lake`, ContractBroken, Unreachable."""
        try:
            from pyiceberg.catalog import load_catalog
            from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError
        except ImportError as error:
            raise extra_missing("Iceberg", where) from error
        self._name, self._where = table, where
        options = catalog_options(catalog, secrets)
        try:
            with translating(table, where=where):
                opened: Any = load_catalog(CATALOG_NAME, **options)
                try:
                    self._table: Any = opened.load_table(table)
                finally:
                    if options["type"] == "sql":
                        opened.close()  # its connections; the table's files are read without the catalogue
        except (NoSuchTableError, NoSuchNamespaceError) as error:
            raise ContractBroken(
                "the catalogue has no such table", where=table, remedy=f"Check [{where}] table."
            ) from error
        except Exception as error:
            if isinstance(error, ContractBroken | ConfigError | Unreachable):
                raise
            # SQLAlchemy's and the REST client's own errors: whatever keeps the catalogue from answering.
            raise Unreachable(
                f"the catalogue does not answer: {' '.join(str(error).split())[:200]}",
                where=table,
                remedy=f"Check [{where}] catalog.",
            ) from error

    def snapshot(self, version: int | None = None) -> Snapshot:
        """Return a snapshot, the current one by default. Raises ContractBroken for one that expired or never was."""
        metadata = self._table.metadata
        chosen = self._table.current_snapshot() if version is None else self._table.snapshot_by_id(version)
        if chosen is None and version is not None:
            current = self._table.current_snapshot()
            raise ContractBroken(
                f"snapshot {version} is not there (any more); the current one is "
                f"{current.snapshot_id if current else 'none'}",
                where=self._name,
                remedy=f"Name another in [{self._where}] version, or leave it out.",
            )
        schema = self._table.schema() if chosen is None else self._schema_of(chosen, metadata)
        columns = {field.name: str(field.field_type) for field in schema.fields}
        if chosen is None:  # nothing was ever written to it
            return Snapshot(0, columns, frozenset())
        with translating(self._name, where=self._where):
            files = frozenset(_key(task) for task in self._scan(chosen.snapshot_id).plan_files())
        return Snapshot(int(chosen.snapshot_id), columns, files)

    def batches(self, snapshot: Snapshot, files: frozenset[str]) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Return the columns and the rows of `files`. Raises ContractBroken for files that are gone."""
        from pyiceberg.io.pyarrow import schema_to_pyarrow

        scan = self._scan(snapshot.version) if snapshot.version else self._table.scan()
        schema = schema_to_pyarrow(scan.projection(), include_field_ids=False)
        return schema, self._rows(scan, schema, files)

    def _rows(self, scan: Any, schema: pa.Schema, files: frozenset[str]) -> Iterator[pa.RecordBatch]:
        from pyiceberg.io.pyarrow import ArrowScan

        with translating(self._name, where=self._where):
            reader = ArrowScan(self._table.metadata, self._table.io, scan.projection(), scan.row_filter)
            for task in sorted(scan.plan_files(), key=lambda task: str(task.file.file_path)):
                if _key(task) in files:
                    yield from reader.to_table([task]).cast(schema).to_batches()

    def _scan(self, snapshot_id: int) -> Any:
        return self._table.scan(snapshot_id=snapshot_id)

    def _schema_of(self, chosen: Any, metadata: Any) -> Any:
        if chosen.snapshot_id == metadata.current_snapshot_id or chosen.schema_id is None:
            return self._table.schema()
        return next((s for s in metadata.schemas if s.schema_id == chosen.schema_id), self._table.schema())


def _key(task: Any) -> str:
    """Return what tells a file as it is: another set of deleted rows makes it another file."""
    deletes = sorted(str(file.file_path) for file in task.delete_files)
    return "|".join([str(task.file.file_path), *deletes])

"""Writes the published tables as Iceberg tables of a catalogue, their files here or in an S3-compatible store."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from churn.documents.published import PublishedTable, PublishedTables
from churn.errors import ChurnError, ConfigError, ResourceError, Unreachable
from churn.warehouse.reading.lake.catalog import CATALOG_NAME, catalog_options
from churn.warehouse.reading.lake.storage import extra_missing, storage_error

if TYPE_CHECKING:
    import pyarrow as pa

_WHERE: Final = "[publish] iceberg"
_CUSTOMER: Final = "customer_id"
_COMMENT: Final = "comment"
_NOTHING_YET: Final = ("no such table", 'relation "iceberg_')  # a SQL catalogue that nothing was published to
_MAIN: Final = "main"  # the branch that everybody reads


@dataclass(frozen=True)
class IcebergPlace:
    """Where tables go: the catalogue that names them, the folder or address that takes their files, and their namespace."""

    catalog: str
    address: str
    namespace: str


def publish_to_iceberg(
    place: IcebergPlace,
    secrets: Mapping[str, str],
    source: Path,
    published: PublishedTables,
    *,
    with_customers: bool,
) -> int:
    """Write each table of `source` as a new version of its Iceberg table, in one commit each; return the rows.

    Columns that name customers are left out unless `with_customers`. Earlier versions can be read until their snapshots are
    expired, which is the owner's to do. Raises AuthFailed, Unreachable, ResourceError, ConfigError without the extra `lake`.
    """
    rows = 0
    with _opened(place, secrets) as catalog:
        catalog.create_namespace_if_not_exists(place.namespace)
        for table in published.tables:
            columns = [column.name for column in table.columns if with_customers or not column.is_personal]
            if columns:
                _write(catalog, (place.namespace, table.name), source / f"{table.name}.parquet", table, columns)
                rows += table.rows
    return rows


def forget_in_iceberg(
    place: IcebergPlace, secrets: Mapping[str, str], customer_id: str, tables: PublishedTables
) -> int:
    """Delete a customer's rows from every table that names customers, and all earlier versions; return how many.

    Raises as `publish_to_iceberg`, and ConfigError where a tag or another branch holds an earlier version.
    """
    deleted = 0
    with _opened(place, secrets) as catalog:
        for table in tables.tables:
            name = (place.namespace, table.name)
            if any(column.name == _CUSTOMER for column in table.columns) and catalog.table_exists(name):
                deleted += _forget(catalog.load_table(name), customer_id)
    return deleted


def reach_iceberg(place: IcebergPlace, secrets: Mapping[str, str]) -> None:
    """Look whether the catalogue answers; nothing is made. Raises Unreachable, ConfigError, ResourceError."""
    if place.catalog.startswith("sqlite:///"):
        path = Path(place.catalog.removeprefix("sqlite:///"))
        if not path.exists():  # made by the first publication
            if not os.access(path.parent, os.W_OK):
                raise ResourceError(
                    "cannot be made", where=str(path), remedy="Name a folder that this user may write to."
                )
            return
    with _opened(place, secrets, makes_tables=False):
        pass


def _write(catalog: Any, name: tuple[str, str], path: Path, table: PublishedTable, columns: list[str]) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        reader = _with_comments(file, columns, {column.name: column.description for column in table.columns})
        if not catalog.table_exists(name):
            with catalog.create_table_transaction(name, schema=reader.schema) as change:
                change.set_properties({_COMMENT: table.grain})
                change.append(reader)
            return
        opened = catalog.load_table(name)
        with opened.transaction() as change:
            _fit(change, reader.schema)
            change.set_properties({_COMMENT: table.grain})
            if opened.current_snapshot() is None:
                change.append(reader)
            else:
                change.overwrite(reader)


def _fit(change: Any, schema: pa.Schema) -> None:
    """Give the table the columns of `schema`; one whose type cannot become the new one is another column of its name."""
    before = change.table_metadata.schema()
    update = change.update_schema(allow_incompatible_changes=True)
    for field in before.fields:
        if field.name not in schema.names:
            update.delete_column(field.name)
    try:
        update.union_by_name(schema)
    except Exception as error:
        from pyiceberg.exceptions import ValidationError

        if not isinstance(error, ValidationError | ValueError | TypeError):
            raise
    else:
        update.commit()
        return
    for field in before.fields:
        dropping = change.update_schema(allow_incompatible_changes=True)
        dropping.delete_column(field.name).commit()
    change.update_schema(allow_incompatible_changes=True).union_by_name(schema).commit()


def _with_comments(file: Any, columns: list[str], comments: Mapping[str, str]) -> pa.RecordBatchReader:
    """Return a reader of those columns, each with its comment, of types that Iceberg has."""
    import pyarrow as pa

    whole = file.schema_arrow

    def fitting(kind: pa.DataType) -> pa.DataType:
        return pa.int64() if pa.types.is_unsigned_integer(kind) else kind  # Iceberg has none without a sign

    schema = pa.schema(
        pa.field(name, fitting(whole.field(name).type), metadata={"doc": comments.get(name, "")}) for name in columns
    )
    return pa.RecordBatchReader.from_batches(
        schema, (batch.select(columns).cast(schema) for batch in file.iter_batches(columns=columns))
    )


def _forget(table: Any, customer_id: str) -> int:
    """Write a table anew without a customer, and remove every file that an earlier version alone has."""
    from pyiceberg import expressions

    terms: Any = expressions  # its types do not know that a name may stand for a term
    if table.current_snapshot() is None:
        return 0
    held = [name for name in table.metadata.refs if name != _MAIN]
    if held:
        raise ConfigError(
            f"`{held[0]}` holds an earlier version, with the rows of whoever is erased",
            where=".".join(table.name()),
            remedy="Remove tags and branches from the table, and erase again.",
        )
    deleted = 0
    if _CUSTOMER in table.schema().column_names:
        deleted = int(table.scan(row_filter=terms.EqualTo(_CUSTOMER, customer_id)).count())
    if deleted:
        others = terms.Or(terms.NotEqualTo(_CUSTOMER, customer_id), terms.IsNull(_CUSTOMER))
        table.overwrite(
            table.scan(row_filter=others).to_arrow()
        )  # anew as a whole: what a file's statistics say of its rows goes with it
    _remove_earlier(table)
    return deleted


def _remove_earlier(table: Any) -> None:
    """Expire all snapshots but the current one. The rows go first: what is stopped in the middle can be begun again."""
    current = table.current_snapshot()
    earlier = [snapshot for snapshot in table.metadata.snapshots if snapshot.snapshot_id != current.snapshot_id]
    rows: set[str] = set()
    lists: set[str] = set()
    for snapshot in earlier:
        files, manifests = _files_of(table, snapshot)
        rows, lists = rows | files, lists | manifests
    kept_rows, kept_lists = _files_of(table, current)
    _remove(table, rows - kept_rows)
    if earlier:
        table.maintenance.expire_snapshots().by_ids([snapshot.snapshot_id for snapshot in earlier]).commit()
    _remove(table, lists - kept_lists)


def _files_of(table: Any, snapshot: Any) -> tuple[set[str], set[str]]:
    """Return the files with a snapshot's rows, and those that list them; none where they are gone already."""
    lists = {str(snapshot.manifest_list)}
    rows: set[str] = set()
    try:
        for manifest in snapshot.manifests(table.io):
            lists.add(str(manifest.manifest_path))
            rows |= {str(entry.data_file.file_path) for entry in manifest.fetch_manifest_entry(table.io)}
    except FileNotFoundError:
        pass
    return rows, lists


def _remove(table: Any, files: set[str]) -> None:
    for file in sorted(files):
        try:
            table.io.delete(file)
        except FileNotFoundError:
            continue


@contextmanager
def _opened(place: IcebergPlace, secrets: Mapping[str, str], *, makes_tables: bool = True) -> Iterator[Any]:
    """Open the catalogue; whatever the libraries raise is one of our errors."""
    try:
        from pyiceberg.catalog import load_catalog
    except ImportError as error:
        raise extra_missing("Iceberg", _WHERE) from error
    address = place.address if "://" in place.address else f"file://{Path(place.address).absolute()}"
    options = {**catalog_options(place.catalog, secrets), "warehouse": address}
    options["init_catalog_tables"] = "true" if makes_tables else "false"
    catalog: Any = None
    try:
        catalog = load_catalog(CATALOG_NAME, **options)
        catalog.list_namespaces()
    except Exception as error:
        # SQLAlchemy's and the REST client's own errors: whatever keeps the catalogue from answering.
        if makes_tables or not any(sign in str(error) for sign in _NOTHING_YET):
            if catalog is not None:
                catalog.close()
            raise _catalog_failed(error) from error
    try:
        yield catalog
    except ChurnError:
        raise
    except (OSError, ValueError) as error:
        if "://" in place.address:
            raise storage_error(error, place.address) from error
        raise ResourceError(
            f"cannot be written: {' '.join(str(error).split())[:200]}",
            where=place.address,
            remedy="Make room, or write access.",
        ) from error
    except Exception as error:  # commits that another writer was faster with, too
        raise _catalog_failed(error) from error
    finally:
        if catalog is not None and options["type"] == "sql":
            catalog.close()


def _catalog_failed(error: Exception) -> Unreachable:
    return Unreachable(
        f"the catalogue failed: {' '.join(str(error).split())[:200]}",
        where=_WHERE,
        remedy="Check [publish] iceberg_catalog, and whether somebody else writes these tables.",
    )

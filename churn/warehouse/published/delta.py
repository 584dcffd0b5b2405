"""Writes the published tables as Delta tables, one folder each, here or in an S3-compatible store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from churn.documents.published import PublishedTable, PublishedTables
from churn.errors import ResourceError
from churn.warehouse.reading.lake.storage import delta_options, extra_missing, storage_error

_WHERE: Final = "[publish] delta"
_CUSTOMER: Final = "customer_id"


def publish_to_delta(
    address: str, secrets: Mapping[str, str], source: Path, published: PublishedTables, *, with_customers: bool
) -> int:
    """Write each table of `source` as a new version of its Delta table; return the rows.

    Columns that name customers are left out unless `with_customers`. Earlier versions can be read until they are vacuumed, which
    is the owner's to do. Raises AuthFailed, Unreachable, ResourceError, ConfigError without the extra `lake`.
    """
    rows = 0
    for table in published.tables:
        columns = [column.name for column in table.columns if with_customers or not column.is_personal]
        if columns:
            _written(address, secrets, source / f"{table.name}.parquet", table, columns)
            rows += table.rows
    return rows


def forget_in_delta(address: str, secrets: Mapping[str, str], customer_id: str, tables: PublishedTables) -> int:
    """Delete a customer's rows from every table that names customers, from earlier versions too; return how many.

    Raises as `publish_to_delta`.
    """
    deltalake = _library()
    deleted = 0
    quoted = customer_id.replace("'", "''")
    for table in tables.tables:
        if not any(column.name == _CUSTOMER for column in table.columns):
            continue
        place = _place(address, table)
        try:
            opened = deltalake.DeltaTable(place, storage_options=_options(address, secrets))
            if _CUSTOMER not in [field.name for field in opened.schema().fields]:
                continue
            done = opened.delete(f"{_CUSTOMER} = '{quoted}'")
            deleted += int(done.get("num_deleted_rows") or 0)
            # Files of earlier versions hold the rows as well, whoever reads them now.
            opened.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
        except deltalake.exceptions.TableNotFoundError:
            continue
        except (OSError, deltalake.exceptions.DeltaError) as error:
            raise _failed(error, place) from error
    return deleted


def reach_delta(address: str, secrets: Mapping[str, str]) -> None:
    """Look whether tables may be found there. Raises AuthFailed, Unreachable, ConfigError, ResourceError."""
    deltalake = _library()
    try:
        deltalake.DeltaTable(f"{address.rstrip('/')}/scores", storage_options=_options(address, secrets))
    except deltalake.exceptions.TableNotFoundError:
        return  # nothing was published yet
    except (OSError, deltalake.exceptions.DeltaError) as error:
        raise _failed(error, address) from error


def _written(address: str, secrets: Mapping[str, str], path: Path, table: PublishedTable, columns: list[str]) -> None:
    import pyarrow.parquet as pq

    deltalake = _library()
    place = _place(address, table)
    comments = {column.name: column.description for column in table.columns}
    try:
        file = pq.ParquetFile(path)
        reader = _with_comments(file, columns, comments)
        deltalake.write_deltalake(
            place,
            reader,
            mode="overwrite",
            schema_mode="overwrite",
            name=table.name,
            description=table.grain,
            storage_options=_options(address, secrets),
        )
    except (OSError, deltalake.exceptions.DeltaError) as error:
        raise _failed(error, place) from error


def _with_comments(file: Any, columns: list[str], comments: Mapping[str, str]) -> Any:
    """Return a reader of those columns, each with its comment."""
    import pyarrow as pa

    whole = file.schema_arrow
    fields = [whole.field(name).with_metadata({"comment": comments.get(name, "")}) for name in columns]
    schema = pa.schema(fields)
    batches = (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in file.iter_batches(columns=columns))
    return pa.RecordBatchReader.from_batches(schema, batches)


def _place(address: str, table: PublishedTable) -> str:
    return f"{address.rstrip('/')}/{table.name}"


def _options(address: str, secrets: Mapping[str, str]) -> dict[str, str] | None:
    return delta_options(secrets) if "://" in address else None


def _library() -> Any:
    try:
        import deltalake
    except ImportError as error:
        raise extra_missing("Delta", _WHERE) from error
    return deltalake


def _failed(error: Exception, place: str) -> Exception:
    if "://" in place:
        return storage_error(error, place)
    return ResourceError(
        f"cannot be written: {' '.join(str(error).split())[:200]}", where=place, remedy="Make room, or write access."
    )

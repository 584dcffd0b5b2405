"""Reads what Spark knows and we do not: tables of the session's catalogue, and whatever Spark SQL selects, such as ORC files.

Tasks read, and write what was selected as Parquet below the folder of [engine] work; from there our own rules of reading
take it, as they take the result of a database's query.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from churn.config import SourceSettings
from churn.distributed.place import Place
from churn.distributed.session import translating
from churn.distributed.work import WorkFolder
from churn.errors import ContractBroken
from churn.warehouse import Warehouse
from churn.warehouse.connection import literal
from churn.warehouse.loading.expressions import theirs
from churn.warehouse.reading.increments import overlap_seconds, overlap_steps, updated_column
from churn.warehouse.reading.scanning import DELIVERED

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame, SparkSession

_TIMES: Final = {"timestamp", "timestamp_ntz", "date"}
_ROWS: Final = "rows.parquet"
_GROUP: Final = 122_880  # rows that Parquet compresses together
_WHOLE: Final = {"byte", "short", "integer", "long", "decimal"}


def fetch_rows(
    session: SparkSession,
    work: WorkFolder,
    warehouse: Warehouse,
    name: str,
    source: SourceSettings,
    *,
    since: str | None,
) -> None:
    """Put what the source selects into the temporary table of delivered rows, as `increments.Fetch`.

    Raises ContractBroken for a query that Spark cannot read, ResourceError where its tasks fail.
    """
    place = work.place / "read" / name / uuid.uuid4().hex[:8]
    place.parent.remove()  # of a run that was killed
    remedy = "Look at Spark's own words, and at the room in the folder of [engine] work; then run it again."
    with translating(f"{name} was not read", remedy=remedy):
        frame = selected(session, name, source)
        if since is not None:
            frame = _from(warehouse, frame, name, source, since)
        names = [row[0] for row in frame.mapInArrow(partial(_write, place), "name string").collect()]
        empty = None if names else frame.limit(0).toArrow()
    with tempfile.TemporaryDirectory(prefix="churn-read-", ignore_cleanup_errors=True) as scratch:
        paths = [place.here(Path(scratch)) / name / _ROWS for name in sorted(names)] if names else []
        if empty is not None:
            paths = [_kept(empty, Path(scratch))]
        files = ", ".join(literal(str(path)) for path in paths)
        warehouse.execute(
            f"create or replace temp table {DELIVERED} as"
            f" select *, row_number() over () as _churn_row from read_parquet([{files}], hive_partitioning = false)"
        )
    place.parent.remove()


def selected(session: SparkSession, name: str, source: SourceSettings) -> DataFrame:
    """Return what the source selects, of which nothing has been read yet. Raises ContractBroken where Spark finds no such thing."""
    from pyspark.errors import AnalysisException

    try:
        return session.sql(source.query or f"select * from {source.table}")
    except AnalysisException as error:
        raise ContractBroken(
            f"Spark cannot read it: {(str(error).strip().splitlines() or [type(error).__name__])[0]}",
            where=f"sources.{name}",
            remedy="Check `table` or `query`, and the settings of [engine] that declare catalogues.",
        ) from error


def _write(place: Place, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Write the rows of a partition to a file, whose name is told when it is whole: of an attempt that died nobody hears."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyspark import TaskContext

    context = TaskContext.get()
    name = f"{context.partitionId() if context is not None else 0:06d}-{uuid.uuid4().hex[:8]}"
    first = next(batches, None)
    if first is None:
        return
    with (place / name).writing() as folder, pq.ParquetWriter(folder / _ROWS, first.schema) as writer:
        held: list[pa.RecordBatch] = []
        for batch in chain([first], batches):
            held.append(batch)
            if sum(batch.num_rows for batch in held) >= _GROUP:
                writer.write_table(pa.Table.from_batches(held))
                held = []
        if held:
            writer.write_table(pa.Table.from_batches(held))
    yield pa.RecordBatch.from_arrays([pa.array([name])], names=["name"])


def _kept(table: pa.Table, folder: Path) -> Path:
    import pyarrow.parquet as pq

    pq.write_table(table, folder / _ROWS)
    return folder / _ROWS


def _from(warehouse: Warehouse, frame: DataFrame, name: str, source: SourceSettings, since: str) -> DataFrame:
    """Return the rows from the newest known value on, less the overlap in which rows may still arrive, and those without one."""
    from pyspark.sql import functions as f

    kinds = {field.name: field.dataType.typeName() for field in frame.schema.fields}
    column = theirs(updated_column(source), kinds)
    if column is None:
        return frame  # the load says so
    bound: Column | Any = f.lit(since)
    if kinds[column] in _TIMES:
        ((micros,),) = warehouse.rows(f"select epoch_us(cast({literal(since)} as timestamptz))")
        at = int(micros) - int(overlap_seconds(warehouse, name, source) * 1e6)
        bound = f.timestamp_micros(f.lit(at)).cast(kinds[column])
    elif kinds[column] in _WHOLE:
        bound = f.lit(since).cast("decimal(38,0)") - f.lit(overlap_steps(name, source))
    growing = f.col(f"`{column.replace('`', '``')}`")
    return frame.where((growing >= bound) | growing.isNull())

"""Reads what Spark knows and we do not: tables of the session's catalogue, and whatever Spark SQL selects, such as ORC files.

Tasks read, and write what was selected as Parquet below the shared folder; from there our own rules of reading take it,
as they take the result of a database's query.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final

from churn.config import SourceSettings
from churn.distributed.session import translating
from churn.distributed.work import WorkFolder
from churn.errors import ContractBroken
from churn.warehouse import Warehouse
from churn.warehouse.connection import literal
from churn.warehouse.loading.expressions import theirs
from churn.warehouse.reading.increments import overlap_seconds, overlap_steps, updated_column
from churn.warehouse.reading.scanning import DELIVERED

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

_TIMES: Final = {"timestamp", "timestamp_ntz", "date"}
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
    from pyspark.errors import AnalysisException

    folder = work.path / "read" / name
    shutil.rmtree(folder, ignore_errors=True)
    remedy = "Look at Spark's own words, and at the room in the folder of [engine] work; then run it again."
    with translating(f"{name} was not read", remedy=remedy):
        try:
            frame = session.sql(source.query or f"select * from {source.table}")
        except AnalysisException as error:
            raise ContractBroken(
                f"Spark cannot read it: {(str(error).strip().splitlines() or [type(error).__name__])[0]}",
                where=f"sources.{name}",
                remedy="Check `table` or `query`, and the settings of [engine] that declare catalogues.",
            ) from error
        if since is not None:
            frame = _from(warehouse, frame, name, source, since)
        frame.write.parquet(folder.as_uri())
    files = ", ".join(literal(str(path)) for path in sorted(folder.glob("*.parquet")))
    warehouse.execute(
        f"create or replace temp table {DELIVERED} as"
        f" select *, row_number() over () as _row from read_parquet([{files}], hive_partitioning = false)"
    )
    shutil.rmtree(folder, ignore_errors=True)


def _from(warehouse: Warehouse, frame: DataFrame, name: str, source: SourceSettings, since: str) -> DataFrame:
    """Return the rows from the newest known value on, less the overlap in which rows may still arrive."""
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
    return frame.where(f.col(f"`{column.replace('`', '``')}`") >= bound)

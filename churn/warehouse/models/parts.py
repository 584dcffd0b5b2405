"""Splits the full build of a large table into spans of time, so that sorting out its repeats fits into little memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Final

from churn.warehouse.connection import Warehouse, quoted
from churn.warehouse.loading.contracts import TABLES
from churn.warehouse.models import versions
from churn.warehouse.models.incremental import Source, keys_of, source_of
from churn.warehouse.models.sql_models import SqlModel

PART_ROWS = 2_500_000  # about as many keys as stay in a processor's reach; fewer rows are built at once
_WITHIN_MONTHS: Final = {"hour", "day", "month"}  # periods of which none crosses from one month into another


def build_in_full(warehouse: Warehouse, model: SqlModel, models: Mapping[str, SqlModel], target: str) -> None:
    """Create or replace the table `target` from the SQL of `model`, in parts where its key holds an instant.

    Versions of one fact share its key, hence the instant, hence the part, and so do the facts of one sum: together the
    parts are the whole. Raises as `Warehouse.execute`.
    """
    source = source_of(model, models)
    selects = _spans(warehouse, model, source) if source is not None else []
    with warehouse.unordered():  # rows have no order but what a query asks for; this writes them in whole blocks
        if source is None or len(selects) < 2:
            warehouse.execute(f"create or replace table {target} as\n{model.sql}\n")
            return
        sql = re.sub(rf"\b{re.escape(source.table)}\b", "part_rows", model.sql)
        for number, rows in enumerate(selects):
            warehouse.execute(f"create or replace temp view part_rows as {rows}")
            how = f"insert into {target} by name" if number else f"create or replace table {target} as"
            warehouse.execute(f"{how}\n{sql}\n")
        warehouse.execute("drop view part_rows")


def _spans(warehouse: Warehouse, model: SqlModel, source: Source) -> list[str]:
    """Return selects that share the rows read out among parts; none where one part is enough."""
    if source.built is not None:
        staged = source.built
        times = {key.built for key in keys_of(staged) if key.read == TABLES[staged.table].occurred_at}
        is_by_month = any(key.is_period and key.built in _WITHIN_MONTHS and key.read in times for key in keys_of(model))
        is_split = is_by_month and versions.is_view_over_files(warehouse, staged)
        return list(versions.spans(warehouse, staged, PART_ROWS)) if is_split else []
    types = warehouse.columns(source.table)
    column = next((quoted(key.read) for key in keys_of(model) if types.get(key.read) in {"TIMESTAMP", "DATE"}), None)
    if column is None or warehouse.rows(f"select count(*) from {source.sql}")[0][0] <= PART_ROWS:
        return []
    starts: list[datetime] = []
    rows = 0
    for month, count in warehouse.rows(
        f"select date_trunc('month', {column}) as month, count(*) from {source.sql} "
        f"where isfinite({column}) group by month order by month"
    ):
        if starts and rows + count <= PART_ROWS:
            rows += count
        else:
            starts.append(month)
            rows = count
    edges = [f"timestamp '{start}'" for start in starts[1:]]
    if not edges:
        return []
    first = f"({column} < {edges[0]} or {column} is null)"
    between = [f"{column} >= {start} and {column} < {end}" for start, end in pairwise(edges)]
    conditions = [first, *between, f"{column} >= {edges[-1]}"]
    return [f"select * from {source.sql} where {condition}" for condition in conditions]

"""Writes what a SQL model selects straight into a Parquet file, without keeping it as a table."""

from __future__ import annotations

from pathlib import Path

from churn.errors import ChurnError
from churn.warehouse.connection import Warehouse, literal
from churn.warehouse.sql_models import SqlModel

ROWS_PER_GROUP = (
    16_384  # a reader of one customer looks into one group: small enough to be read in a millisecond or two
)


def export_model(warehouse: Warehouse, model: SqlModel, path: Path) -> None:
    """Write the rows of `model` to `path`, in the model's own order, in row groups small enough to look one customer up.

    Raises ConfigError naming the file whose SQL does not run, ResourceError when the disk is full.
    """
    try:
        warehouse.execute(
            f"copy (\n{model.sql}\n) to {literal(str(path))} (format parquet, row_group_size {ROWS_PER_GROUP})"
        )
    except ChurnError as error:
        if error.where is None:
            error.where = str(model.path)
        raise

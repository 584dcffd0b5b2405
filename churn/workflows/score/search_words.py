"""Collects what people find customers by beside the id, such as e-mail and name: the columns that [api] search_by names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from churn.context import Context
from churn.snapshots.columns import quoted

if TYPE_CHECKING:
    import polars as pl

    from churn.warehouse.connection import Warehouse

_TABLE: Final = "staging.customers"
_NEWEST: Final = "struct_pack(at := available_at, version := fact_version)"


def search_words(context: Context, warehouse: Warehouse, customer_ids: pl.Series) -> pl.DataFrame | None:
    """Return customer_id and `words`, in small letters, of each customer's newest values; None where nothing is searched by.

    A column that the customers do not have is left out, and noted in the log. It is written for the pages alone, and rewritten
    when somebody is erased, like every file with a column `customer_id`.
    """
    wanted = context.settings.api.search_by
    if not wanted or not warehouse.has_table(_TABLE):
        return None
    known = warehouse.columns(_TABLE)
    if missing := [name for name in wanted if name not in known]:
        context.log.note("search_columns_missing", columns=missing)
    columns = [name for name in wanted if name in known]
    if not columns:
        return None
    parts = ", ".join(f"cast(max_by({quoted(name)}, {_NEWEST}) as varchar)" for name in columns)
    frame = warehouse.frame(f"select customer_id, lower(concat_ws(' ', {parts})) as words from {_TABLE} group by 1")
    return frame.filter(frame["customer_id"].is_in(customer_ids.implode()), frame["words"] != "").sort("customer_id")

"""What two homes hold, row by row, so that they can be compared."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from churn.warehouse import Warehouse

BUILT = ("snapshots", "features")


def tables_of(warehouse: Warehouse, schemas: Sequence[str] = BUILT) -> dict[str, tuple[dict[str, str], pl.DataFrame]]:
    """Return types and sorted rows of every table and view of `schemas`."""
    listed = ", ".join(f"'{schema}'" for schema in schemas)
    names = warehouse.rows(
        "select table_schema || '.' || table_name from information_schema.tables "
        f"where table_schema in ({listed}) order by all"
    )
    return {name: (warehouse.columns(name), _sorted(warehouse, name)) for (name,) in names}


def _sorted(warehouse: Warehouse, name: str) -> pl.DataFrame:
    """Return the rows in order, and the entries of maps too, which have none."""
    kinds = warehouse.columns(name)
    maps = [f"list_sort(map_entries({column})) as {column}" for column, kind in kinds.items() if kind.startswith("MAP")]
    replaced = f" replace ({', '.join(maps)})" if maps else ""
    return warehouse.frame(f"select *{replaced} from {name} order by all")

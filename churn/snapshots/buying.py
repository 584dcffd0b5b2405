"""When each customer bought so far, of companies without contracts: distinct days, as known before a date."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from churn.snapshots.columns import quoted

if TYPE_CHECKING:
    import polars as pl

    from churn.warehouse.connection import Warehouse


def buying_histories(warehouse: Warehouse, table: str, day: date) -> pl.DataFrame:
    """Return customer_id, again, last and known (days) by what the staged `table` said before `day`; see `BuyingHistory`.

    Several purchases on one day are one; payments that failed are none. Nobody where there is no such table.
    """
    return warehouse.frame(
        f"select customer_id, cast(count(*) - 1 as double) as again, "
        f"cast(date_diff('day', min(bought_on), max(bought_on)) as double) as last, "
        f"cast(date_diff('day', min(bought_on), date '{day}') as double) as known "
        f"from ({_days(table)} and occurred_at < timestamp '{day}' and available_at < timestamp '{day}') group by customer_id"
    )


def purchases_between(warehouse: Warehouse, table: str, first: date, end: date, known_before: date) -> int:
    """Return on how many days customers who had bought before `known_before` bought from `first` until before `end`."""
    days = _days(table)
    rows = warehouse.rows(
        f"select count(*) from ({days} and occurred_at >= timestamp '{first}' and occurred_at < timestamp '{end}') as later "
        f"where customer_id in (select customer_id from ({days} and occurred_at < timestamp '{known_before}'))"
    )
    return int(rows[0][0])


def has_purchases(warehouse: Warehouse, table: str) -> bool:
    """Return whether the staged table is there."""
    return warehouse.has_table(f"staging.{table}")


def _days(table: str) -> str:
    """Return the SQL of the days on which each customer bought, to be narrowed by further conditions."""
    paid = " and (status is null or status = 'succeeded')" if table == "payments" else ""
    return (
        f"select distinct customer_id, cast(occurred_at as date) as bought_on from staging.{quoted(table)} "
        f"where superseded_at is null{paid}"
    )

"""What is gone from a file that comes whole again: whether it stays, and when a source seems to delete who has left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from churn.errors import ContractBroken
from churn.warehouse.connection import Warehouse, quoted
from churn.warehouse.loading.contracts import Table

_GONE: Final = "gone_keys"  # temporary
_FEW: Final = 3  # subscriptions that ended: fewer may be corrections
_TIMES: Final = 3  # as often as of those that run, and their end seems to be why they are gone


def find_gone(warehouse: Warehouse, table: Table, earlier: str, keys: Sequence[str]) -> str:
    """Note the keys of the rows `earlier` that no row of the table has any more; return the condition of such a row `e`."""
    listed = ", ".join(quoted(name) for name in keys)
    same = " and ".join(f"r.{quoted(name)} is not distinct from e.{quoted(name)}" for name in keys)
    warehouse.execute(
        f"create or replace temp table {_GONE} as select distinct {listed} from {earlier} as e"
        f" where {quoted(keys[0])} is not null and not exists (select 1 from raw.{quoted(table.name)} as r where {same})"
    )
    return f"exists (select 1 from {_GONE} as r where {same})"


def forget_gone(warehouse: Warehouse) -> None:
    """Drop what was noted."""
    warehouse.execute(f"drop table if exists {_GONE}")


def is_watched(table: Table) -> bool:
    """Say whether what is gone from a table is looked at though nobody said that it stays."""
    return table.name == "subscriptions"


def refuse_purged(warehouse: Warehouse, earlier: str, where: str) -> None:
    """Raise ContractBroken where subscriptions that had ended are gone, and hardly any that run.

    Without them nobody seems to have left: models would learn from those who stayed.
    """
    (counts,) = warehouse.rows(
        "with newest as (select subscription_id, bool_or(coalesce(ended_at, canceled_at) <= (select max(loaded_at) from raw.loads)) as has_ended,"
        f" subscription_id in (select subscription_id from {_GONE}) as is_gone from {earlier} as e group by 1)"
        " select count(*) filter (has_ended), count(*) filter (has_ended and is_gone),"
        " count(*) filter (has_ended is not true), count(*) filter (has_ended is not true and is_gone) from newest"
    )
    ended, gone_ended, running, gone_running = (int(count) for count in counts)
    if gone_ended < _FEW or gone_ended * (running + 1) <= _TIMES * (gone_running + 1) * ended:
        return
    raise ContractBroken(
        f"{gone_ended:,} of {ended:,} subscriptions that had ended are gone from it, and {gone_running:,} of {running:,} that run",
        where=where,
        remedy="If the source deletes who has left, keep_gone = true in [sources.subscriptions] keeps them: models learn from them."
        " If they never were, write keep_gone = false.",
    )

"""Refuses an export that gives nothing, or much less than it did: one that broke off looks like customers who left."""

from __future__ import annotations

from typing import Final

from churn.errors import ContractBroken
from churn.warehouse.connection import quoted
from churn.warehouse.loading.ledger import Known
from churn.warehouse.loading.loading import Load

_WORTH_COUNTING: Final = 100  # rows: of fewer, a few more or less say nothing


def refuse_shrunk(load: Load, where: str, known: Known | None, rows: int) -> None:
    """Raise ContractBroken where `rows` are much fewer than were `known` of a delivery that was read by the same settings.

    A delivery of an essential table may not lose its last row either, however few they were.
    """
    if known is None or known.settings_hash != load.settings_hash or rows >= known.rows:
        return
    is_shrunk = known.rows >= _WORTH_COUNTING and rows < known.rows * (1 - load.source.most_shrink)
    if not is_shrunk and (rows or not load.is_essential):
        return
    once = "load it once with `churn refresh --full`."
    right = f"raise [sources.{load.table.name}] most_shrink, or {once}" if is_shrunk else once
    raise ContractBroken(
        f"the {'table' if load.source.format in {'delta', 'iceberg'} else 'file'} had {known.rows:,} rows and has {rows:,} now"
        if load.source.path is not None or load.source.table is not None
        else f"the {'service' if load.source.url else 'query'} gave {known.rows:,} rows before and {rows:,} now",
        where=where,
        remedy=f"Check that the export ran to its end. If it is right, {right}",
    )


def refuse_empty(load: Load, where: str) -> int:
    """Return the rows of the table after the load. Raises ContractBroken where it must have some and has none."""
    total = int(load.warehouse.rows(f"select count(*) from raw.{quoted(load.table.name)}")[0][0])
    if total == 0 and load.is_essential:
        remedy = "Check that the export ran, and the source's `where`."
        raise ContractBroken(f"no rows for {load.table.name}", where=where, remedy=remedy)
    return total

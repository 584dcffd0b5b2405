"""Refuses a file that lacks, or has emptied, a column which earlier files of its source filled: its values would be forgotten in silence.

Ends of subscriptions that are told no more look like ends taken back, and a fee that is gone like one nobody knows.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from churn.errors import ContractBroken
from churn.warehouse.connection import Warehouse, quoted
from churn.warehouse.loading.contracts import Table
from churn.warehouse.loading.date_forms import keep_form, known_forms

_PREFIX: Final = "values of "
_STATES: Final = frozenset({"customers", "subscriptions"})  # a file of facts may be of other days than before
_WORTH_COUNTING: Final = 100  # rows: among fewer, one value taken back may have been the only one
_SHOWN: Final = 10  # names in a message
_GIVEN, _LACKING = "given", "lacking"


def filled_columns(warehouse: Warehouse, source: str) -> frozenset[str]:
    """Return the columns of ours that every file of a source has had so far, one at least with a value."""
    forms = known_forms(warehouse, source)
    return frozenset(
        name.removeprefix(_PREFIX) for name, form in forms.items() if name.startswith(_PREFIX) and form == _GIVEN
    )


def refuse_lost(
    table: Table, filled: Collection[str], chosen: Collection[str], delivered: Mapping[str, str], where: str
) -> None:
    """Raise ContractBroken where a column that was `filled` is not among the `chosen` ones of a delivery."""
    lost = [name for name in table.types if name in filled and name not in chosen]
    if not lost:
        return
    unknown = {name.lower(): name for name in delivered if name.lower() not in table.types}
    near = difflib.get_close_matches(lost[0], unknown, n=1, cutoff=0.4)
    new_name = unknown[near[0]] if near else "THEIR_COLUMN"
    others = [f"`{name}`" for name in unknown.values()]
    own_names = ", ".join(others[:_SHOWN]) + (", ..." if len(others) > _SHOWN else "")
    missing = ", ".join(f"`{name}`" for name in lost)
    raise ContractBroken(
        f"{missing} is missing, which had values in earlier files; columns under names of their own: {own_names or 'none'}",
        where=where,
        remedy=f'Export it again, or say what it is called now: [sources.{table.name}] columns = {{ {lost[0]} = "{new_name}" }}.'
        ' "null" does without its values, also those of earlier files.',
    )


def refuse_emptied(warehouse: Warehouse, table: Table, filled: Collection[str], load_id: int, where: str) -> None:
    """Raise ContractBroken where customers or subscriptions that came whole again have no value in a column that was `filled`."""
    if table.name not in _STATES:
        return
    loaded = f"from raw.{quoted(table.name)} where load_id = {load_id}"
    rows = int(warehouse.rows(f"select count(*) {loaded}")[0][0])
    if rows < _WORTH_COUNTING:
        return
    for column in [name for name in table.types if name in filled]:
        if not warehouse.rows(f"select 1 {loaded} and {quoted(column)} is not null limit 1"):
            raise ContractBroken(
                f"`{column}` is empty in all {rows:,} rows, which had values before",
                where=where,
                remedy="Check that the export gives it. If that is right, load it once with `churn refresh --full`.",
            )


def forget_filled(warehouse: Warehouse, source: str) -> None:
    """Forget which columns had values: the source is loaded as it is."""
    known_forms(warehouse, source)  # the table is there from now on
    warehouse.execute(
        "delete from raw.date_forms where source = ? and starts_with(column_name, ?)",
        [source, _PREFIX],
    )


def note_filled(warehouse: Warehouse, table: Table, chosen: Sequence[str], load_id: int, file: str) -> None:
    """Keep which optional columns of ours a delivery brought values for, and which it lacked."""
    forms = known_forms(warehouse, table.name)
    for column in table.columns:
        kept = forms.get(_PREFIX + column.name)
        if column.is_required or kept == _LACKING:
            continue
        if column.name not in chosen:
            keep_form(warehouse, table.name, _PREFIX + column.name, _LACKING, file)
        elif kept is None and warehouse.rows(
            f"select 1 from raw.{quoted(table.name)} where load_id = {load_id} and {quoted(column.name)} is not null limit 1"
        ):
            keep_form(warehouse, table.name, _PREFIX + column.name, _GIVEN, file)

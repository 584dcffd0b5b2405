"""Amounts of an experiment: what an outcome is worth and a contact costs, a number for all, a column, or SQL over columns."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

import numpy as np

from churn.errors import ConfigError, ContractBroken, DataError
from churn.warehouse.models.filters import Filter, term_value
from churn.warehouse.opening import open_warehouse

if TYPE_CHECKING:
    import polars as pl

    from churn.decisions.checks import Bools, Floats

Amount = float | str | None  # a text is a column's name, else SQL
_ROW: Final = "row of the file"
_NAME: Final = re.compile(r"\w+")


def amount_of(text: str | None) -> Amount:
    """Return a number where the text is one, else the name of a column or SQL over columns; None for none."""
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return text


def require_column(rows: pl.DataFrame, name: str, file: str) -> None:
    """Raise ConfigError naming the nearest column where `name` is none."""
    if name not in rows.columns:
        near = difflib.get_close_matches(name, rows.columns, n=1, cutoff=0.5)
        hint = f"Did you mean `{near[0]}`?" if near else f"There are {', '.join(rows.columns)}."
        raise ConfigError(f"has no column `{name}`", where=file, remedy=hint)


def columns_read(rows: pl.DataFrame, amount: Amount, file: str, option: str) -> frozenset[str]:
    """Return the columns that an amount reads. Raises ConfigError, with the nearest name, where there is no such column."""
    if not isinstance(amount, str):
        return frozenset()
    return frozenset({amount}) if is_column(rows, amount, file) else _term(rows, amount, file, option).features


def with_outcome(rows: pl.DataFrame, outcome: str, file: str) -> tuple[pl.DataFrame, frozenset[str]]:
    """Return `rows` with a column of the outcome, and the columns that SQL such as `spent > 0` computes it from.

    Raises ConfigError for what is no column and no condition.
    """
    import polars as pl

    if is_column(rows, outcome, file):
        return rows, frozenset()
    term = _term(rows, outcome, file, "outcome")
    given = _evaluated(rows, term, "outcome", may_be_condition=True)
    return rows.with_columns(given.cast(pl.Int64).alias(outcome)), term.features


def is_column(rows: pl.DataFrame, amount: str, file: str) -> bool:
    """Return whether an amount is a column's name, not SQL. Raises ConfigError for a bare name that no column has."""
    if amount not in rows.columns and _NAME.fullmatch(amount):
        require_column(rows, amount, file)
    return amount in rows.columns


def costs(rows: pl.DataFrame, amount: Amount, file: str, option: str) -> Floats:
    """Return a cost of each customer, (n,), 0 where none is named. Raises ConfigError, ContractBroken."""
    by_customer = (
        np.full(rows.height, amount or 0.0) if not isinstance(amount, str) else amounts(rows, amount, file, option)
    )
    if by_customer.size and not (np.isfinite(by_customer).all() and by_customer.min() >= 0):
        raise ConfigError(
            "a cost is an amount of 0 or more", where=f"--{option}", remedy="Give costs as positive numbers."
        )
    return by_customer


def amounts(rows: pl.DataFrame, amount: str, file: str, option: str, *, may_be_empty: Bools | None = None) -> Floats:
    """Return the amounts of a column, or that SQL gives, (n,); empty ones are 0 where `may_be_empty` (n,).

    Raises ConfigError for what is no amount, ContractBroken for customers without one.
    """
    import polars as pl

    if is_column(rows, amount, file):
        given = rows[amount]
        if not (given.dtype.is_numeric() or given.null_count() == rows.height):
            raise ConfigError(
                f"column `{amount}` holds text, not amounts",
                where=f"--{option}",
                remedy='Say how amounts are written, such as --option decimal_separator=",".',
            )
    else:
        given = _evaluated(rows, _term(rows, amount, file, option), option)
    values = given.cast(pl.Float64).to_numpy(writable=True)
    lacking = ~np.isfinite(values)
    if may_be_empty is not None:
        values[lacking & may_be_empty] = 0.0
        lacking &= ~may_be_empty
    if lacking.any():
        raise ContractBroken(
            f"`{amount}` is empty for {int(lacking.sum()):,} customers",
            where=file,
            remedy="Give every customer an amount.",
        )
    return values


def _term(rows: pl.DataFrame, amount: str, file: str, option: str) -> Filter:
    return term_value(amount, rows.columns, where=f"--{option}, {file}", noun="column")


def _evaluated(rows: pl.DataFrame, term: Filter, option: str, *, may_be_condition: bool = False) -> pl.Series:
    """Return what SQL gives for each row. Raises ConfigError where it gives no numbers, or no condition where it may be one."""
    import polars as pl

    read = rows.with_row_index(_ROW).select(_ROW, *sorted(term.features))
    try:
        with open_warehouse(None, holder="churn") as warehouse:
            warehouse.write("file.rows", read)
            given = warehouse.frame(f'select {term.sql} as amount from file.rows order by "{_ROW}"')["amount"]
    except (ConfigError, DataError) as error:
        raise ConfigError(
            f"the amount cannot be computed: {error.what}",
            where=f"--{option}",
            remedy="Compute with numbers, and compare texts with texts in quotes.",
        ) from error
    is_fine = given.dtype.is_numeric() or (may_be_condition and given.dtype == pl.Boolean)
    if not (is_fine or given.null_count() == rows.height):
        raise ConfigError(
            f"the amount is {str(given.dtype).lower()}, not a number",
            where=f"--{option}",
            remedy="Write a value such as `case when country = 'DE' then 2 else 0.5 end`.",
        )
    return given

"""Evaluates the terms of an offer that differ by customer: SQL over the features, the plan and the fee of each row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from churn.config.formulas import TermName
from churn.decisions.checks import Bools, Floats
from churn.decisions.profit import ALIKE, CustomerTerms
from churn.errors import ConfigError, DataError
from churn.snapshots.columns import quoted
from churn.snapshots.conditions import known_features
from churn.snapshots.dataset import feature_query
from churn.warehouse import SqlModel
from churn.warehouse.models.filters import Filter, term_value

if TYPE_CHECKING:
    import polars as pl

    from churn.warehouse.connection import Warehouse

ROW_COLUMNS: Final = frozenset({"plan", "monthly_fee", "monthly_margin"})  # usable beside the features
_NUMBERS: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "U", "FLOAT", "DOUBLE", "DECIMAL")


@dataclass(frozen=True)
class CustomersTerms:
    """What a file's formulas give each of some customers, and who has no usable terms, shape (n,).

    `is_unknown`: a term is null or no finite number; `is_impossible`: an amount below 0, or a rate outside 0..1. Their
    terms are 0 in `terms`, and nobody may be contacted on them.
    """

    terms: CustomerTerms
    is_unknown: Bools
    is_impossible: Bools

    @property
    def is_usable(self) -> Bools:
        """Who can be priced."""
        return ~(self.is_unknown | self.is_impossible)

    @classmethod
    def alike(cls, size: int) -> CustomersTerms:
        """Return the terms of customers for whom one number of each holds."""
        nobody = np.zeros(size, dtype=np.bool_)
        return cls(ALIKE, nobody, nobody)


def known_columns(models: Mapping[str, SqlModel], warehouse: Warehouse | None = None) -> frozenset[str]:
    """Return what a formula may read: the features, and the plan, fee and margin of the row."""
    return known_features(models, warehouse) | ROW_COLUMNS


def check_formulas(
    formulas: Mapping[TermName, str], known: Collection[str], where: Mapping[TermName, str]
) -> dict[TermName, Filter]:
    """Return each formula checked; `where` is its place. Raises ConfigError, with the nearest name for an unknown one."""
    return {name: term_value(text, known, where=where[name]) for name, text in formulas.items()}


def customer_terms(
    warehouse: Warehouse, models: Mapping[str, SqlModel], formulas: Mapping[TermName, Filter], keys: pl.DataFrame
) -> CustomersTerms:
    """Return the terms of the rows of `keys` (customer_id, snapshot_date), whose features must have been built.

    Raises ConfigError for a formula that gives no numbers or cannot be asked. Whoever has no row has no terms.
    """
    if not formulas:
        return CustomersTerms.alike(keys.height)
    frame = _evaluated(warehouse, models, formulas)
    joined = keys.select("customer_id", "snapshot_date").join(
        frame, on=["customer_id", "snapshot_date"], how="left", maintain_order="left"
    )
    return checked({name: joined[name].to_numpy().astype(np.float64) for name in formulas})


def checked(values: Mapping[TermName, Floats]) -> CustomersTerms:
    """Return the terms that `values` (n,) give, who lacks one, and whose are out of range."""
    size = next(iter(values.values())).size
    unknown, impossible = np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.bool_)
    for name, amounts in values.items():
        is_number = np.isfinite(amounts)
        unknown |= ~is_number
        most = 1.0 if name == "success_rate" else np.inf
        impossible |= is_number & ((amounts < 0.0) | (amounts > most))
    impossible &= ~unknown
    is_usable = ~(unknown | impossible)
    return CustomersTerms(
        CustomerTerms(**{name: np.where(is_usable, amounts, 0.0) for name, amounts in values.items()}),
        unknown,
        impossible,
    )


def _evaluated(
    warehouse: Warehouse, models: Mapping[str, SqlModel], formulas: Mapping[TermName, Filter]
) -> pl.DataFrame:
    wanted = frozenset().union(*(formula.features for formula in formulas.values())) - ROW_COLUMNS
    rows = feature_query(warehouse, models, wanted)
    for name, formula in formulas.items():
        try:
            (kind,) = warehouse.rows(f"select typeof({formula.sql}) from ({rows}) limit 1")[0:1] or [("DOUBLE",)]
        except (ConfigError, DataError) as error:
            raise ConfigError(
                f"the term cannot be asked: {error.what}",
                where=formula.where,
                remedy="Compute with numbers, and compare texts with texts in quotes.",
            ) from error
        if not str(kind[0]).startswith(_NUMBERS) and str(kind[0]) != '"NULL"':
            raise ConfigError(
                f"`{name}` gives {str(kind[0]).lower()}, not a number",
                where=formula.where,
                remedy="Write a value such as `case when country = 'DE' then 2 else 0.5 end`.",
            )
    listed = "".join(f", cast({formula.sql} as double) as {quoted(name)}" for name, formula in formulas.items())
    return warehouse.frame(f"select customer_id, snapshot_date{listed} from ({rows})")

"""Evaluates the terms of an offer that differ by customer: SQL over the features, the plan and the fee of each row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from churn.config.formulas import TermName
from churn.decisions.offer_terms import CustomersTerms, checked
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
    frame = formula_values(warehouse, models, {str(name): formula for name, formula in formulas.items()})
    joined = keys.select("customer_id", "snapshot_date").join(
        frame, on=["customer_id", "snapshot_date"], how="left", maintain_order="left"
    )
    return checked({name: joined[name].to_numpy().astype(np.float64) for name in formulas})


def terms_of_settings(
    warehouse: Warehouse, models: Mapping[str, SqlModel], formulas: Mapping[TermName, str], keys: pl.DataFrame
) -> CustomersTerms:
    """Return the terms of [simulation] that are SQL, of the rows of `keys`. Raises ConfigError as `customer_terms` does."""
    checked_formulas = _of_settings(warehouse, models, formulas)
    return customer_terms(warehouse, models, checked_formulas, keys)


def features_of(
    warehouse: Warehouse, models: Mapping[str, SqlModel], formulas: Mapping[TermName, str]
) -> frozenset[str]:
    """Return the features that the terms of [simulation] that are SQL read. Raises ConfigError as `check_formulas` does."""
    wanted = _of_settings(warehouse, models, formulas) if formulas else {}
    return frozenset[str]().union(*(formula.features for formula in wanted.values())) - ROW_COLUMNS


def term_means(
    warehouse: Warehouse, models: Mapping[str, SqlModel], formulas: Mapping[TermName, str]
) -> dict[TermName, float]:
    """Return the means of the terms of [simulation] that are SQL, over the rows built last that have usable ones."""
    if not formulas:
        return {}
    wanted = _of_settings(warehouse, models, formulas)
    frame = formula_values(warehouse, models, {str(name): formula for name, formula in wanted.items()})
    terms = checked({name: frame[name].to_numpy().astype(np.float64) for name in wanted})
    if not terms.is_usable.any():
        return {}
    return {name: float(np.mean(getattr(terms.terms, name)[terms.is_usable])) for name in wanted}


def _of_settings(
    warehouse: Warehouse, models: Mapping[str, SqlModel], formulas: Mapping[TermName, str]
) -> dict[TermName, Filter]:
    places: dict[TermName, str] = {name: f"[simulation] {name}" for name in formulas}
    return check_formulas(formulas, known_columns(models, warehouse), places)


def formula_values(
    warehouse: Warehouse, models: Mapping[str, SqlModel], formulas: Mapping[str, Filter]
) -> pl.DataFrame:
    """Return customer_id, snapshot_date and the number that each formula gives, by its name, of the rows built last.

    Raises ConfigError for a formula that gives no numbers or cannot be asked.
    """
    rows = _rows(warehouse, models, formulas)
    require_numbers(warehouse, models, formulas)
    listed = "".join(f", cast({formula.sql} as double) as {quoted(name)}" for name, formula in formulas.items())
    return warehouse.frame(f"select customer_id, snapshot_date{listed} from ({rows})")


def _rows(warehouse: Warehouse, models: Mapping[str, SqlModel], formulas: Mapping[str, Filter]) -> str:
    wanted = frozenset().union(*(formula.features for formula in formulas.values())) - ROW_COLUMNS
    return feature_query(warehouse, models, wanted)


def require_numbers(warehouse: Warehouse, models: Mapping[str, SqlModel], formulas: Mapping[str, Filter]) -> None:
    """Raise ConfigError for a formula that gives no numbers, or cannot be asked, of the rows built last."""
    rows = _rows(warehouse, models, formulas)
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

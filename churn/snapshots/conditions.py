"""Asks conditions over features of the customers of one date, building the date's features only where they lack."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import TYPE_CHECKING

from churn.config import Settings
from churn.errors import ConfigError
from churn.progress import SILENT, Progress
from churn.snapshots.columns import KEYS, FeatureColumn, feature_columns, quoted
from churn.snapshots.dataset import data_cutoff
from churn.snapshots.engine import Engine
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import SqlModel, Warehouse

if TYPE_CHECKING:
    import polars as pl

    from churn.warehouse.connection import Warehouse


def known_features(models: Mapping[str, SqlModel], warehouse: Warehouse | None = None) -> frozenset[str]:
    """Return the names of all features: those the SQL files list and, of a warehouse, those that were built.

    What a flat source or the events deliver is known only once it was built.
    """
    listed = {
        column.name
        for model in models.values()
        if model.schema == "features"
        for column in model.columns
        if column.name not in KEYS
    }
    if warehouse is None:
        return frozenset(listed)
    return frozenset(listed | {column.doc.name for column in _built(warehouse, models)})


def ensure_built(
    engine: Engine,
    warehouse: Warehouse,
    models: Mapping[str, SqlModel],
    policy: SnapshotPolicy,
    day: date,
    *,
    features: Collection[str] = (),
    progress: Progress = SILENT,
) -> None:
    """Build the snapshots of `day` unless they stand, with all of `features`. Raises as build_snapshots."""
    stands = warehouse.has_table("snapshots.dates") and warehouse.has_table("snapshots.customer_value")
    if stands and warehouse.rows("select 1 from snapshots.dates where snapshot_date = ?", [day]):
        there = {column.doc.name for column in _built(warehouse, models)}
        if there.issuperset(features):
            return
    engine.build_snapshots(warehouse, models, policy, [day], data_cutoff=data_cutoff(warehouse), progress=progress)


def matching(
    warehouse: Warehouse,
    models: Mapping[str, SqlModel],
    day: date,
    conditions: Mapping[str, str],
    features: Collection[str],
) -> pl.DataFrame:
    """Return customer_id, monthly_margin and, per entry of `conditions`, whether each customer of `day` meets it.

    A condition is checked SQL over `features`; null where it is not known. Raises ConfigError or DataError when one
    compares what cannot be compared, ConfigError when its values are no truths.
    """
    import polars as pl

    columns = [column for column in _built(warehouse, models) if column.doc.name in features]
    groups = sorted({column.doc.group for column in columns})
    listed = "".join(f", {column.expression} as {quoted(column.doc.name)}" for column in columns)
    joined = " ".join(
        f"left join features.{quoted(group)} as {quoted(group)} on s.customer_id = {quoted(group)}.customer_id "
        f"and s.snapshot_date = {quoted(group)}.snapshot_date"
        for group in groups
    )
    selected = "".join(f", {sql} as {quoted(name)}" for name, sql in conditions.items())
    frame = warehouse.frame(
        f"select customer_id, monthly_margin{selected} from ("
        f"select s.customer_id, s.monthly_margin{listed} from snapshots.customer_value as s {joined} "
        f"where s.snapshot_date = date '{day}')"
    )
    for name in conditions:
        if frame.schema[name] != pl.Boolean:
            raise ConfigError("is a value, not a condition", where=name, remedy="Compare it with something.")
    return frame


def _built(warehouse: Warehouse, models: Mapping[str, SqlModel]) -> list[FeatureColumn]:
    names = sorted(name for name in models if name.startswith("features."))
    return feature_columns(warehouse, [models[n].table for n in names if warehouse.has_table(n)], models)


def build_day(
    engine: Engine,
    warehouse: Warehouse,
    models: Mapping[str, SqlModel],
    settings: Settings,
    day: date,
    *,
    features: Collection[str],
    progress: Progress = SILENT,
) -> None:
    """Build the snapshots of `day` where they do not stand with all of `features`."""
    policy = SnapshotPolicy.from_settings(settings)
    ensure_built(engine, warehouse, models, policy, day, features=features, progress=progress)

"""Finds what a model's training rows looked like: kept with its bundle, or rebuilt from the same dates for an older one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from churn.errors import NotEnoughData
from churn.modeling import load_card, load_extra
from churn.monitoring.reference import FILE, Reference, build_reference
from churn.snapshots.dataset import build_snapshots, training_dates, training_set
from churn.warehouse.models.sql_models import load_models

if TYPE_CHECKING:
    from pathlib import Path

    from churn.context import Context
    from churn.modeling import ServedModel
    from churn.snapshots.dataset import TrainingSet
    from churn.warehouse.connection import Warehouse


def reference_of(data: TrainingSet, features: Sequence[str], card: dict[str, Any]) -> Reference:
    """Bin the training rows of `data`; `card` says which dates trained and which tested."""
    training, test = _days(card, "train"), _days(card, "test")
    return build_reference(data.frame, features, training=training, test=test)


def find_reference(
    context: Context, warehouse: Warehouse, model: ServedModel, folder: Path, *, as_of: datetime
) -> Reference | None:
    """Return the reference kept in `folder`, or the same rebuilt from the warehouse; None where its dates are gone.

    Rebuilding builds snapshots: call it before building those that are to be compared.
    """
    kept = load_extra(folder, FILE)
    found = Reference.kept(kept) if kept is not None else None
    if found is not None:
        return found
    return _rebuilt(context, warehouse, model, load_card(folder), as_of)


def _rebuilt(
    context: Context, warehouse: Warehouse, model: ServedModel, card: dict[str, Any], as_of: datetime
) -> Reference | None:
    days = [day for name in ("train", "test") if (found := _days(card, name)) for day in found]
    try:
        known = training_dates(warehouse, model.policy, every=model.policy.every, limit=520, as_of=as_of)
        dates = [day for day in known if days and min(days) <= day <= max(days)]
        if not dates:
            return None
        models = load_models(context.settings.home)
        build_snapshots(warehouse, models, model.policy, dates, data_cutoff=as_of, progress=context.progress)
        return reference_of(training_set(warehouse, models, model.policy), model.feature_names, card)
    except NotEnoughData:
        return None


def _days(card: dict[str, Any], name: str) -> tuple[date, date] | None:
    row = next((one for one in card.get("slices", ()) if one.get("slice") == name), None)
    if row is None or not row.get("first_date") or not row.get("last_date"):
        return None
    return date.fromisoformat(row["first_date"]), date.fromisoformat(row["last_date"])

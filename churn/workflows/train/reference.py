"""Finds what a model's training rows looked like: kept with its bundle, or rebuilt from the same dates for an older one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from churn.documents.model_card import ModelCard
from churn.errors import NotEnoughData
from churn.modeling import load_card, load_extra
from churn.monitoring.reference import FILE, Reference, build_reference
from churn.snapshots.dataset import training_dates, training_set
from churn.warehouse.models.sql_models import load_models

if TYPE_CHECKING:
    from pathlib import Path

    from churn.context import Context
    from churn.modeling import ServedModel
    from churn.snapshots.dataset import TrainingSet
    from churn.warehouse.connection import Warehouse


def reference_of(data: TrainingSet, features: Sequence[str], card: ModelCard) -> Reference:
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
    reference = Reference.kept(kept) if kept is not None else None
    if reference is not None:
        return reference
    return _rebuilt(context, warehouse, model, load_card(folder), as_of)


def _rebuilt(
    context: Context, warehouse: Warehouse, model: ServedModel, card: ModelCard, as_of: datetime
) -> Reference | None:
    days = [day for name in ("train", "test") for day in _days(card, name) or ()]
    try:
        known = training_dates(warehouse, model.policy, every=model.policy.every, limit=520, as_of=as_of)
        dates = [day for day in known if days and min(days) <= day <= max(days)]
        if not dates:
            return None
        models = load_models(context.settings.home)
        context.engine.build_snapshots(
            warehouse,
            models,
            model.policy,
            dates,
            data_cutoff=as_of,
            wanted=model.feature_names,
            shares=dict.fromkeys(dates, card.customers_share),
            progress=context.progress,
        )
        return reference_of(training_set(warehouse, models, model.policy), model.feature_names, card)
    except NotEnoughData:
        return None


def _days(card: ModelCard, name: str) -> tuple[date, date] | None:
    part = card.slice(name)
    if part is None or part.first_date is None or part.last_date is None:
        return None
    return part.first_date, part.last_date

"""Evaluates the terms of each campaign's offer that differ by customer, for the customers of one score list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn.campaigns.reading import campaign_files, line_of
from churn.config.formulas import TermName
from churn.context import Context
from churn.decisions.offer_terms import CustomersTerms
from churn.documents.definition import CampaignDefinition
from churn.errors import ConfigError
from churn.snapshots.conditions import build_day
from churn.snapshots.customer_terms import ROW_COLUMNS, check_formulas, customer_terms, known_columns
from churn.snapshots.sources_needed import undeclared
from churn.warehouse.models.sql_models import load_models

if TYPE_CHECKING:
    from churn.warehouse.connection import Warehouse
    from churn.workflows.plan.scores import ScoreList

KEYS: Final[dict[TermName, str]] = {
    "contact_cost": "contact_cost",
    "incentive_cost": "incentive_cost",
    "success_rate": "success_rate_expected",
    "value_of_save": "value_of_save",
    "voluntary_modifier": "success",
    "involuntary_modifier": "success",
}


def places_of(definition: CampaignDefinition, path: Path, text: str) -> dict[TermName, str]:
    """Return the file and line of each formula of a campaign, whose file `path` holds `text`."""
    return {name: f"{path}:{line_of(text, ('offer', KEYS[name]))}" for name in definition.offer.formulas}


def terms_of_offers(
    context: Context, warehouse: Warehouse, definitions: Sequence[CampaignDefinition], scores: ScoreList
) -> dict[str, CustomersTerms]:
    """Return by campaign the terms of the customers of `scores`, in their order.

    Raises ConfigError naming file and line for a formula that cannot be asked or gives no numbers.
    """
    import polars as pl

    asking = [definition for definition in definitions if definition.offer.formulas]
    alike = CustomersTerms.alike(scores.frame.height)
    by_campaign = dict.fromkeys((definition.name for definition in definitions), alike)
    if not asking:
        return by_campaign
    models = load_models(context.settings.home)
    known, files = known_columns(models, warehouse), campaign_files(context.settings.home)
    keys = scores.frame.select("customer_id", pl.lit(scores.snapshot_date).alias("snapshot_date"))
    context.progress.step("Working out costs and values of each customer")
    for definition in asking:
        path = files[definition.name]
        places = places_of(definition, path, path.read_text(encoding="utf-8-sig"))
        formulas = check_formulas(definition.offer.formulas, known, places)
        features = frozenset().union(*(formula.features for formula in formulas.values())) - ROW_COLUMNS
        build_day(
            context.engine,
            warehouse,
            models,
            context.settings,
            scores.snapshot_date,
            features=features,
            progress=context.progress,
        )
        try:
            by_campaign[definition.name] = customer_terms(warehouse, models, formulas, keys)
        except ConfigError as error:
            lack = undeclared(context.settings, models, sorted(features))
            if lack is None:
                raise
            raise ConfigError(lack[0], where=next(iter(places.values())), remedy=lack[1]) from error
    return by_campaign

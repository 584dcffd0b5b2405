"""Evaluates the SQL terms and filters of all campaigns for the customers scored, to be published with the list.

So the simulator, the list and a customer's page price an offer on its own terms without opening the warehouse.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING

from churn.campaigns.programmes import competing, load_programme, programme_files
from churn.context import Context
from churn.documents.definition import CampaignDefinition
from churn.errors import ChurnError, ConfigError, DataError
from churn.snapshots.conditions import known_features, matching
from churn.snapshots.customer_terms import formula_values, known_columns
from churn.views.advice import readable_campaigns
from churn.views.formula_values import filter_column, term_column
from churn.warehouse import SqlModel
from churn.warehouse.models.filters import audience_filter, term_value
from churn.warehouse.models.sql_models import load_models

if TYPE_CHECKING:
    import polars as pl

    from churn.warehouse.connection import Warehouse


def published_formulas(context: Context, warehouse: Warehouse, ids: pl.Series, day: date) -> pl.DataFrame | None:
    """Return customer_id and a column per formula, for the customers `ids` whose features of `day` were built last; None without formulas.

    A formula that cannot be asked is left out and noted in the log: a plan of its campaign says what is wrong with it.
    """
    import polars as pl

    definitions = list(_definitions(context))
    of_settings = context.settings.simulation.formulas.values()
    terms = sorted({*of_settings, *(text for definition in definitions for text in definition.offer.formulas.values())})
    filters = sorted({definition.audience.filter for definition in definitions if definition.audience.filter})
    if not terms and not filters:
        return None
    models = load_models(context.settings.home)
    frame = pl.DataFrame({"customer_id": ids})
    for values in (
        *_terms(context, warehouse, models, terms, day),
        *_filters(context, warehouse, models, filters, day),
    ):
        frame = frame.join(values, on="customer_id", how="left", maintain_order="left")
    return frame if frame.width > 1 else None


def _definitions(context: Context) -> Iterator[CampaignDefinition]:
    """Yield every campaign by itself and as it competes in each programme."""
    campaigns = readable_campaigns(context)
    yield from campaigns.values()
    for name in programme_files(context.settings.home):
        try:
            programme = load_programme(context.settings.home, name)
        except ChurnError:  # `churn check` says what is wrong with it
            continue
        for offer in programme.competing:
            try:
                yield competing(programme, campaigns[offer])
            except (KeyError, ConfigError):
                continue


def _terms(
    context: Context, warehouse: Warehouse, models: Mapping[str, SqlModel], texts: Collection[str], day: date
) -> Iterator[pl.DataFrame]:
    import polars as pl

    known = known_columns(models, warehouse)
    for text in texts:
        try:
            frame = formula_values(warehouse, models, {"value": term_value(text, known, where="term")})
        except (ConfigError, DataError) as error:
            context.log.note("formula_not_published", reason=error.what)
        else:
            of_day = frame.filter(pl.col("snapshot_date") == day)
            yield of_day.select("customer_id", pl.col("value").alias(term_column(text)))


def _filters(
    context: Context, warehouse: Warehouse, models: Mapping[str, SqlModel], texts: Collection[str], day: date
) -> Iterator[pl.DataFrame]:
    import polars as pl

    known = known_features(models, warehouse)
    for text in texts:
        try:
            condition = audience_filter(text, known, where="filter")
            frame = matching(warehouse, models, day, {"value": condition.sql}, condition.features)
        except (ConfigError, DataError) as error:
            context.log.note("formula_not_published", reason=error.what)
        else:
            yield frame.select("customer_id", pl.col("value").cast(pl.Float64).alias(filter_column(text)))

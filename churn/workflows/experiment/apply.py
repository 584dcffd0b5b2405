"""Applies what an experiment says to the customers of another file: whom to contact, whom to leave alone, and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from pydantic import JsonValue

from churn.campaigns.experiment_words import applied_sentence
from churn.context import Context
from churn.documents.experiment import AppliedPolicy, ExperimentDocument
from churn.errors import CampaignError, ConfigError, ContractBroken
from churn.files import TABLES, check_ending, write_frame
from churn.modeling.uplift.model import UpliftModel, load_uplift
from churn.modeling.uplift.policy import Prices
from churn.views.experiments import experiment
from churn.workflows.experiment.amounts import amounts as amounts_of
from churn.workflows.experiment.amounts import columns_read, require_column
from churn.workflows.experiment.file import read_file, require_one_row_each
from churn.workflows.experiment.unseen import unseen_values
from churn.workflows.learn_uplift.keep import folder_of

if TYPE_CHECKING:
    import polars as pl

    from churn.decisions.checks import Bools, Floats

_OF_SOME_SIZE: Final = 20  # customers: of fewer, a value may be unknown for all


def apply_experiment(
    context: Context,
    name: str,
    path: Path,
    out: Path,
    *,
    customer: str | None = None,
    options: Mapping[str, JsonValue] | None = None,
) -> AppliedPolicy:
    """Write to `out` whom of the customers in `path` to contact, by the newest analysis of the experiment `name`.

    Columns: customer_id, contact, reason, and where a model was learnt uplift and expected_gain. `options` say how the file
    is written, as the experiment's own if left out. Raises NotFound for an unknown experiment, CampaignError where its split
    was broken, ConfigError for a missing column.
    """
    import polars as pl

    check_ending(out, TABLES)
    document = experiment(context, name)
    if document.advised is None:
        raise CampaignError(
            "its split is broken, so it says nothing about anybody",
            where=f"experiment {name}",
            remedy="Mend the file first.",
        )
    chosen = customer or document.terms.customer
    rows = read_file(path, document.terms.options if options is None else options, chosen)
    if chosen is not None:
        require_column(rows, chosen, path.name)
    ids = pl.col(chosen).cast(pl.String) if chosen else pl.int_range(pl.len()).cast(pl.String)
    listed = rows.select(ids.alias("customer_id"))
    if chosen is not None:
        require_one_row_each(listed, chosen, path.name, "Give one row a customer, so that nobody is contacted twice.")
    with context.recorded("experiment_apply", context.today):
        listed = _decided(context, document, rows, listed, path.name)
        write_frame(out, listed, sheet="Customers")
    contacted = int(listed["contact"].sum())
    gain = float(listed.filter("contact")["expected_gain"].sum()) if "expected_gain" in listed.columns else None
    applied = AppliedPolicy(
        name=document.name,
        version=document.version,
        file=path.name,
        advice=document.advice,
        customers=listed.height,
        contacted=contacted,
        left_for_harm=int(listed["is_harmed"].sum()) if "is_harmed" in listed.columns else 0,
        expected_gain=gain,
        unit=document.unit,
        unseen=unseen_values(rows, document.categories) if "uplift" in listed.columns else (),
        sentence="",
    )
    return applied.model_copy(update={"sentence": applied_sentence(applied, document)})


def _decided(
    context: Context, document: ExperimentDocument, rows: pl.DataFrame, listed: pl.DataFrame, file: str
) -> pl.DataFrame:
    """Return the list: contact, reason, and where a model was learnt uplift, expected_gain and is_harmed."""
    import polars as pl

    if document.advised == "nobody":
        return listed.with_columns(contact=pl.lit(value=False), reason=pl.lit(document.words.headline))
    model = _model(context, document)
    if model is None:  # everybody, and nothing was learnt about whom it harms
        return listed.with_columns(contact=pl.lit(value=True), reason=pl.lit("the treatment pays for everybody"))
    for column in model.feature_names:
        require_column(rows, column, file)
        _refuse_empty(rows, column, file, is_used=column not in model.fitted.encoder.unused)
    uplift = model.predict(rows)
    prices = _prices(document, rows, file)
    rate = document.arms.treated.rate
    rate = 1.0 - rate if document.terms.is_unwanted else rate
    harmed = model.do_not_contact(rows)
    pays = prices.pays(uplift, rate) if document.advised == "some" else np.ones(rows.height, dtype=np.bool_)
    why = (
        "predicted to gain more than the contact costs"
        if document.advised == "some"
        else "the treatment pays for everybody"
    )
    gain: Floats = uplift * prices.expected_value - prices.contact_cost - prices.incentive_cost * rate
    contact: Bools = pays & harmed.is_null().to_numpy()
    return listed.with_columns(
        pl.Series("contact", contact),
        pl.when(harmed.is_not_null())
        .then(pl.lit("harmed by the treatment: ") + harmed)
        .when(pl.Series(pays))
        .then(pl.lit(why))
        .otherwise(pl.lit("predicted to gain less than the contact costs"))
        .alias("reason"),
        pl.Series("uplift", uplift),
        pl.Series("expected_gain", gain),
        harmed.is_not_null().alias("is_harmed"),
    )


def _refuse_empty(rows: pl.DataFrame, column: str, file: str, *, is_used: bool) -> None:
    """Raise ContractBroken where a file of some size holds nothing in a column that the model goes by."""
    if is_used and rows.height >= _OF_SOME_SIZE and rows[column].null_count() == rows.height:
        raise ContractBroken(
            f"`{column}` is empty for all {rows.height:,} customers, and the experiment's model goes by it",
            where=file,
            remedy="Fill it in, or analyse the experiment again with --exclude.",
        )


def _model(context: Context, document: ExperimentDocument) -> UpliftModel | None:
    if document.uplift_version is None:
        return None
    model, _ = load_uplift(folder_of(context, document.name, document.uplift_version))
    return model


def _prices(document: ExperimentDocument, rows: pl.DataFrame, file: str) -> Prices:
    """Return the money of each customer of the new file, as far as it is known before contact."""
    terms, worth = document.terms, document.worth

    def amounts(amount: float | str | None, mean: float | None, option: str, *, by_column: bool = True) -> Floats:
        if isinstance(amount, str) and by_column:
            try:
                columns_read(rows, amount, file, option)
            except ConfigError as error:
                raise ConfigError(
                    f"{error.what}, by which the experiment told --{option}",
                    where=file,
                    remedy="Add it to the file, or analyse the experiment with one amount for all.",
                ) from error
            return amounts_of(rows, amount, file, option)
        return np.full(rows.height, mean or 0.0)

    value = (
        np.ones(rows.height)
        if terms.value is None
        else amounts(terms.value, worth.value, "value", by_column=worth.is_known_before)
    )
    cost, incentive = amounts(terms.cost, worth.cost, "cost"), amounts(terms.incentive, worth.incentive, "incentive")
    return Prices(value, value, cost, incentive)

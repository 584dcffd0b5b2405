"""Learns uplift from one flat file of an experiment: a row per customer, an arm, an outcome, and what was known before."""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from churn.context import Context
from churn.documents.uplift import CustomersToLeave, UpliftDocument, UpliftOrigin, UsedCustomers
from churn.errors import ConfigError, ContractBroken
from churn.warehouse import FeatureDoc
from churn.workflows.learn_uplift.from_campaign import LearntUplift, train
from churn.workflows.learn_uplift.keep import check_list_ending, folder_of, keep, write_list, write_page

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class ExperimentFile:
    """Where an experiment lies and what its columns mean.

    `treated` and `control` name the two values of `treatment` to compare, where it is not 0/1. `is_unwanted`: 1 in
    `outcome` is what contact was to prevent. `exclude`: columns that were known only after the contact.
    """

    path: Path
    treatment: str
    outcome: str
    treated: str | None = None
    control: str | None = None
    is_unwanted: bool = False
    customer: str | None = None
    exclude: tuple[str, ...] = ()
    name: str | None = None

    @property
    def campaign(self) -> str:
        """The name under which the finding is kept."""
        words = self.name or "_".join(filter(None, (self.path.stem, self.treated, self.outcome)))
        return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_") or "experiment"


def learn_uplift_file(
    context: Context,
    experiment: ExperimentFile,
    *,
    learners: Sequence[str] | None = None,
    bases: Sequence[str] | None = None,
    out: Path | None = None,
) -> LearntUplift:
    """Learn uplift from a CSV or Parquet file, keep the model, and write the page; `out` takes the file's customers.

    Raises ConfigError for a wrong file or column, ContractBroken for an outcome other than 0 and 1.
    """
    import polars as pl

    if out is not None:
        check_list_ending(out)
    began = time.monotonic()
    with context.recorded("learn_uplift", context.today):
        frame, features = read_experiment(experiment)
        result = train(context, frame, features, learners, bases, outcome=experiment.outcome)
        origin = UpliftOrigin(
            campaign=experiment.campaign,
            learnt_at=context.clock(),
            file=experiment.path.name,
            counts=UsedCustomers(assigned=frame.height, used=result.out_of_fold.height),
        )
        document, version = keep(context, result, UpliftDocument.of(origin, result.figures()))
        listed = frame.select("customer_id").with_columns(
            pl.Series("uplift", result.model.predict(frame)), result.model.do_not_contact(frame).alias("do_not_contact")
        )
    alone = int(listed["do_not_contact"].is_not_null().sum())
    to_leave = CustomersToLeave(customers=alone, of=listed.height, snapshot_date=None)
    document = document.model_copy(update={"do_not_contact": to_leave, "seconds": time.monotonic() - began})
    page = write_page(context, document)
    file = None if out is None else write_list(listed, out)
    return LearntUplift(result, document, folder_of(context, experiment.campaign, version), page, file)


def read_experiment(experiment: ExperimentFile) -> tuple[pl.DataFrame, tuple[FeatureDoc, ...]]:
    """Return the compared rows: customer_id, is_treated, is_retained, and one feature per column left."""
    import polars as pl

    rows = _read(experiment.path)
    customer = experiment.customer or ("customer_id" if "customer_id" in rows.columns else None)
    taken = {experiment.treatment, experiment.outcome, customer, *experiment.exclude} - {None}
    for name in sorted(filter(None, taken)):
        _require_column(rows, name, experiment.path)
    treated = _arms(rows, experiment)
    good = _outcome(rows, experiment)
    ids = pl.col(customer).cast(pl.String) if customer else pl.int_range(pl.len()).cast(pl.String)
    names = [name for name in rows.columns if name not in taken]
    if ours := {"customer_id", "is_treated", "is_retained"}.intersection(names):
        raise ConfigError(
            f"a column is called `{min(ours)}`, as one of ours is", where=str(experiment.path), remedy="Rename it."
        )
    features = tuple(FeatureDoc(name, "file", f"Column {name} of {experiment.path.name}.") for name in names)
    frame = rows.select(ids.alias("customer_id"), treated, good, *names)
    return frame.filter(pl.col("is_treated").is_not_null()), features


def _read(path: Path) -> pl.DataFrame:
    import polars as pl

    if path.suffix not in {".csv", ".parquet"}:
        raise ConfigError(f"cannot read `{path.suffix}`", where=str(path), remedy="Give a .csv or .parquet file.")
    try:
        rows = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=10_000)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", where=str(path)) from error
    except pl.exceptions.PolarsError as error:
        raise ContractBroken(f"cannot be read: {error}", where=str(path), remedy="Mend the file.") from error
    if rows.is_empty():
        raise ContractBroken("holds no rows", where=str(path))
    return rows


def _require_column(rows: pl.DataFrame, name: str, path: Path) -> None:
    if name not in rows.columns:
        near = difflib.get_close_matches(name, rows.columns, n=1, cutoff=0.5)
        hint = f"Did you mean `{near[0]}`?" if near else f"There are {', '.join(rows.columns)}."
        raise ConfigError(f"has no column `{name}`", where=str(path), remedy=hint)


def _arms(rows: pl.DataFrame, experiment: ExperimentFile) -> pl.Expr:
    """Whether a row was treated; null for rows of an arm that is not compared."""
    import polars as pl

    arm = pl.col(experiment.treatment).cast(pl.String)
    values = sorted(rows[experiment.treatment].drop_nulls().cast(pl.String).unique().to_list())
    treated, control = experiment.treated, experiment.control
    if treated is None and control is None and set(values) in ({"0", "1"}, {"false", "true"}):
        treated, control = values[1], values[0]
    elif treated is not None and control is None and len(values) == 2 and treated in values:
        control = next(value for value in values if value != treated)
    for option, value in (("--treated", treated), ("--control", control)):
        if value not in values or treated == control:
            shown = ", ".join(f"`{v}`" for v in values[:8]) + (", ..." if len(values) > 8 else "")
            raise ConfigError(
                f"it is not said which arm of `{experiment.treatment}` this is"
                if value is None or treated == control
                else f"`{experiment.treatment}` has no value `{value}`",
                where=option,
                remedy=f"It holds {shown}: name two with --treated and --control.",
            )
    return pl.when(arm == treated).then(True).when(arm == control).then(False).alias("is_treated")  # noqa: FBT003  # polars' literals


def _outcome(rows: pl.DataFrame, experiment: ExperimentFile) -> pl.Expr:
    import polars as pl

    values = set(rows[experiment.outcome].cast(pl.String).str.to_lowercase().unique().to_list())
    if not values <= {"0", "1", "false", "true", "0.0", "1.0"}:
        strange = min(values - {"0", "1", "false", "true", "0.0", "1.0"}, key=str)
        raise ContractBroken(
            f"`{experiment.outcome}` holds {'nothing in places' if strange is None else repr(strange)}, not 0 and 1",
            where=str(experiment.path),
            remedy="Name a column that says of every customer whether it happened.",
        )
    happened = (
        pl.col(experiment.outcome).cast(pl.Float64) > 0
        if rows[experiment.outcome].dtype.is_numeric()
        else (pl.col(experiment.outcome).cast(pl.String).str.to_lowercase().is_in(["1", "true", "1.0"]))
    )
    return (happened != experiment.is_unwanted).alias("is_retained")

"""Reads one flat file of an experiment: a row per customer, an arm, an outcome, and what was known before."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from pydantic import JsonValue

from churn.config import SourceSettings
from churn.decisions.experiment import newcombe
from churn.decisions.rollout import SAMPLE_RATIO_WARNING
from churn.documents.experiment import ExperimentCounts, ExperimentTerms
from churn.errors import ConfigError, ContractBroken
from churn.modeling.uplift.policy import Prices
from churn.warehouse import FeatureDoc
from churn.warehouse.loading.casts import NO_WORDS, YES_WORDS
from churn.warehouse.reading.flat_file import read_flat_file
from churn.wording import percent
from churn.workflows.experiment.amounts import (
    Amount,
    amounts,
    columns_read,
    costs,
    is_column,
    require_column,
    with_outcome,
)
from churn.workflows.experiment.arms import plain, plain_value, tell_arms
from churn.workflows.experiment.repeats import find_repeats

if TYPE_CHECKING:
    import polars as pl

    from churn.decisions.checks import Floats

# In a column of such a name 1 is as a rule what contact was to prevent; it has to be said which, for it turns the verdict.
_MAY_BE_UNWANTED: Final = re.compile(
    r"churn|cancel|attrit|lapse|unsubscri|\bleft\b|\blost\b|defect|terminat|exited", re.IGNORECASE
)
_OFTEN: Final = (
    0.5  # of how often those with the outcome have a value: a value that others have so often did not come with it
)
_OURS: Final = frozenset({"customer_id", "is_treated", "is_retained"})


@dataclass(frozen=True)
class ExperimentFile:
    """Where an experiment lies and what its columns mean; see `ExperimentTerms`. `outcome` is a column, or SQL such as `spent > 0`.

    `is_unwanted`: None where nobody said; a column that sounds like churn is then refused. `treated` may be left out where
    the column holds two values, or `control` where it holds 0 and 1.
    """

    path: Path
    treatment: str
    outcome: str
    control: str | None = None
    treated: str | None = None
    is_unwanted: bool | None = None
    customer: str | None = None
    exclude: tuple[str, ...] = ()
    value: Amount = None
    cost: Amount = None
    incentive: Amount = None
    planned_share: float | None = None
    group: str | None = None
    strata: str | None = None
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    name: str | None = None
    shown_as: str | None = None  # the file's name where it was uploaded under another

    @property
    def file_name(self) -> str:
        """The file as people know it."""
        return self.shown_as or self.path.name

    @property
    def experiment_name(self) -> str:
        """The name under which the finding is kept."""
        parts = (Path(self.file_name).stem, self.treated, self.outcome)
        name = self.name or "_".join(filter(None, parts))
        return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:80] or "experiment"


@dataclass(frozen=True)
class ExperimentRows:
    """The compared rows: `frame` holds customer_id, is_treated, is_retained (the wanted outcome) and the features.

    `happened` (n,) is the outcome as told. `is_value_known_before`, `values_not_counted`: see `ExperimentValue`.
    """

    frame: pl.DataFrame
    features: tuple[FeatureDoc, ...]
    prices: Prices
    happened: Floats
    is_value_known_before: bool
    values_not_counted: int
    terms: ExperimentTerms
    group: pl.Series | None  # whose values were assigned as a whole, where the column was named
    strata: pl.Series | None  # within whose values the split was drawn, where the column was named
    counts: ExperimentCounts


def read_experiment(experiment: ExperimentFile) -> ExperimentRows:
    """Return the customers of both arms.

    Raises ConfigError for a wrong file, column, arm or amount, ContractBroken for an outcome other than 0 and 1, a
    customer who stands there twice, or an amount that is missing.
    """
    import polars as pl

    _check_shares(experiment)
    rows = read_file(experiment.path, experiment.options, experiment.customer)
    customer = experiment.customer or ("customer_id" if "customer_id" in rows.columns else None)
    named = {"value": experiment.value, "cost": experiment.cost, "incentive": experiment.incentive}
    columns_of_amounts = {
        amount for amount in named.values() if isinstance(amount, str) and is_column(rows, amount, experiment.file_name)
    }
    rows, computed_from = with_outcome(rows, experiment.outcome, experiment.file_name)
    taken = {experiment.treatment, experiment.outcome, *computed_from, *experiment.exclude, *columns_of_amounts}
    taken |= {column for column in (experiment.group, experiment.strata) if column is not None}
    for name in sorted(taken | ({customer} if customer else set())):
        require_column(rows, name, experiment.file_name)
    arms_told = tell_arms(rows[experiment.treatment], experiment.treated, experiment.control)
    treated, control = arms_told.treated, arms_told.control
    is_unwanted = _direction(experiment)
    arms = arms_told.is_treated
    no_arm = rows[experiment.treatment].null_count()
    kept = rows.filter(arms.is_not_null())
    happened = _outcome(kept, arms.drop_nulls(), experiment)
    wanted = ~happened if is_unwanted else happened
    prices, is_known_before, not_counted = _prices(kept, wanted.to_numpy(), named, experiment.file_name)
    if not is_known_before:  # what SQL computes an outcome's worth from came with the outcome
        taken |= columns_read(rows, experiment.value, experiment.file_name, "value")
    names = [name for name in rows.columns if name not in taken and name != customer]
    if ours := _OURS.intersection(names):
        raise ConfigError(
            f"a column is called `{min(ours)}`, as one of ours is", where=experiment.file_name, remedy="Rename it."
        )
    ids = pl.col(customer).cast(pl.String) if customer else pl.int_range(pl.len()).cast(pl.String)
    frame = kept.select(
        ids.alias("customer_id"), arms.drop_nulls().alias("is_treated"), wanted.alias("is_retained"), *names
    )
    if customer:
        remedy = "Give one row a customer, with the arm they were assigned to first."
        require_one_row_each(frame, customer, experiment.file_name, remedy)
    terms = ExperimentTerms(
        treatment=experiment.treatment,
        treated=treated,
        control=control,
        outcome=experiment.outcome,
        is_unwanted=is_unwanted,
        customer=customer,
        exclude=experiment.exclude,
        value=experiment.value,
        cost=experiment.cost,
        incentive=experiment.incentive,
        planned_share=experiment.planned_share,
        group=experiment.group,
        strata=experiment.strata,
        options=dict(experiment.options),
    )
    counts = ExperimentCounts(
        rows=rows.height,
        compared=frame.height,
        other_arms=rows.height - frame.height - no_arm,
        no_arm=no_arm,
        names_of_others=arms_told.others,
        respelt=arms_told.respelt,
        repeated=None
        if customer
        else find_repeats(rows.select(name for name in rows.columns if name != experiment.treatment)),
    )
    features = tuple(FeatureDoc(name, "file", f"Column {name} of {experiment.file_name}.") for name in names)
    return ExperimentRows(
        frame,
        features,
        prices,
        happened.cast(pl.Float64).to_numpy(),
        is_known_before,
        not_counted,
        terms,
        None if experiment.group is None else kept[experiment.group],
        None if experiment.strata is None else kept[experiment.strata],
        counts,
    )


def options_of(settings: Sequence[str] | None) -> dict[str, JsonValue]:
    """Return reader options of NAME=VALUE, a value as TOML has it or a bare text. Raises ConfigError."""
    options: dict[str, JsonValue] = {}
    for setting in settings or ():
        name, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"`{setting}` is no NAME=VALUE", where="--option", remedy='Write it as delim=";".')
        try:
            options[name.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            options[name.strip()] = text
    return options


def read_file(path: Path, options: Mapping[str, JsonValue], customer: str | None) -> pl.DataFrame:
    """Return a file's rows; ids stay text. `options`: a source's reader options, and `dates`, `pivot_year`, `zone`, `rows_at`, `codes`."""
    about_values = {name: options[name] for name in _OF_SOURCE if name in options}
    reader = {name: given for name, given in options.items() if name not in {*_OF_SOURCE, "codes"}}
    source = SourceSettings.model_validate({"path": str(path), "options": reader, **about_values})
    return read_flat_file(source, as_text=tuple({customer or "customer_id", "customer_id"}))


_OF_SOURCE: Final = ("format", "dates", "pivot_year", "zone", "rows_at")


def _check_shares(experiment: ExperimentFile) -> None:
    share = experiment.planned_share
    if share is not None and not 0.0 < share < 1.0:
        raise ConfigError(
            f"{share} is no share between 0 and 1",
            where="--planned-share",
            remedy="Give the share of the compared customers that was to be treated, such as 0.5.",
        )


def _direction(experiment: ExperimentFile) -> bool:
    if experiment.is_unwanted is not None:
        return experiment.is_unwanted
    if _MAY_BE_UNWANTED.search(experiment.outcome.replace("_", " ")):
        raise ConfigError(
            f"it is not said whether 1 in `{experiment.outcome}` is what the treatment was to prevent",
            where="--outcome",
            remedy="Say --unwanted if it is, --wanted if not: it turns the verdict round.",
        )
    return False


def _outcome(kept: pl.DataFrame, arms: pl.Series, experiment: ExperimentFile) -> pl.Series:
    """Return whether the outcome happened, of each compared row."""
    import polars as pl

    outcome = kept[experiment.outcome]
    if missing := outcome.null_count():
        in_treated = int(outcome.filter(arms).null_count())
        n_t = int(arms.sum())
        remedy = "Write 0 where nothing happened; leaving customers out would compare those who could be followed."
        if _is_beyond_chance(in_treated, n_t, missing - in_treated, arms.len() - n_t):
            of_treated, of_others = (
                percent(in_treated / n_t, 1),
                percent((missing - in_treated) / (arms.len() - n_t), 1),
            )
            remedy = (
                f"That is {of_treated} of the treated and {of_others} of the others, which "
                "is not by chance: find out what became of them. To write 0 for all, or to leave them out, would decide the verdict."
            )
        raise ContractBroken(
            f"`{experiment.outcome}` is empty for {missing:,} customers ({in_treated:,} treated, {missing - in_treated:,} control)",
            where=experiment.file_name,
            remedy=remedy,
        )
    plain_words = kept.select(plain(pl.col(experiment.outcome)).str.to_lowercase().alias("word"))["word"]
    codes = _codes(experiment)
    words = sorted(plain_words.unique().to_list())
    strange = [word for word in words if word not in codes]
    if strange:
        if outcome.dtype.is_numeric():
            remedy = (
                f'Say when it happened, such as --outcome "{experiment.outcome} > 0", and give the amounts with --value '
                f"{experiment.outcome}."
            )
        elif len(words) == 2:
            remedy = (
                "Say what its words mean, such as --option "
                f'\'codes={{ "{experiment.outcome}" = {{ "{words[0]}" = true, "{words[1]}" = false }} }}\'.'
            )
        else:
            remedy = "Name a column that says of every customer whether it happened."
        raise ContractBroken(
            f"`{experiment.outcome}` holds {strange[0]!r}, not 0 and 1", where=experiment.file_name, remedy=remedy
        )
    return plain_words.replace_strict(codes, return_dtype=pl.Boolean)


def _is_beyond_chance(empty_t: int, n_t: int, empty_c: int, n_c: int) -> bool:
    """Say whether outcomes are missing more often in one arm than chance makes them."""
    return min(n_t, n_c) > 0 and newcombe(empty_t, n_t, empty_c, n_c).p_value < SAMPLE_RATIO_WARNING


def _codes(experiment: ExperimentFile) -> dict[str, bool]:
    """Return what the words of the outcome mean: those that every source knows, or those that `codes` names."""
    given = experiment.options.get("codes", {})
    of_column = given.get(experiment.outcome, {}) if isinstance(given, dict) else None
    if not isinstance(of_column, dict) or not all(isinstance(meaning, bool) for meaning in of_column.values()):
        raise ConfigError(
            "`codes` says of a column what its words mean",
            where="--option codes",
            remedy=f'Write codes={{ "{experiment.outcome}" = {{ won = true, lost = false }} }}.',
        )
    if of_column:
        return {plain_value(word).lower(): bool(meaning) for word, meaning in of_column.items()}
    return dict.fromkeys(YES_WORDS, True) | dict.fromkeys(NO_WORDS, False)


def require_one_row_each(frame: pl.DataFrame, customer: str, file: str, remedy: str) -> None:
    """Raise ContractBroken where a row has no customer, or a customer several rows, which `remedy` says how to mend."""
    if empty := frame["customer_id"].null_count():
        raise ContractBroken(
            f"`{customer}` is empty in {empty:,} rows", where=file, remedy="Give every row its customer."
        )
    twice = frame.filter(frame["customer_id"].is_duplicated())
    if not twice.is_empty():
        raise ContractBroken(
            f"{twice['customer_id'].n_unique():,} customers stand in more than one row, such as `{twice['customer_id'][0]}`",
            where=file,
            remedy=remedy,
        )


def _prices(
    kept: pl.DataFrame, wanted: np.ndarray[tuple[int], np.dtype[np.bool_]], named: Mapping[str, Amount], file: str
) -> tuple[Prices, bool, int]:
    """Return the money of each customer, whether the value of each is known before contact, and how many amounts do not count.

    An amount that came with the outcome counts for those who have it alone.
    """
    value = named["value"]
    has_money = any(amount is not None for amount in named.values())
    if has_money and value is None:
        raise ConfigError(
            "a cost is named and no value",
            where="--value",
            remedy="Say what one outcome is worth: a number, a column, or SQL over columns.",
        )
    is_known_before, not_counted = True, 0
    if value is None:
        values = np.ones(kept.height)  # policies are counted in outcomes
    elif isinstance(value, str):
        values = amounts(kept, value, file, "value", may_be_empty=~wanted)
        is_known_before = _is_known_before(values, wanted)
        not_counted = 0 if is_known_before else int(np.count_nonzero(values[~wanted]))
    else:
        values = np.full(kept.height, float(value))
    expected = values if is_known_before else np.full(kept.height, values[wanted].mean() if wanted.any() else 0.0)
    cost, incentive = (costs(kept, named[name], file, name) for name in ("cost", "incentive"))
    return Prices(values, expected, cost, incentive), is_known_before, not_counted


def _is_known_before(values: Floats, wanted: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> bool:
    """Return whether the value of an outcome was known before the contact.

    What only comes with the outcome, such as what was spent, is 0 without it, but for strays such as a refund.
    """
    if not wanted.any() or wanted.all():
        return bool((values[~wanted] != 0).any())
    with_it, without = (float(np.mean(values[rows] != 0)) for rows in (wanted, ~wanted))
    return without > _OFTEN * with_it

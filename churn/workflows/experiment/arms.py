"""Tells which rows of an experiment are of which arm, however its values are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from churn.documents.experiment import RespeltArm
from churn.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

_NAMED: Final = 8  # arms, at most


@dataclass(frozen=True)
class ToldArms:
    """The two arms as the column writes them. `is_treated` (n,): null for rows of `others`, the most frequent first, and of no arm.

    `respelt`: how else rows of the two are written.
    """

    treated: str
    control: str
    is_treated: pl.Series
    others: tuple[str, ...]
    respelt: tuple[RespeltArm, ...]


def plain(column: pl.Expr) -> pl.Expr:
    """Return values as text of one form, so that 1, 1.0 and "1" are the same."""
    import polars as pl

    text = column.cast(pl.String).str.strip_chars()
    number = text.cast(pl.Float64, strict=False)
    is_whole = number.is_not_null() & number.is_finite() & (number == number.round(0))
    return pl.when(is_whole).then(number.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(text)


def plain_value(value: str) -> str:
    """Return one value in that form."""
    import polars as pl

    return str(pl.DataFrame({"value": [value]}).select(plain(pl.col("value"))).item())


def tell_arms(column: pl.Series, treated: str | None, control: str | None) -> ToldArms:
    """Return the two arms of `column` (n,) to compare; either name may be left out where there are two values.

    Values that differ in capitals or blanks alone are one arm, unless both arms that are named do. Raises ConfigError.
    """
    import polars as pl

    written = column.to_frame().select(plain(pl.all()))[column.name].rename("written")
    counts = written.drop_nulls().value_counts(sort=True).sort(["count", "written"], descending=[True, False])
    order: dict[str, int] = dict(counts.rows())
    names = [None if name is None else plain_value(name) for name in (treated, control)]
    is_one = None in names or names[0] == names[1] or _folded(str(names[0])) != _folded(str(names[1]))
    of_fold: dict[str, str] = {}
    for value in order:
        of_fold.setdefault(_folded(value) if is_one else value, value)
    taken_for = {value: of_fold[_folded(value) if is_one else value] for value in order}
    values = sorted(set(taken_for.values()))
    given = [None if name is None else _of_column(name, values, of_fold) for name in names]
    first, second = _named(column.name, values, *given)
    arms = written.replace_strict(taken_for, default=None, return_dtype=pl.String)
    is_treated = pl.select(pl.when(arms == first).then(1).when(arms == second).then(0).cast(pl.Boolean)).to_series()
    return ToldArms(
        treated=first,
        control=second,
        is_treated=is_treated.rename("is_treated"),
        others=tuple(dict.fromkeys(taken_for[value] for value in order if taken_for[value] not in {first, second}))[
            :_NAMED
        ],
        respelt=tuple(
            RespeltArm(written=value, taken_for=taken_for[value], rows=rows)
            for value, rows in order.items()
            if value != taken_for[value] and taken_for[value] in {first, second}
        )[:_NAMED],
    )


def _folded(value: str) -> str:
    return " ".join(value.casefold().split())


def _named(column: str, values: list[str], treated: str | None, control: str | None) -> tuple[str, str]:
    is_told = treated is not None or control is not None
    if not is_told and {value.lower() for value in values} in ({"0", "1"}, {"false", "true"}):
        control, treated = values
    elif len(values) == 2 and treated in values and control is None:
        control = next(value for value in values if value != treated)
    elif len(values) == 2 and control in values and treated is None:
        treated = next(value for value in values if value != control)
    arms = (("--treated", treated), ("--control", control))
    shown = ", ".join(f"`{value}`" for value in values[:_NAMED]) + (", ..." if len(values) > _NAMED else "")
    remedy = f"It holds {shown}: name two with --treated and --control."
    for option, value in arms:  # a name that is wrong explains why the other arm is not known
        if value is not None and value not in values:
            raise ConfigError(f"`{column}` has no value `{value}`", where=option, remedy=remedy)
    for option, value in arms:
        if value is None:
            raise ConfigError(f"it is not said which arm of `{column}` this is", where=option, remedy=remedy)
    if treated == control:
        raise ConfigError(f"--treated and --control are the same arm, `{control}`", where="--control", remedy=remedy)
    assert treated is not None
    assert control is not None
    return treated, control


def _of_column(name: str, values: list[str], of_fold: dict[str, str]) -> str:
    """Return how the column writes `name`, as it is if it does not: 1 stands for true in a column of true and false."""
    if name in values:
        return name
    if len(values) <= 2 and {value.lower() for value in values} <= {"true", "false"}:
        name = {"1": "true", "0": "false"}.get(name, name)
    return of_fold.get(name, of_fold.get(_folded(name), name))

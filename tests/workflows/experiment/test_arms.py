"""Which rows are of which arm, whatever their capitals and blanks, and customers who stand in several rows."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from churn.documents.experiment import RepeatedRows, RespeltArm
from churn.errors import ConfigError
from churn.workflows.experiment import ExperimentFile, read_experiment
from churn.workflows.experiment.arms import tell_arms
from churn.workflows.experiment.repeats import find_repeats

ARMS = pl.Series(
    "group", ["Kontrolle", "KONTROLLE", "Kontrolle ", "Rabatt 10 %", "rabatt  10 %", "Anruf", None, "Rabatt 10 %"]
)


@pytest.mark.parametrize(("treated", "control"), [("Rabatt 10 %", "Kontrolle"), ("RABATT 10 %", "kontrolle")])
def test_an_arm_is_one_whatever_its_capitals_and_blanks(treated: str, control: str) -> None:
    arms = tell_arms(ARMS, treated, control)
    assert arms.is_treated.to_list() == [False, False, False, True, True, None, None, True]
    assert (arms.treated, arms.control, arms.others) == ("Rabatt 10 %", "Kontrolle", ("Anruf",))
    assert arms.respelt == (
        RespeltArm(written="KONTROLLE", taken_for="Kontrolle", rows=1),
        RespeltArm(written="rabatt  10 %", taken_for="Rabatt 10 %", rows=1),
    )


def test_two_arms_that_are_named_by_capitals_alone_stay_two() -> None:
    arms = tell_arms(pl.Series("group", ["a", "A", "a", "A"]), "A", "a")
    assert arms.is_treated.to_list() == [False, True, False, True]
    assert arms.respelt == ()


def test_two_arms_in_several_spellings_need_one_name() -> None:
    arms = tell_arms(pl.Series("group", ["Mail", "mail", "NONE", "none", "none"]), None, "none")
    assert (arms.treated, arms.control) == ("Mail", "none")
    with pytest.raises(ConfigError, match="no value `post`"):
        tell_arms(ARMS, "post", "Kontrolle")


def test_the_other_arms_are_named_in_the_notes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    ARMS.to_frame().with_columns(bought=pl.Series([0, 1, 0, 1, 0, 1, 0, 1])).write_csv(path)
    counts = read_experiment(ExperimentFile(path, "group", "bought", treated="Rabatt 10 %", control="Kontrolle")).counts
    assert (counts.compared, counts.other_arms, counts.no_arm) == (6, 1, 1)
    assert counts.names_of_others == ("Anruf",)


def test_rows_that_repeat_an_id_nobody_named_are_told() -> None:
    ids = [f"u{number}" for number in range(100)]
    twice = pl.DataFrame({"id": [*ids, *ids[:7]], "age": [30] * 107})
    assert find_repeats(twice) == RepeatedRows(column="id", rows=7)
    numbers = twice.with_columns(pl.Series("customer_no", [*range(100), *range(7)])).drop("id")
    assert find_repeats(numbers) == RepeatedRows(column="customer_no", rows=7)


def test_rows_alike_in_every_column_are_told_where_chance_would_not_make_them() -> None:
    spent = [number + 0.5 for number in range(100)]
    assert find_repeats(pl.DataFrame({"spent": [*spent, *spent[:4]]})) == RepeatedRows(column=None, rows=4)
    assert find_repeats(pl.DataFrame({"spent": spent})) is None
    assert find_repeats(pl.DataFrame({"plan": ["a", "b"] * 50, "left": [0, 1] * 50})) is None

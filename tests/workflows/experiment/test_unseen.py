"""Values that an experiment never saw are named where it is applied to another file."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from churn.bootstrap import build_context
from churn.context import Context
from churn.workflows.experiment import analyse_experiment, apply_experiment
from tests.workflows.experiment.test_experiment import QUICK, file_of, write


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return build_context(home=tmp_path / "home")


def test_values_that_the_experiment_never_saw_are_named_with_their_rows(context: Context, tmp_path: Path) -> None:
    write(tmp_path / "a.csv", count=3_000, spread=0.25, effect=0.05)
    document = analyse_experiment(context, file_of(tmp_path / "a.csv", value=100.0, cost=0.5), **QUICK).document
    assert [seen.column for seen in document.categories] == ["plan"]  # not `usage`, a number, nor who the customers are
    new = pl.read_csv(tmp_path / "a.csv")
    strange = new.with_row_index("n").with_columns(
        plan=pl.when(pl.col("n") < 7)
        .then(pl.lit("platinum"))
        .when(pl.col("n") < 12)
        .then(None)
        .when(pl.col("n") < 15)
        .then(pl.lit(" Gold"))
        .otherwise("plan")
    )
    strange.write_csv(tmp_path / "new.csv")
    applied = apply_experiment(context, "trial", tmp_path / "new.csv", tmp_path / "list.csv")
    (unseen,) = applied.unseen
    assert (unseen.column, unseen.rows, unseen.values) == ("plan", 15, 3)
    assert unseen.examples == ("platinum", "nothing", "Gold")
    assert "In 15 rows `plan` holds what the experiment never saw: platinum, nothing, Gold." in applied.sentence
    new.write_csv(tmp_path / "same.csv")
    same = apply_experiment(context, "trial", tmp_path / "same.csv", tmp_path / "list.csv")
    assert same.unseen == ()
    assert "never saw" not in same.sentence

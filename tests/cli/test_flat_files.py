"""A flat file from reading to training on the command line: what knows the outcome is refused, what learns nothing says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from churn.cli import build_app

pytestmark = pytest.mark.slow

N = 1_500
SETTINGS = """
[churn]
horizon_days = 30
lead_days = 0
[training]
split = "random"
candidates = ["logistic_regression"]
min_churners = 30
min_stayers = 30
tune_minutes = 0
[selection]
bootstrap_draws = 30
[sources.customer_snapshots]
path = "flat.csv"
[sources.customer_snapshots.columns]
customer_id = "id"
has_churned = "churn"
"""
Train = Callable[[pl.DataFrame], str]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Return what reads and trains on a flat file, and gives all that was printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    (tmp_path / "churn.toml").write_text(SETTINGS)

    def run(frame: pl.DataFrame) -> str:
        frame.write_csv(tmp_path / "flat.csv")
        loaded = CliRunner().invoke(build_app(), ["refresh", "--home", "home"])
        assert loaded.exit_code == 0, loaded.output
        return " ".join(CliRunner().invoke(build_app(), ["train", "--home", "home"]).output.split())

    return run


def company(*, strength: float = 1.0) -> pl.DataFrame:
    """Return customers whose contract and calls raise the odds of churn, honestly and strongly."""
    rng = np.random.default_rng(11)
    contract, calls = rng.choice(["monthly", "yearly"], N, p=[0.6, 0.4]), rng.poisson(1.5, N)
    odds = -1.6 + strength * (1.4 * (contract == "monthly") + 0.6 * (calls - 1.5) - 0.8)
    return pl.DataFrame(
        {"id": range(N), "churn": rng.random(N) < 1 / (1 + np.exp(-odds)), "contract": contract, "calls": calls}
    )


def test_an_attribute_overwritten_after_the_end_is_refused(train: Train) -> None:
    rng = np.random.default_rng(1)
    frame = company().with_columns(left_later=pl.Series(rng.random(N) < 0.4))
    status = pl.when(pl.col("churn") | pl.col("left_later")).then(pl.lit("closed")).otherwise(pl.lit("open"))
    told = train(frame.with_columns(status=status).drop("left_later"))
    assert "feature `status` is 'open' for" in told
    assert "of which 0 churned" in told
    assert "training.exclude_features" in told


def test_an_exit_survey_filled_by_leavers_is_refused(train: Train) -> None:
    rng = np.random.default_rng(2)
    asked = pl.Series(rng.random(N) < 0.3)
    told = train(company().with_columns(survey=pl.when(pl.col("churn") & asked).then(pl.lit("price"))))
    assert "feature `survey` is not missing for" in told
    assert "it looks like something filled in on leaving" in told


def test_honest_strong_features_are_kept_and_the_model_serves(train: Train) -> None:
    told = train(company())
    assert "It is the champion." in told


def test_a_file_that_tells_nothing_ends_in_words_on_what_to_do(train: Train) -> None:
    told = train(company(strength=0.0))
    assert "Nothing to learn was found" in told
    assert "Registered, not promoted: it learnt nothing. Load more history" in told
    scored = " ".join(CliRunner().invoke(build_app(), ["score", "--home", "home"]).output.split())
    assert "no model has been promoted yet; of the newest," in scored
    assert "Nothing to learn was found" in scored

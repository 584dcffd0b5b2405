from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.company import call
from tests.modeling.uplift.experiments import experiment

pytestmark = pytest.mark.slow  # a model is trained

COLUMNS = ("--treatment", "is_treated", "--control", "0", "--outcome", "is_retained")
QUICK = ("--learner", "t_learner", "--base", "logistic_regression")


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trial") / "trial.csv"
    experiment(1_500, spread=0.25, effect=0.1).drop("tau").write_csv(path)
    return path


def test_an_experiment_is_told_as_a_verdict_figures_and_a_page_and_applied(trial: Path) -> None:
    home = ("--home", str(trial.parent / "home"))
    renamed = trial.with_name("b.csv")
    pl.read_csv(trial).rename({"is_treated": "arm", "is_retained": "stayed"}).write_csv(renamed)
    done = call(
        "experiment", str(renamed), "--treatment", "arm", "--control", "0", "--outcome", "stayed", "--value", "50",
        "--cost", "1", "--planned-share", "0.5", "--language", "de", *QUICK, *home, cwd=trial.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("It works: `stayed` changes by +")
    assert "What each policy brings" in done.stdout
    assert "Effect by tenth of predicted effect, in points of more `stayed`" in done.stdout
    page = (trial.parent / "home" / "reports" / "experiment-b_stayed.html").read_text(encoding="utf-8")
    assert '<html lang="de"' in page
    shown = call("experiment", "show", "b_stayed", "--json", *home, cwd=trial.parent)
    assert json.loads(shown.stdout)["verdict"] == "works"
    applied = call("experiment", "apply", "b_stayed", str(renamed), "--out", "list.csv", *home, cwd=trial.parent)
    assert applied.returncode == 0, applied.stderr
    assert "customers are to be contacted" in applied.stdout
    listed = call("experiment", "list", "--json", *home, cwd=trial.parent)
    assert [row["name"] for row in json.loads(listed.stdout)["experiments"]] == ["b_stayed"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("trial.csv", "--treatment", "plan", "--control", "gold", "--outcome", "is_retained"), "not said which arm"),
        (("apply", "nothing", "trial.csv", "--out", "x.pdf"), "cannot write `.pdf`"),
        (("trial.csv", *COLUMNS, "--option", "delim"), "`delim` is no NAME=VALUE"),
        (("trial.csv", *COLUMNS, "--language", "xx"), "no words for the language `xx`"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why(trial: Path, arguments: tuple[str, ...], message: str) -> None:
    done = call("experiment", *arguments, "--json", "--home", str(trial.parent / "home"), cwd=trial.parent)
    assert done.returncode == 2, done.stdout
    assert message in json.loads(done.stdout)["error"]["message"]

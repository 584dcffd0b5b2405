from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.company import call
from tests.modeling.uplift.experiments import experiment


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trial") / "trial.csv"
    experiment(1_500, spread=0.25, effect=0.1).drop("tau").write_csv(path)
    return path


def test_an_experiment_is_told_as_a_sentence_a_table_and_a_page(trial: Path) -> None:
    columns = ("--treatment", "is_treated", "--outcome", "is_retained")
    quick = ("--learner", "t_learner", "--base", "logistic_regression")
    done = call(
        "uplift", "--data", str(trial), *columns, *quick, "--home", str(trial.parent / "home"), cwd=trial.parent
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Contact changes is_retained by +")
    assert "Q(k) = Y_T - Y_C N_T / N_C" in done.stdout
    assert "Effect on is_retained by tenth of predicted uplift" in done.stdout
    assert (trial.parent / "home" / "reports" / "uplift-trial_is_retained.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "neither a campaign nor --data"),
        (("trial", "--outcome", "left"), "goes with --data only"),
        (("--data", "trial.csv"), "with --treatment and --outcome"),
        (("--data", "trial.csv", "--treatment", "a", "--outcome", "b", "--out", "x.pdf"), "cannot write `.pdf`"),
        (("--data", "trial.csv", "--treatment", "is_treated", "--outcome", "is_retained", "--base", "lasso"), "lasso"),
        (("never_planned",), "nobody was assigned to it yet"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why(trial: Path, arguments: tuple[str, ...], message: str) -> None:
    done = call("uplift", *arguments, "--json", "--home", str(trial.parent / "home"), cwd=trial.parent)
    assert done.returncode == 2, done.stdout
    assert message in json.loads(done.stdout)["error"]["message"]

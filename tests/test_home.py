"""The product from Python says what the command line says, and refuses in the product's own words."""

from __future__ import annotations

import contextlib
import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest

import churn
from churn.errors import ConfigError, ModelError, NotFound
from tests import ROOT
from tests.company import Company, copy_home

PAGE = ROOT / "docs" / "python.md"


@pytest.fixture(scope="module")
def home(finished_company: Company, tmp_path_factory: pytest.TempPathFactory) -> churn.Home:
    folder = tmp_path_factory.mktemp("python") / ".churn"
    copy_home(finished_company.home, folder)
    return churn.open(folder)


def test_the_list_is_the_command_lines(home, finished_company):
    listed = finished_company.json("risk-list", "--top", "7")["customers"]
    frame = home.risk_list(top=7)
    assert frame["customer_id"].to_list() == [row["customer_id"] for row in listed]
    assert frame["expected_profit"].to_list() == [row["expected_profit"] for row in listed]
    texts = [[reason["text"] for reason in row["reasons"]] for row in listed]
    assert [[reason["text"] for reason in reasons] for reasons in frame["reasons"].to_list()] == texts
    assert home.explain(listed[0]["customer_id"]).churn_probability == listed[0]["churn_probability"]


def test_a_frame_of_the_lists_day_scores_as_the_list_says(home):
    everybody = home.risk_list(bands=["low", "medium", "high", "critical"])
    day = everybody["snapshot_date"][0]
    scored = home.score(home.features(day))
    both = scored.join(everybody, on="customer_id", suffix="_of_list")
    assert both.height == everybody.height
    assert (both["churn_probability"] - both["churn_probability_of_list"]).abs().max() < 1e-12
    assert (
        both["reasons"]
        .list.first()
        .struct.field("text")
        .equals(both["reasons_of_list"].list.first().struct.field("text"), check_names=False)
    )


def test_a_simulation_is_the_command_lines(home, finished_company):
    told = finished_company.json("simulate", "--budget", "300", "--success-rate", "0.3")
    assert home.simulate(budget=300.0, success_rate=0.3).model_dump(mode="json") | {"file": None} == told


def test_a_plan_keeps_nothing_unless_asked_to(company):
    home = churn.open(company.home)  # of its own: whoever is assigned is missing from later simulations
    first = home.plan("price_incentive", budget=200.0)
    again = home.plan("price_incentive", budget=200.0)
    assert first.assignments["customer_id"].to_list() == again.assignments["customer_id"].to_list()
    assert again.assignments["is_new"].all()
    kept = home.plan("price_incentive", budget=200.0, dry_run=False)
    assert not home.plan("price_incentive", budget=200.0).assignments["is_new"].all()
    assert kept.assignments.height == first.assignments.height


def test_what_is_wrong_is_named(home):
    with pytest.raises(ConfigError, match="no term `budgett`") as wrong:
        home.simulate(budgett=1.0)
    assert wrong.value.remedy == "Did you mean `budget`?"
    with pytest.raises(ConfigError, match="`treatment` is missing"):
        home.experiment(pl.DataFrame({"a": [1]}), outcome="a")
    with pytest.raises(NotFound):
        home.explain("nobody")
    with pytest.raises(ModelError, match=r"lacks .* of the model's features"):
        home.score(pl.DataFrame({"customer_id": ["a"]}))
    with pytest.raises(ConfigError, match="lies in the future"):
        home.features(date(2999, 1, 1))
    with pytest.raises(AttributeError, match="no attribute `opens`"):
        churn.opens  # noqa: B018


def test_the_page_runs_as_it_stands(home, capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 7
    names: dict[str, object] = {}
    with contextlib.chdir(Path(home.path).parent):
        for block in blocks:
            exec(compile(block, str(PAGE), "exec"), names)  # the page's own code
    assert "no term `budgett` SimulationRequest Did you mean `budget`?" in capsys.readouterr().out

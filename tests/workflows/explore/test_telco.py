"""Holds the exploration to what everybody knows of IBM's telco data, where it lies beside the project: see docs/exploration.md."""

from __future__ import annotations

import json
import shutil

import pytest

from tests import ROOT
from tests.company import call

FILE = ROOT.parent / "shared" / "data" / "telco_ibm" / "telco.csv"

pytestmark = pytest.mark.skipif(
    not FILE.is_file(), reason="the IBM telco data are no part of the project and not beside it"
)


@pytest.fixture(scope="module")
def telco(tmp_path_factory):
    folder = tmp_path_factory.mktemp("telco")
    shutil.copy(FILE, folder / "telco.csv")
    shutil.copy(ROOT / "docs" / "examples" / "telco_ibm.toml", folder)
    for command in ("refresh", "explore"):
        done = call(command, "--config", "telco_ibm.toml", "--home", "home", "--json", cwd=folder)
        assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), folder


def test_the_well_known_facts_are_stated_with_intervals(telco):
    document, _ = telco
    found = {each["condition"]: each for each in document["insights"] if len(each["features"]) == 1}
    facts = {  # over all 7,043 customers
        "\"Contract\" = 'Month-to-month'": 0.427,
        "\"InternetService\" = 'Fiber optic'": 0.419,
        "\"PaymentMethod\" = 'Electronic check'": 0.453,
    }
    for condition, rate in facts.items():
        low, high = found[condition]["interval"]
        assert low - 0.01 < rate < high + 0.01, condition
        assert found[condition]["p_adjusted"] < 1e-6
    short = next(each for each in found.values() if each["features"] == ["tenure"])
    assert short["condition"].startswith("tenure <")
    assert short["churn_rate"] > 0.4
    assert short["lift_interval"][0] > 2
    assert "Month-to-month" in document["headline"]


def test_survival_runs_along_tenure_and_two_years_bind(telco):
    survival = telco[0]["survival"]
    assert survival["by"] == "Contract"
    end = {group["name"]: group["points"][-1]["share"] for group in survival["groups"]}
    assert end["Two year"] > 0.9
    assert end["Month-to-month"] < 0.35


def test_the_page_is_one_small_file_that_asks_for_nothing(telco):
    _, folder = telco
    text = (folder / "home" / "reports" / "exploration.html").read_text(encoding="utf-8")
    assert len(text) < 3_000_000
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert "Contract is Month-to-month: 43&nbsp;% churn" in text
    assert text.count("<article") == 19
    assert "7590-VHVEG" not in text

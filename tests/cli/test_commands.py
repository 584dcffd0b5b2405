from __future__ import annotations

import csv
import json

import polars as pl
import pytest

from tests.company import call, churn

COMMANDS = [
    "init",
    "demo",
    "generate",
    "refresh",
    "check",
    "features",
    "train",
    "models",
    "score",
    "risk-list",
    "explain",
    "simulate",
]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(tmp_path, name):
    done = call(name, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Usage" in done.stdout


@pytest.mark.slow
def test_help_names_every_command(tmp_path):
    text = churn("--help", cwd=tmp_path).stdout
    assert all(name in text for name in COMMANDS)


@pytest.mark.slow
def test_a_wrong_option_ends_with_code_2(tmp_path):
    assert churn("score", "--nonsense", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("option", "given", "wanted"), [("--budget", "much", "number"), ("--contacts", "1.5", "whole number")]
)
def test_what_is_no_number_is_refused_in_words(tmp_path, option, given, wanted):
    done = call("simulate", option, given, cwd=tmp_path)
    assert done.returncode == 2
    assert f"'{given}' is not a valid {wanted}." in " ".join(done.stderr.split())


def test_init_writes_settings_that_load_as_the_defaults(tmp_path):
    from churn.config import Settings, load_settings

    assert call("init", "mine", cwd=tmp_path).returncode == 0
    path = tmp_path / "mine" / "churn.toml"
    uncommented = "\n".join(
        line[2:] if line.startswith("# ") and " = " in line and "[" not in line.split(" = ")[0] else ""
        for line in path.read_text().splitlines()
    )
    assert "horizon_days = 30" in uncommented
    assert load_settings(config=path, environ={}) == Settings()


def test_init_leaves_settings_that_exist_alone(tmp_path):
    (tmp_path / "churn.toml").write_text("# mine")
    done = call("init", cwd=tmp_path)
    assert done.returncode == 2
    assert (tmp_path / "churn.toml").read_text() == "# mine"


def test_an_error_under_json_is_one_document_on_stdout(tmp_path):
    done = call("risk-list", "--json", cwd=tmp_path)
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["code"] == "DataError"


@pytest.mark.slow
def test_scoring_before_training_says_what_to_do(tmp_path):
    done = churn("score", cwd=tmp_path)
    assert done.returncode == 4
    assert "churn train" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_says_which_files_it_wrote(finished_company):
    document = json.loads((finished_company.home / "done.json").read_text())
    from pathlib import Path

    assert document["files"]
    assert all((finished_company.home / Path(path)).exists() for path in document["files"].values())


def test_the_demo_refuses_a_home_that_holds_something_else(tmp_path):
    (tmp_path / "warehouse.duckdb").write_text("somebody's")
    done = call("demo", "--home", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 2
    assert (tmp_path / "warehouse.duckdb").read_text() == "somebody's"


def test_a_second_refresh_loads_nothing(company):
    document = company.json("refresh")
    assert sum(load["rows"] for load in document["loads"]) == 0


def test_the_same_date_scored_twice_gives_the_same_list(company):
    first = company.json("risk-list", "--top", "50")
    again = company.json("score")
    assert again["is_published"]
    second = company.json("risk-list", "--top", "50")
    assert second["customers"] == first["customers"]


def test_a_backfill_of_an_older_date_keeps_the_newer_list(company):
    before = company.json("risk-list")["snapshot_date"]
    scored = company.json("score", "--date", "2026-05-01")
    assert not scored["is_published"]
    assert company.json("risk-list")["snapshot_date"] == before


def test_a_date_in_the_future_is_refused(company):
    assert "future" in company.run("score", "--date", "2999-01-01", code=2).stderr


@pytest.mark.parametrize(
    "option", [["--date", "31.12.2025"], ["--from", "2026-05-02", "--to", "2026-05-01"], ["--from", "2026-05-02"]]
)
def test_wrong_dates_are_refused(finished_company, option):
    finished_company.run("score", *option, code=2)


def test_the_risk_list_is_ordered_by_expected_profit(finished_company):
    profits = [c["expected_profit"] for c in finished_company.json("risk-list")["customers"]]
    assert profits == sorted(profits, reverse=True)
    assert profits


def test_the_risk_list_can_be_read_as_csv_and_parquet(finished_company, tmp_path):
    finished_company.run("risk-list", "--out", str(tmp_path / "list.csv"))
    finished_company.run("risk-list", "--out", str(tmp_path / "list.parquet"))
    with (tmp_path / "list.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == pl.read_parquet(tmp_path / "list.parquet").height > 0
    assert rows[0]["reasons"]
    assert "{" not in rows[0]["reasons"]


def test_a_customer_is_explained_in_words(finished_company):
    customer = finished_company.json("risk-list", "--top", "1")["customers"][0]["customer_id"]
    found = finished_company.json("explain", customer)
    assert found["reasons"]
    assert all(reason["text"] for reason in found["reasons"])
    assert found["scored_at"]
    assert found["model_version"]


def test_an_unknown_customer_is_an_error_that_names_the_list(finished_company):
    assert "no score for customer" in finished_company.run("explain", "nobody", code=3).stderr


def test_an_unknown_band_names_the_bands(finished_company):
    assert "low, medium, high, critical" in finished_company.run("risk-list", "--band", "huge", code=2).stderr


def test_features_of_two_dates_are_written_for_each(finished_company, company, tmp_path):
    out = tmp_path / "f.parquet"
    document = company.json("features", "--date", "2026-04-01", "--to", "2026-05-01", "--out", str(out))
    assert document["dates"] == ["2026-04-01", "2026-05-01"]
    assert len(document["features"]) >= 45
    assert pl.read_parquet(out)["snapshot_date"].n_unique() == 2


def test_models_can_be_listed_shown_and_not_rolled_back_beyond_the_first(company):
    version = company.json("models", "list")["models"][0]["version"]
    assert company.json("models", "show")["model"]["version"] == version
    assert "Traceback" not in company.run("models", "rollback", code=4).stderr


def test_check_tells_of_sources_and_rules(finished_company):
    document = finished_company.json("check", code=3)  # the simulated data ended long before today: stale
    assert "payments" in document["sources"]


def test_a_broken_blocking_rule_stops_scoring_and_leaves_the_list_in_use_marked_stale(company):
    rule = company.home / "sql" / "checks" / "nobody_is_called_x.sql"
    rule.parent.mkdir(parents=True, exist_ok=True)
    rule.write_text(
        "-- Nobody is a customer, which never holds.\n-- level: block\nselect customer_id from staging.customers limit 3\n",
        encoding="utf-8",
    )
    before = company.json("risk-list", "--top", "3")
    done = company.run("score", code=3)
    assert "nobody_is_called_x" in done.stderr
    assert "3 found, for example customer_id" in done.stderr
    after = company.json("risk-list", "--top", "3")
    assert after["customers"] == before["customers"]
    assert after["is_stale"]
    assert "nobody_is_called_x" in after["stale_reason"]
    rule.unlink()
    company.run("score")
    assert not company.json("risk-list", "--top", "1")["is_stale"]


def test_an_unknown_candidate_is_refused_before_any_work(finished_company):
    done = finished_company.run("train", "--model", "xgbost", code=2)
    assert "Did you mean `xgboost`" in done.stderr
    assert "Building" not in done.stderr

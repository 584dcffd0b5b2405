from __future__ import annotations

from pathlib import Path

import pytest

from churn.config import Settings, load_settings
from churn.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "churn.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_need_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={}).churn.horizon_days == 30


def test_environment_wins_over_the_file(tmp_path):
    path = written(tmp_path, "[training]\nseed = 1\n")
    settings = load_settings(config=path, environ={"CHURN_TRAINING__SEED": "2"})
    assert settings.training.seed == 2


def test_a_variable_holds_a_list_or_a_table_as_the_file_does_and_a_wrong_one_is_named() -> None:
    assert list(load_settings(environ={"CHURN_TRAINING__CANDIDATES": '["xgboost"]'}).training.candidates) == ["xgboost"]
    for wrong in ("xgboost", "[xgboost"):
        with pytest.raises(ConfigError, match=r"training\.candidates") as refusal:
            load_settings(environ={"CHURN_TRAINING__CANDIDATES": wrong})
        assert refusal.value.where == "CHURN_TRAINING__CANDIDATES"


def test_home_argument_wins_over_the_environment(tmp_path):
    settings = load_settings(home=tmp_path / "mine", environ={"CHURN_HOME": str(tmp_path / "theirs")})
    assert settings.home == tmp_path / "mine"


def test_an_unknown_key_names_the_nearest_known_one(tmp_path):
    path = written(tmp_path, "[training]\nsnapshot = 3\n")
    with pytest.raises(ConfigError, match=r"unknown key `training.snapshot`.*Did you mean `snapshots`"):
        load_settings(config=path, environ={})


def test_an_unknown_section_names_the_known_ones(tmp_path):
    path = written(tmp_path, "[zzz]\n")
    with pytest.raises(ConfigError, match=r"unknown key `zzz`.*Known here:.*training"):
        load_settings(config=path, environ={})


def test_an_unknown_key_of_a_source_names_the_nearest_known_one(tmp_path):
    path = written(tmp_path, "[sources.payments]\npath = 'x.csv'\ncolumn = {}\n")
    with pytest.raises(ConfigError, match="Did you mean `columns`"):
        load_settings(config=path, environ={})


def test_a_wrong_value_names_its_place(tmp_path):
    path = written(tmp_path, "[churn]\nhorizon_days = 'soon'\n")
    with pytest.raises(ConfigError, match=r"`churn\.horizon_days` is wrong"):
        load_settings(config=path, environ={})


@pytest.mark.parametrize("value", ["nan", "inf", "-1"])
def test_money_is_a_finite_amount(tmp_path, value):
    path = written(tmp_path, f"[simulation]\ncontact_cost = {value}\n")
    with pytest.raises(ConfigError, match=r"simulation\.contact_cost"):
        load_settings(config=path, environ={})


def test_broken_toml_names_the_file(tmp_path):
    path = written(tmp_path, "[churn\n")
    with pytest.raises(ConfigError, match=r"churn\.toml: not valid TOML"):
        load_settings(config=path, environ={})


def test_a_missing_file_says_how_to_write_one(tmp_path):
    with pytest.raises(ConfigError, match="churn init"):
        load_settings(config=tmp_path / "none.toml", environ={})


def test_relative_source_paths_start_at_the_file(tmp_path):
    path = written(tmp_path, "[sources.payments]\npath = 'data/*.csv'\n")
    assert load_settings(config=path, environ={}).sources["payments"].path == str(tmp_path / "data/*.csv")


def test_object_store_addresses_stay_as_they_are(tmp_path):
    path = written(tmp_path, "[sources.payments]\npath = 's3://bucket/*.parquet'\n")
    assert load_settings(config=path, environ={}).sources["payments"].path == "s3://bucket/*.parquet"


def test_a_source_comes_from_one_place(tmp_path):
    path = written(tmp_path, "[sources.payments]\npath = 'a.csv'\ndsn = 'postgresql://h/d'\n")
    with pytest.raises(ConfigError, match="either `path` or `dsn`"):
        load_settings(config=path, environ={})


def test_a_password_in_the_file_is_refused_without_being_repeated(tmp_path):
    path = written(tmp_path, "[sources.payments]\ndsn = 'postgresql://me:hunter2@host/db'\n")
    with pytest.raises(ConfigError, match="PGPASSWORD") as caught:
        load_settings(config=path, environ={})
    assert "hunter2" not in str(caught.value)


def test_the_companys_language_has_words(tmp_path):
    def load(code: str) -> str:
        return load_settings(home=tmp_path, environ={"CHURN_REPORTING__LANGUAGE": code}).reporting.language

    assert load("de") == "de"
    with pytest.raises(ConfigError, match="no words for the language `xx`, only for en, de"):
        load("xx")
    with pytest.raises(ConfigError, match="language"):
        load("../de")
    (tmp_path / "reports" / "words").mkdir(parents=True)
    (tmp_path / "reports" / "words" / "xx.toml").write_text("[format]\n", encoding="utf-8")
    assert load("xx") == "xx"


def test_bands_must_rise(tmp_path):
    path = written(tmp_path, "[risk_bands]\nhigh = 0.05\n")
    with pytest.raises(ConfigError, match="bounds must rise"):
        load_settings(config=path, environ={})


def test_settings_are_frozen_and_show_no_secret():
    settings = Settings(store_url="postgresql://me:hunter2@host/db")
    assert "hunter2" not in repr(settings)
    with pytest.raises(ValueError, match="frozen"):
        settings.home = Path("elsewhere")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("CHURN_STORE", "CHURN_STORE_URL"),
        ("CHURN_HOMES", "CHURN_HOME"),
        ("CHURN_TRAINING_SEED", "CHURN_TRAINING__SEED"),
        ("CHURN_TRAININGS__SEED", "CHURN_TRAINING__SEED"),
        ("CHURN_CONNECTOR_SALES_TOKEN", "CHURN_CONNECTOR_SALES_SECRET"),
        ("CHURN_SOURCE_PAYMENTS_URL", "CHURN_SOURCE_PAYMENTS_DSN"),
        ("CHURN_ALERT_SMTP_PASSWORD", "CHURN_ALERTS_SMTP_PASSWORD"),
    ],
)
def test_an_unknown_variable_names_the_nearest_known_one(tmp_path, name, nearest):
    text = '[connectors.sales]\nkind = "file"\npath = "out"\n[sources.payments]\npath = "p.csv"\n'
    with pytest.raises(ConfigError, match=rf"environment: unknown variable `{name}`.*Did you mean `{nearest}`\?"):
        load_settings(config=written(tmp_path, text), environ={name: "hidden"})


def test_an_unknown_variable_is_named_without_its_value(tmp_path):
    with pytest.raises(ConfigError, match="`CHURN_ZZZZZZ`") as caught:
        load_settings(config=written(tmp_path, ""), environ={"CHURN_ZZZZZZ": "s3cret"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "CHURN_HOME",
        "CHURN_STORE_URL",
        "CHURN_TRAINING__SEED",
        "CHURN_SOURCE_PAYMENTS_DSN",
        "CHURN_CONNECTOR_MY_CRM_SECRET",
        "CHURN_WEBHOOK_CRM_SECRET",
        "CHURN_ALERTS_WEBHOOK_SECRET",
        "CHURN_ALERTS_SMTP_PASSWORD",
        "CHURN_DATABASE_PASSWORD",
        "CHURN_API_SERVICE_HOST",
        "CHURN_API_SERVICE_PORT_HTTP",
        "CHURN_API_PORT",
        "CHURN_API_PORT_80_TCP_ADDR",
        "CHURN_SERVICE_HOST",
        "CHURNED",
    ],
)
def test_known_variables_are_taken(tmp_path, name):
    assert load_settings(config=written(tmp_path, ""), environ={name: "7"}) is not None


def test_a_file_that_lies_here_never_beats_the_one_of_a_home_that_is_named(tmp_path, monkeypatch):
    (home := tmp_path / "home").mkdir()
    written(home, "[training]\nseed = 7\n")
    written(tmp_path, "[training]\nseed = 8\n")
    monkeypatch.chdir(tmp_path)
    assert load_settings(home=home, environ={}).training.seed == 7
    assert load_settings(environ={"CHURN_HOME": str(home)}).training.seed == 7
    assert load_settings(environ={}).training.seed == 8
    assert load_settings(home=tmp_path / "new", environ={}).training.seed == 8  # a home without one
    assert load_settings(home=home, config=tmp_path / "churn.toml", environ={}).training.seed == 8


def test_the_name_of_a_connector_is_bounded(tmp_path):
    path = written(tmp_path, f'[connectors.{"x" * 61}]\nkind = "file"\n')
    with pytest.raises(ConfigError, match="60 characters at most"):
        load_settings(config=path, environ={})

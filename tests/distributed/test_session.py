"""What is missing for Spark is said with what to do, before anything of it is loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from churn.bootstrap import build_context
from churn.config import EngineSettings, Settings, load_settings
from churn.distributed import SparkEngine, forget_work, session
from churn.distributed.work import hash_name, open_work
from churn.errors import ConfigError, ResourceError, Unreachable
from churn.snapshots.engine import EMBEDDED

SPARK = EngineSettings(kind="spark")


def test_without_pyspark_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"PySpark is not installed.*churn\[spark\]"):
        session.require_spark(SPARK)


@pytest.mark.parametrize("home", [None, "/nonexistent/java"])
def test_without_java_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str | None) -> None:
    monkeypatch.setattr(session, "find_spec", lambda _name: object())
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    if home is not None:
        monkeypatch.setenv("JAVA_HOME", home)
    with pytest.raises(ConfigError, match="default-jre-headless"):
        session.require_spark(SPARK)


@pytest.mark.slow
def test_a_master_that_is_away_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "find_spec", lambda _name: object())
    monkeypatch.setattr("shutil.which", lambda _name: "java")
    with pytest.raises(Unreachable, match=r"takes no connection \(127.0.0.1:1: "):
        session.require_spark(SPARK.model_copy(update={"master": "spark://127.0.0.1:1"}))


@pytest.mark.parametrize("master", ["local[4]", "yarn", "spark://localhost:7077", "k8s://localhost"])
def test_masters_that_are_known(master: str) -> None:
    assert Settings.model_validate({"engine": {"master": master}}).engine.master == master


def test_a_master_of_another_kind_and_an_unknown_key_are_refused(tmp_path: Path) -> None:
    config = tmp_path / "churn.toml"
    for line, says in (('master = "mesos"', "engine.master"), ("bucket = 3", "Did you mean `buckets`")):
        config.write_text(f"[engine]\n{line}\n", encoding="utf-8")
        with pytest.raises(ConfigError, match=says):
            load_settings(config=config, home=tmp_path, environ={})


def test_the_engine_is_embedded_unless_the_settings_name_spark(tmp_path: Path) -> None:
    assert build_context(settings=Settings(home=tmp_path)).engine is EMBEDDED
    settings = Settings.model_validate({"home": tmp_path, "engine": {"kind": "spark"}})
    assert isinstance(build_context(settings=settings).engine, SparkEngine)


def test_workers_elsewhere_need_a_folder_to_share(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder to share"):
        open_work(tmp_path, SPARK.model_copy(update={"master": "yarn"}))
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError, match="cannot be written"):
        open_work(tmp_path, SPARK.model_copy(update={"work": str(tmp_path / "file")}))


def test_a_home_keeps_its_folder_until_the_buckets_are_others_or_it_is_copied(tmp_path: Path) -> None:
    home, shared = tmp_path / "home", tmp_path / "shared"
    home.mkdir()
    settings = SPARK.model_copy(update={"work": str(shared), "buckets": 3})
    work = open_work(home, settings)
    (work.place.path / "cut").mkdir()
    assert open_work(home, settings) == work
    shutil.copytree(home, tmp_path / "copy")
    copied = open_work(tmp_path / "copy", settings)
    assert copied.place.path != work.place.path
    assert work.place.path.is_dir()
    again = open_work(home, settings.model_copy(update={"buckets": 4}))
    assert again.place.path != work.place.path
    assert not work.place.path.exists()
    assert json.loads((home / "engine.json").read_text(encoding="utf-8"))["hash"] == hash_name()
    forget_work(home)
    assert not again.place.path.exists()
    assert copied.place.path.is_dir()

"""The DAGs are read with stand-ins for Airflow's few names, since Airflow itself is no library of ours; their commands are real."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace
from typing import Any, Self

import pytest

from churn.jobs.catalog import job_named
from churn.jobs.cron import Cron
from tests import ROOT

FILE = ROOT / "deploy" / "airflow" / "churn_dag.py"
DAY = "2026-07-01"


class Failed(Exception):
    """Airflow's exception that ends a task for good."""


class Dag(AbstractContextManager["Dag"]):
    def __init__(self, **settings: Any) -> None:
        self.settings, self.tasks = settings, []

    def __exit__(self, *_: object) -> None:
        Dag.current = None

    def __enter__(self) -> Self:
        Dag.current = self
        return self

    current: Dag | None = None


def task(**settings: Any) -> Any:
    def decorate(function: Any) -> Any:
        return lambda: Dag.current.tasks.append((settings, function))  # type: ignore[union-attr]

    return decorate


@pytest.fixture
def dags(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    airflow, sdk, exceptions = ModuleType("airflow"), ModuleType("airflow.sdk"), ModuleType("airflow.exceptions")
    sdk.DAG, sdk.task, exceptions.AirflowFailException = Dag, task, Failed  # type: ignore[attr-defined]
    for module in (airflow, sdk, exceptions):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    spec = importlib.util.spec_from_file_location("churn_dag", FILE)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_each_job_with_a_schedule_is_a_dag_of_one_run_at_a_time(dags: ModuleType) -> None:
    for name in ("nightly", "monthly", "retention"):
        dag = getattr(dags, name)
        assert job_named(name).is_dated
        assert dag.settings["dag_id"] == f"churn_{name}"
        assert dag.settings["max_active_runs"] == 1
        Cron(dag.settings["schedule"], "UTC", where="here")
        ((settings, _function),) = dag.tasks
        assert settings["task_id"] == name
    assert dags.nightly.settings["catchup"] is True


@pytest.mark.parametrize(
    ("code", "error"),
    [(0, None), (2, Failed), (3, Failed), (4, Failed), *((n, subprocess.CalledProcessError) for n in (5, 6, 7))],
)
def test_the_exit_code_says_whether_a_task_is_tried_again(
    dags: ModuleType, monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception] | None
) -> None:
    asked: list[list[str]] = []

    def answer(words: list[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        asked.append(words)
        return subprocess.CompletedProcess(words, code)

    monkeypatch.setattr(subprocess, "run", answer)
    if error is None:
        dags.run("nightly", DAY)
    else:
        with pytest.raises(error):
            dags.run("nightly", DAY)
    assert asked == [["churn", "run", "nightly", "--date", DAY, "--no-retry"]]


def test_the_night_is_the_end_of_the_interval_or_when_somebody_asked(
    dags: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights: list[str] = []
    monkeypatch.setattr(dags, "run", lambda _job, day: nights.append(day))
    ((_settings, work),) = dags.nightly.tasks
    work(data_interval_end=datetime(2026, 7, 1, 2, tzinfo=UTC))
    work(dag_run=SimpleNamespace(run_after=datetime(2026, 7, 3, 9, tzinfo=UTC)))
    assert nights == ["2026-07-01", "2026-07-03"]


def test_its_commands_are_commands_of_ours(dags: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_CHURN_COMMAND", f"{sys.executable} -m churn")
    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    dags.run("retention", DAY)
    dags.run("retention", DAY)  # done before: done again without doing anything
    with pytest.raises(Failed, match="nightly ended with 2"):
        dags.run("nightly", DAY)  # no source is declared

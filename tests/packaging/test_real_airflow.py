"""The DAGs in a real Airflow, where AIRFLOW_OF_TESTS names its command: it is no library of ours, and wants an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import ROOT

AIRFLOW = os.environ.get("AIRFLOW_OF_TESTS", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not AIRFLOW, reason="AIRFLOW_OF_TESTS does not name the command of an Airflow"),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Airflow's home with its database and our DAGs, and a churn that writes down how it was called."""
    (tmp_path / "dags").mkdir()
    shutil.copy(ROOT / "deploy" / "airflow" / "churn_dag.py", tmp_path / "dags")
    churn = tmp_path / "churn"
    churn.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\nexit $CODE\n', encoding="utf-8")
    churn.chmod(0o755)
    assert airflow(tmp_path, "db", "migrate").returncode == 0
    return tmp_path


def airflow(home: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    own = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_VAR_CHURN_COMMAND": str(home / "churn"),
        "CODE": str(code),
    }
    plain = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return subprocess.run(
        [AIRFLOW, *words], env={**plain, **own}, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.timeout(900)
def test_a_night_runs_in_a_real_airflow_and_what_cannot_help_ends_it(home: Path) -> None:
    done = airflow(home, "dags", "test", "churn_nightly", "2026-07-01")
    assert done.returncode == 0, done.stderr[-2000:]
    assert (home / "calls").read_text().splitlines() == ["run nightly --date 2026-07-01 --no-retry"]
    assert "state=success" in done.stdout + done.stderr
    failed = airflow(home, "dags", "test", "churn_nightly", "2026-07-02", code=3)
    assert "churn run nightly ended with 3" in failed.stdout + failed.stderr
    assert "state=failed" in failed.stdout + failed.stderr
    assert (home / "calls").read_text().count("2026-07-02") == 1  # not tried again

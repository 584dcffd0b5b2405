"""A small simulated company that has been through the demo: made once per test run, copied for each test that changes it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

CUSTOMERS = 4_000


class Company:
    """A home folder, and the command line as its user runs it."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(
        self, *arguments: str, code: int = 0, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `churn ARGUMENTS` in the home in a process of its own; its exit code must be `code`."""
        done = churn(*arguments, "--home", str(self.home), cwd=self.home, env=env)
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Run with --json and return the document; stdout must hold nothing else."""
        return json.loads(self.run(*arguments, "--json", code=code).stdout)


def churn(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `churn ARGUMENTS` in `cwd`, away from any settings of this machine."""
    command = [sys.executable, "-W", "ignore", "-m", "churn", *arguments]
    return subprocess.run(
        command,
        cwd=cwd,
        env=clean_environment() | (env or {}),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def clean_environment() -> dict[str, str]:
    """Return this process' environment without the product's variables, with plain wide output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CHURN_", "PG", "AWS_", "COV_"))}
    return kept | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}


@pytest.fixture(scope="session")
def finished_company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """The demo's home before any campaign, shared by all workers: read it, never change it."""
    base = tmp_path_factory.getbasetemp()
    # Workers have folders of their own inside the run's; without workers the run's folder is the base itself.
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "company"
    with FileLock(f"{shared}.lock"):
        if not (shared / "done.json").exists():
            shared.mkdir(parents=True, exist_ok=True)
            document = Company(shared).json("demo", "--customers", str(CUSTOMERS), "--no-campaigns")
            (shared / "done.json").write_text(json.dumps(document), encoding="utf-8")
    return Company(shared)


@pytest.fixture
def company(finished_company: Company, tmp_path: Path) -> Company:
    """A copy of the demo's home, to change at will."""
    home = tmp_path / "home"
    shutil.copytree(finished_company.home, home)
    return Company(home)

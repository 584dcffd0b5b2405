"""A small simulated company that has been through the demo: made once per test run, copied for each test that changes it."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import warnings
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from churn.reports.charts.vega import vega_script
from tests.prepared import prepared

if TYPE_CHECKING:
    import typer

CUSTOMERS = 4_000


def copy_home(source: Path, target: Path, *left_out: str) -> Path:
    """Copy a home that others read at the same time; SQLite's files beside the store come and go with each of its readers."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("store.sqlite", "*-wal", "*-shm", *left_out))
    store = source / "store.sqlite"
    if store.is_file():  # part of what was written last may stand in its log alone
        with closing(sqlite3.connect(store)) as ours, closing(sqlite3.connect(target / "store.sqlite")) as theirs:
            ours.backup(theirs)
        shutil.copymode(store, target / "store.sqlite")
    return target


class Company:
    """A home folder, and the command line as its user runs it."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(
        self, *arguments: str, code: int = 0, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `churn ARGUMENTS` in the home; its exit code must be `code`.

        It runs in this process, where the libraries are loaded already: whoever tests a process starts one.
        """
        done = call(*arguments, "--home", str(self.home), cwd=self.home, env=env)
        assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: str, code: int = 0, env: dict[str, str] | None = None) -> Any:
        """Run with --json and return the document; stdout must hold nothing else."""
        return json.loads(self.run(*arguments, "--json", code=code, env=env).stdout)


@functools.cache
def _app() -> typer.Typer:
    from churn.cli import build_app

    return build_app()


def call(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Do as `churn` does, in this process; an error that the command line does not catch is raised."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        contextlib.chdir(cwd),
        mock.patch.dict(os.environ, clean_environment() | (env or {}), clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(action="ignore"),
    ):
        try:
            _app()(arguments, prog_name="churn")
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return subprocess.CompletedProcess(["churn", *arguments], code, out.getvalue(), err.getvalue())


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
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CHURN_", "PG", "AWS_", "COV_", "MLFLOW_"))
    }
    return kept | {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}


@pytest.fixture(scope="session")
def finished_company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """The demo's home before any campaign, shared by all workers: read it, never change it."""

    def make(home: Path) -> None:
        from churn.workflows.demo.run import DEMO_SETTINGS

        home.mkdir()
        short = {"CHURN_TRAINING__TUNE_MINUTES": "0.02"}
        # What tuning and the other candidates do is tested where models are.
        settings = DEMO_SETTINGS + 'candidates = ["logistic_regression", "xgboost", "average"]\n'
        with mock.patch("churn.workflows.demo.run.DEMO_SETTINGS", settings):
            document = Company(home).json("demo", "--customers", str(CUSTOMERS), "--no-campaigns", env=short)
        (home / "done.json").write_text(json.dumps(document), encoding="utf-8")
        vega_script(home / "cache")  # each service over a copy would make it anew for the first browser

    return Company(prepared(tmp_path_factory, "company", make))


@pytest.fixture
def company(finished_company: Company, tmp_path: Path) -> Company:
    """A copy of the demo's home, to change at will."""
    home = tmp_path / "home"
    copy_home(finished_company.home, home)
    return Company(home)

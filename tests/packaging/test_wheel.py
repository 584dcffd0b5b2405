from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sysconfig
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import ROOT
from tests.company import Company
from tests.packaging.dockerfile import Builder, context_files, read_stages
from tests.ports import free_port

# Everything here builds on one wheel and one environment, so one worker does it.
pytestmark = pytest.mark.xdist_group("packaging")

SETTINGS = """
[sources.customers]
path = "raw/customers.parquet"
[sources.subscriptions]
path = "raw/subscriptions.parquet"
[sources.payments]
path = "raw/payments.parquet"
[sources.sessions]
path = "raw/sessions-*.parquet"
[sources.support_tickets]
path = "raw/support_tickets.parquet"
[training]
candidates = ["logistic_regression"]
min_churners = 40
min_stayers = 40
[selection]
bootstrap_draws = 20
"""


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the build may see, with litter in it that must not get into the wheel."""
    folder = tmp_path_factory.mktemp("context")
    for path in [*context_files(ROOT), ROOT / ".dockerignore"]:
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    for litter in ("churn/__pycache__/old.pyc", "churn/build/left_over.py", "sql/features/.churn/store.sqlite"):
        (folder / litter).parent.mkdir(parents=True, exist_ok=True)
        (folder / litter).write_text("litter")
    return folder


@pytest.fixture(scope="module")
def image(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Builder:
    """The Dockerfile's first two stages, performed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    if importlib.util.find_spec("hatchling") is not None:
        environment["PIP_NO_BUILD_ISOLATION"] = (
            "0"  # pip's way of saying yes; the backend is here, so nothing is fetched
        )
    builder = Builder(tmp_path_factory.mktemp("image"), context, environment)
    stages = read_stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    try:
        for stage in stages[:2]:
            builder.perform(stage)
    except RuntimeError as error:
        if "hatchling" in str(error) and "No matching distribution" in str(error):
            pytest.skip("the build backend, hatchling, is neither installed nor to be downloaded here")
        raise
    _lend_packages(builder)
    return builder


def _lend_packages(builder: Builder) -> None:
    """Let the new environment see this one's packages: by a path alone, which leaves out what is installed editable."""
    (site,) = builder.path("/venv").glob("lib/python*/site-packages")
    (site / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n")


@pytest.fixture(scope="module")
def wheel(image: Builder) -> zipfile.ZipFile:
    (path,) = image.path("/wheels").glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_every_shipped_file_where_the_package_looks_for_it(
    wheel: zipfile.ZipFile, context: Path
) -> None:
    names = set(wheel.namelist())
    for folder in ("sql", "campaigns", "reports"):
        for path in (context / folder).rglob("*"):
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(context).parts):
                assert f"churn/_bundle/{path.relative_to(context).as_posix()}" in names
    assert "churn/store/migrations/env.py" in names
    assert "churn/py.typed" in names  # tells type checkers of those who import churn to read its annotations
    assert [name for name in names if name.startswith("churn/store/migrations/versions/v0001")]


def test_the_wheel_holds_nothing_that_is_ignored_and_nothing_beside_the_package(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"churn"}
    assert not [n for n in names if "__pycache__" in n or "left_over" in n or ".churn/" in n or "/tests/" in n]


def test_the_locked_set_is_what_the_image_would_install(image: Builder) -> None:
    (step,) = image.passed_over
    assert "--require-hashes" in step
    assert image.path("/locked/requirements.lock").read_text() == (ROOT / "requirements.lock").read_text()


def test_a_nightly_cycle_runs_from_the_wheel_alone_outside_the_checkout(image: Builder, tmp_path: Path) -> None:
    (tmp_path / "churn.toml").write_text(SETTINGS)
    run = _Installed(image.path("/venv/bin/churn"), tmp_path)
    where = run.python("import churn, churn.resources as r; print(churn.__file__, r.bundled('sql'))")
    assert str(ROOT) not in where
    assert str(image.path("/venv")) in where
    run("generate", "raw", "--customers", "400", "--months", "7")
    loads = run("refresh")["loads"]
    assert {load["source"] for load in loads if load["rows"]} >= {"customers", "subscriptions", "payments", "sessions"}
    trained = run("train", "--no-tune", "--split", "random")
    if not trained["is_champion"]:  # so few customers may hold no signal
        run("models", "promote", trained["model_version"])
    score = run("score")
    assert score["customers"] > 300
    assert run("risk-list", "--top", "3")["customers"]
    result = run("simulate", "--preset", "case-study")
    assert result["net_profit"] == 46000
    assert (tmp_path / "home" / "store.sqlite").exists()


def test_the_wheel_holds_what_pages_and_reports_are_made_of(wheel: zipfile.ZipFile, context: Path) -> None:
    names = set(wheel.namelist())
    for folder in ("churn/api/templates", "churn/api/static"):
        files = [path for path in (context / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert len(files) > 5, folder
        assert {path.relative_to(context).as_posix() for path in files} <= names
    assert len([n for n in names if n.startswith("churn/_bundle/reports/words/") and n.endswith(".toml")]) >= 2
    assert [n for n in names if n.startswith("churn/_bundle/reports/monthly/")]
    assert [n for n in names if n.startswith("churn/_bundle/reports/exploration/")]


def test_pages_and_api_are_served_from_the_wheel_alone_outside_the_checkout(image: Builder, company: Company) -> None:
    command = image.path("/venv/bin/churn")
    environment = {"PATH": "/usr/bin:/bin", "CHURN_HOME": str(company.home), "HOME": str(company.home)}
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    serve = [str(command), "serve", "--port", str(port)]
    running = subprocess.Popen(serve, cwd=company.home, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        assert address in running.stdout.readline()
        _until_it_answers(address, running)
        assert httpx.get(f"{address}/readyz", timeout=60, verify=False).json() == {
            "status": "ok",
            "store": "ok",
            "scores": True,
            "model": True,
        }
        page = httpx.get(f"{address}/sign-in", headers={"Accept": "text/html"}, timeout=60, verify=False)
        assert page.status_code == 200
        assets = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
        assert len(assets) >= 2
        for one in assets:
            found = httpx.get(f"{address}{one}", timeout=60, verify=False)
            assert found.status_code == 200
            assert "immutable" in found.headers["cache-control"]
        link = next(line.strip() for line in running.stdout if "/sign-in/link" in line)
        with httpx.Client(follow_redirects=True, timeout=60, verify=False) as browser:
            assert browser.get(link).status_code == 200
            for path in ("/", "/risk-list", "/simulator", "/campaigns", "/insights", "/model", "/reports", "/jobs"):
                assert browser.get(f"{address}{path}").status_code == 200, path
        health = [str(command), "health", "--url", address]
        told = subprocess.run(health, cwd=company.home, env=environment, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr
    finally:
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=40)


def _until_it_answers(address: str, running: subprocess.Popen[str]) -> None:
    for _ in range(600):
        assert running.poll() is None
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{address}/healthz", verify=False).status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError("it does not answer")


class _Installed:
    """The installed command, run in `folder` with nothing of this process' surroundings."""

    def __init__(self, command: Path, folder: Path) -> None:
        self._command = command
        self._folder = folder

    def __call__(self, *arguments: str) -> Any:
        return json.loads(self._run(str(self._command), *arguments, "--json"))

    def python(self, code: str) -> str:
        return self._run(str(self._command.with_name("python")), "-c", code)

    def _run(self, *command: str) -> str:
        environment = {"PATH": "/usr/bin:/bin", "CHURN_HOME": str(self._folder / "home"), "HOME": str(self._folder)}
        done = subprocess.run(
            command, cwd=self._folder, env=environment, capture_output=True, text=True, timeout=200, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

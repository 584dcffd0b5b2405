"""Homes that take long to make: made once per run, shared by its workers, and copied for each test that changes one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from tests.workflows.plan.town import Town


def prepared(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder that `make` fills, the first time any worker asks for it. Whoever changes it copies it first."""
    base = factory.getbasetemp()
    # Workers have folders of their own inside the run's; without workers the run's folder is the base itself.
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(f"{shared}.lock"):
        if not (done := Path(f"{shared}.done")).exists():
            shutil.rmtree(shared, ignore_errors=True)
            make(shared)
            done.touch()
    return shared


@pytest.fixture(scope="session")
def made_town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.workflows.plan.town import make_town

    return prepared(tmp_path_factory, "town", make_town)


@pytest.fixture
def town(made_town: Path, tmp_path: Path) -> Town:
    """A town of scored customers to plan campaigns for."""
    from tests.workflows.plan.town import Town

    home = tmp_path / "home"
    shutil.copytree(made_town, home)
    return Town(home)

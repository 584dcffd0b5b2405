from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import ROOT
from tests.packaging.dockerfile import Stage, context_files, read_stages


@pytest.fixture(scope="module")
def stages() -> list[Stage]:
    return read_stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))


def test_the_image_is_made_in_three_stages_on_one_python(stages: list[Stage]) -> None:
    assert [stage.name for stage in stages] == ["wheel", "environment", ""]
    assert {stage.image for stage in stages} == {"python:${PYTHON_VERSION}-slim"}


def test_only_the_environment_goes_into_the_last_stage(stages: list[Stage]) -> None:
    assert stages[-1].the("COPY") == ["--from=environment /venv /venv"]


def test_the_locked_set_is_installed_with_hashes_and_the_wheel_without_anything_else(stages: list[Stage]) -> None:
    installs = [step for step in stages[1].the("RUN") if " install " in step]
    assert len(installs) == 2
    assert "--require-hashes -r /locked/requirements.lock" in installs[0]
    assert "--no-deps /wheels/*.whl" in installs[1]


def test_the_image_runs_as_a_numbered_user_who_is_not_root(stages: list[Stage]) -> None:
    (user,) = stages[-1].the("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    words = [word for word, _ in stages[-1].steps]
    assert words.index("RUN") < words.index("USER"), "what needs root comes before"
    assert f"chown {user} /data" in stages[-1].the("RUN")[0]


def test_everything_written_lies_on_the_volume_or_in_tmp(stages: list[Stage]) -> None:
    settings = dict(pair.split("=", 1) for pair in " ".join(stages[-1].the("ENV")).split())
    assert settings["CHURN_HOME"] == "/data"
    assert stages[-1].the("VOLUME") == ["/data"]
    assert settings["HOME"] == "/tmp"
    assert settings["NUMBA_CACHE_DIR"].startswith("/tmp")
    assert settings["PATH"].startswith("/venv/bin:")


def test_the_image_is_the_command_and_serves_unless_told_otherwise(stages: list[Stage]) -> None:
    assert stages[-1].the("ENTRYPOINT") == ['["churn"]']
    assert stages[-1].the("CMD") == ['["serve", "--host", "0.0.0.0"]']
    (check,) = stages[-1].the("HEALTHCHECK")
    assert check.endswith('CMD ["churn", "health"]')


def test_the_build_sees_nothing_but_what_the_wheel_is_made_of() -> None:
    found = [path.relative_to(ROOT) for path in context_files(ROOT)]
    assert {path.parts[0] for path in found} <= {
        *("churn", "sql", "campaigns", "reports"),
        *("pyproject.toml", "README.md", "requirements.lock", ".gitignore"),
    }
    assert not [path for path in found if "__pycache__" in path.parts or path.suffix == ".pyc"]
    assert Path("churn/__main__.py") in found
    assert Path("requirements.lock") in found

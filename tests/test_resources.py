from __future__ import annotations

import inspect
import runpy
import shutil
from types import SimpleNamespace

import pytest

from churn import resources
from churn.resources import bundled, layered


def test_shipped_folders_are_found():
    assert (bundled("sql") / "staging").is_dir()


def test_an_unknown_folder_is_refused():
    with pytest.raises(FileNotFoundError):
        bundled("nothing")


def test_a_file_in_the_home_adds_to_the_shipped_ones_and_replaces_its_namesake(tmp_path):
    shipped = layered("sql", tmp_path, ".sql")
    name = next(iter(shipped))
    for path in (tmp_path / "sql" / f"{name}.sql", tmp_path / "sql" / "features" / "mine.sql"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("select 1", encoding="utf-8")
    found = layered("sql", tmp_path, ".sql")
    assert set(found) == set(shipped) | {"features/mine"}
    assert found[name] == tmp_path / "sql" / f"{name}.sql"


def test_a_shipped_folder_without_files_is_no_fault(tmp_path):
    installed = tmp_path / "churn" / "resources.py"
    (installed.parent / "_bundle").mkdir(parents=True)  # as in a wheel; an empty folder does not ship
    shutil.copy(inspect.getfile(resources), installed)
    wheel = SimpleNamespace(**runpy.run_path(str(installed)))
    assert not list(wheel.bundled("campaigns").glob("*.toml"))
    (tmp_path / "home" / "campaigns").mkdir(parents=True)
    (tmp_path / "home" / "campaigns" / "mine.toml").touch()
    assert list(wheel.layered("campaigns", tmp_path / "home", ".toml")) == ["mine"]

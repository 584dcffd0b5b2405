from __future__ import annotations

import shutil

import pytest

from tests.campaigns.town import Town, make_town


@pytest.fixture(scope="session")
def made_town(tmp_path_factory):
    home = tmp_path_factory.mktemp("town") / "home"
    make_town(home)
    return home


@pytest.fixture
def town(made_town, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(made_town, home)
    return Town(home)

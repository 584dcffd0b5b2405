from __future__ import annotations

from pathlib import Path

import pytest

from tests.company import copy_home
from tests.faults.shops import Shop, corner_shop, settings
from tests.prepared import prepared

SIMULATED = {
    "customers": "raw/customers.parquet",
    "subscriptions": "raw/subscriptions.parquet",
    "payments": "raw/payments.parquet",
    "sessions": "raw/sessions-*.parquet",
    "support_tickets": "raw/support_tickets.parquet",
}
FIRST_LIST = "2026-06-20"  # the list in force before a test adds or breaks one


@pytest.fixture(scope="session")
def finished_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated company that is loaded, trained and scored, shared by all workers: copy it."""

    def make(home: Path) -> None:
        home.mkdir()
        shop = Shop(home)
        (home / "churn.toml").write_text(settings(SIMULATED))
        shop.run("generate", "raw", "--customers", "800", "--months", "8", "--seed", "3")
        shop.run("refresh")
        trained = shop.json("train")
        if not trained["is_champion"]:
            shop.run("models", "promote", trained["model_version"])
        shop.run("score", "--date", FIRST_LIST)

    return prepared(tmp_path_factory, "shop", make)


@pytest.fixture
def shop(finished_shop: Path, tmp_path: Path) -> Shop:
    """A company in full swing, to break at will."""
    copy_home(finished_shop, tmp_path / "home")
    return Shop(tmp_path / "home")


@pytest.fixture
def new_shop(tmp_path: Path) -> Shop:
    """A company whose files were never loaded."""
    return corner_shop(tmp_path / "home")

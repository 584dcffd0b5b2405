from __future__ import annotations

import stat
from pathlib import Path

from tests.company import churn
from tests.faults.shops import Shop, corner_shop


def _modes(home: Path) -> dict[str, int]:
    return {path.relative_to(home).as_posix(): stat.S_IMODE(path.lstat().st_mode) for path in home.rglob("*")}


def test_what_commands_write_is_for_their_account_alone(tmp_path: Path) -> None:
    given = set(corner_shop(tmp_path / "shop").home.iterdir())
    home = tmp_path / "home"
    config = ("--home", str(home), "--config", str(tmp_path / "shop" / "churn.toml"))
    assert churn("refresh", *config, cwd=tmp_path).returncode == 0
    assert churn("keys", "create", "crm", *config, cwd=tmp_path).returncode == 0
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    modes = _modes(home)
    assert {"warehouse.duckdb", "store.sqlite", "churn.log"} <= set(modes)
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
    assert set((tmp_path / "shop").iterdir()) == given


def test_check_names_what_other_accounts_may_read(new_shop: Shop) -> None:
    new_shop.run("refresh")
    for path in (new_shop.home, *new_shop.home.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    assert new_shop.json("check", code=3)["open_files"] == []  # 3: the shop's data ended long ago
    (new_shop.home / "store.sqlite").chmod(0o640)
    assert new_shop.json("check", code=3)["open_files"] == [str(new_shop.home / "store.sqlite")]
    new_shop.home.chmod(0o755)
    said = new_shop.run("check", code=3).stdout
    assert "other accounts may read 2 of the home's files" in said
    assert f"chmod -R go= {new_shop.home}" in said.replace("\n", "")

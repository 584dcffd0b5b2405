"""A home is backed up and brought back while its service is at work, and after it was lost or damaged."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import httpx
import pytest

from churn.warehouse import open_warehouse
from tests.faults.conftest import FIRST_LIST
from tests.faults.serving import service, until
from tests.faults.shops import Shop

LATER = "2026-06-25"


def _list_date(address: str, key: str) -> str:
    answer = httpx.get(f"{address}/v1/risk-list", headers={"Authorization": f"Bearer {key}"}, timeout=20, verify=False)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["snapshot_date"])


def test_a_running_service_is_backed_up_and_shows_what_is_brought_back(shop: Shop, tmp_path: Path) -> None:
    key = shop.json("keys", "create", "test")["key"]
    with service(shop.home) as (address, process):
        assert _list_date(address, key) == FIRST_LIST
        seen: set[str] = set()
        ended = threading.Event()

        def ask() -> None:
            while not ended.is_set():
                seen.add(_list_date(address, key))

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            made = shop.json("backup", str(tmp_path / "backup"))
            assert made["files"] > 5
            shop.run("score", "--date", LATER)
            until(lambda: _list_date(address, key) == LATER)
            restored = shop.json("restore", str(tmp_path / "backup"), "--replace")
            assert not restored["needs_restart"]
            until(lambda: _list_date(address, key) == FIRST_LIST)
        finally:
            ended.set()
            asking.join()
        assert seen == {FIRST_LIST, LATER}
        assert process.poll() is None
    assert not [path for path in shop.home.iterdir() if path.name in {".restoring", ".replaced"}]
    shop.run("score", "--date", LATER)


@pytest.mark.parametrize("loss", ["home", "store", "warehouse"])
def test_what_was_lost_or_damaged_is_brought_back(shop: Shop, tmp_path: Path, loss: str) -> None:
    shop.run("backup", str(tmp_path / "backup"))
    if loss == "home":
        shutil.rmtree(shop.home)
        shop.home.mkdir()
    else:
        name = {"store": "store.sqlite", "warehouse": "warehouse.duckdb"}[loss]
        for path in shop.home.glob(f"{name}*"):
            path.unlink()
        (shop.home / name).write_bytes(b"this is no database" * 1_000)
    options = () if loss == "home" else ("--replace",)
    if options:
        shop.refused("restore", str(tmp_path / "backup"), code=2, says=["holds a company already", "--replace"])
    restored = shop.json("restore", str(tmp_path / "backup"), *options)
    assert restored["needs_restart"] == (loss == "store")
    assert shop.json("risk-list")["snapshot_date"] == FIRST_LIST
    shop.run("score", "--date", LATER)


def test_a_damaged_or_unfinished_backup_is_refused_before_anything_is_touched(shop: Shop, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    shop.run("backup", str(backup))
    (backup / "home" / "churn.toml").write_text("# changed")
    shop.refused("restore", str(backup), "--replace", code=3, says=["churn.toml", "missing or damaged"])
    (backup / "backup.json").unlink()
    shop.refused("restore", str(backup), "--replace", code=2, says=["is no backup, or one that was cut off"])
    assert shop.json("risk-list")["snapshot_date"] == FIRST_LIST


def test_a_backup_needs_a_new_place_outside_of_the_home_and_no_job_at_work(shop: Shop, tmp_path: Path) -> None:
    shop.refused("backup", str(shop.home / "backup"), code=2, says=["lies in the home"])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    shop.refused("backup", str(tmp_path / "full"), code=2, says=["holds something already"])
    with open_warehouse(shop.home / "warehouse.duckdb", holder="churn score"):
        shop.refused("backup", str(tmp_path / "backup"), code=5, says=["`churn score`", "Try again"])

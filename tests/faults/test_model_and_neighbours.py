from __future__ import annotations

import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from churn.modeling.encoding.columns import Floats
from churn.modeling.encoding.encoder import Matrix
from churn.modeling.serving.served import ServedModel
from tests.faults.conftest import FIRST_LIST
from tests.faults.shops import Shop

_HOLD = textwrap.dedent("""
    import sys
    from pathlib import Path
    from churn.warehouse import open_warehouse
    with open_warehouse(Path(sys.argv[1]), holder="churn refresh"):
        print("held", flush=True)
        sys.stdin.readline()
""")


@pytest.mark.parametrize("command", ["refresh", "train", "score"])
def test_a_second_process_is_told_who_holds_the_warehouse(shop: Shop, command: str) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(shop.home / "warehouse.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        told = shop.refused(command, code=5, says=["churn refresh", str(holder.pid)])
        assert shop.json("risk-list")["snapshot_date"] == FIRST_LIST, "reading the list needs no warehouse"
    finally:
        holder.communicate("\n", timeout=30)
    assert re.search(r"\d\d:\d\d", told), "since when"


def test_a_holder_that_was_killed_holds_nothing(shop: Shop) -> None:
    assert shop.killed("refresh", at="Loading customers")
    shop.run("refresh")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_refused_and_the_list_in_force_stays(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, bad: float
) -> None:
    real = ServedModel.raw_scores

    def broken(self: ServedModel, matrix: Matrix) -> Floats:
        raw = real(self, matrix).copy()
        raw[3:4] = bad  # opening a bundle scores a single row
        return raw

    monkeypatch.setattr(ServedModel, "raw_scores", broken)
    shop.refused("score", code=4, says=["1 scores are not numbers", "rollback"])
    current = shop.json("risk-list")
    assert current["snapshot_date"] == FIRST_LIST


def test_a_bundle_that_was_damaged_is_refused_by_name(shop: Shop) -> None:
    (bundle,) = [path for path in (shop.home / "models").iterdir() if path.is_dir()]
    for path in bundle.iterdir():
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    shop.refused("score", code=4, says=[bundle.name])


def test_a_bundle_that_was_removed_is_refused_by_name(shop: Shop) -> None:
    (bundle,) = [path for path in (shop.home / "models").iterdir() if path.is_dir()]
    for path in bundle.iterdir():
        path.unlink()
    bundle.rmdir()
    shop.refused("score", code=4, says=[bundle.name])


def test_a_damaged_warehouse_is_refused_and_reading_the_list_goes_on(shop: Shop) -> None:
    (shop.home / "warehouse.duckdb").write_bytes(b"this is no database" * 1_000)
    shop.refused("score", code=3, says=["warehouse.duckdb"])
    assert shop.json("risk-list")["snapshot_date"] == FIRST_LIST


def test_a_damaged_store_is_refused(shop: Shop) -> None:
    for path in shop.home.glob("store.sqlite*"):
        path.unlink()
    (shop.home / "store.sqlite").write_bytes(b"this is no database" * 1_000)
    said = shop.refused("risk-list", code=2, says=["store.sqlite", "not a store", "churn restore BACKUP --replace"])
    assert "Move it away" not in said  # whoever did that lost objections and holdouts


@pytest.mark.parametrize("is_emptied", [True, False])
def test_an_empty_store_beside_a_full_warehouse_is_refused(shop: Shop, is_emptied: bool) -> None:
    for path in shop.home.glob("store.sqlite*"):
        path.unlink()
    if is_emptied:
        (shop.home / "store.sqlite").touch()
    for command in ("risk-list", "score", "refresh"):
        shop.refused(command, code=2, says=["store.sqlite", "a store was here before", "churn restore"])
    (shop.home / "warehouse.duckdb").rename(shop.home / "put-away.duckdb")
    shop.run("refresh", "--full")

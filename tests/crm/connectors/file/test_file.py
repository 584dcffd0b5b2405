from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from churn.config.connectors import FileConnector
from churn.crm.connector import Connector, Row, Value
from churn.crm.connectors.file.connector import connect
from churn.errors import ConfigError, DataError, ResourceError
from churn.store import Store
from tests.crm.contract import NOW, empty_store, wanted_list
from tests.crm.contract import ConnectorContract as Contract


def lists(folder: Path, **settings: Any) -> Connector:
    return connect("crm", FileConnector(path=str(folder), **settings), {}, clock=lambda: NOW)


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    if path.suffix == ".parquet":
        rows = pl.read_parquet(path).to_dicts()
    else:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    return {row.pop("customer_id"): row for row in rows}


def held(folder: Path, customer_id: str, ending: str = "csv") -> dict[str, Any]:
    return rows_of(folder / f"crm.{ending}")[customer_id]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
class TestLists:
    pushing = Contract.pushing
    push = Contract.push
    text_field, number_field = Contract.text_field, Contract.number_field

    @pytest.fixture
    def store(self, tmp_path: Path) -> Any:
        with empty_store(tmp_path) as opened:
            yield opened

    def test_a_push_lands_whole_and_the_next_writes_only_what_changed(
        self, tmp_path: Path, store: Store, ending: str
    ) -> None:
        folder, wanted = tmp_path / "lists", wanted_list(30)
        first = self.push(lists(folder, format=ending), store, "r1", wanted)
        assert first.counts["created"] == 30
        before = (folder / f"crm.{ending}").read_bytes()
        second = self.push(lists(folder, format=ending), store, "r2", wanted)
        assert second.counts["unchanged"] == 30
        assert (folder / f"crm.{ending}").read_bytes() == before
        changed = wanted.with_columns(pl.Series("risk_band", ["low"] * 4 + wanted["risk_band"].to_list()[4:]))
        third = self.push(lists(folder, format=ending), store, "r3", changed)
        assert third.counts["updated"] == 4
        assert {path.stem for path in (folder / "changes").iterdir()} == {"r1", "r3"}
        assert set(rows_of(folder / "changes" / f"r3.{ending}")) == {"c00", "c01", "c02", "c03"}
        assert held(folder, "c00", ending)["risk_band"] == "low"
        assert len(rows_of(folder / f"crm.{ending}")) == 30

    def test_every_kind_of_value_arrives(self, tmp_path: Path, ending: str) -> None:
        folder = tmp_path / "lists"
        values: dict[str, Value] = {
            "text": 'Ünïcode "quoted"; line\nbreak',
            "number": 0.25,
            "day": datetime(2026, 7, 1).date(),
            "at": datetime(2026, 7, 1, 2, 3, 4),
            "none": None,
        }
        connector = lists(folder, format=ending)
        connector.write([Row("c1", None, values), Row("c2", None, {"text": "x"})], mode="update", run_id="r1")
        found = held(folder, "c1", ending)
        assert found["text"] == values["text"]
        assert float(found["number"]) == 0.25
        assert str(found["day"]) == "2026-07-01"
        assert str(found["at"]).replace(" ", "T").startswith("2026-07-01T02:03:04")
        assert found["none"] in {"", None}
        assert connector.read(["c1"], ["text"]) == {"c1": {"text": values["text"]}}

    def test_whoever_is_cleared_stays_with_empty_cells(self, tmp_path: Path, store: Store, ending: str) -> None:
        folder, wanted = tmp_path / "lists", wanted_list(6)
        self.push(lists(folder, format=ending), store, "r1", wanted)
        report = self.push(lists(folder, format=ending), store, "r2", wanted.head(5), on_leave="clear", is_forced=True)
        assert report.counts["cleared"] == 1
        assert set(held(folder, "c05", ending).values()) <= {"", None}


def test_the_same_rows_of_the_same_run_give_the_same_files(tmp_path: Path) -> None:
    rows = [Row(f"c{n}", None, {"risk_band": "high"}) for n in range(5)]
    for _ in range(2):
        lists(tmp_path).write(rows[:3], mode="upsert", run_id="r1")
        lists(tmp_path).write(rows[3:], mode="upsert", run_id="r1")
    assert len(rows_of(tmp_path / "crm.csv")) == len(rows_of(tmp_path / "changes" / "r1.csv")) == 5
    assert [path.name for path in tmp_path.rglob(".*")] == []


def test_an_insert_leaves_who_is_there(tmp_path: Path) -> None:
    lists(tmp_path).write([Row("c1", None, {"a": "old"})], mode="upsert", run_id="r1")
    (result,) = lists(tmp_path).write([Row("c1", None, {"a": "new"})], mode="insert", run_id="r2")
    assert (result.state, held(tmp_path, "c1")["a"]) == ("unchanged", "old")


def test_a_list_that_is_none_of_ours_is_left_alone_and_named(tmp_path: Path) -> None:
    (tmp_path / "crm.csv").write_text("id,name\n1,x\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"crm\.csv"):
        lists(tmp_path).write([Row("c1", None, {"a": "b"})], mode="upsert", run_id="r1")
    assert (tmp_path / "crm.csv").read_text(encoding="utf-8") == "id,name\n1,x\n"


def test_a_place_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lists").write_text("", encoding="utf-8")
    with pytest.raises(ResourceError, match="lists"):
        lists(tmp_path / "lists").check()


def test_another_kind_of_address_is_refused() -> None:
    with pytest.raises(ConfigError, match="sftp"):
        connect("crm", FileConnector(path="ftp://host/folder"), {}, clock=lambda: NOW)


def test_nothing_comes_back_from_files(tmp_path: Path) -> None:
    page = lists(tmp_path).outcomes("7")
    assert (page.events, page.cursor, page.is_last) == ((), "7", True)

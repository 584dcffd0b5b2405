"""A damaged Parquet file is refused by name, wherever in it the damage is and whatever DuckDB says of it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from random import Random

import polars as pl
import pytest

from churn.config import SourceSettings
from churn.errors import ContractBroken, DataError
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.opening import open_warehouse
from churn.warehouse.proposing.evidence import look_at

ROWS = 2_000


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "tickets.parquet"
    frame = pl.DataFrame(
        {
            "ticket_id": [f"T{n}" for n in range(ROWS)],
            "customer_id": ["C1"] * ROWS,
            "opened_at": [datetime(2026, 7, 1)] * ROWS,
            "category": [hashlib.sha256(str(n).encode()).hexdigest() for n in range(ROWS)],
        }
    )
    frame.write_parquet(path, row_group_size=200)
    return path.read_bytes()


def damaged(whole: bytes, seed: int) -> bytes:
    """Return the file with some of its bytes overwritten, before the footer."""
    random, content = Random(seed), bytearray(whole)
    end = int.from_bytes(whole[-8:-4], "little")
    start = random.randrange(4, len(whole) - end - 2_000)
    length = random.choice([60, 500, 1_900])
    content[start : start + length] = bytes(length) if seed % 2 else random.randbytes(length)
    return bytes(content)


def test_the_damaged_one_of_two_files_is_named_wherever_the_damage_is(whole: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(whole)
    sources = {"tickets": SourceSettings(path=str(tmp_path / "*.parquet"))}
    unnamed = refused = 0
    for seed in range(30):
        (tmp_path / "b.parquet").write_bytes(damaged(whole, seed))
        with open_warehouse(None, holder="test") as warehouse:
            message = warehouse.fault_of(f"select max(hash(t)) from read_parquet('{tmp_path / 'b.parquet'}') t")
        if message is None:
            continue  # other values, which nobody can tell from the right ones
        unnamed += "b.parquet" not in message
        with open_warehouse(None, holder="test") as warehouse, pytest.raises(DataError) as told:
            ingest(warehouse, sources, now=datetime(2026, 7, 20))
        assert "b.parquet" in str(told.value), message
        assert "a.parquet" not in str(told.value), message
        refused += 1
    assert refused >= 10
    assert unnamed >= 1, "no damage was tried of which DuckDB does not name the file"


def test_a_proposal_names_the_damaged_file(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tickets.parquet"
    content = bytearray(whole)
    middle = len(content) // 2
    content[middle : middle + 1_000] = bytes(1_000)
    path.write_bytes(content)
    with open_warehouse(None, holder="test") as warehouse, pytest.raises(ContractBroken, match=r"tickets\.parquet"):
        look_at(warehouse, [path], tmp_path)

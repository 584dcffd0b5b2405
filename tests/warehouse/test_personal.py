"""The erased are kept out at the door of the warehouse, and built tables stay in step with an erasure."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

from hypothesis import strategies as st

from churn.config import SourceSettings
from churn.warehouse import Warehouse, load_models, open_warehouse
from churn.warehouse.loading.erased import NOBODY, Erased
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models.build import build
from churn.warehouse.personal import erase, rewrite, rows_of

NOW = datetime(2026, 7, 1, 2)
_IDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=5, max_size=20)


def _payments(folder: Path, name: str, rows: list[tuple[str, str, str]]) -> None:
    lines = [
        "payment_id,customer_id,attempted_at,amount,status",
        *(f"{i},{c},{at},10,{s}" for i, c, at, s in [(*row, "paid") for row in rows]),
    ]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _load(warehouse: Warehouse, folder: Path, erased: Erased = NOBODY, *, full: bool = False) -> None:
    ingest(warehouse, {"payments": SourceSettings(path=str(folder / "*.csv"))}, now=NOW, full=full, erased=erased)
    build(warehouse, load_models(folder), schemas=["staging"])


def _staging(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return warehouse.rows("select payment_id, customer_id, occurred_at from staging.payments order by all")


def _builds(warehouse: Warehouse) -> int:
    return int(warehouse.rows("select full_builds from raw.builds where model = 'staging.payments'")[0][0])


def test_after_an_erasure_loads_go_on_adding_and_end_where_a_fresh_load_ends(tmp_path: Path) -> None:
    erased = Erased("salt", frozenset({hashlib.sha256(b"saltanna").hexdigest()}))
    with open_warehouse(tmp_path / "w.duckdb", holder="test") as warehouse:
        _payments(tmp_path, "1.csv", [("p1", "anna", "2026-01-01"), ("p2", "bob", "2026-01-02")])
        _load(warehouse, tmp_path)
        assert set(rows_of(warehouse, "anna")) == {"raw.payments", "staging.payments"}
        assert erase(warehouse, load_models(tmp_path), "anna") == {"raw.payments": 1, "staging.payments": 1}
        before = _builds(warehouse)
        _payments(tmp_path, "2.csv", [("p3", "anna", "2026-02-01"), ("p4", "bob", "2026-02-02")])
        _load(warehouse, tmp_path, erased)
        assert _builds(warehouse) == before  # only what was new was built
        added = _staging(warehouse)
        rewrite(warehouse)
    assert b"anna" not in (tmp_path / "w.duckdb").read_bytes()
    with open_warehouse(None, holder="test") as fresh:
        _load(fresh, tmp_path, erased)
        assert _staging(fresh) == added == [row for row in added if row[1] == "bob"]
    with open_warehouse(tmp_path / "w.duckdb", holder="test") as warehouse:
        _load(warehouse, tmp_path, erased, full=True)
        assert _staging(warehouse) == added


def test_a_fact_shared_with_somebody_else_is_built_afresh(tmp_path: Path) -> None:
    erased = Erased("salt", frozenset({hashlib.sha256(b"saltanna").hexdigest()}))
    with open_warehouse(None, holder="test") as warehouse:
        _payments(tmp_path, "1.csv", [("p1", "bob", "2026-01-01")])
        _load(warehouse, tmp_path)
        _payments(tmp_path, "2.csv", [("p1", "anna", "2026-01-01")])
        _load(warehouse, tmp_path)
        assert sorted(row[1] for row in _staging(warehouse)) == ["anna", "bob"]  # one after the other
        erase(warehouse, load_models(tmp_path), "anna")
        _load(warehouse, tmp_path, erased)
        assert [row[1] for row in _staging(warehouse)] == ["bob"]


def test_rejected_rows_of_the_erased_are_not_kept_either(tmp_path: Path) -> None:
    erased = Erased("salt", frozenset({hashlib.sha256(b"saltanna").hexdigest()}))
    rows = [
        ("p1", "bob", "2026-01-01"),
        ("p2", "bob", "2026-01-01"),
        ("", "anna", "2026-01-01"),
        ("", "carl", "2026-01-01"),
    ]
    _payments(tmp_path, "1.csv", rows)
    with open_warehouse(None, holder="test") as warehouse:
        _load(warehouse, tmp_path, erased)
        kept = " ".join(str(row[0]) for row in warehouse.rows("select row_text from raw.rejected_rows"))
    assert "carl" in kept
    assert "anna" not in kept

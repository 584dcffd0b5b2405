"""Redaction, the erased at the door of the warehouse, built tables that stay in step, and fairness."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.config import SourceSettings
from churn.decisions.fairness import treatment_by_group
from churn.modeling.judging.fairness import fairness_lines, fairness_slices
from churn.redaction import ERASED, Redaction
from churn.warehouse import Warehouse, load_models, open_warehouse
from churn.warehouse.loading.erased import NOBODY, Erased
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models.build import build
from churn.warehouse.personal import erase, rewrite, rows_of

NOW = datetime(2026, 7, 1, 2)
_IDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=5, max_size=20)


@given(_IDS)
def test_a_telling_id_leaves_any_text(customer_id: str) -> None:
    told = f"customer {customer_id} was refused; see /v1/customers/{customer_id}/risk"
    cleaned = Redaction(customer_id).text(told)
    assert ERASED in cleaned
    assert not Redaction(customer_id).is_in(cleaned)


@pytest.mark.parametrize(
    ("told", "cleaned"),
    [
        ('{"rows": 42, "customer": "42"}', f'{{"rows": 42, "customer": "{ERASED}"}}'),
        ("42 rows of /v1/customers/42/risk", f"42 rows of /v1/customers/{ERASED}/risk"),
        ("42", ERASED),
        ("3,421 of 42 rows", "3,421 of 42 rows"),
    ],
)
def test_a_short_id_is_never_taken_for_a_number(told: str, cleaned: str) -> None:
    assert Redaction("42").text(told) == cleaned


def test_an_id_within_another_stays() -> None:
    assert Redaction("C0000042").text("C00000421 XC0000042 C0000042") == f"C00000421 XC0000042 {ERASED}"


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
        assert [row[1] for row in _staging(warehouse)] == ["anna"]
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


def test_groups_are_compared_by_the_four_fifths_rule_with_intervals() -> None:
    groups = ["a"] * 1000 + ["b"] * 1000 + ["c"] * 1000 + ["d"] * 50
    contacted = np.r_[np.arange(1000) < 500, np.arange(1000) < 300, np.arange(1000) < 390, np.zeros(50)]
    churned = np.r_[np.arange(1000) < 100, np.arange(1000) < 100, np.arange(1000) % 10 == 0, np.ones(50)]
    found = {one.group: one for one in treatment_by_group(groups, churned, contacted)}
    assert {name: one.verdict for name, one in found.items()} == {
        "a": "reference",
        "b": "below",
        "c": "unclear",
        "d": "too few",
    }
    assert (found["b"].ratio, found["a"].recall.value) == (pytest.approx(0.6), 1.0)
    assert found["a"].false_positive_rate.hits == 400
    assert found["d"].false_positive_rate.value is None
    low, high = found["b"].ratio_interval or (0.0, 0.0)
    assert low == pytest.approx(0.6 / np.exp(1.959964 * np.sqrt(1 / 300 - 1e-3 + 1 / 500 - 1e-3)))
    assert low < 0.6 < high < 0.8


def test_the_card_names_groups_where_the_data_has_them_and_is_silent_where_not() -> None:
    test = pl.DataFrame({"age_band": ["x", "y"] * 200, "country": ["DE"] * 400, "has_churned": [True, False] * 200})
    probability = np.tile([0.9, 0.1], 200)
    (found,) = fairness_slices(test, probability, 0.5)
    assert (found["by"], found["is_below"]) == ("age_band", True)
    assert "y is contacted less than 0.8 times" in found["sentence"]
    assert any("four-fifths" in line for line in fairness_lines({"fairness": [found]}))
    assert fairness_lines({}) == []
    (nobody,) = fairness_slices(test, probability, None)
    assert "nobody is contacted" in nobody["sentence"]

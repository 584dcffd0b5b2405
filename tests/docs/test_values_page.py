"""The table of how values are read in docs/sources.md says what a load does."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest

from churn.config import SourceSettings
from churn.errors import ContractBroken
from churn.warehouse import open_warehouse
from churn.warehouse.loading.ingest import ingest

pytestmark = pytest.mark.slow

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sources.md"
COLUMNS = {  # what the first column of the table calls it: the table and column that show it
    "time": ("support_tickets", "closed_at"),
    "day": ("customers", "birth_date"),
    "number": ("payments", "amount"),
    "yes or no": ("customer_snapshots", "has_churned"),
    "label": ("customer_snapshots", "has_churned"),
    "consent": ("customers", "marketing_consent"),
    "objection": ("customers", "objected_at"),
    "id": ("customers", "customer_id"),
    "any": ("customers", "city"),
    "number, time, yes or no": ("payments", "amount"),
}
REST = {
    "support_tickets": {"ticket_id": "1", "customer_id": "C", "opened_at": "2026-01-01"},
    "customers": {"customer_id": "C", "country": ""},
    "payments": {"payment_id": "1", "customer_id": "C", "attempted_at": "2026-01-01"},
    "customer_snapshots": {"customer_id": "C"},
}


def rows() -> list[tuple[str, str, str]]:
    """Every example of the table: what it is read as, the text, and what the page says becomes of it."""
    section = PAGE.read_text(encoding="utf-8").split("## How values are read")[1].split("\n## ")[0]
    found = []
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0] in COLUMNS:
            for position, value in enumerate(re.findall(r"`([^`]+)`", cells[1])):
                parts = re.split(r", (?=[-\d])|; ", cells[2])
                becomes = parts[position] if len(parts) == len(re.findall(r"`", cells[1])) // 2 else cells[2]
                found.append((cells[0], value, becomes))
    return found


def loaded(kind: str, value: str, folder: Path) -> list[object]:
    table, column = COLUMNS[kind]
    row = REST[table] | {column: value}
    other = {name: f"{text}2" if name.endswith("_id") else text for name, text in REST[table].items()}
    lines = [";".join(row), ";".join(row.values()), ";".join(other.get(name, "") for name in row)]
    path = folder / f"{table}.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with open_warehouse(None, holder="test") as warehouse:
        ingest(
            warehouse,
            {table: SourceSettings(path=str(path), options={"delim": ";"})},
            now=datetime(2026, 3, 1),
        )
        return [cell for (cell,) in warehouse.rows(f"select {column} from raw.{table} where row_number = 1")]


def test_the_table_has_every_kind() -> None:
    assert {kind for kind, _, _ in rows()} == set(COLUMNS)


@pytest.mark.parametrize(("kind", "value", "becomes"), rows())
def test_a_value_of_the_table_becomes_what_the_table_says(kind: str, value: str, becomes: str, tmp_path: Path) -> None:
    if becomes.startswith("refused"):
        with pytest.raises(ContractBroken):
            loaded(kind, value, tmp_path)
        return
    (cell,) = loaded(kind, value, tmp_path) or [None]
    if becomes.startswith("missing"):
        assert cell is None
    elif kind == "time":
        assert isinstance(cell, datetime)
        assert cell.date().isoformat() == "2026-02-03"
        if "02:05:06" in becomes:
            assert cell.hour == 2
        if "14:05" in becomes:
            assert (cell.hour, cell.minute) == (14, 5)
    elif kind == "day":
        assert str(cell) == "2026-02-01"
    elif kind == "number":
        assert cell == float(becomes)
    else:
        truth = value in {"1", "true", "yes", "y"}
        assert cell == {"yes or no": truth, "consent": False, "objection": datetime(1970, 1, 1)}.get(kind, becomes)
